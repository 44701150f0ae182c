/* SPDX-License-Identifier: Apache-2.0
 * dra_score — how well a pod's claims fit a node: earlier alternatives of a prioritized list first
 * (KEP-4816), then what wastes least, then devices that are close to each other. Pure. */
#pragma once

#include "scheduler/claims/dra.h"

/* 0…100, of a node that passed dra_search_fits. */
int64_t dra_search_score(struct dra_search *s, const struct snode *node);
