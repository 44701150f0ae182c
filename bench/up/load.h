/* SPDX-License-Identifier: Apache-2.0
 * load — creates pods over 16 TLS connections, as a client-go load of 16 workers does, and sees by
 * a watch when each is bound. */
#pragma once

#include <stdint.h>

#define LOAD_CONNECTIONS 16

struct load {
    const char *kubeconfig;
    const char *prefix; /* of pod names: must differ between runs */
    int pods;
    double per_second; /* offered rate; 0: as fast as 16 workers can */
    double timeout_s;
};

struct load_result {
    int created, bound;
    double create_s, bound_s; /* from the first create to the last answer, to the last binding */
    double p50_ms, p99_ms;    /* from a create's start to the binding seen */
};

/* Exits the benchmark with a message when the server cannot be reached or refuses a pod. */
void load_run(const struct load *l, struct load_result *out);
