/* SPDX-License-Identifier: Apache-2.0
 * inproc — the transport inside one process (client/transport.h): a request is a message to the
 * apiserver's loop, its answer and its events are messages back. Documents and objects go by
 * reference, nothing is encoded. A call is owned by the caller's loop; the server's side holds a
 * reference, so cancelling is safe at any time. */
#include <stdatomic.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/bind.h"
#include "apiserver/decode.h"
#include "apiserver/watcher.h"

#define EVENTS_IN_FLIGHT 16384 /* events posted and not yet taken; then the watcher pauses */

struct inproc {
    struct transport t;
    struct apiserver *s;
    struct loop *home; /* the server's */
    struct arena *arena;
    struct user user;
    _Atomic uint32_t refs; /* the opener, and each call */
    bool closed;           /* caller's loop only: no callback any more */
    bool caller_gone;      /* server's loop only: its loop may be gone, nothing is posted there */
};

struct answer { /* a reply, or the end of a watch */
    struct reply reply;
    struct kobj *object;   /* counted */
    struct kobj_vec items; /* counted */
    struct arena *arena;   /* texts of the reply */
    struct err err;
};

/* What a caller allocates is freed on its thread too, as a rule: malloc is cheap where memory goes
 * back to the thread that it came from, and waits for a lock where it does not. So the answer is a
 * part of the call, and the call keeps the body until both are done. */
struct call {
    struct inproc *t;
    _Atomic uint32_t refs; /* caller's side, server's side, messages under way */
    bool cancelled;        /* caller's loop only */
    reply_fn reply;
    events_fn events;
    watch_end_fn end;
    void *arg;

    struct arena *arena; /* texts of the request, for as long as the call lives */
    struct request r;
    struct json_doc *body; /* counted */
    struct bindings bindings;
    bool binds;

    /* server's loop only */
    struct watcher *watcher;
    bool closed; /* the caller has cancelled */
    _Atomic uint32_t in_flight;

    struct answer answer; /* the server's until it is posted, then the caller's */
};

static void inproc_unref(struct inproc *t)
{
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    arena_free(t->arena);
    free(t);
}

static struct call *call_ref(struct call *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

/* Drops n references at once. */
static void call_drop(struct call *c, uint32_t n)
{
    if (atomic_fetch_sub(&c->refs, n) != n)
        return;
    arena_free(c->arena);
    json_doc_unref(c->body);
    inproc_unref(c->t);
    free(c);
}

static void call_unref(struct call *c)
{
    call_drop(c, 1);
}

/* ---- messages to the caller ---- */

static void answer_fini(struct answer *r)
{
    kobj_unref(r->object);
    for (size_t i = 0; i < r->items.n; i++)
        kobj_unref(r->items.items[i]);
    kobj_vec_fini(&r->items);
    arena_free(r->arena);
}

static void deliver(void *arg)
{
    struct call *c = arg;
    uint32_t refs = 1; /* the message's */
    if (!c->cancelled) {
        c->cancelled = true; /* no callback after this one */
        if (!c->t->closed && c->end)
            c->end(c->arg, &c->answer.err);
        else if (!c->t->closed)
            c->reply(c->arg, &c->answer.reply, NULL);
        refs++; /* the caller's */
    }
    answer_fini(&c->answer);
    call_drop(c, refs);
}

struct parcel {        /* events on their way */
    struct call *call; /* counted */
    size_t n;
    struct watch_event events[];
};

static void resume_watcher(void *arg)
{
    struct call *c = arg;
    if (c->watcher && !c->closed)
        watcher_resume(c->watcher);
    call_unref(c);
}

static void deliver_events(void *arg)
{
    struct parcel *p = arg;
    struct call *c = p->call;
    if (!c->cancelled && !c->t->closed)
        c->events(c->arg, p->events, p->n);
    for (size_t i = 0; i < p->n; i++)
        kobj_unref(p->events[i].object);
    uint32_t before = atomic_fetch_sub(&c->in_flight, (uint32_t)p->n);
    if (!c->t->closed && before >= EVENTS_IN_FLIGHT && before - p->n < EVENTS_IN_FLIGHT)
        loop_post(c->t->home, resume_watcher, call_ref(c));
    call_unref(c);
    free(p);
}

/* ---- on the server's loop ---- */

/* Most replies have none. */
static void copy_texts(struct answer *r, const struct action *a)
{
    r->reply.warnings = NULL;
    if (a->reply.cont.n == 0 && a->warnings.n == 0)
        return;
    r->arena = arena_new();
    r->reply.cont = arena_str(r->arena, a->reply.cont);
    struct str *warnings = ARENA_ARRAY(r->arena, struct str, a->warnings.n);
    for (size_t i = 0; i < a->warnings.n; i++)
        warnings[i] = arena_str(r->arena, a->warnings.items[i]);
    r->reply.warnings = warnings;
}

static void copy_reply(struct answer *r, struct action *a)
{
    r->reply = a->reply;
    r->object = a->reply.object ? kobj_ref(a->reply.object) : NULL;
    r->items = a->items;
    a->items = (struct kobj_vec){ 0 };
    r->reply.object = r->object;
    r->reply.items = r->items.items;
    r->reply.n_items = r->items.n;
    copy_texts(r, a);
}

/* To the caller's loop. Once the caller is gone, to ours: its flags say that nobody waits. */
static void post(struct call *c, loop_fn fn, void *message)
{
    loop_post(c->t->caller_gone ? c->t->home : c->t->t.loop, fn, message);
}

static void on_done(void *arg, struct action *a)
{
    struct call *c = arg;
    copy_reply(&c->answer, a);
    action_free(a);
    post(c, deliver, c); /* with the server's reference */
}

static bool on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct call *c = arg;
    struct parcel *p = mem_alloc(sizeof *p + n * sizeof p->events[0]);
    p->call = call_ref(c);
    p->n = n;
    for (size_t i = 0; i < n; i++) {
        p->events[i] = events[i];
        p->events[i].object = kobj_ref(events[i].object);
    }
    uint32_t waiting = atomic_fetch_add(&c->in_flight, (uint32_t)n) + (uint32_t)n;
    post(c, deliver_events, p);
    return waiting < EVENTS_IN_FLIGHT;
}

static void post_end(struct call *c, const struct err *err)
{
    if (err)
        c->answer.err = *err;
    post(c, deliver, call_ref(c));
}

static void on_end(void *arg, const struct err *err)
{
    struct call *c = arg;
    c->watcher = NULL;
    post_end(c, err);
    call_unref(c);
}

static void on_watch(void *arg, struct action *a)
{
    struct call *c = arg;
    if (a->reply.code == 200) {
        struct watcher_sink sink = { on_events, on_end, c };
        c->watcher = watcher_start(a, &sink);
        if (c->closed) {
            watcher_free(TAKE(c->watcher));
            call_unref(c);
        }
    } else {
        struct err err = { 0 };
        status_to_err(a->reply.object, a->reply.code, &err);
        post_end(c, &err);
        call_unref(c);
    }
    action_free(a);
}

static void refuse_call(struct action *a, struct call *c)
{
    a->reply.object = a->result;
    if (c->r.verb == VERB_WATCH && !c->binds)
        on_watch(c, a);
    else
        on_done(c, a);
}

static enum turn unknown_resource(struct action *a)
{
    struct status_spec s = {
        .code = 404,
        .reason = "NotFound",
        .message = STR("the server could not find the requested resource"),
    };
    return action_refuse(a, &s);
}

/* The request arrives on the server's loop; the message's reference becomes the server's. */
static void take_call(void *arg)
{
    struct call *c = arg;
    struct apiserver *s = c->t->s;
    struct action *a = action_new(s);
    a->user = c->t->user;
    a->of_service = str_starts(a->user.name, STR("system:"));
    a->user_agent = c->t->user.name;
    a->r = c->r;
    s->counts.inproc_calls++;
    if (c->body) {
        struct json body = a->r.body;
        a->body = json_doc_ref(c->body);
        a->r.body = body;
    }
    if (a->r.list.send_initial_events)
        a->r.list.has_send_initial_events = true;
    struct served *what = registry_find(&s->registry, a->r.group, a->r.version, a->r.plural);
    a->what = what ? served_ref(what) : NULL;
    enum turn t = what ? TURN_GO : unknown_resource(a);
    if (t == TURN_GO && c->binds) {
        a->bindings = &c->bindings;
        action_start(a, bind_gang_steps, on_done, c);
        return;
    }
    if (t == TURN_GO)
        t = action_allowed(a);
    if (t == TURN_GO)
        action_run(a, a->r.verb == VERB_WATCH ? on_watch : on_done, c);
    else
        refuse_call(a, c);
}

static void close_call(void *arg)
{
    struct call *c = arg;
    c->closed = true;
    bool watches = c->watcher != NULL;
    watcher_free(TAKE(c->watcher));
    call_drop(c, watches ? 2 : 1); /* the server's for the watcher, and the message's */
}

/* ---- the transport, on the caller's loop ---- */

static struct call *call_new(struct transport *t)
{
    struct inproc *in = CONTAINER_OF(t, struct inproc, t);
    struct call *c = MEM_NEW(struct call);
    c->t = in;
    atomic_fetch_add(&in->refs, 1);
    atomic_init(&c->refs, 2); /* the caller's and the server's */
    c->arena = arena_new();
    return c;
}

static void copy_strs(struct arena *a, struct str *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *list[i] = arena_str(a, *list[i]);
}

static void copy_request(struct call *c, const struct request *r)
{
    c->r = *r;
    struct list_options *l = &c->r.list;
    struct write_options *w = &c->r.write;
    struct str *const texts[] = { &c->r.group,
                                  &c->r.version,
                                  &c->r.plural,
                                  &c->r.subresource,
                                  &c->r.namespace,
                                  &c->r.name,
                                  &l->label_selector,
                                  &l->field_selector,
                                  &l->resource_version,
                                  &l->resource_version_match,
                                  &l->cont,
                                  &w->field_manager,
                                  &w->field_validation,
                                  &w->uid,
                                  &w->revision,
                                  &w->propagation };
    copy_strs(c->arena, texts, COUNT_OF(texts));
    if (json_exists(r->body))
        c->body = json_doc_ref(r->body.doc);
}

static struct call *
inproc_start(struct transport *t, const struct request *r, reply_fn done, void *arg)
{
    struct call *c = call_new(t);
    c->reply = done;
    c->arg = arg;
    copy_request(c, r);
    loop_post(c->t->home, take_call, c);
    return c;
}

static struct call *inproc_watch(struct transport *t,
                                 const struct request *r,
                                 events_fn events,
                                 watch_end_fn end,
                                 void *arg)
{
    struct call *c = call_new(t);
    c->events = events;
    c->end = end;
    c->arg = arg;
    copy_request(c, r);
    c->r.verb = VERB_WATCH;
    loop_post(c->t->home, take_call, c);
    return c;
}

static struct jnode *copy_annotations(struct arena *a, struct jnode *from)
{
    if (!from)
        return NULL;
    struct jnode *to = jnode_obj(a);
    for (size_t i = 0; i < jnode_len(from); i++)
        jnode_set_str(to, jnode_key_at(from, i), jnode_text_of_str(jnode_value_at(from, i)));
    return to;
}

static const struct claim_use *copy_claims(struct arena *a, const struct binding *b)
{
    struct claim_use *out = ARENA_ARRAY(a, struct claim_use, b->n_claims + 1);
    for (size_t i = 0; i < b->n_claims; i++) {
        const struct claim_use *u = &b->claims[i];
        out[i] = (struct claim_use){ arena_str(a, u->namespace), arena_str(a, u->name),
                                     arena_str(a, u->uid), arena_str(a, u->allocation) };
    }
    return out;
}

static struct call *
inproc_bind_all(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg)
{
    struct call *c = call_new(t);
    c->reply = done;
    c->arg = arg;
    c->binds = true;
    c->r = (struct request){ .verb = VERB_CREATE,
                             .group = STR(""),
                             .version = STR("v1"),
                             .plural = STR("pods"),
                             .subresource = STR("binding") };
    struct binding *copy = ARENA_ARRAY(c->arena, struct binding, n);
    for (size_t i = 0; i < n; i++)
        copy[i] = (struct binding){
            .namespace = arena_str(c->arena, b[i].namespace),
            .pod = arena_str(c->arena, b[i].pod),
            .uid = arena_str(c->arena, b[i].uid),
            .node = arena_str(c->arena, b[i].node),
            .annotations = copy_annotations(c->arena, b[i].annotations),
            .claims = copy_claims(c->arena, &b[i]),
            .n_claims = b[i].n_claims,
        };
    c->bindings = (struct bindings){ copy, n };
    loop_post(c->t->home, take_call, c);
    return c;
}

static void inproc_cancel(struct call *c)
{
    if (c->cancelled)
        return;
    c->cancelled = true;
    loop_post(c->t->home, close_call, c); /* hands over the caller's reference */
}

static void on_closed(void *arg)
{
    struct inproc *in = arg;
    in->caller_gone = true;
    inproc_unref(in);
}

static void inproc_close(struct transport *t)
{
    struct inproc *in = CONTAINER_OF(t, struct inproc, t);
    in->closed = true;
    loop_post(in->home, on_closed, in);
}

static const struct transport_ops inproc_ops = {
    .start = inproc_start,
    .watch = inproc_watch,
    .bind_all = inproc_bind_all,
    .cancel = inproc_cancel,
    .close = inproc_close,
};

struct transport *apiserver_transport(struct apiserver *s,
                                      struct loop *caller,
                                      struct str user,
                                      const struct str *groups,
                                      size_t n_groups)
{
    static const struct str own[] = { STR_INIT("system:masters"),
                                      STR_INIT("system:authenticated") };
    if (n_groups == 0) {
        groups = own;
        n_groups = COUNT_OF(own);
    }
    struct inproc *in = MEM_NEW(struct inproc);
    atomic_init(&in->refs, 1);
    in->t = (struct transport){ .ops = &inproc_ops, .loop = caller };
    in->s = s;
    in->home = s->loop;
    in->arena = arena_new();
    struct str *copy = ARENA_ARRAY(in->arena, struct str, n_groups);
    for (size_t i = 0; i < n_groups; i++)
        copy[i] = arena_str(in->arena, groups[i]);
    in->user =
        (struct user){ .name = arena_str(in->arena, user), .groups = copy, .n_groups = n_groups };
    return &in->t;
}
