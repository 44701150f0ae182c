/* SPDX-License-Identifier: Apache-2.0
 * print — the cells of server-side Tables (meta.k8s.io/v1), which are what `kubectl get` shows.
 * Column headings come from struct resource. Pure. */
#pragma once

#include "base/arena.h"
#include "base/time.h"
#include "codec/jnode.h"
#include "kube/kind.h"
#include "kube/kobj.h"

/* A JSON array with one cell per column of r, wide ones (priority 1) included. Kinds without a
 * printer of their own get Name and Created At, or their columns' JSON paths when custom. */
struct jnode *
print_cells(struct arena *a, const struct resource *r, const struct kobj *o, struct wall now);

/* The columns that go with print_cells: r's own, or Name and Created At. *n is their number. */
const struct column *print_columns(const struct resource *r, size_t *n);

/* Gives a custom resource the columns of its definition's version (additionalPrinterColumns, after
 * the name; none: the age). version is an item of spec.versions; everything is copied into a. */
void print_custom_columns(struct arena *a, struct json version, struct resource *r);

/* A pod's STATUS as kubectl shows it: "Running", "Init:0/1", "CrashLoopBackOff", "Terminating". */
struct str print_pod_status(struct arena *a, const struct kobj *pod);
