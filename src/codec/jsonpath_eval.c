/* SPDX-License-Identifier: Apache-2.0
 * jsonpath_eval — running the steps over a document; see jsonpath.h. Each step reads one list of
 * values and fills the next. A visit count bounds the work, because "..": ".." multiplies it. */
#include <stdlib.h>

#include "codec/jsonpath_internal.h"

struct eval {
    enum jsonpath_missing missing;
    size_t visits;
    struct err *err;
};

static int run_steps(struct eval *e,
                     const struct jsonpath_step *step,
                     const struct jsonpath_values *in,
                     struct jsonpath_values *out);

static int visit(struct eval *e)
{
    if (++e->visits <= JSONPATH_VISITS_MAX)
        return 0;
    return err_set(e->err, ERR_TOO_LARGE, "jsonpath: more than %d values visited",
                   JSONPATH_VISITS_MAX);
}

static int add(struct eval *e, struct jsonpath_values *out, struct json v)
{
    if (visit(e))
        return -1;
    jsonpath_values_push(out, v);
    return 0;
}

static int run_field(struct eval *e,
                     const struct jsonpath_step *step,
                     const struct jsonpath_values *in,
                     struct jsonpath_values *out)
{
    for (size_t i = 0; i < in->n; i++) {
        struct json v = json_get(in->items[i], step->name);
        if (json_exists(v) && add(e, out, v))
            return -1;
    }
    if (out->n || in->n == 0 || e->missing == JSONPATH_MISSING_OK)
        return 0;
    return err_set(e->err, ERR_NOT_FOUND, "%.*s is not found", STR_ARG(str_take(step->name, 100)));
}

static int add_children(struct eval *e, struct json v, struct jsonpath_values *out)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (add(e, out, it.value))
            return -1;
    }
    return 0;
}

/* Depth is bounded by JSON_DEPTH_MAX. */
static int add_below(struct eval *e, struct json v, struct jsonpath_values *out)
{
    if (add(e, out, v))
        return -1;
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        enum json_type type = json_type(it.value);
        if ((type == JSON_ARR || type == JSON_OBJ) && add_below(e, it.value, out))
            return -1;
    }
    return 0;
}

/* ---- slices ---- */

struct range {
    int64_t from, to, by;
};

/* The step's bounds for a list of n items, checked as client-go does. */
static int read_range(struct eval *e, const struct jsonpath_step *s, int64_t n, struct range *r)
{
    r->from = s->from.given ? s->from.value : 0;
    r->from += r->from < 0 ? n : 0;
    r->to = s->single ? r->from + 1 : s->to.given ? s->to.value : n;
    r->to += r->to < 0 ? n : 0;
    r->by = s->by.given ? s->by.value : 1;
    if (r->from == r->to)
        return 0;
    if (r->from < 0 || r->from >= n || r->to < 0 || r->to > n) {
        int64_t bad = r->from < 0 || r->from >= n ? r->from : r->to - 1;
        return err_set(e->err, ERR_INVALID, "array index out of bounds: index %lld, length %lld",
                       (long long)bad, (long long)n);
    }
    if (r->from > r->to)
        return err_set(e->err, ERR_INVALID, "starting index %lld is greater than ending index %lld",
                       (long long)r->from, (long long)r->to);
    if (r->by <= 0)
        return err_set(e->err, ERR_INVALID, "step must be > 0");
    return 0;
}

static const char *type_name(struct json v)
{
    static const char *const names[] = {
        [JSON_ABSENT] = "nothing", [JSON_NULL] = "null",  [JSON_BOOL] = "boolean",
        [JSON_NUM] = "number",     [JSON_STR] = "string", [JSON_ARR] = "list",
        [JSON_OBJ] = "object",
    };
    return names[json_type(v)];
}

static int slice_list(struct eval *e,
                      const struct jsonpath_step *step,
                      struct json list,
                      struct jsonpath_values *out)
{
    struct range r;
    if (read_range(e, step, json_len(list), &r))
        return -1;
    int64_t i = 0;
    for (struct json_iter it = json_iter(list); i < r.to && json_next(&it); i++) {
        if (visit(e))
            return -1;
        if (i >= r.from && (i - r.from) % r.by == 0)
            jsonpath_values_push(out, it.value);
    }
    return 0;
}

static int run_slice(struct eval *e,
                     const struct jsonpath_step *step,
                     const struct jsonpath_values *in,
                     struct jsonpath_values *out)
{
    for (size_t i = 0; i < in->n; i++) {
        struct json v = in->items[i];
        if (json_type(v) == JSON_NULL)
            continue;
        if (json_type(v) != JSON_ARR)
            return err_set(e->err, ERR_INVALID, "%s is not array or slice", type_name(v));
        if (slice_list(e, step, v, out))
            return -1;
    }
    return 0;
}

/* ---- filters ---- */

static int order_numbers(struct json a, struct json b)
{
    int64_t x, y;
    double f, g;
    if (json_i64(a, &x) && json_i64(b, &y))
        return (x > y) - (x < y);
    bool both = json_f64(a, &f) && json_f64(b, &g);
    return both ? (f > g) - (f < g) : 0;
}

static bool holds(enum jsonpath_op op, int order)
{
    switch (op) {
    case JSONPATH_EXISTS:
        return true;
    case JSONPATH_EQUAL:
        return order == 0;
    case JSONPATH_DIFFERS:
        return order != 0;
    case JSONPATH_LESS:
        return order < 0;
    case JSONPATH_LESS_EQUAL:
        return order <= 0;
    case JSONPATH_GREATER:
        return order > 0;
    case JSONPATH_GREATER_EQUAL:
        return order >= 0;
    }
    return false;
}

static int compare(struct eval *e, enum jsonpath_op op, struct json a, struct json b, bool *pass)
{
    enum json_type type = json_type(a);
    bool equality = op == JSONPATH_EQUAL || op == JSONPATH_DIFFERS;
    if (type == JSON_STR && json_type(b) == JSON_STR)
        *pass = holds(op, str_cmp(json_str(a), json_str(b)));
    else if (type == JSON_NUM && json_type(b) == JSON_NUM)
        *pass = holds(op, order_numbers(a, b));
    else if (type == JSON_BOOL && json_type(b) == JSON_BOOL && equality)
        *pass = holds(op, json_bool(a, false) != json_bool(b, false));
    else
        return err_set(e->err, ERR_INVALID, "incompatible types for comparison");
    return 0;
}

/* The one value of a side; found is false when there is none. */
static int side(struct eval *e,
                const struct jsonpath_step *steps,
                struct json item,
                struct json *out,
                bool *found)
{
    AUTO(jsonpath_values_fini) struct jsonpath_values in = { 0 };
    AUTO(jsonpath_values_fini) struct jsonpath_values results = { 0 };
    jsonpath_values_push(&in, item);
    if (run_steps(e, steps, &in, &results))
        return -1;
    if (results.n > 1)
        return err_set(e->err, ERR_INVALID, "can only compare one element at a time");
    *found = results.n == 1;
    if (*found)
        *out = results.items[0];
    return 0;
}

/* A missing key is no error when only existence is asked for, but going over a limit is. */
static int exists(struct eval *e, const struct jsonpath_step *steps, struct json item, bool *pass)
{
    struct eval quiet = *e;
    struct err err = { 0 };
    quiet.err = &err;
    AUTO(jsonpath_values_fini) struct jsonpath_values in = { 0 };
    AUTO(jsonpath_values_fini) struct jsonpath_values results = { 0 };
    jsonpath_values_push(&in, item);
    int rc = run_steps(&quiet, steps, &in, &results);
    e->visits = quiet.visits;
    if (rc && err.kind == ERR_TOO_LARGE)
        return err_set(e->err, err.kind, "%s", err.msg);
    *pass = rc == 0 && results.n > 0;
    return 0;
}

static int passes(struct eval *e, const struct jsonpath_step *step, struct json item, bool *pass)
{
    struct json left, right;
    bool has_left, has_right;
    if (step->op == JSONPATH_EXISTS)
        return exists(e, step->left, item, pass);
    if (side(e, step->left, item, &left, &has_left))
        return -1;
    if (side(e, step->right, item, &right, &has_right))
        return -1;
    *pass = false;
    if (!has_left || !has_right)
        return 0;
    return compare(e, step->op, left, right, pass);
}

static int run_filter(struct eval *e,
                      const struct jsonpath_step *step,
                      const struct jsonpath_values *in,
                      struct jsonpath_values *out)
{
    for (size_t i = 0; i < in->n; i++) {
        struct json v = in->items[i];
        if (json_type(v) == JSON_NULL)
            continue;
        if (json_type(v) != JSON_ARR)
            return err_set(e->err, ERR_INVALID, "%s is not array or slice and cannot be filtered",
                           type_name(v));
        for (struct json_iter it = json_iter(v); json_next(&it);) {
            bool pass;
            if (visit(e) || passes(e, step, it.value, &pass))
                return -1;
            if (pass)
                jsonpath_values_push(out, it.value);
        }
    }
    return 0;
}

/* ---- steps ---- */

static int run_union(struct eval *e,
                     const struct jsonpath_step *step,
                     const struct jsonpath_values *in,
                     struct jsonpath_values *out)
{
    for (const struct jsonpath_step *s = step->left; s; s = s->other) {
        if (run_steps(e, s, in, out))
            return -1;
    }
    return 0;
}

static int run_each(struct eval *e,
                    int (*children)(struct eval *, struct json, struct jsonpath_values *),
                    const struct jsonpath_values *in,
                    struct jsonpath_values *out)
{
    for (size_t i = 0; i < in->n; i++) {
        if (children(e, in->items[i], out))
            return -1;
    }
    return 0;
}

static int run_step(struct eval *e,
                    const struct jsonpath_step *step,
                    const struct jsonpath_values *in,
                    struct jsonpath_values *out)
{
    switch (step->type) {
    case JSONPATH_FIELD:
        return run_field(e, step, in, out);
    case JSONPATH_WILDCARD:
        return run_each(e, add_children, in, out);
    case JSONPATH_BELOW:
        return run_each(e, add_below, in, out);
    case JSONPATH_SLICE:
        return run_slice(e, step, in, out);
    case JSONPATH_FILTER:
        return run_filter(e, step, in, out);
    case JSONPATH_UNION:
        return run_union(e, step, in, out);
    case JSONPATH_LITERAL:
        return add(e, out, step->literal);
    }
    return 0;
}

/* Appends what the steps make of `in` to *out. */
static int run_steps(struct eval *e,
                     const struct jsonpath_step *step,
                     const struct jsonpath_values *in,
                     struct jsonpath_values *out)
{
    AUTO(jsonpath_values_fini) struct jsonpath_values now = { 0 };
    for (size_t i = 0; i < in->n; i++)
        jsonpath_values_push(&now, in->items[i]);
    for (; step; step = step->next) {
        struct jsonpath_values next = { 0 };
        int rc = visit(e) ? -1 : run_step(e, step, &now, &next);
        jsonpath_values_fini(&now);
        now = next;
        if (rc)
            return -1;
    }
    for (size_t i = 0; i < now.n; i++)
        jsonpath_values_push(out, now.items[i]);
    return 0;
}

static int run_item(struct eval *e,
                    const struct jsonpath_item *item,
                    struct json current,
                    struct jsonpath_values *out)
{
    AUTO(jsonpath_values_fini) struct jsonpath_values in = { 0 };
    jsonpath_values_push(&in, current);
    return run_steps(e, item->steps, &in, out);
}

static void print_values(const struct jsonpath_values *values, struct buf *out)
{
    for (size_t i = 0; i < values->n; i++) {
        struct json v = values->items[i];
        if (i)
            buf_char(out, ' ');
        buf_str(out, json_type(v) == JSON_STR ? json_str(v) : json_text(v));
    }
}

static int
print_items(struct eval *e, const struct jsonpath_item *item, struct json current, struct buf *out)
{
    for (; item; item = item->next) {
        AUTO(jsonpath_values_fini) struct jsonpath_values values = { 0 };
        if (visit(e))
            return -1;
        if (item->type == JSONPATH_TEXT) {
            buf_str(out, item->text);
            continue;
        }
        if (run_item(e, item, current, &values))
            return -1;
        if (item->type == JSONPATH_ACTION)
            print_values(&values, out);
        for (size_t i = 0; item->type == JSONPATH_RANGE && i < values.n; i++) {
            if (print_items(e, item->body, values.items[i], out))
                return -1;
        }
        if (out->failed)
            return err_set(e->err, ERR_TOO_LARGE, "jsonpath: more than %zu bytes of output",
                           out->max);
    }
    return 0;
}

int jsonpath_print(const struct jsonpath *p,
                   struct json root,
                   enum jsonpath_missing missing,
                   struct buf *out,
                   struct err *err)
{
    struct eval e = { .missing = missing, .err = err };
    if (print_items(&e, p->items, root, out))
        return -1;
    if (out->failed)
        return err_set(err, ERR_TOO_LARGE, "jsonpath: more than %zu bytes of output", out->max);
    return 0;
}

int jsonpath_find(const struct jsonpath *p,
                  struct json root,
                  enum jsonpath_missing missing,
                  struct jsonpath_values *out,
                  struct err *err)
{
    struct eval e = { .missing = missing, .err = err };
    const struct jsonpath_item *item = p->items;
    while (item && item->type == JSONPATH_TEXT)
        item = item->next;
    return item ? run_item(&e, item, root, out) : 0;
}
