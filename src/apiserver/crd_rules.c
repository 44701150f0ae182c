/* SPDX-License-Identifier: Apache-2.0
 * crd_rules — see crd_rules.h. */
#include "apiserver/crd_rules.h"

#include "base/arena.h"
#include "kube/meta.h"
#include "kube/structural.h"

static struct str text(struct jnode *obj, const char *key)
{
    return jnode_text_of_str(jnode_get(obj, str_from(key)));
}

static struct str path(struct causes *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static struct str path(struct causes *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    return s;
}

/* What is wrong first, or NULL. */
static const char *first(struct meta_wrong wrong)
{
    return wrong.n > 0 ? wrong.texts[0] : NULL;
}

static void need_label(struct causes *c, struct str value, const char *field)
{
    if (value.n == 0) {
        cause_add(c, CAUSE_REQUIRED, str_from(field), NULL, NULL);
        return;
    }
    const char *wrong = first(meta_dns_label_1035(value));
    if (wrong)
        cause_add(c, CAUSE_INVALID, str_from(field), jnode_str(c->a, value), "%s", wrong);
}

/* Kinds may have mixed case, but are labels otherwise. */
static void need_kind(struct causes *c, struct str value, const char *field)
{
    if (value.n == 0) {
        cause_add(c, CAUSE_REQUIRED, str_from(field), NULL, NULL);
        return;
    }
    char *lower = arena_alloc(c->a, value.n + 1);
    for (size_t i = 0; i < value.n; i++)
        lower[i] = value.p[i] >= 'A' && value.p[i] <= 'Z' ? (char)(value.p[i] + 32) : value.p[i];
    const char *wrong = first(meta_dns_label_1035(str_make(lower, value.n)));
    if (wrong)
        cause_add(c, CAUSE_INVALID, str_from(field), jnode_str(c->a, value),
                  "may have mixed case, but should otherwise match: %s", wrong);
}

static void check_names(struct jnode *spec, struct causes *c)
{
    struct jnode *names = jnode_get(spec, STR("names"));
    need_label(c, text(names, "plural"), "spec.names.plural");
    need_label(c, text(names, "singular"), "spec.names.singular");
    need_kind(c, text(names, "kind"), "spec.names.kind");
    need_kind(c, text(names, "listKind"), "spec.names.listKind");
    if (text(names, "kind").n > 0 && str_eq(text(names, "kind"), text(names, "listKind")))
        cause_add(c, CAUSE_INVALID, STR("spec.names.listKind"), jnode_get(names, STR("listKind")),
                  "kind and listKind may not be the same");
    struct jnode *shorts = jnode_get(names, STR("shortNames"));
    for (size_t i = 0; i < jnode_len(shorts); i++) {
        const char *wrong = first(meta_dns_label_1035(jnode_text_of_str(jnode_at(shorts, i))));
        if (wrong)
            cause_add(c, CAUSE_INVALID, path(c, "spec.names.shortNames[%zu]", i),
                      jnode_at(shorts, i), "%s", wrong);
    }
}

static void check_group(struct jnode *spec, struct causes *c)
{
    struct str group = text(spec, "group");
    if (group.n == 0) {
        cause_add(c, CAUSE_REQUIRED, STR("spec.group"), NULL, NULL);
        return;
    }
    const char *wrong = first(meta_dns_subdomain(group));
    if (wrong)
        cause_add(c, CAUSE_INVALID, STR("spec.group"), jnode_str(c->a, group), "%s", wrong);
    else if (str_find_char(group, '.') < 0)
        cause_add(c, CAUSE_INVALID, STR("spec.group"), jnode_str(c->a, group),
                  "should be a domain with at least one dot");
}

static void check_scope(struct jnode *spec, struct causes *c)
{
    struct str scope = text(spec, "scope");
    if (scope.n == 0)
        cause_add(c, CAUSE_REQUIRED, STR("spec.scope"), NULL, NULL);
    else if (!str_is(scope, "Cluster") && !str_is(scope, "Namespaced"))
        cause_add(c, CAUSE_NOT_SUPPORTED, STR("spec.scope"), jnode_str(c->a, scope),
                  "supported values: \"Cluster\", \"Namespaced\"");
}

/* ---- versions ---- */

static bool is_simple_path(struct str s)
{
    return s.n > 0 && s.p[0] == '.';
}

static void check_columns(struct jnode *v, struct str at, struct causes *c)
{
    static const char *const types[] = { "boolean", "date", "integer", "number", "string" };
    struct jnode *columns = jnode_get(v, STR("additionalPrinterColumns"));
    for (size_t i = 0; i < jnode_len(columns); i++) {
        struct jnode *col = jnode_at(columns, i);
        struct str here = path(c, "%.*sadditionalPrinterColumns[%zu]", STR_ARG(at), i);
        struct str type = text(col, "type");
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(types); k++)
            known |= str_is(type, types[k]);
        if (text(col, "name").n == 0)
            cause_add(c, CAUSE_REQUIRED, path(c, "%.*s.name", STR_ARG(here)), NULL, NULL);
        if (type.n == 0)
            cause_add(c, CAUSE_REQUIRED, path(c, "%.*s.type", STR_ARG(here)), NULL,
                      "must be one of boolean,date,integer,number,string");
        else if (!known)
            cause_add(c, CAUSE_INVALID, path(c, "%.*s.type", STR_ARG(here)), jnode_str(c->a, type),
                      "must be one of boolean,date,integer,number,string");
        struct str json_path = text(col, "jsonPath");
        if (json_path.n == 0)
            cause_add(c, CAUSE_REQUIRED, path(c, "%.*s.JSONPath", STR_ARG(here)), NULL, NULL);
        else if (!is_simple_path(json_path))
            cause_add(c, CAUSE_INVALID, path(c, "%.*s.JSONPath", STR_ARG(here)),
                      jnode_str(c->a, json_path), "must be a simple json path starting with .");
    }
}

static void check_scale_path(struct jnode *scale, const char *key, struct str at, struct causes *c)
{
    struct str value = text(scale, key);
    struct str field = path(c, "%.*ssubresources.scale.%s", STR_ARG(at), key);
    if (value.n == 0)
        cause_add(c, CAUSE_REQUIRED, field, NULL, NULL);
    else if (!is_simple_path(value))
        cause_add(c, CAUSE_INVALID, field, jnode_str(c->a, value),
                  "must be a simple json path starting with .");
}

static void check_version(struct jnode *v, struct str at, struct str schema_at, struct causes *c)
{
    struct jnode *schema = jnode_path(v, "schema.openAPIV3Schema");
    if (!schema) {
        cause_add(c, CAUSE_REQUIRED, path(c, "%.*sschema.openAPIV3Schema", STR_ARG(at)), NULL,
                  "schemas are required");
    } else {
        struct json_doc *doc = NULL;
        if (jnode_freeze(&doc, schema, NULL) == 0)
            structural_check(c, schema_at, json_root(doc));
        json_doc_unref(doc);
    }
    check_columns(v, at, c);
    struct jnode *scale = jnode_path(v, "subresources.scale");
    if (scale) {
        check_scale_path(scale, "specReplicasPath", at, c);
        check_scale_path(scale, "statusReplicasPath", at, c);
    }
}

static void check_version_name(struct jnode *v, size_t i, bool alone, struct causes *c)
{
    struct str name = text(v, "name");
    const char *wrong = first(meta_dns_label_1035(name));
    if (!wrong)
        return;
    cause_add(c, CAUSE_INVALID, path(c, "spec.versions[%zu].name", i), jnode_str(c->a, name), "%s",
              wrong);
    if (alone)
        cause_add(c, CAUSE_INVALID, STR("spec.version"), jnode_str(c->a, name), "%s", wrong);
}

static void check_versions(struct jnode *obj, struct causes *c)
{
    struct jnode *versions = jnode_path(obj, "spec.versions");
    size_t n = jnode_len(versions), storage = 0;
    for (size_t i = 0; i < n; i++) {
        struct jnode *v = jnode_at(versions, i);
        storage += jnode_is_true(jnode_get(v, STR("storage")));
        check_version_name(v, i, n == 1, c);
        if (n == 1)
            check_version(v, STR("spec."), STR("spec.validation.openAPIV3Schema"), c);
        else
            check_version(v, path(c, "spec.versions[%zu].", i),
                          path(c, "spec.versions[%zu].schema.openAPIV3Schema", i), c);
    }
    if (storage != 1)
        cause_add(c, CAUSE_INVALID, STR("spec.versions"), versions ? versions : jnode_null(c->a),
                  "must have exactly one version marked as storage version");
    if (jnode_len(jnode_path(obj, "status.storedVersions")) == 0)
        cause_add(c, CAUSE_INVALID, STR("status.storedVersions"), jnode_null(c->a),
                  "must have at least one stored version");
}

static void check_conversion(struct jnode *spec, struct causes *c)
{
    struct jnode *conversion = jnode_get(spec, STR("conversion"));
    struct str strategy = text(conversion, "strategy");
    if (str_is(strategy, "Webhook")) {
        if (!jnode_path(conversion, "webhook.clientConfig"))
            cause_add(c, CAUSE_REQUIRED, STR("spec.conversion.webhookClientConfig"), NULL,
                      "required when strategy is set to Webhook");
        if (jnode_len(jnode_path(conversion, "webhook.conversionReviewVersions")) == 0)
            cause_add(c, CAUSE_REQUIRED, STR("spec.conversion.conversionReviewVersions"), NULL,
                      NULL);
    } else if (!str_is(strategy, "None")) {
        cause_add(c, CAUSE_NOT_SUPPORTED, STR("spec.conversion.strategy"),
                  jnode_str(c->a, strategy), "supported values: \"None\", \"Webhook\"");
    }
}

void crd_rules_create(struct jnode *obj, struct causes *c)
{
    struct jnode *spec = jnode_get(obj, STR("spec"));
    struct str name = jnode_text_of_str(jnode_path(obj, "metadata.name"));
    struct str want = path(c, "%.*s.%.*s", STR_ARG(text(jnode_get(spec, STR("names")), "plural")),
                           STR_ARG(text(spec, "group")));
    if (!str_eq(name, want))
        cause_add(c, CAUSE_INVALID, STR("metadata.name"), jnode_str(c->a, name),
                  "must be spec.names.plural+\".\"+spec.group");
    check_group(spec, c);
    check_scope(spec, c);
    check_versions(obj, c);
    check_conversion(spec, c);
    check_names(spec, c);
}

static void keep(struct jnode *obj, struct jnode *old, const char *where, struct causes *c)
{
    struct jnode *now = jnode_path(obj, where);
    if (!jnode_eq(now, jnode_path(old, where)))
        cause_add(c, CAUSE_INVALID, str_from(where), now ? now : jnode_null(c->a),
                  "field is immutable");
}

/* A version that objects are stored in cannot go. */
static void keep_stored(struct jnode *obj, struct causes *c)
{
    struct jnode *stored = jnode_path(obj, "status.storedVersions");
    struct jnode *versions = jnode_path(obj, "spec.versions");
    for (size_t i = 0; i < jnode_len(stored); i++) {
        struct str name = jnode_text_of_str(jnode_at(stored, i));
        bool there = false;
        for (size_t k = 0; k < jnode_len(versions); k++)
            there |= str_eq(text(jnode_at(versions, k), "name"), name);
        if (!there)
            cause_add(c, CAUSE_INVALID, path(c, "status.storedVersions[%zu]", i),
                      jnode_at(stored, i),
                      "missing from spec.versions; %.*s was previously a "
                      "storage version, and must remain in spec.versions",
                      STR_ARG(name));
    }
}

void crd_rules_update(struct jnode *obj, struct jnode *old, struct causes *c)
{
    static const char *const fixed[] = { "spec.group", "spec.scope", "spec.names.kind",
                                         "spec.names.plural" };
    size_t before = c->list.n;
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        keep(obj, old, fixed[i], c);
    if (c->list.n > before)
        return; /* what else is wrong follows from it */
    crd_rules_create(obj, c);
    keep_stored(obj, c);
}
