/* SPDX-License-Identifier: Apache-2.0
 * strategic — Kubernetes' strategic merge patch (application/strategic-merge-patch+json): a JSON
 * merge patch that knows by the type which lists merge and by which key. Directives: $patch
 * (replace, delete), $retainKeys, $setElementOrder/LIST, $deleteFromPrimitiveList/LIST. New list
 * items come first, as in Kubernetes. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/schema.h"

/* Merges patch into *doc, an object (exchanged when the patch replaces all). s: the type of *doc.
 * ERR_INVALID when the patch is no object, a directive is unknown, or an item of a merging list
 * lacks its key; the tree is then half-edited and must be thrown away. */
int strategic_merge(struct arena *a,
                    const struct schema *s,
                    struct jnode **doc,
                    struct json patch,
                    struct err *err);
