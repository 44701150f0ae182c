/* SPDX-License-Identifier: Apache-2.0
 * validate_core — small kinds: Namespace, Node, ConfigMap, Secret, Lease, PriorityClass. */
#include "base/buf.h"
#include "codec/base64.h"
#include "kube/validate_internal.h"

#define DATA_MAX ((size_t)1 << 20) /* bytes of a ConfigMap or Secret */
#define DATA_MAX_WHY "may not be more than 1048576 bytes"
#define USER_PRIORITY_MAX 1000000000
#define IMMUTABLE_WHY "field is immutable when `immutable` is set"

/* ---- namespaces and nodes ---- */

void validate_namespace(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct jnode *list = jnode_path(obj, "spec.finalizers");
    struct at at = at_name(NULL, "spec"), list_at = at_name(&at, "finalizers");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str s = jnode_text_of_str(jnode_at(list, i));
        validate_rule_at(c, &list_at, jnode_at(list, i), meta_qualified_name);
        if (str_find_char(s, '/') < 0 && !str_is(s, "kubernetes"))
            validate_wrong(c, CAUSE_INVALID, &list_at, jnode_at(list, i),
                           "name is neither a standard finalizer name nor is it fully qualified");
    }
}

static void check_taints(struct causes *c, struct jnode *spec)
{
    struct jnode *taints = validate_get(spec, "taints");
    struct at at = at_name(NULL, "spec"), list_at = at_name(&at, "taints");
    AUTO(map_fini) struct map seen = { 0 };
    for (size_t i = 0; i < jnode_len(taints); i++) {
        struct jnode *t = jnode_at(taints, i);
        struct at item_at = at_index(&list_at, i), effect_at = at_name(&item_at, "effect");
        struct at key_at = at_name(&item_at, "key");
        validate_rule_at(c, &key_at, validate_get(t, "key"), meta_qualified_name);
        validate_rule(c, &item_at, t, "value", meta_label_value);
        validate_taint_effect(c, &effect_at, validate_get(t, "effect"));
        struct str pair = arena_printf(c->a, "%.*s:%.*s", STR_ARG(validate_text(t, "key")),
                                       STR_ARG(validate_text(t, "effect")));
        if (validate_seen(&seen, pair))
            validate_wrong(c, CAUSE_DUPLICATE, &item_at, t,
                           "taints must be unique by key and effect pair");
    }
}

void validate_node(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    check_taints(c, validate_get(obj, "spec"));
}

void validate_node_update(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old)
{
    (void)r;
    static const char *const fixed[] = { "podCIDR", "podCIDRs" };
    struct jnode *now = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct at at = at_name(NULL, "spec");
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        if (jnode_len(validate_get(was, fixed[i])) == 0 && validate_text(was, fixed[i]).n == 0)
            continue; /* may be set once */
        if (!jnode_eq(validate_get(now, fixed[i]), validate_get(was, fixed[i])))
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, fixed[i]), NULL,
                           "node updates may not change podCIDR except from \"\" to valid");
    }
    struct str id = validate_text(was, "providerID");
    if (id.n > 0 && !str_eq(id, validate_text(now, "providerID")))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "providerID"), NULL,
                       "node updates may not change providerID except from \"\" to valid");
}

/* ---- ConfigMaps and Secrets ---- */

static size_t check_data(struct causes *c, const char *name, struct jnode *data)
{
    size_t bytes = 0;
    struct at at = at_name(NULL, name);
    for (size_t i = 0; i < jnode_len(data); i++) {
        struct str key = jnode_key_at(data, i);
        struct at item_at = at_key(&at, key);
        struct meta_wrong w = meta_config_key(key);
        for (size_t k = 0; k < w.n; k++)
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_str(c->a, key), w.texts[k]);
        bytes += jnode_text_of_str(jnode_value_at(data, i)).n;
    }
    return bytes;
}

/* Bytes that base64 text stands for. */
static size_t decoded_bytes(size_t text_bytes)
{
    return text_bytes / 4 * 3;
}

void validate_configmap(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct jnode *data = validate_get(obj, "data"), *binary = validate_get(obj, "binaryData");
    struct at data_at = at_name(NULL, "data"), none = at_name(NULL, "");
    for (size_t i = 0; i < jnode_len(data); i++) {
        struct str key = jnode_key_at(data, i);
        struct at item_at = at_key(&data_at, key);
        if (jnode_get(binary, key))
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_str(c->a, key),
                           "duplicate of key present in binaryData");
    }
    size_t bytes = check_data(c, "data", data);
    bytes += decoded_bytes(check_data(c, "binaryData", binary));
    if (bytes > DATA_MAX)
        validate_wrong(c, CAUSE_TOO_LONG, &none, NULL, DATA_MAX_WHY);
}

void validate_immutable_data(struct causes *c,
                             const struct resource *r,
                             struct jnode *obj,
                             struct jnode *old)
{
    (void)r;
    static const char *const members[] = { "data", "binaryData" };
    if (!jnode_is_true(validate_get(old, "immutable")))
        return;
    if (!jnode_is_true(validate_get(obj, "immutable")))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(NULL, "immutable"), NULL, IMMUTABLE_WHY);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (!jnode_eq(validate_get(obj, members[i]), validate_get(old, members[i])))
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(NULL, members[i]), NULL, IMMUTABLE_WHY);
    }
}

/* Secrets of these types need these keys. */
static const struct {
    const char *type, *keys[2];
    bool any, json; /* one of the keys is enough; the value is JSON */
} secret_types[] = {
    { "kubernetes.io/dockercfg", { ".dockercfg" }, false, true },
    { "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" }, false, true },
    { "kubernetes.io/basic-auth", { "username", "password" }, true, false },
    { "kubernetes.io/ssh-auth", { "ssh-privatekey" }, false, false },
    { "kubernetes.io/tls", { "tls.crt", "tls.key" }, false, false },
};

static bool is_json(struct str base64)
{
    struct buf bytes = { 0 };
    buf_init(&bytes, DATA_MAX + 3);
    struct json_doc *doc = NULL;
    bool ok = base64_decode(&bytes, base64, BASE64_STD, NULL) == 0 &&
              json_parse(&doc, buf_view(&bytes), &json_limits_body, NULL) == 0;
    json_doc_unref(doc);
    buf_fini(&bytes);
    return ok;
}

static void check_secret_type(struct causes *c, struct jnode *data, size_t type)
{
    struct at at = at_name(NULL, "data");
    const char *const *keys = secret_types[type].keys;
    size_t present = 0;
    for (size_t k = 0; k < COUNT_OF(secret_types[type].keys) && keys[k]; k++)
        present += jnode_get(data, str_from(keys[k])) != NULL;
    if (secret_types[type].any && present > 0)
        return;
    for (size_t k = 0; k < COUNT_OF(secret_types[type].keys) && keys[k]; k++) {
        struct at key_at = at_key(&at, str_from(keys[k]));
        struct jnode *v = jnode_get(data, str_from(keys[k]));
        if (!v)
            validate_wrong(c, CAUSE_REQUIRED, &key_at, NULL, NULL);
        else if (secret_types[type].json && !is_json(jnode_text_of_str(v)))
            validate_wrong(c, CAUSE_INVALID, &key_at,
                           jnode_str(c->a, STR("<secret contents redacted>")), "invalid JSON");
    }
}

void validate_secret(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct jnode *data = validate_get(obj, "data");
    struct str type = validate_text(obj, "type");
    if (decoded_bytes(check_data(c, "data", data)) > DATA_MAX)
        validate_wrong(c, CAUSE_TOO_LONG, AT_IN(NULL, "data"), NULL, DATA_MAX_WHY);
    for (size_t i = 0; i < COUNT_OF(secret_types); i++) {
        if (str_is(type, secret_types[i].type))
            check_secret_type(c, data, i);
    }
    struct str account = STR("kubernetes.io/service-account.name");
    struct at meta_at = at_name(NULL, "metadata"), map_at = at_name(&meta_at, "annotations");
    struct at account_at = at_key(&map_at, account);
    if (str_is(type, "kubernetes.io/service-account-token") &&
        jnode_text_of_str(jnode_get(jnode_path(obj, "metadata.annotations"), account)).n == 0)
        validate_wrong(c, CAUSE_REQUIRED, &account_at, NULL, NULL);
}

void validate_secret_update(struct causes *c,
                            const struct resource *r,
                            struct jnode *obj,
                            struct jnode *old)
{
    validate_immutable(c, NULL, obj, old, "type");
    validate_immutable_data(c, r, obj, old);
}

/* ---- leases and priorities ---- */

void validate_lease(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const struct validate_bound bounds[] = {
        { "leaseDurationSeconds", 1, INT64_MAX, "must be greater than 0" },
        VALIDATE_NOT_NEGATIVE_ROW("leaseTransitions"),
    };
    (void)r;
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = at_name(NULL, "spec");
    validate_bounds(c, &at, spec, bounds, COUNT_OF(bounds));
    validate_rule(c, &at, spec, "strategy", meta_qualified_name);
    if (validate_text(spec, "preferredHolder").n > 0 && validate_text(spec, "strategy").n == 0)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "preferredHolder"), NULL,
                       "may only be specified when `strategy` is defined");
}

void validate_priority_class(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const char *const policies[] = { "Never", "PreemptLowerPriority", NULL };
    (void)r;
    struct str name = jnode_text_of_str(jnode_path(obj, "metadata.name"));
    struct at meta_at = at_name(NULL, "metadata");
    bool known = (str_is(name, "system-cluster-critical") &&
                  validate_i64(obj, "value", 0) == 2 * (int64_t)USER_PRIORITY_MAX) ||
                 (str_is(name, "system-node-critical") &&
                  validate_i64(obj, "value", 0) == 2 * (int64_t)USER_PRIORITY_MAX + 1000);
    if (str_starts(name, STR("system-")) && !known) {
        struct str why = arena_printf(c->a,
                                      "priority class names with 'system-' prefix are reserved for "
                                      "system use only. error: %.*s is not a known system priority "
                                      "class",
                                      STR_ARG(name));
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&meta_at, "name"), NULL, why.p);
    } else if (!known && validate_i64(obj, "value", 0) > USER_PRIORITY_MAX) {
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(NULL, "value"), NULL,
                       "maximum allowed value of a user defined priority is 1000000000");
    }
    validate_enum(c, NULL, obj, "preemptionPolicy", policies);
}

void validate_priority_class_update(struct causes *c,
                                    const struct resource *r,
                                    struct jnode *obj,
                                    struct jnode *old)
{
    (void)r;
    if (validate_i64(obj, "value", 0) != validate_i64(old, "value", 0))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(NULL, "value"), NULL,
                       "may not be changed in an update.");
    validate_immutable(c, NULL, obj, old, "preemptionPolicy");
}
