/* SPDX-License-Identifier: Apache-2.0
 * Evictions come to an end: on random queue trees with gangs and lone pods of several priorities,
 * whoever is evicted comes back and waits again, nothing ever finishes, and hours of virtual time
 * pass. Then nobody may be evicted any more, and nobody may have been evicted by somebody whom he
 * evicted before, over any number of others. */
#include <stdlib.h>

#include "scheduler/preempt/feuds.h"
#include "scheduler/test/fixture.h"

#define WORLDS 40
#define NODES 3
#define TREE 9   /* queues; the first three are tops */
#define CROWD 28 /* gangs and lone pods */
#define MEMBERS_MAX 4
#define ARRIVALS_S 600
#define CALM_S 4000 /* by then it must be quiet … */
#define END_S 9000  /* … and stay so */
#define EVICTIONS_MAX 1000

struct one { /* a gang, or a lone pod that its controller makes anew */
    unsigned members, queue, cpu, gpus, priority, lives;
    bool gang;
    int64_t comes_s;
};

struct world {
    struct sched_core *s;
    struct arena *a;
    int64_t t;
    struct one all[CROWD];
    bool beat[CROWD][CROWD]; /* who evicted whom, ever */
    size_t evictions, late;
};

static void add_queues(struct world *w)
{
    struct err err = { 0 };
    for (unsigned i = 0; i < TREE; i++) {
        char parent[32] = "";
        if (i >= 3)
            snprintf(parent, sizeof parent, "'parent':'q%u',", (unsigned)check_random_below(i));
        AUTO(kobj_unrefp)
        struct kobj *o = fixture_object(
            "{'apiVersion':'aiplatform.ganglion.io/v1alpha1','kind':'AIJobQueue','metadata':{"
            "'name':'q%u'},'spec':{%s'resources':{'cpu':{'nominal':'%u'},'nvidia.com/gpu':{"
            "'nominal':'%u'}}}}",
            i, parent, (unsigned)check_random_below(14), (unsigned)check_random_below(8));
        CHECK_OK(core_queue_set(w->s, o, at_s(0), &err), err);
    }
}

static void add_pod(struct world *w, unsigned i, unsigned m)
{
    const struct one *g = &w->all[i];
    char name[32], meta[512], spec[64], cpu[8];
    snprintf(name, sizeof name, "g%u-%u-%u", i, m, w->all[i].lives++);
    snprintf(spec, sizeof spec, ",'priority':%u", g->priority);
    snprintf(cpu, sizeof cpu, "%u", g->cpu);
    if (g->gang)
        snprintf(meta, sizeof meta,
                 ",'labels':{'scheduling.ganglion.io/pod-group':'g%u',"
                 "'scheduling.ganglion.io/min-available':'%u',"
                 "'scheduling.ganglion.io/queue':'q%u'}",
                 i, g->members, g->queue);
    else
        snprintf(meta, sizeof meta,
                 ",'labels':{'scheduling.ganglion.io/queue':'q%u'},'ownerReferences':[{"
                 "'apiVersion':'apps/v1','kind':'ReplicaSet','name':'g%u','uid':'o%u',"
                 "'controller':true}]",
                 g->queue, i, i);
    struct fixture_pod p = { .name = name, .meta = meta, .spec = spec, .cpu = cpu };
    p.gpus = (int)g->gpus;
    fixture_pod(w->s, p, at_s(w->t));
}

static void arrive(struct world *w)
{
    for (unsigned i = 0; i < CROWD; i++) {
        if (w->all[i].comes_s != w->t)
            continue;
        for (unsigned m = 0; m < w->all[i].members; m++)
            add_pod(w, i, m);
    }
}

static unsigned number_of(const struct spod *p)
{
    return (unsigned)strtoul(p->obj->name.p + 1, NULL, 10); /* "g7-0-3" */
}

/* Does a stand above b: did it evict b, or somebody who stands above b? */
static bool is_above(const struct world *w, unsigned a, unsigned b)
{
    bool seen[CROWD] = { false };
    unsigned stack[CROWD], n = 0;
    stack[n++] = a;
    seen[a] = true;
    while (n) {
        unsigned at = stack[--n];
        if (w->beat[at][b])
            return true;
        for (unsigned i = 0; i < CROWD; i++) {
            if (w->beat[at][i] && !seen[i]) {
                seen[i] = true;
                stack[n++] = i;
            }
        }
    }
    return false;
}

/* The victims go at once, and their controllers make them anew. */
static void evict(struct world *w, const struct decision *d)
{
    unsigned by = number_of(LIST_ITEM(d->gang->members.next, struct spod, in_gang));
    size_t n = d->n_victims;
    unsigned *who = ARENA_ARRAY(w->a, unsigned, n + 1);
    struct str *names = ARENA_ARRAY(w->a, struct str, n + 1);
    for (size_t i = 0; i < n; i++) {
        who[i] = number_of(d->victims[i]);
        names[i] = arena_str(w->a, d->victims[i]->obj->name);
        CHECK(!is_above(w, who[i], by));
    }
    for (size_t i = 0; i < n; i++) {
        w->beat[by][who[i]] = true;
        core_pod_del(w->s, STR("default"), names[i], at_s(w->t));
    }
    for (size_t i = 0; i < n; i++)
        add_pod(w, who[i], (unsigned)(100 + i));
    w->evictions += n;
    CHECK(w->evictions < EVICTIONS_MAX);
    w->late += w->t > CALM_S ? n : 0;
}

/* The API says that it runs. */
static void confirm(struct world *w, struct spod *p)
{
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct jnode *root = jnode_thaw(w->a, kobj_root(p->obj));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"),
                  core_cluster(w->s)->snap.nodes.items[p->node]->name);
    jnode_set_str(jnode_need_obj(root, STR("status")), STR("phase"), STR("Running"));
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    core_pod_set(w->s, o, at_s(w->t));
}

static void decide(struct world *w)
{
    struct decision d;
    do {
        arena_reset(w->a);
        core_step(w->s, at_s(w->t), w->a, &d);
        if (d.kind == DECISION_PREEMPT)
            evict(w, &d);
        for (size_t i = 0; d.kind == DECISION_BIND && i < d.n; i++)
            confirm(w, d.items[i].pod);
    } while (d.kind != DECISION_NONE);
}

static void make_crowd(struct world *w)
{
    for (unsigned i = 0; i < CROWD; i++) {
        struct one *g = &w->all[i];
        *g = (struct one){ .queue = (unsigned)check_random_below(TREE),
                           .gang = check_random_below(3) > 0,
                           .cpu = 1 + (unsigned)check_random_below(5),
                           .gpus = (unsigned)check_random_below(4),
                           .priority = 10 * (unsigned)check_random_below(2),
                           .comes_s = 1 + (int64_t)check_random_below(ARRIVALS_S) };
        g->members = g->gang ? 1 + (unsigned)check_random_below(MEMBERS_MAX) : 1;
    }
}

static size_t run_world(void)
{
    struct world w = { .s = core_new_default(), .a = arena_new() };
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w.s, name, "", "");
    }
    add_queues(&w);
    make_crowd(&w);
    for (w.t = 1; w.t < END_S;) {
        struct mono due;
        arrive(&w);
        decide(&w);
        bool any = core_next_due(w.s, &due);
        int64_t next = any ? (due.ns + NS_PER_S - 1) / NS_PER_S : END_S;
        next = next > w.t ? next : w.t + 1;
        w.t = w.t < ARRIVALS_S + 2 ? w.t + 1 : next;
    }
    CHECK_I64(w.late, 0);
    core_free(w.s);
    arena_free(w.a);
    return w.evictions;
}

static void test_evictions_end(void **state)
{
    (void)state;
    size_t evictions = 0;
    for (int i = 0; i < WORLDS; i++)
        evictions += run_world();
    CHECK(evictions > WORLDS); /* else this shows nothing */
    print_message("%zu pods evicted in %d worlds\n", evictions, WORLDS);
}

/* ---- feuds alone ---- */

static void test_feuds_reach_over_others(void **state)
{
    (void)state;
    struct feuds *f = feuds_new();
    CHECK(!feuds_ask(f, STR("a")));
    feuds_remember(f, STR("b"), STR("a")); /* a evicts b, b evicts c */
    feuds_remember(f, STR("c"), STR("b"));
    feuds_remember(f, STR("a"), STR("c")); /* would close the cycle */
    feuds_remember(f, STR("a"), STR("a"));
    CHECK(!feuds_ask(f, STR("a")));
    CHECK(feuds_ask(f, STR("c")));
    CHECK(feuds_is_above(f, STR("a")) && feuds_is_above(f, STR("b")));
    CHECK(!feuds_is_above(f, STR("c")) && !feuds_is_above(f, STR("d")));
    feuds_free(f);
}

static void test_old_feuds_are_forgotten(void **state)
{
    (void)state;
    struct feuds *f = feuds_new();
    char by[16], victim[16];
    for (int i = 0; i < FEUDS_MAX; i++) {
        snprintf(by, sizeof by, "by%d", i);
        snprintf(victim, sizeof victim, "victim%d", i);
        feuds_remember(f, str_from(victim), str_from(by));
        feuds_remember(f, STR("often"), str_from(by)); /* its evictors are bounded too */
    }
    CHECK(!feuds_ask(f, STR("victim0")));
    CHECK(feuds_ask(f, str_from(victim)) && feuds_is_above(f, str_from(by)));
    CHECK(feuds_ask(f, STR("often")) && feuds_is_above(f, str_from(by)));
    feuds_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evictions_end),
        cmocka_unit_test(test_feuds_reach_over_others),
        cmocka_unit_test(test_old_feuds_are_forgotten),
    };
    return CHECK_MAIN(tests);
}
