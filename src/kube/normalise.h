/* SPDX-License-Identifier: Apache-2.0
 * normalise — what a typed decoder makes of an object of a built-in kind: unknown fields and nulls
 * go, zero values that Kubernetes does not write go, structs that it always writes appear, constant
 * defaults are filled in, times and quantities get their canonical text. Types of values must have
 * been checked (kube/schema_check.h). Clean subtrees stay untouched documents. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/schema.h"

void normalise(struct arena *a, const struct schema *s, struct jnode *root);

/* The default of a type as a new node; NULL when it has none. */
struct jnode *normalise_default(struct arena *a, const struct schema *s);
