/* SPDX-License-Identifier: Apache-2.0
 * append — see append.h. */
#include "io/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define FLUSH_BYTES ((size_t)256 << 10)

struct append {
    char *path;
    int fd;
    struct buf waiting;
    int64_t size, max; /* of the file, waiting included */
};

/* The last line of a writer that was killed gets its end. */
static bool ends_within_a_line(int fd, int64_t size)
{
    char last;
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

int append_open(struct append **out, const char *path, int64_t max_bytes, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "opening %s", path);
    bool plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!plain || fchmod(fd, 0600) != 0) {
        int why = errno;
        close(fd);
        return plain ? err_sys(err, why, "%s", path)
                     : err_set(err, ERR_INVALID, "%s is not a plain file", path);
    }
    struct append *f = MEM_NEW(struct append);
    f->path = str_dup(str_from(path));
    f->fd = fd;
    f->size = st.st_size;
    f->max = max_bytes;
    buf_init(&f->waiting, SIZE_MAX);
    if (ends_within_a_line(fd, st.st_size)) {
        buf_char(&f->waiting, '\n');
        f->size++;
    }
    *out = f;
    return 0;
}

int append_flush(struct append *f, struct err *err)
{
    size_t done = 0;
    while (done < f->waiting.n) {
        ssize_t n = write(f->fd, f->waiting.p + done, f->waiting.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int why = errno;
            buf_drop(&f->waiting, done);
            return err_sys(err, why, "writing %s", f->path);
        }
        done += (size_t)n;
    }
    buf_clear(&f->waiting);
    return 0;
}

int append_put(struct append *f, struct str lines, struct err *err)
{
    if (f->size > f->max - (int64_t)lines.n)
        return err_set(err, ERR_TOO_LARGE, "%s: would get larger than %lld bytes", f->path,
                       (long long)f->max);
    buf_str(&f->waiting, lines);
    f->size += (int64_t)lines.n;
    return f->waiting.n < FLUSH_BYTES ? 0 : append_flush(f, err);
}

int64_t append_bytes(const struct append *f)
{
    return f->size;
}

void append_close(struct append *f)
{
    if (!f)
        return;
    append_flush(f, NULL);
    close(f->fd);
    buf_fini(&f->waiting);
    free(f->path);
    free(f);
}
