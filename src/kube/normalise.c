/* SPDX-License-Identifier: Apache-2.0
 * normalise — one pass over a tree beside its type. A read-only look at the document (is_clean)
 * decides first whether a subtree needs any change, because most do not: a clean subtree is never
 * expanded, and freezing copies its text as one block. */
#include "kube/normalise.h"

#include <string.h>

#include "base/time.h"
#include "codec/quantity.h"

/* ---- zero values ---- */

static bool is_zero_json(const struct schema *s, struct json v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return !json_bool(v, true);
    case JSON_NUM:
        return str_eq(json_num_text(v), STR("0"));
    case JSON_STR:
        return json_str(v).n == 0;
    case JSON_ARR:
        return json_len(v) == 0;
    case JSON_OBJ:
        return s->type == SCHEMA_MAP && json_len(v) == 0;
    case JSON_ABSENT:
        break;
    }
    return false;
}

static bool is_zero(const struct schema *s, struct jnode *n)
{
    switch (jnode_type(n)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return !jnode_is_true(n);
    case JSON_NUM:
        return str_eq(jnode_num_text(n), STR("0"));
    case JSON_STR:
        return jnode_text_of_str(n).n == 0;
    case JSON_ARR:
        return jnode_len(n) == 0;
    case JSON_OBJ:
        return s->type == SCHEMA_MAP && jnode_len(n) == 0;
    case JSON_ABSENT:
        break;
    }
    return false;
}

/* What Go holds for a null item or map value of the type; NULL: the null goes. */
static struct jnode *zero_item(struct arena *a, const struct schema *s)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_OBJECT:
        return jnode_obj(a);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        return jnode_str(a, STR(""));
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
    case SCHEMA_INT_OR_STRING:
        return jnode_i64(a, 0);
    case SCHEMA_BOOL:
        return jnode_bool(a, false);
    case SCHEMA_QUANTITY:
        return jnode_str(a, STR("0"));
    case SCHEMA_ANY:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        break;
    }
    return NULL;
}

/* ---- canonical texts ---- */

/* The canonical text of a time or quantity, into out. False: text is canonical, or is neither. */
static bool canonical_text(const struct schema *s, struct str text, struct buf *out)
{
    struct wall t;
    struct quantity q;
    char time[TIME_TEXT_MAX];
    if (s->type == SCHEMA_QUANTITY) {
        if (quantity_parse(&q, str_trim(text), NULL) < 0)
            return false;
        quantity_write(out, &q);
    } else if ((s->type == SCHEMA_TIME || s->type == SCHEMA_MICRO_TIME) && wall_parse(text, &t)) {
        buf_str(out, s->type == SCHEMA_TIME ? wall_text(time, t) : wall_text_micro(time, t));
    } else {
        return false;
    }
    return !str_eq(buf_view(out), text);
}

/* "2006-01-02T15:04:05Z": the one length that a time of whole seconds has in UTC. */
static bool is_plain_time(struct str text)
{
    struct wall t;
    return text.n == 20 && text.p[19] == 'Z' && wall_parse(text, &t);
}

static bool is_canonical(const struct schema *s, struct json v)
{
    if (json_type(v) == JSON_NUM)
        return false;
    if (s->type == SCHEMA_TIME && is_plain_time(json_str(v)))
        return true;
    struct buf b;
    buf_init(&b, 256);
    bool same = !canonical_text(s, json_str(v), &b);
    buf_fini(&b);
    return same;
}

static struct jnode *canonical(struct arena *a, const struct schema *s, struct jnode *n)
{
    if (s->type != SCHEMA_QUANTITY && s->type != SCHEMA_TIME && s->type != SCHEMA_MICRO_TIME)
        return n;
    bool number = jnode_type(n) == JSON_NUM;
    struct str text = number ? jnode_num_text(n) : jnode_text_of_str(n);
    struct buf b;
    buf_init(&b, 256);
    struct jnode *made = n;
    if (canonical_text(s, text, &b))
        made = jnode_str(a, buf_view(&b));
    else if (number)
        made = jnode_str(a, text);
    buf_fini(&b);
    return made;
}

/* ---- is there anything to do? ---- */

#define WANTED (SCHEMA_FIELD_ALWAYS | SCHEMA_FIELD_DEFAULT | SCHEMA_FIELD_EMPTY)

static unsigned wanted_fields(const struct schema *s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->n_fields; i++)
        n += (s->fields[i].flags & WANTED) != 0;
    return n;
}

/* Fields that Kubernetes writes as null when it has nothing. */
static bool null_stays(const struct schema_field *f)
{
    return (f->flags & SCHEMA_FIELD_EMPTY) && f->schema->type != SCHEMA_STRING;
}

static bool is_clean(const struct schema *s, struct json v);

static bool is_clean_object(const struct schema *s, struct json v)
{
    unsigned wanted = wanted_fields(s);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        const struct schema_field *f = schema_field(s, it.key);
        if (!f || (json_type(it.value) == JSON_NULL && !null_stays(f)))
            return false;
        if ((f->flags & SCHEMA_FIELD_DROP_ZERO) && is_zero_json(f->schema, it.value))
            return false;
        if (!is_clean(f->schema, it.value))
            return false;
        wanted -= (f->flags & WANTED) != 0;
    }
    return wanted == 0;
}

/* Free form whose objects have a type: one of them, a list of them, or something plain. */
static bool is_clean_union(const struct schema *elem, struct json v)
{
    if (json_type(v) == JSON_OBJ)
        return is_clean(elem, v);
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (json_type(it.value) == JSON_OBJ && !is_clean(elem, it.value))
            return false;
    return true;
}

static bool is_clean(const struct schema *s, struct json v)
{
    if (json_folded(v))
        return true;
    switch ((enum schema_type)s->type) {
    case SCHEMA_OBJECT:
        return is_clean_object(s, v);
    case SCHEMA_MAP:
    case SCHEMA_LIST:
        for (struct json_iter it = json_iter(v); json_next(&it);)
            if (json_type(it.value) == JSON_NULL || !is_clean(s->elem, it.value))
                return false;
        return true;
    case SCHEMA_QUANTITY:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return is_canonical(s, v);
    case SCHEMA_ANY:
        return !s->elem || is_clean_union(s->elem, v);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
    case SCHEMA_BOOL:
    case SCHEMA_INT_OR_STRING:
        return true;
    }
    return true;
}

/* ---- doing it ---- */

/* Each level on the way to something unclean is looked through again; below this depth everything
 * is expanded instead, so that a deep hostile body costs linear time. */
#define SCAN_DEPTH 12

struct pass {
    struct arena *a;
    unsigned depth;
};

static bool visit(struct pass *p, const struct schema *s, struct jnode *n);

struct jnode *normalise_default(struct arena *a, const struct schema *s)
{
    struct str text = s->default_json;
    if (text.n == 0)
        return NULL;
    if (text.p[0] == '"') /* the facts have no escapes */
        return jnode_str(a, str_make(text.p + 1, text.n - 2));
    if (text.p[0] == 't' || text.p[0] == 'f')
        return jnode_bool(a, text.p[0] == 't');
    return jnode_num(a, text);
}

static struct jnode *missing_field(struct pass *p, const struct schema_field *f)
{
    if (f->flags & SCHEMA_FIELD_ALWAYS)
        return jnode_obj(p->a);
    if (f->flags & SCHEMA_FIELD_DEFAULT)
        return normalise_default(p->a, f->schema);
    return null_stays(f) ? jnode_null(p->a) : jnode_str(p->a, STR(""));
}

static void fill_object(struct pass *p, const struct schema *s, struct jnode *n)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct schema_field *f = &s->fields[i];
        if (!(f->flags & WANTED) || jnode_get(n, schema_field_name(f)))
            continue;
        struct jnode *made = missing_field(p, f);
        jnode_set(n, schema_field_name(f), made);
        visit(p, f->schema, made);
    }
}

/* The normalised member, or NULL when it goes. */
static struct jnode *member(struct pass *p, const struct schema_field *f, struct jnode *child)
{
    if (f && jnode_type(child) == JSON_NULL && null_stays(f))
        return child;
    if (!f || jnode_type(child) == JSON_NULL)
        return NULL;
    bool clean = visit(p, f->schema, child);
    if ((f->flags & SCHEMA_FIELD_DROP_ZERO) && is_zero(f->schema, child))
        return NULL;
    return clean ? child : canonical(p->a, f->schema, child);
}

/* Members to delete are only noted during the walk, so that many of them cost no quadratic time. */
static void normalise_members(struct pass *p, const struct schema *s, struct jnode *n)
{
    size_t len = jnode_len(n), n_gone = 0;
    struct str *gone = ARENA_ARRAY(p->a, struct str, len); /* len is bounded by the body's limits */
    for (size_t i = 0; i < len; i++) {
        struct str key = jnode_key_at(n, i);
        struct jnode *child = jnode_value_at(n, i), *want;
        if (s->type == SCHEMA_OBJECT) {
            want = member(p, schema_field(s, key), child);
        } else {
            want = jnode_type(child) == JSON_NULL ? zero_item(p->a, s->elem) : child;
            if (want && !visit(p, s->elem, want))
                want = canonical(p->a, s->elem, want);
        }
        if (!want)
            gone[n_gone++] = key;
        else if (want != child)
            jnode_set(n, key, want);
    }
    for (size_t i = 0; i < n_gone; i++)
        jnode_del(n, gone[i]);
}

static void normalise_items(struct pass *p, const struct schema *s, struct jnode *n)
{
    for (size_t i = 0; i < jnode_len(n); i++) {
        struct jnode *child = jnode_at(n, i), *want = child;
        if (jnode_type(child) == JSON_NULL)
            want = zero_item(p->a, s->elem);
        if (!want)
            continue;
        if (!visit(p, s->elem, want))
            want = canonical(p->a, s->elem, want);
        if (want != child)
            jnode_replace_at(n, i, want);
    }
}

static void visit_inside(struct pass *p, const struct schema *s, struct jnode *root)
{
    if (s->type == SCHEMA_ANY) {
        if (s->elem && jnode_type(root) == JSON_OBJ)
            visit(p, s->elem, root);
        for (size_t i = 0; s->elem && jnode_type(root) == JSON_ARR && i < jnode_len(root); i++)
            if (jnode_type(jnode_at(root, i)) == JSON_OBJ)
                visit(p, s->elem, jnode_at(root, i));
        return;
    }
    if (s->type == SCHEMA_LIST && jnode_type(root) == JSON_ARR)
        normalise_items(p, s, root);
    if ((s->type != SCHEMA_OBJECT && s->type != SCHEMA_MAP) || jnode_type(root) != JSON_OBJ)
        return;
    normalise_members(p, s, root);
    if (s->type == SCHEMA_OBJECT)
        fill_object(p, s, root);
}

/* True when there was nothing to do, also for its text. */
static bool visit(struct pass *p, const struct schema *s, struct jnode *n)
{
    struct json v = jnode_source(n);
    if (json_exists(v) && p->depth < SCAN_DEPTH && is_clean(s, v))
        return true;
    p->depth++;
    visit_inside(p, s, n);
    p->depth--;
    return false;
}

void normalise(struct arena *a, const struct schema *s, struct jnode *root)
{
    struct pass p = { .a = a };
    visit(&p, s, root);
}
