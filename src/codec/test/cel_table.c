/* SPDX-License-Identifier: Apache-2.0
 * Runs tables of expressions; see cel_table.h. The variables: x int, d dyn, j a document without
 * declared types, o an object with declared fields. */
#include "codec/test/cel_table.h"

#include <stdio.h>

static const char document[] =
    "{\"a\":1,\"b\":{\"c\":\"text\",\"n\":null},\"list\":[3,1,2],\"f\":1.5,\"e\":1e3,\"t\":true,"
    "\"names\":[\"x\",\"y\"],\"nested\":[[1],[2,3]],\"empty\":{},\"big\":9223372036854775807}";

static const char object[] =
    "{\"name\":\"n\",\"replicas\":3,\"when\":\"2026-11-22T06:00:00Z\",\"wait\":\"90s\",\"ratio\":2,"
    "\"mem\":\"1Gi\",\"labels\":{\"app\":\"a\"},\"items\":[{\"id\":1},{\"id\":2}],\"bad\":"
    "\"never\"}";

static const struct cel_type item_type = {
    .kind = CEL_OBJECT,
    .name = STR_INIT("Item"),
    .fields = (const struct cel_field[]){ { STR_INIT("id"), &cel_types[CEL_INT] } },
    .n_fields = 1,
};
static const struct cel_type items_type = { .kind = CEL_LIST, .elem = &item_type };
static const struct cel_type labels_type = { .kind = CEL_MAP,
                                             .key = &cel_types[CEL_STRING],
                                             .elem = &cel_types[CEL_STRING] };
static const struct cel_field object_fields[] = {
    { STR_INIT("name"), &cel_types[CEL_STRING] },
    { STR_INIT("replicas"), &cel_types[CEL_INT] },
    { STR_INIT("when"), &cel_types[CEL_TIMESTAMP] },
    { STR_INIT("wait"), &cel_types[CEL_DURATION] },
    { STR_INIT("ratio"), &cel_types[CEL_DOUBLE] },
    { STR_INIT("mem"), &cel_types[CEL_QUANTITY] },
    { STR_INIT("labels"), &labels_type },
    { STR_INIT("items"), &items_type },
    { STR_INIT("bad"), &cel_types[CEL_TIMESTAMP] },
    { STR_INIT("absent"), &cel_types[CEL_STRING] },
};
static const struct cel_type object_type = { .kind = CEL_OBJECT,
                                             .name = STR_INIT("Object"),
                                             .fields = object_fields,
                                             .n_fields = COUNT_OF(object_fields) };

static const struct cel_field vars[] = { { STR_INIT("x"), &cel_types[CEL_INT] },
                                         { STR_INIT("d"), NULL },
                                         { STR_INIT("j"), NULL },
                                         { STR_INIT("o"), &object_type } };

static const struct cel_env env = { .vars = vars, .n_vars = COUNT_OF(vars) };

static struct str run(struct arena *a, const struct cel *p, struct json_doc *docs[2])
{
    struct err err;
    struct cel_value out,
        values[] = { cel_int(7), cel_str(STR("dyn")), cel_from_json(json_root(docs[0]), NULL, a),
                     cel_from_json(json_root(docs[1]), &object_type, a) };
    struct cel_run r = { .arena = a, .vars = values, .limit = CEL_COST_CALL };
    if (cel_eval(p, &r, &out, &err))
        return arena_printf(a, "eval: %s", err.msg);
    struct buf b;
    buf_init(&b, 1 << 20);
    cel_write_json(&b, &out);
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

struct str cel_case_result(struct arena *a, const char *text)
{
    AUTO(cel_freep) struct cel *p = NULL;
    struct json_doc *docs[2];
    struct err err;
    if (cel_compile(&p, str_from(text), &env, &err))
        return arena_printf(a, "compile: %s", err.msg);
    CHECK_OK(json_parse(&docs[0], str_from(document), &json_limits_own, &err), err);
    CHECK_OK(json_parse(&docs[1], str_from(object), &json_limits_own, &err), err);
    struct str out = run(a, p, docs);
    json_doc_unref(docs[0]);
    json_doc_unref(docs[1]);
    return out;
}

static bool is_failure(struct str s)
{
    return str_starts(s, STR("compile:")) || str_starts(s, STR("eval:"));
}

void cel_cases_check(const struct cel_case *rows, size_t n)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct str got = cel_case_result(a, rows[i].text), want = str_from(rows[i].want);
        bool part = is_failure(want);
        struct str kind = str_take(want, (size_t)(part ? str_find_char(want, ':') : 0));
        struct str what = part ? str_trim(str_skip(want, kind.n + 1)) : want;
        bool ok = part ? str_starts(got, kind) && str_find(got, what) >= 0 : str_eq(got, want);
        if (ok)
            continue;
        failed++;
        fprintf(stderr, "%s\n   got  %.*s\n   want %s\n", rows[i].text, STR_ARG(got), rows[i].want);
    }
    CHECK_I64(failed, 0);
}
