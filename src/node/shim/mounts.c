/* SPDX-License-Identifier: Apache-2.0
 * mounts — see mounts.h. Everything is undone by the end of the namespace. */
#include "node/shim/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAGE "/stage"
#define COVERS_MAX 64

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? -1 : 0;
}

/* A user namespace in which we are who we were. */
static int enter_as_user(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return -1;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    if (write_text("/proc/self/uid_map", map) < 0)
        return -1;
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    return write_text("/proc/self/gid_map", map);
}

static int cover_entry(const char *dir, const char *name, const char *cover, struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX], link[PATH_MAX];
    struct stat st;
    if (snprintf(from, sizeof from, "%s/%s", dir, name) >= PATH_MAX ||
        snprintf(to, sizeof to, "%s/%s", cover, name) >= PATH_MAX)
        return err_set(err, ERR_TOO_LARGE, "the path %s/%s is too long", dir, name);
    if (lstat(from, &st) < 0)
        return 0; /* gone meanwhile */
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(from, link, sizeof link - 1);
        link[n < 0 ? 0 : n] = '\0';
        return symlink(link, to) < 0 ? err_sys(err, errno, "link %s", to) : 0;
    }
    if (S_ISDIR(st.st_mode)) {
        if (mkdir(to, 0755) < 0)
            return err_sys(err, errno, "mkdir %s", to);
    } else {
        int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
            return err_sys(err, errno, "create %s", to);
        close(fd);
    }
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_sys(err, errno, "bind %s", from);
    return 0;
}

static int cover_entries(const char *dir, const char *cover, struct err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(err, errno, "open %s", dir);
    int rc = 0, n = 0;
    for (struct dirent *e = readdir(d); e && rc == 0; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (++n > MOUNTS_ENTRIES_MAX)
            rc = err_set(err, ERR_TOO_LARGE, "%s has more than %d entries to keep visible", dir,
                         MOUNTS_ENTRIES_MAX);
        else
            rc = cover_entry(dir, e->d_name, cover, err);
    }
    closedir(d);
    return rc;
}

/* The covers made so far: a folder on one of them may get new entries. */
struct covers {
    dev_t items[COVERS_MAX];
    size_t n;
};

static bool covers_has(const struct covers *c, dev_t dev)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i] == dev)
            return true;
    return false;
}

/* The root cannot be mounted over for a process that is inside: it is exchanged. */
static int exchange_root(const char *stage, struct err *err)
{
    if (chdir(stage) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        return err_sys(err, errno, "exchange the root folder");
    return 0;
}

/* Puts a tmpfs with the same entries in place of dir. It is filled at a stage in the pod's folder,
 * unbindable so that it does not appear inside itself. */
static int cover_folder(struct covers *c, const char *dir, const char *stage, struct err *err)
{
    struct stat st;
    char mode[32];
    if (c->n == COVERS_MAX)
        return err_set(err, ERR_TOO_LARGE, "mounts in more than %d missing folders", COVERS_MAX);
    if (stat(dir, &st) < 0)
        return err_sys(err, errno, "stat %s", dir);
    snprintf(mode, sizeof mode, "mode=%04o", st.st_mode & 07777);
    if (mkdir(stage, 0755) < 0 && errno != EEXIST)
        return err_sys(err, errno, "make %s", stage);
    if (mount("ganglion", stage, "tmpfs", MS_NOSUID | MS_NODEV, mode) < 0 ||
        mount(NULL, stage, NULL, MS_UNBINDABLE, NULL) < 0 || stat(stage, &st) < 0)
        return err_sys(err, errno, "mount a tmpfs for %s", dir);
    if (cover_entries(dir, stage, err) < 0)
        return -1;
    c->items[c->n++] = st.st_dev;
    if (strcmp(dir, "/") == 0)
        return exchange_root(stage, err);
    if (mount(stage, dir, NULL, MS_MOVE, NULL) < 0)
        return err_sys(err, errno, "cover %s", dir);
    return 0;
}

/* Makes path (below an existing, covered folder) a folder or an empty file like the source. */
static int make_point(char *path, bool folder, struct err *err)
{
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        int rc = mkdir(path, 0755);
        int sys = errno;
        *p = '/';
        if (rc < 0 && sys != EEXIST)
            return err_sys(err, sys, "make the mount point %s", path);
    }
    int fd = -1;
    if (folder ? mkdir(path, 0755) < 0
               : (fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) < 0) {
        if (errno != EEXIST)
            return err_sys(err, errno, "make the mount point %s", path);
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* The nearest existing folder above path. */
static int nearest_folder(char out[PATH_MAX], const char *path, struct err *err)
{
    snprintf(out, PATH_MAX, "%s", path);
    for (;;) {
        char *slash = strrchr(out, '/');
        struct stat st;
        if (!slash)
            return err_set(err, ERR_INVALID, "%s is not an absolute path", path);
        slash[slash == out ? 1 : 0] = '\0';
        if (stat(out, &st) == 0)
            return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_INVALID, "%s is no folder", out);
        if (slash == out)
            return err_set(err, ERR_IO, "no folder holds %s", path);
    }
}

/* Is path inside one of these mounts? */
static bool inside(const struct shim_mount *mounts, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(mounts[i].target);
        if (strncmp(mounts[i].target, path, len) == 0 && (path[len] == '/' || !path[len]))
            return true;
    }
    return false;
}

/* Mount i is next; those before it are in place. */
static int need_point(struct covers *c, const struct shim_mount *mounts, size_t i, struct err *err)
{
    char path[PATH_MAX], dir[PATH_MAX], stage[PATH_MAX];
    const char *target = mounts[i].target;
    struct stat st, source;
    if (stat(mounts[i].source, &source) < 0)
        return err_sys(err, errno, "open the volume %s", mounts[i].source);
    bool folder = S_ISDIR(source.st_mode);
    if (stat(target, &st) == 0)
        return S_ISDIR(st.st_mode) == folder
                   ? 0
                   : err_set(err, ERR_INVALID, "%s is %s", target, folder ? "a file" : "a folder");
    if (snprintf(path, sizeof path, "%s", target) >= PATH_MAX)
        return err_set(err, ERR_TOO_LARGE, "the path %s is too long", target);
    if (nearest_folder(dir, target, err) < 0 || stat(dir, &st) < 0)
        return err_wrap(err, "mount %s", target);
    if (inside(mounts, i, dir) || covers_has(c, st.st_dev))
        return make_point(path, folder, err);
    if (!getcwd(stage, sizeof stage - sizeof STAGE))
        return err_sys(err, errno, "find the pod's folder");
    memcpy(stage + strlen(stage), STAGE, sizeof STAGE);
    if (cover_folder(c, dir, stage, err) < 0)
        return -1;
    return make_point(path, folder, err);
}

static int bind_mount(const struct shim_mount *m, struct err *err)
{
    if (mount(m->source, m->target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_sys(err, errno, "bind %s", m->target);
    if (m->read_only && mount(NULL, m->target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return err_sys(err, errno, "make %s read-only", m->target);
    return 0;
}

/* Into a mount namespace whose mounts the machine does not see. */
static int leave_machine(struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 && enter_as_user() < 0)
        return err_sys(err, errno, "volumes need a private mount namespace, refused here");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return 0;
    if (errno == EINVAL)
        return err_set(err, ERR_DENIED,
                       "volumes need a private mount namespace, but / is a chroot here");
    return err_sys(err, errno, "make mounts private");
}

/* Each volume is its own mount point: nothing needs to be mounted. */
static bool all_in_place(const struct shim_mount *mounts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (mounts[i].read_only || strcmp(mounts[i].source, mounts[i].target) != 0 ||
            access(mounts[i].target, F_OK) < 0)
            return false;
    return true;
}

int mounts_enter(const struct shim_mount *mounts, size_t n, struct err *err)
{
    struct covers covers = { .n = 0 };
    char here[PATH_MAX];
    if (!n)
        return 0;
    if (leave_machine(err) < 0)
        return all_in_place(mounts, n) ? 0 : -1;
    if (!getcwd(here, sizeof here))
        return err_sys(err, errno, "find the pod's folder");
    for (size_t i = 0; i < n; i++) {
        if (need_point(&covers, mounts, i, err) < 0 || bind_mount(&mounts[i], err) < 0)
            return -1;
        if (chdir(here) < 0) /* in the new root */
            return err_sys(err, errno, "return to the pod's folder");
    }
    return 0;
}
