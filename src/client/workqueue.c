/* SPDX-License-Identifier: Apache-2.0
 * workqueue — one heap of keys by due time, one map to find them. An item lives as long as it
 * waits, is worked on, or remembers failures. */
#include "client/workqueue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"

struct item {
    struct str key; /* the bytes are behind the struct */
    int64_t due_ns;
    uint64_t seq; /* equal due times: first in, first out */
    size_t pos;   /* in the heap, HEAP_OUT when not waiting */
    uint32_t failures;
    bool working;
    bool again; /* added while it was worked on */
    int64_t again_ns;
};

struct workqueue {
    struct map items;
    struct heap due;
    uint64_t seq;
};

static bool item_less(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->seq < y->seq;
}

static void item_moved(void *item, size_t pos)
{
    ((struct item *)item)->pos = pos;
}

struct workqueue *workqueue_new(void)
{
    struct workqueue *q = MEM_NEW(struct workqueue);
    map_init(&q->items);
    heap_init(&q->due, item_less, item_moved);
    return q;
}

void workqueue_free(struct workqueue *q)
{
    if (!q)
        return;
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&q->items, &i));)
        free(s->value);
    map_fini(&q->items);
    heap_fini(&q->due);
    free(q);
}

static struct item *item_need(struct workqueue *q, struct str key)
{
    struct item *it = map_get(&q->items, key);
    if (it)
        return it;
    it = mem_alloc(sizeof *it + key.n + 1);
    char *text = (char *)(it + 1);
    memcpy(text, key.p, key.n);
    it->key = str_make(text, key.n);
    it->pos = HEAP_OUT;
    map_put(&q->items, it->key, it);
    return it;
}

static void item_drop_if_idle(struct workqueue *q, struct item *it)
{
    if (it->working || it->pos != HEAP_OUT || it->failures)
        return;
    map_del(&q->items, it->key);
    free(it);
}

static void item_wait(struct workqueue *q, struct item *it, int64_t due_ns)
{
    if (it->working) {
        if (!it->again || due_ns < it->again_ns)
            it->again_ns = due_ns;
        it->again = true;
        return;
    }
    if (it->pos == HEAP_OUT) {
        it->due_ns = due_ns;
        it->seq = q->seq++;
        heap_push(&q->due, it);
    } else if (due_ns < it->due_ns) {
        it->due_ns = due_ns;
        heap_fix(&q->due, it->pos);
    }
}

void workqueue_add(struct workqueue *q, struct str key)
{
    item_wait(q, item_need(q, key), INT64_MIN);
}

void workqueue_add_at(struct workqueue *q, struct str key, struct mono when)
{
    item_wait(q, item_need(q, key), when.ns);
}

bool workqueue_take(struct workqueue *q, struct mono now, struct str *key)
{
    struct item *it = heap_peek(&q->due);
    if (!it || it->due_ns > now.ns)
        return false;
    heap_pop(&q->due);
    it->pos = HEAP_OUT;
    it->working = true;
    *key = it->key;
    return true;
}

void workqueue_done(struct workqueue *q, struct str key)
{
    struct item *it = map_get(&q->items, key);
    assert(it && it->working);
    it->working = false;
    if (it->again) {
        it->again = false;
        item_wait(q, it, it->again_ns);
    }
    item_drop_if_idle(q, it);
}

void workqueue_retry(struct workqueue *q, struct str key, struct mono now)
{
    struct item *it = item_need(q, key);
    int64_t delay = WORKQUEUE_RETRY_MAX_NS;
    if (it->failures < 16)
        delay = num_min_i64(WORKQUEUE_RETRY_MIN_NS << it->failures, WORKQUEUE_RETRY_MAX_NS);
    it->failures++;
    item_wait(q, it, now.ns + delay);
}

void workqueue_forget(struct workqueue *q, struct str key)
{
    struct item *it = map_get(&q->items, key);
    if (!it)
        return;
    it->failures = 0;
    item_drop_if_idle(q, it);
}

bool workqueue_next_due(const struct workqueue *q, struct mono *when)
{
    const struct item *it = heap_peek(&q->due);
    if (!it)
        return false;
    when->ns = it->due_ns;
    return true;
}

size_t workqueue_len(const struct workqueue *q)
{
    return q->due.n;
}
