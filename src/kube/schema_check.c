/* SPDX-License-Identifier: Apache-2.0
 * schema_check — walks a document beside its type. One walk finds wrong types and whether a field
 * may be unknown; only then another one names the unknown fields. The wording of wrong types is
 * Go's: the innermost struct, then the path of field names from the root without indexes. */
#include "kube/schema_check.h"

#include <stdlib.h>

#include "base/time.h"
#include "kube/schema_scalar.h"

/* One step from the root to where the walk is; lives on the stack of the walk. */
struct step {
    const struct step *up;
    struct str key;              /* of a member; absent: an item */
    uint32_t index;              /* of an item */
    bool named;                  /* a field of an object type, not a key of a map */
    const struct schema *parent; /* the type that holds the member */
};

/* ---- paths ---- */

static void path_write(struct buf *out, const struct step *at)
{
    if (!at)
        return;
    path_write(out, at->up);
    if (!at->key.p) {
        buf_printf(out, "[%u]", at->index);
        return;
    }
    if (out->n > 0)
        buf_char(out, '.');
    buf_str(out, at->key);
}

static void go_path_write(struct buf *out, const struct step *at)
{
    if (!at)
        return;
    go_path_write(out, at->up);
    if (!at->named)
        return;
    if (out->n > 0)
        buf_char(out, '.');
    buf_str(out, at->key);
}

static struct str short_name(struct str name) /* "core.v1.PodSpec" → "PodSpec" */
{
    for (size_t i = name.n; i > 0; i--)
        if (name.p[i - 1] == '.')
            return str_skip(name, i);
    return name;
}

/* ---- wrong types ---- */

static void go_type_write(struct buf *out, const struct schema *s)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_OBJECT:
        buf_printf(out, "v1.%.*s", STR_ARG(short_name(s->name)));
        return;
    case SCHEMA_MAP:
        buf_str(out, STR("map[string]"));
        go_type_write(out, s->elem);
        return;
    case SCHEMA_LIST:
        buf_str(out, STR("[]"));
        go_type_write(out, s->elem);
        return;
    case SCHEMA_INT:
        buf_str(out, s->flags & SCHEMA_INT32 ? STR("int32") : STR("int64"));
        return;
    case SCHEMA_NUMBER:
        buf_str(out, STR("float64"));
        return;
    case SCHEMA_BOOL:
        buf_str(out, STR("bool"));
        return;
    case SCHEMA_BYTES:
        buf_str(out, STR("[]uint8"));
        return;
    case SCHEMA_ANY:
    case SCHEMA_STRING:
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        buf_str(out, STR("string"));
        return;
    }
}

static void go_value_write(struct buf *out, struct json v, bool with_number)
{
    static const char *const names[] = {
        [JSON_ABSENT] = "null", [JSON_NULL] = "null", [JSON_BOOL] = "bool",  [JSON_NUM] = "number",
        [JSON_STR] = "string",  [JSON_ARR] = "array", [JSON_OBJ] = "object",
    };
    buf_str(out, str_from(names[json_type(v)]));
    if (with_number && json_type(v) == JSON_NUM) {
        buf_char(out, ' ');
        buf_str(out, json_num_text(v));
    }
}

static int wrong_type(const struct schema *s, struct json v, const struct step *at, struct err *err)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_str(&text, STR("json: cannot unmarshal "));
    go_value_write(&text, v, s->type == SCHEMA_INT);
    const struct step *owner = at;
    while (owner && !owner->named)
        owner = owner->up;
    if (owner) {
        struct buf path;
        buf_init(&path, 1024);
        go_path_write(&path, owner);
        buf_printf(&text, " into Go struct field %.*s.%.*s of type ",
                   STR_ARG(short_name(owner->parent->name)), STR_ARG(buf_view(&path)));
        buf_fini(&path);
    } else {
        buf_str(&text, STR(" into Go value of type "));
    }
    go_type_write(&text, s);
    struct str said = buf_view(&text);
    int rc = err_set(err, ERR_INVALID, "%.*s", STR_ARG(said));
    buf_fini(&text);
    return rc;
}

struct walk {
    struct err *err;
    bool odd; /* met what the walk for unknown fields may name */
};

static int check(struct walk *w, const struct schema *s, struct json v, const struct step *at);

/* A patch leaves most of an object as it was. */
static bool is_as_before(struct json old, const struct json_iter *it)
{
    struct json was = json_get(old, it->key);
    return json_exists(was) && str_eq(json_text(was), json_text(it->value));
}

static int check_members(struct walk *w,
                         const struct schema *s,
                         struct json v,
                         struct json old,
                         const struct step *at)
{
    bool object = s->type == SCHEMA_OBJECT, changed = json_exists(old);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (changed && is_as_before(old, &it))
            continue;
        const struct schema *child = schema_child(s, it.key);
        struct step step = { at, it.key, 0, object, s };
        if (!child)
            w->odd = true;
        else if (check(w, child, it.value, &step) < 0)
            return -1;
    }
    return 0;
}

static int check_items(struct walk *w, const struct schema *s, struct json v, const struct step *at)
{
    uint32_t i = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        struct step step = { at, { 0 }, i, false, s };
        if (check(w, s->elem, it.value, &step) < 0)
            return -1;
    }
    return 0;
}

static bool int_fits(const struct schema *s, struct json v)
{
    int64_t i;
    if (!str_to_i64(json_num_text(v), &i)) /* as Go: 1.0 and 1e3 are no integers here */
        return false;
    return !(s->flags & SCHEMA_INT32) || (i >= INT32_MIN && i <= INT32_MAX);
}

static int check_text(const struct schema *s, struct json v, struct err *err)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_BYTES:
        return schema_check_base64(json_str(v), err);
    case SCHEMA_QUANTITY:
        return schema_check_quantity(json_str(v), err);
    case SCHEMA_TIME:
        return schema_check_time(json_str(v), false, err);
    case SCHEMA_MICRO_TIME:
        return schema_check_time(json_str(v), true, err);
    case SCHEMA_ANY:
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
    case SCHEMA_STRING:
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
    case SCHEMA_BOOL:
    case SCHEMA_INT_OR_STRING:
        return 0;
    }
    return 0;
}

/* The JSON types that Go's decoder takes for a type, as bits. */
static unsigned accepted(const struct schema *s)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_ANY:
        return ~0u;
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return 1u << JSON_OBJ;
    case SCHEMA_LIST:
        return 1u << JSON_ARR;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return 1u << JSON_STR;
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
        return 1u << JSON_NUM;
    case SCHEMA_BOOL:
        return 1u << JSON_BOOL;
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
        return 1u << JSON_STR | 1u << JSON_NUM;
    }
    return ~0u;
}

static int check(struct walk *w, const struct schema *s, struct json v, const struct step *at)
{
    enum json_type type = json_type(v);
    if (type == JSON_NULL)
        return 0;
    if (s->type == SCHEMA_ANY) {
        w->odd |= s->elem != NULL; /* its objects have a type that is not looked at here */
        return 0;
    }
    if (!(accepted(s) & 1u << type))
        return wrong_type(s, v, at, w->err);
    if (type == JSON_OBJ)
        return check_members(w, s, v, (struct json){ 0 }, at);
    if (type == JSON_ARR)
        return json_folded(v) ? 0 : check_items(w, s, v, at);
    if (type == JSON_STR)
        return check_text(s, v, w->err);
    bool whole = s->type == SCHEMA_INT || s->type == SCHEMA_INT_OR_STRING;
    if (type == JSON_NUM && whole && !int_fits(s, v))
        return wrong_type(s, v, at, w->err);
    return 0;
}

int schema_check_types(const struct schema *s,
                       struct json v,
                       struct json old,
                       bool *odd,
                       struct err *err)
{
    struct walk w = { .err = err };
    int rc = s->type == SCHEMA_OBJECT && json_type(v) == JSON_OBJ
                 ? check_members(&w, s, v, old, NULL)
                 : check(&w, s, v, NULL);
    if (rc == 0 && odd)
        *odd = w.odd;
    return rc;
}

/* ---- unknown fields ---- */

static void unknown_add(struct schema_paths *out, const struct step *at)
{
    if (out->n == SCHEMA_UNKNOWN_MAX) {
        out->more++;
        return;
    }
    struct buf path;
    buf_init(&path, 65536);
    path_write(&path, at);
    out->items[out->n++] = arena_str(out->a, buf_view(&path));
    buf_fini(&path);
}

static void find_unknown(struct schema_paths *out,
                         const struct schema *s,
                         struct json v,
                         const struct step *at);

static void unknown_member(struct schema_paths *out,
                           const struct schema *s,
                           const struct json_iter *it,
                           const struct step *at)
{
    const struct schema *child = schema_child(s, it->key);
    struct step step = { at, it->key, 0, true, s };
    if (child)
        find_unknown(out, child, it->value, &step);
    else if (!(s->flags & SCHEMA_PRESERVE))
        unknown_add(out, &step);
}

static void
find_unknown(struct schema_paths *out, const struct schema *s, struct json v, const struct step *at)
{
    if (s->type == SCHEMA_ANY && s->elem && json_type(v) == JSON_OBJ)
        s = s->elem;
    if (json_type(v) == JSON_OBJ) {
        if (s->type != SCHEMA_OBJECT && s->type != SCHEMA_MAP)
            return;
        for (struct json_iter it = json_iter(v); json_next(&it);)
            unknown_member(out, s, &it, at);
    } else if (json_type(v) == JSON_ARR && s->type == SCHEMA_LIST) {
        uint32_t i = 0;
        for (struct json_iter it = json_iter(v); json_next(&it); i++) {
            struct step step = { at, { 0 }, i, false, s };
            find_unknown(out, s->elem, it.value, &step);
        }
    }
}

static int path_cmp(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

void schema_check_unknown(struct schema_paths *out,
                          const struct schema *s,
                          struct json v,
                          struct json old)
{
    bool known = json_exists(old) && json_type(v) == JSON_OBJ && s->type == SCHEMA_OBJECT;
    for (struct json_iter it = json_iter(v); known && json_next(&it);) {
        if (!is_as_before(old, &it))
            unknown_member(out, s, &it, NULL);
    }
    if (!known)
        find_unknown(out, s, v, NULL);
    if (s->rules) /* custom: the pruning algorithm reports them sorted */
        qsort(out->items, out->n, sizeof out->items[0], path_cmp);
}

struct str schema_strict_error(const struct schema_paths *unknown, struct str dups)
{
    struct buf text;
    buf_init(&text, 1u << 20);
    buf_str(&text, STR("strict decoding error: "));
    const char *sep = "";
    while (dups.p && dups.n > 0) {
        struct str path = str_split(&dups, '\n');
        if (path.n == 0)
            continue;
        buf_printf(&text, "%sduplicate field \"%.*s\"", sep, STR_ARG(path));
        sep = ", ";
    }
    for (size_t i = 0; i < unknown->n; i++) {
        buf_printf(&text, "%sunknown field \"%.*s\"", sep, STR_ARG(unknown->items[i]));
        sep = ", ";
    }
    struct str said = arena_str(unknown->a, buf_view(&text));
    buf_fini(&text);
    return said;
}
