/* SPDX-License-Identifier: Apache-2.0
 * Properties under random events: nothing is over-committed, no device is held twice, no gang is
 * placed in part, a rollback restores the snapshot exactly, and the kept scores agree with asking
 * every plugin anew. */
#include "scheduler/core/core.h"
#include "scheduler/cycle/cache.h"
#include "scheduler/cycle/select.h"
#include "scheduler/test/fixture.h"

#define NODES 12
#define ROUNDS 3000

static void check_node(const struct snapshot *s, const struct snode *n)
{
    uint64_t held = 0, parts = 0;
    int64_t milli[8] = { 0 };
    int64_t cell_cpu[2] = { 0 };
    for (uint32_t r = 0; r < s->n_res; r++)
        CHECK(s->used[r][n->id] >= 0 && s->used[r][n->id] <= s->alloc[r][n->id]);
    for (int64_t id = n->first_pod; id >= 0; id = s->pods.items[id]->next) {
        const struct spod *p = s->pods.items[id];
        uint64_t mine = (uint64_t)p->devices[DEVICE_NVIDIA];
        CHECK_I64(__builtin_popcountll(mine), p->shape->devices[DEVICE_NVIDIA]);
        CHECK((held & mine) == 0);
        held |= mine;
        CHECK_I64(__builtin_popcountll((uint64_t)p->shared), p->shape->share.devices);
        parts |= (uint64_t)p->shared;
        for (unsigned i = 0; i < 8; i++)
            milli[i] += p->shared >> i & 1 ? p->part_milli : 0;
        for (unsigned c = 0; c < 2; c++) {
            if (p->cells & (1 << c))
                cell_cpu[c] += cell_share(p->shape->cpu, (uint32_t)p->cells & 3, c);
        }
    }
    CHECK((held & parts) == 0);
    CHECK_I64(n->free[DEVICE_NVIDIA], 0xff & ~(held | parts));
    for (unsigned i = 0; i < 8; i++) {
        CHECK_I64(n->shares[i].milli, milli[i]);
        CHECK(milli[i] <= 1000);
    }
    for (unsigned c = 0; c < 2; c++) {
        CHECK_I64(n->cells[c].cpu_used, cell_cpu[c]);
        CHECK(cell_cpu[c] <= n->topology.cells[c].cpu_milli);
    }
}

static void check_world(struct sched_core *s)
{
    const struct snapshot *snap = &core_cluster(s)->snap;
    for (size_t i = 0; i < snap->nodes.n; i++) {
        if (snap->nodes.items[i]->alive)
            check_node(snap, snap->nodes.items[i]);
    }
    for (size_t i = 0; i < snap->pods.n; i++) {
        const struct spod *p = snap->pods.items[i];
        const struct gang *g = p ? p->gang : NULL;
        if (g && g->dialect && g->n_placed && g->n_members >= gang_needs(g)) {
            CHECK(g->n_placed >= gang_needs(g));
            CHECK(gang_has_started(g)); /* of each role too */
        }
    }
}

static struct fixture_pod random_pod(char *name, size_t cap, unsigned id)
{
    static const char *const numa[] = { "single-numa", "restricted", "best-effort", "isolated" };
    static char meta[160], cpu[16];
    struct fixture_pod p = { .name = name, .cpu = cpu };
    snprintf(name, cap, "p%u", id);
    snprintf(cpu, sizeof cpu, "%u", (unsigned)(1 + check_random_below(6)));
    p.gpus = (int)check_random_below(5);
    p.scheduler = check_random_below(2) ? "ganglion" : "default-scheduler";
    if (check_random_below(3) == 0) {
        snprintf(meta, sizeof meta, ",'annotations':{'numa.scheduling.kubenexus.io/policy':'%s'}",
                 numa[check_random_below(4)]);
        p.meta = meta;
    } else if (check_random_below(3) == 0) {
        p.gpus = 0;
        snprintf(meta, sizeof meta,
                 ",'annotations':{'gpu-fraction':'0.%u','gpu-fraction-num-devices':'%u'}",
                 (unsigned)(1 + check_random_below(99)), (unsigned)(1 + check_random_below(3)));
        p.meta = meta;
    }
    return p;
}

/* A worker of so many that must start together, or with 0 a member without a role. */
static void add_role_member(struct sched_core *s,
                            struct fixture_pod p,
                            const char *const gang[2],
                            unsigned workers,
                            struct mono now)
{
    static char meta[640];
    char role[160] = "";
    if (workers)
        snprintf(role, sizeof role,
                 ",'scheduling.ganglion.io/role':'w',"
                 "'scheduling.ganglion.io/role-min-available':'%u'",
                 workers);
    snprintf(meta, sizeof meta,
             ",'labels':{'scheduling.ganglion.io/pod-group':'%s',"
             "'scheduling.ganglion.io/min-available':'%s'%s}%s",
             gang[0], gang[1], role, p.meta ? p.meta : "");
    p.meta = meta;
    fixture_pod(s, p, now);
}

static void add_random(struct sched_core *s, unsigned *next, struct mono now)
{
    char name[32], gang[32], min[16];
    unsigned n = check_random_below(3) ? 1 : (unsigned)(2 + check_random_below(5));
    unsigned workers = n > 1 ? 1 + (unsigned)check_random_below(n - 1) : 0;
    bool roles = check_random_below(2);
    snprintf(gang, sizeof gang, "g%u", *next);
    snprintf(min, sizeof min, "%u", roles ? n - (unsigned)check_random_below(n) : n);
    struct fixture_pod first = random_pod(name, sizeof name, *next);
    for (unsigned i = 0; i < n; i++) {
        struct fixture_pod p = check_random_below(2) ? first : random_pod(name, sizeof name, *next);
        snprintf(name, sizeof name, "p%u", (*next)++);
        p.name = name;
        if (n > 1 && roles)
            add_role_member(s, p, (const char *[]){ gang, min }, i < workers ? workers : 0, now);
        else if (n > 1)
            fixture_member(s, p, gang, min, now);
        else
            fixture_pod(s, p, now);
    }
}

/* Whole gangs leave, so that "placed in part" stays a fault. */
static void remove_random(struct sched_core *s, struct mono now)
{
    const struct snapshot *snap = &core_cluster(s)->snap;
    if (!snap->pods.n)
        return;
    struct spod *p = snap->pods.items[check_random_below(snap->pods.n)];
    if (!p)
        return;
    struct gang *g = p->gang;
    for (size_t left = g->n_members; left; left--) {
        struct spod *m = LIST_ITEM(g->members.next, struct spod, in_gang);
        core_pod_del(s, STR("default"), m->obj->name, now);
    }
}

/* Asking classes against asking every node. */
static void
check_refused(struct cluster *c, const struct spod *p, struct arena *a, const struct evaluation *e)
{
    struct evaluation by_class;
    evaluate_refused(c, p, a, &by_class);
    CHECK_I64(by_class.n_feasible, e->n_feasible);
    for (size_t i = 0; i < e->n_nodes; i++) {
        CHECK_I64(by_class.nodes[i].verdict, e->nodes[i].verdict);
        CHECK_I64(by_class.nodes[i].plugin, e->nodes[i].plugin);
    }
    CHECK_STR_EQ(evaluation_message(a, c, &by_class), evaluation_message(a, c, e));
}

/* The kept scores against asking everybody anew. */
static void check_cache(struct sched_core *s)
{
    struct cluster *c = core_cluster(s);
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < c->snap.pods.n; i++) {
        struct spod *p = c->snap.pods.items[i];
        if (!p || p->node >= 0)
            continue;
        struct evaluation e;
        struct placement where;
        evaluate(c, p, true, a, &e);
        check_refused(c, p, a, &e);
        bool found = select_node(c, p, a, &where);
        CHECK_I64(found, e.n_feasible > 0);
        int64_t best = -1, got = -2;
        for (size_t j = 0; j < e.n_feasible; j++) {
            best = e.totals[j] > best ? e.totals[j] : best;
            if (found && e.feasible[j] == (uint32_t)where.node)
                got = e.totals[j];
        }
        CHECK(!found || got == best || p->kept); /* it goes to the room that is held for it */
        arena_reset(a);
    }
}

static void test_invariants(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    unsigned next = 0;
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(s, name, i % 3 ? "" : ",'labels':{'zone':'a'}",
                     i % 4 ? "" : "'taints':[{'key':'k','effect':'PreferNoSchedule'}]");
    }
    for (int64_t t = 1; t < ROUNDS; t++) {
        struct decision d;
        if (check_random_below(3))
            add_random(s, &next, at_s(t));
        else
            remove_random(s, at_s(t));
        do {
            arena_reset(a);
            core_step(s, at_s(t), a, &d);
        } while (d.kind != DECISION_NONE);
        if (core_count(s).pods > 120)
            remove_random(s, at_s(t));
        if (t % 20 == 0) {
            check_world(s);
            check_cache(s);
        }
    }
    struct core_counts n = core_count(s);
    CHECK(n.bound_pods > 500 && n.cycles > n.bound_pods / 4); /* both outcomes happened, often */
    CHECK(n.parked > 0);
    core_free(s);
}

static void test_rollback_restores_the_hash(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    unsigned next = 0;
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(s, name, "", "");
    }
    while (next < 200)
        add_random(s, &next, at_s(1));
    struct snapshot *snap = &core_cluster(s)->snap;
    for (int round = 0; round < 200; round++) {
        uint64_t before = snapshot_hash(snap);
        size_t mark = snapshot_mark(snap);
        for (int i = 0; i < 40; i++) {
            struct spod *p = snap->pods.items[check_random_below(snap->pods.n)];
            struct placement where = { .node = (int64_t)check_random_below(NODES),
                                       .cells = (uint32_t)check_random_below(4),
                                       .devices = { check_random() & 0xff },
                                       .shared = check_random() & check_random() & 0xff,
                                       .part_milli = 1 + (int64_t)check_random_below(1000),
                                       .part_mem_mib = (int64_t)check_random_below(99) };
            if (p->node < 0)
                snapshot_place(snap, p, &where);
            else
                snapshot_remove(snap, p);
        }
        CHECK(snapshot_hash(snap) != before);
        if (round % 4) {
            snapshot_rollback(snap, mark);
            CHECK(snapshot_hash(snap) == before);
        } else {
            snapshot_commit(snap);
        }
    }
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_rollback_restores_the_hash),
    };
    return CHECK_MAIN(tests);
}
