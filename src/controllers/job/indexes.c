/* SPDX-License-Identifier: Apache-2.0
 * indexes — see indexes.h. */
#include "controllers/job/indexes.h"

#include "base/buf.h"
#include "base/num.h"

#define TEXT_BYTES_MAX ((size_t)1 << 20)

struct indexes indexes_new(struct arena *a, int64_t n)
{
    n = num_clamp_i64(n, 0, INDEXES_MAX);
    return (struct indexes){ .words = ARENA_ARRAY(a, uint64_t, (size_t)n / 64 + 1), .n = n };
}

bool indexes_has(const struct indexes *x, int64_t i)
{
    return i >= 0 && i < x->n && (x->words[i / 64] >> (i % 64) & 1);
}

void indexes_add(struct indexes *x, int64_t i)
{
    if (i < 0 || i >= x->n || indexes_has(x, i))
        return;
    x->words[i / 64] |= UINT64_C(1) << (i % 64);
    x->set++;
}

void indexes_parse(struct indexes *x, struct str text)
{
    for (struct str rest = text; rest.p && rest.n;) {
        struct str part = str_split(&rest, ','), from = part, to = str_split(&from, '-');
        int64_t first, last;
        if (!str_to_i64(to, &first))
            continue;
        if (!from.p || !str_to_i64(from, &last))
            last = first;
        for (int64_t i = num_max_i64(first, 0); i <= last && i < x->n; i++)
            indexes_add(x, i);
    }
}

static void put_run(struct buf *b, int64_t first, int64_t last)
{
    if (b->n)
        buf_char(b, ',');
    buf_i64(b, first);
    if (last == first)
        return;
    buf_char(b, last == first + 1 ? ',' : '-'); /* "1,2" but "1-3" */
    buf_i64(b, last);
}

struct str indexes_text(struct arena *a, const struct indexes *x)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES_MAX);
    for (int64_t i = 0; i < x->n; i++) {
        if (!indexes_has(x, i))
            continue;
        int64_t last = i;
        while (indexes_has(x, last + 1))
            last++;
        put_run(&b, i, last);
        i = last;
    }
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}
