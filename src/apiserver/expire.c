/* SPDX-License-Identifier: Apache-2.0
 * expire — see expire.h. */
#include "apiserver/expire.h"

#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "kube/meta.h"

#define EVENT_AGE_NS (3600 * NS_PER_S)
#define EVENT_BYTES_MAX ((size_t)64 << 20) /* of documents; the oldest go first */
#define EXPIRE_EVERY_NS (60 * NS_PER_S)
#define EXPIRE_BATCH 500

struct old {
    const struct kobj *o; /* counted */
    struct wall seen;
};
VEC_TYPE(old_vec, struct old);

struct sweep {
    struct old_vec all;
    size_t bytes;
};

static struct wall last_seen(const struct kobj *o)
{
    struct wall t = kobj_created(o);
    struct wall last;
    if (wall_parse(json_str(kobj_path(o, "lastTimestamp")), &last) && last.ns > t.ns)
        t = last;
    if (wall_parse(json_str(kobj_path(o, "series.lastObservedTime")), &last) && last.ns > t.ns)
        t = last;
    return t;
}

static bool note(void *arg, const struct kobj *o)
{
    struct sweep *s = arg;
    old_vec_push(&s->all, (struct old){ kobj_ref(o), last_seen(o) });
    s->bytes += json_doc_bytes(o->doc);
    return true;
}

static int by_age(const void *x, const void *y)
{
    const struct old *a = x, *b = y;
    return a->seen.ns < b->seen.ns ? -1 : a->seen.ns > b->seen.ns;
}

static void remove_one(struct apiserver *s, struct store_table *t, const struct kobj *o)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    meta_set_revision(root, store_next_revision(s->store));
    AUTO(kobj_unrefp) struct kobj *last = NULL;
    if (kobj_freeze(&last, root, NULL) != 0)
        return;
    struct store_op op = {
        .table = t, .namespace = o->namespace, .name = o->name, .deleted = last
    };
    store_commit(s->store, &op, 1, NULL, NULL, NULL);
}

void expire_events(struct apiserver *s, struct mono now)
{
    if (now.ns < s->expire_due.ns)
        return;
    s->expire_due.ns = now.ns + EXPIRE_EVERY_NS;
    struct store_table *t = store_table(s->store, STR(""), STR("events"));
    struct sweep w = { 0 };
    struct store_snapshot *pending = store_snapshot_pending(t);
    store_snapshot_walk(pending, NULL, note, &w);
    store_snapshot_unref(pending);
    if (w.all.n > 0)
        qsort(w.all.items, w.all.n, sizeof w.all.items[0], by_age);
    int64_t limit = api_now(s).ns - EVENT_AGE_NS;
    size_t removed = 0;
    for (size_t i = 0; i < w.all.n; i++) {
        const struct kobj *o = w.all.items[i].o;
        bool old = w.all.items[i].seen.ns < limit || w.bytes > EVENT_BYTES_MAX;
        if (old && removed < EXPIRE_BATCH) {
            w.bytes -= json_doc_bytes(o->doc);
            remove_one(s, t, o);
            removed++;
        }
        kobj_unref(o);
    }
    if (removed == EXPIRE_BATCH) /* there is more: soon again */
        s->expire_due.ns = now.ns + NS_PER_S;
    old_vec_fini(&w.all);
}
