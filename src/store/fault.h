/* SPDX-License-Identifier: Apache-2.0
 * fault — switches that make the store fail, or the process die, at the n-th point of writing. For
 * crash tests: run with die_at = 1, 2, 3, … until nothing happens any more, and recover each time.
 * The points are: before a transaction, after each row, before the commit, after it, and around a
 * checkpoint. Plain data; NULL in the options costs nothing. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct store_fault {
    _Atomic uint32_t points; /* passed so far */
    uint32_t fail_at;        /* the point that reports a full disk; 0: none */
    uint32_t fail_count;     /* how many points from there on; 0 means one */
    uint32_t die_at;         /* the point at which the process ends at once (_exit 77); 0: none */
};

#define STORE_FAULT_EXIT 77
