/* SPDX-License-Identifier: Apache-2.0
 * file — see file.h. Everything is relative to descriptors where a path could change under us. */
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"

#define READ_PIECE ((size_t)64 * 1024)
#define TREE_DEPTH_MAX 128 /* each level holds one descriptor */

static void close_fdp(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int read_all(struct buf *out, int fd, const char *path, struct err *err)
{
    for (;;) {
        size_t room = out->max - out->n < READ_PIECE ? out->max - out->n : READ_PIECE;
        char over; /* one byte more than fits tells "full" from "too large" */
        char *to = room > 0 ? buf_room(out, room) : &over;
        ssize_t got = read(fd, to, room > 0 ? room : 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, errno, "reading %s", path);
        if (got == 0)
            return 0;
        if (room == 0)
            return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, out->max);
        out->n += (size_t)got;
        out->p[out->n] = '\0';
    }
}

int file_read(struct buf *out, const char *path, struct err *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(out, STDIN_FILENO, "standard input", err);
    AUTO(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "no file %s", path);
    if (fd < 0)
        return err_sys(err, errno, "opening %s", path);
    return read_all(out, fd, path, err);
}

int file_read_text(struct str *out, struct arena *a, struct str path, size_t max, struct err *err)
{
    AUTO(buf_fini) struct buf b;
    buf_init(&b, max);
    if (file_read(&b, arena_str(a, path).p, err) != 0)
        return -1;
    *out = arena_str(a, buf_view(&b));
    return 0;
}

static int write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t put = write(fd, bytes.p, bytes.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes = str_skip(bytes, (size_t)put);
    }
    return 0;
}

/* The folder part of path, "." when there is none. free() it. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_dup(".", 1);
    return mem_dup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int sync_folder(const char *path)
{
    AUTO(mem_freep) char *folder = folder_of(path);
    AUTO(close_fdp) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int file_write_atomic(const char *path, struct str bytes, mode_t mode, struct err *err)
{
    size_t cap = strlen(path) + 32;
    AUTO(mem_freep) char *tmp = mem_alloc(cap);
    snprintf(tmp, cap, "%s.%016" PRIx64 ".tmp", path, clock_random_u64());
    AUTO(close_fdp) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "creating %s", tmp);
    if (fchmod(fd, mode) != 0 || write_all(fd, bytes) != 0 || fsync(fd) != 0 ||
        rename(tmp, path) != 0) {
        int sys = errno;
        unlink(tmp);
        return err_sys(err, sys, "writing %s", path);
    }
    if (sync_folder(path) != 0)
        return err_sys(err, errno, "syncing the folder of %s", path);
    return 0;
}

static int make_dir(const char *path, mode_t mode, struct err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(err, errno, "creating folder %s", path);
    if (stat(path, &st) != 0)
        return err_sys(err, errno, "looking at %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_sys(err, ENOTDIR, "creating folder %s", path);
    return 0;
}

int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
    AUTO(mem_freep) char *copy = mem_dup(path, strlen(path));
    for (char *p = copy + 1; *copy != '\0' && *p != '\0'; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        if (make_dir(copy, mode, err) != 0)
            return -1;
        *p = '/';
    }
    return make_dir(copy, mode, err);
}

static int remove_inside(int dir_fd, dev_t dev, int depth);

static int remove_entry(int dir_fd, const char *name, dev_t dev, int depth)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
    if (st.st_dev != dev) {
        errno = EXDEV;
        return -1;
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || remove_inside(fd, dev, depth + 1) != 0) /* takes fd */
        return -1;
    return unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int remove_inside(int dir_fd, dev_t dev, int depth)
{
    DIR *dir = depth > TREE_DEPTH_MAX ? NULL : fdopendir(dir_fd);
    if (!dir) {
        close(dir_fd);
        errno = ELOOP;
        return -1;
    }
    int rc = 0;
    struct dirent *e = NULL;
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = remove_entry(dir_fd, e->d_name, dev, depth);
    }
    int sys = errno;
    closedir(dir);
    errno = sys;
    return rc;
}

int file_remove_tree(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "looking at %s", path);
    if (remove_entry(AT_FDCWD, path, st.st_dev, 0) != 0)
        return err_sys(err, errno, "removing %s", path);
    return 0;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

int file_make(const char *path, mode_t mode, struct err *err)
{
    AUTO(close_fdp) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "making %s", path);
    return fchmod(fd, mode) == 0 ? 0 : err_sys(err, errno, "setting the mode of %s", path);
}

int file_lock(int *out_fd, const char *path, struct err *err)
{
    AUTO(close_fdp) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "opening the lock %s", path);
    char pid[24] = { 0 };
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return err_sys(err, errno, "locking %s", path);
        ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
        struct str holder = str_trim(str_make(pid, got > 0 ? (size_t)got : 0));
        if (holder.n == 0)
            return err_set(err, ERR_BUSY, "%s is locked by another process", path);
        return err_set(err, ERR_BUSY, "%s is locked by process %.*s", path, STR_ARG(holder));
    }
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    /* The lock holds without it: on a full disk there may be no room for the number. */
    if ((pwrite(fd, pid, (size_t)n, 0) != n || ftruncate(fd, n) != 0) && errno != ENOSPC &&
        errno != EDQUOT && errno != EFBIG)
        return err_sys(err, errno, "writing the lock %s", path);
    *out_fd = fd;
    fd = -1;
    return 0;
}
