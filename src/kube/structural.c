/* SPDX-License-Identifier: Apache-2.0
 * structural — makes a type from an OpenAPI v3 schema: one struct schema with its rules a node. */
#include "kube/structural.h"

#include <stdlib.h>
#include <string.h>

#include "kube/structural_internal.h"

static const struct schema *
make(struct structural *st, struct json node, bool whole_object, struct err *err);

static bool has(struct json node, struct str key)
{
    return json_bool(json_get(node, key), false);
}

static struct str text(struct json node, struct str key)
{
    return json_str(json_get(node, key));
}

/* ---- rules ---- */

static int64_t bound(struct json node, struct str key)
{
    return json_i64_or(json_get(node, key), RULE_NONE);
}

static int compile(struct structural *st, struct schema_rules *r, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    r->regex = pcre2_compile((PCRE2_SPTR)r->pattern.p, r->pattern.n,
                             PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    if (!r->regex)
        return err_set(err, ERR_INVALID, "pattern %.*s does not compile at byte %zu",
                       STR_ARG(str_take(r->pattern, 100)), at);
    if (st->n_regexes == st->cap_regexes) {
        st->cap_regexes = vec_grow(st->cap_regexes, sizeof *st->regexes);
        st->regexes = mem_realloc(st->regexes, st->cap_regexes * sizeof *st->regexes);
    }
    st->regexes[st->n_regexes++] = r->regex;
    return 0;
}

static int make_list(struct structural *st,
                     struct json list,
                     const struct schema *const **out,
                     size_t *n,
                     struct err *err)
{
    const struct schema **made = ARENA_ARRAY(st->arena, const struct schema *, json_len(list));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        made[*n] = make(st, it.value, false, err);
        if (!made[(*n)++])
            return -1;
    }
    *out = made;
    return 0;
}

static int
make_logic(struct structural *st, struct json node, struct schema_rules *r, struct err *err)
{
    if (make_list(st, json_get(node, STR("allOf")), &r->all_of, &r->n_all_of, err) < 0 ||
        make_list(st, json_get(node, STR("anyOf")), &r->any_of, &r->n_any_of, err) < 0 ||
        make_list(st, json_get(node, STR("oneOf")), &r->one_of, &r->n_one_of, err) < 0)
        return -1;
    struct json not_of = json_get(node, STR("not"));
    if (json_type(not_of) != JSON_OBJ)
        return 0;
    r->not_of = make(st, not_of, false, err);
    return r->not_of ? 0 : -1;
}

static int make_rules(struct structural *st, struct json node, struct schema *s, struct err *err)
{
    struct schema_rules *r = ARENA_NEW(st->arena, struct schema_rules);
    r->node = node;
    r->default_value = json_get(node, STR("default"));
    r->enums = json_get(node, STR("enum"));
    r->required = json_get(node, STR("required"));
    r->format = text(node, STR("format"));
    r->pattern = text(node, STR("pattern"));
    r->min_length = bound(node, STR("minLength"));
    r->max_length = bound(node, STR("maxLength"));
    r->min_items = bound(node, STR("minItems"));
    r->max_items = bound(node, STR("maxItems"));
    r->min_members = bound(node, STR("minProperties"));
    r->max_members = bound(node, STR("maxProperties"));
    r->has_minimum = json_f64(json_get(node, STR("minimum")), &r->minimum);
    r->has_maximum = json_f64(json_get(node, STR("maximum")), &r->maximum);
    r->has_multiple = json_f64(json_get(node, STR("multipleOf")), &r->multiple);
    r->exclusive_minimum = has(node, STR("exclusiveMinimum"));
    r->exclusive_maximum = has(node, STR("exclusiveMaximum"));
    s->rules = r;
    if (json_exists(r->default_value))
        s->default_json = json_text(r->default_value);
    if (r->pattern.p && compile(st, r, err) < 0)
        return -1;
    return make_logic(st, node, r, err);
}

/* ---- shape ---- */

static enum schema_type type_of(struct json node)
{
    static const struct {
        const char *name;
        enum schema_type type;
    } types[] = {
        { "object", SCHEMA_OBJECT }, { "array", SCHEMA_LIST },    { "string", SCHEMA_STRING },
        { "integer", SCHEMA_INT },   { "number", SCHEMA_NUMBER }, { "boolean", SCHEMA_BOOL },
    };
    if (has(node, STR("x-kubernetes-int-or-string")))
        return SCHEMA_INT_OR_STRING;
    struct str name = text(node, STR("type"));
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_is(name, types[i].name))
            return types[i].type;
    return SCHEMA_ANY;
}

static int field_cmp(const void *a, const void *b)
{
    return str_cmp(schema_field_name(a), schema_field_name(b));
}

static bool is_required(struct json node, struct str name)
{
    for (struct json_iter it = json_iter(json_get(node, STR("required"))); json_next(&it);)
        if (str_eq(json_str(it.value), name))
            return true;
    return false;
}

static bool is_meta(struct str name)
{
    return str_is(name, "apiVersion") || str_is(name, "kind") || str_is(name, "metadata");
}

/* The three members of every API object have built-in types. */
static void add_meta(struct schema_field *fields, size_t *n)
{
    const struct schema *string = schema_child(schema_find(STR("core.v1.Pod")), STR("kind"));
    const struct schema *meta = schema_find(STR("apis.meta.v1.ObjectMeta"));
    fields[(*n)++] = (struct schema_field){ "apiVersion", string, 10, 0 };
    fields[(*n)++] = (struct schema_field){ "kind", string, 4, 0 };
    fields[(*n)++] = (struct schema_field){ "metadata", meta, 8, 0 };
}

static int make_fields(struct structural *st, struct json node, struct schema *s, struct err *err)
{
    bool whole = s->flags & SCHEMA_EMBEDDED;
    struct json properties = json_get(node, STR("properties"));
    struct schema_field *fields =
        ARENA_ARRAY(st->arena, struct schema_field, (size_t)json_len(properties) + 3);
    size_t n = 0;
    if (whole)
        add_meta(fields, &n);
    for (struct json_iter it = json_iter(properties); json_next(&it);) {
        if (whole && is_meta(it.key))
            continue;
        if (it.key.n > UINT8_MAX || n == UINT16_MAX)
            return err_set(err, ERR_TOO_LARGE, "schema: property name over %d bytes", UINT8_MAX);
        const struct schema *child = make(st, it.value, false, err);
        if (!child)
            return -1;
        unsigned flags = child->default_json.p ? SCHEMA_FIELD_DEFAULT : 0;
        if (is_required(node, it.key))
            flags |= SCHEMA_FIELD_REQUIRED;
        fields[n++] = (struct schema_field){ arena_str(st->arena, it.key).p, child,
                                             (uint8_t)it.key.n, (uint8_t)flags };
    }
    qsort(fields, n, sizeof *fields, field_cmp);
    s->fields = fields;
    s->n_fields = (uint16_t)n;
    return 0;
}

static int make_object(struct structural *st, struct json node, struct schema *s, struct err *err)
{
    if (str_is(text(node, STR("x-kubernetes-map-type")), "atomic"))
        s->flags |= SCHEMA_ATOMIC;
    struct json more = json_get(node, STR("additionalProperties"));
    bool map = json_type(more) == JSON_OBJ || json_bool(more, false);
    if (!map || json_exists(json_get(node, STR("properties"))))
        return make_fields(st, node, s, err);
    s->type = SCHEMA_MAP;
    s->elem = make(st, more, false, err);
    return s->elem ? 0 : -1;
}

static int make_array(struct structural *st, struct json node, struct schema *s, struct err *err)
{
    struct str type = text(node, STR("x-kubernetes-list-type"));
    s->list = str_is(type, "set")   ? SCHEMA_LIST_SET
              : str_is(type, "map") ? SCHEMA_LIST_MAP
                                    : SCHEMA_LIST_ATOMIC;
    struct json keys = json_get(node, STR("x-kubernetes-list-map-keys"));
    struct str *names = ARENA_ARRAY(st->arena, struct str, json_len(keys));
    for (struct json_iter it = json_iter(keys); json_next(&it) && s->n_keys < UINT16_MAX;)
        names[s->n_keys++] = json_str(it.value);
    s->keys = names;
    if (s->list == SCHEMA_LIST_MAP && s->n_keys == 0)
        s->list = SCHEMA_LIST_ATOMIC;
    s->elem = make(st, json_get(node, STR("items")), false, err);
    return s->elem ? 0 : -1;
}

/* node may be absent or a boolean (free form). NULL with err set on failure. */
static const struct schema *
make(struct structural *st, struct json node, bool whole_object, struct err *err)
{
    if (++st->nodes > STRUCTURAL_NODES_MAX) {
        err_set(err, ERR_TOO_LARGE, "schema: over %d nodes", STRUCTURAL_NODES_MAX);
        return NULL;
    }
    struct schema *s = ARENA_NEW(st->arena, struct schema);
    s->type = (uint8_t)type_of(node);
    if (has(node, STR("nullable")))
        s->flags |= SCHEMA_NULLABLE;
    if (has(node, STR("x-kubernetes-preserve-unknown-fields")))
        s->flags |= SCHEMA_PRESERVE;
    if (whole_object || has(node, STR("x-kubernetes-embedded-resource"))) {
        s->flags |= SCHEMA_EMBEDDED;
        s->type = SCHEMA_OBJECT;
    }
    if (str_is(text(node, STR("format")), "int32"))
        s->flags |= SCHEMA_INT32;
    int rc = make_rules(st, node, s, err);
    if (rc == 0 && s->type == SCHEMA_OBJECT)
        rc = make_object(st, node, s, err);
    else if (rc == 0 && s->type == SCHEMA_LIST)
        rc = make_array(st, node, s, err);
    return rc == 0 ? s : NULL;
}

static int new_root(struct structural **out, struct json node, bool whole_object, struct err *err)
{
    if (json_type(node) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "openAPIV3Schema: must be an object");
    AUTO(structural_freep) struct structural *st = MEM_NEW(struct structural);
    st->arena = arena_new();
    st->doc = json_doc_ref(node.doc);
    st->root = make(st, node, whole_object, err);
    if (!st->root)
        return -1;
    *out = TAKE(st);
    return 0;
}

int structural_new(struct structural **out, struct json openapi_v3_schema, struct err *err)
{
    return new_root(out, openapi_v3_schema, true, err);
}

int structural_new_part(struct structural **out, struct json node, struct err *err)
{
    return new_root(out, node, false, err);
}

void structural_free(struct structural *st)
{
    if (!st)
        return;
    for (size_t i = 0; i < st->n_regexes; i++)
        pcre2_code_free(st->regexes[i]);
    free(st->regexes);
    arena_free(st->arena);
    json_doc_unref(st->doc);
    free(st);
}

const struct schema *structural_schema(const struct structural *st)
{
    return st->root;
}
