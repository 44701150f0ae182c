/* SPDX-License-Identifier: Apache-2.0
 * gang_start — the common start of the members of one gang that came together: every member's
 * containers are forked and set up by their shims, then all are released in one go. */
#include <stdlib.h>

#include "base/log.h"
#include "node/executor/executor_internal.h"

struct gang_start {
    struct executor *x;
    struct local_pod_vec members;
    struct timer *timer;
    int64_t waited_ns;
    bool complete;
};

static void gang_free(struct gang_start *g)
{
    for (size_t i = 0; i < g->members.n; i++)
        g->members.items[i]->gang = NULL;
    timer_free(g->timer);
    local_pod_vec_fini(&g->members);
    free(g);
}

/* ---- how far apart they began, once released ---- */

struct gang_skew {
    size_t waiting; /* members that are not running yet */
    struct wall first, last;
    struct node_meter *meter;
};

static void measure_skew(struct gang_start *g)
{
    struct gang_skew *k = MEM_NEW(struct gang_skew);
    k->meter = g->x->o.meter;
    k->waiting = g->members.n;
    for (size_t i = 0; i < g->members.n; i++)
        g->members.items[i]->skew = k;
}

/* started: 0 when it will not run. One that was never alone is no skew. */
void gang_start_ran(struct local_pod *p, struct wall started)
{
    struct gang_skew *k = p->skew;
    if (!k)
        return;
    p->skew = NULL;
    if (started.ns && (!k->first.ns || started.ns < k->first.ns))
        k->first = started;
    if (started.ns > k->last.ns)
        k->last = started;
    if (--k->waiting > 0)
        return;
    if (k->first.ns != k->last.ns)
        node_meter_gang(k->meter, k->last.ns - k->first.ns);
    free(k);
}

static void release(struct gang_start *g)
{
    if (g->members.n > 1)
        measure_skew(g);
    LOG_INFO("node.gang_released", kv_i64("members", (int64_t)g->members.n));
    for (size_t i = 0; i < g->members.n; i++)
        if (g->members.items[i]->client)
            shim_client_release(g->members.items[i]->client);
    gang_free(g);
}

/* The first member that keeps the others waiting; NULL: none, or it has left. */
static struct local_pod *late_member(const struct gang_start *g)
{
    for (size_t i = 0; i < g->members.n; i++)
        if (!local_pod_all_held(g->members.items[i]))
            return g->members.items[i];
    return NULL;
}

static void tell_waiting(const struct gang_start *g, const struct local_pod *late)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str why = late->hold.waiting ? late->hold.message : STR("its processes are being made");
    struct str text =
        arena_printf(a, "Starts with its gang, which waits for pod %.*s/%.*s: %.*s",
                     STR_ARG(late->pod->namespace), STR_ARG(late->pod->name), STR_ARG(why));
    for (size_t i = 0; i < g->members.n; i++)
        if (local_pod_all_held(g->members.items[i]))
            local_pod_event(g->members.items[i], "Warning", "GangMemberLate", text);
}

/* Does a member wait for something that is not a matter of time? */
static bool lacks_something(const struct gang_start *g)
{
    for (size_t i = 0; i < g->members.n; i++)
        if (g->members.items[i]->hold.waiting)
            return true;
    return false;
}

static void on_late(void *arg)
{
    struct gang_start *g = arg;
    const struct local_pod *late = late_member(g);
    g->waited_ns += GANG_START_LATE_NS;
    if (late && g->waited_ns == GANG_START_LATE_NS) {
        LOG_WARN("node.gang_late", kv_str("waits_for", late->pod->name),
                 kv_cstr("next", "the other members wait for it"));
        tell_waiting(g, late);
    }
    if (late && (g->waited_ns < GANG_START_MAX_NS || lacks_something(g))) {
        timer_start(g->timer, GANG_START_LATE_NS);
        return;
    }
    LOG_WARN("node.gang_incomplete", kv_i64("members", (int64_t)g->members.n),
             kv_cstr("next", "those that are ready start now"));
    release(g);
}

struct gang_start *gang_start_new(struct executor *x)
{
    struct gang_start *g = MEM_NEW(struct gang_start);
    g->x = x;
    g->timer = timer_new(x->loop, on_late, g);
    timer_start(g->timer, GANG_START_LATE_NS);
    return g;
}

void gang_start_join(struct gang_start *g, struct local_pod *p)
{
    local_pod_vec_push(&g->members, p);
    p->gang = g;
}

void gang_start_check(struct gang_start *g)
{
    if (!g->complete)
        return;
    for (size_t i = 0; i < g->members.n; i++)
        if (!local_pod_all_held(g->members.items[i]))
            return;
    release(g);
}

void gang_start_complete(struct gang_start *g)
{
    g->complete = true;
    gang_start_check(g);
}

void gang_start_leave(struct local_pod *p)
{
    struct gang_start *g = p->gang;
    gang_start_ran(p, (struct wall){ 0 });
    if (!g)
        return;
    p->gang = NULL;
    for (size_t i = 0; i < g->members.n; i++) {
        if (g->members.items[i] == p) {
            g->members.items[i] = g->members.items[--g->members.n];
            break;
        }
    }
    if (g->complete && !g->members.n)
        gang_free(g);
    else
        gang_start_check(g);
}
