/* SPDX-License-Identifier: Apache-2.0
 * fuzz — the one function that a fuzz target defines. It must accept any bytes, return 0, keep no
 * state between calls, and abort (assert) when an invariant breaks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
