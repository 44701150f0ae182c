/* SPDX-License-Identifier: Apache-2.0
 * core_claims — devices that nobody uses. A scheduler over HTTPS writes a claim, then binds its
 * pod; one that dies in between leaves a pod that waits and a claim that holds devices on some
 * node. Its successor first tries the pod there, since its claim is allocated. When it does not fit
 * any more, the claim is to be released, as kube-scheduler does it after a failed attempt: the pod
 * is free to go elsewhere, and so are the devices. A claim that somebody runs with stays. */
#include "scheduler/core/core_internal.h"

static bool waits_in_gang(void *arg, struct str uid)
{
    const struct gang *g = arg;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p) && str_eq(p->obj->uid, uid))
            return true;
    }
    return false;
}

static size_t count_claims(const struct gang *g)
{
    size_t n = 0;
    LIST_EACH (&g->members, at)
        n += LIST_ITEM(at, struct spod, in_gang)->claims.n;
    return n;
}

void core_claims_release(struct sched_core *s, struct arena *a, struct decision *out)
{
    struct gang *g = out->gang;
    const struct dra_waiting who = { waits_in_gang, g, s->now.ns };
    size_t most = out->kind == DECISION_WAIT ? count_claims(g) : 0;
    if (!most || core_waits_for_victims(s, g))
        return;
    out->releases = ARENA_ARRAY(a, struct dra_idle, most);
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        size_t n = 0;
        const struct dra_idle *idle = spod_is_pending(p) ? dra_idle_claims(p, &who, a, &n) : NULL;
        for (size_t i = 0; i < n; i++)
            out->releases[out->n_releases++] = idle[i];
    }
}
