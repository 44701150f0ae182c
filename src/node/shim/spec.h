/* SPDX-License-Identifier: Apache-2.0
 * spec — the flat description of a pod that the shim runs: pairs "key\0value\0". Pod keys come
 * first; "container NAME" begins a container, whose keys follow:
 *
 *   log-bytes N, log-files N          (pod) rotation of each container's log
 *   network-address IP, network-gateway IP, network-link NAME
 *                                     (pod) a network namespace of its own (network.h)
 *   container NAME
 *     arg TEXT, env NAME=VALUE        repeated, in order
 *     pause 1                         wait for a signal instead of executing
 *     dir PATH                        working directory; "/" when absent
 *     uid N, gid N, group N           group repeated
 *     cpus LIST, mems LIST            "0-3,8": CPU affinity, memory policy MPOL_BIND
 *     cgroup PATH                     a cgroup.procs file to enter; repeated
 *     mount-ro 1, mount-source PATH, mount-target PATH      target ends one mount
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct shim_mount {
    const char *source, *target;
    bool read_only;
};

struct shim_texts { /* NULL-terminated array */
    char **items;
    size_t n;
};

struct shim_container {
    const char *name, *dir, *cpus, *mems;
    bool pause;
    int64_t uid, gid; /* -1: as the shim */
    struct shim_texts args, envs, cgroups, groups;
    struct shim_mount *mounts;
    size_t n_mounts;
    char *bytes; /* its own, that the texts point into; NULL: those of the whole spec */
};

struct shim_network {
    const char *address, *gateway; /* address NULL: the machine's network */
    const char *link;              /* the device on the machine's side */
};

struct shim_spec { /* lives as long as the process */
    int64_t log_bytes, log_files;
    struct shim_network network;
    struct shim_container *containers;
    size_t n;
};

/* Reads the file "spec" of the working directory. ERR_INVALID: not made by our executor. */
int spec_read(struct shim_spec *out, struct err *err);
/* Reads the file "spec.NAME" of a container that is about to run again: what *c is from now on. No
 * such file leaves it as it is. */
int spec_read_again(struct shim_container *c, struct err *err);
