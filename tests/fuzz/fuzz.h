/* SPDX-License-Identifier: Apache-2.0
 * fuzz — the one function that a fuzz target defines. It must accept any bytes, return 0, keep no
 * state between calls, and abort (assert) when an invariant breaks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A target may define this one too, for inputs that have a form: it makes another input of one. The
 * driver calls it for many seeds, libFuzzer instead of its own changes; those are here. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
