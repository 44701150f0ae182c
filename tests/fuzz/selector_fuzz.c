/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/selector: the canonical text of a label selector parses to itself, and field
 * selectors match what they ask for. */
#include "fuzz.h"

#include <assert.h>

#include "codec/selector.h"

static struct str echo(void *arg, struct str key)
{
    (void)arg;
    return key.n % 2 ? key : (struct str){ 0 };
}

static struct str lookup_own(void *arg, struct str key)
{
    return selector_fields_get(arg, key);
}

static bool has_differs(const struct selector_fields *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->terms[i].differs)
            return true;
    }
    return false;
}

static void check_labels(struct str text)
{
    struct selector *s = NULL, *again = NULL;
    struct err err = { 0 };
    if (selector_parse(&s, text, &err)) {
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
        return;
    }
    struct buf first, second;
    buf_init(&first, 2 * SELECTOR_TEXT_MAX);
    buf_init(&second, 2 * SELECTOR_TEXT_MAX);
    selector_write(&first, s);
    if (first.n <= SELECTOR_TEXT_MAX) { /* spaces in " in (" can make it longer */
        int rc = selector_parse(&again, buf_view(&first), NULL);
        assert(rc == 0);
        selector_write(&second, again);
        assert(str_eq(buf_view(&first), buf_view(&second)));
        assert(selector_matches_by(s, echo, NULL) == selector_matches_by(again, echo, NULL));
    }
    buf_fini(&first);
    buf_fini(&second);
    selector_free(s);
    selector_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct selector_fields fields = { 0 };
    check_labels(str_make(data, n));
    if (selector_fields_parse(&fields, str_make(data, n), NULL) == 0) {
        bool matches = selector_fields_match(&fields, lookup_own, &fields);
        if (fields.n == 1 && !has_differs(&fields))
            assert(matches);
        selector_fields_fini(&fields);
    }
    return 0;
}
