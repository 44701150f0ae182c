/* SPDX-License-Identifier: Apache-2.0
 * service_nodes — asks an autoscaler for the nodes that a gang lacks, as one request for all of its
 * members, where people want it (gang_nodes.h):
 *
 *     waits ─(a while)─► request ─► its templates ─► members say that they consume it ─► open
 *       ▲                                                                                 │
 *       └──(a minute, then twice as long each time)── deleted ◄── failed, expired, revoked┤
 *                                                     deleted ◄── the gang started, or went
 *
 * The request is the record: a starting scheduler finds those of an earlier one by their label, and
 * finishes or deletes them. Templates go with their request, by the garbage collector. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/calls.h"
#include "scheduler/config/profile.h"
#include "scheduler/gang/gang_mirror.h"
#include "scheduler/gang/gang_nodes.h"
#include "scheduler/service/service_internal.h"

#define REQUESTS GVR("autoscaling.x-k8s.io", "v1", "provisioningrequests")
#define RETRY_NS (60 * NS_PER_S) /* after the first that came to nothing … */
#define RETRY_DOUBLINGS 5        /* … up to 32 minutes */
#define TRIES_MAX 1000000
#define REFUSED_NS (30 * NS_PER_S)
#define OWNER_NS (100 * NS_PER_MS) /* the gang's PodGroup may be on its way … */
#define OWNER_LOOKS 20             /* … or is not served at all */
#define NOT_SERVED_NS (300 * NS_PER_S)

enum stage {
    STAGE_WAITS,     /* until `due`, then it asks */
    STAGE_REQUEST,   /* the request is on the wire */
    STAGE_TEMPLATES, /* … its templates, `at` is the next */
    STAGE_MARKS,     /* … and the members that consume it, `at` is the next */
    STAGE_OPEN,      /* the autoscaler's turn */
    STAGE_DELETES,
};

struct nodes_ask { /* of one gang */
    struct service_nodes *all;
    struct list link;
    struct str namespace, gang, mirror; /* own texts: the gang's name, and its PodGroup's */
    enum stage stage;
    struct mono due;
    unsigned tries;
    size_t at;
    struct kobj *request; /* NULL: none */
    enum gang_nodes_state state;
    bool over; /* once the request is deleted, forget it */
    struct call *call;
};

struct service_nodes {
    struct scheduler *s;
    struct informers *informers;
    struct informer *requests;
    struct timer *timer;
    struct list asks;
};

static void next(struct nodes_ask *k);
static void on_timer(void *arg);

/* ---- life of one ---- */

static struct str own(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static struct nodes_ask *
ask_find(const struct service_nodes *all, struct str namespace, struct str mirror)
{
    LIST_EACH (&all->asks, at) {
        struct nodes_ask *k = LIST_ITEM(at, struct nodes_ask, link);
        if (str_eq(k->namespace, namespace) && str_eq(k->mirror, mirror))
            return k;
    }
    return NULL;
}

static struct nodes_ask *ask_new(struct service_nodes *all, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct nodes_ask *k = MEM_NEW(struct nodes_ask);
    *k = (struct nodes_ask){ .all = all,
                             .namespace = own(g->namespace),
                             .gang = own(str_skip(g->key, g->namespace.n + 1)),
                             .mirror = own(gang_mirror_name(a, g)) };
    list_push_back(&all->asks, &k->link);
    return k;
}

static void ask_free(struct nodes_ask *k)
{
    list_remove(&k->link);
    kobj_unref(k->request);
    free((void *)(uintptr_t)k->namespace.p); /* own texts */
    free((void *)(uintptr_t)k->gang.p);
    free((void *)(uintptr_t)k->mirror.p);
    free(k);
}

static struct gang *gang_of(const struct nodes_ask *k)
{
    return core_gang(k->all->s->core, k->namespace, k->gang);
}

static void wait_until(struct nodes_ask *k, int64_t delay_ns)
{
    k->stage = STAGE_WAITS;
    k->due.ns = loop_now(k->all->s->t->loop).ns + delay_ns;
    on_timer(k->all);
}

static struct str prefix_of(struct arena *a, const struct nodes_ask *k)
{
    return arena_printf(a, "%.*s-nodes-", STR_ARG(k->mirror));
}

/* ---- telling ---- */

static void tell(struct nodes_ask *k, const char *type, const char *reason, struct str message)
{
    const struct gang *g = gang_of(k);
    if (!g)
        return;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        const struct recorder_note note = {
            .about = p->obj, .type = type, .reason = reason, .message = message
        };
        if (!spod_is_pending(p))
            continue;
        recorder_event(k->all->s->recorder, &note, loop_wall(k->all->s->t->loop));
        break; /* one of them tells for all */
    }
    LOG_INFO("gang.nodes", kv_str("gang", k->gang), kv_cstr("what", reason),
             kv_str("message", message));
}

/* ---- writing ---- */

static void on_written(void *arg, const struct reply *reply, const struct err *err);

static void create(struct nodes_ask *k, struct gvr resource, struct jnode *object)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (jnode_freeze(&doc, object, NULL)) {
        wait_until(k, REFUSED_NS);
        return;
    }
    const struct call_create c = { .resource = resource,
                                   .namespace = k->namespace,
                                   .object = json_root(doc) };
    k->call = call_create(k->all->s->t, &c, on_written, k);
}

static void write_request(struct nodes_ask *k, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct gang_sort sorts[GANG_NODES_SORTS_MAX];
    struct str name = arena_printf(a, "%.*s%u", STR_ARG(prefix_of(a, k)), k->tries);
    if (gang_nodes_sorts(g, sorts) == SIZE_MAX) {
        tell(k, "Warning", "NodesNotAsked",
             STR("its members are of more than 32 sorts, which no ProvisioningRequest can say"));
        wait_until(k, NOT_SERVED_NS);
        return;
    }
    const struct kobj *owner = service_gangs_mirror(k->all->s, k->namespace, k->mirror);
    if (!owner && k->at++ < OWNER_LOOKS) {
        wait_until(k, OWNER_NS);
        return;
    }
    k->stage = STAGE_REQUEST;
    create(k, REQUESTS, gang_nodes_request(a, g, name, owner));
}

static bool write_template(struct nodes_ask *k, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct gang_sort sorts[GANG_NODES_SORTS_MAX];
    size_t n = gang_nodes_sorts(g, sorts);
    if (n == SIZE_MAX || k->at >= n)
        return false;
    create(k, GVR("", "v1", "podtemplates"),
           gang_nodes_template(a, &sorts[k->at], json_get(kobj_root(k->request), STR("metadata")),
                               k->at));
    return true;
}

/* The next member that does not say yet which request it consumes. */
static bool write_mark(struct nodes_ask *k, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    size_t i = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        struct str told = json_str(json_get(p->view->annotations, STR(GANG_NODES_CONSUME)));
        if (i++ < k->at || str_eq(told, k->request->name) || p->node >= 0)
            continue;
        if (jnode_freeze(&doc, gang_nodes_mark(a, p, k->request->name, gang_nodes_class(g)), NULL))
            return false;
        k->at = i - 1;
        const struct call_patch c = { .resource = GVR("", "v1", "pods"),
                                      .namespace = k->namespace,
                                      .name = p->obj->name,
                                      .patch = json_root(doc) };
        k->call = call_merge_patch(k->all->s->t, &c, on_written, k);
        return true;
    }
    return false;
}

static void delete_request(struct nodes_ask *k)
{
    const struct call_delete c = { .resource = REQUESTS,
                                   .namespace = k->namespace,
                                   .name = k->request->name,
                                   .uid = k->request->uid,
                                   .grace_s = -1 };
    k->stage = STAGE_DELETES;
    k->call = call_delete(k->all->s->t, &c, on_written, k);
}

/* ---- steps ---- */

static void deleted(struct nodes_ask *k)
{
    unsigned n = k->tries < RETRY_DOUBLINGS ? k->tries : RETRY_DOUBLINGS;
    kobj_unref(TAKE(k->request));
    k->tries++;
    if (k->over)
        ask_free(k);
    else
        wait_until(k, RETRY_NS << n);
}

/* Nothing is on the wire. */
static void next(struct nodes_ask *k)
{
    const struct gang *g = gang_of(k);
    bool waits = g && !gang_has_started(g) && gang_nodes_class(g).n;
    k->over = k->over || !waits;
    if (k->over && !k->request) {
        ask_free(k);
        return;
    }
    if (k->request && (k->over || k->state >= GANG_NODES_FAILED)) {
        delete_request(k);
        return;
    }
    if (k->stage == STAGE_TEMPLATES && write_template(k, g))
        return;
    if (k->stage == STAGE_TEMPLATES) {
        k->stage = STAGE_MARKS;
        k->at = 0;
    }
    if (k->stage == STAGE_MARKS && write_mark(k, g))
        return;
    if (k->stage == STAGE_MARKS)
        k->stage = STAGE_OPEN;
}

static void refused(struct nodes_ask *k, const struct reply *reply, const struct err *err)
{
    struct err why = call_error(reply, err);
    bool unserved = reply && reply->code == 404 && k->stage == STAGE_REQUEST;
    LOG_WARN("gang.nodes_refused", kv_str("gang", k->gang), kv_i64("code", reply ? reply->code : 0),
             kv_err(&why),
             kv_cstr("next", unserved ? "asked again in 5 minutes" : "asked again in 30s"));
    if (k->stage == STAGE_REQUEST)
        wait_until(k, unserved ? NOT_SERVED_NS : REFUSED_NS);
    else
        k->due.ns = loop_now(k->all->s->t->loop).ns + REFUSED_NS; /* the same step again */
    on_timer(k->all);
}

/* 409: an earlier scheduler, or an answer that was lost, made it. */
static bool take_request(struct nodes_ask *k, const struct reply *reply)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str name = arena_printf(a, "%.*s%u", STR_ARG(prefix_of(a, k)), k->tries);
    const struct kobj *o =
        reply->code < 400 ? reply->object : informer_find(k->all->requests, k->namespace, name);
    if (!o)
        return false;
    k->request = kobj_ref(o);
    k->state = GANG_NODES_ASKED;
    k->stage = STAGE_TEMPLATES;
    k->at = 0;
    tell(k, "Normal", "NodesAsked",
         arena_printf(a, "asked for nodes by ProvisioningRequest %.*s", STR_ARG(name)));
    return true;
}

/* It is there, whoever made it; of a member that went or changed nothing is left to say. */
static bool is_done(const struct nodes_ask *k, const struct reply *reply)
{
    bool gone = reply->code == 404 && k->stage != STAGE_REQUEST && k->stage != STAGE_TEMPLATES;
    return reply->code < 400 || reply->code == 409 || gone;
}

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct nodes_ask *k = arg;
    k->call = NULL;
    if (!reply || !is_done(k, reply)) {
        refused(k, reply, err);
        return;
    }
    switch (k->stage) {
    case STAGE_DELETES:
        deleted(k);
        return;
    case STAGE_REQUEST:
        if (take_request(k, reply))
            break;
        refused(k, reply, err);
        return;
    case STAGE_TEMPLATES:
    case STAGE_MARKS:
        k->at++;
        break;
    case STAGE_WAITS:
    case STAGE_OPEN:
        break;
    }
    next(k);
}

/* ---- time ---- */

static bool is_due(const struct nodes_ask *k, struct mono now)
{
    return !k->call && k->stage != STAGE_OPEN && k->due.ns <= now.ns;
}

static void act(struct nodes_ask *k)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct gang *g = gang_of(k);
    if (k->stage != STAGE_WAITS) {
        next(k);
        return;
    }
    if (!g || !gang_nodes_would_help(g) || gang_nodes_has_other(g, prefix_of(a, k)))
        ask_free(k); /* it comes back when it waits anew */
    else
        write_request(k, g);
}

static void on_timer(void *arg)
{
    struct service_nodes *all = arg;
    struct mono now = loop_now(all->s->t->loop);
    int64_t soonest = INT64_MAX;
    LIST_EACH (&all->asks, at) {
        struct nodes_ask *k = LIST_ITEM(at, struct nodes_ask, link);
        if (!k->call && k->stage != STAGE_OPEN && k->due.ns < soonest)
            soonest = k->due.ns;
    }
    if (soonest != INT64_MAX)
        timer_start(all->timer, soonest > now.ns ? soonest - now.ns : 0);
}

static void on_due(void *arg)
{
    struct service_nodes *all = arg;
    struct mono now = loop_now(all->s->t->loop);
    LIST_EACH (&all->asks, at) {
        struct nodes_ask *k = LIST_ITEM(at, struct nodes_ask, link);
        if (is_due(k, now))
            act(k);
    }
    on_timer(all);
}

/* ---- what is heard ---- */

void service_nodes_look(struct scheduler *s, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct service_nodes *all = s->nodes;
    struct nodes_ask *k = all ? ask_find(all, g->namespace, gang_mirror_name(a, g)) : NULL;
    if (!all || (!k && !gang_nodes_class(g).n))
        return;
    if (!k && gang_nodes_would_help(g)) {
        k = ask_new(all, g);
        wait_until(k, g->profile->nodes.wait_ns);
    } else if (k && k->stage == STAGE_OPEN && gang_has_started(g)) {
        next(k);
    }
}

static void take_state(struct nodes_ask *k, const struct kobj *request)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str message;
    enum gang_nodes_state state = gang_nodes_state(request, &message);
    bool fails = state >= GANG_NODES_FAILED;
    if (state == k->state)
        return;
    k->state = state;
    tell(k, fails ? "Warning" : "Normal", gang_nodes_words[state],
         arena_printf(a, "ProvisioningRequest %.*s: %.*s%s", STR_ARG(request->name),
                      STR_ARG(message), fails ? "; it is asked anew later" : ""));
}

static void heard(struct nodes_ask *k, const struct kobj *request)
{
    enum gang_nodes_state before = k->state;
    take_state(k, request);
    if (k->state != before && !k->call && k->stage == STAGE_OPEN)
        next(k);
}

/* How often was asked before it, as its name ends; SIZE_MAX: it is none of ours. */
static size_t tries_before(const struct kobj *request, struct str mirror)
{
    static const struct str between = STR_INIT("-nodes-");
    uint64_t n;
    if (!str_starts(request->name, mirror))
        return SIZE_MAX;
    struct str tail = str_skip(request->name, mirror.n);
    bool ours = str_starts(tail, between) && str_to_u64(str_skip(tail, between.n), &n);
    return ours && n < TRIES_MAX ? n : SIZE_MAX;
}

/* One of an earlier scheduler; NULL: somebody else's, whatever its label says. */
static struct nodes_ask *adopt(struct service_nodes *all, const struct kobj *request)
{
    struct str mirror = json_str(json_get(kobj_meta(request, STR("labels")), STR(GANG_NODES_OF)));
    size_t tries = tries_before(request, mirror);
    if (tries == SIZE_MAX)
        return NULL;
    struct gang *g = service_gangs_find(all->s, request->namespace, mirror);
    struct nodes_ask *k = MEM_NEW(struct nodes_ask);
    *k = (struct nodes_ask){ .all = all,
                             .namespace = own(request->namespace),
                             .gang = own(g ? str_skip(g->key, g->namespace.n + 1) : mirror),
                             .mirror = own(mirror),
                             .request = kobj_ref(request),
                             .tries = (unsigned)tries,
                             .stage = STAGE_TEMPLATES };
    list_push_back(&all->asks, &k->link);
    return k;
}

static void on_request(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct service_nodes *all = arg;
    const struct kobj *o = after ? after : before;
    assert(o); /* one of them there is */
    struct str mirror = json_str(json_get(kobj_meta(o, STR("labels")), STR(GANG_NODES_OF)));
    struct nodes_ask *k = mirror.n ? ask_find(all, o->namespace, mirror) : NULL;
    if (!mirror.n || !all->s->live)
        return;
    if (!k && after) {
        k = adopt(all, after);
        if (!k)
            return;
        take_state(k, after);
        next(k);
    } else if (k && k->request && str_eq(k->request->uid, o->uid)) {
        if (after)
            heard(k, after);
        else if (!k->call)
            deleted(k); /* by somebody else */
        else
            k->state = GANG_NODES_FAILED; /* what is under way ends first */
    }
}

static bool hear_one(void *arg, const struct kobj *o)
{
    on_request(arg, NULL, o);
    return true;
}

void service_nodes_gone(struct scheduler *s, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct nodes_ask *k =
        s->nodes ? ask_find(s->nodes, g->namespace, gang_mirror_name(a, g)) : NULL;
    if (!k)
        return;
    k->over = true;
    if (!k->call)
        next(k);
}

void service_nodes_begin(struct scheduler *s)
{
    informer_each(s->nodes->requests, hear_one, s->nodes);
}

/* ---- life ---- */

void service_nodes_start(struct scheduler *s)
{
    struct service_nodes *all = MEM_NEW(struct service_nodes);
    s->nodes = all;
    all->s = s;
    list_init(&all->asks);
    all->timer = timer_new(s->t->loop, on_due, all);
    all->informers = informers_new(s->t);
    all->requests = informers_get(all->informers, REQUESTS, (struct str){ 0 });
    informer_on_event(all->requests, on_request, NULL, all);
    informers_start(all->informers);
}

void service_nodes_stop(struct scheduler *s)
{
    struct service_nodes *all = s->nodes;
    if (!all)
        return;
    LIST_EACH (&all->asks, at) {
        struct nodes_ask *k = LIST_ITEM(at, struct nodes_ask, link);
        if (k->call)
            s->t->ops->cancel(k->call);
        ask_free(k);
    }
    timer_free(all->timer);
    informers_free(all->informers);
    free(all);
    s->nodes = NULL;
}
