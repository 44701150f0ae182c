/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of what placement reads: a trace (pods before the first NUL byte, nodes after it)
 * runs under every policy without placing more than there is; MIG layouts and device parts that
 * parse are written back as they are. */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "scheduler/devices/devices.h"
#include "scheduler/devices/mig.h"
#include "sim/trace.h"

#define TRACE_BYTES_MAX 600 /* a run draws pods until 130 per cent arrived: keep it short */

static void check_trace(struct str pods, struct str nodes)
{
    static const char *const policies[] = { "bestfit", "fgd", "ganglion", "random" };
    struct arena *a = arena_new();
    struct trace t;
    struct err err = { 0 };
    if (trace_read(&t, a, nodes, pods, &err) == 0 && t.capacity_milli < 20 * GPU_WHOLE) {
        for (size_t i = 0; t.n_pods < 20 && i < COUNT_OF(policies); i++) {
            struct trace_result r;
            int rc = trace_run(&r, &t, str_from(policies[i]), 1, &err);
            assert(rc == 0 && r.placed <= r.pods && r.at_130 <= 100);
        }
    }
    arena_free(a);
}

static void check_mig(struct str text)
{
    struct mig_gpu g, again;
    const struct mig_model *m = mig_model_of(STR("NVIDIA-H100"), 0);
    if (mig_gpu_parse(&g, m, text, NULL))
        return;
    struct buf b;
    buf_init(&b, 4096);
    mig_gpu_write(&b, &g);
    int rc = mig_gpu_parse(&again, m, buf_view(&b), NULL);
    assert(rc == 0 && again.n == g.n);
    for (uint8_t p = 0; p < MIG_PROFILES_MAX && m->profiles[p].name; p++) {
        struct mig_plan plan;
        struct mig_gpu then = g;
        if (mig_plan(&g, p, NULL, &plan))
            mig_apply(&then, &plan);
    }
    buf_fini(&b);
}

static void check_parts(struct str text)
{
    struct placement p = { 0 }, again = { 0 };
    struct arena *a = arena_new();
    devices_parts_parse(text, &p);
    if (p.shared) {
        devices_parts_parse(devices_parts_text(a, &p), &again);
        assert(again.shared == p.shared && again.part_milli == p.part_milli &&
               again.part_mem_mib == p.part_mem_mib);
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data;
    const char *nul = n ? memchr(data, 0, n) : NULL;
    check_mig(str_make(text, n));
    check_parts(str_make(text, n));
    if (nul && n <= TRACE_BYTES_MAX)
        check_trace(str_make(text, (size_t)(nul - text)),
                    str_make(nul + 1, n - (size_t)(nul - text) - 1));
    return 0;
}
