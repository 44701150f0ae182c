/* SPDX-License-Identifier: Apache-2.0
 * podspec — a Pod as the flat spec that its shim runs (shim/spec.h): commands, environment with its
 * references resolved, mounts, users, CPUs and memory cells. Pure: ConfigMaps and Secrets come from
 * a look-up, volumes lie where podvolumes.h puts them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "kube/kobj.h"
#include "kube/pod.h"
#include "node/agent.h"

#define PODSPEC_BYTES_MAX ((size_t)8 << 20)
#define PODSPEC_ENV_MAX 4096 /* variables of one container */

/* The ConfigMap (secret false) or Secret of the pod's namespace; absent when there is none. */
typedef struct json (*podspec_find_fn)(void *arg, bool secret, struct str name);

struct podspec { /* what goes in; borrowed */
    const struct kobj *pod;
    struct str pod_ip, host_ip, node_name;
    struct str dir;               /* of the pod, absolute */
    int64_t cpu_milli, mem_bytes; /* of the node: limits that a container does not name */
    const struct str *cell_cpus;  /* CPU list of each NUMA cell */
    size_t n_cells;
    const struct node_image_command *images;
    size_t n_images;
    int64_t log_bytes, log_files;
    struct str link; /* device of the pod's own network; absent: it shares the machine's */
    const struct str *cgroups; /* cgroup.procs files that all containers enter */
    size_t n_cgroups;
    podspec_find_fn find;
    void *find_arg;
};

struct podspec_trouble {        /* why there is no spec */
    struct str reason, message; /* of the waiting state; in the arena */
    size_t container;
    bool final; /* trying again cannot help: the pod fails */
};

/* Appends the spec. -1 with *trouble filled. paused gets a bit for each container that runs the
 * built-in pause because its image is not known. */
int podspec_write(struct buf *out,
                  struct arena *a,
                  const struct podspec *s,
                  uint64_t *paused,
                  struct podspec_trouble *trouble);

/* Appends one container alone, for a file spec.NAME: what it names in the API may have changed. */
int podspec_write_container(struct buf *out,
                            struct arena *a,
                            const struct podspec *s,
                            size_t container,
                            struct podspec_trouble *trouble);

/* ---- environment (podenv.c) ---- */
/* Has the container variables that come from the API, and so may change between its runs? */
bool podenv_follows(const struct container *c);
struct env_var {
    struct str name, value;
};

struct env {
    struct env_var *items;
    size_t n;
};

int podenv_make(struct env *out,
                struct arena *a,
                const struct podspec *s,
                size_t container,
                struct podspec_trouble *trouble);
/* The variables' "$(NAME)" in text replaced; unknown names stay, "$$" is "$". */
struct str podenv_expand(struct arena *a, const struct env *env, struct str text);
/* A fieldRef's value; absent for a path that the local node does not know. */
struct str podenv_field(struct arena *a, const struct podspec *s, struct str path);
/* A resourceFieldRef's value; container: the one that holds it when the reference names none. */
struct str
podenv_resource(struct arena *a, const struct podspec *s, size_t container, struct json ref);
/* A key's bytes of a ConfigMap or Secret object, decoded, in the arena; absent: no such key. */
struct str podenv_key(struct arena *a, struct json object, bool secret, struct str key);
