/* SPDX-License-Identifier: Apache-2.0
 * rendezvous — how workers that only know rank 0 learn who is next to them.
 *
 * Rank 0 listens at MASTER_ADDR:MASTER_PORT, or anywhere and writes its address to a file in
 * RENDEZVOUS_DIR. Each other worker connects, says who it is and where it listens, and waits. When
 * all have come, rank 0 answers each with the address of its next neighbour. Workers may start in
 * any order and at any time within the join timeout: they try again until rank 0 is there.
 *
 * On the wire every message is eight 64-bit numbers, big-endian. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "worker.h"

enum { RENDEZVOUS_NUMBERS = 8 };

struct rendezvous {
    int listener;            /* where our previous neighbour will connect; the caller closes it */
    struct sockaddr_in next; /* where our next neighbour listens */
    int64_t skew_ns;         /* between the first and the last worker's start */
};

/* Says on stderr what went wrong, and which ranks did not come. Returns 0 or -1. */
int rendezvous_join(const struct worker *w, struct rendezvous *out);

/* One message: send it, or receive and check it. -1 with errno (EPROTO: not one of ours). */
int rendezvous_send(int fd, const uint64_t *numbers, int64_t deadline_ms);
int rendezvous_recv(int fd, uint64_t *numbers, int64_t deadline_ms);
/* Fills in what identifies the sender: magic, job, rank, world. */
void rendezvous_greet(const struct worker *w, uint64_t *numbers);
/* The sender's rank, or -1 when the message is not from a worker of our job. */
int rendezvous_rank(const struct worker *w, const uint64_t *numbers);
