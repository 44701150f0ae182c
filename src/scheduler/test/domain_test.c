/* SPDX-License-Identifier: Apache-2.0
 * Gangs in network domains against brute force: a gang is placed exactly when some domain of the
 * required level has room for all, into one of the lowest and tightest of them, slices stay whole,
 * and the kept counts equal counting anew. */
#include "scheduler/network/domain_tree.h"
#include "scheduler/state/cluster.h"
#include "scheduler/test/fixture.h"

#define NODES 40
#define LEVELS 3

static const char *const labels[LEVELS] = { "net/block", "net/rack", "net/clique" };

struct world {
    struct sched_core *s;
    struct arena *a;
    int place[NODES][LEVELS]; /* which domain; -1: the label is missing, and those below */
};

static void world_init(struct world *w)
{
    *w = (struct world){ .s = core_new_default(), .a = arena_new() };
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'kueue.x-k8s.io/v1beta2','kind':'Topology',"
                                    "'metadata':{'name':'net'},'spec':{'levels':["
                                    "{'nodeLabel':'net/block'},{'nodeLabel':'net/rack'},"
                                    "{'nodeLabel':'net/clique'}]}}");
    CHECK(core_topology_set(w->s, o, at_s(0)));
    for (int i = 0; i < NODES; i++) {
        char name[16], meta[256];
        int n = snprintf(meta, sizeof meta, ",'labels':{'i':'%d'", i);
        bool lost = false;
        for (int l = 0; l < LEVELS; l++) {
            lost = lost || check_random_below(12) == 0;
            w->place[i][l] = lost ? -1 : (int)check_random_below(3);
            if (!lost)
                n += snprintf(meta + n, sizeof meta - (size_t)n, ",'%s':'d%d'", labels[l],
                              w->place[i][l]);
        }
        snprintf(meta + n, sizeof meta - (size_t)n, "}");
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w->s, name, meta, "");
    }
}

/* A number for the domain of a node at a level; -1: none. */
static int domain_id(const struct world *w, int64_t node, int level)
{
    int id = 0;
    for (int l = 0; l <= level; l++) {
        if (w->place[node][l] < 0)
            return -1;
        id = id * 4 + w->place[node][l] + 1;
    }
    return id;
}

/* What the domains of a level hold by looking at each node: the roomiest, in whole slices. */
static int64_t roomiest(const struct world *w, int level, int gpus, int slice, int slice_level)
{
    const struct snapshot *snap = &core_cluster(w->s)->snap;
    int64_t best = 0;
    for (int d = 0; d < 4 * 4 * 4 * 4; d++) {
        int64_t inner[4 * 4 * 4 * 4] = { 0 }, sum = 0;
        for (int i = 0; i < NODES; i++) {
            const struct snode *n = snap->nodes.items[i];
            int64_t fit = __builtin_popcountll((uint64_t)n->free[DEVICE_NVIDIA]) / gpus;
            int at = slice > 1 ? domain_id(w, i, slice_level) : 0;
            if ((level < 0 || domain_id(w, i, level) == d) && at >= 0)
                inner[at] += fit;
        }
        for (int i = 0; i < 4 * 4 * 4 * 4; i++)
            sum += inner[i] / slice * slice;
        best = sum > best ? sum : best;
    }
    return best;
}

struct wish {
    int n, gpus, level, slice, slice_level; /* level -1: only slices */
};

static void feed(struct world *w, int gang, const struct wish *q, struct mono now)
{
    for (int i = 0; i < q->n; i++) {
        char name[32], id[16], min[16], meta[360], slice[160] = "";
        snprintf(name, sizeof name, "g%d-%d", gang, i);
        snprintf(id, sizeof id, "g%d", gang);
        snprintf(min, sizeof min, "%d", q->n);
        if (q->slice > 1)
            snprintf(slice, sizeof slice,
                     "'scheduling.ganglion.io/topology-slice':'%s',"
                     "'scheduling.ganglion.io/topology-slice-size':'%d',",
                     labels[q->slice_level], q->slice);
        snprintf(meta, sizeof meta, ",'annotations':{%s'%s':'%s'}", slice,
                 q->level < 0 ? "scheduling.ganglion.io/topology-preferred"
                              : "scheduling.ganglion.io/topology-required",
                 labels[q->level < 0 ? 1 : q->level]);
        fixture_member(w->s,
                       (struct fixture_pod){
                           .name = name, .cpu = "1m", .mem = "1Mi", .gpus = q->gpus, .meta = meta },
                       id, min, now);
    }
}

static void check_placed(const struct world *w, const struct decision *d, const struct wish *q)
{
    CHECK_I64(d->n, q->n);
    for (size_t i = 0; q->level >= 0 && i < d->n; i++) {
        int at = domain_id(w, d->items[i].where.node, q->level);
        CHECK(at >= 0 && at == domain_id(w, d->items[0].where.node, q->level));
    }
    for (size_t i = 0; q->slice > 1 && i < d->n; i++) {
        int mine = domain_id(w, d->items[i].where.node, q->slice_level), same = 0;
        CHECK(mine >= 0);
        for (size_t j = 0; j < d->n; j++)
            same += domain_id(w, d->items[j].where.node, q->slice_level) == mine;
        CHECK_I64(same % q->slice, 0);
    }
}

static void test_against_brute_force(void **state)
{
    (void)state;
    int placed = 0, refused = 0;
    for (int round = 0; round < 20; round++) {
        struct world w;
        world_init(&w);
        for (int gang = 0; gang < 40; gang++) {
            struct wish q = { .gpus = 1 << check_random_below(4),
                              .level = (int)check_random_below(LEVELS + 1) - 1,
                              .slice = 1 };
            q.n = 1 + (int)check_random_below((uint64_t)(32 / q.gpus));
            if (check_random_below(3) == 0 || q.level < 0) {
                q.slice = 2 + (int)check_random_below(3);
                q.slice_level =
                    q.level < 0 ? 1
                                : q.level + (int)check_random_below((uint64_t)(LEVELS - q.level));
                q.n = q.slice * (1 + q.n / 4);
            }
            int64_t most = roomiest(&w, q.level, q.gpus, q.slice, q.slice_level);
            uint64_t hash = snapshot_hash(&core_cluster(w.s)->snap);
            struct decision d;
            feed(&w, gang, &q, at_s(gang + 1));
            hash = snapshot_hash(&core_cluster(w.s)->snap);
            core_step(w.s, at_s(gang + 1), w.a, &d);
            CHECK_I64(d.kind, most >= q.n ? DECISION_BIND : DECISION_WAIT);
            if (d.kind == DECISION_BIND) {
                check_placed(&w, &d, &q);
                placed++;
            } else {
                CHECK(str_find(d.message, STR("no domain of")) >= 0);
                CHECK(snapshot_hash(&core_cluster(w.s)->snap) == hash);
                refused++;
            }
            for (int i = 0; i < q.n && (d.kind == DECISION_WAIT || check_random_below(4) == 0);
                 i++) {
                char name[32];
                snprintf(name, sizeof name, "g%d-%d", gang, i);
                core_pod_del(w.s, STR("default"), str_from(name), at_s(gang + 1));
            }
            arena_reset(w.a);
        }
        core_free(w.s);
        arena_free(w.a);
    }
    CHECK(placed > 150 && refused > 60);
}

/* Counts kept from the journal against counts of a tree made anew. */
static void test_kept_counts(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    struct cluster *c = core_cluster(w.s);
    for (int round = 0; round < 200; round++) {
        char name[32];
        struct decision d;
        snprintf(name, sizeof name, "p%d", round);
        fixture_pod(w.s, (struct fixture_pod){ .name = name, .cpu = "1m", .mem = "1Mi", .gpus = 2 },
                    at_s(round));
        core_step(w.s, at_s(round), w.a, &d);
        if (round % 3 == 0) {
            snprintf(name, sizeof name, "p%d", (int)check_random_below((uint64_t)round + 1));
            core_pod_del(w.s, STR("default"), str_from(name), at_s(round));
        }
        struct spod *p = NULL;
        for (size_t i = 0; i < c->snap.pods.n && !p; i++)
            p = c->snap.pods.items[i];
        if (!p)
            continue;
        struct domain_tree *t = domain_tree_get(c->forest, &c->snap, STR("net"), STR("net/rack"));
        const struct domain_counts *k = domain_count(t, c, p->shape);
        for (uint32_t i = 0; i < t->n; i++) {
            int64_t sum = 0;
            for (uint32_t n = 0; n < NODES; n++) {
                int64_t fit = __builtin_popcountll((uint64_t)c->snap.nodes.items[n]->free[0]) / 2;
                sum += domain_is_within(t, t->of[n], i) ? fit : 0;
            }
            CHECK_I64(k->sum[i], sum);
        }
        arena_reset(w.a);
    }
    core_free(w.s);
    arena_free(w.a);
}

/* Tiers of HyperNodes are levels; a member by name, by label, and one that is in none. */
static void test_hyper_nodes(void **state)
{
    (void)state;
    static const char *const objects[] = {
        "{'apiVersion':'topology.volcano.sh/v1alpha1','kind':'HyperNode','metadata':{'name':'s0'},"
        "'spec':{'tier':1,'members':[{'type':'Node','selector':{'exactMatch':{'name':'n0'}}},"
        "{'type':'Node','selector':{'exactMatch':{'name':'n1'}}}]}}",
        "{'apiVersion':'topology.volcano.sh/v1alpha1','kind':'HyperNode','metadata':{'name':'s1'},"
        "'spec':{'tier':1,'members':[{'type':'Node','selector':{'labelMatch':{'matchLabels':"
        "{'leaf':'one'}}}}]}}",
        "{'apiVersion':'topology.volcano.sh/v1alpha1','kind':'HyperNode','metadata':{'name':'top'},"
        "'spec':{'tier':2,'members':[{'type':'HyperNode','selector':{'exactMatch':{'name':'s0'}}},"
        "{'type':'HyperNode','selector':{'exactMatch':{'name':'s1'}}}]}}",
    };
    struct sched_core *s = core_new_default();
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        AUTO(kobj_unrefp) struct kobj *o = fixture_object("%s", objects[i]);
        CHECK(core_topology_set(s, o, at_s(0)));
    }
    fixture_node(s, "n0", "", "");
    fixture_node(s, "n1", "", "");
    fixture_node(s, "n2", ",'labels':{'leaf':'one'}", "");
    fixture_node(s, "n3", "", "");
    struct cluster *c = core_cluster(s);
    struct domain_tree *t =
        domain_tree_get(c->forest, &c->snap, (struct str){ 0 }, STR("volcano.sh/tier-1"));
    CHECK_I64(t->n_levels, 2);
    CHECK_I64(domain_level(t, STR("volcano.sh/tier-2")), 1);
    CHECK_STR(t->items[t->of[0]].value, "s0");
    CHECK_I64(t->of[0], t->of[1]);
    CHECK_STR(t->items[t->of[2]].value, "s1");
    CHECK_I64(t->items[t->of[2]].parent, t->items[t->of[0]].parent);
    CHECK_I64(t->of[3], DOMAIN_ROOT);
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_kept_counts),
        cmocka_unit_test(test_hyper_nodes),
    };
    return CHECK_MAIN(tests);
}
