/* SPDX-License-Identifier: Apache-2.0
 * Plugins of others: they decide like ours, and nothing they answer is believed. Their libraries
 * are imitated by tables here; tests/e2e/plugin_test.py has real ones. */
#include "scheduler/outside/outside.h"

#include <ganglion/plugin.h>
#include <math.h>
#include <stdlib.h>

#include "scheduler/config/config.h"
#include "scheduler/test/fixture.h"

/* ---- a world whose clock the plugin moves ---- */

static int64_t clock_ns, step_ns;
static const char *blamed;
static size_t asked; /* how often a hook ran */

static int64_t now_ns(void)
{
    return clock_ns;
}

static void blame(const char *whom)
{
    blamed = whom;
}

static const struct outside_world world = { now_ns, blame };

/* ---- a plugin that answers what it is told ---- */

static struct {
    int32_t verdict;
    double score;
    const char *why;
    size_t n_whys; /* so many bytes of 'x' instead */
    double normalised;
} say;

static const struct ganglion_host *host;
static char seen[512];
static int started, stopped;

static int32_t
start(const struct ganglion_host *h, const char *args, void **self, char *why, size_t room)
{
    host = h;
    if (strstr(args, "bad")) {
        snprintf(why, room, "bad is not good");
        return -1;
    }
    *self = strdup(args);
    started++;
    return 0;
}

static void stop(void *self)
{
    free(self);
    stopped++;
}

static void tick(void)
{
    CHECK(blamed != NULL); /* whoever crashes now is named */
    asked++;
    clock_ns += step_ns;
}

static int32_t filter(void *self,
                      const struct ganglion_pod *pod,
                      const struct ganglion_node *node,
                      char *why,
                      size_t room)
{
    (void)self;
    (void)pod;
    (void)node;
    tick();
    if (say.n_whys)
        memset(why, 'x', say.n_whys);
    else if (say.why)
        snprintf(why, room, "%s", say.why);
    return say.verdict;
}

static const char *text(const char *s)
{
    return s ? s : "-";
}

static double score(void *self, const struct ganglion_pod *pod, const struct ganglion_node *node)
{
    tick();
    snprintf(seen, sizeof seen, "%s|%s %s %s %s %s %lld|%s %s %s %lld %lld", (char *)self,
             text(host->pod_namespace(pod)), text(host->pod_label(pod, "app")),
             text(host->pod_annotation(pod, "note")),
             text(host->pod_spec(pod, "containers.0.image")), text(host->pod_spec(pod, "hostname")),
             (long long)host->pod_request(pod, "cpu"), text(host->node_name(node)),
             text(host->node_label(node, "zone")), text(host->node_annotation(node, "power")),
             (long long)host->node_allocatable(node, "cpu"),
             (long long)host->node_used(node, "cpu"));
    const char *power = host->node_annotation(node, "power");
    return power ? strtod(power, NULL) : say.score;
}

static void normalise(void *self, double *scores, size_t n)
{
    (void)self;
    tick();
    for (size_t i = 0; i < n; i++)
        scores[i] = say.normalised + scores[i];
}

static const struct ganglion_plugin good = {
    .size = sizeof good,
    .version = GANGLION_PLUGIN_VERSION,
    .name = "Good",
    .start = start,
    .stop = stop,
    .filter = filter,
    .score = score,
};

/* ---- a scheduler with it ---- */

struct bench {
    struct outside *outside;
    struct sched_core *core;
};

#define CONFIG                                                                                     \
    "apiVersion: kubescheduler.config.k8s.io/v1\n"                                                 \
    "kind: KubeSchedulerConfiguration\n"                                                           \
    "profiles:\n"                                                                                  \
    "- schedulerName: ours\n"                                                                      \
    "  plugins:\n"                                                                                 \
    "    score: {disabled: [{name: '*'}], enabled: [{name: Good, weight: 3}]}\n"                   \
    "    filter: {enabled: [{name: Good}]}\n"

static struct bench bench_new(const struct ganglion_plugin *p)
{
    struct bench b = { .outside = outside_new(&world) };
    struct sched_config c;
    struct err err = { 0 };
    clock_ns = step_ns = 0;
    started = stopped = 0;
    asked = 0;
    memset(&say, 0, sizeof say);
    CHECK_OK(outside_add(b.outside, "./good.so", p, sizeof *p, &err), err);
    CHECK_OK(sched_config_parse_with(
                 &c, STR(CONFIG "  pluginConfig: [{name: Good, args: {a: 1}}]\n"), b.outside, &err),
             err);
    b.core = core_new(c.profiles, c.n);
    c.n = 0;
    sched_config_fini(&c);
    return b;
}

static void bench_free(struct bench *b)
{
    core_free(b->core);
    outside_free(b->outside);
    CHECK_I64(stopped, started);
    CHECK(!blamed);
}

static void node_with(struct bench *b, const char *name, const char *power)
{
    char note[64] = "";
    if (power)
        snprintf(note, sizeof note, ",'annotations':{'power':'%s'}", power);
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','labels':{'zone':'z'}%s},"
        "'status':{'allocatable':{'cpu':'16','memory':'64Gi','pods':'110'}}}",
        name, note);
    core_node_set(b->core, o, at_s(0));
}

static void pod_with(struct bench *b, const char *name, const char *meta)
{
    fixture_pod(b->core, (struct fixture_pod){ .name = name, .scheduler = "ours", .meta = meta },
                at_s(0));
}

static enum decision_kind turn(struct bench *b, int64_t second, struct str *message)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    static char kept[1024];
    struct decision d;
    core_step(b->core, at_s(second), a, &d);
    if (message) {
        snprintf(kept, sizeof kept, "%.*s", STR_ARG(d.message));
        *message = str_from(kept);
    }
    return d.kind;
}

/* ---- it decides ---- */

static void test_scores_and_reads(void **state)
{
    struct bench b = bench_new(&good);
    (void)state;
    node_with(&b, "a", "20");
    node_with(&b, "b", "70");
    pod_with(&b, "p", ",'labels':{'app':'web'},'annotations':{'note':'n'}");
    CHECK_I64(turn(&b, 1, NULL), DECISION_BIND);
    CHECK_STR(fixture_where(b.core, "p"), "b");
    CHECK_CSTR(seen, "{\"a\":1}|default web n i - 1000|b z 70 16000 0");
    pod_with(&b, "q", ",'labels':{'app':'web'},'annotations':{'note':'n'}");
    asked = 0;
    CHECK_I64(turn(&b, 2, NULL), DECISION_BIND);
    CHECK_I64(asked, 2); /* filter and score of the node that changed; answers are kept */
    CHECK_CSTR(seen, "{\"a\":1}|default web n i - 1000|b z 70 16000 1000");
    pod_with(&b, "r", ",'labels':{'app':'db'}");
    CHECK_I64(turn(&b, 3, NULL), DECISION_BIND);
    CHECK(strstr(seen, "default db - i") != NULL); /* another label is another question */
    bench_free(&b);
}

/* An annotation of a node changes the answer of the very next pod. */
static void test_follows_annotations(void **state)
{
    struct bench b = bench_new(&good);
    (void)state;
    node_with(&b, "a", "20");
    node_with(&b, "b", "70");
    pod_with(&b, "p", "");
    turn(&b, 1, NULL);
    node_with(&b, "a", "90");
    pod_with(&b, "q", "");
    turn(&b, 2, NULL);
    CHECK_STR(fixture_where(b.core, "p"), "b");
    CHECK_STR(fixture_where(b.core, "q"), "a");
    bench_free(&b);
}

static void test_filters_with_a_reason(void **state)
{
    struct bench b = bench_new(&good);
    struct str message;
    (void)state;
    say.verdict = GANGLION_NEVER;
    say.why = "node(s) had no licence";
    node_with(&b, "a", NULL);
    node_with(&b, "b", NULL);
    pod_with(&b, "p", "");
    CHECK_I64(turn(&b, 1, &message), DECISION_WAIT);
    CHECK(str_starts(message, STR("0/2 nodes are available: 2 node(s) had no licence.")));
    say.why = NULL;
    pod_with(&b, "q", ",'labels':{'other':'shape'}");
    CHECK_I64(turn(&b, 1, &message), DECISION_WAIT);
    CHECK(str_find(message, STR("2 node(s) didn't satisfy plugin(s) [Good]")) > 0);
    bench_free(&b);
}

static void test_normalises(void **state)
{
    struct ganglion_plugin own = good;
    own.normalise = normalise;
    struct bench b = bench_new(&own);
    (void)state;
    say.normalised = 1000; /* raw scores may be anything: -910 becomes 90 */
    node_with(&b, "a", "-910");
    node_with(&b, "b", "-990");
    node_with(&b, "c", "nan");
    pod_with(&b, "p", "");
    CHECK_I64(turn(&b, 1, NULL), DECISION_BIND);
    CHECK_STR(fixture_where(b.core, "p"), "a");
    CHECK_I64(outside_record(b.outside, 0)->ignored[OUTSIDE_SCORE], 1);
    CHECK_I64(outside_record(b.outside, 0)->ignored[OUTSIDE_NORMALISE], 0);
    say.normalised = 0; /* what comes out must be 0 to 100 */
    pod_with(&b, "q", "");
    CHECK_I64(turn(&b, 2, NULL), DECISION_BIND);
    CHECK_I64(outside_record(b.outside, 0)->ignored[OUTSIDE_NORMALISE], 2);
    bench_free(&b);
}

/* ---- wrong answers ---- */

static void test_wrong_answers(void **state)
{
    static const struct {
        int32_t verdict;
        double score;
        const char *why;
        size_t n_whys;
        enum outside_fault fault;
        const char *example;
    } rows[] = {
        { 0, NAN, NULL, 0, OUTSIDE_SCORE, "score nan for node a" },
        { 0, -NAN, NULL, 0, OUTSIDE_SCORE, "score -nan for node a" },
        { 0, INFINITY, NULL, 0, OUTSIDE_SCORE, "score inf for node a" },
        { 0, -0.5, NULL, 0, OUTSIDE_SCORE, "score -0.5 for node a" },
        { 0, 100.5, NULL, 0, OUTSIDE_SCORE, "score 100.5 for node a" },
        { 0, 1e300, NULL, 0, OUTSIDE_SCORE, "score 1e+300 for node a" },
        { 3, 1, NULL, 0, OUTSIDE_VERDICT, "verdict 3 for node a" },
        { -1, 1, NULL, 0, OUTSIDE_VERDICT, "verdict -1 for node a" },
        { INT32_MIN, 1, NULL, 0, OUTSIDE_VERDICT, "verdict -2147483648 for node a" },
        { 2, 1, NULL, GANGLION_WHY_BYTES, OUTSIDE_REASON, "its reason is too long: it has no NUL" },
        { 2, 1, "two\nlines", 0, OUTSIDE_REASON, "its reason is not one line of UTF-8" },
        { 2, 1, "\xff\xfe", 0, OUTSIDE_REASON, "its reason is not one line of UTF-8" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bench b = bench_new(&good);
        const struct outside_record *r = outside_record(b.outside, 0);
        say.verdict = rows[i].verdict;
        say.score = rows[i].score;
        say.why = rows[i].why;
        say.n_whys = rows[i].n_whys;
        node_with(&b, "a", NULL);
        pod_with(&b, "p", "");
        CHECK_I64(turn(&b, 1, NULL), DECISION_BIND); /* as if it had no opinion */
        CHECK(r->ignored[rows[i].fault] > 0);
        CHECK_STR_EQ(r->example, str_from(rows[i].example));
        CHECK(!r->off.p);
        CHECK(outside_news(b.outside) > 0);
        bench_free(&b);
    }
}

static void test_writes_past_its_reason(void **state)
{
    struct bench b = bench_new(&good);
    (void)state;
    say.verdict = GANGLION_NEVER;
    say.n_whys = GANGLION_WHY_BYTES + 1;
    node_with(&b, "a", NULL);
    pod_with(&b, "p", "");
    CHECK_I64(turn(&b, 1, NULL), DECISION_BIND);
    CHECK(outside_record(b.outside, 0)->off.p != NULL);
    bench_free(&b);
}

/* ---- late answers ---- */

static void test_late_ten_times(void **state)
{
    struct bench b = bench_new(&good);
    const struct outside_record *r = outside_record(b.outside, 0);
    (void)state;
    say.verdict = GANGLION_NEVER;
    for (int i = 0; i < 9; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", i);
        node_with(&b, name, NULL);
    }
    step_ns = GANGLION_BUDGET_US * NS_PER_US; /* just in time */
    pod_with(&b, "p", "");
    CHECK_I64(turn(&b, 1, NULL), DECISION_WAIT);
    CHECK_I64(r->late, 0);
    step_ns++;
    CHECK(!r->off.p);
    pod_with(&b, "q", ",'labels':{'other':'shape'}");
    turn(&b, 1, NULL); /* asks of nine nodes, and again for the message */
    CHECK_I64(r->late, 10);
    CHECK_STR(r->off, "10 answers took longer than 10 ms each");
    asked = 0;
    core_rules_changed(b.core, at_s(2)); /* as the service does when it sees that */
    CHECK_I64(turn(&b, 3, NULL), DECISION_BIND);
    CHECK_I64(turn(&b, 3, NULL), DECISION_BIND);
    CHECK_I64(asked, 0);
    bench_free(&b);
}

static void test_late_once_in_a_while(void **state)
{
    struct bench b = bench_new(&good);
    (void)state;
    node_with(&b, "a", NULL);
    for (int i = 0; i < 200; i++) {
        char name[8], meta[64];
        snprintf(name, sizeof name, "p%d", i);
        snprintf(meta, sizeof meta, ",'labels':{'own':'%d'}", i);
        step_ns = i % 11 ? 0 : 20 * NS_PER_MS;
        pod_with(&b, name, meta);
        turn(&b, 1, NULL);
        core_pod_del(b.core, STR("default"), str_from(name), at_s(1));
    }
    CHECK(outside_record(b.outside, 0)->late > 20);
    CHECK(!outside_record(b.outside, 0)->off.p);
    step_ns = OUTSIDE_HANG_NS;
    pod_with(&b, "q", "");
    turn(&b, 2, NULL);
    CHECK_STR(outside_record(b.outside, 0)->off, "one answer took 1000 ms");
    bench_free(&b);
}

/* ---- what is no plugin ---- */

static void test_refuses_tables(void **state)
{
    static char long_name[80];
    memset(long_name, 'n', sizeof long_name - 1);
    const struct {
        struct ganglion_plugin p;
        size_t bytes;
        const char *words;
    } rows[] = {
        { { .version = 2, .size = sizeof good }, sizeof good, "version 2" },
        { { .version = 0, .size = sizeof good }, sizeof good, "version 0" },
        { { .version = -1 }, sizeof good, "version -1" },
        { { .version = 1, .size = -1 }, sizeof good, ".size is -1" },
        { { .version = 1, .size = INT32_MIN }, sizeof good, ".size is -2147483648" },
        { { .version = 1, .size = 8 }, sizeof good, ".size is 8" },
        { { .version = 1, .size = INT32_MAX }, SIZE_MAX, ".size is 2147483647" },
        { { .version = 1, .size = sizeof good }, sizeof good - 8, ".size is" },
        { { .version = 1, .size = sizeof good }, 4, "4 bytes" },
        { { .version = 1, .size = sizeof good, .score = score }, sizeof good, ".name" },
        { { .version = 1, .size = sizeof good, .score = score, .name = "" }, sizeof good, ".name" },
        { { .version = 1, .size = sizeof good, .score = score, .name = "a b" },
          sizeof good,
          ".name" },
        { { .version = 1, .size = sizeof good, .score = score, .name = long_name },
          sizeof good,
          ".name" },
        { { .version = 1, .size = sizeof good, .score = score, .name = "NodeResourcesFit" },
          sizeof good,
          "already" },
        { { .version = 1, .size = sizeof good, .name = "X" }, sizeof good, "neither" },
        { { .version = 1,
            .size = sizeof good,
            .name = "X",
            .filter = filter,
            .normalise = normalise },
          sizeof good,
          ".normalise without .score" },
    };
    (void)state;
    struct outside *o = outside_new(&world);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        CHECK_FAILS(outside_add(o, "x.so", &rows[i].p, rows[i].bytes, &err), err, ERR_INVALID);
        if (!strstr(err.msg, rows[i].words))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.msg, rows[i].words);
    }
    CHECK_I64(outside_count(o), 0);
    struct err err = { 0 };
    CHECK_OK(outside_add(o, "x.so", &good, sizeof good + 64, &err), err); /* of a later version */
    CHECK_FAILS(outside_add(o, "y.so", &good, sizeof good, &err), err, ERR_INVALID);
    outside_free(o);
}

static void test_configurations(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        { CONFIG "  pluginConfig: [{name: Good, args: {bad: 1}}]\n",
          "profile \"ours\": the scheduler plugin Good of x.so does not start: bad is not good" },
        { CONFIG "- schedulerName: other\n  plugins: {filter: {enabled: [{name: Goood}]}}\n",
          "unknown plugin \"Goood\"; known, the nearest first: Good," },
    };
    struct outside *o = outside_new(&world);
    struct sched_config c;
    struct err err = { 0 };
    (void)state;
    started = stopped = 0;
    CHECK_OK(outside_add(o, "x.so", &good, sizeof good, &err), err);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_FAILS(sched_config_parse_with(&c, str_from(rows[i].text), o, &err), err, ERR_INVALID);
        if (!strstr(err.msg, rows[i].words))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.msg, rows[i].words);
    }
    CHECK_I64(started, stopped);
    CHECK_OK(sched_config_parse_with(&c,
                                     STR("apiVersion: kubescheduler.config.k8s.io/v1\n"
                                         "kind: KubeSchedulerConfiguration\n"
                                         "profiles: [{schedulerName: ours, pluginConfig: "
                                         "[{name: Good, args: {bad: 1}}]}]\n"),
                                     o, &err),
             err);
    CHECK_STR(buf_view(&c.warnings),
              "pluginConfig of Good, which no point of the profile enables\n");
    sched_config_fini(&c);
    CHECK_I64(started, stopped); /* who is not enabled is not started */
    outside_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_and_reads),      cmocka_unit_test(test_follows_annotations),
        cmocka_unit_test(test_filters_with_a_reason), cmocka_unit_test(test_normalises),
        cmocka_unit_test(test_wrong_answers),         cmocka_unit_test(test_writes_past_its_reason),
        cmocka_unit_test(test_late_ten_times),        cmocka_unit_test(test_late_once_in_a_while),
        cmocka_unit_test(test_refuses_tables),        cmocka_unit_test(test_configurations),
    };
    return CHECK_MAIN(tests);
}
