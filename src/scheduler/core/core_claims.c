/* SPDX-License-Identifier: Apache-2.0
 * core_claims — devices that nobody uses. A scheduler over HTTPS writes a claim, then binds its
 * pod; one that dies in between leaves a pod that waits and a claim that holds devices on some
 * node. Its successor first tries the pod there, since its claim is allocated. When it does not fit
 * any more, the claim is to be released, as kube-scheduler does it after a failed attempt: the pod
 * is free to go elsewhere, and so are the devices. A claim that somebody runs with stays.
 *
 * Also claims that are not made yet: of pods that ask by number (example.com/gpu: 2) for what no
 * node offers so, but a DeviceClass does (spec.extendedResourceName). */
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

static void release_idle(struct sched_core *s, struct arena *a, struct decision *out)
{
    struct gang *g = out->gang;
    const struct dra_waiting who = { waits_in_gang, g, s->now.ns };
    size_t most = count_claims(g);
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

void core_unready(struct sched_core *s, const struct pod_id *pods, size_t n, struct mono now)
{
    for (size_t i = 0; i < n; i++) {
        const struct spod *p = core_pod(s, pods[i].namespace, pods[i].name);
        if (p && str_eq(p->obj->uid, pods[i].uid))
            dra_binding_failed(p);
    }
    core_forget(s, pods, n, now);
}

/* ---- claims of extended resources ---- */

#define ASK_AGAIN_NS (10 * NS_PER_S)

static bool is_offered(const struct snapshot *snap, struct str resource)
{
    uint32_t res = snapshot_find_res(snap, resource);
    for (size_t i = 0; res != RES_NOBODY && i < snap->nodes.n; i++) {
        if (snap->nodes.items[i]->alive && snap->alloc[res][i] > 0)
            return true;
    }
    return false;
}

struct str core_extended_class(const struct sched_core *s, struct str resource)
{
    struct str class = dra_class_of(s->cluster.snap.dra, resource);
    if (class.n && is_offered(&s->cluster.snap, resource))
        class = (struct str){ 0 };
    return class;
}

/* It asks for something by number that no node offers so. class: somebody has it by claim. */
static bool asks_in_vain(const struct sched_core *s, const struct spod *p, bool class)
{
    for (size_t i = 0; i < p->n_demands && !json_has(p->shape->by_claim); i++) {
        struct str name = s->cluster.snap.res_names[p->demands[i].res];
        if (res_is_scalar(name) &&
            (class ? core_extended_class(s, name).n > 0 : !is_offered(&s->cluster.snap, name)))
            return true;
    }
    return false;
}

void core_claims_failed(const struct sched_core *s, const struct gang *g, struct plan *plan)
{
    const struct shape *last = NULL;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        bool same = p->shape == last;
        if (same || !spod_is_pending(p))
            continue;
        last = p->shape;
        if (!asks_in_vain(s, p, false))
            continue;
        plan->wakes |= WAKE_OBJECTS;                                 /* a class may come */
        plan->singular = plan->singular || asks_in_vain(s, p, true); /* each has its own claim */
    }
}

static void ask_for_claims(struct sched_core *s, struct arena *a, struct decision *out)
{
    out->unclaimed = ARENA_ARRAY(a, struct spod *, out->gang->n_members);
    LIST_EACH (&out->gang->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        bool asked = p->claim_asked_ns && s->now.ns < p->claim_asked_ns + ASK_AGAIN_NS;
        if (asked || !spod_is_pending(p) || !asks_in_vain(s, p, true))
            continue;
        p->claim_asked_ns = s->now.ns;
        out->unclaimed[out->n_unclaimed++] = p;
    }
}

void core_claims_tend(struct sched_core *s, struct arena *a, struct decision *out)
{
    if (out->kind != DECISION_WAIT)
        return;
    release_idle(s, a, out);
    ask_for_claims(s, a, out);
}
