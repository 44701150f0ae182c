/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/base64: decoding is strict, so encoding what was decoded gives the input. */
#include "fuzz.h"

#include <assert.h>

#include "codec/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int kind = BASE64_STD; kind <= BASE64_URL_RAW; kind++) {
        struct buf bytes, text;
        buf_init(&bytes, n);
        buf_init(&text, 2 * n + 4);
        if (base64_decode(&bytes, str_make(data, n), (enum base64_kind)kind, NULL) == 0) {
            base64_encode(&text, buf_view(&bytes), (enum base64_kind)kind);
            assert(str_eq(buf_view(&text), str_make(data, n)));
        }
        buf_clear(&text);
        buf_clear(&bytes);
        base64_encode(&text, str_make(data, n), (enum base64_kind)kind);
        int rc = base64_decode(&bytes, buf_view(&text), (enum base64_kind)kind, NULL);
        assert(rc == 0 && str_eq(buf_view(&bytes), str_make(data, n)));
        buf_fini(&bytes);
        buf_fini(&text);
    }
    return 0;
}
