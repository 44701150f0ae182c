/* SPDX-License-Identifier: Apache-2.0
 * disk — the database file. One row per current object, keyed by a number that the store gives, so
 * that new rows go to the end of the B-tree and no secondary index is needed (three times the rows
 * per second of a text key). Resource, namespace and name stand beside the document for whoever
 * opens the file with sqlite3. The last revision is a row of its own, written in every transaction.
 *
 * WAL with synchronous=FULL: a commit is one append and one fdatasync. The log is copied back by a
 * second connection on a thread of its own (writer.c), never by a commit. */
#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store_internal.h"

#define DISK_FORMAT 1
#define DISK_BUSY_MS 30000 /* the writer waits this long for a log restart by the checkpointer */

enum stmt {
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_INSERT,
    STMT_UPDATE,
    STMT_DELETE,
    STMT_REVISION,
    STMT_COUNT_,
};

static const char *const stmt_sql[STMT_COUNT_] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_INSERT] = "INSERT INTO objects(id, resource, namespace, name, doc) VALUES(?,?,?,?,?)",
    [STMT_UPDATE] = "UPDATE objects SET doc = ?2 WHERE id = ?1",
    [STMT_DELETE] = "DELETE FROM objects WHERE id = ?1",
    [STMT_REVISION] = "UPDATE meta SET value = ?1 WHERE key = 'revision'",
};

struct disk {
    sqlite3 *db;
    sqlite3_stmt *stmt[STMT_COUNT_];
    struct store_fault *fault;
    size_t wal_pages;
};

/* A point of writing: may end the process, or say that it failed. */
static int fault_point(struct store_fault *f, struct err *err)
{
    if (!f)
        return 0;
    uint32_t point = atomic_fetch_add(&f->points, 1) + 1;
    if (point == f->die_at)
        _exit(STORE_FAULT_EXIT);
    uint32_t count = f->fail_count > 0 ? f->fail_count : 1;
    if (f->fail_at > 0 && point >= f->fail_at && point - f->fail_at < count)
        return err_set(err, ERR_IO, "writing the store: database or disk is full");
    return 0;
}

/* A quota and a limit of the file's size count as a full disk. */
static bool is_full(struct disk *d, int code)
{
    int sys = sqlite3_system_errno(d->db);
    return (code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE ||
           ((code & 0xff) != SQLITE_OK && (sys == ENOSPC || sys == EDQUOT || sys == EFBIG));
}

static int sql_fail(struct disk *d, struct err *err, const char *what)
{
    int code = sqlite3_extended_errcode(d->db);
    if (is_full(d, code)) {
        err_set(err, ERR_IO, "%s: no space left on the disk: make room (%s, %d)", what,
                sqlite3_errmsg(d->db), code);
        if (err)
            err->sys = ENOSPC;
        return -1;
    }
    return err_set(err, (code & 0xff) == SQLITE_BUSY ? ERR_BUSY : ERR_IO, "%s: %s (%d)", what,
                   sqlite3_errmsg(d->db), code);
}

static int sql_exec(struct disk *d, const char *sql, const char *what, struct err *err)
{
    if (sqlite3_exec(d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(d, err, what);
    return 0;
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct disk *d = arg;
    d->wal_pages = (size_t)pages;
    return SQLITE_OK;
}

static int check_format(struct disk *d, struct err *err)
{
    sqlite3_stmt *q = NULL;
    int format = -1;
    if (sqlite3_prepare_v2(d->db, "PRAGMA user_version", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        format = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    if (format < 0)
        return sql_fail(d, err, "reading the store");
    if (format > DISK_FORMAT)
        return err_set(err, ERR_INVALID, "the store has format %d, this program knows %d", format,
                       DISK_FORMAT);
    return 0;
}

static int prepare(struct disk *d, struct err *err)
{
    for (size_t i = 0; i < STMT_COUNT_; i++) {
        if (sqlite3_prepare_v3(d->db, stmt_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->stmt[i],
                               NULL) != SQLITE_OK)
            return sql_fail(d, err, "preparing the store");
    }
    return 0;
}

static int
open_connection(struct disk **out, const char *path, struct store_fault *fault, struct err *err)
{
    struct disk *d = MEM_NEW(struct disk);
    d->fault = fault;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &d->db, flags, NULL) != SQLITE_OK) {
        sql_fail(d, err, path);
        disk_close(d);
        return -1;
    }
    sqlite3_extended_result_codes(d->db, 1);
    sqlite3_busy_timeout(d->db, DISK_BUSY_MS);
    *out = d;
    return 0;
}

/* Pages of 8 KiB hold four pods: half the page writes of 4 KiB, for 5 % more bytes. A file keeps
 * the size it was made with. */
static const char setup_sql[] =
    "PRAGMA page_size = 8192;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA cache_size = -1024;"
    "PRAGMA temp_store = MEMORY;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta(key, value) VALUES('revision', 1);"
    "CREATE TABLE IF NOT EXISTS objects(id INTEGER PRIMARY KEY, resource TEXT NOT NULL,"
    " namespace TEXT NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL);"
    "PRAGMA user_version = 1;"
    "COMMIT;";

int disk_open(struct disk **out, const char *path, struct store_fault *fault, struct err *err)
{
    struct disk *d = NULL;
    if (open_connection(&d, path, fault, err) != 0)
        return -1;
    if (check_format(d, err) != 0 || sql_exec(d, setup_sql, "setting up the store", err) != 0 ||
        prepare(d, err) != 0) {
        disk_close(d);
        return err_wrap(err, "opening %s", path);
    }
    sqlite3_wal_hook(d->db, on_wal, d);
    *out = d;
    return 0;
}

/* An exclusive lock keeps the log's index in memory instead of a file, so nothing need grow. The
 * log is left as it is: copying it back needs room. */
int disk_open_reader(struct disk **out, const char *path, struct err *err)
{
    struct disk *d = NULL;
    if (open_connection(&d, path, NULL, err) != 0)
        return -1;
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sql_exec(d, "PRAGMA locking_mode = EXCLUSIVE;", "locking the store", err) != 0 ||
        check_format(d, err) != 0) {
        disk_close(d);
        return err_wrap(err, "reading %s", path);
    }
    *out = d;
    return 0;
}

int disk_open_second(struct disk **out,
                     const char *path,
                     struct store_fault *fault,
                     struct err *err)
{
    struct disk *d = NULL;
    if (open_connection(&d, path, fault, err) != 0)
        return -1;
    if (sql_exec(d,
                 "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 0;",
                 "setting up the store", err) != 0) {
        disk_close(d);
        return err_wrap(err, "opening %s", path);
    }
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < STMT_COUNT_; i++)
        sqlite3_finalize(d->stmt[i]);
    sqlite3_close(d->db);
    free(d);
}

static struct str column_text(sqlite3_stmt *q, int i)
{
    const void *p = sqlite3_column_text(q, i);
    return str_make(p ? p : "", (size_t)sqlite3_column_bytes(q, i));
}

static int load_rows(struct disk *d, sqlite3_stmt *q, disk_load_fn fn, void *arg, struct err *err)
{
    for (;;) {
        int rc = sqlite3_step(q);
        if (rc == SQLITE_DONE)
            return 0;
        if (rc != SQLITE_ROW)
            return sql_fail(d, err, "reading the store");
        if (fn(arg, sqlite3_column_int64(q, 0), column_text(q, 1), column_text(q, 2), err) != 0)
            return -1;
    }
}

int disk_load(struct disk *d, uint64_t *revision, disk_load_fn fn, void *arg, struct err *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(d->db, "SELECT value FROM meta WHERE key = 'revision'", -1, &q, NULL) !=
            SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW) {
        sqlite3_finalize(q);
        return sql_fail(d, err, "reading the last revision");
    }
    uint64_t last = (uint64_t)sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    if (sqlite3_prepare_v2(d->db, "SELECT id, resource, doc FROM objects ORDER BY id", -1, &q,
                           NULL) != SQLITE_OK)
        return sql_fail(d, err, "reading the store");
    int rc = load_rows(d, q, fn, arg, err);
    sqlite3_finalize(q);
    if (rc == 0)
        *revision = last;
    return rc;
}

static int step(struct disk *d, enum stmt which, struct err *err)
{
    sqlite3_stmt *q = d->stmt[which];
    int rc = sqlite3_step(q);
    int failed = rc == SQLITE_DONE ? 0 : sql_fail(d, err, "writing the store");
    sqlite3_reset(q);
    return failed;
}

static void bind_str(sqlite3_stmt *q, int i, struct str s)
{
    sqlite3_bind_text(q, i, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static int write_op(struct disk *d, const struct txn_op *op, struct err *err)
{
    enum stmt which = op->deletes ? STMT_DELETE : op->before ? STMT_UPDATE : STMT_INSERT;
    sqlite3_stmt *q = d->stmt[which];
    sqlite3_bind_int64(q, 1, op->id);
    if (which == STMT_UPDATE) {
        bind_str(q, 2, json_doc_text(op->object->doc));
    } else if (which == STMT_INSERT) {
        bind_str(q, 2, op->table->key);
        bind_str(q, 3, op->object->namespace);
        bind_str(q, 4, op->object->name);
        bind_str(q, 5, json_doc_text(op->object->doc));
    }
    if (step(d, which, err) != 0)
        return -1;
    assert(sqlite3_changes(d->db) == 1); /* memory and disk agree on what exists */
    return fault_point(d->fault, err);
}

static int write_rows(struct disk *d, struct list *txns, struct err *err)
{
    uint64_t revision = 0;
    LIST_EACH (txns, n) {
        struct txn *t = LIST_ITEM(n, struct txn, node);
        for (size_t i = 0; i < t->n; i++) {
            if (write_op(d, &t->ops[i], err) != 0)
                return -1;
        }
        revision = t->revision;
    }
    sqlite3_bind_int64(d->stmt[STMT_REVISION], 1, (int64_t)revision);
    return step(d, STMT_REVISION, err);
}

int disk_write(struct disk *d, struct list *txns, struct err *err)
{
    if (fault_point(d->fault, err) != 0 || step(d, STMT_BEGIN, err) != 0)
        return -1;
    if (write_rows(d, txns, err) != 0 || fault_point(d->fault, err) != 0 ||
        step(d, STMT_COMMIT, err) != 0) {
        if (!sqlite3_get_autocommit(d->db)) /* some failures roll back by themselves */
            step(d, STMT_ROLLBACK, NULL);
        return -1;
    }
    fault_point(d->fault, NULL); /* on disk now: may die, must not fail */
    return 0;
}

size_t disk_wal_pages(const struct disk *d)
{
    return d->wal_pages;
}

int disk_checkpoint(struct disk *d, bool restart_log, struct err *err)
{
    if (fault_point(d->fault, err) != 0)
        return -1;
    int rc = sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK && restart_log) /* what is left to copy is little: writers wait shortly */
        rc = sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        return sql_fail(d, err, "copying the log back");
    return fault_point(d->fault, err);
}
