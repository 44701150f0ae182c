/* SPDX-License-Identifier: Apache-2.0
 * anchor — finds the label selectors that may match a pod without asking all of them. A selector
 * that needs "key in (value)" is filed under that label, and under its namespace when it is for one
 * only; a pod then meets those filed under its own labels. The rest is asked always. Embedded in
 * what it files, like a list. Loop thread only. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "scheduler/state/match.h"

struct anchored {
    struct list at;
    struct str namespace, key, value; /* borrowed from the selector; key absent: asked always */
};

struct anchor_index {
    struct map chains;
    struct list loose;
};

typedef void (*anchor_fn)(void *arg, struct anchored *candidate);

void anchor_index_init(struct anchor_index *ix);
void anchor_index_fini(struct anchor_index *ix); /* nothing may be filed any more */
/* namespace absent: any. The texts of both must live as long as the entry is filed. */
void anchor_add(struct anchor_index *ix,
                struct anchored *entry,
                struct str namespace,
                const struct label_sel *selector);
void anchor_del(struct anchor_index *ix, struct anchored *entry);
/* Calls fn once for each entry that might match; whether it does is for fn to see. */
void anchor_visit(const struct anchor_index *ix,
                  struct str namespace,
                  const struct labelset *labels,
                  anchor_fn fn,
                  void *arg);
