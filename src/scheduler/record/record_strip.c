/* SPDX-License-Identifier: Apache-2.0
 * record_strip — objects as they are recorded. Containers keep only what a list here names, so that
 * a field that is new tomorrow stays out until somebody adds it. */
#include "codec/yaml.h"
#include "kube/names.h"
#include "scheduler/record/record.h"

struct words {
    const char *const *items;
    size_t n;
};
#define WORDS(list) ((struct words){ list, COUNT_OF(list) }) /* a macro: it counts an array */

/* A new object with the named members of v only; absent stays absent (NULL). */
static struct jnode *only(struct arena *a, struct json v, struct words keep)
{
    if (json_type(v) != JSON_OBJ)
        return jnode_thaw(a, v);
    struct jnode *out = jnode_obj(a);
    for (size_t i = 0; i < keep.n; i++) {
        struct str key = str_from(keep.items[i]);
        struct json member = json_get(v, key);
        if (json_exists(member))
            jnode_set(out, key, jnode_thaw(a, member));
    }
    return out;
}

static struct jnode *each_only(struct arena *a, struct json list, struct words keep)
{
    if (json_type(list) != JSON_ARR)
        return jnode_thaw(a, list);
    struct jnode *out = jnode_arr(a);
    for (struct json_iter it = json_iter(list); json_next(&it);)
        jnode_append(out, only(a, it.value, keep));
    return out;
}

/* Replaces obj.key, a list, where there is one. */
static void
narrow(struct arena *a, struct jnode *obj, struct json from, const char *key, struct words keep)
{
    struct json list = json_get(from, str_from(key));
    if (json_exists(list))
        jnode_set(obj, str_from(key), each_only(a, list, keep));
}

static void strip_meta(struct jnode *root)
{
    static const char *const not_ours[] = { "kubectl.kubernetes.io/last-applied-configuration",
                                            NAME_WHY };
    struct jnode *meta = jnode_get(root, STR("metadata"));
    struct jnode *annotations = jnode_get(meta, STR("annotations"));
    if (jnode_type(meta) != JSON_OBJ)
        return;
    jnode_del(meta, STR("managedFields"));
    for (size_t i = 0; i < COUNT_OF(not_ours); i++) {
        if (jnode_type(annotations) == JSON_OBJ)
            jnode_del(annotations, str_from(not_ours[i]));
    }
}

static struct jnode *strip_pod_spec(struct arena *a, struct json spec)
{
    static const char *const container[] = { "name", "image", "resources", "ports",
                                             "restartPolicy" };
    static const char *const volume[] = { "name", "image", "persistentVolumeClaim", "ephemeral" };
    struct jnode *out = jnode_thaw(a, spec);
    if (jnode_type(out) != JSON_OBJ)
        return out;
    jnode_del(out, STR("ephemeralContainers"));
    narrow(a, out, spec, "containers", WORDS(container));
    narrow(a, out, spec, "initContainers", WORDS(container));
    narrow(a, out, spec, "volumes", WORDS(volume));
    return out;
}

static struct jnode *strip_pod_status(struct arena *a, struct json status)
{
    static const char *const keep[] = {
        "phase",  "nominatedNodeName", "startTime",         "resourceClaimStatuses",
        "resize", "resources",         "allocatedResources"
    };
    static const char *const condition[] = { "type", "status", "reason", "lastTransitionTime" };
    static const char *const container[] = { "name", "resources", "allocatedResources" };
    struct jnode *out = only(a, status, WORDS(keep));
    if (jnode_type(out) != JSON_OBJ)
        return out;
    narrow(a, out, status, "conditions", WORDS(condition));
    narrow(a, out, status, "containerStatuses", WORDS(container));
    narrow(a, out, status, "initContainerStatuses", WORDS(container));
    return out;
}

static void strip_pod(struct arena *a, struct jnode *root, struct json pod)
{
    struct json spec = json_get(pod, STR("spec")), status = json_get(pod, STR("status"));
    if (json_exists(spec))
        jnode_set(root, STR("spec"), strip_pod_spec(a, spec));
    if (json_exists(status))
        jnode_set(root, STR("status"), strip_pod_status(a, status));
}

static void strip_node(struct arena *a, struct jnode *root, struct json node)
{
    static const char *const condition[] = { "type", "status", "reason" };
    struct jnode *status = jnode_get(root, STR("status"));
    if (jnode_type(status) != JSON_OBJ)
        return;
    jnode_del(status, STR("nodeInfo"));
    narrow(a, status, json_get(node, STR("status")), "conditions", WORDS(condition));
}

/* Of controllers and services only the selector counts; their templates are full of texts. */
static void strip_selecting(struct arena *a, struct jnode *root, struct json obj)
{
    static const char *const keep[] = { "selector", "replicas" };
    jnode_del(root, STR("status"));
    if (json_exists(json_get(obj, STR("spec"))))
        jnode_set(root, STR("spec"), only(a, json_get(obj, STR("spec")), WORDS(keep)));
}

struct jnode *record_strip(struct arena *a, enum input_kind kind, const struct kobj *obj)
{
    struct jnode *root = jnode_thaw(a, kobj_root(obj));
    strip_meta(root);
    if (kind == INPUT_POD)
        strip_pod(a, root, kobj_root(obj));
    else if (kind == INPUT_NODE)
        strip_node(a, root, kobj_root(obj));
    else if (kind >= INPUT_SERVICE && kind <= INPUT_CONTROLLER)
        strip_selecting(a, root, kobj_root(obj));
    return root;
}

int record_config(struct json_doc **out, struct str text, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    AUTO(arena_freep) struct arena *a = arena_new();
    if (yaml_parse_one(&doc, text, &json_limits_body, err))
        return -1;
    struct jnode *root = jnode_thaw(a, json_root(doc));
    struct jnode *list = jnode_get(root, STR("extenders"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (jnode_type(jnode_at(list, i)) == JSON_OBJ)
            jnode_del(jnode_at(list, i), STR("tlsConfig"));
    }
    return jnode_freeze(out, root, err);
}
