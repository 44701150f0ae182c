/* SPDX-License-Identifier: Apache-2.0
 * validate_device — ResourceClaims, their templates, DeviceClasses and ResourceSlices: the rules
 * that decide whether the scheduler can act on them; and how pods name claims. Selectors are
 * compiled. */
#include "kube/device.h"
#include "kube/validate_internal.h"

#define REQUESTS_MAX 32
#define DEVICES_MAX 128

static void check_selectors(struct causes *c, const struct at *up, struct jnode *owner)
{
    struct jnode *list = validate_get(owner, "selectors");
    struct at list_at = at_name(up, "selectors");
    if (jnode_len(list) > REQUESTS_MAX)
        validate_wrong(c, CAUSE_TOO_MANY, &list_at, NULL, "must have at most 32 items");
    for (size_t i = 0; i < jnode_len(list) && i < REQUESTS_MAX; i++) {
        AUTO(cel_freep) struct cel *p = NULL;
        struct err err;
        struct jnode *cel = validate_get(jnode_at(list, i), "cel");
        struct at item_at = at_index(&list_at, i), cel_at = at_name(&item_at, "cel");
        struct at at = at_name(&cel_at, "expression");
        struct str text = validate_text(cel, "expression");
        if (!cel)
            validate_wrong(c, CAUSE_REQUIRED, &cel_at, NULL, NULL);
        else if (text.n > DEVICE_EXPRESSION_MAX)
            validate_wrong(c, CAUSE_TOO_LONG, &at, NULL, "may not be more than 10240 bytes");
        else if (cel_compile(&p, text, &device_cel_env, &err))
            validate_wrong(c, CAUSE_INVALID, &at, validate_get(cel, "expression"),
                           arena_printf(c->a, "compilation failed: %s", err.msg).p);
    }
}

void validate_device_class(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct at at = at_name(NULL, "spec");
    check_selectors(c, &at, validate_get(obj, "spec"));
}

/* ---- claims ---- */

static void check_ask(struct causes *c, const struct at *at, struct jnode *ask)
{
    struct str mode = validate_text(ask, "allocationMode");
    struct jnode *count = validate_get(ask, "count");
    validate_required_rule(c, at, ask, "deviceClassName", meta_dns_subdomain);
    check_selectors(c, at, ask);
    if (str_is(mode, "All") && count && validate_i64(ask, "count", 0) != 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "count"), count,
                       "must not be specified when allocationMode is 'All'");
    else if (str_is(mode, "ExactCount") && validate_i64(ask, "count", 0) <= 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "count"), count, "must be greater than zero");
}

static void check_alternatives(struct causes *c, const struct at *at, struct jnode *list)
{
    AUTO(map_fini) struct map names = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *ask = jnode_at(list, i);
        struct at item_at = at_index(at, i);
        validate_required_rule(c, &item_at, ask, "name", meta_dns_label);
        if (validate_seen(&names, validate_text(ask, "name")))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "name"), validate_get(ask, "name"),
                           NULL);
        check_ask(c, &item_at, ask);
    }
}

static void check_request(struct causes *c, const struct at *at, struct jnode *request)
{
    struct jnode *exactly = validate_get(request, "exactly");
    struct jnode *first = validate_get(request, "firstAvailable");
    validate_required_rule(c, at, request, "name", meta_dns_label);
    if ((exactly != NULL) == (jnode_len(first) > 0)) {
        validate_wrong(c, exactly ? CAUSE_INVALID : CAUSE_REQUIRED, at, exactly ? request : NULL,
                       "exactly one of `exactly` or `firstAvailable` is required");
        return;
    }
    struct at exact_at = at_name(at, "exactly"), first_at = at_name(at, "firstAvailable");
    if (exactly)
        check_ask(c, &exact_at, exactly);
    else
        check_alternatives(c, &first_at, first);
}

static void check_constraint(struct causes *c, const struct at *at, struct jnode *constraint)
{
    bool same = validate_text(constraint, "matchAttribute").n > 0;
    bool other = validate_text(constraint, "distinctAttribute").n > 0;
    if (same == other)
        validate_wrong(c, CAUSE_REQUIRED, at, NULL,
                       "exactly one of `matchAttribute` or `distinctAttribute` is required");
}

static void check_claim_spec(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *devices = validate_get(spec, "devices");
    struct jnode *requests = validate_get(devices, "requests");
    struct jnode *constraints = validate_get(devices, "constraints");
    struct at at = at_name(up, "devices"), list_at = at_name(&at, "requests");
    struct at constraints_at = at_name(&at, "constraints");
    AUTO(map_fini) struct map names = { 0 };
    if (jnode_len(requests) > REQUESTS_MAX)
        validate_wrong(c, CAUSE_TOO_MANY, &list_at, NULL, "must have at most 32 items");
    for (size_t i = 0; i < jnode_len(requests) && i < REQUESTS_MAX; i++) {
        struct jnode *request = jnode_at(requests, i);
        struct at item_at = at_index(&list_at, i);
        check_request(c, &item_at, request);
        if (validate_seen(&names, validate_text(request, "name")))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "name"),
                           validate_get(request, "name"), NULL);
    }
    for (size_t i = 0; i < jnode_len(constraints) && i < REQUESTS_MAX; i++) {
        struct at item_at = at_index(&constraints_at, i);
        check_constraint(c, &item_at, jnode_at(constraints, i));
    }
}

void validate_resource_claim(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct at at = at_name(NULL, "spec");
    check_claim_spec(c, &at, validate_get(obj, "spec"));
}

void validate_resource_claim_template(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct at at = at_name(NULL, "spec"), inner = at_name(&at, "spec");
    check_claim_spec(c, &inner, jnode_path(obj, "spec.spec"));
}

void validate_spec_update(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old)
{
    (void)r;
    validate_immutable(c, NULL, obj, old, "spec");
}

/* ---- slices ---- */

static void check_reach(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const char *const ways[] = { "nodeName", "nodeSelector", "allNodes",
                                        "perDeviceNodeSelection" };
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        n += validate_get(spec, ways[i]) != NULL;
    if (n == 0)
        validate_wrong(c, CAUSE_REQUIRED, at, NULL,
                       "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
                       "`perDeviceNodeSelection` is required");
    else if (n > 1)
        validate_wrong(c, CAUSE_INVALID, at, spec,
                       "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
                       "`perDeviceNodeSelection` is required, but multiple fields are set");
}

void validate_resource_slice(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct jnode *spec = validate_get(obj, "spec"), *pool = validate_get(spec, "pool");
    struct jnode *devices = validate_get(spec, "devices");
    struct at at = at_name(NULL, "spec"), pool_at = at_name(&at, "pool");
    struct at list_at = at_name(&at, "devices");
    AUTO(map_fini) struct map names = { 0 };
    validate_required_rule(c, &at, spec, "driver", meta_dns_subdomain);
    validate_required(c, &pool_at, pool, "name");
    if (validate_i64(pool, "resourceSliceCount", 0) <= 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(&pool_at, "resourceSliceCount"),
                       validate_get(pool, "resourceSliceCount"), "must be greater than zero");
    check_reach(c, &at, spec);
    if (jnode_len(devices) > DEVICES_MAX)
        validate_wrong(c, CAUSE_TOO_MANY, &list_at, NULL, "must have at most 128 items");
    for (size_t i = 0; i < jnode_len(devices) && i < DEVICES_MAX; i++) {
        struct jnode *device = jnode_at(devices, i);
        struct at item_at = at_index(&list_at, i);
        validate_required_rule(c, &item_at, device, "name", meta_dns_label);
        if (validate_seen(&names, validate_text(device, "name")))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "name"),
                           validate_get(device, "name"), NULL);
    }
}

void validate_resource_slice_update(struct causes *c,
                                    const struct resource *r,
                                    struct jnode *obj,
                                    struct jnode *old)
{
    (void)r;
    static const char *const fixed[] = { "driver", "nodeName" };
    struct at at = at_name(NULL, "spec");
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        validate_immutable(c, &at, validate_get(obj, "spec"), validate_get(old, "spec"), fixed[i]);
}

/* ---- claims of pods ---- */

static void check_pod_claim(struct causes *c, const struct at *at, struct jnode *claim)
{
    bool named = validate_get(claim, "resourceClaimName");
    bool made = validate_get(claim, "resourceClaimTemplateName");
    validate_required_rule(c, at, claim, "name", meta_dns_label);
    if (named && made)
        validate_wrong(c, CAUSE_INVALID, at, claim,
                       "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be "
                       "specified");
    if (!named && !made)
        validate_wrong(c, CAUSE_INVALID, at, claim,
                       "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
}

/* "must be one of the names in pod.spec.resourceClaims: a, b" */
static struct str which_names(struct arena *a, struct jnode *claims)
{
    struct str text = STR("must be one of the names in pod.spec.resourceClaims");
    if (jnode_len(claims) == 0)
        return arena_printf(a, "%.*s which is empty", STR_ARG(text));
    for (size_t i = 0; i < jnode_len(claims) && i < REQUESTS_MAX; i++)
        text = arena_printf(a, "%.*s%s %.*s", STR_ARG(text), i ? "," : ":",
                            STR_ARG(validate_text(jnode_at(claims, i), "name")));
    return text;
}

static void check_uses(struct causes *c,
                       const struct at *up,
                       struct jnode *containers,
                       struct map *names,
                       struct str why)
{
    for (size_t i = 0; i < jnode_len(containers); i++) {
        struct at item_at = at_index(up, i), resources_at = at_name(&item_at, "resources");
        struct at list_at = at_name(&resources_at, "claims");
        struct jnode *uses =
            validate_get(validate_get(jnode_at(containers, i), "resources"), "claims");
        for (size_t u = 0; u < jnode_len(uses); u++) {
            struct jnode *use = jnode_at(uses, u);
            struct at at = at_index(&list_at, u);
            if (validate_required(c, &at, use, "name") &&
                !map_get(names, validate_text(use, "name")))
                validate_wrong(c, CAUSE_NOT_FOUND, AT_IN(&at, "name"), validate_get(use, "name"),
                               why.p);
        }
    }
}

void validate_pod_claims(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct jnode *claims = validate_get(spec, "resourceClaims");
    struct at list_at = at_name(at, "resourceClaims");
    AUTO(map_fini) struct map names = { 0 };
    for (size_t i = 0; i < jnode_len(claims); i++) {
        struct at item_at = at_index(&list_at, i);
        check_pod_claim(c, &item_at, jnode_at(claims, i));
        if (validate_seen(&names, validate_text(jnode_at(claims, i), "name")))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "name"),
                           validate_get(jnode_at(claims, i), "name"), NULL);
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct at at_list = at_name(at, lists[i]);
        check_uses(c, &at_list, validate_get(spec, lists[i]), &names, which_names(c->a, claims));
    }
}
