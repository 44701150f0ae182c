/* SPDX-License-Identifier: Apache-2.0
 * openapi — components: each type that the group-version's kinds reach, by depth-first search. */
#include "kube/openapi.h"

#include "base/arena.h"
#include "kube/openapi_internal.h"

/* ---- names ---- */

void openapi_name(struct buf *out, struct str type)
{
    static const char *const prefixes[][2] = {
        { "apis.meta.", "io.k8s.apimachinery.pkg." },
        { "api.resource.", "io.k8s.apimachinery.pkg." },
        { "runtime.", "io.k8s.apimachinery.pkg." },
        { "util.", "io.k8s.apimachinery.pkg." },
        { "version.", "io.k8s.apimachinery.pkg." },
        { "apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis." },
        { "apiregistration.", "io.k8s.kube-aggregator.pkg.apis." },
    };
    const char *prefix = "io.k8s.api.";
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (str_starts(type, str_from(prefixes[i][0])))
            prefix = prefixes[i][1];
    buf_str(out, str_from(prefix));
    buf_str(out, type);
}

void openapi_custom_name(struct buf *out, const struct resource *r)
{
    size_t end = r->group.n;
    for (size_t i = end; i-- > 0;) {
        if (r->group.p[i] == '.') {
            buf_put(out, r->group.p + i + 1, end - i - 1);
            buf_char(out, '.');
            end = i;
        }
    }
    buf_printf(out, "%.*s.%.*s.%.*s", (int)end, r->group.p, STR_ARG(r->version), STR_ARG(r->kind));
}

/* ---- types ---- */

struct spec {
    struct buf *out;
    bool *seen;    /* of built-in types, by index */
    size_t *queue; /* types to write */
    size_t n_queue;
    bool first; /* nothing was written in components yet */
};

static void need(struct spec *sp, const struct schema *named)
{
    size_t i = (size_t)(named - schema_builtin(0));
    if (sp->seen[i])
        return;
    sp->seen[i] = true;
    sp->queue[sp->n_queue++] = i;
}

static void write_type(struct spec *sp, const struct schema *s);

static void write_ref(struct spec *sp, const struct schema *s)
{
    need(sp, s);
    buf_str(sp->out, STR("{\"$ref\":\"#/components/schemas/"));
    openapi_name(sp->out, s->name);
    buf_str(sp->out, STR("\"}"));
}

static void write_use(struct spec *sp, const struct schema *s)
{
    if (s->name.p) {
        write_ref(sp, s);
        return;
    }
    buf_char(sp->out, '{');
    write_type(sp, s);
    buf_char(sp->out, '}');
}

static void write_strings(struct buf *out, const struct str *items, size_t n)
{
    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        json_write_str(out, items[i]);
    }
    buf_char(out, ']');
}

static void write_list(struct spec *sp, const struct schema *s)
{
    static const char *const kinds[] = { "atomic", "set", "map" };
    struct buf *out = sp->out;
    buf_str(out, STR("\"type\":\"array\",\"items\":"));
    write_use(sp, s->elem);
    buf_printf(out, ",\"x-kubernetes-list-type\":\"%s\"", kinds[s->list]);
    if (s->n_keys > 0) {
        buf_str(out, STR(",\"x-kubernetes-list-map-keys\":"));
        write_strings(out, s->keys, s->n_keys);
    }
    if (s->merge_key.n > 0)
        buf_printf(out, ",\"x-kubernetes-patch-merge-key\":\"%.*s\"", STR_ARG(s->merge_key));
    if (s->flags & SCHEMA_PATCH_MERGE)
        buf_printf(out, ",\"x-kubernetes-patch-strategy\":\"merge%s\"",
                   s->flags & SCHEMA_RETAIN_KEYS ? ",retainKeys" : "");
}

static void write_field(struct spec *sp, const struct schema_field *f)
{
    struct buf *out = sp->out;
    unsigned special =
        f->flags & (SCHEMA_FIELD_REPLACE | SCHEMA_FIELD_GRANULAR | SCHEMA_FIELD_RETAIN_KEYS);
    json_write_str(out, schema_field_name(f));
    buf_char(out, ':');
    if (!special || !f->schema->name.p) {
        write_use(sp, f->schema);
        return;
    }
    buf_str(out, STR("{\"allOf\":["));
    write_ref(sp, f->schema);
    buf_char(out, ']');
    if (special & SCHEMA_FIELD_REPLACE)
        buf_str(out, STR(",\"x-kubernetes-patch-strategy\":\"replace\""));
    if (special & SCHEMA_FIELD_RETAIN_KEYS)
        buf_str(out, STR(",\"x-kubernetes-patch-strategy\":\"retainKeys\""));
    if (special & SCHEMA_FIELD_GRANULAR)
        buf_str(out, STR(",\"x-kubernetes-map-type\":\"granular\""));
    buf_char(out, '}');
}

static void write_object(struct spec *sp, const struct schema *s)
{
    struct buf *out = sp->out;
    buf_str(out, STR("\"type\":\"object\""));
    if (s->n_fields > 0)
        buf_str(out, STR(",\"properties\":{"));
    size_t required = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        if (i > 0)
            buf_char(out, ',');
        write_field(sp, &s->fields[i]);
        required += (s->fields[i].flags & SCHEMA_FIELD_REQUIRED) != 0;
    }
    if (s->n_fields > 0)
        buf_char(out, '}');
    for (size_t i = 0, n = 0; i < s->n_fields && n < required; i++) {
        if (!(s->fields[i].flags & SCHEMA_FIELD_REQUIRED))
            continue;
        buf_str(out, n++ ? STR(",") : STR(",\"required\":["));
        json_write_str(out, schema_field_name(&s->fields[i]));
    }
    if (required > 0)
        buf_char(out, ']');
    if (s->flags & SCHEMA_ATOMIC)
        buf_str(out, STR(",\"x-kubernetes-map-type\":\"atomic\""));
}

static void write_map(struct spec *sp, const struct schema *s)
{
    buf_str(sp->out, STR("\"type\":\"object\",\"additionalProperties\":"));
    write_use(sp, s->elem);
    if (s->flags & SCHEMA_ATOMIC)
        buf_str(sp->out, STR(",\"x-kubernetes-map-type\":\"atomic\""));
}

static struct str scalar_text(const struct schema *s)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_STRING:
        return STR("\"type\":\"string\"");
    case SCHEMA_BYTES:
        return STR("\"type\":\"string\",\"format\":\"byte\"");
    case SCHEMA_INT:
        return s->flags & SCHEMA_INT32 ? STR("\"type\":\"integer\",\"format\":\"int32\"")
                                       : STR("\"type\":\"integer\",\"format\":\"int64\"");
    case SCHEMA_NUMBER:
        return STR("\"type\":\"number\",\"format\":\"double\"");
    case SCHEMA_BOOL:
        return STR("\"type\":\"boolean\"");
    case SCHEMA_QUANTITY:
        return STR("\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]");
    case SCHEMA_INT_OR_STRING:
        return STR("\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":"
                   "\"string\"}]");
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return STR("\"type\":\"string\",\"format\":\"date-time\"");
    case SCHEMA_ANY:
        return str_starts(s->name, STR("apiextensions."))
                   ? STR("\"description\":\"any JSON value\"")
                   : STR("\"type\":\"object\"");
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
        break;
    }
    return STR("\"type\":\"object\"");
}

static void write_type(struct spec *sp, const struct schema *s)
{
    if (s->type == SCHEMA_OBJECT)
        write_object(sp, s);
    else if (s->type == SCHEMA_MAP)
        write_map(sp, s);
    else if (s->type == SCHEMA_LIST)
        write_list(sp, s);
    else
        buf_str(sp->out, scalar_text(s));
    if (s->n_enums > 0) {
        buf_str(sp->out, STR(",\"enum\":"));
        write_strings(sp->out, s->enums, s->n_enums);
    }
    if (s->default_json.n > 0) {
        buf_str(sp->out, STR(",\"default\":"));
        buf_str(sp->out, s->default_json);
    }
}

/* ---- components ---- */

static void component_start(struct spec *sp)
{
    if (!sp->first)
        buf_char(sp->out, ',');
    sp->first = false;
    buf_char(sp->out, '"');
}

static void write_kinds(struct spec *sp, const struct schema *s)
{
    struct str kinds[8];
    size_t n = schema_kinds(s, kinds, COUNT_OF(kinds));
    if (n == 0)
        return;
    buf_str(sp->out, STR(",\"x-kubernetes-group-version-kind\":["));
    for (size_t i = 0; i < n && i < COUNT_OF(kinds); i++) {
        struct str rest = kinds[i], group = str_split(&rest, '/'), version = str_split(&rest, '/');
        buf_printf(sp->out, "%s{\"group\":\"%.*s\",\"kind\":\"%.*s\",\"version\":\"%.*s\"}",
                   i ? "," : "", STR_ARG(group), STR_ARG(rest), STR_ARG(version));
    }
    buf_char(sp->out, ']');
}

static void write_needed(struct spec *sp)
{
    for (size_t i = 0; i < sp->n_queue; i++) { /* the queue grows while it is written */
        const struct schema *s = schema_builtin(sp->queue[i]);
        component_start(sp);
        openapi_name(sp->out, s->name);
        buf_str(sp->out, STR("\":{"));
        write_type(sp, s);
        write_kinds(sp, s);
        buf_char(sp->out, '}');
    }
}

/* The definition's schema with the three members that every API object has. */
static void write_custom(struct spec *sp, const struct openapi_custom *c)
{
    struct buf *out = sp->out;
    component_start(sp);
    openapi_custom_name(out, c->resource);
    buf_str(out, STR("\":{"));
    for (struct json_iter it = json_iter(c->schema); json_next(&it);) {
        if (str_is(it.key, "properties"))
            continue;
        json_write_str(out, it.key);
        buf_char(out, ':');
        buf_str(out, json_text(it.value));
        buf_char(out, ',');
    }
    buf_str(out, STR("\"properties\":{\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":"
                     "\"string\"},\"metadata\":"));
    write_ref(sp, schema_find(STR("apis.meta.v1.ObjectMeta")));
    struct json properties = json_get(c->schema, STR("properties"));
    for (struct json_iter it = json_iter(properties); json_next(&it);) {
        if (str_is(it.key, "apiVersion") || str_is(it.key, "kind") || str_is(it.key, "metadata"))
            continue;
        buf_char(out, ',');
        json_write_str(out, it.key);
        buf_char(out, ':');
        buf_str(out, json_text(it.value));
    }
    const struct resource *r = c->resource;
    buf_printf(out,
               "},\"x-kubernetes-group-version-kind\":[{\"group\":\"%.*s\",\"kind\":\"%.*s\","
               "\"version\":\"%.*s\"}]}",
               STR_ARG(r->group), STR_ARG(r->kind), STR_ARG(r->version));
}

/* ---- the document ---- */

static bool in_group(const struct resource *r, struct str group, struct str version)
{
    return str_eq(r->group, group) && str_eq(r->version, version);
}

bool openapi_has_builtin(struct str group, struct str version)
{
    for (size_t i = 0; i < resource_count(); i++)
        if (in_group(resource_builtin(i), group, version))
            return true;
    return false;
}

static void need_kind(struct spec *sp, const struct resource *r)
{
    char api_version[256];
    if (r->schema)
        need(sp, r->schema);
    const struct schema *list =
        schema_find_kind(resource_api_version(api_version, sizeof api_version, r), r->list_kind);
    if (list)
        need(sp, list);
}

static void write_components(struct spec *sp,
                             struct str group,
                             struct str version,
                             const struct openapi_custom *custom,
                             size_t n_custom)
{
    need(sp, schema_find(STR("apis.meta.v1.Patch")));
    need(sp, schema_find(STR("apis.meta.v1.DeleteOptions")));
    need(sp, schema_find(STR("apis.meta.v1.Status")));
    for (size_t i = 0; i < resource_count(); i++)
        if (in_group(resource_builtin(i), group, version))
            need_kind(sp, resource_builtin(i));
    for (size_t i = 0; i < n_custom; i++)
        if (in_group(custom[i].resource, group, version) && json_type(custom[i].schema) == JSON_OBJ)
            write_custom(sp, &custom[i]);
    write_needed(sp);
}

void openapi_write(struct buf *out,
                   struct str group,
                   struct str version,
                   const struct openapi_custom *custom,
                   size_t n_custom)
{
    buf_str(out, STR("{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
                     "\"v1.36.0\"},\"paths\":{"));
    bool first = true;
    for (size_t i = 0; i < resource_count(); i++)
        if (in_group(resource_builtin(i), group, version))
            openapi_write_paths(out, resource_builtin(i), &first);
    for (size_t i = 0; i < n_custom; i++)
        if (in_group(custom[i].resource, group, version))
            openapi_write_paths(out, custom[i].resource, &first);
    buf_str(out, STR("},\"components\":{\"schemas\":{"));
    struct arena *a = arena_new();
    struct spec sp = { .out = out, .first = true };
    sp.seen = ARENA_ARRAY(a, bool, schema_count());
    sp.queue = ARENA_ARRAY(a, size_t, schema_count());
    write_components(&sp, group, version, custom, n_custom);
    arena_free(a);
    buf_str(out, STR("}}}"));
}
