/* SPDX-License-Identifier: Apache-2.0
 * gang_subgroups — roles by the policies of the group object (Volcano's subGroupPolicy): a policy's
 * selector finds members, the values of its keys tell their subgroups apart. So many subgroups of
 * each policy, in order of arrival, start together; the others' members come when they fit. */
#include "base/num.h"
#include "codec/selector.h"
#include "scheduler/gang/gang_internal.h"

static const struct gang_policy *policy_of(const struct gang *g, struct json labels)
{
    for (size_t i = 0; i < g->said.n_policies; i++) {
        const struct gang_policy *p = &g->said.policies[i];
        AUTO(selector_freep) struct selector *s = NULL;
        if (!json_has(p->selector))
            return p;
        if (selector_from_json(&s, p->selector, NULL) == 0 && selector_matches(s, labels))
            return p;
    }
    return NULL;
}

struct str
gang_role_of(struct arena *a, const struct gang *g, struct json labels, struct str otherwise)
{
    const struct gang_policy *p = policy_of(g, labels);
    if (!p)
        return otherwise;
    struct str role = p->name.n ? p->name : STR("subgroup");
    for (struct json_iter it = json_iter(p->keys); json_next(&it);) {
        struct str value = json_str(json_get(labels, json_str(it.value)));
        role = arena_printf(a, "%.*s.%.*s", STR_ARG(role), STR_ARG(value));
    }
    return role;
}

uint32_t gang_part_of_member(struct gang *g, const struct spod *p)
{
    if (!g->said.n_policies) /* as nearly always */
        return gang_part_of(g, spod_claim(p)->role);
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct gang_policy *policy = policy_of(g, p->view->labels);
    uint32_t part = gang_part_of(g, gang_role_of(a, g, p->view->labels, spod_claim(p)->role));
    if (part)
        g->parts[part].policy = policy ? (size_t)(policy - g->said.policies) + 1 : 0;
    return part;
}

void gang_regroup(struct gang *g)
{
    g->grouped = g->said.n_policies > 0;
    for (size_t i = 0; i < g->n_parts; i++)
        g->parts[i].policy = 0;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        gang_count_in_part(p, -1);
        p->part = gang_part_of_member(g, p);
        gang_count_in_part(p, 1);
    }
}

void gang_need_subgroups(struct gang *g)
{
    g->policies_min = 0;
    for (size_t i = 0; i < g->said.n_policies; i++) {
        const struct gang_policy *p = &g->said.policies[i];
        int64_t left = p->least;
        g->policies_min += p->least * p->size; /* at most 16 times 64 times 100,000 */
        for (size_t k = 1; k < g->n_parts; k++) {
            struct gang_part *part = &g->parts[k];
            if (part->policy != i + 1 || (!part->n_members && !part->n_succeeded))
                continue; /* another's, or nobody is left in it */
            part->topology = p->topology;
            if (left-- > 0)
                part->min = num_max_i64(part->min, p->size);
        }
    }
}
