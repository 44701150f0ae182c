/* SPDX-License-Identifier: Apache-2.0
 * podlogs — see podlogs.h. A file that is rotated while it is read keeps its inode: at its end the
 * reader looks which number the inode has now, and goes on with the next younger file. */
#include "node/executor/podlogs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FILES_MAX 64
#define LINE_MAX_BYTES ((size_t)64 * 1024)

struct podlogs {
    char *base;      /* "DIR/logs/NAME/ATTEMPT.log" */
    char *exit_file; /* there once the run has ended */
    int fd;
    struct podlogs_query q; /* its texts are not used after open */
    int64_t left;           /* of the limit; -1: none */
    int64_t unread;         /* of the files' bytes at the start; INT64_MAX: following */
    struct buf pending;     /* bytes of the file up to an unfinished line */
    bool ended;             /* the exit file was there before the last read */
};

static void path_of(char out[1200], const struct podlogs *l, int k)
{
    if (k)
        snprintf(out, 1200, "%s.%d", l->base, k);
    else
        snprintf(out, 1200, "%s", l->base);
}

static int open_number(const struct podlogs *l, int k)
{
    char path[1200];
    path_of(path, l, k);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* How many rotated files there are. */
static int oldest(const struct podlogs *l)
{
    char path[1200];
    struct stat st;
    int k = 0;
    while (k + 1 < FILES_MAX && (path_of(path, l, k + 1), stat(path, &st)) == 0)
        k++;
    return k;
}

/* The number that the open file has now; FILES_MAX when it is gone. */
static int number_now(const struct podlogs *l)
{
    char path[1200];
    struct stat st, own;
    if (fstat(l->fd, &own) < 0)
        return FILES_MAX;
    for (int k = 0; k < FILES_MAX; k++) {
        path_of(path, l, k);
        if (stat(path, &st) == 0 && st.st_ino == own.st_ino && st.st_dev == own.st_dev)
            return k;
    }
    return FILES_MAX;
}

/* ---- where to begin ---- */

/* Counts *lines newlines back from the end of fd; the offset behind the one that is too many, or
 * -1 with *lines lowered when the file has fewer. */
static int64_t tail_offset(int fd, int64_t *lines, bool newest)
{
    char block[16384];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    int64_t at = st.st_size;
    int64_t extra = newest ? 1 : 0; /* the newline that ends the last line */
    while (at > 0) {
        size_t want = at < (int64_t)sizeof block ? (size_t)at : sizeof block;
        ssize_t n = pread(fd, block, want, at - (int64_t)want);
        if (n != (ssize_t)want)
            return -1;
        for (size_t i = want; i > 0; i--) {
            if (block[i - 1] != '\n')
                continue;
            if (extra) {
                extra = 0;
                continue;
            }
            if (--*lines == 0)
                return at - (int64_t)want + (int64_t)i;
        }
        at -= (int64_t)want;
    }
    return -1;
}

static void seek_tail(struct podlogs *l, int last)
{
    int64_t lines = l->q.tail_lines;
    bool newest = true;
    for (int k = 0; k <= last; k++) {
        int fd = open_number(l, k);
        if (fd < 0)
            continue;
        struct stat st;
        if (fstat(fd, &st) == 0 && st.st_size == 0 && k < last) {
            close(fd);
            continue;
        }
        int64_t at = lines == 0 ? lseek(fd, 0, SEEK_END) : tail_offset(fd, &lines, newest);
        newest = false;
        if (l->fd >= 0)
            close(l->fd);
        l->fd = fd;
        lseek(fd, at < 0 ? 0 : at, SEEK_SET);
        if (at >= 0)
            return;
    }
}

/* Bytes from here to the end of the newest file. */
static int64_t bytes_there(const struct podlogs *l)
{
    int64_t sum = -lseek(l->fd, 0, SEEK_CUR);
    char path[1200];
    struct stat st;
    int k = number_now(l);
    for (int i = k == FILES_MAX ? oldest(l) : k; i >= 0; i--)
        sum += (path_of(path, l, i), stat(path, &st)) == 0 ? st.st_size : 0;
    return sum > 0 ? sum : 0;
}

int64_t podlogs_latest_attempt(const char *dir)
{
    int64_t last = -1, n;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        struct str rest = str_from(e->d_name);
        if (str_to_i64(str_split(&rest, '.'), &n) && n > last)
            last = n;
    }
    if (d)
        closedir(d);
    return last;
}

struct podlogs *podlogs_open(const struct podlogs_query *q, struct err *err)
{
    char text[1100];
    snprintf(text, sizeof text, "%.*s/logs/%.*s", STR_ARG(q->dir), STR_ARG(q->container));
    int64_t attempt = podlogs_latest_attempt(text);
    if (attempt < 0) {
        err_set(err, ERR_INVALID, "container \"%.*s\" is waiting to start", STR_ARG(q->container));
        return NULL;
    }
    if (q->previous && attempt == 0) {
        err_set(err, ERR_INVALID, "previous terminated container \"%.*s\" not found",
                STR_ARG(q->container));
        return NULL;
    }
    attempt -= q->previous;
    struct podlogs *l = MEM_NEW(struct podlogs);
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "/%lld.log", (long long)attempt);
    l->base = mem_dup(text, strlen(text));
    snprintf(text, sizeof text, "%.*s/exits/%.*s.%lld", STR_ARG(q->dir), STR_ARG(q->container),
             (long long)attempt);
    l->exit_file = mem_dup(text, strlen(text));
    l->q = *q;
    l->left = q->limit_bytes;
    buf_init(&l->pending, PODLOGS_PIECE + LINE_MAX_BYTES);
    l->fd = -1;
    int last = oldest(l);
    if (q->tail_lines >= 0)
        seek_tail(l, last);
    else
        l->fd = open_number(l, last);
    if (l->fd < 0) {
        err_set(err, ERR_INVALID, "the log of container \"%.*s\" is gone", STR_ARG(q->container));
        podlogs_close(l);
        return NULL;
    }
    l->unread = q->follow ? INT64_MAX : bytes_there(l);
    return l;
}

void podlogs_close(struct podlogs *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    buf_fini(&l->pending);
    free(l->base);
    free(l->exit_file);
    free(l);
}

/* ---- lines ---- */

static void emit(struct podlogs *l, struct buf *out, struct str text)
{
    if (l->left >= 0 && (int64_t)text.n > l->left)
        text.n = (size_t)l->left;
    if (l->left >= 0)
        l->left -= (int64_t)text.n;
    buf_str(out, text);
}

/* "TIME STREAM F|P TEXT", without its newline. */
static void take_line(struct podlogs *l, struct buf *out, struct str line)
{
    struct wall at;
    struct str time = str_split(&line, ' ');
    str_split(&line, ' ');
    bool whole = str_is(str_split(&line, ' '), "F");
    if (!wall_parse(time, &at) || at.ns < l->q.since.ns)
        return;
    if (l->q.timestamps) {
        emit(l, out, time);
        emit(l, out, STR(" "));
    }
    emit(l, out, line);
    if (whole)
        emit(l, out, STR("\n"));
}

static void take_lines(struct podlogs *l, struct buf *out)
{
    struct str rest = buf_view(&l->pending);
    ptrdiff_t end;
    while ((end = str_find_char(rest, '\n')) >= 0) {
        take_line(l, out, str_take(rest, (size_t)end));
        rest = str_skip(rest, (size_t)end + 1);
    }
    buf_drop(&l->pending, l->pending.n - rest.n);
    if (l->pending.n >= LINE_MAX_BYTES)
        buf_clear(&l->pending); /* not a line of ours */
}

static bool exited(const struct podlogs *l)
{
    struct stat st;
    return stat(l->exit_file, &st) == 0;
}

enum podlogs_more podlogs_read(struct podlogs *l, struct buf *out)
{
    bool was_ended = exited(l); /* asked first: what the run wrote is there when we read */
    size_t want = l->unread < (int64_t)PODLOGS_PIECE ? (size_t)l->unread : PODLOGS_PIECE;
    char *room = buf_room(&l->pending, PODLOGS_PIECE);
    ssize_t n = room ? read(l->fd, room, want) : 0;
    if (n > 0) {
        l->pending.n += (size_t)n;
        l->unread -= l->q.follow ? 0 : n;
        take_lines(l, out);
    }
    if (l->left == 0 || l->unread == 0)
        return PODLOGS_END;
    if (n > 0)
        return PODLOGS_MORE;
    int k = number_now(l);
    if (k > 0) { /* rotated meanwhile */
        int next = open_number(l, k < FILES_MAX ? k - 1 : oldest(l));
        if (next < 0)
            return PODLOGS_END;
        close(l->fd);
        l->fd = next;
        return PODLOGS_MORE;
    }
    return was_ended || !l->q.follow ? PODLOGS_END : PODLOGS_IDLE;
}
