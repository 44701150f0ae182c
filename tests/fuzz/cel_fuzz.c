/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/cel: any expression, run over one document. The cost reported is what the
 * run needs; an evaluation without it is refused; results can be written. */
#include "fuzz.h"

#include <assert.h>

#include "codec/cel.h"

static const char document[] =
    "{\"a\":{\"b\":[{\"c\":1,\"d\":\"x\"},{\"c\":2.5,\"d\":null},{\"d\":true}]},"
    "\"items\":[[1,2,3],[],{\"k\":\"v\"}],\"s\":\"text\",\"when\":\"2026-11-22T06:00:00Z\"}";

static const struct cel_field vars[] = { { STR_INIT("self"), NULL },
                                         { STR_INIT("n"), &cel_types[CEL_INT] },
                                         { STR_INIT("s"), &cel_types[CEL_STRING] } };

static int run(const struct cel *p, struct json doc, uint64_t limit, uint64_t *cost)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct cel_value out,
        values[] = { cel_from_json(doc, NULL, a), cel_int(5), cel_str(STR("text")) };
    struct cel_run r = { .arena = a, .vars = values, .limit = limit };
    int rc = cel_eval(p, &r, &out, &err);
    *cost = r.cost;
    if (rc == 0) {
        struct buf b;
        buf_init(&b, 1 << 16);
        cel_write_json(&b, &out);
        buf_fini(&b);
    }
    assert(rc == 0 || err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
    arena_free(a);
    return rc == 0 ? 0 : err.kind == ERR_TOO_LARGE ? 2 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct cel_env env = { vars, COUNT_OF(vars), NULL };
    struct cel *p = NULL;
    struct err err = { 0 };
    struct json_doc *doc = NULL;
    uint64_t cost, again;
    if (n > 2000 || cel_compile(&p, str_make(data, n), &env, &err)) {
        assert(n > 2000 || err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
        return 0;
    }
    int rc = json_parse(&doc, str_from(document), &json_limits_own, NULL);
    assert(rc == 0);
    int first = run(p, json_root(doc), 20000, &cost);
    if (first != 2) {
        assert(run(p, json_root(doc), cost, &again) == first && again == cost);
        assert(cost == 0 || run(p, json_root(doc), cost - 1, &again) == 2);
    }
    json_doc_unref(doc);
    cel_free(p);
    return 0;
}
