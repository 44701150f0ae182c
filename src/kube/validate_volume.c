/* SPDX-License-Identifier: Apache-2.0
 * validate_volume — the volumes of a pod: one source each, and what the sources need. */
#include "kube/validate_internal.h"

#define MODE_MAX 0777
#define MODE_WHY "must be a number between 0 and 0777 (octal), both inclusive"

static bool goes_up(struct str path)
{
    for (struct str rest = path; rest.p;) {
        if (str_is(str_split(&rest, '/'), ".."))
            return true;
    }
    return false;
}

/* A path below the volume: relative, without "..". */
static void check_below(struct causes *c, const struct at *at, struct jnode *item)
{
    struct str path = validate_text(item, "path");
    if (!validate_required(c, at, item, "path"))
        return;
    if (path.p[0] == '/')
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "path"), validate_get(item, "path"),
                       "must be a relative path");
    if (goes_up(path))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "path"), validate_get(item, "path"),
                       "must not contain '..'");
}

static void check_mode(struct causes *c, const struct at *at, struct jnode *obj)
{
    static const struct validate_bound bounds[] = {
        { "defaultMode", 0, MODE_MAX, MODE_WHY },
        { "mode", 0, MODE_MAX, MODE_WHY },
    };
    validate_bounds(c, at, obj, bounds, COUNT_OF(bounds));
}

static void check_items(struct causes *c, const struct at *at, struct jnode *source)
{
    struct jnode *items = validate_get(source, "items");
    struct at list_at = at_name(at, "items");
    for (size_t i = 0; i < jnode_len(items); i++) {
        struct at item_at = at_index(&list_at, i);
        validate_required(c, &item_at, jnode_at(items, i), "key");
        check_below(c, &item_at, jnode_at(items, i));
        check_mode(c, &item_at, jnode_at(items, i));
    }
    check_mode(c, at, source);
}

/* ---- sources ---- */

static void check_empty_dir(struct causes *c, const struct at *at, struct jnode *source)
{
    struct at limit_at = at_name(at, "sizeLimit");
    validate_quantity(c, &limit_at, validate_get(source, "sizeLimit"), false);
}

static void check_host_path(struct causes *c, const struct at *at, struct jnode *source)
{
    static const char *const types[] = { "BlockDevice", "CharDevice",
                                         "Directory",   "DirectoryOrCreate",
                                         "File",        "FileOrCreate",
                                         "Socket",      NULL };
    if (validate_required(c, at, source, "path") && goes_up(validate_text(source, "path")))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "path"), validate_get(source, "path"),
                       "must not contain '..'");
    validate_enum(c, at, source, "type", types);
}

static void check_secret(struct causes *c, const struct at *at, struct jnode *source)
{
    validate_required(c, at, source, "secretName");
    check_items(c, at, source);
}

static void check_config_map(struct causes *c, const struct at *at, struct jnode *source)
{
    validate_required(c, at, source, "name");
    check_items(c, at, source);
}

static void check_claim(struct causes *c, const struct at *at, struct jnode *source)
{
    validate_required(c, at, source, "claimName");
}

static void check_nfs(struct causes *c, const struct at *at, struct jnode *source)
{
    validate_required(c, at, source, "server");
    if (validate_required(c, at, source, "path") && validate_text(source, "path").p[0] != '/')
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "path"), validate_get(source, "path"),
                       "must be an absolute path");
}

static void check_downward_api(struct causes *c, const struct at *at, struct jnode *source)
{
    struct jnode *items = validate_get(source, "items");
    struct at list_at = at_name(at, "items");
    for (size_t i = 0; i < jnode_len(items); i++) {
        struct jnode *item = jnode_at(items, i);
        struct at item_at = at_index(&list_at, i);
        struct jnode *field = validate_get(item, "fieldRef");
        struct jnode *resource = validate_get(item, "resourceFieldRef");
        struct at ref_at = at_name(&item_at, field ? "fieldRef" : "resourceFieldRef");
        check_below(c, &item_at, item);
        if (field && resource)
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_str(c->a, STR("resource")),
                           "fieldRef and resourceFieldRef can not be specified simultaneously");
        else if (field)
            validate_field_ref(c, &ref_at, field, true);
        else if (resource)
            validate_resource_field_ref(c, &ref_at, resource, true);
        else
            validate_wrong(c, CAUSE_REQUIRED, AT_IN(&item_at, "fieldRef"), NULL,
                           "one of fieldRef and resourceFieldRef is required");
        check_mode(c, &item_at, item);
    }
    check_mode(c, at, source);
}

static void check_projected(struct causes *c, const struct at *at, struct jnode *source)
{
    struct jnode *list = validate_get(source, "sources");
    struct at list_at = at_name(at, "sources");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *item = jnode_at(list, i);
        struct at item_at = at_index(&list_at, i);
        struct at map_at = at_name(&item_at, "configMap"), secret_at = at_name(&item_at, "secret");
        struct at api_at = at_name(&item_at, "downwardAPI");
        struct at token_at = at_name(&item_at, "serviceAccountToken");
        if (jnode_len(item) > 1)
            validate_wrong(c, CAUSE_FORBIDDEN, &item_at, NULL,
                           "may not specify more than 1 volume type");
        if (validate_get(item, "configMap"))
            check_config_map(c, &map_at, validate_get(item, "configMap"));
        if (validate_get(item, "secret"))
            check_config_map(c, &secret_at, validate_get(item, "secret")); /* by name, too */
        if (validate_get(item, "downwardAPI"))
            check_downward_api(c, &api_at, validate_get(item, "downwardAPI"));
        if (validate_get(item, "serviceAccountToken"))
            check_below(c, &token_at, validate_get(item, "serviceAccountToken"));
    }
    check_mode(c, at, source);
}

/* In the order in which Kubernetes looks at them: the second one found is the one too many. */
static const struct {
    const char *name;
    void (*check)(struct causes *c, const struct at *at, struct jnode *source);
} sources[] = {
    { "emptyDir", check_empty_dir },
    { "hostPath", check_host_path },
    { "gitRepo", NULL },
    { "gcePersistentDisk", NULL },
    { "awsElasticBlockStore", NULL },
    { "secret", check_secret },
    { "nfs", check_nfs },
    { "iscsi", NULL },
    { "glusterfs", NULL },
    { "persistentVolumeClaim", check_claim },
    { "rbd", NULL },
    { "cinder", NULL },
    { "cephfs", NULL },
    { "flocker", NULL },
    { "downwardAPI", check_downward_api },
    { "fc", NULL },
    { "azureFile", NULL },
    { "configMap", check_config_map },
    { "vsphereVolume", NULL },
    { "quobyte", NULL },
    { "azureDisk", NULL },
    { "storageos", NULL },
    { "portworxVolume", NULL },
    { "scaleIO", NULL },
    { "projected", check_projected },
    { "csi", NULL },
    { "ephemeral", NULL },
    { "image", NULL },
};

static void check_source(struct causes *c, const struct at *at, struct jnode *volume)
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct jnode *source = validate_get(volume, sources[i].name);
        struct at source_at = at_name(at, sources[i].name);
        if (!source)
            continue;
        if (n++ > 0)
            validate_wrong(c, CAUSE_FORBIDDEN, &source_at, NULL,
                           "may not specify more than 1 volume type");
        else if (sources[i].check)
            sources[i].check(c, &source_at, source);
    }
    if (n == 0)
        validate_wrong(c, CAUSE_REQUIRED, at, NULL, "must specify a volume type");
}

void validate_volumes(struct causes *c, const struct at *at, struct jnode *volumes)
{
    AUTO(map_fini) struct map names = { 0 };
    for (size_t i = 0; i < jnode_len(volumes); i++) {
        struct jnode *volume = jnode_at(volumes, i);
        struct at item_at = at_index(at, i);
        struct str name = validate_text(volume, "name");
        check_source(c, &item_at, volume);
        if (!validate_required(c, &item_at, volume, "name"))
            continue;
        if (meta_dns_label(name).n > 0)
            validate_rule(c, &item_at, volume, "name", meta_dns_label);
        else if (validate_seen(&names, name))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "name"),
                           validate_get(volume, "name"), NULL);
    }
}
