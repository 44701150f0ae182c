/* SPDX-License-Identifier: Apache-2.0
 * addresses — which addresses of 127.64.0.0/18 belong to pods. Numbers are given out in turn, so
 * that one just freed is not the next one used. Shape (a), pure; what is taken after a restart the
 * caller says with addresses_take (each pod's folder remembers its own). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define ADDRESSES_MAX 16384
#define ADDRESSES_GATEWAY "127.64.64.1" /* the machine, for pods with a network of their own */

struct addresses {
    uint64_t used[ADDRESSES_MAX / 64];
    uint32_t next;
};

/* A free number from 1; 0 when all are taken. */
uint32_t addresses_give(struct addresses *x);
bool addresses_take(struct addresses *x, uint32_t n); /* false: taken already, or not ours */
void addresses_free(struct addresses *x, uint32_t n);
/* The device that leads to this pod: "gpod1". */
struct str addresses_link(struct arena *a, uint32_t n);
struct str addresses_text(struct arena *a, uint32_t n); /* "127.64.0.1" */
uint32_t addresses_parse(struct str text);              /* 0: not one of these */
