/* SPDX-License-Identifier: Apache-2.0
 * calls — the collector's calls. Every write names the object's uid, so that a namesake that came
 * later is never touched; a conflict means that somebody changed it, and the key comes back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "client/calls.h"
#include "controllers/garbage/garbage_internal.h"

struct sent {
    struct list link;
    struct task *task;
    struct call *call;
    struct str uid;
    task_answer_fn on_answer;
};

static void on_reply(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *s = arg;
    struct task *t = s->task;
    int code = reply ? reply->code : 0;
    list_remove(&s->link);
    if (s->on_answer && reply)
        s->on_answer(t, s->uid, reply);
    bool fine = reply && (code < 400 || code == 404 || code == 405); /* 405: not its verb */
    t->failed |= !fine;
    if (!fine && code != 409) {
        struct err why = call_error(reply, err);
        LOG_WARN("garbage.refused", kv_str("resource", t->kind->resource.plural),
                 kv_str("name", t->o->name), kv_err(&why),
                 kv_cstr("next", "retrying with back-off"));
    }
    free(s);
    if (--t->left == 0)
        task_end(t);
}

void task_call(struct task *t, const struct request *r, struct str uid, task_answer_fn on_answer)
{
    struct sent *s = MEM_NEW(struct sent);
    *s = (struct sent){ .task = t, .uid = arena_str(t->a, uid), .on_answer = on_answer };
    list_push_back(&t->calls, &s->link);
    t->left++;
    s->call = t->g->t->ops->start(t->g->t, r, on_reply, s);
}

void tasks_cancel(struct garbage *g)
{
    LIST_EACH (&g->tasks, node) {
        struct task *t = LIST_ITEM(node, struct task, link);
        LIST_EACH (&t->calls, call) {
            struct sent *s = LIST_ITEM(call, struct sent, link);
            g->t->ops->cancel(s->call);
            free(s);
        }
        arena_free(t->a);
        kobj_unref(t->o);
        free(t);
    }
}

struct request task_request(const struct graph_kind *k, enum verb verb)
{
    return (struct request){
        .verb = verb,
        .group = k->resource.group,
        .version = k->resource.version,
        .plural = k->resource.plural,
        .write = { .grace_s = -1 },
    };
}

void task_delete(struct task *t,
                 const struct graph_kind *k,
                 const struct kobj *o,
                 const char *propagation)
{
    struct request r = task_request(k, VERB_DELETE);
    r.namespace = o->namespace;
    r.name = o->name;
    r.write.uid = o->uid;
    r.write.propagation = str_from(propagation);
    task_call(t, &r, o->uid, NULL);
}

static void
send_patch(struct task *t, const struct graph_kind *k, const struct kobj *o, struct jnode *meta)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, o->revision);
    jnode_set_str(meta, STR("uid"), o->uid);
    jnode_set_str(meta, STR("resourceVersion"), str_make(text, (size_t)n));
    struct jnode *patch = jnode_obj(t->a);
    jnode_set(patch, STR("metadata"), meta);
    struct json_doc *doc;
    if (jnode_freeze(&doc, patch, NULL) != 0)
        return; /* cannot be: smaller than the object it came from */
    struct request r = task_request(k, VERB_PATCH);
    r.namespace = o->namespace;
    r.name = o->name;
    r.write.patch = PATCH_MERGE;
    r.body = json_root(doc);
    task_call(t, &r, o->uid, NULL);
    json_doc_unref(doc);
}

void task_strip_owners(struct task *t,
                       const struct graph_kind *k,
                       const struct kobj *o,
                       bool (*drop)(void *arg, struct json ref),
                       void *arg)
{
    struct jnode *meta = jnode_obj(t->a), *left = jnode_arr(t->a);
    for (struct json_iter it = json_iter(graph_owners(o)); json_next(&it);)
        if (!drop(arg, it.value))
            jnode_append(left, jnode_thaw(t->a, it.value));
    jnode_set(meta, STR("ownerReferences"), jnode_len(left) ? left : jnode_null(t->a));
    send_patch(t, k, o, meta);
}

void task_drop_finalizer(struct task *t, const char *name)
{
    struct jnode *meta = jnode_obj(t->a), *left = jnode_arr(t->a);
    for (struct json_iter it = json_iter(kobj_meta(t->o, STR("finalizers"))); json_next(&it);)
        if (!str_is(json_str(it.value), name))
            jnode_append(left, jnode_thaw(t->a, it.value));
    jnode_set(meta, STR("finalizers"), jnode_len(left) ? left : jnode_null(t->a));
    send_patch(t, t->kind, t->o, meta);
}
