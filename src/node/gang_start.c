/* SPDX-License-Identifier: Apache-2.0
 * gang_start — the common start of the members of one gang that came together: every member's
 * containers are forked and set up by their shims, then all are released in one go. */
#include <stdlib.h>

#include "base/log.h"
#include "node/executor_internal.h"

struct gang_start {
    struct executor *x;
    struct local_pod_vec members;
    struct timer *timer;
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

static void release(struct gang_start *g)
{
    LOG_INFO("node.gang_released", kv_i64("members", (int64_t)g->members.n));
    for (size_t i = 0; i < g->members.n; i++)
        if (g->members.items[i]->client)
            shim_client_release(g->members.items[i]->client);
    gang_free(g);
}

static void on_late(void *arg)
{
    struct gang_start *g = arg;
    LOG_WARN("node.gang_late", kv_i64("members", (int64_t)g->members.n),
             kv_cstr("next", "those that are ready start now"));
    release(g);
}

struct gang_start *gang_start_new(struct executor *x)
{
    struct gang_start *g = MEM_NEW(struct gang_start);
    g->x = x;
    g->timer = timer_new(x->loop, on_late, g);
    timer_start(g->timer, GANG_START_MAX_NS);
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
