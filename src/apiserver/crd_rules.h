/* SPDX-License-Identifier: Apache-2.0
 * crd_rules — what a CustomResourceDefinition must be like: names, versions, schemas, columns. The
 * same field paths as Kubernetes: with one version only, what belongs to it is named at the top of
 * the spec. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/status.h"

/* obj is complete (crd.c filled in names and status). Metadata is checked elsewhere. */
void crd_rules_create(struct jnode *obj, struct causes *c);
void crd_rules_update(struct jnode *obj, struct jnode *old, struct causes *c);
