/* SPDX-License-Identifier: Apache-2.0
 * structural_check — is an openAPIV3Schema structural? The refusals of Kubernetes, field by field.
 */
#include "kube/structural_internal.h"

struct lint {
    struct causes *causes;
    struct arena *a;
};

static void forbid(struct lint *l, struct str path, const char *member, const char *why)
{
    struct str field = arena_printf(l->a, "%.*s.%s", STR_ARG(path), member);
    cause_add(l->causes, CAUSE_FORBIDDEN, field, NULL, "%s", why);
}

static void require(struct lint *l, struct str path, const char *member, const char *why)
{
    struct str field = arena_printf(l->a, "%.*s.%s", STR_ARG(path), member);
    cause_add(l->causes, CAUSE_REQUIRED, field, NULL, "%s", why);
}

static bool flag(struct json node, struct str key)
{
    return json_bool(json_get(node, key), false);
}

/* ---- one node ---- */

static void lint_type(struct lint *l, struct json node, struct str path, const char *empty)
{
    static const char *const known[] = {
        "array", "boolean", "integer", "number", "object", "string"
    };
    struct str type = json_str(json_get(node, STR("type")));
    if (type.n == 0) {
        if (!flag(node, STR("x-kubernetes-int-or-string")) &&
            !flag(node, STR("x-kubernetes-preserve-unknown-fields")))
            require(l, path, "type", empty);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_is(type, known[i]))
            return;
    cause_add(l->causes, CAUSE_NOT_SUPPORTED, arena_printf(l->a, "%.*s.type", STR_ARG(path)),
              jnode_str(l->a, type),
              "supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", "
              "\"string\"");
}

/* The commonest of Go's complaints; the others read as PCRE2 says them. */
static void lint_pattern(struct lint *l, struct json node, struct str path)
{
    struct str pattern = json_str(json_get(node, STR("pattern")));
    int code;
    PCRE2_SIZE at;
    if (!pattern.p)
        return;
    pcre2_code *regex =
        pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (regex) {
        pcre2_code_free(regex);
        return;
    }
    char why[128] = "missing closing )";
    if (code != 114) /* PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS */
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    cause_add(l->causes, CAUSE_INVALID, arena_printf(l->a, "%.*s.pattern", STR_ARG(path)),
              jnode_str(l->a, pattern),
              "must be a valid regular expression, but isn't: error parsing regexp: %s: `%.*s`",
              why, STR_ARG(pattern));
}

static void lint_list(struct lint *l, struct json node, struct str path)
{
    struct str type = json_str(json_get(node, STR("type")));
    if (str_is(type, "array") && !json_has(json_get(node, STR("items"))))
        require(l, path, "items", "must be specified");
    struct str list = json_str(json_get(node, STR("x-kubernetes-list-type")));
    struct json keys = json_get(node, STR("x-kubernetes-list-map-keys"));
    if (str_is(list, "map") && json_len(keys) == 0)
        require(l, path, "x-kubernetes-list-map-keys",
                "must not be empty if x-kubernetes-list-type is map");
    if (!str_is(list, "map") && json_len(keys) > 0)
        forbid(l, path, "x-kubernetes-list-map-keys",
               "must be empty if x-kubernetes-list-type is not map");
    if (flag(node, STR("uniqueItems")))
        forbid(l, path, "uniqueItems",
               "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
}

/* A default must pass its own schema. */
static void lint_default(struct lint *l, struct json node, struct str path)
{
    struct json value = json_get(node, STR("default"));
    struct structural *st;
    if (!json_exists(value) || structural_new_part(&st, node, NULL) < 0)
        return;
    struct causes found = { .a = l->a };
    structural_validate(&found, structural_schema(st), jnode_thaw(l->a, value));
    structural_free(st);
    for (size_t i = 0; i < found.list.n; i++) {
        struct cause c = found.list.items[i];
        c.field = arena_printf(l->a, "%.*s.default%s%.*s", STR_ARG(path), c.field.n ? "." : "",
                               STR_ARG(c.field));
        cause_vec_push(&l->causes->list, c);
    }
    cause_vec_fini(&found.list);
}

/* ---- the tree ---- */

static void lint_node(struct lint *l, struct json node, struct str path, const char *empty);

static bool names_only(struct json metadata)
{
    for (struct json_iter it = json_iter(json_get(metadata, STR("properties"))); json_next(&it);)
        if (!str_is(it.key, "name") && !str_is(it.key, "generateName"))
            return false;
    return true;
}

static void lint_children(struct lint *l, struct json node, struct str path, bool root)
{
    for (struct json_iter it = json_iter(json_get(node, STR("properties"))); json_next(&it);) {
        struct str child =
            arena_printf(l->a, "%.*s.properties[%.*s]", STR_ARG(path), STR_ARG(it.key));
        if (root && str_is(it.key, "metadata") && !names_only(it.value))
            cause_add(l->causes, CAUSE_FORBIDDEN, child, NULL,
                      "must not specify anything other than name and generateName, but metadata is "
                      "implicitly specified");
        else
            lint_node(l, it.value, child, "must not be empty for specified object fields");
    }
    struct json items = json_get(node, STR("items"));
    if (json_type(items) == JSON_OBJ)
        lint_node(l, items, arena_printf(l->a, "%.*s.items", STR_ARG(path)),
                  "must not be empty for specified array items");
    struct json more = json_get(node, STR("additionalProperties"));
    if (json_type(more) == JSON_OBJ)
        lint_node(l, more, arena_printf(l->a, "%.*s.additionalProperties", STR_ARG(path)),
                  "must not be empty for specified object fields");
}

static void lint_node(struct lint *l, struct json node, struct str path, const char *empty)
{
    if (json_has(json_get(node, STR("$ref")))) {
        forbid(l, path, "$ref", "$ref is not supported");
        return;
    }
    lint_type(l, node, path, empty);
    lint_list(l, node, path);
    lint_pattern(l, node, path);
    bool both = json_len(json_get(node, STR("properties"))) > 0 &&
                json_has(json_get(node, STR("additionalProperties")));
    if (both)
        forbid(l, path, "additionalProperties",
               "additionalProperties and properties are mutual exclusive");
    size_t before = l->causes->list.n;
    bool root = str_is(str_from(empty), "must not be empty at the root");
    lint_children(l, node, path, root);
    if (l->causes->list.n == before)
        structural_check_rules(l->causes, path, node, root);
    if (l->causes->list.n == before)
        lint_default(l, node, path);
}

void structural_check(struct causes *causes, struct str root, struct json openapi_v3_schema)
{
    struct lint l = { causes, causes->a };
    lint_node(&l, openapi_v3_schema, root, "must not be empty at the root");
}
