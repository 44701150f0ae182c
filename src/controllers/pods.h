/* SPDX-License-Identifier: Apache-2.0
 * pods — what controllers that own pods share: making one from a template, finding and counting
 * those they have. Pure. */
#pragma once

#include "base/vec.h"
#include "controllers/controller.h"
#include "kube/pod.h"

VEC_TYPE(pods_vec, const struct kobj *); /* borrowed from the cache for the pass */

#define PODS GVR("", "v1", "pods")

/* The pods whose controller is owner, from the owner index of caches[watch]. */
void pods_of_owner(struct reconcile *r,
                   size_t watch,
                   const struct kobj *owner,
                   struct pods_vec *out);

/* A pod as owner's template describes it, with owner as controller and a name that starts with
 * base: "base-x7k2p". n makes the names of one pass differ. Lives in r->a. */
struct jnode *pods_from_template(struct reconcile *r,
                                 const struct kobj *owner,
                                 struct json template,
                                 struct str base,
                                 uint64_t n);

/* Which pods to delete first when there are too many: not yet on a node, not ready, then youngest
 * (kubernetes/kubernetes pkg/controller ActivePods). Sorts in place. */
void pods_sort_for_deletion(struct pods_vec *pods);

/* For controller_keys_fn: "namespace/name" of the controlling owner of this kind, and of the one it
 * had before the event. */
void pods_owner_keys(struct buf *keys,
                     const struct kobj *before,
                     const struct kobj *after,
                     const char *owner_kind);

/* Since when the condition Ready is true; 0 when it is not. */
struct wall pods_ready_since(const struct kobj *pod);

/* Ready for at least min_ready_s at now. */
bool pods_available(const struct kobj *pod, int64_t min_ready_s, struct wall now);

/* The condition that says that a healthy pod is deleted because its gang starts anew
 * (gang/gang.c): DisruptionTarget with this reason. A Job does not count it as a failure. */
#define PODS_DISRUPTED "DisruptionTarget"
#define PODS_GANG_RESTART "GangRestart"
bool pods_disrupted_for(const struct kobj *pod, const char *reason);
bool pods_gang_restarted(const struct kobj *pod);
/* Sets the condition DisruptionTarget; false when the pod has it already with this reason. */
bool pods_disrupt(struct reconcile *r,
                  const struct kobj *pod,
                  const char *reason,
                  const char *message);

/* Writes status when it differs from what of has. */
void pods_put_status(struct reconcile *r,
                     struct gvr res,
                     const struct kobj *of,
                     struct jnode *status);
