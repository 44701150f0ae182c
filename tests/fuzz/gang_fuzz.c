/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of kube/gang: what pods, group objects and owners say of gangs, in every dialect.
 * Whatever they say, numbers stay within their limits, and the same pod says the same twice. */
#include "fuzz.h"

#include <assert.h>

#include "kube/gang/gang_object.h"
#include "kube/kobj.h"

static void read_pod(struct arena *a, struct json root)
{
    const struct gang_claim *c = gang_claim_of(a, root), *again = gang_claim_of(a, root);
    struct gang_roles roles = { 0 };
    struct err err = { 0 };
    assert(gang_claim_same(c, again));
    if (!c)
        return;
    assert(c->name.n && (c->min == 0 || gang_min_ok(c->min)) && c->role_min <= GANG_MEMBERS_MAX);
    if (c->roles.n && gang_roles_parse(&roles, c->roles, &err))
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
    assert(roles.n <= GANG_ROLES_MAX);
    gang_roles_fini(&roles);
}

static void read_object(struct arena *a, const struct kobj *o)
{
    uint32_t bit = gang_object_bit(o);
    for (size_t i = 0; i < gang_object_kinds_count; i++) {
        struct gang_spec said;
        if (!gang_object_read(&gang_object_kinds[i], o, STR("part"), a, &said))
            continue;
        assert(gang_object_kinds[i].bit == bit);
        assert(said.min >= 0 && said.min <= GANG_MEMBERS_MAX);
        assert(said.n_roles <= GANG_ROLES_MAX && said.n_policies <= GANG_POLICIES_MAX);
        for (size_t r = 0; r < said.n_roles; r++)
            assert(said.roles[r].name.n && said.roles[r].min <= GANG_MEMBERS_MAX);
        for (size_t p = 0; p < said.n_policies; p++)
            assert(gang_min_ok(said.policies[p].size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct kobj *o = NULL;
    if (kobj_parse(&o, str_make(data, n), &json_limits_body, NULL))
        return 0;
    struct arena *a = arena_new();
    if (str_is(o->kind, "Pod"))
        read_pod(a, kobj_root(o));
    read_object(a, o);
    arena_free(a);
    kobj_unref(o);
    return 0;
}
