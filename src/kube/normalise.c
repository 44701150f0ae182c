/* SPDX-License-Identifier: Apache-2.0
 * normalise — one pass over a tree beside its type. A subtree that is still as the document has it
 * is read there, once; its nodes are made only on the way to something that changes, because most
 * does not: what is clean is never expanded, and freezing copies its text as one block. */
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

/* The canonical form of a text or number, or NULL when it has it. */
static struct jnode *
canonical_scalar(struct arena *a, const struct schema *s, struct str text, bool number)
{
    if (!number && s->type == SCHEMA_TIME && is_plain_time(text))
        return NULL;
    struct buf b;
    buf_init(&b, 256);
    bool other = canonical_text(s, text, &b);
    struct jnode *made = other ? jnode_str(a, buf_view(&b)) : number ? jnode_str(a, text) : NULL;
    buf_fini(&b);
    return made;
}

static bool has_canonical_form(const struct schema *s)
{
    return s->type == SCHEMA_QUANTITY || s->type == SCHEMA_TIME || s->type == SCHEMA_MICRO_TIME;
}

/* ---- members and items ---- */

/* Fields that Kubernetes writes as null when it has nothing. */
static bool null_stays(const struct schema_field *f)
{
    return (f->flags & SCHEMA_FIELD_EMPTY) && f->schema->type != SCHEMA_STRING;
}

/* What shall stand in n's place; NULL: n, which may have been changed inside. */
static struct jnode *visit(struct arena *a, const struct schema *s, struct jnode *n);

/* What a null item or map value becomes; NULL: the null goes, or stays in a list. */
static struct jnode *instead_of_null(struct arena *a, const struct schema *s)
{
    struct jnode *zero = zero_item(a, s);
    struct jnode *other = zero ? visit(a, s, zero) : NULL;
    return other ? other : zero;
}

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

static struct jnode *missing_field(struct arena *a, const struct schema_field *f)
{
    if (f->flags & SCHEMA_FIELD_ALWAYS)
        return jnode_obj(a);
    if (f->flags & SCHEMA_FIELD_DEFAULT)
        return normalise_default(a, f->schema);
    return null_stays(f) ? jnode_null(a) : jnode_str(a, STR(""));
}

static void fill_object(struct arena *a, const struct schema *s, struct jnode *n)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct schema_field *f = &s->fields[i];
        if (!(f->flags & SCHEMA_FIELD_WANTED) || jnode_get(n, schema_field_name(f)))
            continue;
        struct jnode *made = missing_field(a, f);
        jnode_set(n, schema_field_name(f), made);
        visit(a, f->schema, made);
    }
}

/* Members to delete are only noted during a walk, so that many of them cost no quadratic time and
 * the others keep their numbers. */
struct gone {
    struct str *keys;
    size_t n;
};

/* len: members of the object, bounded by the body's limits. */
static void gone_add(struct gone *g, struct arena *a, size_t len, struct str key)
{
    if (!g->keys)
        g->keys = ARENA_ARRAY(a, struct str, len);
    g->keys[g->n++] = key;
}

static void gone_drop(const struct gone *g, struct jnode *n)
{
    for (size_t i = 0; i < g->n; i++)
        jnode_del(n, g->keys[i]);
}

/* ---- what is still in the document ---- */

/* A value on the way from where the walk began; lives on the walk's stack. */
struct spot {
    struct spot *up;    /* NULL: the walk began here, and there is a node */
    struct jnode *node; /* NULL: nothing at or below it has changed yet */
    uint32_t i;         /* its number in the container above */
};

static struct jnode *spot_node(struct spot *at)
{
    if (at->node)
        return at->node;
    struct jnode *above = spot_node(at->up);
    at->node =
        jnode_type(above) == JSON_OBJ ? jnode_value_at(above, at->i) : jnode_at(above, at->i);
    return at->node;
}

/* As visit, of a value that is as the document has it. */
static struct jnode *scan(struct arena *a, const struct schema *s, struct json v, struct spot *at);

/* Does the member stay? *other: what stands in its place, or NULL. */
static bool scan_member(struct arena *a,
                        const struct schema_field *f,
                        struct json v,
                        struct spot *at,
                        struct jnode **other)
{
    if (f && json_type(v) == JSON_NULL)
        return null_stays(f);
    if (!f)
        return false;
    *other = scan(a, f->schema, v, at);
    if (!(f->flags & SCHEMA_FIELD_DROP_ZERO))
        return true;
    return at->node ? !is_zero(f->schema, at->node) : !is_zero_json(f->schema, v);
}

static void scan_object(struct arena *a, const struct schema *s, struct json v, struct spot *at)
{
    struct gone gone = { 0 };
    unsigned wanted = s->n_wanted;
    struct json_iter it = json_iter(v);
    uint32_t len = it.left;
    for (uint32_t i = 0; json_next(&it); i++) {
        struct spot below = { at, NULL, i };
        struct jnode *other = NULL;
        const struct schema_field *f = schema_field(s, it.key);
        if (!scan_member(a, f, it.value, &below, &other)) {
            gone_add(&gone, a, len, it.key);
            continue;
        }
        if (other)
            jnode_set(spot_node(at), it.key, other);
        wanted -= (f->flags & SCHEMA_FIELD_WANTED) != 0;
    }
    if (gone.n > 0)
        gone_drop(&gone, spot_node(at));
    if (wanted > 0)
        fill_object(a, s, spot_node(at));
}

static void scan_map(struct arena *a, const struct schema *s, struct json v, struct spot *at)
{
    struct gone gone = { 0 };
    struct json_iter it = json_iter(v);
    uint32_t len = it.left;
    for (uint32_t i = 0; json_next(&it); i++) {
        struct spot below = { at, NULL, i };
        bool null = json_type(it.value) == JSON_NULL;
        struct jnode *other =
            null ? instead_of_null(a, s->elem) : scan(a, s->elem, it.value, &below);
        if (other)
            jnode_set(spot_node(at), it.key, other);
        else if (null)
            gone_add(&gone, a, len, it.key);
    }
    if (gone.n > 0)
        gone_drop(&gone, spot_node(at));
}

static void scan_list(struct arena *a, const struct schema *s, struct json v, struct spot *at)
{
    struct json_iter it = json_iter(v);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct spot below = { at, NULL, i };
        bool null = json_type(it.value) == JSON_NULL;
        struct jnode *other =
            null ? instead_of_null(a, s->elem) : scan(a, s->elem, it.value, &below);
        if (other)
            jnode_replace_at(spot_node(at), i, other);
    }
}

/* Free form whose objects have a type: one of them, a list of them, or something plain. */
static void scan_union(struct arena *a, const struct schema *elem, struct json v, struct spot *at)
{
    if (json_type(v) == JSON_OBJ)
        scan(a, elem, v, at);
    if (json_type(v) != JSON_ARR)
        return;
    struct json_iter it = json_iter(v);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct spot below = { at, NULL, i };
        if (json_type(it.value) == JSON_OBJ)
            scan(a, elem, it.value, &below);
    }
}

static struct jnode *scan(struct arena *a, const struct schema *s, struct json v, struct spot *at)
{
    enum json_type type = json_type(v);
    if (json_folded(v))
        return NULL;
    if (s->type == SCHEMA_OBJECT && type == JSON_OBJ)
        scan_object(a, s, v, at);
    else if (s->type == SCHEMA_MAP && type == JSON_OBJ)
        scan_map(a, s, v, at);
    else if (s->type == SCHEMA_LIST && type == JSON_ARR)
        scan_list(a, s, v, at);
    else if (s->type == SCHEMA_ANY && s->elem)
        scan_union(a, s->elem, v, at);
    else if (has_canonical_form(s) && type == JSON_NUM)
        return canonical_scalar(a, s, json_num_text(v), true);
    else if (has_canonical_form(s) && type == JSON_STR)
        return canonical_scalar(a, s, json_str(v), false);
    return NULL;
}

/* ---- what was changed already ---- */

static void visit_object(struct arena *a, const struct schema *s, struct jnode *n)
{
    struct gone gone = { 0 };
    size_t len = jnode_len(n);
    for (size_t i = 0; i < len; i++) {
        struct str key = jnode_key_at(n, i);
        const struct schema_field *f = schema_field(s, key);
        struct jnode *child = jnode_value_at(n, i), *other = NULL;
        bool stays = f && (jnode_type(child) != JSON_NULL || null_stays(f));
        if (stays && jnode_type(child) != JSON_NULL) {
            other = visit(a, f->schema, child);
            stays = !(f->flags & SCHEMA_FIELD_DROP_ZERO) || !is_zero(f->schema, child);
        }
        if (!stays)
            gone_add(&gone, a, len, key);
        else if (other)
            jnode_set(n, key, other);
    }
    gone_drop(&gone, n);
    fill_object(a, s, n);
}

static void visit_map(struct arena *a, const struct schema *s, struct jnode *n)
{
    struct gone gone = { 0 };
    size_t len = jnode_len(n);
    for (size_t i = 0; i < len; i++) {
        struct str key = jnode_key_at(n, i);
        struct jnode *child = jnode_value_at(n, i);
        bool null = jnode_type(child) == JSON_NULL;
        struct jnode *other = null ? instead_of_null(a, s->elem) : visit(a, s->elem, child);
        if (other)
            jnode_set(n, key, other);
        else if (null)
            gone_add(&gone, a, len, key);
    }
    gone_drop(&gone, n);
}

static void visit_list(struct arena *a, const struct schema *s, struct jnode *n)
{
    for (size_t i = 0; i < jnode_len(n); i++) {
        struct jnode *child = jnode_at(n, i);
        bool null = jnode_type(child) == JSON_NULL;
        struct jnode *other = null ? instead_of_null(a, s->elem) : visit(a, s->elem, child);
        if (other)
            jnode_replace_at(n, i, other);
    }
}

static void visit_union(struct arena *a, const struct schema *elem, struct jnode *n)
{
    if (jnode_type(n) == JSON_OBJ)
        visit(a, elem, n);
    for (size_t i = 0; jnode_type(n) == JSON_ARR && i < jnode_len(n); i++)
        if (jnode_type(jnode_at(n, i)) == JSON_OBJ)
            visit(a, elem, jnode_at(n, i));
}

static struct jnode *visit(struct arena *a, const struct schema *s, struct jnode *n)
{
    struct json v = jnode_source(n);
    if (json_exists(v)) {
        struct spot here = { .node = n };
        return scan(a, s, v, &here);
    }
    enum json_type type = jnode_type(n);
    if (s->type == SCHEMA_OBJECT && type == JSON_OBJ)
        visit_object(a, s, n);
    else if (s->type == SCHEMA_MAP && type == JSON_OBJ)
        visit_map(a, s, n);
    else if (s->type == SCHEMA_LIST && type == JSON_ARR)
        visit_list(a, s, n);
    else if (s->type == SCHEMA_ANY && s->elem)
        visit_union(a, s->elem, n);
    else if (has_canonical_form(s) && type == JSON_NUM)
        return canonical_scalar(a, s, jnode_num_text(n), true);
    else if (has_canonical_form(s) && type == JSON_STR)
        return canonical_scalar(a, s, jnode_text_of_str(n), false);
    return NULL;
}

void normalise(struct arena *a, const struct schema *s, struct jnode *root)
{
    visit(a, s, root);
}
