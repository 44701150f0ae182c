/* SPDX-License-Identifier: Apache-2.0
 * store_internal — what the files of store/ share. store.c orders transactions on the loop, disk.c
 * is SQLite, writer.c the thread between them, window.c history and watchers. */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "base/ring.h"
#include "base/vec.h"
#include "store/fault.h"
#include "store/store.h"
#include "store/tree.h"

#define STORE_WINDOW_BYTES ((size_t)16 << 20)
#define STORE_LIVE_BYTES ((size_t)2 << 30)
#define STORE_EVENT_OVERHEAD                                                                       \
    1024 /* what an event costs beside its superseded document: itself, the                        \
            object around it and the view that hangs on that */

/* ---- a transaction, from store_commit to its done call ---- */
struct txn_op {
    struct store_table *table;
    int64_t id;
    const struct kobj *object; /* counted; the new state, or the final one of a deletion */
    const struct kobj *before; /* counted; NULL when it did not exist */
    bool deletes;
};

struct txn {
    struct list node;
    uint64_t epoch;    /* transactions of one epoch stand and fall together */
    uint64_t revision; /* the highest of its ops */
    store_done_fn done;
    void *arg;
    struct err err; /* kind ERR_NONE: on disk */
    size_t n;
    struct txn_op ops[];
};

/* ---- disk.c: SQLite, used by one thread at a time ---- */
struct disk;
typedef int (
    *disk_load_fn)(void *arg, int64_t id, struct str resource, struct str doc, struct err *err);
/* err->sys is ENOSPC when there is no room to open it for writing. */
int disk_open(struct disk **out, const char *path, struct store_fault *fault, struct err *err);
/* For disk_load alone; works on a full disk. Nobody else may have the file open. */
int disk_open_reader(struct disk **out, const char *path, struct err *err);
int disk_load(struct disk *d, uint64_t *revision, disk_load_fn fn, void *arg, struct err *err);
/* Commits all ops of the transactions in the list, in one SQLite transaction. */
int disk_write(struct disk *d, struct list *txns, struct err *err);
size_t disk_wal_pages(const struct disk *d); /* in the log since it was last copied back */
/* The checkpointer's own connection. */
int disk_open_second(struct disk **out,
                     const char *path,
                     struct store_fault *fault,
                     struct err *err);
int disk_checkpoint(struct disk *d, bool restart_log, struct err *err);
void disk_close(struct disk *d); /* NULL is fine */

/* ---- writer.c: the writer and the checkpointer threads ---- */
struct writer;
/* Takes d over, on failure too. d NULL with a path: the writer opens it when it first writes, and
 * tries again with each batch until there is room. path NULL: memory only. */
int writer_new(struct writer **out,
               struct disk *d,
               const char *path,
               struct store_fault *fault,
               struct err *err);
void writer_queue(struct writer *w, struct txn *t);
int writer_fd(const struct writer *w); /* readable when something is finished */
/* Moves finished transactions, in order, to the end of out. */
void writer_take(struct writer *w, struct list *out);
void writer_stop(struct writer *w); /* finishes what is queued, ends both threads, checkpoints */
void writer_free(struct writer *w); /* NULL is fine */

/* ---- window.c: history ---- */
struct window_event {
    struct store_table *table;
    enum event_type type;
    uint64_t revision;
    size_t bytes;
    const struct kobj *object, *before; /* counted */
};

struct window {
    struct ring events; /* struct window_event *, of all tables, oldest first; owns them */
    size_t bytes, max;
};

struct store_table {
    struct store *store;
    struct str key; /* "group/plural" */
    struct tree *visible;
    struct tree *pending; /* the newest change of each object that has one queued */
    size_t count;         /* of visible objects */
    struct list watches;
    struct ring events;     /* struct window_event *, of this table, oldest first; borrowed */
    uint64_t first_seq;     /* number of the oldest of them, counted from the table's first event */
    uint64_t gone_revision; /* history up to here is forgotten */
    bool touched;           /* by the publication under way */
    char key_text[];
};
VEC_TYPE(table_vec, struct store_table *);

struct store {
    struct loop *loop;
    struct map tables; /* key → table */
    struct table_vec all;
    struct window window;
    uint64_t revision;      /* visible */
    uint64_t last_revision; /* handed out */
    uint64_t queued_revision;
    uint64_t epoch;
    uint64_t seed;
    int64_t next_id;
    size_t live, live_visible, live_max; /* text bytes of pending and of visible objects */
    struct writer *writer;
    size_t unfinished;    /* transactions that the writer has */
    struct mono progress; /* when it last finished some, or got the first */
    struct err refusal;   /* of the last transaction; ERR_NONE: it is on disk */
    int lock_fd;
    struct watch_fd *watch_fd;
    bool publishing;
};

void window_add(struct window *w, const struct window_event *ev); /* takes the references over */
void window_fini(struct window *w);
/* Wakes the watchers of the tables marked as touched, and clears the marks. */
void window_wake(struct store *s);
