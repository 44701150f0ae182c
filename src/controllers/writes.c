/* SPDX-License-Identifier: Apache-2.0
 * writes — collects what a reconcile function asks for. Documents are frozen here, so that nothing
 * depends on the pass's tree afterwards. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "controllers/runner_internal.h"

static struct write *push(struct reconcile *r, enum verb verb, struct gvr res)
{
    return write_vec_push(&r->out->writes, (struct write){ .verb = verb, .resource = res });
}

static void freeze_body(struct write *w, struct jnode *body)
{
    struct err err;
    int rc = jnode_freeze(&w->body, body, &err);
    assert(rc == 0); /* we build no documents near the limit */
    (void)rc;
}

static void address(struct reconcile *r, struct write *w, const struct kobj *of)
{
    w->namespace = arena_str(r->a, of->namespace);
    w->name = arena_str(r->a, of->name);
    w->uid = arena_str(r->a, of->uid);
}

void reconcile_create(struct reconcile *r, struct gvr res, struct jnode *object)
{
    struct write *w = push(r, VERB_CREATE, res);
    w->namespace = arena_str(r->a, jnode_text_of_str(jnode_path(object, "metadata.namespace")));
    w->name = arena_str(r->a, jnode_text_of_str(jnode_path(object, "metadata.name")));
    freeze_body(w, object);
}

static void put_preconditions(struct jnode *patch, const struct kobj *of, bool revision)
{
    struct jnode *meta = jnode_need_obj(patch, STR("metadata"));
    jnode_set_str(meta, STR("uid"), of->uid);
    if (!revision)
        return;
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, of->revision);
    jnode_set_str(meta, STR("resourceVersion"), str_make(text, (size_t)n));
}

void reconcile_patch(struct reconcile *r,
                     struct gvr res,
                     const struct kobj *of,
                     struct jnode *patch,
                     bool guard)
{
    struct write *w = push(r, VERB_PATCH, res);
    address(r, w, of);
    put_preconditions(patch, of, guard);
    freeze_body(w, patch);
}

void reconcile_patch_status(struct reconcile *r,
                            struct gvr res,
                            const struct kobj *of,
                            struct jnode *status)
{
    struct write *w = push(r, VERB_PATCH, res);
    w->status = true;
    address(r, w, of);
    struct jnode *patch = jnode_obj(r->a);
    put_preconditions(patch, of, true);
    jnode_set(patch, STR("status"), status);
    freeze_body(w, patch);
}

void reconcile_delete(struct reconcile *r,
                      struct gvr res,
                      const struct kobj *of,
                      struct str propagation)
{
    struct write *w = push(r, VERB_DELETE, res);
    address(r, w, of);
    w->propagation = arena_str(r->a, propagation);
}

void reconcile_kill(struct reconcile *r, struct gvr res, const struct kobj *of)
{
    struct write *w = push(r, VERB_DELETE, res);
    address(r, w, of);
    w->now = true;
}

static void push_event(struct reconcile *r, const struct event_note *note)
{
    struct event_note *n = event_note_vec_push(&r->out->events, *note);
    n->about = kobj_ref(note->about);
}

void reconcile_event(struct reconcile *r,
                     const struct kobj *about,
                     const char *reason,
                     const char *fmt,
                     ...)
{
    va_list ap;
    va_start(ap, fmt);
    push_event(r, &(struct event_note){ about, "Normal", reason, arena_vprintf(r->a, fmt, ap) });
    va_end(ap);
}

void reconcile_warn(struct reconcile *r,
                    const struct kobj *about,
                    const char *reason,
                    const char *fmt,
                    ...)
{
    va_list ap;
    va_start(ap, fmt);
    push_event(r, &(struct event_note){ about, "Warning", reason, arena_vprintf(r->a, fmt, ap) });
    va_end(ap);
}

void reconcile_if_absent(struct reconcile *r,
                         struct gvr res,
                         struct str namespace,
                         struct str name,
                         struct str uid)
{
    struct write *w = push(r, VERB_GET, res);
    w->namespace = arena_str(r->a, namespace);
    w->name = arena_str(r->a, name);
    w->uid = arena_str(r->a, uid);
}

void reconcile_again_at(struct reconcile *r, struct wall when)
{
    if (r->out->again.ns == 0 || when.ns < r->out->again.ns)
        r->out->again = when;
}

void reconcile_out_fini(struct reconcile_out *out)
{
    for (size_t i = 0; i < out->writes.n; i++)
        json_doc_unref(out->writes.items[i].body);
    for (size_t i = 0; i < out->events.n; i++)
        kobj_unref(out->events.items[i].about);
    write_vec_fini(&out->writes);
    event_note_vec_fini(&out->events);
}
