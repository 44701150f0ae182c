/* SPDX-License-Identifier: Apache-2.0
 * Tests of the language: decision tables derived from the CEL language definition (cel.dev), and
 * from Kubernetes' page "Common Expression Language in Kubernetes" where the two differ. */
#include "codec/test/cel_table.h"

#include <stdio.h>

static void literals(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "1", "1" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "9223372036854775808", "compile: invalid int literal" },
        { "0x10", "16" },
        { "-0x8000000000000000", "-9223372036854775808" },
        { "18446744073709551615u", "18446744073709551615" },
        { "18446744073709551616u", "compile: invalid uint literal" },
        { "1.5", "1.5" },
        { ".5 + 1e2", "100.5" },
        { "1e400", "compile: invalid double literal" },
        { "true && !false", "true" },
        { "null", "null" },
        { "'a' + \"b\"", "\"ab\"" },
        { "'''a\n'b'''", "\"a\\n'b\"" },
        { "\"\"\"x\"y\"\"\"", "\"x\\\"y\"" },
        { "r'\\n'", "\"\\\\n\"" },
        { "'\\x41\\u00e9\\U0001F600\\101\\t'", "\"A\xc3\xa9\xf0\x9f\x98\x80"
                                               "A\\t\"" },
        { "'\\ud800'", "compile: invalid escape" },
        { "'\\q'", "compile: invalid escape" },
        { "'abc", "compile: 1:1: Syntax error: token recognition error" },
        { "size(b'\\xff\\x00')", "2" },
        { "b'abc' == bytes('abc')", "true" },
        { "[1, 2] + [3]", "[1,2,3]" },
        { "[1, 2,]", "[1,2]" },
        { "{'a': [1], 'b': [2]}", "{\"a\":[1],\"b\":[2]}" },
        { "{1: 'x', true: 'y'}", "compile: expected type 'int' but found 'bool'" },
        { "{'a': 1, 'a': 2}", "eval: repeated key" },
        { "{1.5: 2}", "compile: unsupported map key type 'double'" },
        { "[1, 'a']", "compile: 1:5: expected type 'int' but found 'string'" },
        { "[1, dyn('a')]", "[1,\"a\"]" },
        { "1 // comment\n + 1", "2" },
        { "", "compile: Syntax error" },
        { "1 +", "compile: 1:4: Syntax error: mismatched input '<EOF>'" },
        { "(1", "compile: expecting ')'" },
        { "1 1", "compile: mismatched input '1'" },
        { "a.b{c: 1}", "compile: message" },
        { "if", "compile: reserved identifier: if" },
        { "x # y", "compile: token recognition error" },
        { "[1, 2].map(x, x)[0] in [1]", "true" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void arithmetic(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "2 + 3 * 4 - 10 / 2 % 3", "12" },
        { "(2 + 3) * 4", "20" },
        { "-x", "-7" },
        { "--x", "7" },
        { "!!true", "true" },
        { "!x", "compile: found no matching overload for '!_' applied to '(int)'" },
        { "9223372036854775807 + 1", "eval: integer overflow" },
        { "-9223372036854775808 - 1", "eval: integer overflow" },
        { "9223372036854775807 * 2", "eval: integer overflow" },
        { "-(-9223372036854775807 - 1)", "eval: integer overflow" },
        { "(-9223372036854775807 - 1) / -1", "eval: integer overflow" },
        { "(-9223372036854775807 - 1) % -1", "eval: integer overflow" },
        { "1 / 0", "eval: division by zero" },
        { "1 % 0", "eval: modulus by zero" },
        { "1u / 0u", "eval: division by zero" },
        { "0u - 1u", "eval: unsigned integer overflow" },
        { "-7 / 2", "-3" },
        { "-7 % 2", "-1" },
        { "1.0 / 0.0 > 1e308", "true" },
        { "1 + 1.0", "compile: found no matching overload for '_+_' applied to '(int, double)'" },
        { "1 + 1u", "compile: found no matching overload" },
        { "d + 1", "eval: no such overload" },
        { "1 + dyn(1u)", "eval: no such overload" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void comparisons(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "1 < 2.5", "true" },
        { "1u < 2", "true" },
        { "-1 < 1u", "true" },
        { "9223372036854775807 < 9223372036854775808.0", "true" },
        { "18446744073709551615u < 18446744073709551616.0", "true" },
        { "9007199254740993 > 9007199254740992.0", "true" },
        { "1 == 1.0", "compile: found no matching overload for '_==_' applied to '(int, double)'" },
        { "dyn(1) == dyn(1.0)", "true" },
        { "dyn(1) == dyn(1u)", "true" },
        { "dyn(-1) == dyn(18446744073709551615u)", "false" },
        { "dyn(1) == dyn('1')", "false" },
        { "dyn(1) != dyn('1')", "true" },
        { "dyn([1, 2]) == dyn([1.0, 2u])", "compile: expected type" },
        { "[1, 2] == [1, 2]", "true" },
        { "[1] == [1, 2]", "false" },
        { "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true" },
        { "{'a': 1} == {'a': 2}", "false" },
        { "null == null", "true" },
        { "j.b.n == null", "true" },
        { "j == null", "false" },
        { "'a' < 'b' && 'a' < 'aa' && 'Z' < 'a'", "true" },
        { "b'a' < b'b' && false < true", "true" },
        { "'a' < 1", "compile: found no matching overload for '_<_' applied to '(string, int)'" },
        { "[1] < [2]", "compile: found no matching overload" },
        { "double('NaN') == double('NaN')", "false" },
        { "double('NaN') < 1.0 || double('NaN') >= 1.0", "false" },
        { "1 in [1, 2]", "true" },
        { "dyn(1.0) in [1, 2]", "true" },
        { "'a' in {'a': 1}", "true" },
        { "1 in ['a']", "compile: found no matching overload for '@in'" },
        { "2 in j.list && !('z' in j)", "true" },
        { "type(1) == int && type('') == string && type(type(1)) == type", "true" },
        { "type(timestamp(0)) == google.protobuf.Timestamp", "true" },
        { "type([]) == list && type({}) == map && type(null) == null_type", "true" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void errors_and_logic(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "1/0 == 1 || true", "true" },
        { "true || 1/0 == 1", "true" },
        { "1/0 == 1 && false", "false" },
        { "false && 1/0 == 1", "false" },
        { "1/0 == 1 || false", "eval: division by zero" },
        { "1/0 == 1 && true", "eval: division by zero" },
        { "true && d", "eval: no such overload" },
        { "false && d", "false" },
        { "d && false", "false" },
        { "1 && true", "compile: found no matching overload for '_&&_' applied to '(int, bool)'" },
        { "true ? 1 : 1/0", "1" },
        { "false ? 1/0 : 2", "2" },
        { "d ? 1 : 2", "eval: no such overload" },
        { "x > 5 ? 'big' : x > 2 ? 'mid' : 'small'", "\"big\"" },
        { "true ? 1 : 'a'", "compile: found no matching overload for '_?_:_'" },
        { "false || false || x == 7 && true", "true" },
        { "undefined", "compile: 1:1: undeclared reference to 'undefined' (in container '')" },
        { "x +\n  nope(1)", "compile: 2:3: undeclared reference to 'nope'" },
        { "'a'.nope()", "compile: undeclared reference to 'nope'" },
        { "'a'.startsWith(1)",
          "compile: found no matching overload for 'startsWith' applied to 'string.(int)'" },
        { "size()", "compile: found no matching overload for 'size' applied to '()'" },
        { "x.y", "compile: type 'int' does not support field selection" },
        { "x.y()", "compile: undeclared reference to 'y'" },
        { "o.nope", "compile: undefined field 'nope'" },
        { "o.name + 1", "compile: applied to '(string, int)'" },
        { "optional.nope(1)", "compile: undeclared reference to 'optional.nope'" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void members(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "j.a", "1" },
        { "j['a']", "1" },
        { "j.b.c", "\"text\"" },
        { "j.nope", "eval: no such key: nope" },
        { "j['nope']", "eval: no such key: nope" },
        { "j.list[0]", "3" },
        { "j.list[3]", "eval: index out of bounds: 3" },
        { "j.list[-1]", "eval: index out of bounds: -1" },
        { "j.list['a']", "eval: unsupported index type" },
        { "[1, 2][1]", "2" },
        { "[1, 2]['a']", "compile: found no matching overload for '_[_]'" },
        { "{1: 'a'}[dyn(1.0)]", "\"a\"" },
        { "{1: 'a'}[1u]", "\"a\"" },
        { "{'k': 1}.k", "1" },
        { "j.f == 1.5 && j.e == 1000.0 && type(j.e) == double && type(j.a) == int", "true" },
        { "j.big + 1", "eval: integer overflow" },
        { "has(j.a) && !has(j.nope) && has(j.b.n)", "true" },
        { "has(j.nope.more)", "eval: no such key: nope" },
        { "has(j)", "compile: invalid argument to has() macro" },
        { "has(o.absent)", "false" },
        { "o.absent", "eval: no such key: absent" },
        { "o.replicas + 1", "4" },
        { "o.ratio + 0.5", "2.5" },
        { "type(o.ratio) == double", "true" },
        { "o.when.getFullYear()", "2026" },
        { "o.wait > duration('1m')", "true" },
        { "o.mem.isGreaterThan(quantity('512Mi'))", "true" },
        { "o.bad.getFullYear()", "eval: invalid timestamp: never" },
        { "o.bad == o.when || true", "true" },
        { "o.items.map(i, i.id)", "[1,2]" },
        { "o.items[0].nope", "compile: undefined field 'nope'" },
        { "o.labels.app + o.labels['app']", "\"aa\"" },
        { "o.labels[1]", "compile: found no matching overload" },
        { "1.5.nope", "compile: field selection" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void macros(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "[1, 2].all(v, v > 0)", "true" },
        { "[].all(v, v)", "true" },
        { "[1, 0].all(v, 1 / v > 5)", "false" },
        { "[0, 1].all(v, 1 / v > 0)", "eval: division by zero" },
        { "[0, 1].exists(v, 1 / v > 0)", "true" },
        { "[0].exists(v, 1 / v > 0)", "eval: division by zero" },
        { "[1, 2, 3].exists_one(v, v > 2)", "true" },
        { "[1, 2, 3].existsOne(v, v > 1)", "false" },
        { "[0, 1].exists_one(v, 1 / v > 0)", "eval: division by zero" },
        { "[1, 2].map(v, v * 2)", "[2,4]" },
        { "[1, 2, 3].map(v, v > 1, v * 2)", "[4,6]" },
        { "[1, 2, 3].filter(v, v != 2)", "[1,3]" },
        { "{'a': 1, 'b': 2}.map(k, k)", "[\"a\",\"b\"]" },
        { "{'a': 1, 'b': 2}.exists(k, k == 'b')", "true" },
        { "j.b.all(k, k in ['c', 'n'])", "true" },
        { "j.list.all(v, v > 0) && j.nested.exists(l, l.exists(v, v == 3))", "true" },
        { "[5, 6].all(i, v, v == i + 5)", "true" },
        { "{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true" },
        { "[5, 6].transformList(i, v, i * v)", "[0,6]" },
        { "[5, 6].transformList(i, v, i > 0, i * v)", "[6]" },
        { "{'a': 1, 'b': 2}.transformMap(k, v, v * 10)", "{\"a\":10,\"b\":20}" },
        { "{'a': 1, 'b': 2}.transformMap(k, v, k == 'b', v * 10)", "{\"b\":20}" },
        { "{'a': 'x'}.transformMapEntry(k, v, {v: k})", "{\"x\":\"a\"}" },
        { "['x', 'x'].transformMapEntry(i, v, {v: i})", "eval: repeated key" },
        { "[1].all(v, v)", "compile: expected type 'bool' but found 'int'" },
        { "[1].all(v.w, true)", "compile: argument must be a simple name" },
        { "[1].all(v, v, true)", "compile: duplicate variable" },
        { "x.all(v, true)", "compile: cannot be range of a comprehension" },
        { "d.all(v, true)", "eval: no such overload" },
        { "[1].all(x, x == 1) && x == 7", "true" },
        { "[[1, 2], [3]].map(v, v.map(w, w + size(v)))", "[[3,4],[4]]" },
        { "cel.bind(y, x * 2, y + y)", "28" },
        { "cel.bind(y, 1, cel.bind(y, y + 1, y)) + cel.bind(z, 3, z)", "5" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void optionals(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "optional.of(1).value()", "1" },
        { "optional.none().value()", "eval: optional.none() dereference" },
        { "optional.none().orValue(3)", "3" },
        { "optional.of(1).or(optional.of(2)).value()", "1" },
        { "optional.none().or(optional.of(2)).value()", "2" },
        { "optional.ofNonZeroValue('').hasValue()", "false" },
        { "optional.ofNonZeroValue(dyn([])).hasValue()", "false" },
        { "j.?a.orValue(5)", "1" },
        { "j.?nope.orValue(5)", "5" },
        { "j.?nope.more.deep.hasValue()", "false" },
        { "j.?b.c.value()", "\"text\"" },
        { "j.list[?1].orValue(9)", "1" },
        { "j.list[?7].orValue(9)", "9" },
        { "j[?'nope'].hasValue()", "false" },
        { "[?optional.of(1), ?optional.none(), 3]", "[1,3]" },
        { "{?'a': optional.none(), 'b': 1}", "{\"b\":1}" },
        { "{?'a': 1}", "compile: expected type 'optional_type'" },
        { "optional.of(2).optMap(v, v * 3).value()", "6" },
        { "optional.none().optMap(v, 1 / 0).hasValue()", "false" },
        { "optional.of(2).optFlatMap(v, optional.none()).hasValue()", "false" },
        { "has(j.?b.c)", "true" },
        { "optional.of(1) == optional.of(1) && optional.none() != optional.of(1)", "true" },
        { "o.?labels.app.orValue('z')", "\"a\"" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

/* ---- limits ---- */

static const struct cel_env no_vars = { 0 };

static int compile_text(struct buf *b, struct err *err)
{
    AUTO(cel_freep) struct cel *p = NULL;
    int rc = cel_compile(&p, buf_view(b), &no_vars, err);
    buf_fini(b);
    return rc;
}

static struct buf repeated(const char *front, const char *middle, const char *back, size_t n)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_str(&b, str_from(front));
    buf_str(&b, str_from(middle));
    for (size_t i = 0; i < n; i++)
        buf_str(&b, str_from(back));
    return b;
}

static void limits(void **state)
{
    (void)state;
    struct err err;
    struct buf fine = repeated("(", "1", ")", 200), deep = repeated("(", "1", ")", 300);
    CHECK_OK(compile_text(&fine, &err), err);
    CHECK_FAILS(compile_text(&deep, &err), err, ERR_TOO_LARGE);
    struct buf sum = repeated("1 + ", "1", "", 300), wide = repeated("true && ", "true", "", 5000);
    CHECK_FAILS(compile_text(&sum, &err), err, ERR_TOO_LARGE);
    CHECK_OK(compile_text(&wide, &err), err);
    struct buf nodes = repeated("true || ", "true", "", 20001),
               text = repeated(" ", "1", "", 100000);
    CHECK_FAILS(compile_text(&nodes, &err), err, ERR_TOO_LARGE);
    CHECK_FAILS(compile_text(&text, &err), err, ERR_TOO_LARGE);
    struct buf bangs = repeated("!", "true", "", 9000), lists = repeated("[", "", "]", 249);
    CHECK_OK(compile_text(&bangs, &err), err);
    CHECK_OK(compile_text(&lists, &err), err);
}

static int run_text(const char *text, uint64_t limit, struct err *err)
{
    AUTO(cel_freep) struct cel *p = NULL;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct cel_value out;
    CHECK_OK(cel_compile(&p, str_from(text), &no_vars, err), *err);
    struct cel_run r = { .arena = a, .limit = limit };
    int rc = cel_eval(p, &r, &out, err);
    CHECK(arena_bytes(a) < (64u << 20));
    return rc;
}

/* Nothing absorbs the limit, and what would need much memory is refused before it is made. */
static void costs(void **state)
{
    (void)state;
    struct err err;
    static const char loop[] = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, "
                               "[1,2,3,4,5,6,7,8,9].all(c, a + b + c > 0))) || true";
    CHECK_OK(run_text(loop, CEL_COST_CALL, &err), err);
    CHECK_FAILS(run_text(loop, 500, &err), err, ERR_TOO_LARGE);
    CHECK_CSTR(err.msg, "operation cancelled: actual cost limit exceeded");
    char bomb[2000] = "'0123456789'";
    for (int i = 0; i < 30; i++) {
        char next[2000];
        snprintf(next, sizeof next, "cel.bind(v, %.*s, v + v)", 1900, bomb);
        memcpy(bomb, next, sizeof bomb);
    }
    CHECK_FAILS(run_text(bomb, CEL_COST_CALL, &err), err, ERR_TOO_LARGE);
    CHECK_FAILS(run_text("'%1000s'.format([1]).size() > 0", CEL_COST_CALL, &err), err, ERR_INVALID);
}

static void results_have_types(void **state)
{
    (void)state;
    AUTO(cel_freep) struct cel *p = NULL;
    struct err err;
    const struct cel_field vars[] = { { STR_INIT("self"), NULL }, { STR_INIT("oldSelf"), NULL } };
    struct cel_env env = { vars, 2, &cel_types[CEL_BOOL] };
    CHECK_FAILS(cel_compile(&p, STR("1 + 1"), &env, &err), err, ERR_INVALID);
    CHECK_CSTR(err.msg, "must evaluate to bool, not int");
    CHECK_OK(cel_compile(&p, STR("self.a == 1"), &env, &err), err);
    CHECK(cel_reads(p, STR("self")) && !cel_reads(p, STR("oldSelf")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals),    cmocka_unit_test(arithmetic),
        cmocka_unit_test(comparisons), cmocka_unit_test(errors_and_logic),
        cmocka_unit_test(members),     cmocka_unit_test(macros),
        cmocka_unit_test(optionals),   cmocka_unit_test(limits),
        cmocka_unit_test(costs),       cmocka_unit_test(results_have_types),
    };
    return CHECK_MAIN(tests);
}
