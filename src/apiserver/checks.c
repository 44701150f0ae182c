/* SPDX-License-Identifier: Apache-2.0
 * checks — see checks.h. They answer from memory: a probe never waits for the disk. */
#include "apiserver/checks.h"

#include "apiserver/apiserver_internal.h"

#define LATE_NS (5 * NS_PER_S)         /* a tick so late: calls waited as long */
#define LATE_MEMORY_NS (10 * NS_PER_S) /* and is told for so long */

static bool store_writes(void *arg, struct buf *why)
{
    struct apiserver *s = arg;
    if (store_moves(s->store, loop_now(s->loop)))
        return true;
    buf_printf(why, "the store's writer has finished nothing for %d s",
               (int)(STORE_STUCK_NS / NS_PER_S));
    return false;
}

static bool store_ready(void *arg, struct buf *why)
{
    struct apiserver *s = arg;
    struct err err = { 0 };
    if (store_accepts(s->store, &err))
        return true;
    buf_printf(why, "writes are refused: %s", err.msg);
    return false;
}

static bool loop_turns(void *arg, struct buf *why)
{
    struct apiserver *s = arg;
    if (s->late_ns < LATE_NS)
        return true;
    buf_printf(why, "the loop was %lld ms late", (long long)(s->late_ns / NS_PER_MS));
    return false;
}

void checks_add(struct apiserver *s)
{
    health_add(s->health, HEALTH_LIVE | HEALTH_READY, "etcd", store_writes, s);
    health_add(s->health, HEALTH_READY, "etcd-readiness", store_ready, s);
    health_add(s->health, HEALTH_READY, "loop", loop_turns, s);
}

void checks_tick(struct apiserver *s)
{
    struct mono now = loop_now(s->loop);
    int64_t late = s->tick_due.ns > 0 ? now.ns - s->tick_due.ns : 0;
    if (late >= s->late_ns || now.ns - s->late_at.ns > LATE_MEMORY_NS) {
        s->late_ns = late > 0 ? late : 0;
        s->late_at = now;
    }
    s->tick_due.ns = now.ns + API_TICK_NS;
}
