/* SPDX-License-Identifier: Apache-2.0
 * Backfill on random days: work of known length comes, starts and ends on virtual time. Nobody for
 * whom room is held starts later than it was first told; when lengths are wrong nothing breaks and
 * all work is done in the end; and holding room makes large gangs start sooner than not holding it.
 */
#include <string.h>

#include "base/num.h"
#include "scheduler/gang/gang_mirror.h"
#include "scheduler/test/fixture.h"

#define NODES 4
#define JOBS 30 /* no more than room is held for */
#define DAY_S 40000

struct job {
    int arrives, runs, said, gpus, members;
    int started, ends; /* 0: not yet */
    int first_told;
    bool gone;
};

struct day {
    struct sched_core *s;
    struct arena *a;
    struct job jobs[JOBS];
    uint64_t random;
    int now;
};

static int pick(struct day *d, int n)
{
    d->random = num_mix64(d->random + 0x9e3779b97f4a7c15u);
    return (int)(d->random % (uint64_t)n);
}

static struct sched_core *core_with(const char *policy)
{
    struct profile *p = profile_new(STR("ganglion"));
    struct err err = { 0 };
    AUTO(kobj_unrefp)
    struct kobj *args =
        fixture_object("{'apiVersion':'v1','kind':'Args','policy':'%s','depth':32}", policy);
    int at = profile_find(p, STR("Backfill"));
    CHECK_OK(profile_configure(p, (size_t)at, kobj_root(args), &err), err);
    p->preempts = false;
    return core_new(&p, 1);
}

static void day_init(struct day *d, const char *policy, uint64_t seed, bool truthful)
{
    *d = (struct day){ .s = core_with(policy), .a = arena_new(), .random = seed };
    for (int i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(d->s, name, "", "");
    }
    for (int i = 0; i < JOBS; i++) {
        struct job *j = &d->jobs[i];
        j->arrives = 1 + pick(d, 600);
        j->runs = 30 + pick(d, 600);
        j->said = truthful ? j->runs : 1 + pick(d, 600);
        j->gpus = 1 + pick(d, 8);
        j->members = pick(d, 3) ? 1 : 1 + pick(d, NODES);
    }
}

static void day_fini(struct day *d)
{
    core_free(d->s);
    arena_free(d->a);
}

static void arrive(struct day *d, int i)
{
    const struct job *j = &d->jobs[i];
    char gang[16], min[16], meta[128];
    snprintf(gang, sizeof gang, "g%d", i);
    snprintf(min, sizeof min, "%d", j->members);
    snprintf(meta, sizeof meta, ",'annotations':{'scheduling.ganglion.io/run-time':'%ds'}",
             j->said);
    for (int m = 0; m < j->members; m++) {
        char name[24];
        snprintf(name, sizeof name, "p%d-%c", i, 'a' + m);
        fixture_member(d->s, (struct fixture_pod){ .name = name, .meta = meta, .gpus = j->gpus },
                       gang, min, at_s(d->now));
    }
}

static void finish(struct day *d, int i)
{
    for (int m = 0; m < d->jobs[i].members; m++) {
        char name[24];
        int n = snprintf(name, sizeof name, "p%d-%c", i, 'a' + m);
        core_pod_del(d->s, STR("default"), str_make(name, (size_t)n), at_s(d->now));
    }
    d->jobs[i].gone = true;
}

static void decide(struct day *d)
{
    struct decision out;
    do {
        arena_reset(d->a);
        core_step(d->s, at_s(d->now), d->a, &out);
        if (out.kind != DECISION_BIND)
            continue;
        struct str key = out.gang->key;
        int64_t i = -1;
        str_to_i64(str_skip(key, sizeof "default/g" - 1), &i);
        CHECK(i >= 0 && i < JOBS);
        d->jobs[i].started = d->now;
        d->jobs[i].ends = d->now + d->jobs[i].runs;
    } while (out.kind != DECISION_NONE);
}

static void note_told(struct day *d)
{
    for (int i = 0; i < JOBS; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "g%d", i);
        struct gang *g = core_gang(d->s, STR("default"), str_make(name, (size_t)n));
        if (g && g->starts_at.ns && !d->jobs[i].first_told && !d->jobs[i].started)
            d->jobs[i].first_told = (int)(g->starts_at.ns / NS_PER_S);
    }
}

/* Lives the day; the mean wait of the jobs that take more than half of all. */
static double live(struct day *d)
{
    int left = JOBS, large = 0;
    double waits = 0;
    for (d->now = 1; left && d->now < DAY_S; d->now++) {
        for (int i = 0; i < JOBS; i++) {
            struct job *j = &d->jobs[i];
            left -= j->ends == d->now;
            if (j->ends == d->now)
                finish(d, i);
            if (j->arrives == d->now)
                arrive(d, i);
        }
        decide(d);
        note_told(d);
    }
    CHECK_I64(left, 0); /* everything was done */
    for (int i = 0; i < JOBS; i++) {
        const struct job *j = &d->jobs[i];
        if (j->gpus * j->members <= 4 * NODES)
            continue;
        large++;
        waits += j->started - j->arrives;
    }
    return large ? waits / large : 0;
}

/* Priorities are equal: who waits longer comes first, so a promise is never taken back. */
static void test_promises_hold(void **state)
{
    (void)state;
    int promised = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct day d;
        day_init(&d, "conservative", seed, true);
        live(&d);
        for (int i = 0; i < JOBS; i++) {
            if (d.jobs[i].first_told && d.jobs[i].started > d.jobs[i].first_told)
                print_message("seed %d job %d: %d, told %d\n", (int)seed, i, d.jobs[i].started,
                              d.jobs[i].first_told);
            CHECK(!d.jobs[i].first_told || d.jobs[i].started <= d.jobs[i].first_told);
            promised += d.jobs[i].first_told != 0;
        }
        day_fini(&d);
    }
    CHECK(promised > JOBS / 2);
}

static void test_lies_do_no_harm(void **state)
{
    (void)state;
    static const char *const policies[] = { "easy", "conservative" };
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        struct day d;
        day_init(&d, policies[i], 11 + i, false);
        live(&d);
        day_fini(&d);
    }
}

static void test_large_gangs_wait_less(void **state)
{
    (void)state;
    double with = 0, without = 0;
    for (uint64_t seed = 21; seed < 23; seed++) {
        struct day d;
        day_init(&d, "easy", seed, true);
        with += live(&d);
        day_fini(&d);
        day_init(&d, "none", seed, true);
        without += live(&d);
        day_fini(&d);
    }
    print_message("large gangs wait %.0f s, without backfill %.0f s\n", with / 2, without / 2);
    CHECK(with < without);
}

static struct json_doc *status_at(struct day *d, struct json old, int64_t drift_ns)
{
    struct json_doc *doc = NULL;
    struct gang *g = core_gang(d->s, STR("default"), STR("g1"));
    struct gang_moment now = { { INT64_C(1800000000) * NS_PER_S + drift_ns }, at_s(d->now) };
    struct err err = { 0 };
    struct jnode *status = gang_mirror_status(d->a, g, core_cluster(d->s), old, now);
    CHECK_OK(jnode_freeze(&doc, status, &err), err);
    return doc;
}

/* The PodGroup says when; clocks that drift a little do not make it say something else. */
static void test_mirror_says_when(void **state)
{
    (void)state;
    struct day d;
    day_init(&d, "easy", 5, true);
    d.jobs[0] = (struct job){ .runs = 600, .said = 600, .gpus = 8, .members = NODES };
    d.jobs[1] = (struct job){ .runs = 60, .said = 60, .gpus = 8, .members = 1 };
    d.now = 10;
    arrive(&d, 0);
    decide(&d);
    d.now = 40;
    arrive(&d, 1);
    decide(&d);
    AUTO(json_doc_unrefp) struct json_doc *first = status_at(&d, (struct json){ 0 }, 0);
    AUTO(json_doc_unrefp) struct json_doc *again = status_at(&d, json_root(first), NS_PER_S);
    CHECK_STR(json_str(json_get(json_root(first), STR("predictedStart"))), "2027-01-15T08:09:30Z");
    CHECK(json_eq(json_root(first), json_root(again)));
    d.now = 50;
    finish(&d, 0);
    decide(&d);
    AUTO(json_doc_unrefp) struct json_doc *after = status_at(&d, json_root(first), 0);
    CHECK_I64(json_type(json_get(json_root(after), STR("predictedStart"))), JSON_NULL);
    day_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_hold),
        cmocka_unit_test(test_lies_do_no_harm),
        cmocka_unit_test(test_large_gangs_wait_less),
        cmocka_unit_test(test_mirror_says_when),
    };
    return CHECK_MAIN(tests);
}
