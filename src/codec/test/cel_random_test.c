/* SPDX-License-Identifier: Apache-2.0
 * Properties of cel over random programs: evaluation gives the same result again; the cost it
 * reports is exactly what it needs, and one less is too little; a formula of integers agrees with
 * plain C; rearranging && and || never changes what they decide. */
#include <stdio.h>

#include "codec/test/cel_table.h"

static const struct cel_field vars[] = { { STR_INIT("x"), &cel_types[CEL_INT] },
                                         { STR_INIT("l"), NULL } };
static const struct cel_env env = { vars, COUNT_OF(vars), NULL };

static void put_random(struct buf *b, int depth)
{
    static const char *const leaves[] = { "1",    "0",         "x",     "'ab'",
                                          "1.5",  "true",      "false", "null",
                                          "l",    "[1, 2, 3]", "2u",    "{'a': 1}",
                                          "b'z'", "l[1]",      "l.a",   "duration('1s')" };
    static const char *const infix[] = { "+",  "-", "*",  "/",  "%",  "==",
                                         "!=", "<", "<=", "&&", "||", "in" };
    static const char *const macros[] = { "all", "exists", "exists_one", "filter", "map" };
    static const char *const calls[] = { "size", "string", "int", "type", "dyn" };
    uint64_t pick = depth <= 0 ? 0 : check_random_below(8);
    if (pick <= 1) {
        buf_str(b, str_from(leaves[check_random_below(COUNT_OF(leaves))]));
    } else if (pick <= 3) {
        buf_str(b, STR("(dyn("));
        put_random(b, depth - 1);
        buf_printf(b, ") %s dyn(", infix[check_random_below(COUNT_OF(infix))]);
        put_random(b, depth - 1);
        buf_str(b, STR("))"));
    } else if (pick == 4) {
        buf_str(b, STR("dyn("));
        put_random(b, depth - 1);
        buf_printf(b, ").%s(x, dyn(", macros[check_random_below(COUNT_OF(macros))]);
        put_random(b, depth - 1);
        buf_str(b, STR("))"));
    } else if (pick == 5) {
        buf_printf(b, "%s(dyn(", calls[check_random_below(COUNT_OF(calls))]);
        put_random(b, depth - 1);
        buf_str(b, STR("))"));
    } else if (pick == 6) {
        buf_str(b, STR("(dyn("));
        put_random(b, depth - 1);
        buf_str(b, STR(") ? dyn("));
        put_random(b, depth - 1);
        buf_str(b, STR(") : dyn("));
        put_random(b, depth - 1);
        buf_str(b, STR("))"));
    } else {
        buf_str(b, STR("[dyn("));
        put_random(b, depth - 1);
        buf_str(b, STR("), dyn("));
        put_random(b, depth - 1);
        buf_str(b, STR(")]"));
    }
}

struct outcome {
    int rc;
    struct err err;
    uint64_t cost;
    struct str text; /* as JSON */
};

static void
run(const struct cel *p, struct json list, uint64_t limit, struct arena *a, struct outcome *o)
{
    struct cel_value out, values[] = { cel_int(3), cel_from_json(list, NULL, a) };
    struct cel_run r = { .arena = a, .vars = values, .limit = limit };
    o->text = (struct str){ 0 };
    o->rc = cel_eval(p, &r, &out, &o->err);
    o->cost = r.cost;
    if (o->rc)
        return;
    struct buf b;
    buf_init(&b, 1 << 20);
    cel_write_json(&b, &out);
    o->text = arena_str(a, buf_view(&b));
    buf_fini(&b);
}

static void check_costs(const struct cel *p, struct json list)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct outcome first, again, less;
    run(p, list, CEL_COST_CALL, a, &first);
    if (first.rc && first.err.kind == ERR_TOO_LARGE)
        return;
    run(p, list, first.cost, a, &again);
    CHECK_I64(again.rc, first.rc);
    CHECK_I64(again.cost, first.cost);
    CHECK_STR_EQ(again.text, first.text);
    if (first.cost == 0)
        return;
    run(p, list, first.cost - 1, a, &less);
    CHECK_FAILS(less.rc, less.err, ERR_TOO_LARGE);
}

static void random_programs(void **state)
{
    (void)state;
    struct json_doc *doc;
    struct err err;
    CHECK_OK(json_parse(&doc, STR("[1, \"a\", [2], {\"k\": 1.5}]"), &json_limits_own, &err), err);
    size_t compiled = 0;
    for (int i = 0; i < 3000; i++) {
        AUTO(cel_freep) struct cel *p = NULL;
        struct buf b;
        buf_init(&b, 1 << 16);
        put_random(&b, 5);
        if (!b.failed && cel_compile(&p, buf_view(&b), &env, &err) == 0) {
            compiled++;
            check_costs(p, json_root(doc));
        }
        buf_fini(&b);
    }
    CHECK(compiled > 1000);
    json_doc_unref(doc);
}

/* ---- against plain C ---- */

/* A formula without overflow, and its value. */
static int64_t put_formula(struct buf *b, int depth)
{
    if (depth == 0) {
        int64_t v = (int64_t)check_random_below(9) + 1;
        buf_printf(b, "%d", (int)v);
        return v;
    }
    char op = "+-*/%"[check_random_below(5)];
    buf_char(b, '(');
    int64_t left = put_formula(b, depth - 1);
    buf_printf(b, " %c ", op);
    size_t mark = b->n;
    int64_t right = put_formula(b, depth - 1);
    if (right == 0 && (op == '/' || op == '%')) {
        b->n = mark;
        buf_char(b, '7');
        right = 7;
    }
    buf_char(b, ')');
    switch (op) {
    case '+':
        return left + right;
    case '-':
        return left - right;
    case '*':
        return left * right;
    case '/':
        return left / right;
    default:
        return left % right;
    }
}

static void formulas(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct buf b;
        buf_init(&b, 1 << 16);
        int64_t want = put_formula(&b, 3);
        buf_char(&b, '\0');
        CHECK_STR_EQ(cel_case_result(a, b.p), arena_printf(a, "%lld", (long long)want));
        buf_fini(&b);
    }
}

/* Operands true, false and failing, in any order: one that decides always wins. */
static void absorbing(void **state)
{
    (void)state;
    static const char *const operands[] = { "true", "false", "1/0 == 1" };
    for (int i = 0; i < 300; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        bool is_or = check_random_below(2), decides = false, fails = false;
        struct str text = STR("");
        size_t n = 2 + check_random_below(5);
        for (size_t j = 0; j < n; j++) {
            size_t pick = check_random_below(3);
            decides = decides || pick == (is_or ? 0 : 1);
            fails = fails || pick == 2;
            text = arena_printf(a, "%.*s%s%s", STR_ARG(text), j ? is_or ? " || " : " && " : "",
                                operands[pick]);
        }
        struct str got = cel_case_result(a, text.p);
        if (decides)
            CHECK_STR_EQ(got, is_or ? STR("true") : STR("false"));
        else if (fails)
            CHECK(str_starts(got, STR("eval: ")));
        else
            CHECK_STR_EQ(got, is_or ? STR("false") : STR("true"));
    }
}

/* Any bytes: an error or a program, never more. */
static void noise(void **state)
{
    (void)state;
    static const char alphabet[] = "x1.?[](){}+-*/%<>=!&|:,'\" \\abinrl\n\xc3\xa9";
    for (int i = 0; i < 20000; i++) {
        AUTO(cel_freep) struct cel *p = NULL;
        char text[24];
        size_t n = check_random_below(sizeof text);
        struct err err;
        for (size_t j = 0; j < n; j++)
            text[j] = alphabet[check_random_below(sizeof alphabet - 1)];
        if (cel_compile(&p, str_make(text, n), &env, &err))
            CHECK(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(formulas),
        cmocka_unit_test(absorbing),
        cmocka_unit_test(noise),
    };
    return CHECK_MAIN(tests);
}
