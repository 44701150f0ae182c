/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/quantity: what parses is printed, reads back as the same value, and its sums
 * with itself can be undone. */
#include "fuzz.h"

#include <assert.h>

#include "codec/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct quantity q, again;
    struct err err = { 0 };
    if (quantity_parse(&q, str_make(data, n), &err)) {
        assert(err.kind == ERR_INVALID);
        return 0;
    }
    struct buf text;
    buf_init(&text, 64);
    quantity_write(&text, &q);
    assert(!text.failed);
    int rc = quantity_parse(&again, buf_view(&text), &err);
    assert(rc == 0 && quantity_cmp(&q, &again) == 0);
    int64_t units = quantity_units(&q);
    assert((units > 0) - (units < 0) == quantity_sign(&q));
    quantity_add(&again, &q);
    assert(quantity_cmp(&again, &q) * quantity_sign(&q) >= 0);
    quantity_sub(&again, &q);
    quantity_sub(&again, &q);
    assert(quantity_sign(&again) * quantity_sign(&q) <= 0);
    buf_fini(&text);
    return 0;
}
