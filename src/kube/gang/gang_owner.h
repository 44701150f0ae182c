/* SPDX-License-Identifier: Apache-2.0
 * gang_owner — what the objects of operators say about how many of their pods start together, for
 * pods without any label of a gang: Kubeflow's jobs, RayClusters, JobSets, LeaderWorkerSets. Only
 * what the operator makes at once is counted; what it makes once others run cannot be waited for.
 * Functions of the rows in gang_object.c. Pure. */
#pragma once

#include "kube/gang/gang_object.h"

/* PyTorchJob, TFJob, …: minAvailable of its scheduling policy, else each role's replicas; of an
 * elastic job its least workers. */
void gang_owner_kubeflow(const struct gang_object_kind *k,
                         struct json root,
                         struct str part,
                         struct arena *a,
                         struct gang_spec *out);
/* The workers; the launcher comes by a Job and may come after them. */
void gang_owner_mpijob(const struct gang_object_kind *k,
                       struct json root,
                       struct str part,
                       struct arena *a,
                       struct gang_spec *out);
/* The head and the workers of each group, the least of them where an autoscaler adds others. */
void gang_owner_raycluster(const struct gang_object_kind *k,
                           struct json root,
                           struct str part,
                           struct arena *a,
                           struct gang_spec *out);
/* part: a replicated Job, whose pods start together; others of the set may have to wait for it. */
void gang_owner_jobset(const struct gang_object_kind *k,
                       struct json root,
                       struct str part,
                       struct arena *a,
                       struct gang_spec *out);
/* part: a group; its leader and workers, unless these wait for a ready leader. */
void gang_owner_lws(const struct gang_object_kind *k,
                    struct json root,
                    struct str part,
                    struct arena *a,
                    struct gang_spec *out);
