/* SPDX-License-Identifier: Apache-2.0
 * structural_validate — the values of a custom resource against its schema's rules, in the words
 * of Kubernetes. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "base/map.h"
#include "base/time.h"
#include "kube/structural_internal.h"

#define REGEX_MATCH_LIMIT 200000 /* steps of one pattern on one value */

struct at { /* where the walk is */
    const struct at *up;
    struct str key; /* absent: an item */
    size_t index;
};

struct check {
    struct causes *causes;
    struct arena *a;
};

static void validate(struct check *c, const struct schema *s, struct jnode *v, const struct at *at);

/* ---- paths ---- */

static void write_path(struct buf *b, const struct at *at)
{
    if (!at)
        return;
    write_path(b, at->up);
    if (at->key.p)
        buf_printf(b, "%s%.*s", b->n ? "." : "", STR_ARG(at->key));
    else
        buf_printf(b, "[%zu]", at->index);
}

static struct str path_of(struct check *c, const struct at *at)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    write_path(&b, at);
    struct str text = arena_str(c->a, buf_view(&b));
    buf_fini(&b);
    return text;
}

/* ---- types ---- */

static bool is_whole(struct jnode *v)
{
    int64_t i;
    return jnode_to_i64(v, &i);
}

static const char *type_name(struct jnode *v)
{
    switch (jnode_type(v)) {
    case JSON_BOOL:
        return "boolean";
    case JSON_NUM:
        return is_whole(v) ? "integer" : "number";
    case JSON_STR:
        return "string";
    case JSON_ARR:
        return "array";
    case JSON_OBJ:
        return "object";
    case JSON_ABSENT:
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool type_fits(const struct schema *s, struct jnode *v)
{
    enum json_type type = jnode_type(v);
    switch ((enum schema_type)s->type) {
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return type == JSON_OBJ;
    case SCHEMA_LIST:
        return type == JSON_ARR;
    case SCHEMA_STRING:
        return type == JSON_STR;
    case SCHEMA_INT:
        return type == JSON_NUM && is_whole(v);
    case SCHEMA_NUMBER:
        return type == JSON_NUM;
    case SCHEMA_BOOL:
        return type == JSON_BOOL;
    case SCHEMA_INT_OR_STRING:
        return type == JSON_STR || (type == JSON_NUM && is_whole(v));
    case SCHEMA_ANY:
    case SCHEMA_BYTES:
    case SCHEMA_QUANTITY:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return true;
    }
    return true;
}

static void refuse_type(struct check *c, const struct at *at, struct jnode *shown, const char *want)
{
    struct str path = path_of(c, at);
    struct str text = jnode_text_of_str(shown);
    cause_add(c->causes, CAUSE_TYPE_INVALID, path, shown,
              "%.*s in body must be of type %s: \"%.*s\"", STR_ARG(path), want, STR_ARG(text));
}

static void
wrong_type(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    struct str format = s->rules->format;
    bool fraction = s->type == SCHEMA_INT && jnode_type(v) == JSON_NUM;
    bool sized = str_is(format, "int32") || str_is(format, "int64");
    if (fraction && sized) { /* two causes, one of them without a field */
        char want[8] = "int32";
        want[3] = format.p[3];
        want[4] = format.p[4];
        refuse_type(c, at, jnode_str(c->a, STR("float64")), want);
        cause_add(c->causes, CAUSE_INVALID, STR("<nil>"), jnode_str(c->a, STR("")),
                  "Checked value must be of type integer with format %s in %.*s", want,
                  STR_ARG(path_of(c, at)));
        return;
    }
    const char *want = s->type == SCHEMA_INT_OR_STRING ? "integer,string" : schema_type_name(s);
    refuse_type(c, at, jnode_str(c->a, str_from(type_name(v))), want);
}

/* ---- scalars ---- */

static void
invalid(struct check *c, const struct at *at, struct jnode *v, const char *fmt, struct str rest)
{
    struct str path = path_of(c, at);
    cause_add(c->causes, CAUSE_INVALID, path, v, "%.*s in body %s%.*s", STR_ARG(path), fmt,
              STR_ARG(rest));
}

static struct str rule_text(const struct schema_rules *r, struct str key)
{
    return json_text(json_get(r->node, key));
}

static void
check_number(struct check *c, const struct schema_rules *r, struct jnode *v, const struct at *at)
{
    double x;
    struct jnode *n = v;
    if (!json_f64(jnode_source(v), &x)) {
        int64_t i;
        if (!jnode_to_i64(n, &i))
            return;
        x = (double)i;
    }
    if (r->has_minimum && (x < r->minimum || (r->exclusive_minimum && x == r->minimum)))
        invalid(c, at, v,
                r->exclusive_minimum ? "should be greater than "
                                     : "should be greater than or equal to ",
                rule_text(r, STR("minimum")));
    if (r->has_maximum && (x > r->maximum || (r->exclusive_maximum && x == r->maximum)))
        invalid(c, at, v,
                r->exclusive_maximum ? "should be less than " : "should be less than or equal to ",
                rule_text(r, STR("maximum")));
    if (r->has_multiple && r->multiple > 0 && fmod(x, r->multiple) != 0)
        invalid(c, at, v, "should be a multiple of ", rule_text(r, STR("multipleOf")));
}

static int64_t count_chars(struct str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

static bool regex_matches(const pcre2_code *regex, struct str text)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(limits, REGEX_MATCH_LIMIT);
    int rc = pcre2_match(regex, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, data, limits);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return rc >= 0;
}

static bool is_uuid(struct str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : str_find_char(STR("0123456789abcdefABCDEF"), s.p[i]) < 0)
            return false;
    }
    return true;
}

/* Formats that nobody here knows are annotations, as in OpenAPI. */
static bool format_fits(struct str format, struct str text)
{
    struct wall t;
    char copy[64];
    unsigned char address[16];
    if (str_is(format, "date-time"))
        return wall_parse(text, &t);
    if (str_is(format, "date"))
        return text.n == 10 && snprintf(copy, sizeof copy, "%.*sT00:00:00Z", STR_ARG(text)) == 20 &&
               wall_parse(str_from(copy), &t);
    if (str_is(format, "uuid"))
        return is_uuid(text);
    bool v4 = str_is(format, "ipv4"), v6 = str_is(format, "ipv6");
    if (!v4 && !v6)
        return true;
    if (text.n >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", STR_ARG(text));
    return inet_pton(v4 ? AF_INET : AF_INET6, copy, address) == 1;
}

/* The length, then the pattern, then the format: only the first breach is told. */
static void
check_string(struct check *c, const struct schema_rules *r, struct jnode *v, const struct at *at)
{
    struct str text = jnode_text_of_str(v);
    int64_t n = count_chars(text);
    if (r->max_length >= 0 && n > r->max_length) {
        cause_add(c->causes, CAUSE_TOO_LONG, path_of(c, at), v, "may not be more than %lld bytes",
                  (long long)r->max_length);
    } else if (r->min_length >= 0 && n < r->min_length) {
        invalid(c, at, v, "should be at least ",
                arena_printf(c->a, "%lld chars long", (long long)r->min_length));
    } else if (r->regex && !regex_matches(r->regex, text)) {
        invalid(c, at, v, "should match ", arena_printf(c->a, "'%.*s'", STR_ARG(r->pattern)));
    } else if (r->format.n > 0 && !format_fits(r->format, text)) {
        char want[32];
        snprintf(want, sizeof want, "%.*s", STR_ARG(r->format));
        refuse_type(c, at, v, want);
    }
}

static void
check_enum(struct check *c, const struct schema_rules *r, struct jnode *v, const struct at *at)
{
    if (json_type(r->enums) != JSON_ARR)
        return;
    struct buf b;
    buf_init(&b, 1u << 16);
    for (struct json_iter it = json_iter(r->enums); json_next(&it);) {
        if (jnode_eq(jnode_thaw(c->a, it.value), v)) {
            buf_fini(&b);
            return;
        }
        buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_ARG(json_text(it.value)));
    }
    cause_add(c->causes, CAUSE_NOT_SUPPORTED, path_of(c, at), v, "supported values: %.*s",
              STR_ARG(buf_view(&b)));
    buf_fini(&b);
}

/* ---- containers ---- */

static void too_many(struct check *c, const struct at *at, size_t n, int64_t max)
{
    cause_add(c->causes, CAUSE_TOO_MANY, path_of(c, at), jnode_i64(c->a, (int64_t)n),
              "must have at most %lld items", (long long)max);
}

static void
check_required(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    for (struct json_iter it = json_iter(s->rules->required); json_next(&it);) {
        struct at missing = { at, json_str(it.value), 0 };
        if (missing.key.p && !jnode_get(v, missing.key))
            cause_add(c->causes, CAUSE_REQUIRED, path_of(c, &missing), NULL, NULL);
    }
    if (!(s->flags & SCHEMA_EMBEDDED) || !at)
        return;
    static const char *const meta[] = { "apiVersion", "kind" };
    for (size_t i = 0; i < COUNT_OF(meta); i++) {
        struct at missing = { at, str_from(meta[i]), 0 };
        if (jnode_text_of_str(jnode_get(v, missing.key)).n == 0)
            cause_add(c->causes, CAUSE_REQUIRED, path_of(c, &missing), NULL, NULL);
    }
}

static void
check_object(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    const struct schema_rules *r = s->rules;
    size_t n = jnode_len(v);
    check_required(c, s, v, at);
    if (r->max_members >= 0 && (int64_t)n > r->max_members)
        too_many(c, at, n, r->max_members);
    if (r->min_members >= 0 && (int64_t)n < r->min_members)
        invalid(c, at, jnode_i64(c->a, (int64_t)n), "should have at least ",
                arena_printf(c->a, "%lld properties", (long long)r->min_members));
    for (size_t i = 0; i < n; i++) {
        struct str key = jnode_key_at(v, i);
        struct at below = { at, key, 0 };
        const struct schema *child = schema_child(s, key);
        if (child)
            validate(c, child, jnode_value_at(v, i), &below);
    }
}

/* What tells an item of a map or set list apart. */
static struct jnode *identity(struct check *c, const struct schema *s, struct jnode *item)
{
    if (s->list == SCHEMA_LIST_SET)
        return item;
    struct jnode *keys = jnode_obj(c->a);
    for (size_t i = 0; i < s->n_keys; i++) {
        struct jnode *value = jnode_get(item, s->keys[i]);
        if (value)
            jnode_set(keys, s->keys[i], jnode_copy(c->a, value));
    }
    return keys;
}

static void
check_twice(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    if (s->list == SCHEMA_LIST_ATOMIC)
        return;
    struct map seen = { 0 };
    for (size_t i = 0; i < jnode_len(v); i++) {
        struct jnode *id = identity(c, s, jnode_at(v, i));
        struct buf b;
        buf_init(&b, JSON_DOC_BYTES_MAX);
        jnode_write(&b, id);
        struct at below = { at, { 0 }, i };
        if (map_put(&seen, arena_str(c->a, buf_view(&b)), id))
            cause_add(c->causes, CAUSE_DUPLICATE, path_of(c, &below), id, NULL);
        buf_fini(&b);
    }
    map_fini(&seen);
}

static void
check_array(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    const struct schema_rules *r = s->rules;
    size_t n = jnode_len(v);
    if (r->max_items >= 0 && (int64_t)n > r->max_items)
        too_many(c, at, n, r->max_items);
    if (r->min_items >= 0 && (int64_t)n < r->min_items)
        invalid(c, at, jnode_i64(c->a, (int64_t)n), "should have at least ",
                arena_printf(c->a, "%lld items", (long long)r->min_items));
    check_twice(c, s, v, at);
    for (size_t i = 0; i < n; i++) {
        struct at below = { at, { 0 }, i };
        validate(c, s->elem, jnode_at(v, i), &below);
    }
}

/* ---- logic ---- */

/* Does v pass s? The causes of the trial are thrown away. */
static bool passes(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    struct causes trial = { .a = c->a };
    struct check inner = { &trial, c->a };
    validate(&inner, s, v, at);
    bool good = trial.list.n == 0;
    cause_vec_fini(&trial.list);
    return good;
}

static void refuse_logic(struct check *c, const struct at *at, const char *what)
{
    struct str path = path_of(c, at);
    cause_add(c->causes, CAUSE_INVALID, path, jnode_str(c->a, STR("")), "\"%.*s\" %s",
              STR_ARG(path), what);
}

static size_t count_passing(struct check *c,
                            const struct schema *const *list,
                            size_t n,
                            struct jnode *v,
                            const struct at *at)
{
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        good += passes(c, list[i], v, at);
    return good;
}

static void
check_logic(struct check *c, const struct schema_rules *r, struct jnode *v, const struct at *at)
{
    for (size_t i = 0; i < r->n_all_of; i++)
        validate(c, r->all_of[i], v, at);
    if (r->n_any_of > 0 && count_passing(c, r->any_of, r->n_any_of, v, at) == 0)
        refuse_logic(c, at, "must validate at least one schema (anyOf)");
    size_t one = r->n_one_of > 0 ? count_passing(c, r->one_of, r->n_one_of, v, at) : 1;
    if (one == 0)
        refuse_logic(c, at, "must validate one and only one schema (oneOf). Found none valid");
    if (one > 1)
        refuse_logic(c, at,
                     "must validate one and only one schema (oneOf). Found more than one valid");
    if (r->not_of && passes(c, r->not_of, v, at))
        refuse_logic(c, at, "must not validate the schema (not)");
}

static void validate(struct check *c, const struct schema *s, struct jnode *v, const struct at *at)
{
    if (!s->rules) /* metadata */
        return;
    enum json_type type = jnode_type(v);
    if (type == JSON_NULL && (s->flags & SCHEMA_NULLABLE))
        return;
    if (!type_fits(s, v)) {
        wrong_type(c, s, v, at);
        return;
    }
    check_enum(c, s->rules, v, at);
    if (type == JSON_NUM)
        check_number(c, s->rules, v, at);
    else if (type == JSON_STR)
        check_string(c, s->rules, v, at);
    else if (type == JSON_OBJ)
        check_object(c, s, v, at);
    else if (type == JSON_ARR && s->type == SCHEMA_LIST)
        check_array(c, s, v, at);
    check_logic(c, s->rules, v, at);
}

void structural_validate(struct causes *causes, const struct schema *s, struct jnode *root)
{
    struct check c = { causes, causes->a };
    validate(&c, s, root, NULL);
}
