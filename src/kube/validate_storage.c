/* SPDX-License-Identifier: Apache-2.0
 * validate_storage — PersistentVolumeClaims and StorageClasses: what the scheduler compares must
 * make sense. */
#include "kube/validate_internal.h"

static void check_modes(struct causes *c, const struct at *up, struct jnode *spec)
{
    static const char *const modes[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany",
                                         "ReadWriteOncePod", NULL };
    struct jnode *list = validate_get(spec, "accessModes");
    struct at at = at_name(up, "accessModes");
    bool alone = false;
    if (jnode_len(list) == 0)
        validate_wrong(c, CAUSE_REQUIRED, &at, NULL, "at least 1 access mode is required");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str mode = jnode_text_of_str(jnode_at(list, i));
        bool known = false;
        for (size_t m = 0; modes[m]; m++)
            known = known || str_is(mode, modes[m]);
        alone = alone || str_is(mode, "ReadWriteOncePod");
        if (!known)
            validate_not_supported(c, &at, jnode_at(list, i), modes);
    }
    if (alone && jnode_len(list) > 1)
        validate_wrong(c, CAUSE_FORBIDDEN, &at, NULL,
                       "may not use ReadWriteOncePod with other access modes");
}

/* A claim's size: there, and above zero. */
static void check_size(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *resources = validate_get(spec, "resources");
    struct jnode *size = jnode_get(validate_get(resources, "requests"), STR("storage"));
    struct at resources_at = at_name(up, "resources"), at = at_key(&resources_at, STR("storage"));
    if (!size)
        validate_wrong(c, CAUSE_REQUIRED, &at, NULL, NULL);
    else if (validate_quantity_cmp(size, jnode_i64(c->a, 0)) <= 0)
        validate_wrong(c, CAUSE_INVALID, &at, size, "must be greater than zero");
}

void validate_volume_claim(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    static const char *const modes[] = { "Block", "Filesystem", NULL };
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = at_name(NULL, "spec");
    check_modes(c, &at, spec);
    check_size(c, &at, spec);
    validate_rule(c, &at, spec, "storageClassName", meta_dns_subdomain);
    validate_enum(c, &at, spec, "volumeMode", modes);
}

void validate_storage_class(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    static const char *const modes[] = { "Immediate", "WaitForFirstConsumer", NULL };
    static const char *const policies[] = { "Delete", "Retain", NULL };
    validate_required(c, NULL, obj, "provisioner");
    validate_enum(c, NULL, obj, "reclaimPolicy", policies);
    validate_enum(c, NULL, obj, "volumeBindingMode", modes);
}
