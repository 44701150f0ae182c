/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/url: the same bytes as a URL, a path, a query and a text. What is taken
 * apart is part of the input, what was decoded comes back when it is encoded. */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "codec/url.h"

enum { OUT_MAX = 1 << 16 };

static void check_inside(struct str part, struct str whole)
{
    assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void check_split(struct str text)
{
    struct url u;
    if (url_split(&u, text, NULL) < 0)
        return;
    const struct str parts[] = { u.scheme, u.host, u.path, u.query };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        check_inside(parts[i], text);
    assert(u.scheme.n > 0 && u.host.n > 0);
}

static void check_path(struct arena *a, struct str text)
{
    struct url_path path;
    if (url_path_split(&path, a, text, NULL) < 0)
        return;
    assert(text.n > 0 && text.p[0] == '/' && path.n <= URL_SEGMENTS_MAX);
    for (size_t i = 0; i < path.n; i++) {
        struct str s = path.segments[i];
        assert(!memchr(s.p, '/', s.n) && !memchr(s.p, '\0', s.n));
        assert(!str_is(s, ".") && !str_is(s, ".."));
    }
}

static void check_query(struct arena *a, struct str text)
{
    struct str rest = text, key, value;
    size_t pairs = 0;
    while (url_query_next(&rest, &key, &value)) {
        check_inside(key, text);
        check_inside(value, text);
        assert(++pairs <= text.n);
    }
    url_query_get(a, text, STR("watch"));
}

static void check_codes(struct str text)
{
    struct buf coded, plain;
    buf_init(&coded, OUT_MAX);
    buf_init(&plain, OUT_MAX);
    url_encode(&coded, text);
    int rc = url_decode(&plain, buf_view(&coded), NULL);
    assert(rc == 0 && str_eq(buf_view(&plain), text));
    buf_clear(&plain);
    buf_clear(&coded);
    if (url_decode_query(&plain, text, NULL) == 0) {
        url_encode_path(&coded, buf_view(&plain));
        struct buf again;
        buf_init(&again, OUT_MAX);
        rc = url_decode(&again, buf_view(&coded), NULL);
        assert(rc == 0 && str_eq(buf_view(&again), buf_view(&plain)));
        buf_fini(&again);
    }
    buf_fini(&coded);
    buf_fini(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 4096 || memchr(data, '\0', n)) /* requests hold none; escaped, it is refused */
        return 0;
    struct str text = str_make(data, n);
    struct arena *a = arena_new();
    check_split(text);
    check_path(a, text);
    check_query(a, text);
    check_codes(text);
    arena_free(a);
    return 0;
}
