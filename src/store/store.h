/* SPDX-License-Identifier: Apache-2.0
 * store — every object, its revisions and its watchers: memory for reading, SQLite for keeping.
 *
 * The apiserver's loop owns the store and alone orders writes: it reads the newest *pending* state
 * (durable plus queued), queues a transaction, and is told when it is on disk. Only then do readers
 * and watchers see it. One writer thread commits everything that waits in one SQLite transaction
 * with one fsync (group commit). When a commit fails (disk full), every queued transaction fails
 * with it and the pending state falls back to the durable one. Gaps in revisions are allowed.
 *
 * Kept on disk: one table of current objects and the last revision, written in every transaction.
 * History is in memory only, so after a restart an older revision is ERR_GONE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/loop.h"
#include "kube/kobj.h"
#include "kube/request.h"

struct store;
struct store_fault; /* store/fault.h: switches for crash tests */

struct store_options {
    const char *path;          /* the database file; NULL: memory only (tests, benches) */
    size_t window_bytes;       /* of watch history over all resources; 0: 16 MiB */
    size_t live_bytes;         /* of live objects, then writes are refused; 0: 2 GiB */
    struct store_fault *fault; /* NULL: none */
};

/* Opens and loads everything. ERR_BUSY: another process has it; ERR_IO: damaged, and how. On a full
 * disk a store that is there opens for reading, see store_accepts. */
int store_open(struct store **out, struct loop *l, const struct store_options *o, struct err *err);
/* Waits for queued transactions, checkpoints, closes. */
void store_close(struct store *s);

/* ---- keys: "<group>/<plural>/<namespace>/<name>", namespace empty for cluster-scoped ---- */
/* All objects of a resource share a table. A table is made on first use and never goes away. */
struct store_table;
struct store_table *store_table(struct store *s, struct str group, struct str plural);

/* ---- reading: on the apiserver's loop ---- */
uint64_t store_revision(const struct store *s); /* of the newest visible transaction */
/* The durable, visible object, or the newest one that is queued; borrowed until the next call that
 * changes the store; NULL: absent. */
const struct kobj *store_get(struct store_table *t, struct str namespace, struct str name);
const struct kobj *store_get_pending(struct store_table *t, struct str namespace, struct str name);
size_t store_bytes(const struct store *s); /* text of all visible objects */
size_t store_count(const struct store_table *t);
/* The newest revision at which the visible table changed, or the one it was loaded at. */
uint64_t store_changed(const struct store_table *t);

/* A consistent picture of one table, at one revision. Counted; may travel to other threads. */
struct store_snapshot;
struct store_snapshot *store_snapshot(struct store_table *t);
/* The same over the newest pending state: for counting admission. */
struct store_snapshot *store_snapshot_pending(struct store_table *t);
struct store_snapshot *store_snapshot_ref(struct store_snapshot *p);
void store_snapshot_unref(struct store_snapshot *p); /* NULL is fine */
DEFINE_FREEP(struct store_snapshot *, store_snapshot_unrefp, store_snapshot_unref)
uint64_t store_snapshot_revision(const struct store_snapshot *p);
struct store_range {
    struct str namespace;                   /* n == 0: all */
    struct str after_namespace, after_name; /* both n == 0: from the start */
};
/* Walks in key order (namespace, name) until fn returns false. range NULL: everything. */
typedef bool (*store_visit_fn)(void *arg, const struct kobj *o);
void store_snapshot_walk(const struct store_snapshot *p,
                         const struct store_range *range,
                         store_visit_fn fn,
                         void *arg);

/* ---- writing ---- */
struct store_op {
    struct store_table *table;
    struct str namespace, name;
    struct kobj *object;  /* the new state; its document must hold the revision; NULL: delete */
    struct kobj *deleted; /* on delete: the final state that watchers see, at the new revision */
};

/* The next revision, for the object about to be written. Strictly increasing. */
uint64_t store_next_revision(struct store *s);

typedef void (*store_done_fn)(void *arg, const struct err *err); /* err NULL: on disk and visible */

/* Queues one transaction: all ops or none. Ops are copied, objects referenced. done is called on
 * the loop, in the order of the queueing. Fails at once with ERR_TOO_LARGE when live_bytes would be
 * passed; then nothing was queued. */
int store_commit(struct store *s,
                 const struct store_op *ops,
                 size_t n,
                 store_done_fn done,
                 void *arg,
                 struct err *err);

/* ---- how it is: on the apiserver's loop ---- */
#define STORE_STUCK_NS (15 * NS_PER_S) /* for one batch; longer: the disk or the writer hangs */
/* False when the last transaction was refused (a full disk); *why says what happened. A store that
 * was opened on a full disk refuses from the start. */
bool store_accepts(const struct store *s, struct err *why);
/* False when the writer has finished nothing for STORE_STUCK_NS though something is queued. */
bool store_moves(const struct store *s, struct mono now);
/* While it refuses: tries an empty transaction, so that it notices when there is room again. */
void store_retry(struct store *s);

/* ---- watching: on the apiserver's loop ---- */
struct store_watch;
/* Something may be there to read; called once after each publication, not once per event. */
typedef void (*store_wake_fn)(void *arg);

/* Events of a table after `from`. ERR_GONE when history no longer reaches that far back. */
int store_watch_new(struct store_watch **out,
                    struct store_table *t,
                    uint64_t from,
                    store_wake_fn wake,
                    void *arg,
                    struct err *err);
void store_watch_free(struct store_watch *w);
struct store_event {
    enum event_type type; /* ADDED, MODIFIED, DELETED */
    uint64_t revision;
    const struct kobj *object; /* borrowed until the next call on the store */
    const struct kobj *before; /* the previous state, for selectors; NULL for ADDED */
};
/* The next event; false when there is none now. ERR_GONE (returned through err, value false, with
 * err->kind set) when the window moved past this watcher. */
bool store_watch_next(struct store_watch *w, struct store_event *ev, struct err *err);
/* The revision up to which this watcher has seen everything. */
uint64_t store_watch_revision(const struct store_watch *w);
