/* SPDX-License-Identifier: Apache-2.0
 * structural_rules — a look at x-kubernetes-validations. CEL rules are not evaluated here; this
 * refuses the rules that cannot compile for one of two plain reasons: they are no expression, or
 * they name a field of self that the schema lacks. In doubt a rule passes. */
#include <ctype.h>

#include "kube/structural_internal.h"

enum token_type {
    TOKEN_END,
    TOKEN_BAD,
    TOKEN_NAME,
    TOKEN_VALUE,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OP
};

struct token {
    enum token_type type;
    struct str text;
};

struct scan {
    struct str rule, rest;
    struct token now;
    struct str why; /* of a refusal, in the arena */
    size_t column;  /* of it, from 1 */
    char open[32];  /* brackets that wait for their partner */
    size_t n_open;
    struct arena *a;
};

/* ---- tokens ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_name_char(s.p[n]))
        n++;
    return n;
}

/* A number with fraction, exponent and suffix; loosely, CEL's own parser is stricter. */
static size_t number_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && (is_name_char(s.p[n]) ||
                       (s.p[n] == '.' && n + 1 < s.n && isdigit((unsigned char)s.p[n + 1]))))
        n++;
    return n;
}

/* From the opening quote; 0 when it is never closed. */
static size_t string_length(struct str s, bool raw)
{
    char quote = s.p[0];
    bool triple = s.n >= 3 && s.p[1] == quote && s.p[2] == quote;
    size_t ends = triple ? 3 : 1;
    for (size_t i = ends; i < s.n; i++) {
        if (s.p[i] == '\\' && !raw) {
            i++;
            continue;
        }
        if (s.p[i] != quote)
            continue;
        if (!triple)
            return i + 1;
        if (i + 2 < s.n && s.p[i + 1] == quote && s.p[i + 2] == quote)
            return i + 3;
    }
    return 0;
}

static struct str skip_space(struct str s)
{
    for (;;) {
        while (s.n > 0 && isspace((unsigned char)s.p[0]))
            s = str_skip(s, 1);
        if (!str_starts(s, STR("//")))
            return s;
        ptrdiff_t line = str_find_char(s, '\n');
        s = str_skip(s, line < 0 ? s.n : (size_t)line);
    }
}

static void take(struct scan *sc, enum token_type type, size_t n)
{
    sc->now = (struct token){ type, str_take(sc->rest, n) };
    sc->rest = str_skip(sc->rest, n);
}

static void next(struct scan *sc)
{
    static const char *const pairs[] = { "||", "&&", "==", "!=", "<=", ">=" };
    sc->rest = skip_space(sc->rest);
    struct str s = sc->rest;
    if (s.n == 0) {
        take(sc, TOKEN_END, 0);
        return;
    }
    size_t name = isdigit((unsigned char)s.p[0]) ? 0 : name_length(s);
    bool prefixed = name > 0 && name <= 2 && name < s.n && (s.p[name] == '"' || s.p[name] == '\'');
    if (prefixed || s.p[0] == '"' || s.p[0] == '\'') { /* r"…" and b"…" too */
        size_t at = prefixed ? name : 0;
        bool raw = prefixed && memchr(s.p, 'r', name);
        size_t n = string_length(str_skip(s, at), raw);
        take(sc, n ? TOKEN_VALUE : TOKEN_BAD, n ? at + n : s.n);
        return;
    }
    if (name > 0) {
        take(sc, TOKEN_NAME, name);
        return;
    }
    if (isdigit((unsigned char)s.p[0])) {
        take(sc, TOKEN_VALUE, number_length(s));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (str_starts(s, str_from(pairs[i]))) {
            take(sc, TOKEN_OP, 2);
            return;
        }
    if (str_find_char(STR("([{"), s.p[0]) >= 0)
        take(sc, TOKEN_OPEN, 1);
    else if (str_find_char(STR(")]}"), s.p[0]) >= 0)
        take(sc, TOKEN_CLOSE, 1);
    else
        take(sc, str_find_char(STR("<>+-*/%!?:.,"), s.p[0]) >= 0 ? TOKEN_OP : TOKEN_BAD, 1);
}

/* ---- refusing ---- */

static bool refuse(struct scan *sc, const char *at, struct str why)
{
    sc->why = why;
    sc->column = (size_t)(at - sc->rule.p) + 1;
    return false;
}

static bool syntax_error(struct scan *sc)
{
    struct str what = sc->now.type == TOKEN_END ? STR("<EOF>") : sc->now.text;
    return refuse(
        sc, sc->now.text.p,
        arena_printf(sc->a, "Syntax error: mismatched input '%.*s'", STR_ARG(str_take(what, 40))));
}

static bool op_is(const struct scan *sc, const char *op)
{
    return sc->now.type == TOKEN_OP && str_is(sc->now.text, op);
}

/* ---- self.a.b ---- */

/* Members of the node are known one by one. */
static bool is_closed(struct json node)
{
    return str_is(json_str(json_get(node, STR("type"))), "object") &&
           !json_exists(json_get(node, STR("additionalProperties"))) &&
           !json_exists(json_get(node, STR("x-kubernetes-preserve-unknown-fields"))) &&
           !json_exists(json_get(node, STR("x-kubernetes-embedded-resource")));
}

/* Behind "self": follows the fields as long as the schema tells. */
static bool follow_self(struct scan *sc, struct json node, bool root)
{
    struct str rest = skip_space(sc->rest);
    while (rest.n > 1 && rest.p[0] == '.' && is_closed(node)) {
        const char *dot = rest.p;
        struct str after = skip_space(str_skip(rest, 1));
        struct str name = str_take(after, name_length(after));
        rest = skip_space(str_skip(after, name.n));
        bool call = rest.n > 0 && rest.p[0] == '(';
        bool escaped = str_find(name, STR("__")) >= 0; /* names that CEL cannot write plainly */
        bool meta = root && (str_is(name, "metadata") || str_is(name, "kind") ||
                             str_is(name, "apiVersion"));
        if (name.n == 0 || call || escaped || meta)
            return true;
        node = json_get(json_get(node, STR("properties")), name);
        if (!json_exists(node))
            return refuse(sc, dot, arena_printf(sc->a, "undefined field '%.*s'", STR_ARG(name)));
        root = false;
    }
    return true;
}

/* ---- shape of an expression ---- */

static bool open_bracket(struct scan *sc)
{
    if (sc->n_open == sizeof sc->open)
        return refuse(sc, sc->now.text.p, STR("expression nested too deep"));
    sc->open[sc->n_open++] = sc->now.text.p[0];
    next(sc);
    if (op_is(sc, "?")) /* optional entries: [?x], {?k: v} */
        next(sc);
    return true;
}

static bool close_bracket(struct scan *sc)
{
    static const char partners[] = "()[]{}";
    char open = sc->n_open > 0 ? sc->open[sc->n_open - 1] : '\0';
    const char *at = open ? strchr(partners, open) : NULL;
    if (!at || at[1] != sc->now.text.p[0])
        return syntax_error(sc);
    sc->n_open--;
    next(sc);
    return true;
}

/* Reads one operand; *operand says whether another must follow. */
static bool read_operand(struct scan *sc, struct json node, bool root, bool *operand)
{
    if (op_is(sc, "!") || op_is(sc, "-") || op_is(sc, ".")) {
        next(sc);
        return true;
    }
    if (sc->now.type == TOKEN_OPEN)
        return open_bracket(sc);
    bool empty = sc->now.type == TOKEN_CLOSE && sc->n_open > 0; /* (), [], {} and a last comma */
    if (empty) {
        *operand = false;
        return close_bracket(sc);
    }
    if (sc->now.type != TOKEN_NAME && sc->now.type != TOKEN_VALUE)
        return syntax_error(sc);
    if (sc->now.type == TOKEN_NAME && str_is(sc->now.text, "self") && !follow_self(sc, node, root))
        return false;
    *operand = false;
    next(sc);
    return true;
}

/* Reads what stands between operands: an operator, a selection, a call, an index or a bracket. */
static bool read_between(struct scan *sc, bool *operand)
{
    if (sc->now.type == TOKEN_CLOSE)
        return close_bracket(sc);
    if (sc->now.type == TOKEN_OPEN) {
        *operand = true;
        return open_bracket(sc);
    }
    if (op_is(sc, ".")) {
        next(sc);
        if (op_is(sc, "?"))
            next(sc);
        if (sc->now.type != TOKEN_NAME)
            return syntax_error(sc);
        next(sc);
        return true;
    }
    bool in = sc->now.type == TOKEN_NAME && str_is(sc->now.text, "in");
    if (!in && (sc->now.type != TOKEN_OP || op_is(sc, "!")))
        return syntax_error(sc);
    if (op_is(sc, ",") && sc->n_open == 0)
        return syntax_error(sc);
    *operand = true;
    next(sc);
    return true;
}

static bool compiles(struct scan *sc, struct json node, bool root)
{
    bool operand = true;
    next(sc);
    while (operand || sc->now.type != TOKEN_END) {
        bool good = operand ? read_operand(sc, node, root, &operand) : read_between(sc, &operand);
        if (!good)
            return false;
    }
    return sc->n_open == 0 || syntax_error(sc);
}

/* ---- one list of rules ---- */

/* The rule as Go prints it in the refusal. */
static struct jnode *shown(struct arena *a, struct json entry)
{
    struct jnode *v = jnode_obj(a);
    jnode_set_str(v, STR("Rule"), json_str(json_get(entry, STR("rule"))));
    jnode_set_str(v, STR("Message"), json_str(json_get(entry, STR("message"))));
    jnode_set_str(v, STR("MessageExpression"), json_str(json_get(entry, STR("messageExpression"))));
    jnode_set(v, STR("Reason"), jnode_null(a));
    jnode_set_str(v, STR("FieldPath"), json_str(json_get(entry, STR("fieldPath"))));
    jnode_set(v, STR("OptionalOldSelf"), jnode_null(a));
    return v;
}

void structural_check_rules(struct causes *causes, struct str path, struct json node, bool root)
{
    struct arena *a = causes->a;
    size_t i = 0;
    struct json rules = json_get(node, STR("x-kubernetes-validations"));
    for (struct json_iter it = json_iter(rules); json_next(&it); i++) {
        struct str rule = json_str(json_get(it.value, STR("rule")));
        struct str field =
            arena_printf(a, "%.*s.x-kubernetes-validations[%zu].rule", STR_ARG(path), i);
        struct scan sc = { .rule = rule, .rest = rule, .a = a };
        if (str_trim(rule).n == 0) {
            cause_add(causes, CAUSE_REQUIRED, field, NULL, "rule is not specified");
            continue;
        }
        if (compiles(&sc, node, root))
            continue;
        char dots[64];
        size_t n = sc.column - 1 < sizeof dots - 1 ? sc.column - 1 : sizeof dots - 1;
        memset(dots, '.', n);
        cause_add(causes, CAUSE_INVALID, field, shown(a, it.value),
                  "compilation failed: ERROR: <input>:1:%zu: %.*s\n | %.*s\n | %.*s^", sc.column,
                  STR_ARG(sc.why), STR_ARG(rule), (int)n, dots);
    }
}
