/* SPDX-License-Identifier: Apache-2.0
 * volume_files — see volume_files.h. */
#include "node/executor/volume_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/file.h"

#define DATA "..data"
#define NEXT "..data_tmp"
#define OLD_PREFIX "..files."
#define DEPTH_MAX 32       /* of the paths in a volume */
#define PATH_BYTES_MAX 512 /* of one of them */

/* ---- the set ---- */

static bool path_allowed(struct str path)
{
    int depth = 0;
    if (!path.n || path.p[0] == '/' || str_starts(path, STR("..")) ||
        memchr(path.p, '\0', path.n) || path.n > PATH_BYTES_MAX)
        return false;
    while (path.p) {
        struct str step = str_split(&path, '/');
        if (!step.n || str_is(step, ".") || str_is(step, "..") || ++depth > DEPTH_MAX)
            return false;
    }
    return true;
}

int volume_files_add(struct volume_files *set, struct volume_file file, struct err *err)
{
    if (!path_allowed(file.path))
        return err_set(err, ERR_INVALID, "\"%.*s\" is no path inside a volume", STR_ARG(file.path));
    for (size_t i = 0; i < set->n; i++) {
        if (str_eq(set->items[i].path, file.path)) {
            set->items[i] = file;
            return 0;
        }
    }
    volume_files_push(set, file);
    return 0;
}

/* ---- what the folder shows ---- */

static bool fits(char out[PATH_MAX], const char *dir, const char *name, struct str rest)
{
    int n = snprintf(out, PATH_MAX, "%s/%s%s%.*s", dir, name, rest.n ? "/" : "", STR_ARG(rest));
    return n > 0 && n < PATH_MAX;
}

static mode_t mode_of(const struct volume_file *f, int64_t group)
{
    return (f->mode | (group >= 0 ? 0440 : 0)) & 0777;
}

static bool shows_file(const struct volume_file *f, const char *dir, int64_t group)
{
    char path[PATH_MAX];
    struct stat st;
    struct buf b;
    if (!fits(path, dir, DATA, f->path) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & 0777) != mode_of(f, group) || (size_t)st.st_size != f->bytes.n)
        return false;
    buf_init(&b, f->bytes.n + 1);
    bool same = file_read(&b, path, NULL) == 0 && str_eq(buf_view(&b), f->bytes);
    buf_fini(&b);
    return same;
}

/* Regular files below a folder. */
static size_t count_files(const char *dir, int depth)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[PATH_MAX];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            !fits(path, dir, e->d_name, STR("")) || lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            n += count_files(path, depth + 1);
        else
            n++;
    }
    if (d)
        closedir(d);
    return n;
}

static bool shows(const struct volume_files *set, const char *dir, int64_t group)
{
    char data[PATH_MAX];
    if (!fits(data, dir, DATA, STR("")) || access(data, F_OK) < 0 || count_files(data, 0) != set->n)
        return false;
    for (size_t i = 0; i < set->n; i++)
        if (!shows_file(&set->items[i], dir, group))
            return false;
    return true;
}

/* ---- making it so ---- */

static int give_group(const char *path, int64_t group, struct err *err)
{
    if (group >= 0 && geteuid() == 0 && chown(path, (uid_t)-1, (gid_t)group) < 0)
        return err_sys(err, errno, "set the group of %s", path);
    return 0;
}

static int write_bytes(const char *path, const struct volume_file *f, mode_t mode, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "make %s", path);
    size_t at = 0;
    while (at < f->bytes.n) {
        ssize_t n = write(fd, f->bytes.p + at, f->bytes.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    int sys = errno;
    bool ok = at == f->bytes.n && fchmod(fd, mode) == 0;
    close(fd);
    return ok ? 0 : err_sys(err, sys, "write %s", path);
}

static int write_one(const struct volume_file *f, const char *fresh, int64_t group, struct err *err)
{
    char path[PATH_MAX];
    mode_t folder = group >= 0 ? 02755 : 0755;
    if (!fits(path, fresh, "", f->path))
        return err_set(err, ERR_TOO_LARGE, "the path of %.*s is too long", STR_ARG(f->path));
    for (char *p = strchr(path + strlen(fresh) + 2, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        int rc = mkdir(path, folder);
        if (rc < 0 && errno != EEXIST)
            return err_sys(err, errno, "make the folder %s", path);
        if (rc == 0 && (give_group(path, group, err) < 0 || chmod(path, folder) < 0))
            return -1;
        *p = '/';
    }
    if (write_bytes(path, f, mode_of(f, group), err) < 0)
        return -1;
    return give_group(path, group, err);
}

/* The first step of a path: what is visible in the volume. */
static struct str first_step(struct str path)
{
    return str_split(&path, '/');
}

static bool visible(const struct volume_files *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (str_is(first_step(set->items[i].path), name))
            return true;
    return false;
}

static int link_one(const char *dir, struct str name, struct err *err)
{
    char path[PATH_MAX], want[PATH_MAX], have[PATH_MAX];
    snprintf(want, sizeof want, DATA "/%.*s", STR_ARG(name));
    if (!fits(path, dir, "", name))
        return err_set(err, ERR_TOO_LARGE, "the path of %.*s is too long", STR_ARG(name));
    ssize_t n = readlink(path, have, sizeof have - 1);
    have[n > 0 ? n : 0] = '\0';
    if (strcmp(have, want) == 0)
        return 0;
    if (unlink(path) < 0 && errno != ENOENT)
        return err_sys(err, errno, "replace %s", path);
    return symlink(want, path) < 0 ? err_sys(err, errno, "link %s", path) : 0;
}

/* Links of files that are gone, folders of files that nobody reaches by a name any more. */
static void tidy(const struct volume_files *set, const char *dir, const char *fresh)
{
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[PATH_MAX], target[PATH_MAX];
        if (!fits(path, dir, e->d_name, STR("")))
            continue;
        bool old = strncmp(e->d_name, OLD_PREFIX, strlen(OLD_PREFIX)) == 0;
        ssize_t n = old ? 0 : readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (old && strcmp(path, fresh) != 0)
            file_remove_tree(path, NULL);
        else if (strncmp(target, DATA "/", strlen(DATA) + 1) == 0 && !visible(set, e->d_name))
            unlink(path);
    }
    if (d)
        closedir(d);
}

static int fill(const struct volume_files *set, const char *fresh, int64_t group, struct err *err)
{
    if (chmod(fresh, group >= 0 ? 02755 : 0755) < 0)
        return err_sys(err, errno, "set the mode of %s", fresh);
    if (give_group(fresh, group, err) < 0)
        return -1;
    for (size_t i = 0; i < set->n; i++)
        if (write_one(&set->items[i], fresh, group, err) < 0)
            return -1;
    return 0;
}

/* From here on readers see the new files. */
static int switch_over(const char *dir, const char *fresh, struct err *err)
{
    char next[PATH_MAX], data[PATH_MAX];
    if (!fits(next, dir, NEXT, STR("")) || !fits(data, dir, DATA, STR("")))
        return err_set(err, ERR_TOO_LARGE, "the path of %s is too long", dir);
    unlink(next);
    if (symlink(strrchr(fresh, '/') + 1, next) < 0 || rename(next, data) < 0)
        return err_sys(err, errno, "exchange %s", data);
    return 0;
}

int volume_files_show(const struct volume_files *set,
                      const char *dir,
                      int64_t group,
                      bool *changed,
                      struct err *err)
{
    char fresh[PATH_MAX];
    *changed = false;
    if (shows(set, dir, group))
        return 0;
    if (!fits(fresh, dir, OLD_PREFIX "XXXXXX", STR("")) || !mkdtemp(fresh))
        return err_sys(err, errno, "make a folder in %s", dir);
    if (fill(set, fresh, group, err) < 0 || switch_over(dir, fresh, err) < 0) {
        file_remove_tree(fresh, NULL);
        return -1;
    }
    *changed = true;
    for (size_t i = 0; i < set->n; i++)
        if (link_one(dir, first_step(set->items[i].path), err) < 0)
            return -1;
    tidy(set, dir, fresh);
    return 0;
}
