/* SPDX-License-Identifier: Apache-2.0
 * complete — what published manifests leave out and Kubernetes would refuse. For objects that name
 * one of our schedulers or carry our keys, before defaulting and validation: limits equal to
 * requests for extended resources, restartPolicy Never for a Job's pods, and selector and template
 * label app: NAME for a Deployment. Never changes what the user wrote. Used by the apiserver's
 * admission and by the webhook on real clusters. Pure. */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "codec/jnode.h"
#include "kube/kind.h"

VEC_TYPE(warning_vec, struct str);

/* Completes obj, a Pod, Job, Deployment or ReplicaSet, in place; other kinds are left alone. Each
 * thing done is told in one text (in the arena) for a Warning header. True when it did anything. */
bool complete_object(const struct resource *r,
                     struct jnode *obj,
                     struct arena *a,
                     struct warning_vec *warnings);

/* Is it one of the scheduler names we answer to? */
bool complete_is_our_scheduler(struct str name);
/* Is it a label or annotation key of ours? */
bool complete_is_our_key(struct str key);
