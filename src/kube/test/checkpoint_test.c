/* SPDX-License-Identifier: Apache-2.0
 * checkpoint_test — what pods say about checkpoints, good and bad. */
#include "kube/checkpoint.h"

#include <stdio.h>

#include "testkit/check.h"

static struct kobj *pod_with(const char *annotations)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    char text[512];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"annotations\":"
             "{%s}}}",
             annotations);
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_own, &err), err);
    return o;
}

static struct str signal_for(const struct kobj *o, const char *container)
{
    struct str s = checkpoint_signal(pod_of(o), str_from(container));
    return s.p ? s : STR("");
}

#define KEY "\"scheduling.ganglion.io/checkpoint-"

static void test_times_and_signals(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int64_t ns;
        const char *trainer, *other;
    } rows[] = {
        { "", 0, "", "" },
        { KEY "time\":\"2m\"", 120 * NS_PER_S, "", "" },
        { KEY "time\":\"0s\"," KEY "signal\":\"SIGUSR1\"", 0, "SIGUSR1", "SIGUSR1" },
        { KEY "time\":\"3h\"", CHECKPOINT_NS_MAX, "", "" },
        { KEY "time\":\"soon\"", CHECKPOINT_NS, "", "" },
        { KEY "time\":\"-5s\"", CHECKPOINT_NS, "", "" },
        { KEY "signal\":\"SIGUSR2\"", CHECKPOINT_NS, "SIGUSR2", "SIGUSR2" },
        { KEY "signal\":\"trainer=SIGHUP\"", CHECKPOINT_NS, "SIGHUP", "" },
        { KEY "signal\":\"=SIGHUP\"", CHECKPOINT_NS, "", "" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(kobj_unrefp) struct kobj *o = pod_with(rows[i].says);
        struct wall by;
        CHECK_I64(checkpoint_ns(pod_of(o)), rows[i].ns);
        CHECK_STR_EQ(signal_for(o, "trainer"), str_from(rows[i].trainer));
        CHECK_STR_EQ(signal_for(o, "other"), str_from(rows[i].other));
        CHECK(!checkpoint_told(pod_of(o), &by));
    }
}

static void test_being_told(void **state)
{
    (void)state;
    AUTO(kobj_unrefp) struct kobj *o = pod_with(KEY "by\":\"2026-11-22T10:00:00Z\"");
    AUTO(kobj_unrefp) struct kobj *bad = pod_with(KEY "by\":\"tomorrow\"");
    struct wall by;
    CHECK(checkpoint_told(pod_of(o), &by));
    CHECK_I64(by.ns, 1795341600 * NS_PER_S);
    CHECK(!checkpoint_told(pod_of(bad), &by));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_times_and_signals),
                                        cmocka_unit_test(test_being_told) };
    return CHECK_MAIN(tests);
}
