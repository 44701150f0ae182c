/* SPDX-License-Identifier: Apache-2.0
 * ring — the all-reduce that data-parallel training uses to add up gradients.
 *
 * Worker r sends only to r+1 and receives only from r-1. An array is cut into as many chunks as
 * there are workers. In the first N-1 steps (reduce-scatter) partial sums travel around the ring,
 * one chunk ahead of the other, until each worker holds the full sum of one chunk; in the next N-1
 * steps (all-gather) these travel around once more. Each worker sends 2(N-1)/N of the array,
 * however many workers there are. Each chunk is summed in one order only, so that all workers get
 * the same bits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rendezvous.h"
#include "worker.h"

struct ring {
    const struct worker *worker; /* borrowed */
    int next_fd, prev_fd;
    float *scratch; /* one chunk */
    size_t scratch_n;
    uint64_t bytes_sent;
};

/* Connects to both neighbours and closes r->listener. Prints why on failure and returns -1. */
int ring_form(struct ring *ring, const struct worker *w, struct rendezvous *r);
void ring_fini(struct ring *ring);
/* Replaces v by its sum over all workers. -1: a neighbour is lost or silent (printed). */
int ring_sum(struct ring *ring, float *v, size_t n);
/* Whether all workers passed the same value: *same is set on success. */
int ring_agree(struct ring *ring, uint64_t value, int *same);
