/* SPDX-License-Identifier: Apache-2.0
 * budget — PodDisruptionBudgets as preemption sees them: how many of the pods that a selector
 * matches may be evicted now. Loop thread only. */
#pragma once

#include "scheduler/state/cluster.h"

/* policy/v1 PodDisruptionBudget. The object is referenced. */
void cluster_budget_set(struct cluster *c, const struct kobj *obj);
void cluster_budget_del(struct cluster *c, struct str namespace, struct str name);
void cluster_budgets_fini(struct cluster *c);

/* What the budgets still allow while victims are chosen. Lives in the arena; the budgets must not
 * change meanwhile. */
struct budget_ledger;
struct budget_ledger *budget_ledger_new(const struct cluster *c, struct arena *a);
/* Forgets what was taken. */
void budget_ledger_reset(struct budget_ledger *l);
/* Takes one eviction from every budget that covers the pod; false when one of them had none left.
 * As in kube-scheduler: an empty selector and a pod without labels match nothing, and pods that
 * status.disruptedPods names are counted already. */
bool budget_take(struct budget_ledger *l, const struct spod *pod);
