/* SPDX-License-Identifier: Apache-2.0
 * selector_parse — label selectors from text and from LabelSelector objects; see selector.h.
 *
 *     selector    = [ requirement { "," requirement } ]
 *     requirement = [ "!" ] key | key "=" value | key "==" value | key "!=" value
 *                 | key ( "in" | "notin" ) "(" [ value { "," value } ] ")" | key ( ">" | "<" )
 * value
 *
 * Spaces separate tokens. A value may be missing (then it is ""), also inside the parentheses. */
#include "codec/selector_internal.h"

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_NOT,
    TOKEN_EQUAL, /* = and == */
    TOKEN_NOT_EQUAL,
    TOKEN_GREATER,
    TOKEN_LESS,
};

struct parser {
    struct str rest; /* behind the current token */
    enum token token;
    struct str text; /* of the current token */
};

static bool is_symbol(char c)
{
    return str_find_char(STR("=!(),><"), c) >= 0;
}

static enum token symbol(struct str s, size_t *n)
{
    bool doubled = s.n > 1 && s.p[1] == '=';
    *n = 1;
    switch (s.p[0]) {
    case ',':
        return TOKEN_COMMA;
    case '(':
        return TOKEN_OPEN;
    case ')':
        return TOKEN_CLOSE;
    case '>':
        return TOKEN_GREATER;
    case '<':
        return TOKEN_LESS;
    case '=':
        *n = doubled ? 2 : 1;
        return TOKEN_EQUAL;
    default: /* '!' */
        *n = doubled ? 2 : 1;
        return doubled ? TOKEN_NOT_EQUAL : TOKEN_NOT;
    }
}

static void advance(struct parser *p)
{
    while (p->rest.n && char_is_space(p->rest.p[0]))
        p->rest = str_skip(p->rest, 1);
    size_t n = 0;
    if (p->rest.n == 0) {
        p->token = TOKEN_END;
    } else if (is_symbol(p->rest.p[0])) {
        p->token = symbol(p->rest, &n);
    } else {
        p->token = TOKEN_WORD;
        while (n < p->rest.n && !char_is_space(p->rest.p[n]) && !is_symbol(p->rest.p[n]))
            n++;
    }
    p->text = str_take(p->rest, n);
    p->rest = str_skip(p->rest, n);
}

static int unexpected(const struct parser *p, const char *wanted, struct err *err)
{
    return err_set(err, ERR_INVALID, "found '%.*s', expected: %s", STR_ARG(str_take(p->text, 80)),
                   wanted);
}

/* One value, perhaps empty; ends before a comma, a parenthesis or the end. */
static void parse_value(struct parser *p, struct selector_values *values)
{
    bool word = p->token == TOKEN_WORD;
    selector_values_push(values, word ? p->text : STR(""));
    if (word)
        advance(p);
}

static int parse_set(struct parser *p, struct selector_values *values, struct err *err)
{
    if (p->token != TOKEN_OPEN)
        return unexpected(p, "'('", err);
    advance(p);
    if (p->token != TOKEN_CLOSE)
        parse_value(p, values);
    while (p->token == TOKEN_COMMA) {
        advance(p);
        parse_value(p, values);
    }
    if (p->token != TOKEN_CLOSE)
        return unexpected(p, "',' or ')'", err);
    advance(p);
    return 0;
}

static int parse_operator(struct parser *p, enum selector_op *op, bool *set, struct err *err)
{
    *set = false;
    if (p->token == TOKEN_EQUAL) {
        *op = SELECTOR_IN;
    } else if (p->token == TOKEN_NOT_EQUAL) {
        *op = SELECTOR_NOT_IN;
    } else if (p->token == TOKEN_GREATER) {
        *op = SELECTOR_GREATER;
    } else if (p->token == TOKEN_LESS) {
        *op = SELECTOR_LESS;
    } else if (p->token == TOKEN_WORD && (str_is(p->text, "in") || str_is(p->text, "notin"))) {
        *op = p->text.n == 2 ? SELECTOR_IN : SELECTOR_NOT_IN;
        *set = true;
    } else {
        return unexpected(p, "in, notin, =, ==, !=, gt, lt", err);
    }
    advance(p);
    return 0;
}

static int parse_operands(struct parser *p,
                          enum selector_op *op,
                          struct selector_values *values,
                          struct err *err)
{
    bool set;
    if (parse_operator(p, op, &set, err))
        return -1;
    if (set)
        return parse_set(p, values, err);
    if (p->token != TOKEN_WORD && p->token != TOKEN_END && p->token != TOKEN_COMMA)
        return unexpected(p, "identifier", err);
    parse_value(p, values);
    return 0;
}

static int parse_requirement(struct parser *p, struct selector *s, struct err *err)
{
    enum selector_op op = SELECTOR_EXISTS;
    if (p->token == TOKEN_NOT) {
        op = SELECTOR_MISSING;
        advance(p);
    }
    if (p->token != TOKEN_WORD)
        return unexpected(p, "identifier", err);
    struct str key = p->text;
    advance(p);
    AUTO(selector_values_fini) struct selector_values values = { 0 };
    bool bare = p->token == TOKEN_END || p->token == TOKEN_COMMA;
    if (!bare && op == SELECTOR_EXISTS && parse_operands(p, &op, &values, err))
        return -1;
    return selector_add(s, key, op, &values, err);
}

int selector_parse(struct selector **out, struct str text, struct err *err)
{
    if (text.n > SELECTOR_TEXT_MAX)
        return err_set(err, ERR_TOO_LARGE, "selector is longer than %d bytes", SELECTOR_TEXT_MAX);
    AUTO(selector_freep) struct selector *s = selector_new();
    struct parser p = { .rest = text };
    advance(&p);
    while (p.token != TOKEN_END) {
        if (parse_requirement(&p, s, err))
            return err_wrap(err, "unable to parse requirement");
        if (p.token == TOKEN_END)
            break;
        if (p.token != TOKEN_COMMA)
            return unexpected(&p, "',' or 'end of string'", err);
        advance(&p);
        if (p.token != TOKEN_WORD && p.token != TOKEN_NOT)
            return unexpected(&p, "identifier after ','", err);
    }
    selector_finish(s);
    *out = TAKE(s);
    return 0;
}

/* ---- from objects ---- */

static int add_labels(struct selector *s, struct json labels, struct err *err)
{
    if (json_has(labels) && json_type(labels) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "matchLabels: must be an object");
    for (struct json_iter it = json_iter(labels); json_next(&it);) {
        struct str value = json_str(it.value);
        AUTO(selector_values_fini) struct selector_values values = { 0 };
        if (!value.p)
            return err_set(err, ERR_INVALID, "matchLabels: value of \"%.*s\" must be a string",
                           STR_ARG(str_take(it.key, 70)));
        selector_values_push(&values, value);
        if (selector_add(s, it.key, SELECTOR_IN, &values, err))
            return -1;
    }
    return 0;
}

static int operator_from(enum selector_op *op, struct str name, struct err *err)
{
    static const struct {
        struct str name;
        enum selector_op op;
    } rows[] = {
        { STR_INIT("In"), SELECTOR_IN },
        { STR_INIT("NotIn"), SELECTOR_NOT_IN },
        { STR_INIT("Exists"), SELECTOR_EXISTS },
        { STR_INIT("DoesNotExist"), SELECTOR_MISSING },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_eq(rows[i].name, name)) {
            *op = rows[i].op;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "\"%.*s\" is not a valid label selector operator",
                   STR_ARG(str_take(name, 70)));
}

static int add_expression(struct selector *s, struct json e, struct err *err)
{
    enum selector_op op = SELECTOR_EXISTS;
    AUTO(selector_values_fini) struct selector_values values = { 0 };
    if (operator_from(&op, json_str(json_get(e, STR("operator"))), err))
        return -1;
    for (struct json_iter it = json_iter(json_get(e, STR("values"))); json_next(&it);) {
        struct str value = json_str(it.value);
        if (!value.p)
            return err_set(err, ERR_INVALID, "matchExpressions: values must be strings");
        selector_values_push(&values, value);
    }
    return selector_add(s, json_str(json_get(e, STR("key"))), op, &values, err);
}

int selector_from_json(struct selector **out, struct json label_selector, struct err *err)
{
    AUTO(selector_freep) struct selector *s = selector_new();
    struct json expressions = json_get(label_selector, STR("matchExpressions"));
    s->nothing = !json_has(label_selector);
    if (!s->nothing && json_type(label_selector) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "label selector must be an object");
    if (json_has(expressions) && json_type(expressions) != JSON_ARR)
        return err_set(err, ERR_INVALID, "matchExpressions: must be a list");
    if (add_labels(s, json_get(label_selector, STR("matchLabels")), err))
        return -1;
    for (struct json_iter it = json_iter(expressions); json_next(&it);) {
        if (add_expression(s, it.value, err))
            return -1;
    }
    selector_finish(s);
    *out = TAKE(s);
    return 0;
}

int selector_from_labels(struct selector **out, struct json labels, struct err *err)
{
    AUTO(selector_freep) struct selector *s = selector_new();
    if (add_labels(s, labels, err))
        return -1;
    s->nothing = s->terms.n == 0;
    selector_finish(s);
    *out = TAKE(s);
    return 0;
}
