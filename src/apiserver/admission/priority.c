/* SPDX-License-Identifier: Apache-2.0
 * priority — a pod's priority and preemption policy come from its PriorityClass. */
#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"

struct best {
    const struct kobj *class;
};

static bool find_default(void *arg, const struct kobj *o)
{
    struct best *b = arg;
    if (!json_bool(kobj_path(o, "globalDefault"), false))
        return true;
    if (!b->class ||
        json_i64_or(kobj_path(o, "value"), 0) < json_i64_or(kobj_path(b->class, "value"), 0))
        b->class = o;
    return true;
}

/* The class by name, or the default one; NULL: none. Borrowed. */
static const struct kobj *class_of(struct action *a, struct str name)
{
    struct store_table *t =
        store_table(a->s->store, STR("scheduling.k8s.io"), STR("priorityclasses"));
    if (name.n > 0)
        return store_get_pending(t, STR(""), name);
    struct best b = { 0 };
    struct store_snapshot *now = store_snapshot_pending(t);
    store_snapshot_walk(now, NULL, find_default, &b);
    store_snapshot_unref(now);
    return b.class;
}

static enum turn mutate(struct action *a)
{
    if (!admit_is_pod(a) || !a->creates)
        return TURN_GO;
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    struct str name = jnode_text_of_str(jnode_get(spec, STR("priorityClassName")));
    const struct kobj *class = class_of(a, name);
    if (name.n > 0 && !class)
        return refuse_forbidden(a, a->r.name, "no PriorityClass with name %.*s was found",
                                STR_ARG(name));
    int64_t value = json_i64_or(kobj_path(class, "value"), 0);
    struct str policy = json_str(kobj_path(class, "preemptionPolicy"));
    int64_t given;
    struct jnode *own = jnode_get(spec, STR("priority"));
    if (own && jnode_to_i64(own, &given) && given != value)
        return refuse_forbidden(a, a->r.name,
                                "the integer value of priority (%lld) must not be provided in pod "
                                "spec; priority admission controller computed %lld from the given "
                                "PriorityClass name",
                                (long long)given, (long long)value);
    if (class && name.n == 0)
        jnode_set_str(spec, STR("priorityClassName"), class->name);
    jnode_set_i64(spec, STR("priority"), value);
    if (policy.n == 0)
        policy = STR("PreemptLowerPriority");
    struct str had = jnode_text_of_str(jnode_get(spec, STR("preemptionPolicy")));
    if (had.n > 0 && !str_eq(had, policy))
        return refuse_forbidden(a, a->r.name,
                                "the string value of PreemptionPolicy (%.*s) must not be provided "
                                "in pod spec; priority admission controller computed %.*s from the "
                                "given PriorityClass name",
                                STR_ARG(had), STR_ARG(policy));
    jnode_set_str(spec, STR("preemptionPolicy"), policy);
    return TURN_GO;
}

static enum turn check(struct action *a)
{
    const struct resource *r = a->what->res;
    if (!str_is(r->plural, "priorityclasses") || !a->obj || a->r.verb == VERB_DELETE ||
        !jnode_is_true(jnode_get(a->obj, STR("globalDefault"))))
        return TURN_GO;
    const struct kobj *class = class_of(a, STR(""));
    if (!class || str_eq(class->name, a->r.name))
        return TURN_GO;
    return refuse_forbidden(a, a->r.name, "PriorityClass %.*s is already marked as globalDefault",
                            STR_ARG(class->name));
}

const struct admission admit_priority = {
    .name = "Priority",
    .help = "fills in a pod's priority from its PriorityClass",
    .on = true,
    .mutate = mutate,
    .check = check,
};
