/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of records: a line is refused, or it is written again as one that reads the same. */
#include "fuzz.h"

#include <assert.h>

#include "scheduler/record/record.h"

static void write_again(struct buf *out, const struct record_line *l)
{
    if (l->is_header)
        record_header(out, &l->header);
    else if (l->input.kind != INPUT_STEP)
        record_input(out, &l->input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct record_line line, again;
    struct buf first, second;
    buf_init(&first, RECORD_LINE_BYTES_MAX);
    buf_init(&second, RECORD_LINE_BYTES_MAX);
    if (record_parse(&line, a, str_make((const char *)data, n), NULL) == 0) {
        write_again(&first, &line);
        if (first.n) {
            struct err err = { 0 };
            int rc = record_parse(&again, a, str_take(buf_view(&first), first.n - 1), &err);
            assert(rc == 0);
            write_again(&second, &again);
            assert(str_eq(buf_view(&first), buf_view(&second)));
            record_line_fini(&again);
        }
        record_line_fini(&line);
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_free(a);
    return 0;
}
