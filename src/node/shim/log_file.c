/* SPDX-License-Identifier: Apache-2.0
 * log_file — see log_file.h. */
#include "node/shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

#define PUMPS_MAX 64 /* reads in one go, so that one talker does not starve the rest */

static void path_of(char out[600], const struct log_file *l, int64_t k)
{
    if (k)
        snprintf(out, 600, "%s.%lld", l->path, (long long)k);
    else
        snprintf(out, 600, "%s", l->path);
}

static void file_begin(struct log_file *l)
{
    struct stat st;
    l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    l->written = l->fd >= 0 && fstat(l->fd, &st) == 0 ? st.st_size : 0;
}

static void rotate(struct log_file *l)
{
    char from[600], to[600];
    close(l->fd);
    for (int64_t k = l->files_max - 1; k > 0; k--) {
        path_of(from, l, k - 1);
        path_of(to, l, k);
        rename(from, to); /* a missing one is fine */
    }
    if (l->files_max <= 1)
        unlink(l->path);
    file_begin(l);
}

static void remove_run(const char *name, int64_t attempt, int64_t files)
{
    struct log_file old;
    char path[600];
    snprintf(old.path, sizeof old.path, "logs/%s/%lld.log", name, (long long)attempt);
    for (int64_t k = 0; k < files; k++) {
        path_of(path, &old, k);
        unlink(path);
    }
}

void log_file_open(struct log_file *l, const char *name, int64_t attempt)
{
    char dir[400];
    mkdir("logs", 0750);
    snprintf(dir, sizeof dir, "logs/%s", name);
    mkdir(dir, 0750);
    snprintf(l->path, sizeof l->path, "%s/%lld.log", dir, (long long)attempt);
    l->streams[0] = (struct log_stream){ .fd = -1, .name = "stdout" };
    l->streams[1] = (struct log_stream){ .fd = -1, .name = "stderr" };
    file_begin(l);
    if (attempt >= 2)
        remove_run(name, attempt - 2, l->files_max);
}

static size_t stamp(char out[40])
{
    struct wall now = clock_wall();
    time_t s = (time_t)(now.ns / NS_PER_S);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(out + n, 40 - n, ".%09lldZ", (long long)(now.ns % NS_PER_S));
}

static void write_line(struct log_file *l, const struct log_stream *s, const char *text, size_t n)
{
    char head[64], when[40];
    stamp(when);
    bool whole = n && text[n - 1] == '\n';
    int len = snprintf(head, sizeof head, "%s %s %c ", when, s->name, whole ? 'F' : 'P');
    char tail[] = "\n"; /* iovec wants it writable */
    struct iovec v[3] = {
        { head, (size_t)len },
        { (void *)(uintptr_t)text, n },
        { tail, whole ? 0 : 1 },
    };
    if (l->fd < 0)
        return;
    ssize_t wrote = writev(l->fd, v, 3);
    if (wrote > 0)
        l->written += wrote; /* a full disk loses lines, not the container */
    if (l->written >= l->bytes_max)
        rotate(l);
}

/* Writes the finished lines of the buffer, and a full buffer as a part. */
static void write_lines(struct log_file *l, struct log_stream *s)
{
    size_t from = 0;
    for (;;) {
        char *end = memchr(s->line + from, '\n', s->n - from);
        if (!end)
            break;
        size_t n = (size_t)(end - (s->line + from)) + 1;
        write_line(l, s, s->line + from, n);
        from += n;
    }
    memmove(s->line, s->line + from, s->n - from);
    s->n -= from;
    if (s->n == sizeof s->line) {
        write_line(l, s, s->line, s->n);
        s->n = 0;
    }
}

static void stream_end(struct log_file *l, struct log_stream *s)
{
    if (s->fd < 0)
        return;
    if (s->n == sizeof s->line)
        s->n--; /* cannot be: write_lines empties a full buffer */
    if (s->n) {
        s->line[s->n++] = '\n';
        write_line(l, s, s->line, s->n);
    }
    s->n = 0;
    close(s->fd);
    s->fd = -1;
}

bool log_file_pump(struct log_file *l, struct log_stream *s)
{
    for (int i = 0; i < PUMPS_MAX && s->fd >= 0; i++) {
        ssize_t n = read(s->fd, s->line + s->n, sizeof s->line - s->n);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n <= 0) {
            stream_end(l, s);
            return false;
        }
        s->n += (size_t)n;
        write_lines(l, s);
    }
    return s->fd >= 0;
}

void log_file_close(struct log_file *l)
{
    for (int i = 0; i < 2; i++) {
        log_file_pump(l, &l->streams[i]);
        stream_end(l, &l->streams[i]);
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
