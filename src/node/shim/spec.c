/* SPDX-License-Identifier: Apache-2.0
 * spec — see spec.h. The file's bytes are kept, texts point into them. */
#include "node/shim/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/shim/protocol.h"

#define SPEC_BYTES_MAX (INT64_C(16) << 20)

/* n is at most the spec's bytes, so that the product cannot overflow. */
static void *grow(void *p, size_t n, size_t size)
{
    void *bigger = realloc(p, n * size);
    if (!bigger)
        abort();
    return bigger;
}

static void texts_add(struct shim_texts *t, char *text)
{
    t->items = grow(t->items, t->n + 2, sizeof *t->items);
    t->items[t->n++] = text;
    t->items[t->n] = NULL;
}

static struct shim_mount *mount_open(struct shim_container *c)
{
    struct shim_mount *last = c->n_mounts ? &c->mounts[c->n_mounts - 1] : NULL;
    if (last && !last->target)
        return last;
    c->mounts = grow(c->mounts, c->n_mounts + 1, sizeof *c->mounts);
    c->mounts[c->n_mounts] = (struct shim_mount){ 0 };
    return &c->mounts[c->n_mounts++];
}

static int container_add(struct shim_spec *s, const char *name, struct err *err)
{
    if (s->n == SHIM_CONTAINERS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d containers", SHIM_CONTAINERS_MAX);
    s->containers = grow(s->containers, s->n + 1, sizeof *s->containers);
    s->containers[s->n++] =
        (struct shim_container){ .name = name, .dir = "/", .uid = -1, .gid = -1 };
    return 0;
}

/* The keys that repeat; NULL for others. */
static struct shim_texts *texts_of(struct shim_container *c, const char *key)
{
    if (strcmp(key, "arg") == 0)
        return &c->args;
    if (strcmp(key, "env") == 0)
        return &c->envs;
    if (strcmp(key, "cgroup") == 0)
        return &c->cgroups;
    if (strcmp(key, "group") == 0)
        return &c->groups;
    return NULL;
}

static bool container_mount_key(struct shim_container *c, const char *key, char *value)
{
    if (strcmp(key, "mount-source") == 0)
        mount_open(c)->source = value;
    else if (strcmp(key, "mount-ro") == 0)
        mount_open(c)->read_only = true;
    else if (strcmp(key, "mount-target") == 0)
        mount_open(c)->target = value;
    else
        return false;
    return true;
}

static int container_key(struct shim_container *c, const char *key, char *value, struct err *err)
{
    struct shim_texts *texts = texts_of(c, key);
    if (texts)
        texts_add(texts, value);
    else if (strcmp(key, "pause") == 0)
        c->pause = true;
    else if (strcmp(key, "dir") == 0)
        c->dir = value;
    else if (strcmp(key, "uid") == 0)
        c->uid = strtoll(value, NULL, 10);
    else if (strcmp(key, "gid") == 0)
        c->gid = strtoll(value, NULL, 10);
    else if (strcmp(key, "cpus") == 0)
        c->cpus = value;
    else if (strcmp(key, "mems") == 0)
        c->mems = value;
    else if (!container_mount_key(c, key, value))
        return err_set(err, ERR_INVALID, "unknown key %s", key);
    return 0;
}

static int pair(struct shim_spec *s, const char *key, char *value, struct err *err)
{
    if (strcmp(key, "container") == 0)
        return container_add(s, value, err);
    if (s->n)
        return container_key(&s->containers[s->n - 1], key, value, err);
    if (strcmp(key, "log-bytes") == 0)
        s->log_bytes = strtoll(value, NULL, 10);
    else if (strcmp(key, "log-files") == 0)
        s->log_files = strtoll(value, NULL, 10);
    else if (strcmp(key, "network-address") == 0)
        s->network.address = value;
    else if (strcmp(key, "network-gateway") == 0)
        s->network.gateway = value;
    else if (strcmp(key, "network-link") == 0)
        s->network.link = value;
    else
        return err_set(err, ERR_INVALID, "unknown key %s", key);
    return 0;
}

static int read_whole(const char *path, char **out, size_t *n, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, errno, "cannot open the pod's spec");
    if (st.st_size > SPEC_BYTES_MAX) {
        close(fd);
        return err_set(err, ERR_TOO_LARGE, "the pod's spec has %lld bytes", (long long)st.st_size);
    }
    char *bytes = grow(NULL, (size_t)st.st_size + 1, 1);
    ssize_t got = read(fd, bytes, (size_t)st.st_size);
    close(fd);
    if (got != st.st_size || (got && bytes[got - 1] != '\0')) {
        free(bytes);
        return err_set(err, ERR_INVALID, "the pod's spec is cut");
    }
    *out = bytes;
    *n = (size_t)got;
    return 0;
}

static int parse(struct shim_spec *out, char *bytes, size_t n, struct err *err)
{
    for (char *p = bytes; p < bytes + n;) {
        char *value = p + strlen(p) + 1;
        if (value >= bytes + n)
            return err_set(err, ERR_INVALID, "the pod's spec ends after a key");
        if (pair(out, p, value, err) < 0)
            return -1;
        p = value + strlen(value) + 1;
    }
    return 0;
}

int spec_read(struct shim_spec *out, struct err *err)
{
    char *bytes = NULL;
    size_t n = 0;
    struct shim_spec s = { .log_bytes = 10 << 20, .log_files = 5 };
    if (read_whole("spec", &bytes, &n, err) < 0 || parse(&s, bytes, n, err) < 0)
        return -1;
    *out = s;
    return 0;
}

static void container_drop(struct shim_container *c)
{
    free(c->args.items);
    free(c->envs.items);
    free(c->cgroups.items);
    free(c->groups.items);
    free(c->mounts);
    free(c->bytes);
}

int spec_read_again(struct shim_container *c, struct err *err)
{
    char path[300], *bytes = NULL;
    size_t n = 0;
    struct shim_spec s = { 0 };
    snprintf(path, sizeof path, "spec.%s", c->name);
    if (access(path, F_OK) < 0)
        return 0;
    if (read_whole(path, &bytes, &n, err) < 0)
        return -1;
    int rc = parse(&s, bytes, n, err);
    bool fits = s.n == 1 && s.containers && strcmp(s.containers[0].name, c->name) == 0;
    if (rc == 0 && !fits)
        rc = err_set(err, ERR_INVALID, "%s is not about this container", path);
    if (rc == 0 && fits) {
        struct shim_container next = s.containers[0];
        next.name = c->name; /* others point at it */
        next.bytes = bytes;
        container_drop(c);
        *c = next;
    } else {
        for (size_t i = 0; i < s.n; i++)
            container_drop(&s.containers[i]);
        free(bytes);
    }
    free(s.containers);
    return rc;
}
