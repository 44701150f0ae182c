/* SPDX-License-Identifier: Apache-2.0
 * rules — see rules.h. */
#include "apiserver/rules.h"

#include "apiserver/crd_rules.h"
#include "apiserver/device_rules.h"
#include "apiserver/grants.h"
#include "apiserver/refuse.h"
#include "kube/structural.h"
#include "kube/validate.h"

static bool is_definition(const struct resource *r)
{
    return str_is(r->plural, "customresourcedefinitions") &&
           str_is(r->group, "apiextensions.k8s.io");
}

/* What a binding grants cannot change; who gets it can. */
static void
keep_role(const struct resource *r, struct jnode *obj, struct jnode *old, struct causes *c)
{
    struct jnode *ref = jnode_get(obj, STR("roleRef"));
    if (str_is(r->group, "rbac.authorization.k8s.io") &&
        !jnode_eq(ref, jnode_get(old, STR("roleRef"))))
        cause_add(c, CAUSE_INVALID, STR("roleRef"), ref, "cannot change roleRef");
}

static enum turn outcome(struct action *a, struct causes *c)
{
    enum turn t = c->list.n > 0 ? refuse_invalid(a, a->r.name, c) : TURN_GO;
    cause_vec_fini(&c->list);
    return t;
}

enum turn rules_new(struct action *a)
{
    enum turn t = grants_check(a);
    if (t != TURN_GO)
        return t;
    const struct resource *r = a->what->res;
    struct causes c = { .a = a->arena };
    if (!r->custom) {
        device_rules_create(a, &c);
        validate_create(r, a->obj, &c);
        if (is_definition(r))
            crd_rules_create(a->obj, &c);
        return outcome(a, &c);
    }
    validate_meta_create(r, a->obj, &c);
    if (r->schema)
        structural_validate(&c, r->schema, a->obj);
    return outcome(a, &c);
}

enum turn rules_changed(struct action *a)
{
    enum turn t = grants_check(a);
    if (t != TURN_GO)
        return t;
    const struct resource *r = a->what->res;
    struct causes c = { .a = a->arena };
    struct jnode *old = jnode_thaw(a->arena, kobj_root(a->old));
    bool status = str_is(a->r.subresource, "status");
    if (r->custom) {
        validate_meta_update(r, a->obj, old, &c);
        if (r->schema)
            structural_validate(&c, r->schema, a->obj);
    } else if (status) {
        device_rules_status(a, old, &c);
        validate_update_status(r, a->obj, old, &c);
    } else if (a->r.subresource.n > 0) { /* of pods: what it may change was taken over alone */
        validate_update_pod_part(a->r.subresource, a->obj, old, &c);
    } else {
        validate_update(r, a->obj, old, &c);
        keep_role(r, a->obj, old, &c);
        if (is_definition(r))
            crd_rules_update(a->obj, old, &c);
    }
    return outcome(a, &c);
}
