/* SPDX-License-Identifier: Apache-2.0
 * cgroups — limits for a pod where this machine lets us set them: cgroup v2 in a folder whose
 * controllers are delegated to us, else the v1 hierarchies that we may write, else nothing, said as
 * a capability. Decisions are made on what a probe of the tree found, under any root, so that tests
 * have a tree of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum cgroups_kind { CGROUPS_NONE, CGROUPS_V2, CGROUPS_V1 };

struct cgroups_host { /* what a machine allows; texts in the arena given to cgroups_find */
    enum cgroups_kind kind;
    struct str base;        /* v2: the folder below which pods get theirs */
    struct str cpu, memory; /* v1: those of the two hierarchies; absent: not writable */
    struct str why;         /* of NONE: what is missing, for people */
};

/* Looks at root ("/sys/fs/cgroup") as the process whose /proc/self/cgroup text this is. Reads only.
 */
void cgroups_find(struct cgroups_host *out, struct arena *a, struct str root, struct str self);

struct cgroups_limits {
    int64_t cpu_milli, mem_bytes; /* 0: no limit */
    int64_t cpu_request_milli;    /* the share of CPU time when it is scarce; 0: the least */
};

struct cgroups_write { /* one file to write below a folder to make */
    struct str dir, file, text;
};

#define CGROUPS_WRITES_MAX 8
#define CGROUPS_DIRS_MAX 2

struct cgroups_plan {
    struct str dirs[CGROUPS_DIRS_MAX]; /* made first; "cgroup.procs" in each is entered */
    size_t n_dirs;
    struct cgroups_write writes[CGROUPS_WRITES_MAX];
    size_t n_writes;
};

/* What to make for the pod named uid. Pure. */
void cgroups_plan(struct cgroups_plan *out,
                  struct arena *a,
                  const struct cgroups_host *h,
                  struct str uid,
                  const struct cgroups_limits *l);
/* Carries a plan out. On failure nothing of it stays. */
int cgroups_make(const struct cgroups_plan *p, struct err *err);
/* Removes the folders; those that still have processes stay. */
void cgroups_remove(const struct cgroups_plan *p);
/* Has the kernel killed a process in these folders for want of memory? */
bool cgroups_oom(const struct cgroups_plan *p);
