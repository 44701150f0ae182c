/* SPDX-License-Identifier: Apache-2.0
 * cel_parse — tokens to nodes: precedence climbing over CEL's six levels, member chains, literals.
 * Macros are recognised here by name and number of arguments, as the language definition says, and
 * become nodes of their own; && and || are flattened, so that long chains are not deep. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "codec/cel_internal.h"

struct parser {
    struct cel *p;
    struct cel_lexer lexer;
    struct cel_token token; /* the next one */
    struct err *err;
    uint32_t depth, nodes;
};

static struct cel_node *parse_expr(struct parser *ps);

static struct cel_node *fail_at(struct parser *ps, uint32_t at, const char *what)
{
    cel_fail_at(ps->err, (struct cel_place){ ps->p->text, at }, "%s", what);
    return NULL;
}

static bool advance(struct parser *ps)
{
    return cel_lex(&ps->lexer, &ps->token) == 0;
}

static bool is_op(const struct parser *ps, const char *op)
{
    return ps->token.kind == CEL_TOKEN_OP && str_is(ps->token.text, op);
}

static struct cel_node *unexpected(struct parser *ps, const char *want)
{
    if (ps->token.kind == CEL_TOKEN_END)
        cel_fail_at(ps->err, (struct cel_place){ ps->p->text, ps->token.at },
                    "Syntax error: mismatched input '<EOF>' expecting %s", want);
    else
        cel_fail_at(ps->err, (struct cel_place){ ps->p->text, ps->token.at },
                    "Syntax error: mismatched input '%.*s' expecting %s",
                    STR_ARG(str_take(ps->token.text, 40)), want);
    return NULL;
}

static bool expect(struct parser *ps, const char *op)
{
    if (is_op(ps, op))
        return advance(ps);
    char want[8] = { '\'', op[0], '\'' };
    unexpected(ps, want);
    return false;
}

/* ---- nodes ---- */

static struct cel_node *node_new(struct parser *ps, enum cel_node_kind kind, uint32_t at)
{
    if (++ps->nodes > CEL_NODES_MAX) {
        err_set(ps->err, ERR_TOO_LARGE, "expression has more than %d steps", CEL_NODES_MAX);
        return NULL;
    }
    struct cel_node *n = ARENA_NEW(ps->p->a, struct cel_node);
    n->kind = kind;
    n->at = at;
    n->height = 1;
    return n;
}

static struct cel_node *too_deep(struct parser *ps)
{
    err_set(ps->err, ERR_TOO_LARGE, "expression nests deeper than %d", CEL_DEPTH_MAX);
    return NULL;
}

/* Gives the node its arguments; NULL when it gets too high. Takes the vec over. */
static struct cel_node *node_args(struct parser *ps, struct cel_node *n, struct cel_node_vec *args)
{
    if (n && args->n) {
        n->args = ARENA_ARRAY(ps->p->a, struct cel_node *, args->n);
        n->n_args = (uint32_t)args->n;
        for (size_t i = 0; i < args->n; i++) {
            n->args[i] = args->items[i];
            if (n->args[i] && n->args[i]->height >= n->height)
                n->height = (uint16_t)(n->args[i]->height + 1);
        }
    }
    cel_node_vec_fini(args);
    return n && n->height > CEL_DEPTH_MAX ? too_deep(ps) : n;
}

static struct cel_node *
node_of(struct parser *ps, struct cel_node *n, struct cel_node *a, struct cel_node *b)
{
    struct cel_node_vec args = { 0 };
    cel_node_vec_push(&args, a);
    if (b)
        cel_node_vec_push(&args, b);
    return node_args(ps, n, &args);
}

static struct cel_node *operator_node(struct parser *ps,
                                      const char *name,
                                      uint32_t at,
                                      struct cel_node *a,
                                      struct cel_node *b)
{
    struct cel_node *n = node_new(ps, CEL_NODE_CALL, at);
    if (!n)
        return NULL;
    n->name = str_from(name);
    return node_of(ps, n, a, b);
}

static struct cel_node *literal(struct parser *ps, uint32_t at, struct cel_value v)
{
    struct cel_node *n = node_new(ps, CEL_NODE_LITERAL, at);
    if (n)
        n->value = v;
    return n;
}

/* ---- literals ---- */

static bool parse_digits(struct str s, bool negative, struct cel_value *out)
{
    bool hex = s.n > 2 && (s.p[1] | 0x20) == 'x';
    uint64_t v = 0;
    for (size_t i = hex ? 2 : 0; i < s.n; i++) {
        if (__builtin_mul_overflow(v, hex ? 16u : 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)char_hex(s.p[i]), &v))
            return false;
    }
    *out = (struct cel_value){ .kind = CEL_UINT, .u = v };
    if (v > (uint64_t)INT64_MAX + negative)
        return negative ? false : true;
    out->i = negative ? (int64_t)(0 - v) : (int64_t)v;
    out->kind = CEL_INT;
    return true;
}

static struct cel_node *number(struct parser *ps, bool negative, uint32_t at)
{
    struct cel_token t = ps->token;
    struct cel_value v = { 0 };
    if (t.kind == CEL_TOKEN_DOUBLE) {
        v.kind = CEL_DOUBLE;
        v.d = strtod(arena_str(ps->p->a, t.text).p, NULL);
        if (negative)
            v.d = -v.d;
        if (!isfinite(v.d))
            return fail_at(ps, at, "invalid double literal");
    } else if (t.kind == CEL_TOKEN_UINT) {
        if (!parse_digits(t.text, false, &v))
            return fail_at(ps, at, "invalid uint literal");
        v = (struct cel_value){ .kind = CEL_UINT, .u = v.u };
    } else if (!parse_digits(t.text, negative, &v) || v.kind != CEL_INT) {
        return fail_at(ps, at, "invalid int literal");
    }
    return advance(ps) ? literal(ps, at, v) : NULL;
}

static struct cel_node *list_literal(struct parser *ps)
{
    uint32_t at = ps->token.at;
    struct cel_node_vec items = { 0 };
    bool *optionals = NULL;
    size_t room = 0;
    bool first_optional = is_op(ps, "[?"), ok = advance(ps);
    while (ok && !is_op(ps, "]")) {
        bool optional = first_optional;
        first_optional = false;
        if (!optional && is_op(ps, "?")) {
            optional = true;
            ok = advance(ps);
        }
        struct cel_node *item = ok ? parse_expr(ps) : NULL;
        ok = item != NULL;
        if (!ok)
            break;
        if (items.n == room) {
            bool *more = ARENA_ARRAY(ps->p->a, bool, 2 * room + 8);
            for (size_t i = 0; i < items.n; i++)
                more[i] = optionals[i];
            optionals = more;
            room = 2 * room + 8;
        }
        optionals[items.n] = optional;
        cel_node_vec_push(&items, item);
        if (!is_op(ps, ","))
            break;
        ok = advance(ps);
    }
    struct cel_node *n = ok && expect(ps, "]") ? node_new(ps, CEL_NODE_LIST, at) : NULL;
    if (n)
        n->optionals = optionals;
    return node_args(ps, n, &items);
}

/* "key: value"; 0: done, -1: failed. */
static int map_entry(struct parser *ps, struct cel_node_vec *items, bool *optional)
{
    *optional = is_op(ps, "?");
    if (*optional && !advance(ps))
        return -1;
    struct cel_node *key = parse_expr(ps);
    if (!key || !expect(ps, ":"))
        return -1;
    struct cel_node *value = parse_expr(ps);
    cel_node_vec_push(items, key);
    cel_node_vec_push(items, value);
    return value ? 0 : -1;
}

static struct cel_node *map_literal(struct parser *ps)
{
    uint32_t at = ps->token.at;
    struct cel_node_vec items = { 0 };
    bool *optionals = NULL;
    size_t room = 0;
    bool ok = advance(ps);
    while (ok && !is_op(ps, "}")) {
        if (items.n / 2 == room) {
            bool *more = ARENA_ARRAY(ps->p->a, bool, 2 * room + 8);
            for (size_t i = 0; i < room; i++)
                more[i] = optionals[i];
            optionals = more;
            room = 2 * room + 8;
        }
        ok = map_entry(ps, &items, &optionals[items.n / 2]) == 0;
        if (!ok || !is_op(ps, ","))
            break;
        ok = advance(ps);
    }
    struct cel_node *n = ok && expect(ps, "}") ? node_new(ps, CEL_NODE_MAP, at) : NULL;
    if (n)
        n->optionals = optionals;
    return node_args(ps, n, &items);
}

/* ---- macros ---- */

static const struct {
    const char *name;
    enum cel_fold fold;
    uint32_t n_vars;
    int value, filter; /* which arguments; 0: none. The variables come first */
} folds[] = {
    { "all", CEL_FOLD_ALL, 1, 1, 0 },
    { "exists", CEL_FOLD_EXISTS, 1, 1, 0 },
    { "exists_one", CEL_FOLD_EXISTS_ONE, 1, 1, 0 },
    { "existsOne", CEL_FOLD_EXISTS_ONE, 1, 1, 0 },
    { "map", CEL_FOLD_MAP, 1, 1, 0 },
    { "map", CEL_FOLD_MAP, 1, 2, 1 },
    { "filter", CEL_FOLD_FILTER, 1, 1, 0 },
    { "all", CEL_FOLD_ALL, 2, 2, 0 },
    { "exists", CEL_FOLD_EXISTS, 2, 2, 0 },
    { "exists_one", CEL_FOLD_EXISTS_ONE, 2, 2, 0 },
    { "existsOne", CEL_FOLD_EXISTS_ONE, 2, 2, 0 },
    { "transformList", CEL_FOLD_MAP, 2, 2, 0 },
    { "transformList", CEL_FOLD_MAP, 2, 3, 2 },
    { "transformMap", CEL_FOLD_TO_MAP, 2, 2, 0 },
    { "transformMap", CEL_FOLD_TO_MAP, 2, 3, 2 },
    { "transformMapEntry", CEL_FOLD_TO_ENTRY, 2, 2, 0 },
    { "transformMapEntry", CEL_FOLD_TO_ENTRY, 2, 3, 2 },
};

static bool simple_name(struct parser *ps, const struct cel_node *n, struct str *out)
{
    if (n->kind != CEL_NODE_IDENT) {
        fail_at(ps, n->at, "argument must be a simple name");
        return false;
    }
    *out = n->name;
    return true;
}

static struct cel_node *
fold_node(struct parser *ps, size_t row, struct cel_node *target, struct cel_node_vec *args)
{
    struct cel_node *n = node_new(ps, CEL_NODE_FOLD, args->items[0]->at);
    struct cel_node_vec own = { 0 };
    if (!n || !simple_name(ps, args->items[0], &n->name) ||
        (folds[row].n_vars == 2 && !simple_name(ps, args->items[1], &n->name2)))
        return NULL;
    if (folds[row].n_vars == 2 && str_eq(n->name, n->name2))
        return fail_at(ps, args->items[1]->at, "duplicate variable name");
    n->fold = folds[row].fold;
    cel_node_vec_push(&own, target);
    cel_node_vec_push(&own, args->items[folds[row].value]);
    if (folds[row].filter)
        cel_node_vec_push(&own, args->items[folds[row].filter]);
    return node_args(ps, n, &own);
}

static bool is_optional_macro(const struct cel_node *n)
{
    return n->n_args == 3 && (str_is(n->name, "optMap") || str_is(n->name, "optFlatMap"));
}

/* x.optMap(v, e) and cel.bind(v, x, e): a name for one value. */
static struct cel_node *let_node(struct parser *ps, const struct cel_node *call, bool bind)
{
    struct cel_node *const *args = call->args;
    struct cel_node *n = node_new(ps, bind ? CEL_NODE_BIND : CEL_NODE_OPT, call->at);
    if (!n || !simple_name(ps, args[1], &n->name))
        return NULL;
    n->flat = str_is(call->name, "optFlatMap");
    return bind ? node_of(ps, n, args[2], args[3]) : node_of(ps, n, args[0], args[2]);
}

static struct cel_node *has_node(struct parser *ps, const struct cel_node *call)
{
    struct cel_node *n = call->args[0];
    if (n->kind != CEL_NODE_SELECT || n->optional)
        return fail_at(ps, n->at, "invalid argument to has() macro");
    n->test = true;
    return n;
}

static bool is_ident(const struct cel_node *n, const char *name)
{
    return n->kind == CEL_NODE_IDENT && str_is(n->name, name);
}

/* What a call stands for: itself, or a macro. */
static struct cel_node *expand(struct parser *ps, struct cel_node *call)
{
    if (!call)
        return NULL;
    if (!call->method)
        return str_is(call->name, "has") && call->n_args == 1 ? has_node(ps, call) : call;
    if (is_ident(call->args[0], "cel") && str_is(call->name, "bind") && call->n_args == 4)
        return let_node(ps, call, true);
    if (is_optional_macro(call))
        return let_node(ps, call, false);
    for (size_t i = 0; i < COUNT_OF(folds); i++) {
        uint32_t want = (uint32_t)folds[i].value + 1;
        if (!str_is(call->name, folds[i].name) || call->n_args != want + 1)
            continue;
        /* map(x, p, t) and all(i, v, p) are told apart by the name alone */
        struct cel_node_vec args = { call->args + 1, want, want };
        return fold_node(ps, i, call->args[0], &args);
    }
    return call;
}

/* ---- members ---- */

static struct cel_node *call_node(struct parser *ps, struct cel_token name, struct cel_node *target)
{
    struct cel_node_vec args = { 0 };
    if (target)
        cel_node_vec_push(&args, target);
    bool ok = advance(ps);
    while (ok && !is_op(ps, ")")) {
        struct cel_node *arg = parse_expr(ps);
        ok = arg != NULL;
        if (!ok)
            break;
        cel_node_vec_push(&args, arg);
        if (!is_op(ps, ","))
            break;
        ok = advance(ps) && (!is_op(ps, ")") || unexpected(ps, "an expression"));
    }
    struct cel_node *n = ok && expect(ps, ")") ? node_new(ps, CEL_NODE_CALL, name.at) : NULL;
    if (n) {
        n->name = arena_str(ps->p->a, name.text);
        n->method = target != NULL;
    }
    return expand(ps, node_args(ps, n, &args));
}

static struct cel_node *select_node(struct parser *ps, struct cel_node *target)
{
    uint32_t at = ps->token.at;
    bool optional = is_op(ps, ".?");
    if (!advance(ps))
        return NULL;
    struct cel_token name = ps->token;
    if (name.kind != CEL_TOKEN_NAME || str_is(name.text, "in") || str_is(name.text, "true") ||
        str_is(name.text, "false") || str_is(name.text, "null"))
        return unexpected(ps, "IDENTIFIER");
    if (!advance(ps))
        return NULL;
    if (is_op(ps, "(") && !optional)
        return call_node(ps, name, target);
    struct cel_node *n = node_new(ps, CEL_NODE_SELECT, at);
    if (!n)
        return NULL;
    n->name = arena_str(ps->p->a, name.text);
    n->optional = optional;
    return node_of(ps, n, target, NULL);
}

static struct cel_node *index_node(struct parser *ps, struct cel_node *target)
{
    uint32_t at = ps->token.at;
    bool optional = is_op(ps, "[?");
    if (!advance(ps))
        return NULL;
    struct cel_node *key = parse_expr(ps);
    if (!key || !expect(ps, "]"))
        return NULL;
    struct cel_node *n = node_new(ps, CEL_NODE_INDEX, at);
    if (!n)
        return NULL;
    n->optional = optional;
    return node_of(ps, n, target, key);
}

static struct cel_node *ident_or_call(struct parser *ps)
{
    struct cel_token name = ps->token;
    static const struct {
        const char *word;
        struct cel_value value;
    } words[] = { { "true", { .kind = CEL_BOOL, .b = true } },
                  { "false", { .kind = CEL_BOOL } },
                  { "null", { .kind = CEL_NULL } } };
    if (cel_reserved(name.text)) {
        cel_fail_at(ps->err, (struct cel_place){ ps->p->text, name.at },
                    "reserved identifier: %.*s", STR_ARG(name.text));
        return NULL;
    }
    if (str_is(name.text, "in"))
        return unexpected(ps, "an expression");
    if (!advance(ps))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_is(name.text, words[i].word))
            return literal(ps, name.at, words[i].value);
    }
    if (is_op(ps, "("))
        return call_node(ps, name, NULL);
    struct cel_node *n = node_new(ps, CEL_NODE_IDENT, name.at);
    if (n)
        n->name = arena_str(ps->p->a, name.text);
    return n;
}

static struct cel_node *parenthesised(struct parser *ps)
{
    if (!advance(ps))
        return NULL;
    struct cel_node *n = parse_expr(ps);
    return n && expect(ps, ")") ? n : NULL;
}

static struct cel_node *primary(struct parser *ps)
{
    struct cel_token t = ps->token;
    switch (t.kind) {
    case CEL_TOKEN_INT:
    case CEL_TOKEN_UINT:
    case CEL_TOKEN_DOUBLE:
        return number(ps, false, t.at);
    case CEL_TOKEN_STRING:
    case CEL_TOKEN_BYTES:
        return advance(ps)
                   ? literal(ps, t.at,
                             (struct cel_value){ .kind = t.kind == CEL_TOKEN_STRING ? CEL_STRING
                                                                                    : CEL_BYTES,
                                                 .s = t.text })
                   : NULL;
    case CEL_TOKEN_NAME:
        return ident_or_call(ps);
    case CEL_TOKEN_OP:
    case CEL_TOKEN_END:
        break;
    }
    if (is_op(ps, "("))
        return parenthesised(ps);
    if (is_op(ps, "[") || is_op(ps, "[?"))
        return list_literal(ps);
    if (is_op(ps, "{"))
        return map_literal(ps);
    if (is_op(ps, ".") && advance(ps) && ps->token.kind == CEL_TOKEN_NAME)
        return ident_or_call(ps);
    return unexpected(ps, "an expression");
}

static struct cel_node *member(struct parser *ps)
{
    struct cel_node *n = primary(ps);
    while (n) {
        if (is_op(ps, ".") || is_op(ps, ".?"))
            n = select_node(ps, n);
        else if (is_op(ps, "[") || is_op(ps, "[?"))
            n = index_node(ps, n);
        else if (is_op(ps, "{") && (n->kind == CEL_NODE_IDENT || n->kind == CEL_NODE_SELECT))
            return fail_at(ps, n->at, "messages cannot be made here: there are no message types");
        else
            return n;
    }
    return NULL;
}

/* ---- operators ---- */

static bool is_number(const struct cel_token *t)
{
    return t->kind == CEL_TOKEN_INT || t->kind == CEL_TOKEN_DOUBLE;
}

/* A sign before a number belongs to it, so that the smallest int can be written; then members may
 * follow: -1.method(). */
static struct cel_node *unary(struct parser *ps)
{
    uint32_t at = ps->token.at;
    const char *op = is_op(ps, "!") ? "!" : is_op(ps, "-") ? "-" : NULL;
    if (!op)
        return member(ps);
    size_t count = 0;
    while (is_op(ps, op)) {
        count++;
        if (!advance(ps))
            return NULL;
    }
    bool even = count % 2 == 0; /* !!x needs x to be bool still, so one pair stays */
    if (op[0] == '-' && !even && is_number(&ps->token))
        return number(ps, true, at);
    struct cel_node *n = member(ps);
    for (size_t i = even ? 2 : 1; n && i > 0; i--)
        n = operator_node(ps, op[0] == '!' ? "!_" : "-_", at, n, NULL);
    return n;
}

static const struct {
    const char *op, *name;
    int level;
} operators[] = {
    { "||", NULL, 1 },  { "&&", NULL, 2 },   { "<", "_<_", 3 },   { "<=", "_<=_", 3 },
    { ">", "_>_", 3 },  { ">=", "_>=_", 3 }, { "==", "_==_", 3 }, { "!=", "_!=_", 3 },
    { "in", "@in", 3 }, { "+", "_+_", 4 },   { "-", "_-_", 4 },   { "*", "_*_", 5 },
    { "/", "_/_", 5 },  { "%", "_%_", 5 },
};

static int operator_at(const struct parser *ps)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        bool word = str_is(ps->token.text, operators[i].op) &&
                    ps->token.kind == (operators[i].op[0] == 'i' ? CEL_TOKEN_NAME : CEL_TOKEN_OP);
        if (word)
            return (int)i;
    }
    return -1;
}

static struct cel_node *binary(struct parser *ps, int level);

/* a && b && c: one node. `first` is a. */
static struct cel_node *logic(struct parser *ps, int level, struct cel_node *first)
{
    uint32_t at = ps->token.at;
    struct cel_node_vec args = { 0 };
    cel_node_vec_push(&args, first);
    const char *op = level == 1 ? "||" : "&&";
    bool ok = true;
    while (ok && is_op(ps, op)) {
        ok = advance(ps);
        struct cel_node *next = ok ? binary(ps, level + 1) : NULL;
        ok = next != NULL;
        cel_node_vec_push(&args, next);
    }
    struct cel_node *n = ok ? node_new(ps, level == 1 ? CEL_NODE_OR : CEL_NODE_AND, at) : NULL;
    return node_args(ps, n, &args);
}

static struct cel_node *binary(struct parser *ps, int level)
{
    struct cel_node *left = unary(ps);
    while (left) {
        int op = operator_at(ps);
        if (op < 0 || operators[op].level < level)
            return left;
        if (!operators[op].name) {
            left = logic(ps, operators[op].level, left);
            continue;
        }
        uint32_t at = ps->token.at;
        struct cel_node *right = advance(ps) ? binary(ps, operators[op].level + 1) : NULL;
        left = right ? operator_node(ps, operators[op].name, at, left, right) : NULL;
    }
    return NULL;
}

static struct cel_node *conditional(struct parser *ps)
{
    struct cel_node *test = binary(ps, 1);
    if (!test || !is_op(ps, "?"))
        return test;
    uint32_t at = ps->token.at;
    struct cel_node *yes = advance(ps) ? binary(ps, 1) : NULL;
    struct cel_node *no = yes && expect(ps, ":") ? parse_expr(ps) : NULL;
    struct cel_node *n = no ? node_new(ps, CEL_NODE_COND, at) : NULL;
    if (!n)
        return NULL;
    struct cel_node_vec args = { 0 };
    cel_node_vec_push(&args, test);
    cel_node_vec_push(&args, yes);
    cel_node_vec_push(&args, no);
    return node_args(ps, n, &args);
}

static struct cel_node *parse_expr(struct parser *ps)
{
    if (++ps->depth > CEL_DEPTH_MAX)
        return too_deep(ps);
    struct cel_node *n = conditional(ps);
    ps->depth--;
    return n;
}

int cel_parse(struct cel *p, struct err *err)
{
    struct parser ps = { .p = p, .lexer = { p->text, 0, p->a, err }, .err = err };
    if (!advance(&ps))
        return -1;
    p->root = parse_expr(&ps);
    if (!p->root)
        return -1;
    if (ps.token.kind != CEL_TOKEN_END) {
        unexpected(&ps, "<EOF>");
        return -1;
    }
    return 0;
}
