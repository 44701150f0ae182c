/* SPDX-License-Identifier: Apache-2.0
 * Replays the recorded decisions of the real kube-scheduler, if the data set is here:
 * $GANGLION_SHARED/data/kube-scheduler-1.36, or ../shared beside the source tree. Exit 77 skips. */
#include "scheduler/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "testkit/check.h"

#define LINE_MAX_BYTES (8u << 20)
#define DIFFS_SHOWN 3

static char folder[512];

static const char *const topics[] = {
    "balanced-allocation",
    "fit-least-allocated",
    "fit-most-allocated",
    "fit-requested-to-capacity",
    "image-locality",
    "inter-pod-affinity",
    "mixed",
    "node-affinity",
    "node-name",
    "node-ports",
    "node-unschedulable",
    "pod-topology-spread",
    "preemption", /* the verdicts per node; victims come with preemption */
    "scheduling-gates",
    "taint-toleration",
};

static bool replay_line(char *line, size_t n, struct buf *diff)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_make(line, n), &json_limits_own, &err), err);
    buf_clear(diff);
    struct json root = json_root(doc);
    buf_printf(diff, "%.*s: ", STR_ARG(json_str(json_get(root, STR("id")))));
    return oracle_replay(root, diff);
}

static size_t replay_topic(const char *topic, char *line)
{
    char path[768];
    snprintf(path, sizeof path, "%s/%s.jsonl.gz", folder, topic);
    gzFile f = gzopen(path, "rb");
    CHECK(f != NULL);
    gzbuffer(f, 1u << 18);
    struct buf diff;
    buf_init(&diff, 1u << 20);
    size_t matched = 0, total = 0;
    while (gzgets(f, line, LINE_MAX_BYTES)) {
        bool same = replay_line(line, strlen(line), &diff);
        if (!same && total - matched < DIFFS_SHOWN)
            print_message("  %.*s\n", (int)(diff.n > 400 ? 400 : diff.n), diff.p);
        matched += same;
        total++;
    }
    print_message("%-28s %zu/%zu\n", topic, matched, total);
    buf_fini(&diff);
    gzclose(f);
    CHECK(total > 0);
    return total - matched;
}

static void test_all_topics(void **state)
{
    (void)state;
    char *line = mem_alloc(LINE_MAX_BYTES);
    size_t failed = 0;
    for (size_t i = 0; i < COUNT_OF(topics); i++)
        failed += replay_topic(topics[i], line);
    free(line);
    CHECK_I64(failed, 0);
}

int main(void)
{
    const char *shared = getenv("GANGLION_SHARED");
    snprintf(folder, sizeof folder, "%s/data/kube-scheduler-1.36",
             shared ? shared : GANGLION_SOURCE_ROOT "/../shared");
    if (access(folder, R_OK)) {
        printf("skipped: no %s\n", folder);
        return 77;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_topics) };
    return CHECK_MAIN(tests);
}
