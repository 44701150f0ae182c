/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of node/probe_grpc: any body of a health answer is serving or has a reason. */
#include "fuzz.h"

#include <assert.h>

#include "node/executor/probe_grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct probe_grpc_answer x = { .http_status = 200, .status = STR("0") };
    x.body = str_make(data, n);
    struct str why = probe_grpc_trouble(a, &x, 1000);
    assert(!why.p || why.n);
    assert(why.p || n >= 7); /* a frame, and at least one field that says so */
    arena_free(a);
    return 0;
}
