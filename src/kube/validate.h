/* SPDX-License-Identifier: Apache-2.0
 * validate — are the values of a built-in object allowed? Types are checked before (schema.h) and
 * defaults are filled in (default.h); here are the rules that name a field and say why, all of them
 * in one reply, in Kubernetes' field paths and words. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/kind.h"
#include "kube/status.h"

/* Adds a cause for each thing wrong with a new object, metadata included. Name and namespace must
 * be set (generateName already used). Kinds without rules get only the metadata rules. */
void validate_create(const struct resource *r, struct jnode *obj, struct causes *c);

/* The same for a change, and what must not change. old and obj are complete objects. */
void validate_update(const struct resource *r,
                     struct jnode *obj,
                     struct jnode *old,
                     struct causes *c);

/* A change through the status subresource: metadata and status only. */
void validate_update_status(const struct resource *r,
                            struct jnode *obj,
                            struct jnode *old,
                            struct causes *c);

/* A change of one part of a pod through its subresource: "ephemeralcontainers" or "resize". */
void validate_update_pod_part(struct str part,
                              struct jnode *obj,
                              struct jnode *old,
                              struct causes *c);

/* Metadata alone, for custom resources. */
void validate_meta_create(const struct resource *r, struct jnode *obj, struct causes *c);
void validate_meta_update(const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old,
                          struct causes *c);

/* Bodies of subresources. */
void validate_binding(struct jnode *binding, struct causes *c);
void validate_scale(struct jnode *scale, struct causes *c);
