/* SPDX-License-Identifier: Apache-2.0
 * patch — JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) on trees under edit. The patches
 * that need types (strategic merge, apply) are in kube/. Pure. */
#pragma once

#include "codec/jnode.h"

#define PATCH_OPS_MAX 10000 /* operations in one JSON patch, as kube-apiserver limits them */
#define PATCH_COPY_BYTES_MAX (UINT32_C(3) << 20) /* text that its copy operations may add */

/* Applies the operations in order to *doc (which a replace of "" may exchange). ERR_INVALID when an
 * operation is malformed, a path is missing or a test fails, ERR_TOO_LARGE over the limits above;
 * the tree is then half-edited and must be thrown away. `ops` must live as long as the tree. */
int patch_json(struct arena *a, struct jnode **doc, struct json ops, struct err *err);

/* Merges: null deletes, objects merge, everything else replaces. */
struct jnode *patch_merge(struct arena *a, struct jnode *doc, struct json patch);

/* The merge patch that turns before into after; NULL when they are equal. Nulls in after cannot be
 * expressed by a merge patch and count as absent. */
struct jnode *patch_diff(struct arena *a, struct json before, struct jnode *after);
