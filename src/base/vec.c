/* SPDX-License-Identifier: Apache-2.0
 * vec — the growth policy shared by every typed vec; see vec.h. */
#include "base/vec.h"

#include <assert.h>
#include <stdint.h>

size_t vec_grow(size_t cap, size_t item_size)
{
    enum { FIRST = 8 };
    size_t next = cap ? cap * 2 : FIRST;
    assert(next > cap && next <= SIZE_MAX / 2 / item_size);
    return next;
}
