/* SPDX-License-Identifier: Apache-2.0
 * Random operations for as long as one likes (SOAK_OPERATIONS; `make soak` asks for a million):
 * gangs of all kinds and priorities come, lose members, end, are refused, run into time-outs and
 * evict each other (some victims refuse to die), nodes go and come back, group objects change, go
 * and make no sense. At each decision: no
 * gang starts in part, and none is left in part by an eviction. After each operation: an attempt
 * that is undone restores every word. After every eighth: nothing is over-committed, places that
 * are held included, and queues sum up. */
#include <stdlib.h>

#include "scheduler/cycle/cycle.h"
#include "scheduler/test/fixture.h"

#define OPERATIONS 3000
#define NODES 8
#define PODS_MAX 160 /* then whole gangs leave */
#define TELL_EVERY 100000
#define FULL_EVERY 8 /* operations between looks at all nodes and queues */

struct soak {
    struct sched_core *s;
    struct arena *a;
    int64_t t;     /* seconds */
    unsigned next; /* number of the next pod or gang */
    size_t bound, late, refused, held, undone, evicted, joint;
};

/* ---- what must hold ---- */

static void check_node(const struct snapshot *s, const struct snode *n)
{
    uint64_t devices = 0;
    for (uint32_t r = 0; r < s->n_res; r++)
        CHECK(s->used[r][n->id] >= 0 && s->used[r][n->id] <= s->alloc[r][n->id]);
    for (int64_t id = n->first_pod; id >= 0; id = s->pods.items[id]->next) {
        uint64_t mine = (uint64_t)s->pods.items[id]->devices[DEVICE_NVIDIA];
        CHECK((devices & mine) == 0);
        devices |= mine;
    }
}

/* What a started gang holds for members to come is there for them: with it added nothing is over
 * its capacity. (Room for a gang that waits may be in use still, by those who leave for it.) */
static void check_held(const struct snapshot *s, const struct snode *n)
{
    int64_t held[SCHED_RESOURCES_MAX] = { 0 };
    LIST_EACH (&n->nominated, at) {
        const struct spod *p = LIST_ITEM(at, struct spod_stay, nominated)->pod;
        for (size_t d = 0; p->to_come && p->gang->admitted && d < p->n_demands; d++)
            held[p->demands[d].res] += p->demands[d].amount;
    }
    for (uint32_t r = 0; r < s->n_res; r++)
        CHECK(s->used[r][n->id] + held[r] <= s->alloc[r][n->id]);
}

struct usage { /* of one queue, as its pods add up */
    const struct snapshot *snap;
    struct quota *t;
};

static void check_queue(void *arg, const struct quota_queue *q)
{
    const struct usage *u = arg;
    struct quota_usage list[QUOTA_RES_MAX];
    size_t n = quota_usage(u->t, q, list);
    for (size_t r = 0; r < n; r++) {
        int64_t sum = 0;
        for (size_t i = 0; i < u->snap->pods.n; i++) {
            const struct spod *p = u->snap->pods.items[i];
            for (size_t d = 0; p && p->node >= 0 && p->quota.queue == q && d < p->n_demands; d++) {
                if (str_eq(u->snap->res_names[p->demands[d].res], list[r].resource))
                    sum += p->demands[d].amount;
            }
        }
        if (!str_is(list[r].resource, "pods"))
            CHECK_I64(list[r].used, sum);
    }
}

static size_t count_held(const struct gang *g)
{
    size_t n = 0;
    LIST_EACH (&g->places, at)
        n += LIST_ITEM(at, struct spod, in_gang)->held_by != NULL;
    return n;
}

/* Counters of a gang against its members. */
static void check_counts(const struct gang *g)
{
    size_t members = 0, placed = 0, leaving = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        members++;
        placed += p->node >= 0;
        leaving += p->node >= 0 && p->view->deleting;
    }
    CHECK_I64(g->n_members, members);
    CHECK_I64(g->n_placed, placed);
    CHECK_I64(g->n_leaving, leaving);
}

static void check_world(struct soak *w)
{
    struct snapshot *snap = &core_cluster(w->s)->snap;
    struct usage u = { snap, core_cluster(w->s)->quota };
    for (size_t i = 0; i < snap->nodes.n; i++) {
        if (!snap->nodes.items[i]->alive)
            continue;
        check_node(snap, snap->nodes.items[i]);
        check_held(snap, snap->nodes.items[i]);
    }
    for (size_t i = 0; i < snap->pods.n; i++) {
        if (snap->pods.items[i] && snap->pods.items[i]->gang)
            check_counts(snap->pods.items[i]->gang);
    }
    quota_each(u.t, check_queue, &u);
}

/* A gang that starts does so with all it needs, places held for members to come included; one that
 * went on before may get single members. */
static void check_start(const struct decision *d)
{
    const struct gang *g = d->gang;
    bool went_on = g->has_run && g->n_placed - d->n > g->n_leaving;
    if (!g->dialect || went_on || (g->admitted && !d->reserves))
        return;
    CHECK(gang_has(g) + count_held(g) >= gang_needs(g));
    CHECK(d->reserves || gang_has_started(g)); /* of each role too */
}

static void check_undo(struct soak *w)
{
    struct cluster *c = core_cluster(w->s);
    struct plan plan;
    if (!c->snap.pods.n)
        return;
    struct spod *p = c->snap.pods.items[check_random_below(c->snap.pods.n)];
    if (!p || !p->gang || p->to_come || gang_pending(p->gang) == 0)
        return;
    uint64_t before = snapshot_hash(&c->snap), sums = quota_hash(c->quota);
    cycle_try(c, p->gang, w->a, &plan);
    CHECK(snapshot_hash(&c->snap) == before);
    CHECK(quota_hash(c->quota) == sums);
    w->undone++;
}

/* ---- operations ---- */

static void add_node(struct soak *w, unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "n%u", i);
    fixture_node(w->s, name, "", "");
}

static void flip_node(struct soak *w)
{
    char name[16];
    unsigned i = (unsigned)check_random_below(NODES);
    snprintf(name, sizeof name, "n%u", i);
    if (snapshot_node(&core_cluster(w->s)->snap, str_from(name)) && check_random_below(2))
        core_node_del(w->s, str_from(name), at_s(w->t));
    else
        add_node(w, i);
}

enum kind {
    KOORDINATOR,  /* with a time-out, in the style that fails or that backs off */
    ROLES,        /* in a queue */
    DRIVER,       /* a driver and members to come */
    TOGETHER,     /* two gangs that name each other, most of the time */
    BY_OBJECT,    /* their PodGroup says it: this one, Koordinator's */
    BY_SUBGROUPS, /* KAI's */
    BY_TASKS,     /* Volcano's */
    ALONE,        /* as kube-scheduler knows them */
    QUEUED,       /* alone, in a queue */
    KINDS,
};

/* Some say nothing or nonsense, some name themselves only. */
static const char *others_of(unsigned id, unsigned i)
{
    static char text[200];
    char list[120];
    switch (id % 7) {
    case 0:
        return i % 2 ? "" : ",'gang.scheduling.koordinator.sh/groups':'[7]'";
    case 1:
        snprintf(list, sizeof list, "\\'default/g%u%c\\'", id, "ab"[i % 2]);
        break;
    default:
        snprintf(list, sizeof list, "\\'default/g%ua\\',\\'default/g%ub\\'", id, id);
        break;
    }
    snprintf(text, sizeof text, ",'gang.scheduling.koordinator.sh/groups':'[%s]'", list);
    return text;
}

static const char *gang_meta(unsigned kind, unsigned id, unsigned n, unsigned i)
{
    static char meta[1024];
    unsigned queue = id % 3;
    switch ((enum kind)kind) {
    case KOORDINATOR:
        snprintf(meta, sizeof meta,
                 ",'annotations':{'gang.scheduling.koordinator.sh/name':'g%u',"
                 "'gang.scheduling.koordinator.sh/min-available':'%u',"
                 "'gang.scheduling.koordinator.sh/waiting-time':'%us'}",
                 id, n, 5 + id % 60);
        break;
    case ROLES:
        snprintf(meta, sizeof meta,
                 ",'labels':{'scheduling.ganglion.io/pod-group':'g%u',"
                 "'scheduling.ganglion.io/min-available':'%u','scheduling.ganglion.io/role':'%s',"
                 "'scheduling.ganglion.io/role-min-available':'1'},"
                 "'annotations':{'scheduling.volcano.sh/queue-name':'q%u'}",
                 id, n, i % 2 ? "odd" : "even", queue);
        break;
    case DRIVER:
        snprintf(
            meta, sizeof meta,
            ",'labels':{'applicationId':'g%u'},'annotations':{"
            "'yunikorn.apache.org/schedulingPolicyParameters':"
            "'placeholderTimeoutInSeconds=%u gangSchedulingStyle=%s',"
            "'yunikorn.apache.org/task-group-name':'%s','yunikorn.apache.org/task-groups':"
            "'[{\\'name\\':\\'driver\\',\\'minMember\\':1},{\\'name\\':\\'executor\\',"
            "\\'minMember\\':%u,\\'minResource\\':{\\'cpu\\':\\'1\\',\\'memory\\':\\'1Gi\\'}}]'}",
            id, 5 + id % 40, id % 2 ? "Hard" : "Soft", i ? "executor" : "driver", n);
        break;
    case TOGETHER:
        snprintf(meta, sizeof meta,
                 ",'annotations':{'gang.scheduling.koordinator.sh/name':'g%u%c',"
                 "'gang.scheduling.koordinator.sh/min-available':'%u'%s}",
                 id, "ab"[i % 2], (n + 1 - i % 2) / 2, others_of(id, i));
        break;
    case BY_OBJECT:
        snprintf(meta, sizeof meta, ",'labels':{'pod-group.scheduling.sigs.k8s.io':'g%u'}", id);
        break;
    case BY_SUBGROUPS:
        snprintf(meta, sizeof meta,
                 ",'labels':{'kai.scheduler/subgroup-name':'%c'},"
                 "'annotations':{'pod-group-name':'g%u'}",
                 "ab"[i % 2], id);
        break;
    case BY_TASKS:
        snprintf(
            meta, sizeof meta,
            ",'annotations':{'scheduling.k8s.io/group-name':'g%u','volcano.sh/task-spec':'%c'}", id,
            "ab"[i % 2]);
        break;
    case ALONE:
    case KINDS:
        return "";
    case QUEUED:
        snprintf(meta, sizeof meta, ",'annotations':{'scheduling.volcano.sh/queue-name':'q%u'}",
                 queue);
        break;
    }
    return meta;
}

/* What group objects say, by turns with what makes no sense. n: members. */
static const struct {
    const char *api, *spec;
} specs[] = {
    { "scheduling.sigs.k8s.io/v1alpha1", "'minMember':%u" },
    { "scheduling.sigs.k8s.io/v1alpha1", "'minMember':%u00000000" },
    { "scheduling.sigs.k8s.io/v1alpha1", "'minMember':-%u,'minResources':[]" },
    { "scheduling.run.ai/v2alpha2", "'minMember':%u" },
    { "scheduling.run.ai/v2alpha2",
      "'minMember':%u,'subGroups':[{'name':'a','minMember':1},{'name':'b','minMember':1}]" },
    { "scheduling.run.ai/v2alpha2",
      "'minMember':%u,'subGroups':[{'name':'a','parent':'b'},{'name':'b','parent':'a'}]" },
    { "scheduling.volcano.sh/v1beta1", "'minMember':%u,'minTaskMember':{'a':1,'b':1}" },
    { "scheduling.volcano.sh/v1beta1", "'minMember':%u,'minTaskMember':{'a':'x','b':-1}" },
    { "scheduling.volcano.sh/v1beta1",
      "'minMember':%u,'subGroupPolicy':[{'name':'s','matchLabelKeys':['x'],'subGroupSize':2,"
      "'minSubGroups':1}]" },
};

static void set_object(struct soak *w, unsigned id, size_t which, unsigned n, bool gone)
{
    char spec[300], note[200] = "";
    size_t len = strcspn(specs[which].spec, "%");
    snprintf(spec, sizeof spec, "%.*s%u%s", (int)len, specs[which].spec, n,
             specs[which].spec + len + 2);
    if (which < 3 && id % 3 == 0)
        snprintf(note, sizeof note,
                 ",'annotations':{'gang.scheduling.koordinator.sh/groups':'[\\'default/g%u\\',"
                 "\\'default/g%u\\']'}",
                 id, id + (unsigned)check_random_below(2) - 1);
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'%s','kind':'PodGroup','metadata':{'namespace':"
                                    "'default','name':'g%u'%s},'spec':{%s}}",
                                    specs[which].api, id, note, spec);
    uint32_t bit = gang_object_bit(o);
    CHECK(bit != 0);
    if (gone)
        core_group_del(w->s, bit, o, at_s(w->t));
    else
        core_group_set(w->s, bit, o, at_s(w->t));
}

static void change_object(struct soak *w)
{
    unsigned back = 1 + (unsigned)check_random_below(20);
    if (w->next > back)
        set_object(w, w->next - back, check_random_below(COUNT_OF(specs)),
                   1 + (unsigned)check_random_below(4), check_random_below(4) == 0);
}

static void add_gang(struct soak *w)
{
    static const size_t sense[KINDS] = { [BY_OBJECT] = 0, [BY_SUBGROUPS] = 4, [BY_TASKS] = 6 };
    unsigned kind = (unsigned)check_random_below(KINDS), id = w->next++;
    unsigned n = kind >= ALONE ? 1 : 1 + (unsigned)check_random_below(6);
    unsigned come = check_random_below(5) ? n : n - (unsigned)check_random_below(n); /* not all */
    char name[32], cpu[8], priority[32];
    snprintf(cpu, sizeof cpu, "%u", (unsigned)(1 + check_random_below(5)));
    snprintf(priority, sizeof priority, ",'priority':%u", (unsigned)check_random_below(4) / 2 * 10);
    for (unsigned i = 0; i < come; i++) {
        snprintf(name, sizeof name, "p%u-%u", id, i);
        struct fixture_pod p = { .name = name,
                                 .cpu = kind == DRIVER ? "1" : cpu,
                                 .spec = priority };
        p.gpus = kind == DRIVER ? 0 : (int)check_random_below(4);
        p.meta = gang_meta(kind, id, n, i);
        fixture_pod(w->s, p, at_s(w->t));
    }
    if (kind >= BY_OBJECT && kind <= BY_TASKS)
        set_object(w, id, sense[kind], n, false);
}

static struct spod *any_pod(struct soak *w)
{
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    struct spod *p = snap->pods.n ? snap->pods.items[check_random_below(snap->pods.n)] : NULL;
    return p && !p->to_come ? p : NULL;
}

/* The pod again, as the API shows it after a change: bound where we placed it, and more. */
static void change_pod(struct soak *w, struct spod *p, const char *phase, bool deleting)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    if (p->node >= 0)
        jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"),
                      snap->nodes.items[p->node]->name);
    jnode_set_str(jnode_need_obj(root, STR("status")), STR("phase"), str_from(phase));
    if (deleting)
        jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("deletionTimestamp"),
                      STR("2026-01-01T00:00:00Z"));
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    core_pod_set(w->s, o, at_s(w->t));
}

static void remove_gang(struct soak *w)
{
    struct spod *p = any_pod(w);
    if (!p || !p->gang)
        return;
    struct gang *g = p->gang;
    for (size_t left = g->n_members; left; left--) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct spod *m = LIST_ITEM(g->members.next, struct spod, in_gang);
        core_pod_del(w->s, STR("default"), arena_str(a, m->obj->name), at_s(w->t));
    }
}

static void change_any(struct soak *w)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct spod *p = any_pod(w);
    if (!p)
        return;
    struct str name = arena_str(a, p->obj->name);
    switch (p->view->deleting ? check_random_below(2) : check_random_below(5)) {
    case 0:
        core_pod_del(w->s, STR("default"), name, at_s(w->t));
        break;
    case 1:
        change_pod(w, p, "Succeeded", false);
        break;
    case 2:
        change_pod(w, p, "Failed", false);
        break;
    case 3:
        change_pod(w, p, "Running", p->node >= 0);
        break;
    default:
        if (p->node >= 0)
            change_pod(w, p, "Running", p->view->deleting);
        break;
    }
}

/* The API refuses what was just decided, now and then. */
static void refuse(struct soak *w, const struct decision *d)
{
    struct pod_id *ids = ARENA_ARRAY(w->a, struct pod_id, d->n + 1);
    for (size_t i = 0; i < d->n; i++) {
        const struct kobj *o = d->items[i].pod->obj;
        ids[i] = (struct pod_id){ o->namespace, o->name, o->uid };
    }
    core_forget(w->s, ids, d->n, at_s(w->t));
    w->refused++;
}

static bool is_victim(const struct decision *d, const struct spod *p)
{
    for (size_t i = 0; i < d->n_victims; i++) {
        if (d->victims[i] == p)
            return true;
    }
    return false;
}

/* Nobody's gang is left with less than it needs. */
static void check_eviction(const struct decision *d)
{
    for (size_t i = 0; i < d->n_victims; i++) {
        const struct gang *g = d->victims[i]->gang;
        size_t left = 0;
        if (!g || !g->dialect || !gang_has_started(g))
            continue;
        LIST_EACH (&g->members, at) {
            const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
            left += p->node >= 0 && !p->view->deleting && !p->evicting && !is_victim(d, p);
        }
        CHECK(left == 0 || left + g->n_succeeded >= gang_needs(g));
    }
}

/* Most victims begin to leave, some are kept by the API, some evictions are lost. */
static void evict(struct soak *w, const struct decision *d)
{
    struct spod **victims = ARENA_ARRAY(w->a, struct spod *, d->n_victims + 1);
    size_t n = d->n_victims;
    check_eviction(d);
    memcpy(victims, d->victims, n * sizeof *victims);
    for (size_t i = 0; i < n; i++) {
        const struct kobj *o = victims[i]->obj;
        struct pod_id id = { arena_str(w->a, o->namespace), arena_str(w->a, o->name),
                             arena_str(w->a, o->uid) };
        switch (check_random_below(10)) {
        case 0:
            core_evict_refused(w->s, &id, at_s(w->t));
            break;
        case 1:
            break;
        default:
            change_pod(w, victims[i], "Running", true);
            break;
        }
        w->evicted++;
    }
}

static void decide(struct soak *w)
{
    struct decision d;
    do {
        arena_reset(w->a);
        core_step(w->s, at_s(w->t), w->a, &d);
        if (d.kind == DECISION_LATE)
            w->late++;
        if (d.kind == DECISION_PREEMPT)
            evict(w, &d);
        if (d.kind != DECISION_BIND)
            continue;
        w->bound += d.n;
        w->held += d.reserves;
        w->joint += d.gang->dialect && str_find_char(d.gang->key, '+') > 0;
        check_start(&d);
        if (check_random_below(20) == 0)
            refuse(w, &d);
    } while (d.kind != DECISION_NONE);
}

static void operate(struct soak *w)
{
    uint64_t what = check_random_below(100);
    w->t += (int64_t)check_random_below(4);
    if (core_count(w->s).pods > PODS_MAX)
        remove_gang(w);
    else if (what < 35)
        add_gang(w);
    else if (what < 55)
        remove_gang(w);
    else if (what < 90)
        change_any(w);
    else if (what < 95)
        change_object(w);
    else
        flip_node(w);
}

static void add_queues(struct soak *w)
{
    struct err err = { 0 };
    for (int i = 0; i < 3; i++) {
        AUTO(kobj_unrefp)
        struct kobj *o = fixture_object("{'apiVersion':'scheduling.volcano.sh/v1beta1','kind':"
                                        "'Queue','metadata':{'name':'q%d'},'spec':{'deserved':"
                                        "{'cpu':'%d','nvidia.com/gpu':'%d'},'capability':{'cpu':"
                                        "'%d','nvidia.com/gpu':'%d'}}}",
                                        i, 10 + 10 * i, 5 + 5 * i, 20 + 20 * i, 10 + 10 * i);
        CHECK_OK(core_queue_set(w->s, o, at_s(0), &err), err);
    }
}

static void test_soak(void **state)
{
    (void)state;
    const char *asked = getenv("SOAK_OPERATIONS");
    int64_t operations = OPERATIONS;
    if (asked)
        CHECK(str_to_i64(str_from(asked), &operations));
    struct soak w = { .s = core_new_default(), .a = arena_new(), .t = 1 };
    for (unsigned i = 0; i < NODES; i++)
        add_node(&w, i);
    add_queues(&w);
    for (int64_t i = 0; i < operations; i++) {
        operate(&w);
        check_undo(&w);
        decide(&w);
        if (i % FULL_EVERY == 0)
            check_world(&w);
        if (i && i % TELL_EVERY == 0)
            print_message("%lld operations done\n", (long long)i);
    }
    print_message(
        "%lld operations: %zu pods bound, %zu binds refused, %zu time-outs, %zu gangs with "
        "places held, %zu starts of joint gangs, %zu pods evicted, %zu attempts undone\n",
        (long long)operations, w.bound, w.refused, w.late, w.held, w.joint, w.evicted, w.undone);
    CHECK(w.bound > 100 && w.joint && w.refused && w.late && w.held && w.evicted && w.undone);
    core_free(w.s);
    arena_free(w.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_soak) };
    return CHECK_MAIN(tests);
}
