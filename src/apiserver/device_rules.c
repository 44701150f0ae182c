/* SPDX-License-Identifier: Apache-2.0
 * device_rules — see device_rules.h. Wording and order are Kubernetes'. */
#include "apiserver/device_rules.h"

#include "apiserver/apiserver_internal.h"

#define LABEL "resource.kubernetes.io/admin-access"

static bool is_claim(const struct resource *r)
{
    return str_is(r->group, "resource.k8s.io") && str_is(r->plural, "resourceclaims");
}

static bool is_template(const struct resource *r)
{
    return str_is(r->group, "resource.k8s.io") && str_is(r->plural, "resourceclaimtemplates");
}

/* The place in the list of the first member whose `flag` is true; -1: none. */
static ptrdiff_t first_admin(struct jnode *list, const char *flag)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (jnode_is_true(jnode_path(jnode_at(list, i), flag)))
            return (ptrdiff_t)i;
    }
    return -1;
}

static void need_label(struct action *a, struct str field, struct causes *c)
{
    struct store_table *t = store_table(a->s->store, STR(""), STR("namespaces"));
    const struct kobj *ns = store_get_pending(t, STR(""), a->r.namespace);
    if (!ns || !str_is(kobj_label(ns, STR(LABEL)), "true"))
        cause_add(c, CAUSE_FORBIDDEN, field, NULL,
                  "admin access to devices requires the `" LABEL
                  ": true` label on the containing namespace");
}

void device_rules_create(struct action *a, struct causes *c)
{
    bool template = is_template(a->what->res);
    if (!template && !is_claim(a->what->res))
        return;
    ptrdiff_t i = first_admin(
        jnode_path(a->obj, template ? "spec.spec.devices.requests" : "spec.devices.requests"),
        "exactly.adminAccess");
    if (i >= 0) /* Kubernetes names this path for templates too */
        need_label(a, arena_printf(c->a, "spec.devices.requests[%td].adminAccess", i), c);
}

void device_rules_status(struct action *a, struct jnode *old, struct causes *c)
{
    static const char results[] = "status.allocation.devices.results";
    if (!is_claim(a->what->res) || first_admin(jnode_path(old, results), "adminAccess") >= 0)
        return;
    ptrdiff_t i = first_admin(jnode_path(a->obj, results), "adminAccess");
    if (i >= 0)
        need_label(a, arena_printf(c->a, "%s[%td].adminAccess", results, i), c);
}
