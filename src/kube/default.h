/* SPDX-License-Identifier: Apache-2.0
 * default — what Kubernetes fills in when an object is decoded, before admission and validation.
 * Constant defaults lie in the schema (kube/normalise.h); here are those that depend on something.
 * Idempotent: a complete object stays as it is. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/kind.h"

/* Completes a decoded object of the resource, whose types were checked (kube/schema_check.h):
 * built-in kinds are normalised (unknown fields go) and defaulted, custom ones are pruned and
 * defaulted by their schema. Free form resources (r->schema NULL) are left alone. */
void default_object(struct arena *a, const struct resource *r, struct jnode *root);

/* The defaults of a pod's spec inside a template of another kind. spec must be normalised. */
void default_pod_spec(struct arena *a, struct jnode *spec);

/* "Always" for images tagged latest or not at all, else "IfNotPresent". */
struct str default_pull_policy(struct str image);
