/* SPDX-License-Identifier: Apache-2.0
 * num — the mixing step that is too long for a header; see num.h. */
#include "base/num.h"

uint64_t num_mix64(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
