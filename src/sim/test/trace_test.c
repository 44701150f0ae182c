/* SPDX-License-Identifier: Apache-2.0
 * `ganglion sim trace`: what it reads, its protocol on clusters small enough to follow by hand, and
 * the published experiment, if its data are here: $GANGLION_SHARED/data/openb, or ../shared beside
 * the source tree. The whole table of ten seeds is bench/placement. */
#include "sim/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "io/file.h"
#include "testkit/check.h"

#define NODES "sn,cpu_milli,memory_mib,gpu,model\n"
#define PODS "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"

static void files_are_read(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct trace t;
    struct err err = { 0 };
    CHECK_OK(trace_read(&t, a,
                        STR("gpu,sn,model,cpu_milli,memory_mib\r\n2,n1,T4,8000,100\r\n"
                            "0,cpu-only,,1,1\n\n1,n2,A10,4000,50"),
                        STR(PODS "b,2000,10,1,500,T4|H9\nc,2000,10,1,500,T4\na,1,1,0,0,\n"), &err),
             err);
    CHECK_I64(t.n_nodes, 2);
    CHECK_I64(t.capacity_milli, 3000);
    CHECK_STR(t.pods[0].name, "a");
    CHECK_I64(t.n_kinds, 2); /* models that no node has are no part */
    CHECK_I64(t.pods[1].kind, t.pods[2].kind);
    CHECK_I64(t.kinds[t.pods[1].kind].models, 1);
    CHECK(t.kinds[t.pods[0].kind].models == GPU_ANY_MODEL);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *nodes, *pods, *message;
    } bad[] = {
        { "", PODS "a,1,1,1,10,", "nodes: the file is empty" },
        { NODES "n,1,1,0,", PODS, "nodes: no node has a GPU" },
        { NODES "n,1,1,1,T4", PODS, "pods: the file names none" },
        { NODES "n,1,1,17,T4", PODS, "nodes: line 2: gpu must be a number from 0 to 16, not 17" },
        { NODES "n,1,x,1,T4", PODS,
          "nodes: line 2: memory_mib must be a number from 0 to 1073741824, not x" },
        { NODES "n,1,1,1,T4", PODS "a,1,1,1,10,\na,-1,1,1,10,",
          "pods: line 3: cpu_milli must be a number from 0 to 10000000, not -1" },
        { NODES "n,1,1,1,T4", PODS "a,1,1,1",
          "pods: line 2: gpu_milli must be a number from 0 to 1000, not " },
        { NODES "n,1,1,1,T4", PODS "a,1,1,1,0,", "pods: line 2: num_gpu without gpu_milli" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct trace t;
        struct err err = { 0 };
        CHECK_FAILS(trace_read(&t, a, str_from(bad[i].nodes), str_from(bad[i].pods), &err), err,
                    ERR_INVALID);
        CHECK_CSTR(err.msg, bad[i].message);
    }
}

static struct trace_result
run(const char *nodes, const char *pods, const char *policy, uint64_t seed)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct trace t;
    struct trace_result r = { 0 };
    struct err err = { 0 };
    CHECK_OK(trace_read(&t, a, str_from(nodes), str_from(pods), &err), err);
    CHECK_OK(trace_run(&r, &t, str_from(policy), seed, &err), err);
    return r;
}

static const char *const policies[] = { "bestfit", "fgd", "ganglion", "random" };

/* Ten GPUs; thirteen pods of one GPU arrive, three find none. */
static void load_is_brought_to_130_percent(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        struct trace_result r = run(NODES "a,96000,1000,8,G\nb,96000,1000,2,T",
                                    PODS "p,1000,1,1,1000,", policies[i], 1);
        CHECK_I64(r.pods, 13);
        CHECK_I64(r.placed, 10);
        CHECK_I64(r.unplaced[TRACE_GPU], 3);
        CHECK(r.at_100 == 100 && r.at_130 == 100);
    }
    /* and down to it: each of twenty pods asks for a GPU */
    char pods[600] = PODS;
    for (int i = 0; i < 20; i++)
        snprintf(pods + strlen(pods), sizeof pods - strlen(pods), "p%d,1000,1,1,1000,\n", i);
    CHECK_I64(run(NODES "a,96000,1000,10,G", pods, "fgd", 1).pods, 13);
}

static void reasons_are_told_apart(void **state)
{
    (void)state;
    struct trace_result r = run(NODES "a,3000,10,2,G\nb,9000,1,2,T",
                                PODS "cpu,9500,0,1,100,\nmem,10,11,1,100,\ngpu,10,0,4,1000,\n"
                                     "model,10,0,1,100,H100\n",
                                "fgd", 3);
    for (size_t i = 0; i < TRACE_REASONS; i++)
        CHECK(r.unplaced[i] > 0);
    CHECK_I64(r.placed, 0);
}

static void unknown_policies_are_refused(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct trace t;
    struct trace_result r;
    struct err err = { 0 };
    CHECK_OK(trace_read(&t, a, STR(NODES "a,1,1,1,G"), STR(PODS "p,1,1,1,10,"), &err), err);
    CHECK_FAILS(trace_run(&r, &t, STR("worst"), 1, &err), err, ERR_INVALID);
    CHECK_CSTR(err.msg, "no policy worst; there are bestfit, fgd, ganglion, random");
}

/* ---- the published experiment ---- */

static void read_shared(struct buf *b, const char *name)
{
    const char *shared = getenv("GANGLION_SHARED");
    char path[512];
    struct err err = { 0 };
    snprintf(path, sizeof path, "%s/data/openb/%s",
             shared ? shared : GANGLION_SOURCE_ROOT "/../shared", name);
    buf_init(b, 16 << 20);
    if (file_read(b, path, &err)) {
        print_message("no %s: nothing to compare with\n", path);
        skip();
    }
}

static double mean_at_130(const struct trace *t, const char *policy)
{
    struct err err = { 0 };
    double sum = 0;
    for (uint64_t seed = 42; seed < 44; seed++) {
        struct trace_result r, again;
        CHECK_OK(trace_run(&r, t, str_from(policy), seed, &err), err);
        sum += r.at_130 / 2;
        if (seed > 42)
            continue;
        CHECK_OK(trace_run(&again, t, str_from(policy), seed, &err), err);
        CHECK(again.at_130 == r.at_130 && again.at_100 == r.at_100 && again.placed == r.placed);
    }
    return sum;
}

/* Two seeds of the list where few pods arrive: enough to see a broken rule, not to measure one. */
static void published_curves_are_met(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct buf nodes, pods;
    struct trace t;
    struct err err = { 0 };
    read_shared(&nodes, "openb_node_list_gpu_node.csv");
    read_shared(&pods, "openb_pod_list_multigpu30.csv");
    CHECK_OK(trace_read(&t, a, buf_view(&nodes), buf_view(&pods), &err), err);
    buf_fini(&nodes);
    buf_fini(&pods);
    CHECK_I64(t.capacity_milli, 6212000);
    double random = mean_at_130(&t, "random"), best_fit = mean_at_130(&t, "bestfit");
    double fgd = mean_at_130(&t, "fgd"), ganglion = mean_at_130(&t, "ganglion");
    print_message("random %.2f bestfit %.2f fgd %.2f ganglion %.2f\n", random, best_fit, fgd,
                  ganglion);
    CHECK(fabs(random - 89.27) < 0.4 && fabs(best_fit - 94.72) < 0.4 && fabs(fgd - 96.46) < 0.4);
    CHECK(ganglion > fgd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(load_is_brought_to_130_percent),
        cmocka_unit_test(reasons_are_told_apart),
        cmocka_unit_test(unknown_policies_are_refused),
        cmocka_unit_test(published_curves_are_met),
    };
    return CHECK_MAIN(tests);
}
