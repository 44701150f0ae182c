/* SPDX-License-Identifier: Apache-2.0
 * selector — building, matching and printing label selectors; the text's grammar is in
 * selector_parse.c, field selectors are in selector_fields.c. */
#include "codec/selector.h"

#include <stdlib.h>

#include "codec/selector_internal.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, with - _ . between them. */
static bool is_name(struct str s)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    }
    return true;
}

static bool is_dns_label(struct str s)
{
    if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < 'a' || s.p[i] > 'z') && (s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '-')
            return false;
    }
    return true;
}

static bool is_dns_subdomain(struct str s)
{
    if (s.n == 0 || s.n > 253)
        return false;
    for (struct str rest = s; rest.p;) {
        if (!is_dns_label(str_split(&rest, '.')))
            return false;
    }
    return true;
}

bool selector_value_ok(struct str s, const char **why)
{
    *why = NULL;
    if (s.n > 63)
        *why = "must be no more than 63 bytes";
    else if (s.n && !is_name(s))
        *why = "a valid label must be an empty string or consist of alphanumeric characters, '-', "
               "'_' or '.', and must start and end with an alphanumeric character";
    return *why == NULL;
}

bool selector_key_ok(struct str s, const char **why)
{
    *why = NULL;
    ptrdiff_t slash = str_find_char(s, '/');
    struct str name = slash >= 0 ? str_skip(s, (size_t)slash + 1) : s;
    if (slash >= 0 && !is_dns_subdomain(str_take(s, (size_t)slash)))
        *why = "prefix part must be a lowercase DNS subdomain of at most 253 bytes";
    else if (name.n > 63)
        *why = "name part must be no more than 63 bytes";
    else if (!is_name(name))
        *why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start "
               "and end with an alphanumeric character";
    return *why == NULL;
}

struct selector *selector_new(void)
{
    struct arena *a = arena_new();
    struct selector *s = ARENA_NEW(a, struct selector);
    s->arena = a;
    return s;
}

void selector_free(struct selector *s)
{
    if (!s)
        return;
    free(s->terms.items);
    arena_free(s->arena); /* s itself is in it */
}

static int order_values(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return str_cmp(*x, *y);
}

static int order_terms(const void *a, const void *b)
{
    const struct selector_term *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->op > y->op) - (x->op < y->op);
}

static int bad_key(struct str key, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID, "key: Invalid value: \"%.*s\": %s",
                   STR_ARG(str_take(key, 100)), why);
}

static int check_values(struct str key, const struct selector_values *values, struct err *err)
{
    const char *why;
    for (size_t i = 0; i < values->n; i++) {
        if (!selector_value_ok(values->items[i], &why))
            return err_set(err, ERR_INVALID, "values[%zu][%.*s]: Invalid value: \"%.*s\": %s", i,
                           STR_ARG(str_take(key, 70)), STR_ARG(str_take(values->items[i], 70)),
                           why);
    }
    return 0;
}

/* How many values the operator takes. */
static int check_count(enum selector_op op, size_t n, struct err *err)
{
    switch (op) {
    case SELECTOR_IN:
    case SELECTOR_NOT_IN:
        if (n == 0)
            return err_set(err, ERR_INVALID,
                           "values: Invalid value: []: for 'in', 'notin' operators, values set "
                           "can't be empty");
        return 0;
    case SELECTOR_EXISTS:
    case SELECTOR_MISSING:
        if (n)
            return err_set(err, ERR_INVALID,
                           "values: Invalid value: values set must be empty for exists and does "
                           "not exist");
        return 0;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        if (n != 1)
            return err_set(err, ERR_INVALID,
                           "values: Invalid value: for 'Gt', 'Lt' operators, exactly one value is "
                           "required");
        return 0;
    }
    return 0;
}

static void sort_values(struct selector_values *values)
{
    if (values->n < 2)
        return;
    qsort(values->items, values->n, sizeof *values->items, order_values);
    size_t keep = 1;
    for (size_t i = 1; i < values->n; i++) {
        if (!str_eq(values->items[i], values->items[keep - 1]))
            values->items[keep++] = values->items[i];
    }
    values->n = keep;
}

int selector_add(struct selector *s,
                 struct str key,
                 enum selector_op op,
                 struct selector_values *values,
                 struct err *err)
{
    const char *why;
    if (!selector_key_ok(key, &why))
        return bad_key(key, why, err);
    if (check_count(op, values->n, err))
        return -1;
    struct selector_term term = { .key = arena_str(s->arena, key), .op = op };
    bool number = op == SELECTOR_GREATER || op == SELECTOR_LESS;
    if (number && !str_to_i64(values->items[0], &term.bound))
        return err_set(err, ERR_INVALID,
                       "values[0]: Invalid value: \"%.*s\": for 'Gt', 'Lt' operators, the value "
                       "must be an integer",
                       STR_ARG(str_take(values->items[0], 70)));
    if (check_values(key, values, err))
        return -1;
    sort_values(values);
    if (!number && values->n) {
        struct str *copy = ARENA_ARRAY(s->arena, struct str, values->n);
        for (size_t i = 0; i < values->n; i++)
            copy[i] = arena_str(s->arena, values->items[i]);
        term.values = copy;
        term.n = values->n;
    }
    selector_term_vec_push(&s->terms, term);
    return 0;
}

void selector_finish(struct selector *s)
{
    if (s->terms.n > 1)
        qsort(s->terms.items, s->terms.n, sizeof *s->terms.items, order_terms);
}

/* ---- matching ---- */

static bool holds(const struct selector_term *t, struct str value)
{
    int64_t number;
    bool listed;
    switch (t->op) {
    case SELECTOR_EXISTS:
        return value.p != NULL;
    case SELECTOR_MISSING:
        return value.p == NULL;
    case SELECTOR_GREATER:
        return value.p && str_to_i64(value, &number) && number > t->bound;
    case SELECTOR_LESS:
        return value.p && str_to_i64(value, &number) && number < t->bound;
    case SELECTOR_IN:
    case SELECTOR_NOT_IN:
        listed = value.p && bsearch(&value, t->values, t->n, sizeof *t->values, order_values);
        return listed == (t->op == SELECTOR_IN);
    }
    return false;
}

bool selector_matches_by(const struct selector *s, selector_lookup_fn lookup, void *arg)
{
    if (s->nothing)
        return false;
    for (size_t i = 0; i < s->terms.n; i++) {
        if (!holds(&s->terms.items[i], lookup(arg, s->terms.items[i].key)))
            return false;
    }
    return true;
}

static struct str lookup_json(void *arg, struct str key)
{
    const struct json *labels = arg;
    return json_str(json_get(*labels, key));
}

bool selector_matches(const struct selector *s, struct json labels)
{
    return selector_matches_by(s, lookup_json, &labels);
}

bool selector_is_everything(const struct selector *s)
{
    return !s->nothing && s->terms.n == 0;
}

bool selector_is_nothing(const struct selector *s)
{
    return s->nothing;
}

const struct selector_term *selector_terms(const struct selector *s, size_t *n)
{
    *n = s->terms.n;
    return s->terms.items;
}

/* ---- printing ---- */

static void write_set(struct buf *out, const struct selector_term *t)
{
    buf_str(out, t->op == SELECTOR_IN ? STR(" in (") : STR(" notin ("));
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            buf_char(out, ',');
        buf_str(out, t->values[i]);
    }
    buf_char(out, ')');
}

static void write_term(struct buf *out, const struct selector_term *t)
{
    if (t->op == SELECTOR_MISSING)
        buf_char(out, '!');
    buf_str(out, t->key);
    switch (t->op) {
    case SELECTOR_EXISTS:
    case SELECTOR_MISSING:
        return;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        buf_char(out, t->op == SELECTOR_GREATER ? '>' : '<');
        buf_i64(out, t->bound);
        return;
    case SELECTOR_IN:
    case SELECTOR_NOT_IN:
        if (t->n > 1) {
            write_set(out, t);
            return;
        }
        buf_str(out, t->op == SELECTOR_IN ? STR("=") : STR("!="));
        buf_str(out, t->values[0]);
        return;
    }
}

void selector_write(struct buf *out, const struct selector *s)
{
    if (s->nothing)
        buf_str(out, STR("!,"));
    for (size_t i = 0; i < s->terms.n; i++) {
        if (i)
            buf_char(out, ',');
        write_term(out, &s->terms.items[i]);
    }
}
