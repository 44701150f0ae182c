/* SPDX-License-Identifier: Apache-2.0
 * library — see library.h. The whole path must be in trusted hands, as sshd wants it of its keys:
 * who may rename a folder above the file may put another file there. */
#include "io/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct library {
    void *handle;
};

/* ---- trust ---- */

static int check_one(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_sys(err, errno, "%s", path);
    bool folder = S_ISDIR(st.st_mode);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_set(err, ERR_DENIED, "%s belongs to user %u; make it yours: chown %u %s", path,
                       st.st_uid, geteuid(), path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(folder && (st.st_mode & S_ISVTX)))
        return err_set(err, ERR_DENIED, "others may write to %s; forbid it: chmod go-w %s", path,
                       path);
    return 0;
}

/* path is absolute and has no links; it is cut on the way. */
static int check_trust(char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is no regular file", path);
    for (;;) {
        if (check_one(path, err) != 0)
            return -1;
        char *slash = strrchr(path, '/');
        if (!slash || !slash[1])
            return 0;
        slash[slash == path ? 1 : 0] = '\0';
    }
}

/* A file that was cut off may lack pages that the loader maps: touching them is SIGBUS. The table
 * of sections stands at the end, so when it is there, all is. */
static int check_whole(const char *path, struct err *err)
{
    ElfW(Ehdr) head = { 0 };
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "%s", path);
    bool fine = fstat(fd, &st) == 0 && read(fd, &head, sizeof head) == sizeof head &&
                memcmp(head.e_ident, ELFMAG, SELFMAG) == 0;
    close(fd);
    if (!fine)
        return err_set(err, ERR_INVALID, "%s is no shared library", path);
    uint64_t end = head.e_shoff + (uint64_t)head.e_shnum * head.e_shentsize;
    if ((uint64_t)st.st_size < end)
        return err_set(err, ERR_INVALID,
                       "%s is cut off: it has %lld of at least %llu bytes; copy it again", path,
                       (long long)st.st_size, (unsigned long long)end);
    return 0;
}

/* ---- loading ---- */

int library_open(struct library **out, const char *path, struct err *err)
{
    char real[PATH_MAX], cut[PATH_MAX];
    if (!realpath(path, real)) {
        bool none = errno == ENOENT || errno == ENOTDIR;
        return none ? err_set(err, ERR_NOT_FOUND, "%s: there is no such file", path)
                    : err_sys(err, errno, "%s", path);
    }
    memcpy(cut, real, sizeof cut);
    if (check_trust(cut, err) != 0 || check_whole(real, err) != 0)
        return -1;
    void *handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, ERR_INVALID, "%s cannot be loaded: %s", path, dlerror());
    struct library *l = MEM_NEW(struct library);
    l->handle = handle;
    *out = l;
    return 0;
}

void library_close(struct library *l)
{
    if (!l)
        return;
    dlclose(l->handle);
    free(l);
}

const void *
library_object(const struct library *l, const char *name, size_t *bytes, struct err *err)
{
    Dl_info info;
    ElfW(Sym) *entry = NULL;
    void *at = dlsym(l->handle, name);
    if (!at || !dladdr1(at, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry ||
        (entry->st_info & 0xf) != STT_OBJECT) {
        err_set(err, ERR_NOT_FOUND, "it exports no variable \"%s\"", name);
        return NULL;
    }
    *bytes = entry->st_size;
    return at;
}
