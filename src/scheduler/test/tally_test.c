/* SPDX-License-Identifier: Apache-2.0
 * What is kept about pods per domain is what counting anew gives, whatever happens in between:
 * pods that come, go and change labels, transactions that are rolled back, nodes that come, go and
 * change labels; and tallies that are made in the middle of any of it. */
#include "scheduler/config/profile.h"
#include "scheduler/cycle/evaluate.h"
#include "scheduler/state/relations.h"
#include "scheduler/state/tally.h"
#include "scheduler/test/related.h"

#define ROUNDS 600

/* The same pod says something else about itself, or that it is to go. */
static void relabel_pod(struct sched_core *s, unsigned i)
{
    char name[16], spec[700] = "";
    snprintf(name, sizeof name, "p%u", i);
    struct spod *p = core_pod(s, STR("default"), str_from(name));
    if (!p || p->node < 0)
        return;
    struct str node = core_cluster(s)->snap.nodes.items[p->node]->name;
    char at[32];
    snprintf(at, sizeof at, "%.*s", STR_ARG(node));
    snprintf(spec, sizeof spec, "%s", related_one_of(related_rules, COUNT_OF(related_rules)));
    struct fixture_pod f = { .name = name,
                             .cpu = "100m",
                             .meta = related_meta(check_random_below(2)),
                             .spec = spec,
                             .node = at };
    AUTO(kobj_unrefp) struct kobj *o = fixture_pod_object(&f);
    static char uids[RELATED_PODS][32]; /* of the pods as they came */
    snprintf(uids[i], sizeof uids[i], "%.*s", STR_ARG(p->obj->uid));
    o->uid = str_from(uids[i]);
    p->assumed = check_random_below(2); /* the way of those that are being bound */
    core_pod_set(s, o, at_s(1));
}

/* A question makes the tallies that it needs, if they are not there. */
static void ask(struct sched_core *s)
{
    struct cluster *c = core_cluster(s);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct spod *p =
        c->snap.pods.n ? c->snap.pods.items[check_random_below((uint32_t)c->snap.pods.n)] : NULL;
    struct evaluation e;
    if (p && p->node < 0)
        evaluate(c, p, true, a, &e);
}

static void place_and_remove(struct sched_core *s, int n)
{
    struct snapshot *snap = &core_cluster(s)->snap;
    for (int i = 0; i < n && snap->pods.n; i++) {
        struct spod *p = snap->pods.items[check_random_below((uint32_t)snap->pods.n)];
        struct snode *n_at = snap->nodes.items[check_random_below((uint32_t)snap->nodes.n)];
        if (p && p->node >= 0)
            snapshot_remove(snap, p);
        else if (p && n_at->alive)
            snapshot_place(snap, p, &(struct placement){ .node = n_at->id });
        if (check_random_below(4) == 0)
            ask(s);
    }
}

static void try_things(struct sched_core *s)
{
    struct snapshot *snap = &core_cluster(s)->snap;
    size_t mark = snapshot_mark(snap);
    uint64_t before = snapshot_hash(snap);
    place_and_remove(s, 5);
    size_t inner = snapshot_mark(snap);
    place_and_remove(s, 5);
    CHECK(tallies_hold(snap->tallies));
    if (check_random_below(2))
        snapshot_rollback(snap, inner);
    CHECK(tallies_hold(snap->tallies));
    snapshot_rollback(snap, mark);
    CHECK(tallies_hold(snap->tallies));
    CHECK(snapshot_hash(snap) == before);
    snapshot_commit(snap);
}

static void node_comes_or_goes(struct sched_core *s)
{
    unsigned i = (unsigned)check_random_below(RELATED_NODES);
    char name[16];
    snprintf(name, sizeof name, "n%u", i);
    if (check_random_below(4))
        related_node(s, i);
    else
        core_node_del(s, str_from(name), at_s(1));
}

static void test_kept_counts_are_fresh_counts(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    struct tallies *ts = core_cluster(s)->snap.tallies;
    size_t most = 0;
    for (unsigned i = 0; i < RELATED_NODES; i++)
        related_node(s, i);
    for (int round = 0; round < ROUNDS; round++) {
        related_pod(s, (unsigned)check_random_below(RELATED_PODS));
        relabel_pod(s, (unsigned)check_random_below(RELATED_PODS));
        if (check_random_below(4) == 0)
            node_comes_or_goes(s);
        CHECK(tallies_hold(ts));
        ask(s);
        try_things(s);
        most = tallies_count(ts) > most ? tallies_count(ts) : most;
    }
    CHECK(most > 15); /* there was something to keep */
    core_free(s);
}

/* ---- one by one ---- */

struct small {
    struct sched_core *s;
    struct snapshot *snap;
    struct arena *a;
};

static struct small small_new(void)
{
    struct small w = { core_new_default(), NULL, arena_new() };
    w.snap = &core_cluster(w.s)->snap;
    fixture_node(w.s, "n1", ",'labels':{'zone':'a'}", "");
    fixture_node(w.s, "n2", ",'labels':{'zone':'a'}", "");
    fixture_node(w.s, "n3", ",'labels':{'zone':'b'}", "");
    fixture_node(w.s, "n4", "", "");
    return w;
}

static void small_free(struct small *w)
{
    core_free(w->s);
    arena_free(w->a);
}

static const struct tally *webs(const struct small *w)
{
    static struct str value = STR_INIT("web"), own = STR_INIT("default");
    static struct need need = { STR_INIT("app"), NEED_IN, { &value, 1 } };
    static const struct podset wanted = { { &own, 1 }, false, { true, &need, 1 } };
    struct tally_ask q = { .sets = &wanted, .n_sets = 1, .key = STR("zone") };
    return tally_get(w->snap->tallies, &q, w->a);
}

static int64_t at(const struct tally *t, uint32_t node)
{
    return t->sum[t->domains->of[node]];
}

static void web(const struct small *w, const char *name, const char *node)
{
    fixture_pod(
        w->s, (struct fixture_pod){ .name = name, .meta = ",'labels':{'app':'web'}", .node = node },
        at_s(1));
}

static void test_pods_are_counted_where_they_are(void **state)
{
    (void)state;
    struct small w = small_new();
    web(&w, "p1", "n1");
    const struct tally *t = webs(&w);
    web(&w, "p2", "n2");
    web(&w, "p3", "n4"); /* without a zone */
    fixture_pod(w.s, (struct fixture_pod){ .name = "q", .node = "n3" }, at_s(1));
    CHECK(webs(&w) == t); /* one question, one tally */
    CHECK_I64(at(t, 0), 2);
    CHECK_I64(at(t, 2), 0);
    CHECK_I64(at(t, 3), 0);
    CHECK_I64(t->total, 2);
    CHECK_I64(t->n_seen, 2);
    CHECK_I64(tally_min(t), 0);
    core_pod_del(w.s, STR("default"), STR("p1"), at_s(2));
    CHECK_I64(at(t, 0), 1);
    small_free(&w);
}

static void test_a_node_takes_its_pods_along(void **state)
{
    (void)state;
    struct small w = small_new();
    web(&w, "p1", "n1");
    const struct tally *t = webs(&w);
    fixture_node(w.s, "n1", ",'labels':{'zone':'b'}", "");
    CHECK_I64(at(t, 1), 0);
    CHECK_I64(at(t, 2), 1);
    fixture_node(w.s, "n3", ",'labels':{'zone':'c'}", "");
    CHECK_I64(at(t, 0), 1); /* now n1's alone */
    CHECK_I64(at(t, 2), 0);
    CHECK_I64(t->n_seen, 3);
    small_free(&w);
}

static void test_a_tally_made_in_a_transaction_ends_with_it(void **state)
{
    (void)state;
    struct small w = small_new();
    web(&w, "p1", NULL);
    struct spod *p = core_pod(w.s, STR("default"), STR("p1"));
    size_t mark = snapshot_mark(w.snap);
    snapshot_place(w.snap, p, &(struct placement){ .node = 0 });
    CHECK_I64(at(webs(&w), 0), 1);
    snapshot_rollback(w.snap, mark);
    CHECK_I64(at(webs(&w), 0), 0);
    CHECK_I64(webs(&w)->total, 0);
    snapshot_commit(w.snap);
    small_free(&w);
}

static void test_the_least_used_make_room(void **state)
{
    (void)state;
    struct small w = small_new();
    const struct tally *kept = webs(&w);
    char key[32];
    for (int i = 0; i < TALLIES_MAX + 100; i++) {
        snprintf(key, sizeof key, "zone-%d", i);
        struct tally_ask q = { .nobody = true,
                               .key = STR("zone"),
                               .labels = &(struct str){ key, strlen(key) },
                               .n_labels = 1 };
        tally_get(w.snap->tallies, &q, w.a);
        CHECK(i % 50 || webs(&w) == kept);
    }
    CHECK_I64(tallies_count(w.snap->tallies), TALLIES_MAX);
    small_free(&w);
}

/* ---- what tallies are asked about ---- */

static void anti(const struct small *w, const char *name, const char *more)
{
    char spec[300];
    snprintf(spec, sizeof spec,
             ",'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
             "'topologyKey':'zone','labelSelector':{'matchLabels':{'app':'web'}}%s}]}}",
             more);
    fixture_pod(w->s, (struct fixture_pod){ .name = name, .spec = spec }, at_s(1));
}

static const struct relations *relations_of(const struct small *w, const char *pod)
{
    return core_pod(w->s, STR("default"), str_from(pod))->relations;
}

/* The same pod in another namespace. */
static struct relations *elsewhere(const struct small *w, const char *pod)
{
    struct spod *p = core_pod(w->s, STR("default"), str_from(pod));
    struct str ns = p->obj->namespace;
    p->obj->namespace = STR("other");
    struct relations *r = relations_get(w->snap->relations, p->obj, &p->labels);
    p->obj->namespace = ns;
    return r;
}

static void test_pods_that_say_the_same_share_it(void **state)
{
    (void)state;
    struct small w = small_new();
    anti(&w, "p1", "");
    anti(&w, "p2", "");
    anti(&w, "p3", ",'namespaces':['default','shop']");
    CHECK(relations_of(&w, "p1") == relations_of(&w, "p2"));
    CHECK(relations_of(&w, "p1") != relations_of(&w, "p3"));
    struct relations *own = elsewhere(&w, "p1"), *named = elsewhere(&w, "p3");
    CHECK(own != relations_of(&w, "p1")); /* "here" is another place there */
    CHECK(named == relations_of(&w, "p3"));
    relations_put(w.snap->relations, w.snap->tallies, own);
    relations_put(w.snap->relations, w.snap->tallies, named);
    small_free(&w);
}

static bool spreads(const struct small *w, const char *pod)
{
    struct spod *p = core_pod(w->s, STR("default"), str_from(pod));
    struct evaluation e;
    evaluate(core_cluster(w->s), p, true, w->a, &e);
    return e.scores[profile_find(p->shape->profile, STR("PodTopologySpread"))] != NULL;
}

static void service(const struct small *w, const char *selector, bool there)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'v1','kind':'Service','metadata':{'namespace':"
                                    "'default','name':'s'},'spec':{'selector':{%s}}}",
                                    selector);
    if (there)
        core_selecting_set(w->s, SELECTING_SERVICE, o, at_s(1));
    else
        core_selecting_del(w->s, SELECTING_SERVICE, o);
}

static void test_services_that_select_a_pod_spread_it(void **state)
{
    (void)state;
    struct small w = small_new();
    fixture_pod(w.s,
                (struct fixture_pod){ .name = "p",
                                      .scheduler = "default-scheduler",
                                      .meta = ",'labels':{'app':'web','tier':'x'}" },
                at_s(1));
    CHECK(!spreads(&w, "p"));
    service(&w, "'app':'web','tier':'x'", true);
    CHECK(spreads(&w, "p"));
    service(&w, "'app':'web','tier':'y'", true); /* the same Service, changed */
    CHECK(!spreads(&w, "p"));
    service(&w, "", true);
    CHECK(!spreads(&w, "p"));
    service(&w, "'tier':'x'", true);
    CHECK(spreads(&w, "p"));
    service(&w, "'tier':'x'", false);
    CHECK(!spreads(&w, "p"));
    small_free(&w);
}

/* So many pods that want no web in their zone, each in words of its own, that their terms are added
 * up; the last one is in another zone. */
static void test_terms_of_many_others(void **state)
{
    (void)state;
    static const int counts[] = { 3, 64, 65, 200 };
    for (size_t k = 0; k < COUNT_OF(counts); k++) {
        struct small w = small_new();
        for (int i = 0; i < counts[k]; i++) {
            char name[16], spec[300];
            snprintf(name, sizeof name, "p%d", i);
            snprintf(spec, sizeof spec,
                     ",'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecuti"
                     "on':[{'topologyKey':'zone','namespaces':['default','ns-%d'],'labelSelector':{"
                     "'matchLabels':{'app':'web'}}}]}}",
                     i);
            fixture_pod(w.s,
                        (struct fixture_pod){
                            .name = name, .cpu = "1m", .spec = spec, .node = i ? "n1" : "n4" },
                        at_s(1));
        }
        web(&w, "web", NULL);
        struct evaluation e;
        evaluate(core_cluster(w.s), core_pod(w.s, STR("default"), STR("web")), true, w.a, &e);
        CHECK_I64(e.n_feasible, 2);
        CHECK_I64(e.feasible[0], 2);
        CHECK_I64(e.feasible[1], 3); /* has a pod that objects, but no zone */
        small_free(&w);
    }
}

static void test_too_many_rules_are_refused(void **state)
{
    (void)state;
    struct small w = small_new();
    char spec[9000] = ",'topologySpreadConstraints':[";
    size_t n = strlen(spec);
    for (int i = 0; i < 65; i++)
        n += (size_t)snprintf(spec + n, sizeof spec - n,
                              "%s{'maxSkew':1,'topologyKey':'k%d','whenUnsatisfiable':"
                              "'DoNotSchedule','labelSelector':{}}",
                              i ? "," : "", i);
    snprintf(spec + n, sizeof spec - n, "]");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .spec = spec }, at_s(1));
    struct evaluation e;
    evaluate(core_cluster(w.s), core_pod(w.s, STR("default"), STR("p")), true, w.a, &e);
    CHECK(e.rejected_by >= 0);
    CHECK_STR(e.rejected_why.text[0], "pod has more than 64 topology spread constraints");
    small_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pods_are_counted_where_they_are),
        cmocka_unit_test(test_a_node_takes_its_pods_along),
        cmocka_unit_test(test_a_tally_made_in_a_transaction_ends_with_it),
        cmocka_unit_test(test_the_least_used_make_room),
        cmocka_unit_test(test_pods_that_say_the_same_share_it),
        cmocka_unit_test(test_services_that_select_a_pod_spread_it),
        cmocka_unit_test(test_terms_of_many_others),
        cmocka_unit_test(test_too_many_rules_are_refused),
        cmocka_unit_test(test_kept_counts_are_fresh_counts),
    };
    return CHECK_MAIN(tests);
}
