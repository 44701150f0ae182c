/* SPDX-License-Identifier: Apache-2.0
 * A pod's life on a simulated node, told on virtual time: what comes next, when, and the status. */
#include "sim/life.h"

#include <stdio.h>

#include "kube/pod.h"
#include "testkit/check.h"

static struct arena *arena;
static const struct wall seen = { 1000 * NS_PER_S };

/* extra_meta and rest are JSON members with a comma in front. */
static struct kobj *
pod(const char *annotations, const char *policy, const char *extra_meta, const char *status)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
             "\"namespace\":\"d\",\"annotations\":{%s}%s},\"spec\":{\"nodeName\":\"n\","
             "\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"},"
             "{\"name\":\"b\",\"image\":\"j\"}]},\"status\":%s}",
             annotations, extra_meta, policy, status);
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_own, &err), err);
    return o;
}

static void expect(struct kobj *o, enum sim_action want, int64_t due_ms)
{
    struct wall due;
    CHECK_I64(sim_next(o, seen, &due), want);
    if (want != SIM_NOTHING)
        CHECK_I64((due.ns - seen.ns) / NS_PER_MS, due_ms);
    kobj_unref(o);
}

#define PENDING "{\"phase\":\"Pending\"}"
/* Started two seconds after it was seen. */
#define RUNNING "{\"phase\":\"Running\",\"startTime\":\"1970-01-01T00:16:42Z\"}"
#define RUN(s) "\"sim.ganglion.io/run-seconds\":\"" s "\""

static void what_comes_next(void **state)
{
    (void)state;
    expect(pod("", "Never", "", PENDING), SIM_START, SIM_START_NS / NS_PER_MS);
    expect(pod("", "Never", "", RUNNING), SIM_END, 7000);
    expect(pod(RUN("0.25"), "Never", "", RUNNING), SIM_END, 2250);
    expect(pod(RUN("60"), "Always", "", RUNNING), SIM_END, 62000);
    expect(pod("", "Always", "", RUNNING), SIM_NOTHING, 0);
    expect(pod("", "Never", "", "{\"phase\":\"Succeeded\"}"), SIM_NOTHING, 0);
    expect(pod("", "Never", "", "{\"phase\":\"Failed\"}"), SIM_NOTHING, 0);
    expect(pod("", "Always", ",\"deletionTimestamp\":\"1970-01-01T00:16:41Z\"", RUNNING),
           SIM_REMOVE, 0);
}

static void nonsense_times_mean_the_default(void **state)
{
    (void)state;
    static const char *const bad[] = { RUN(""), RUN("-1"), RUN("soon"), RUN("1e99"), RUN("nan") };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect(pod(bad[i], "Never", "", RUNNING), SIM_END, 7000);
}

static void starting_writes_a_running_status(void **state)
{
    (void)state;
    struct kobj *o = pod("", "Never", "", PENDING);
    struct jnode *s = sim_started(arena, o, STR("10.0.0.9"), seen);
    CHECK_STR(jnode_text_of_str(jnode_path(s, "phase")), "Running");
    CHECK_STR(jnode_text_of_str(jnode_path(s, "podIP")), "10.0.0.9");
    CHECK_STR(jnode_text_of_str(jnode_path(s, "startTime")), "1970-01-01T00:16:40Z");
    struct jnode *second = jnode_at(jnode_path(s, "containerStatuses"), 1);
    CHECK_STR(jnode_text_of_str(jnode_path(second, "name")), "b");
    CHECK_STR(jnode_text_of_str(jnode_path(second, "state.running.startedAt")),
              "1970-01-01T00:16:40Z");
    kobj_unref(o);
}

static void the_first_container_gets_the_exit_code(void **state)
{
    (void)state;
    struct kobj *o = pod("\"sim.ganglion.io/exit-code\":\"3\"", "Never", "", RUNNING);
    struct jnode *s = sim_ended(arena, o, seen), *list = jnode_path(s, "containerStatuses");
    struct buf b;
    buf_init(&b, 65536);
    CHECK_STR(jnode_text_of_str(jnode_path(s, "phase")), "Failed");
    jnode_write(&b, jnode_path(jnode_at(list, 0), "state.terminated"));
    CHECK_STR_EQ(buf_view(&b), STR("{\"exitCode\":3,\"reason\":\"Error\",\"startedAt\":"
                                   "\"1970-01-01T00:16:42Z\",\"finishedAt\":"
                                   "\"1970-01-01T00:16:40Z\"}"));
    buf_clear(&b);
    jnode_write(&b, jnode_path(jnode_at(list, 1), "state.terminated.exitCode"));
    CHECK_STR(buf_view(&b), "0");
    buf_fini(&b);
    kobj_unref(o);
}

int main(void)
{
    arena = arena_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_next),
        cmocka_unit_test(nonsense_times_mean_the_default),
        cmocka_unit_test(starting_writes_a_running_status),
        cmocka_unit_test(the_first_container_gets_the_exit_code),
    };
    int rc = CHECK_MAIN(tests);
    arena_free(arena);
    return rc;
}
