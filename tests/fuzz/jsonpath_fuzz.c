/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/jsonpath: any template, run over one document in both modes. What a run with
 * missing keys allowed finds is what the strict run finds, when that succeeds without filters. */
#include "fuzz.h"

#include <assert.h>

#include "codec/jsonpath.h"

static const char document[] =
    "{\"a\":{\"b\":[{\"c\":1,\"d\":\"x\"},{\"c\":2.5,\"d\":null},{\"d\":true}],\"e.f\":[]},"
    "\"items\":[[1,2,3],[],{\"k\":\"v\"}],\"s\":\"text\"}";

static int print(const struct jsonpath *p, struct json v, enum jsonpath_missing m, struct buf *out)
{
    struct err err = { 0 };
    buf_init(out, 1 << 16);
    int rc = jsonpath_print(p, v, m, out, &err);
    assert(rc == 0 || err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE ||
           (err.kind == ERR_NOT_FOUND && m == JSONPATH_MISSING_FAILS));
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct jsonpath *p = NULL;
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (n > 300 || jsonpath_parse(&p, str_make(data, n), &err)) {
        assert(n > 300 || err.kind == ERR_INVALID);
        return 0;
    }
    int rc = json_parse(&doc, str_from(document), &json_limits_own, NULL);
    assert(rc == 0);
    struct buf strict, loose;
    int strict_rc = print(p, json_root(doc), JSONPATH_MISSING_FAILS, &strict);
    int loose_rc = print(p, json_root(doc), JSONPATH_MISSING_OK, &loose);
    bool filters = str_find(str_make(data, n), STR("?(")) >= 0; /* a failing side only filters */
    if (strict_rc == 0 && !filters)
        assert(loose_rc == 0 && str_eq(buf_view(&strict), buf_view(&loose)));
    buf_fini(&strict);
    buf_fini(&loose);
    jsonpath_free(p);
    json_doc_unref(doc);
    return 0;
}
