/* SPDX-License-Identifier: Apache-2.0
 * convert — see convert.h. */
#include "apiserver/convert.h"

#include "apiserver/crd.h"
#include "apiserver/strategy.h"
#include "base/mem.h"

static const struct {
    const char *stored, *served;
} event_names[] = {
    { "involvedObject", "regarding" },
    { "message", "note" },
    { "reportingComponent", "reportingController" },
    { "source", "deprecatedSource" },
    { "firstTimestamp", "deprecatedFirstTimestamp" },
    { "lastTimestamp", "deprecatedLastTimestamp" },
    { "count", "deprecatedCount" },
};

static bool is_new_event(const struct served *what)
{
    return str_is(what->res->group, "events.k8s.io");
}

static struct str own_version(const struct served *what, char *out, size_t cap)
{
    return resource_api_version(out, cap, what->res);
}

bool convert_needed(const struct served *what, const struct kobj *o)
{
    if (!what->crd && what->rules->table.n == 0)
        return false;
    char version[256];
    return !str_eq(own_version(what, version, sizeof version), o->api_version);
}

static void rename_members(struct arena *a, struct jnode *root, bool out)
{
    for (size_t i = 0; i < COUNT_OF(event_names); i++) {
        struct str from = str_from(out ? event_names[i].stored : event_names[i].served);
        struct str to = str_from(out ? event_names[i].served : event_names[i].stored);
        struct jnode *v = jnode_get(root, from);
        if (!v)
            continue;
        v = jnode_copy(a, v);
        jnode_del(root, from);
        jnode_set(root, to, v);
    }
}

struct kobj *convert_out(const struct served *what, const struct kobj *o)
{
    if (!convert_needed(what, o))
        return kobj_ref(o);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    char version[256];
    jnode_set_str(root, STR("apiVersion"), own_version(what, version, sizeof version));
    if (is_new_event(what))
        rename_members(a, root, true);
    struct kobj *converted = NULL;
    if (kobj_freeze(&converted, root, NULL) != 0)
        return kobj_ref(o); /* it has just the same size */
    return converted;
}

void convert_in(struct arena *a, const struct served *what, struct jnode *root)
{
    if (is_new_event(what)) {
        rename_members(a, root, false);
        jnode_set_str(root, STR("apiVersion"), STR("v1"));
    } else if (what->crd) {
        jnode_set_str(root, STR("apiVersion"), crd_storage_version(what->crd));
    }
}
