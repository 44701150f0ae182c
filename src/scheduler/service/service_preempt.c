/* SPDX-License-Identifier: Apache-2.0
 * service_preempt — carries a preemption to the API: each victim gets the condition
 * DisruptionTarget (reason PreemptionByScheduler) and is then deleted, with its uid as precondition
 * and its own grace period; each pod that waits for the room says for which node in
 * status.nominatedNodeName. How many requests are on the wire at once is bounded, the rest waits in
 * order.
 *
 *     MARK (patch status) ─────────────────────────► EVICT (delete) ─► told ─► the watch says when
 *       └─► WARN (annotate), if it wants to write a ─► rest ─┘                 it is gone
 *           checkpoint first (kube/checkpoint.h)
 *     NOMINATE (patch status)
 *     STAY (patch status): of a gang that is bound in part, but nobody would make it anew
 *
 * Evictions for a gang begin when its PodGroup says whom it evicts (service_gangs.c), those for a
 * lone pod when its status.nominatedNodeName says where: a scheduler that comes after one that was
 * killed goes on there. */
#include <stdlib.h>

#include "client/calls.h"
#include "kube/checkpoint.h"
#include "kube/meta.h"
#include "kube/names.h"
#include "scheduler/service/service_internal.h"

#define IN_FLIGHT_MAX 64
#define PRESSURE "CellMemoryPressure"
#define BOUND_IN_PART "GangBoundInPart" /* reason of conditions and events */

enum errand { ERRAND_MARK, ERRAND_WARN, ERRAND_EVICT, ERRAND_NOMINATE, ERRAND_STAY };

struct preempt_call {
    struct scheduler *s;
    struct list link; /* errands.waiting, on_wire or resting */
    struct call *call;
    struct timer *timer; /* resting: until then it writes its checkpoint; NULL: it was not warned */
    struct wall by;      /* WARN: the same for people */
    enum errand errand;
    struct kobj *pod;
    struct str node;       /* own text: where it is, or is to be; absent: nowhere any more */
    struct str preemptor;  /* own text: that pod's uid */
    struct eviction *then; /* NOMINATE: may begin once that is written; NULL: nothing */
    const char *reason;    /* of that, one word; NULL: for the preemptor */
    struct str because;    /* own text: why, when it leaves for nobody; absent: for the preemptor */
};

static void free_text(struct str s)
{
    free((void *)(uintptr_t)s.p); /* own text */
}

static struct str own(struct str s)
{
    return s.p ? str_make(str_dup(s), s.n) : s;
}

static void errand_free(struct preempt_call *e)
{
    list_remove(&e->link);
    timer_free(e->timer);
    service_eviction_drop(e->then);
    kobj_unref(e->pod);
    free_text(e->node);
    free_text(e->preemptor);
    free_text(e->because);
    free(e);
}

/* ---- what is written ---- */

static struct jnode *condition_patch(struct arena *a,
                                     const struct preempt_call *e,
                                     const char *type,
                                     struct str reason,
                                     struct str message)
{
    struct jnode *root = jnode_obj(a);
    char text[TIME_TEXT_MAX];
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"), e->pod->uid);
    struct jnode *list = jnode_need_arr(jnode_need_obj(root, STR("status")), STR("conditions"));
    struct jnode *c = jnode_append(list, jnode_obj(a));
    jnode_set_str(c, STR("type"), str_from(type));
    jnode_set_str(c, STR("status"), STR("True"));
    jnode_set_str(c, STR("reason"), reason);
    jnode_set_str(c, STR("message"), message);
    jnode_set_str(c, STR("lastTransitionTime"), wall_text(text, loop_wall(e->s->t->loop)));
    return root;
}

static struct jnode *mark_patch(struct arena *a, const struct preempt_call *e)
{
    struct str scheduler = pod_of(e->pod)->scheduler_name;
    struct str message =
        e->because.n ? e->because
                     : arena_printf(a, "%.*s: preempting to accommodate a higher priority pod",
                                    STR_ARG(scheduler));
    struct str reason = e->reason ? str_from(e->reason) : STR("PreemptionByScheduler");
    return condition_patch(a, e, "DisruptionTarget", reason, message);
}

static struct jnode *warn_patch(struct arena *a, const struct preempt_call *e)
{
    struct jnode *root = jnode_obj(a);
    char text[TIME_TEXT_MAX];
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"), e->pod->uid);
    meta_set_annotation(root, STR(NAME_CHECKPOINT_BY), wall_text(text, e->by));
    return root;
}

static struct jnode *nominate_patch(struct arena *a, const struct preempt_call *e)
{
    struct jnode *root = jnode_obj(a);
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"), e->pod->uid);
    struct jnode *status = jnode_need_obj(root, STR("status"));
    if (e->node.p)
        jnode_set_str(status, STR("nominatedNodeName"), e->node);
    else
        jnode_set(status, STR("nominatedNodeName"), jnode_null(a));
    return root;
}

/* ---- sending ---- */

static void send_more(struct scheduler *s);
static void on_answer(void *arg, const struct reply *reply, const struct err *err);

static struct jnode *patch_of(struct arena *a, const struct preempt_call *e)
{
    switch (e->errand) {
    case ERRAND_MARK:
        return mark_patch(a, e);
    case ERRAND_WARN:
        return warn_patch(a, e);
    case ERRAND_NOMINATE:
        return nominate_patch(a, e);
    case ERRAND_STAY:
        return condition_patch(a, e, NAME_BOUND_IN_PART, STR(BOUND_IN_PART), e->because);
    case ERRAND_EVICT:
        break;
    }
    return NULL;
}

static void send(struct preempt_call *e)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct scheduler *s = e->s;
    struct request r = {
        .verb = e->errand == ERRAND_EVICT ? VERB_DELETE : VERB_PATCH,
        .version = STR("v1"),
        .plural = STR("pods"),
        .namespace = e->pod->namespace,
        .name = e->pod->name,
        .write = { .grace_s = -1 },
    };
    if (e->errand == ERRAND_EVICT) {
        r.write.uid = e->pod->uid;
    } else {
        r.subresource = e->errand == ERRAND_WARN ? STR("") : STR("status");
        r.write.patch = PATCH_STRATEGIC;
        if (jnode_freeze(&doc, patch_of(a, e), NULL))
            return;
        r.body = json_root(doc);
    }
    list_remove(&e->link);
    list_push_back(&s->errands.on_wire, &e->link);
    s->errands.n_on_wire++;
    e->call = s->t->ops->start(s->t, &r, on_answer, e);
}

static void send_more(struct scheduler *s)
{
    while (s->errands.n_on_wire < IN_FLIGHT_MAX && !list_empty(&s->errands.waiting))
        send(LIST_ITEM(s->errands.waiting.next, struct preempt_call, link));
}

/* ---- answers ---- */

static void tell_undone(const struct preempt_call *e)
{
    const struct recorder_note note = {
        .about = e->pod, .type = "Warning", .reason = e->reason, .message = e->because
    };
    recorder_event(e->s->recorder, &note, loop_wall(e->s->t->loop));
    LOG_WARN("pod.evicted", kv_cstr("reason", e->reason), kv_str("namespace", e->pod->namespace),
             kv_str("pod", e->pod->name), kv_str("why", e->because));
}

static void tell_evicted(const struct preempt_call *e)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct recorder_note note = {
        .about = e->pod,
        .type = "Normal",
        .reason = "Preempted",
        .message = arena_printf(a, "Preempted by pod %.*s on node %.*s", STR_ARG(e->preemptor),
                                STR_ARG(e->node)),
    };
    recorder_event(e->s->recorder, &note, loop_wall(e->s->t->loop));
    LOG_INFO("pod.preempted", kv_str("namespace", e->pod->namespace), kv_str("pod", e->pod->name),
             kv_str("node", e->node), kv_str("by", e->preemptor));
}

static void refused(const struct preempt_call *e, const struct reply *reply, const struct err *err)
{
    const struct pod_id id = { e->pod->namespace, e->pod->name, e->pod->uid };
    struct err why = call_error(reply, err);
    LOG_WARN("preempt.refused", kv_str("namespace", e->pod->namespace), kv_str("pod", e->pod->name),
             kv_i64("code", reply ? reply->code : 0), kv_err(&why),
             kv_cstr("next", "room is looked for again"));
    service_hear(e->s, &(struct core_input){ .kind = INPUT_REFUSED, .pods = &id, .n_pods = 1 },
                 NULL);
}

/* ---- time for a checkpoint ---- */

static void next_errand(struct preempt_call *e, enum errand errand)
{
    e->errand = errand;
    list_remove(&e->link);
    list_push_front(&e->s->errands.waiting, &e->link);
    send_more(e->s);
}

/* It wrote its checkpoint, or did not; if it ended meanwhile there is nobody to evict. */
static void on_rested(void *arg)
{
    struct preempt_call *e = arg;
    const struct spod *p = core_pod(e->s->core, e->pod->namespace, e->pod->name);
    if (p && str_eq(p->obj->uid, e->pod->uid) && !p->view->deleting)
        next_errand(e, ERRAND_EVICT);
    else
        errand_free(e);
}

static void rest(struct preempt_call *e)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct loop *l = e->s->t->loop;
    char text[TIME_TEXT_MAX];
    int64_t left = e->by.ns - loop_wall(l).ns;
    const struct recorder_note note = {
        .about = e->pod,
        .type = "Normal",
        .reason = "Preempting",
        .message = arena_printf(
            a, "%s%.*s: may write a checkpoint until %.*s", e->because.n ? "" : "Preempted by pod ",
            STR_ARG(e->because.n ? e->because : e->preemptor), STR_ARG(wall_text(text, e->by))),
    };
    recorder_event(e->s->recorder, &note, loop_wall(l));
    list_remove(&e->link);
    list_push_back(&e->s->errands.resting, &e->link);
    e->timer = timer_new(l, on_rested, e);
    timer_start(e->timer, left > 0 ? left : 0);
}

/* Marked: it is warned if it wants to be, and keeps the time that an earlier scheduler gave it. */
static void after_mark(struct preempt_call *e)
{
    const struct pod *pod = pod_of(e->pod);
    struct wall now = loop_wall(e->s->t->loop);
    int64_t ns = checkpoint_ns(pod);
    if (ns && checkpoint_told(pod, &e->by) && e->by.ns <= now.ns + ns + NS_PER_S) {
        rest(e);
        return;
    }
    e->by.ns = (now.ns + ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S; /* the API's whole seconds */
    next_errand(e, ns ? ERRAND_WARN : ERRAND_EVICT);
}

/* Gone, or another pod of that name: nothing is left to do. */
static bool is_gone(const struct reply *reply)
{
    return reply && (reply->code == 404 || reply->code == 409);
}

static void on_answer(void *arg, const struct reply *reply, const struct err *err)
{
    struct preempt_call *e = arg;
    struct scheduler *s = e->s;
    bool ok = reply && reply->code < 400;
    s->errands.n_on_wire--;
    if (ok && (e->errand == ERRAND_MARK || e->errand == ERRAND_WARN)) {
        if (e->errand == ERRAND_MARK)
            after_mark(e);
        else
            rest(e);
        send_more(s);
        return;
    }
    struct eviction *then = TAKE(e->then);
    bool leaves = e->errand != ERRAND_NOMINATE && e->errand != ERRAND_STAY;
    if (ok && e->because.n && (e->errand == ERRAND_EVICT || e->errand == ERRAND_STAY))
        tell_undone(e);
    else if (e->errand == ERRAND_EVICT && ok)
        tell_evicted(e);
    else if (leaves && !ok && !is_gone(reply))
        refused(e, reply, err);
    if (then && ok)
        service_eviction_go(then);
    else if (then)
        service_eviction_give_up(then, reply, err);
    errand_free(e);
    send_more(s);
    service_poke(s);
}

/* ---- requests ---- */

static struct preempt_call *
errand_new(struct scheduler *s, struct list *to, enum errand errand, const struct spod *p)
{
    struct preempt_call *e = MEM_NEW(struct preempt_call);
    *e = (struct preempt_call){ .s = s, .errand = errand, .pod = kobj_ref(p->obj) };
    list_init(&e->link);
    list_push_back(to, &e->link);
    return e;
}

static void add_errands(struct scheduler *s, struct list *to, const struct decision *d)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    for (size_t i = 0; i < d->n; i++) {
        struct str node = snap->nodes.items[d->items[i].where.node]->name;
        if (!d->items[i].pod->to_come && !str_eq(d->items[i].pod->view->nominated_node, node))
            errand_new(s, to, ERRAND_NOMINATE, d->items[i].pod)->node = own(node);
    }
    for (size_t i = 0; i < d->n_victims; i++) {
        const struct spod *v = d->victims[i];
        struct preempt_call *e = errand_new(s, to, ERRAND_MARK, v);
        e->node = own(snap->nodes.items[v->node]->name);
        e->preemptor = own(d->n ? d->items[0].pod->obj->uid : STR("")); /* a gang's first member */
    }
    for (size_t i = 0; i < d->n_displaced; i++)
        errand_new(s, to, ERRAND_NOMINATE, d->displaced[i]);
}

void service_undo(struct scheduler *s, const struct decision *d)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    for (size_t i = 0; i < d->n_victims + d->n_stay; i++) {
        bool leaves = i < d->n_victims;
        const struct spod *p = leaves ? d->victims[i] : d->stay[i - d->n_victims];
        struct preempt_call *e =
            errand_new(s, &s->errands.waiting, leaves ? ERRAND_MARK : ERRAND_STAY, p);
        e->node = own(snap->nodes.items[p->node]->name);
        e->because = own(d->message);
        e->reason = d->kind == DECISION_RELIEVE ? PRESSURE : BOUND_IN_PART;
    }
    send_more(s);
}

/* ---- evictions that wait for a record ---- */

struct eviction {
    struct scheduler *s;
    struct list errands;
};

struct eviction *service_eviction_hold(struct scheduler *s, const struct decision *d)
{
    struct eviction *v = MEM_NEW(struct eviction);
    v->s = s;
    list_init(&v->errands);
    add_errands(s, &v->errands, d);
    return v;
}

void service_eviction_go(struct eviction *v)
{
    LIST_EACH (&v->errands, at) {
        list_remove(at);
        list_push_back(&v->s->errands.waiting, at);
    }
    send_more(v->s);
    free(v);
}

void service_eviction_drop(struct eviction *v)
{
    if (!v)
        return;
    LIST_EACH (&v->errands, at)
        errand_free(LIST_ITEM(at, struct preempt_call, link));
    free(v);
}

void service_eviction_give_up(struct eviction *v, const struct reply *reply, const struct err *err)
{
    LIST_EACH (&v->errands, at) {
        struct preempt_call *e = LIST_ITEM(at, struct preempt_call, link);
        if (e->errand == ERRAND_MARK)
            refused(e, reply, err);
    }
    service_eviction_drop(v);
}

/* The one of a lone pod, not yet begun; NULL: the API knows the node already. */
static struct preempt_call *nomination_of(struct eviction *v, const struct decision *d)
{
    if (list_empty(&v->errands) || d->n != 1)
        return NULL;
    struct preempt_call *first = LIST_ITEM(v->errands.next, struct preempt_call, link);
    return first->errand == ERRAND_NOMINATE && first->pod == d->items[0].pod->obj ? first : NULL;
}

void service_preempt(struct scheduler *s, const struct decision *d)
{
    struct eviction *v = service_eviction_hold(s, d);
    struct preempt_call *first = d->n_victims ? nomination_of(v, d) : NULL;
    if (!first) {
        service_eviction_go(v);
        return;
    }
    list_remove(&first->link);
    list_push_back(&s->errands.waiting, &first->link);
    first->then = v;
    send_more(s);
}

void service_preempt_cancel(struct scheduler *s)
{
    LIST_EACH (&s->errands.on_wire, at) {
        struct preempt_call *e = LIST_ITEM(at, struct preempt_call, link);
        s->t->ops->cancel(e->call);
        errand_free(e);
    }
    LIST_EACH (&s->errands.waiting, at)
        errand_free(LIST_ITEM(at, struct preempt_call, link));
    LIST_EACH (&s->errands.resting, at)
        errand_free(LIST_ITEM(at, struct preempt_call, link));
}
