/* SPDX-License-Identifier: Apache-2.0
 * own_keys — see own_keys.h. A new key needs a row here; tools/lint looks for keys without one. */
#include "kube/own_keys.h"

#include "base/nearest.h"

static const struct str domain = STR_INIT("scheduling.ganglion.io/");

static const char *const known[] = {
    "checkpoint-by",
    "checkpoint-signal",
    "checkpoint-time",
    "default-priority",
    "device-parts",
    "devices",
    "gang",
    "gang-restart",
    "gang-restart-handled",
    "mig",
    "min-available",
    "min-runtime",
    "mirror-of",
    "numa-cells",
    "pod-group",
    "queue",
    "role",
    "role-min-available",
    "run-time",
    "topology",
    "topology-preferred",
    "topology-required",
    "topology-slice",
    "topology-slice-size",
    "user",
    "why",
};

#define WARNINGS_MAX 8 /* of one object */

/* Says what is wrong with a key of ours; absent: nothing. */
static struct str judge(struct arena *a, struct str key)
{
    struct str name = str_skip(key, domain.n);
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (str_is(name, known[i]))
            return (struct str){ 0 };
        nearest_try(&near, known[i]);
    }
    if (!near.name)
        return STR("is not known and has no effect");
    return arena_printf(a, "is not known and has no effect; did you mean %.*s%s?", STR_ARG(domain),
                        near.name);
}

/* The one key whose value is a word of a fixed set that nobody else reports. */
static bool is_odd_restart(struct str key, struct str value)
{
    static const char *const words[] = { "gang", "member", "fail", "none" };
    if (!str_is(str_skip(key, domain.n), "gang-restart"))
        return false;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_is(value, words[i]))
            return false;
    }
    return true;
}

static void check_map(struct jnode *meta,
                      const char *list,
                      const char *place,
                      struct arena *a,
                      struct warning_vec *warnings)
{
    struct jnode *map = jnode_get(meta, str_from(list));
    for (size_t i = 0; i < jnode_len(map) && warnings->n < WARNINGS_MAX; i++) {
        struct str key = jnode_key_at(map, i);
        if (!str_starts(key, domain))
            continue;
        struct str value = jnode_text_of_str(jnode_value_at(map, i));
        struct str wrong =
            is_odd_restart(key, value)
                ? arena_printf(a, "is \"%.*s\", not gang, member, fail or none", STR_ARG(value))
                : judge(a, key);
        if (wrong.n)
            warning_vec_push(warnings, arena_printf(a, "%s.%s[%.*s] %.*s", place, list,
                                                    STR_ARG(key), STR_ARG(wrong)));
    }
}

void own_keys_check(struct jnode *obj, struct arena *a, struct warning_vec *warnings)
{
    static const char *const places[] = { "metadata", "spec.template.metadata",
                                          "spec.jobTemplate.spec.template.metadata" };
    if (jnode_len(jnode_path(obj, "metadata.ownerReferences")) > 0)
        return;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct jnode *meta = jnode_path(obj, places[i]);
        check_map(meta, "labels", places[i], a, warnings);
        check_map(meta, "annotations", places[i], a, warnings);
    }
}
