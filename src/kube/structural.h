/* SPDX-License-Identifier: Apache-2.0
 * structural — types of custom resources, made from a CustomResourceDefinition's openAPIV3Schema:
 * pruning, defaulting and validation as Kubernetes does them. Built-in types need none of this.
 * Not supported: x-kubernetes-validations (CEL rules are ignored). Pure; a structural may be read
 * by any thread. */
#pragma once

#include "base/err.h"
#include "codec/jnode.h"
#include "kube/schema.h"
#include "kube/status.h"

#define STRUCTURAL_NODES_MAX 20000 /* schema nodes of one version of one CRD */

struct structural; /* shape (b): owns its schema and holds the definition's document */

/* From one version's openAPIV3Schema. The definition should have passed structural_check.
 * apiVersion, kind and metadata are added at the root. ERR_INVALID when a pattern does not compile
 * or the value is no object, ERR_TOO_LARGE over STRUCTURAL_NODES_MAX. */
int structural_new(struct structural **out, struct json openapi_v3_schema, struct err *err);
void structural_free(struct structural *s);                         /* NULL is fine */
const struct schema *structural_schema(const struct structural *s); /* lives as long as s */

DEFINE_FREEP(struct structural *, structural_freep, structural_free)

/* Refuses a definition's schema as Kubernetes does; paths begin with root
 * ("spec.validation.openAPIV3Schema"). Adds causes; nothing added: the schema is structural. */
void structural_check(struct causes *causes, struct str root, struct json openapi_v3_schema);

/* Drops unknown fields, except where they are preserved. */
void structural_prune(struct arena *a, const struct schema *s, struct jnode *root);
/* Drops nulls that are no values and fills in defaults. The tree then borrows from the definition's
 * document until it is frozen. */
void structural_default(struct arena *a, const struct schema *s, struct jnode *root);
/* Adds a cause for each breach. Metadata and the kind are checked elsewhere. */
void structural_validate(struct causes *causes, const struct schema *s, struct jnode *root);
