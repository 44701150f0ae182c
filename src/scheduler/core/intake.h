/* SPDX-License-Identifier: Apache-2.0
 * intake — from API objects to what the scheduler holds: shapes interned by template, relations
 * compiled, demands resolved to columns. The only file that reads Pod views and annotations for the
 * scheduler. Loop thread only. */
#pragma once

#include "kube/names.h"
#include "scheduler/config/profile.h"

struct shapes {
    struct map by_key;
};

void shapes_init(struct shapes *s);
void shapes_fini(struct shapes *s); /* no pod may hold one */

/* Drops score caches that are too far behind to be worth keeping, and all of them when they hold
 * more than max_bytes. */
void shapes_trim(struct shapes *s, const struct snapshot *snap, size_t max_bytes);

/* A pod, not placed and not in the snapshot yet. profile decides its plugins; pods of foreign
 * schedulers get any profile, they are only counted. */
struct spod *spod_new(struct cluster *c,
                      struct shapes *s,
                      const struct profile *profile,
                      const struct kobj *obj);
/* The same of one that runs on a node of the snapshot: where else it would fit must not be asked.
 */
struct spod *spod_new_running(struct cluster *c,
                              struct shapes *s,
                              const struct profile *profile,
                              const struct kobj *obj);
/* Must have left the snapshot and its gang. */
void spod_free(struct shapes *s, struct spod *p);

/* "waiting for scheduling gates: [a b]" */
struct str spod_gates_text(struct arena *a, const struct kobj *obj);

/* Annotations that carry a placement into the Binding and back after a restart:
 *   scheduling.ganglion.io/devices     "nvidia.com/gpu=0,1;amd.com/gpu=3"
 *   scheduling.ganglion.io/numa-cells  "0", "0,1", "0 exclusive" */

/* What a placed pod holds of its node: from its annotations; devices it must have but does not name
 * are the lowest free ones. */
void placement_recover(const struct cluster *c,
                       const struct spod *p,
                       const struct snode *n,
                       struct placement *out);
/* The annotations of a placement; NULL when there are none. */
struct jnode *placement_annotations(struct arena *a, const struct placement *p);
