/* SPDX-License-Identifier: Apache-2.0
 * validate_check — places and small checks; see validate_internal.h. The words are Kubernetes'. */
#include "base/buf.h"
#include "codec/quantity.h"
#include "kube/validate_internal.h"

#define PLACE_MAX 4096 /* bytes of a place's text */

static void put_place(struct buf *b, const struct at *at)
{
    if (!at)
        return;
    put_place(b, at->up);
    if (at->name) {
        if (b->n > 0)
            buf_char(b, '.');
        buf_str(b, str_from(at->name));
    } else if (at->key.p) {
        buf_printf(b, "[%.*s]", STR_ARG(at->key));
    } else {
        buf_printf(b, "[%zu]", at->index);
    }
}

struct str at_text(struct arena *a, const struct at *at)
{
    struct buf b = { 0 };
    buf_init(&b, PLACE_MAX);
    put_place(&b, at);
    struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

void validate_wrong(struct causes *c,
                    enum cause_type type,
                    const struct at *at,
                    struct jnode *value,
                    const char *why)
{
    cause_add(c, type, at_text(c->a, at), value, "%s", why ? why : "");
}

int64_t validate_i64(struct jnode *obj, const char *name, int64_t otherwise)
{
    int64_t n;
    return jnode_to_i64(jnode_get(obj, str_from(name)), &n) ? n : otherwise;
}

bool validate_required(struct causes *c, const struct at *up, struct jnode *obj, const char *name)
{
    if (validate_text(obj, name).n > 0)
        return true;
    validate_wrong(c, CAUSE_REQUIRED, AT_IN(up, name), NULL, NULL);
    return false;
}

void validate_rule_at(struct causes *c, const struct at *at, struct jnode *value, meta_rule_fn rule)
{
    struct meta_wrong w = rule(jnode_text_of_str(value));
    for (size_t i = 0; i < w.n; i++)
        validate_wrong(c, CAUSE_INVALID, at, value, w.texts[i]);
}

void validate_rule(struct causes *c,
                   const struct at *up,
                   struct jnode *obj,
                   const char *name,
                   meta_rule_fn rule)
{
    struct jnode *v = validate_get(obj, name);
    if (jnode_text_of_str(v).n == 0)
        return;
    struct at at = at_name(up, name);
    validate_rule_at(c, &at, v, rule);
}

void validate_required_rule(struct causes *c,
                            const struct at *up,
                            struct jnode *obj,
                            const char *name,
                            meta_rule_fn rule)
{
    if (validate_required(c, up, obj, name))
        validate_rule(c, up, obj, name, rule);
}

void validate_not_supported(struct causes *c,
                            const struct at *at,
                            struct jnode *value,
                            const char *const *values)
{
    struct buf b = { 0 };
    buf_init(&b, PLACE_MAX);
    for (size_t i = 0; values[i]; i++)
        buf_printf(&b, "%s\"%s\"", i ? ", " : "supported values: ", values[i]);
    validate_wrong(c, CAUSE_NOT_SUPPORTED, at, value, b.p);
    buf_fini(&b);
}

void validate_enum(struct causes *c,
                   const struct at *up,
                   struct jnode *obj,
                   const char *name,
                   const char *const *values)
{
    struct jnode *v = validate_get(obj, name);
    struct str text = jnode_text_of_str(v);
    if (text.n == 0)
        return;
    for (size_t i = 0; values[i]; i++) {
        if (str_is(text, values[i]))
            return;
    }
    struct at at = at_name(up, name);
    validate_not_supported(c, &at, v, values);
}

bool validate_seen(struct map *set, struct str text)
{
    static char here[1]; /* what the set holds: any address will do */
    return map_put(set, text.p ? text : STR(""), here) != NULL;
}

void validate_port(struct causes *c, const struct at *at, struct jnode *value)
{
    int64_t port;
    if (!jnode_to_i64(value, &port) || port < 1 || port > 65535)
        validate_wrong(c, CAUSE_INVALID, at, value, "must be between 1 and 65535, inclusive");
}

void validate_port_or_name(struct causes *c, const struct at *at, struct jnode *value)
{
    if (jnode_type(value) == JSON_STR)
        validate_rule_at(c, at, value, meta_port_name);
    else
        validate_port(c, at, value);
}

void validate_immutable(struct causes *c,
                        const struct at *up,
                        struct jnode *obj,
                        struct jnode *old,
                        const char *name)
{
    struct jnode *now = validate_get(obj, name);
    if (!jnode_eq(now, validate_get(old, name)))
        validate_wrong(c, CAUSE_INVALID, AT_IN(up, name), now, "field is immutable");
}

void validate_bounds(struct causes *c,
                     const struct at *up,
                     struct jnode *obj,
                     const struct validate_bound *rows,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct jnode *v = jnode_get(obj, str_from(rows[i].name));
        int64_t value;
        if (jnode_to_i64(v, &value) && (value < rows[i].min || value > rows[i].max))
            validate_wrong(c, CAUSE_INVALID, AT_IN(up, rows[i].name), v, rows[i].why);
    }
}

/* ---- quantities ---- */

static bool quantity_of(struct quantity *q, struct jnode *value)
{
    struct str text = jnode_text_of_str(value);
    if (!text.p)
        text = jnode_num_text(value);
    return text.p && quantity_parse(q, text, NULL) == 0;
}

void validate_quantity(struct causes *c, const struct at *at, struct jnode *value, bool whole)
{
    struct quantity q;
    if (!quantity_of(&q, value))
        return;
    if (quantity_sign(&q) < 0)
        validate_wrong(c, CAUSE_INVALID, at, value, VALIDATE_NOT_NEGATIVE);
    if (whole && quantity_milli(&q) % 1000 != 0)
        validate_wrong(c, CAUSE_INVALID, at, value, "must be an integer");
}

int validate_quantity_cmp(struct jnode *a, struct jnode *b)
{
    struct quantity x, y;
    if (!quantity_of(&x, a) || !quantity_of(&y, b))
        return 0;
    return quantity_cmp(&x, &y);
}
