/* SPDX-License-Identifier: Apache-2.0
 * usage — what this process takes from the machine, as the kernel counts it. Any thread. */
#pragma once

#include <stdint.h>

struct usage { /* plain data; 0: the kernel does not say */
    int64_t cpu_ns;
    int64_t resident_bytes, virtual_bytes;
    int64_t open_fds, max_fds, threads;
};

void usage_read(struct usage *out);

/* Lets this process, and those it starts, open so many files where the hard limit allows; shells
 * often give 1024 by default. Never lowers the limit. */
void usage_want_fds(int64_t n);
