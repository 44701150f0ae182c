/* SPDX-License-Identifier: Apache-2.0
 * validate_pod_parts — changes of one part of a pod through a subresource: ephemeralcontainers,
 * which may only be added, and resize, which changes the containers' resources. */
#include "kube/validate_internal.h"

/* An ephemeral container comes to look, not to serve. */
static const char *const not_ephemeral[] = { "ports",        "livenessProbe", "readinessProbe",
                                             "startupProbe", "lifecycle",     "resources",
                                             "resizePolicy" };

static void check_new(struct causes *c, const struct at *at, struct jnode *container)
{
    for (size_t i = 0; i < COUNT_OF(not_ephemeral); i++) {
        struct jnode *v = validate_get(container, not_ephemeral[i]);
        if (v && (jnode_type(v) == JSON_STR || jnode_len(v) > 0))
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, not_ephemeral[i]), NULL,
                           "cannot be set for an Ephemeral Container");
    }
}

static void put_names(struct map *names, struct jnode *list)
{
    for (size_t i = 0; i < jnode_len(list); i++)
        validate_seen(names, validate_text(jnode_at(list, i), "name"));
}

static void check_names(struct causes *c, const struct at *list_at, struct jnode *spec)
{
    struct jnode *list = validate_get(spec, "ephemeralContainers");
    AUTO(map_fini) struct map names = { 0 }, targets = { 0 };
    put_names(&names, validate_get(spec, "containers"));
    put_names(&targets, validate_get(spec, "containers"));
    put_names(&names, validate_get(spec, "initContainers"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *one = jnode_at(list, i);
        struct at at = at_index(list_at, i);
        struct str name = validate_text(one, "name"),
                   target = validate_text(one, "targetContainerName");
        validate_required_rule(c, &at, one, "name", meta_dns_label);
        if (name.n > 0 && validate_seen(&names, name))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&at, "name"), validate_get(one, "name"), NULL);
        validate_required(c, &at, one, "image");
        if (target.n > 0 && !map_get(&targets, target))
            validate_wrong(c, CAUSE_NOT_FOUND, AT_IN(&at, "targetContainerName"),
                           validate_get(one, "targetContainerName"), NULL);
        check_new(c, &at, one);
    }
}

/* What was there stays there, unchanged. */
static void check_kept(struct causes *c, const struct at *at, struct jnode *list, struct jnode *old)
{
    AUTO(map_fini) struct map by_name = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str name = validate_text(jnode_at(list, i), "name");
        map_put(&by_name, name.p ? name : STR(""), jnode_at(list, i));
    }
    for (size_t i = 0; i < jnode_len(old); i++) {
        struct str name = validate_text(jnode_at(old, i), "name");
        struct jnode *now = map_get(&by_name, name);
        if (jnode_eq(now, jnode_at(old, i)))
            continue;
        struct str why = arena_printf(c->a, "existing ephemeral containers \"%.*s\" may not be %s",
                                      STR_ARG(name), now ? "changed" : "removed");
        validate_wrong(c, CAUSE_FORBIDDEN, at, NULL, why.p);
    }
}

static void
check_resize(struct causes *c, const struct at *up, struct jnode *spec, const char *name)
{
    struct jnode *list = validate_get(spec, name);
    struct at list_at = at_name(up, name);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at at = at_index(&list_at, i), resources_at = at_name(&at, "resources");
        validate_resources(c, &resources_at, validate_get(jnode_at(list, i), "resources"));
    }
}

void validate_update_pod_part(struct str part,
                              struct jnode *obj,
                              struct jnode *old,
                              struct causes *c)
{
    struct jnode *spec = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct at at = at_name(NULL, "spec"), list_at = at_name(&at, "ephemeralContainers");
    validate_object_meta_update(c, obj, old, true);
    if (str_is(part, "ephemeralcontainers")) {
        check_names(c, &list_at, spec);
        check_kept(c, &list_at, validate_get(spec, "ephemeralContainers"),
                   validate_get(was, "ephemeralContainers"));
    } else {
        check_resize(c, &at, spec, "containers");
        check_resize(c, &at, spec, "initContainers");
    }
}
