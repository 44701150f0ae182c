/* SPDX-License-Identifier: Apache-2.0
 * mig_advice — how a node's GPUs would have to be cut anew so that a pod gets the MIG instances
 * that it asks for. Nodes say in the annotation scheduling.ganglion.io/mig what they are cut into,
 * GPU by GPU: "0=1g.10gb@0* 3g.40gb@4;1=" (profile@first slice, a star: a pod has it). Pure. */
#pragma once

#include "scheduler/cycle/evaluate.h"

/* For the node that lacks nothing but MIG instances and gets by with the least change: "GPU 0 of
 * node n: remove 1g.10gb@4, create 2g.20gb@4". Empty: no node can be cut so. */
struct str mig_advice(struct arena *a,
                      const struct cluster *c,
                      const struct spod *pod,
                      const struct evaluation *e);
