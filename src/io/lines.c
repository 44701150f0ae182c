/* SPDX-License-Identifier: Apache-2.0
 * lines — see lines.h. zlib reads both kinds: a file without gzip's magic bytes passes through. */
#include "io/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"

#define READ_BYTES (1u << 18)

struct lines {
    gzFile file;
    char *path; /* own text, for messages */
    char *buf;
    size_t max, cap;
    size_t number;
};

int lines_open(struct lines **out, const char *path, size_t max_bytes, struct err *err)
{
    gzFile file = gzopen(path, "rb");
    if (!file)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    gzbuffer(file, READ_BYTES);
    struct lines *l = MEM_NEW(struct lines);
    l->file = file;
    l->path = str_dup(str_from(path));
    l->max = max_bytes;
    *out = l;
    return 0;
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
    gzclose(l->file);
    free(l->path);
    free(l->buf);
    free(l);
}

static int read_failed(const struct lines *l, struct err *err)
{
    int code;
    const char *why = gzerror(l->file, &code);
    if (code == Z_OK || code == Z_STREAM_END)
        return 0;
    return err_set(err, ERR_IO, "%s: %s", l->path, code == Z_ERRNO ? strerror(errno) : why);
}

static void grow(struct lines *l)
{
    l->cap = l->cap ? l->cap * 2 : 4096;
    if (l->cap > l->max + 2) /* the end of the line, and gzgets' NUL */
        l->cap = l->max + 2;
    l->buf = mem_realloc(l->buf, l->cap);
}

int lines_next(struct lines *l, struct str *out, struct err *err)
{
    size_t n = 0;
    for (;;) {
        if (n + 1 >= l->cap && l->cap < l->max + 2)
            grow(l);
        if (n + 1 >= l->cap)
            return err_set(err, ERR_TOO_LARGE, "%s: line %zu is longer than %zu bytes", l->path,
                           l->number + 1, l->max);
        size_t room = l->cap - n;
        if (!gzgets(l->file, l->buf + n, (int)room))
            break;
        n += strlen(l->buf + n); /* text has no NUL; a line with one is cut there */
        if (n && l->buf[n - 1] == '\n')
            break;
    }
    if (read_failed(l, err))
        return -1;
    if (n == 0)
        return 0;
    l->number++;
    if (l->buf[n - 1] == '\n')
        n--;
    *out = str_make(l->buf, n);
    return 1;
}

size_t lines_number(const struct lines *l)
{
    return l->number;
}
