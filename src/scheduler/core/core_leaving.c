/* SPDX-License-Identifier: Apache-2.0
 * core_leaving — pods that were evicted, or deleted by others, and the time by which their room
 * must be free. A finalizer that nobody removes or a node that went silent keeps a deleted pod for
 * ever; who waits for its room must not wait as long:
 *
 *     evicted ─► is leaving, its room is promised ─(grace and slack)─► gone
 *                                                        ├─► deleted in name only: stuck. It keeps
 *                                                        │   its room, nobody counts on that again
 *                                                        └─► not even deleted: the eviction was
 *                                                            lost; it may be a victim again
 */
#include "scheduler/core/core_internal.h"
#include "scheduler/preempt/victim.h"
#include "scheduler/state/reservation.h"

#define SLACK_NS (30 * NS_PER_S) /* beyond the grace period, for those who end the pod */

static int64_t grace_ns(const struct spod *p)
{
    int64_t s =
        p->view->deletion_grace_s >= 0 ? p->view->deletion_grace_s : p->view->termination_grace_s;
    return s > 0 ? s * NS_PER_S : 0;
}

/* What passes before it is deleted. */
static int64_t warning_ns(const struct spod *p)
{
    return p->view->deleting ? 0 : p->checkpoint_ns;
}

static bool leaves(const struct spod *p)
{
    return (p->evicting || p->view->deleting) && !p->stuck;
}

int64_t core_leaving_expect(struct sched_core *s, const struct snode *n, int64_t least)
{
    const struct snapshot *snap = &s->cluster.snap;
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        struct spod *p = snap->pods.items[id];
        if (!leaves(p))
            continue;
        if (!p->gone_by_ns)
            p->gone_by_ns = s->now.ns + warning_ns(p) + grace_ns(p) + SLACK_NS;
        least = p->gone_by_ns > least ? p->gone_by_ns : least;
    }
    return least;
}

static void look_at(struct sched_core *s, const struct snode *n, struct mono now)
{
    const struct snapshot *snap = &s->cluster.snap;
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        struct spod *p = snap->pods.items[id];
        if (!leaves(p) || !p->gone_by_ns || p->gone_by_ns > now.ns)
            continue;
        p->gone_by_ns = 0;
        p->evicting = false;
        p->stuck = p->view->deleting;
        s->n_stuck += p->stuck;
    }
}

void core_leaving_overdue(struct sched_core *s, struct mono now)
{
    LIST_EACH (&s->cluster.reservations, in_all) {
        const struct reservation *r = LIST_ITEM(in_all, struct reservation, in_all);
        if (r->expires.ns > now.ns)
            continue;
        LIST_EACH (&r->held, at)
            look_at(s, LIST_ITEM(at, struct spod_stay, in_hold)->pod->kept, now);
    }
}

struct str core_leaving_text(const struct sched_core *s, struct arena *a)
{
    const struct snapshot *snap = &s->cluster.snap;
    for (size_t i = 0; s->n_stuck && i < snap->pods.n; i++) {
        const struct spod *p = snap->pods.items[i];
        if (!p || !p->stuck || p->node == SCHED_NO_NODE)
            continue;
        struct str node = snap->nodes.items[p->node]->name;
        return arena_printf(
            a,
            " Of %zu deleted pods that do not go, one is %.*s on node %.*s: look at "
            "its finalizers and its node.",
            s->n_stuck, STR_ARG(spod_text(a, p)), STR_ARG(node));
    }
    return STR("");
}
