/* SPDX-License-Identifier: Apache-2.0
 * load — runs the programs that load our server and the peer's: h2load and nginx, when installed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts a program pinned to one CPU core (-1: any) with its standard output to *out_fd (NULL: to
 * nowhere). -1 when it is not installed. argv ends with NULL. */
pid_t load_spawn(const char *const *argv, int cpu, int *out_fd);
void load_end(pid_t pid); /* terminates and reaps it */

/* Requests per second that h2load reports for url in `seconds`, or -1. */
double load_rate(const char *url, bool http1, int streams, int seconds);

/* nginx with one worker on core 0: plain HTTP/1.1, plain HTTP/2 and TLS ports, each answering the
 * same body. ports[0] is 0 when it is not installed. */
struct load_nginx {
    pid_t pid;
    char folder[64];
    uint16_t ports[3];
};
void load_nginx_start(struct load_nginx *n, const char *cert, const char *key, const char *body);
void load_nginx_stop(struct load_nginx *n);
