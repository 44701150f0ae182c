/* SPDX-License-Identifier: Apache-2.0
 * pod_list — made-up but realistic pods, the same on every run: owner, labels, one or two
 * containers with probes and mounts, conditions, and managedFields, which are a third of a real
 * pod's text. */
#pragma once

#include "base/buf.h"

/* Appends pod number i as compact JSON: about 2 KB with one container, or 3.5 KB
 * with two that have probes and mounts. */
void pod_list_pod(struct buf *out, unsigned i, unsigned containers);
/* Appends a PodList of n pods with one container each: about 7 MB for 3,000. */
void pod_list(struct buf *out, unsigned n);
