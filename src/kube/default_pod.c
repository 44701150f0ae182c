/* SPDX-License-Identifier: Apache-2.0
 * default_pod — defaults of pods and pod templates. Pods get a little more than templates: service
 * links, requests equal to limits, host ports on the host's network. */
#include "kube/default.h"
#include "kube/default_internal.h"

/* An image reference is [registry[:port]/]path[:tag][@digest]. */
struct str default_pull_policy(struct str image)
{
    ptrdiff_t at = str_find_char(image, '@');
    struct str name = at >= 0 ? str_take(image, (size_t)at) : image;
    size_t base = 0;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/')
            base = i + 1;
    ptrdiff_t colon = str_find_char(str_skip(name, base), ':');
    if (colon >= 0)
        return str_is(str_skip(name, base + (size_t)colon + 1), "latest") ? STR("Always")
                                                                          : STR("IfNotPresent");
    return at >= 0 || image.n == 0 ? STR("IfNotPresent") : STR("Always");
}

static void default_container(struct arena *a, struct jnode *c)
{
    if (jnode_type(c) != JSON_OBJ || jnode_get(c, STR("imagePullPolicy")))
        return;
    struct str image = jnode_text_of_str(jnode_get(c, STR("image")));
    jnode_set(c, STR("imagePullPolicy"), jnode_str(a, default_pull_policy(image)));
}

static void default_volume(struct arena *a, struct jnode *volume)
{
    struct jnode *image = jnode_get(volume, STR("image"));
    if (jnode_type(image) == JSON_OBJ && !jnode_get(image, STR("pullPolicy"))) {
        struct str ref = jnode_text_of_str(jnode_get(image, STR("reference")));
        jnode_set(image, STR("pullPolicy"), jnode_str(a, default_pull_policy(ref)));
    }
    struct jnode *name = jnode_get(volume, STR("name"));
    if (jnode_type(volume) == JSON_OBJ && jnode_len(volume) == (name ? 1 : 0))
        jnode_set(volume, STR("emptyDir"), jnode_obj(a));
}

void default_pod_spec(struct arena *a, struct jnode *spec)
{
    static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct jnode *list = jnode_get(spec, str_from(lists[i]));
        for (size_t j = 0; j < jnode_len(list); j++)
            default_container(a, jnode_at(list, j));
    }
    struct jnode *volumes = jnode_get(spec, STR("volumes"));
    for (size_t i = 0; i < jnode_len(volumes); i++)
        default_volume(a, jnode_at(volumes, i));
}

/* Requests that are missing become equal to the limits. */
static void default_requests(struct arena *a, struct jnode *owner)
{
    struct jnode *resources = jnode_get(owner, STR("resources"));
    struct jnode *limits = jnode_get(resources, STR("limits"));
    for (size_t i = 0; i < jnode_len(limits); i++) {
        struct jnode *requests = jnode_need_obj(resources, STR("requests"));
        struct str key = jnode_key_at(limits, i);
        if (!jnode_get(requests, key))
            jnode_set(requests, key, jnode_copy(a, jnode_value_at(limits, i)));
    }
}

static void default_host_ports(struct arena *a, struct jnode *container)
{
    struct jnode *ports = jnode_get(container, STR("ports"));
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        int64_t number;
        if (jnode_to_i64(jnode_get(port, STR("containerPort")), &number))
            default_i64(a, port, "hostPort", number);
    }
}

void default_pod(struct arena *a, struct jnode *root)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct jnode *spec = jnode_get(root, STR("spec"));
    default_pod_spec(a, spec);
    default_bool(a, spec, "enableServiceLinks", true);
    bool host = jnode_is_true(jnode_get(spec, STR("hostNetwork")));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct jnode *list = jnode_get(spec, str_from(lists[i]));
        for (size_t j = 0; j < jnode_len(list); j++) {
            default_requests(a, jnode_at(list, j));
            if (host)
                default_host_ports(a, jnode_at(list, j));
        }
    }
    default_requests(a, spec);
}

void default_pod_template(struct arena *a, struct jnode *root)
{
    default_pod_spec(a, jnode_path(root, "template.spec"));
}
