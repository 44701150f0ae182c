/* SPDX-License-Identifier: Apache-2.0
 * fragment — how much of a node's free GPU is of no use to the pods that this cluster tends to get.
 *
 * F(node) is the expected fragment for a typical pod m (share p_m): what lies on GPUs too small for
 * m when m fits the node, all of the free GPU when it does not, for whatever reason ("Beware of
 * Fragmentation", USENIX ATC '23). F looks one pod ahead. F′ looks to the end: all free GPU less
 * what repeated pods m could take, CPU counted, so eight idle GPUs with CPU for one pod are seen as
 * waste. fragment_of is F + depth · F′, in milli of GPU.
 *
 * For given GPU leftovers both are step functions of the free CPU: one table per leftovers is kept
 * until the typical pods change. Shape (b). */
#pragma once

#include "scheduler/devices/gpu_mix.h"

struct fragment;

struct fragment *fragment_new(void);
void fragment_free(struct fragment *f);
/* The typical pods and the weight of the depth term. */
void fragment_set(struct fragment *f, const struct gpu_typical *typical, size_t n, double depth);

/* Names a node's leftovers: the sum of one term per device and one for the model, so that a change
 * of one device changes one term. Two leftovers with equal keys would be taken for one another:
 * with 64 bits that does not happen by chance, and would cost a poor choice, not a wrong one. */
uint64_t fragment_key(const struct fragment *f, const struct gpu_room *room);
uint64_t fragment_term(const struct fragment *f, int32_t milli);
double fragment_of(struct fragment *f, const struct gpu_room *room, uint64_t key);
