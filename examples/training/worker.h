/* SPDX-License-Identifier: Apache-2.0
 * worker — who this process is within the job, from the environment that launchers of distributed
 * training set. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { WORLD_MAX = 1024 };

struct worker {
    int rank, world;
    int64_t exec_ns;            /* CLOCK_REALTIME at the start of main */
    bool has_ip;                /* POD_IP was set: */
    struct in_addr ip;          /* listen on this address */
    const char *master_host;    /* MASTER_ADDR, or NULL */
    uint16_t master_port;       /* MASTER_PORT; 0: any (with a rendezvous folder) */
    const char *rendezvous_dir; /* RENDEZVOUS_DIR, or NULL */
    uint64_t job;               /* hash of RENDEZVOUS_ID: keeps two jobs apart */
    int64_t join_ms, step_ms;   /* how long to wait for peers to come, and for one message */
};

/* Reads the environment; on a missing or wrong variable prints it to stderr and returns -1. */
int worker_from_env(struct worker *w, int64_t exec_ns);
/* "ring_train: rank 3: ..." and a newline on stderr. Returns -1. */
int worker_fail(const struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
