/* SPDX-License-Identifier: Apache-2.0
 * store — see store.h. Each table has two trees: what is durable and visible, and, small, the
 * newest change of each object that has one queued. When a transaction is durable, its changes move
 * from the second to the first, in place unless somebody holds a snapshot. When it fails,
 * everything queued since fails too, and the changes are dropped. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/clock.h"
#include "io/file.h"
#include "store/store_internal.h"

struct store_snapshot {
    _Atomic uint32_t refs;
    uint64_t revision;
    struct tree *root;
};

/* ---- tables ---- */

static struct store_table *table_by_key(struct store *s, struct str key)
{
    struct store_table *t = map_get(&s->tables, key);
    if (t)
        return t;
    t = mem_alloc(sizeof *t + key.n + 1);
    memcpy(t->key_text, key.p, key.n);
    t->store = s;
    t->key = str_make(t->key_text, key.n);
    t->gone_revision = s->revision;
    list_init(&t->watches);
    map_put(&s->tables, t->key, t);
    table_vec_push(&s->all, t);
    return t;
}

struct store_table *store_table(struct store *s, struct str group, struct str plural)
{
    struct buf key;
    buf_init(&key, 1024); /* both are names of resources, limited long before they come here */
    buf_str(&key, group);
    buf_char(&key, '/');
    buf_str(&key, plural);
    assert(!key.failed);
    struct store_table *t = table_by_key(s, buf_view(&key));
    buf_fini(&key);
    return t;
}

static void table_free(struct store_table *t)
{
    assert(list_empty(&t->watches)); /* watchers end before the store */
    tree_unref(t->visible);
    tree_unref(t->pending);
    ring_fini(&t->events);
    free(t);
}

/* ---- opening ---- */

static uint64_t key_order(const struct store *s, const struct kobj *o)
{
    return num_mix64(str_hash(o->namespace, s->seed) ^ str_hash(o->name, ~s->seed));
}

static int load_object(void *arg, int64_t id, struct str resource, struct str doc, struct err *err)
{
    struct store *s = arg;
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    if (kobj_parse(&o, doc, &json_limits_own, err) != 0) {
        if (err)
            err->kind = ERR_IO; /* the file is damaged, nobody's input is wrong */
        return err_wrap(err, "row %lld of %.*s", (long long)id, STR_ARG(resource));
    }
    struct store_table *t = table_by_key(s, resource);
    struct tree_item item = { o, id, key_order(s, o), false };
    t->visible = tree_put(t->visible, &item);
    t->count++;
    s->live += doc.n;
    if (id >= s->next_id)
        s->next_id = id + 1;
    if (o->revision > s->last_revision)
        return err_set(err, ERR_IO, "row %lld of %.*s is newer than the last revision",
                       (long long)id, STR_ARG(resource));
    return 0;
}

/* What is on a full disk can still be read. *out is then NULL: the writer opens it when it can. */
static int load_disk(struct store *s,
                     const struct store_options *o,
                     struct disk **out,
                     uint64_t *revision,
                     struct err *err)
{
    struct disk *d = NULL;
    if (disk_open(&d, o->path, o->fault, err) == 0) {
        if (disk_load(d, revision, load_object, s, err) == 0) {
            *out = d;
            return 0;
        }
        disk_close(d);
        return err_wrap(err, "loading %s", o->path);
    }
    if (err->sys != ENOSPC)
        return -1;
    s->refusal = *err;
    if (disk_open_reader(&d, o->path, NULL) != 0)
        return -1;
    int rc = disk_load(d, revision, load_object, s, NULL);
    disk_close(d);
    if (rc != 0) /* an empty file: made just now, or by a start that had no room either */
        return -1;
    LOG_WARN("store.full", kv_err(&s->refusal),
             kv_cstr("next", "serving what is there, refusing writes until there is room"));
    *out = NULL;
    return 0;
}

static int
open_disk(struct store *s, const struct store_options *o, struct disk **out, struct err *err)
{
    struct buf lock;
    buf_init(&lock, 4096);
    buf_printf(&lock, "%s.lock", o->path);
    int rc = lock.failed ? err_set(err, ERR_INVALID, "the path of the store is too long")
                         : file_lock(&s->lock_fd, lock.p, err);
    buf_fini(&lock);
    if (rc != 0)
        return -1;
    s->last_revision = UINT64_MAX; /* until it is read */
    uint64_t revision;
    /* Secrets are in it: SQLite would leave it to the umask. Its log and index take its mode. */
    if (file_make(o->path, 0600, err) != 0 || load_disk(s, o, out, &revision, err) != 0)
        return -1;
    s->revision = s->last_revision = s->queued_revision = revision;
    for (size_t i = 0; i < s->all.n; i++) {
        struct store_table *t = s->all.items[i];
        t->gone_revision = revision;
    }
    s->live_visible = s->live;
    return 0;
}

static void on_finished(void *arg, unsigned events);

static void store_free(struct store *s)
{
    watch_fd_free(s->watch_fd);
    writer_free(s->writer);
    window_fini(&s->window);
    for (size_t i = 0; i < s->all.n; i++)
        table_free(s->all.items[i]);
    table_vec_fini(&s->all);
    map_fini(&s->tables);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

int store_open(struct store **out, struct loop *l, const struct store_options *o, struct err *err)
{
    struct store *s = MEM_NEW(struct store);
    *s = (struct store){ .loop = l,
                         .revision = 1,
                         .last_revision = 1,
                         .queued_revision = 1,
                         .epoch = 1,
                         .next_id = 1,
                         .lock_fd = -1,
                         .seed = clock_random_u64(),
                         .window.max = o->window_bytes ? o->window_bytes : STORE_WINDOW_BYTES,
                         .live_max = o->live_bytes ? o->live_bytes : STORE_LIVE_BYTES };
    struct disk *d = NULL;
    if ((o->path && open_disk(s, o, &d, err) != 0) ||
        writer_new(&s->writer, d, o->path, o->fault, err) != 0) {
        store_free(s);
        return -1;
    }
    s->watch_fd = watch_fd_new(l, writer_fd(s->writer), on_finished, s, err);
    if (!s->watch_fd) {
        writer_stop(s->writer);
        store_free(s);
        return -1;
    }
    watch_fd_set(s->watch_fd, WATCH_READ);
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    writer_stop(s->writer);
    on_finished(s, WATCH_READ);
    store_free(s);
}

/* ---- reading ---- */

uint64_t store_revision(const struct store *s)
{
    return s->revision;
}

const struct kobj *store_get(struct store_table *t, struct str namespace, struct str name)
{
    const struct tree_item *item = tree_find(t->visible, namespace, name);
    return item ? item->object : NULL;
}

static const struct tree_item *
find_pending(const struct store_table *t, struct str namespace, struct str name)
{
    const struct tree_item *change = tree_find(t->pending, namespace, name);
    if (!change)
        return tree_find(t->visible, namespace, name);
    return change->deleted ? NULL : change;
}

const struct kobj *store_get_pending(struct store_table *t, struct str namespace, struct str name)
{
    const struct tree_item *item = find_pending(t, namespace, name);
    return item ? item->object : NULL;
}

size_t store_bytes(const struct store *s)
{
    return s->live_visible;
}

size_t store_count(const struct store_table *t)
{
    return t->count;
}

uint64_t store_changed(const struct store_table *t)
{
    if (t->events.n == 0)
        return t->gone_revision;
    return ((const struct window_event *)ring_at(&t->events, t->events.n - 1))->revision;
}

/* Takes the root over. */
static struct store_snapshot *snapshot_of(struct tree *root, uint64_t revision)
{
    struct store_snapshot *p = MEM_NEW(struct store_snapshot);
    atomic_init(&p->refs, 1);
    p->revision = revision;
    p->root = root;
    return p;
}

struct store_snapshot *store_snapshot(struct store_table *t)
{
    return snapshot_of(tree_ref(t->visible), t->store->revision);
}

struct store_snapshot *store_snapshot_pending(struct store_table *t)
{
    return snapshot_of(tree_apply(tree_ref(t->visible), t->pending), t->store->queued_revision);
}

struct store_snapshot *store_snapshot_ref(struct store_snapshot *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void store_snapshot_unref(struct store_snapshot *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    tree_unref(p->root);
    free(p);
}

uint64_t store_snapshot_revision(const struct store_snapshot *p)
{
    return p->revision;
}

void store_snapshot_walk(const struct store_snapshot *p,
                         const struct store_range *range,
                         store_visit_fn fn,
                         void *arg)
{
    tree_walk(p->root, range ? range : &(struct store_range){ 0 }, fn, arg);
}

/* ---- writing ---- */

uint64_t store_next_revision(struct store *s)
{
    return ++s->last_revision;
}

static size_t text_bytes(const struct kobj *o)
{
    return o ? json_doc_text(o->doc).n : 0;
}

/* The live text after these ops; each is measured against what is there now, which overstates the
 * rare transaction that writes one object twice. */
static int check_room(struct store *s, const struct store_op *ops, size_t n, struct err *err)
{
    size_t live = s->live, gone = 0;
    bool grows = false;
    for (size_t i = 0; i < n; i++) {
        gone += text_bytes(store_get_pending(ops[i].table, ops[i].namespace, ops[i].name));
        live += text_bytes(ops[i].object);
        grows |= ops[i].object != NULL;
    }
    live = live > gone ? live - gone : 0;
    if (grows && live > s->live_max && live > s->live)
        return err_set(err, ERR_TOO_LARGE,
                       "the store holds %zu MiB of objects, its limit is %zu MiB: delete some",
                       s->live >> 20, s->live_max >> 20);
    return 0;
}

static void apply_op(struct store *s, const struct store_op *op, struct txn_op *out)
{
    struct store_table *t = op->table;
    const struct tree_item *old = find_pending(t, op->namespace, op->name);
    const struct kobj *final = op->object ? op->object : op->deleted;
    assert(final && final->revision > s->queued_revision && final->revision <= s->last_revision);
    assert(str_eq(final->name, op->name) && str_eq(final->namespace, op->namespace));
    assert(op->object || old); /* only what exists can be deleted */
    s->queued_revision = final->revision;
    *out = (struct txn_op){ .table = t,
                            .id = old ? old->id : s->next_id++,
                            .object = kobj_ref(final),
                            .before = old ? kobj_ref(old->object) : NULL,
                            .deletes = op->object == NULL };
    s->live += text_bytes(op->object);
    s->live -= text_bytes(out->before);
    struct tree_item change = { final, out->id, key_order(s, final), out->deletes };
    t->pending = tree_put(t->pending, &change);
}

static void queue(struct store *s, struct txn *t)
{
    if (s->unfinished++ == 0)
        s->progress = loop_now(s->loop);
    writer_queue(s->writer, t);
}

int store_commit(struct store *s,
                 const struct store_op *ops,
                 size_t n,
                 store_done_fn done,
                 void *arg,
                 struct err *err)
{
    assert(n > 0);
    if (check_room(s, ops, n, err) != 0)
        return -1;
    struct txn *t = mem_alloc(sizeof *t + n * sizeof t->ops[0]);
    t->epoch = s->epoch;
    t->done = done;
    t->arg = arg;
    t->n = n;
    for (size_t i = 0; i < n; i++)
        apply_op(s, &ops[i], &t->ops[i]);
    t->revision = s->queued_revision;
    queue(s, t);
    return 0;
}

/* ---- how it is ---- */

bool store_accepts(const struct store *s, struct err *why)
{
    if (s->refusal.kind != ERR_NONE)
        *why = s->refusal;
    return s->refusal.kind == ERR_NONE;
}

bool store_moves(const struct store *s, struct mono now)
{
    return s->unfinished == 0 || now.ns - s->progress.ns < STORE_STUCK_NS;
}

void store_retry(struct store *s)
{
    if (s->refusal.kind == ERR_NONE || s->unfinished > 0)
        return;
    struct txn *t = MEM_NEW(struct txn);
    t->epoch = s->epoch;
    t->revision = s->revision;
    queue(s, t);
}

/* ---- publishing ---- */

/* The change moves from the table's pending ones to its visible objects. */
static void move_change(struct store *s, const struct txn_op *op)
{
    struct store_table *t = op->table;
    const struct kobj *o = op->object;
    if (op->deletes) {
        t->visible = tree_del(t->visible, o->namespace, o->name);
        t->count--;
    } else {
        struct tree_item item = { o, op->id, key_order(s, o), false };
        t->visible = tree_put(t->visible, &item);
        t->count += op->before == NULL;
    }
    const struct tree_item *newest = tree_find(t->pending, o->namespace, o->name);
    if (newest && newest->object == o)
        t->pending = tree_del(t->pending, o->namespace, o->name);
    t->touched = true;
}

static void publish(struct store *s, struct txn *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct txn_op *op = &t->ops[i];
        move_change(s, op);
        s->live_visible += op->deletes ? 0 : text_bytes(op->object);
        s->live_visible -= text_bytes(op->before);
        struct window_event ev = {
            .table = op->table,
            .type = op->deletes  ? EVENT_DELETED
                    : op->before ? EVENT_MODIFIED
                                 : EVENT_ADDED,
            .revision = op->object->revision,
            .object = TAKE(op->object),
            .before = TAKE(op->before),
        };
        window_add(&s->window, &ev);
    }
    s->revision = t->revision;
}

/* The first failure of an epoch: everything queued in it is lost. */
static void fall_back(struct store *s)
{
    s->epoch++;
    s->live = s->live_visible;
    for (size_t i = 0; i < s->all.n; i++) {
        struct store_table *t = s->all.items[i];
        tree_unref(TAKE(t->pending));
    }
}

static void txn_free(struct txn *t)
{
    for (size_t i = 0; i < t->n; i++) {
        kobj_unref(t->ops[i].object);
        kobj_unref(t->ops[i].before);
    }
    free(t);
}

static void on_finished(void *arg, unsigned events)
{
    (void)events;
    struct store *s = arg;
    struct list finished;
    list_init(&finished);
    writer_take(s->writer, &finished);
    s->progress = loop_now(s->loop);
    while (!list_empty(&finished)) {
        struct txn *t = LIST_ITEM(finished.next, struct txn, node);
        list_remove(&t->node);
        bool failed = t->err.kind != ERR_NONE;
        s->unfinished--;
        s->refusal = t->err;
        if (!failed)
            publish(s, t);
        else if (t->epoch == s->epoch)
            fall_back(s);
        if (t->done)
            t->done(t->arg, failed ? &t->err : NULL);
        txn_free(t);
    }
    window_wake(s);
}
