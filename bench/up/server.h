/* SPDX-License-Identifier: Apache-2.0
 * server — a `ganglion up` of the benchmark's own: started in a folder of its own, measured through
 * /proc, ended by its process id. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    double ready_ms; /* from fork to the line that says "ready" */
    char dir[256];
    char kubeconfig[300];
};

/* A new folder below $TMPDIR as s->dir, when that is "". */
void server_make_folder(struct server *s);
/* Starts `program up` with that many simulated nodes, or `program apiserver` for -1. Exits the
 * benchmark with a message when it does not get ready within a minute. */
void server_start(struct server *s, const char *program, int sim_nodes);
/* SIGTERM, waits; returns how long it took in ms. The folder stays. */
double server_stop(struct server *s);
void server_remove(struct server *s);
int64_t server_rss_kb(const struct server *s);
double server_cpu_s(const struct server *s); /* user and system, since its start */
double bench_now_ms(void);
