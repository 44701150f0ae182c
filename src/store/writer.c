/* SPDX-License-Identifier: Apache-2.0
 * writer — the two threads behind the store. The writer takes everything that waits and commits it
 * as one SQLite transaction; while it waits for the disk the next batch gathers. The checkpointer
 * copies the log back into the file.
 *
 * A disk that answers faster than requests arrive would make many small commits, and a commit costs
 * the processor as much as ten rows: the sync itself, and pages written again that the last commit
 * wrote too. So a commit of n transactions puts the next one off until n * GATHER_EACH_NS after its
 * own start, at most GATHER_MAX_NS: one client that writes one thing after another never waits, and
 * under full load a commit gathers what GATHER_MAX_NS bring.
 *
 * When a commit fails, every transaction of the same epoch fails with it, those too that were
 * queued while it ran: they may build on what was lost. The loop starts a new epoch when it learns
 * of the failure. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "io/clock.h"
#include "store/store_internal.h"

#define GATHER_EACH_NS (500 * NS_PER_US)
#define GATHER_MAX_NS (1500 * NS_PER_US)
#define GATHER_ENOUGH 64 /* waiting transactions that need not gather more */

/* Writing over the old log is cheaper than making it longer: a sync then need not write the file's
 * new length too. */
#define WAL_COPY_PAGES 500     /* 4 MiB of log that are new: copy them back */
#define WAL_RESTART_PAGES 2000 /* 16 MiB of log: also start it over, writers wait shortly */

struct writer {
    struct disk *disk;   /* used by the writer thread alone once it runs. NULL: not open yet */
    struct disk *second; /* the checkpointer's, after it was given work */
    const char *path;    /* NULL: memory only */
    char *path_text;
    struct store_fault *fault;
    struct thread *thread, *checkpointer;
    int fd;

    pthread_mutex_t lock; /* guards what follows; held for list operations only */
    pthread_cond_t work, copy;
    struct list queued, finished;
    size_t n_queued;
    size_t wal_pages; /* 0: nothing for the checkpointer to do */
    size_t copied;    /* pages of the log when the checkpointer last began; 0: it failed */
    bool stop, stop_copying;
};

static void list_move(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *n = from->next;
        list_remove(n);
        list_push_back(to, n);
    }
}

static void announce(struct writer *w)
{
    uint64_t one = 1;
    while (write(w->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Moves transactions of a broken epoch from `batch` to `failed`. */
static void take_broken(struct list *batch, uint64_t epoch, struct list *failed)
{
    LIST_EACH (batch, n) {
        if (LIST_ITEM(n, struct txn, node)->epoch <= epoch) {
            list_remove(n);
            list_push_back(failed, n);
        }
    }
}

/* Both connections, when they were not to be had before. */
static int connect_disk(struct writer *w, struct err *err)
{
    if (!w->disk && disk_open(&w->disk, w->path, w->fault, err) != 0)
        return -1;
    return w->second ? 0 : disk_open_second(&w->second, w->path, w->fault, err);
}

struct broken {
    uint64_t epoch; /* transactions up to this epoch fail; 0: none yet */
    struct err err;
};

static void commit_batch(struct writer *w, struct list *batch, struct broken *broken)
{
    struct list failed;
    list_init(&failed);
    take_broken(batch, broken->epoch, &failed);
    struct err err = { 0 };
    if (!list_empty(batch) &&
        (connect_disk(w, &err) != 0 || disk_write(w->disk, batch, &err) != 0)) {
        broken->epoch = LIST_ITEM(batch->prev, struct txn, node)->epoch;
        broken->err = err;
        list_move(batch, &failed);
    }
    LIST_EACH (&failed, n) {
        LIST_ITEM(n, struct txn, node)->err = broken->err;
    }
    list_move(batch, &failed); /* the failed ones were queued first */
    list_move(&failed, batch);
}

static void wait_until(struct writer *w, struct mono due)
{
    struct timespec at = { .tv_sec = due.ns / NS_PER_S, .tv_nsec = due.ns % NS_PER_S };
    while (w->n_queued < GATHER_ENOUGH && !w->stop &&
           pthread_cond_timedwait(&w->work, &w->lock, &at) != ETIMEDOUT)
        ;
}

/* Waits for something to commit and moves it to batch; false when there is nothing and will be
 * nothing. *due: when the next commit may start. With the lock held. */
static bool take_batch(struct writer *w, struct list *batch, struct mono *due)
{
    while (w->n_queued == 0 && !w->stop)
        pthread_cond_wait(&w->work, &w->lock);
    wait_until(w, *due);
    int64_t gather = (int64_t)w->n_queued * GATHER_EACH_NS;
    due->ns = clock_mono().ns + (gather < GATHER_MAX_NS ? gather : GATHER_MAX_NS);
    w->n_queued = 0;
    list_move(&w->queued, batch);
    return !list_empty(batch);
}

/* Tells the checkpointer once enough is new in the log; each of its runs syncs two files. With the
 * lock held. */
static void ask_to_copy(struct writer *w, size_t pages)
{
    bool restarted = pages < w->copied;
    size_t fresh = restarted ? pages : pages - w->copied;
    if (fresh < WAL_COPY_PAGES || w->wal_pages > 0)
        return;
    w->wal_pages = w->copied = pages;
    pthread_cond_signal(&w->copy);
}

static void writer_main(void *arg)
{
    struct writer *w = arg;
    struct broken broken = { 0 };
    struct mono due = { 0 };
    struct list batch;
    list_init(&batch);
    pthread_mutex_lock(&w->lock);
    while (take_batch(w, &batch, &due)) {
        pthread_mutex_unlock(&w->lock);
        commit_batch(w, &batch, &broken);
        size_t pages = w->disk ? disk_wal_pages(w->disk) : 0;
        pthread_mutex_lock(&w->lock);
        list_move(&batch, &w->finished);
        ask_to_copy(w, pages);
        announce(w);
    }
    pthread_mutex_unlock(&w->lock);
}

static void checkpointer_main(void *arg)
{
    struct writer *w = arg;
    bool failing = false;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->wal_pages == 0 && !w->stop_copying)
            pthread_cond_wait(&w->copy, &w->lock);
        if (w->stop_copying)
            break;
        size_t pages = w->wal_pages;
        pthread_mutex_unlock(&w->lock);
        struct err err = { 0 };
        bool failed = disk_checkpoint(w->second, pages >= WAL_RESTART_PAGES, &err) != 0;
        if (failed && !failing) /* once: a full disk fails it after each write */
            LOG_WARN("store.checkpoint_failed", kv_err(&err), kv_cstr("next", "with later writes"));
        failing = failed;
        pthread_mutex_lock(&w->lock);
        w->wal_pages = 0;
        if (failed)
            w->copied = 0;
    }
    pthread_mutex_unlock(&w->lock);
}

int writer_new(struct writer **out,
               struct disk *d,
               const char *path,
               struct store_fault *fault,
               struct err *err)
{
    struct writer *w = MEM_NEW(struct writer);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &clock);
    pthread_condattr_destroy(&clock);
    pthread_cond_init(&w->copy, NULL);
    list_init(&w->queued);
    list_init(&w->finished);
    w->disk = d;
    w->fault = fault;
    w->path = w->path_text = path ? str_dup(str_from(path)) : NULL;
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0) {
        err_sys(err, errno, "starting the store's writer");
        goto failed;
    }
    if (path) {
        if (d && connect_disk(w, err) != 0 && err->sys != ENOSPC)
            goto failed;
        w->thread = thread_start("store-write", writer_main, w, err);
        w->checkpointer = thread_start("store-copy", checkpointer_main, w, err);
        if (!w->thread || !w->checkpointer)
            goto failed;
    }
    *out = w;
    return 0;
failed: /* threads and locks need an order of their own */
    writer_stop(w);
    writer_free(w);
    return -1;
}

void writer_queue(struct writer *w, struct txn *t)
{
    pthread_mutex_lock(&w->lock);
    assert(!w->stop);
    if (!w->path) {
        bool first = list_empty(&w->finished);
        list_push_back(&w->finished, &t->node);
        if (first)
            announce(w);
    } else {
        list_push_back(&w->queued, &t->node);
        w->n_queued++;
        if (w->n_queued == 1 || w->n_queued == GATHER_ENOUGH)
            pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
}

int writer_fd(const struct writer *w)
{
    return w->fd;
}

void writer_take(struct writer *w, struct list *out)
{
    uint64_t n;
    while (read(w->fd, &n, sizeof n) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&w->lock);
    list_move(&w->finished, out);
    pthread_mutex_unlock(&w->lock);
}

void writer_stop(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    thread_join(TAKE(w->thread));
    pthread_mutex_lock(&w->lock);
    w->stop_copying = true;
    pthread_cond_signal(&w->copy);
    pthread_mutex_unlock(&w->lock);
    thread_join(TAKE(w->checkpointer));
    disk_close(TAKE(w->second));
    struct err err = { 0 };
    if (w->disk && disk_checkpoint(w->disk, true, &err) != 0)
        LOG_WARN("store.checkpoint_failed", kv_err(&err), kv_cstr("next", "at the next start"));
    disk_close(TAKE(w->disk));
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    assert(!w->thread && list_empty(&w->queued) && list_empty(&w->finished));
    if (w->fd >= 0)
        close(w->fd);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->copy);
    pthread_mutex_destroy(&w->lock);
    free(w->path_text);
    free(w);
}
