/* SPDX-License-Identifier: Apache-2.0
 * fieldset_test — the set algebra against a naive model: a bit per path of a small universe. */
#include "kube/fieldset.h"

#include "base/buf.h"
#include "testkit/check.h"

#define PATHS 39 /* of lengths 1 to 3 over three elements: 3 + 9 + 27 */

static const char *const elems[] = { "f:a", "k:{\"n\":\"b\"}", "v:\"c\"" };

/* Path i of the universe; returns its length. */
static size_t path_at(size_t i, struct str out[3])
{
    size_t len = i < 3 ? 1 : i < 12 ? 2 : 3, first = len == 1 ? 0 : len == 2 ? 3 : 12;
    i -= first;
    for (size_t j = 0; j < len; j++, i /= 3)
        out[len - 1 - j] = str_from(elems[i % 3]);
    return len;
}

static const struct fieldset *single(struct arena *a, const struct str *path, size_t n)
{
    struct fieldset_entry *e = ARENA_NEW(a, struct fieldset_entry);
    *e = (struct fieldset_entry){ path[0], n == 1, n > 1 ? single(a, path + 1, n - 1) : NULL };
    return fieldset_make(a, e, 1);
}

static const struct fieldset *from_bits(struct arena *a, uint64_t bits)
{
    const struct fieldset *x = NULL;
    for (size_t i = 0; i < PATHS; i++) {
        struct str path[3];
        size_t n = path_at(i, path);
        if (bits & UINT64_C(1) << i)
            x = fieldset_union(a, x, single(a, path, n));
    }
    return x;
}

static void check_bits(const struct fieldset *x, uint64_t bits)
{
    CHECK_I64(fieldset_count(x), __builtin_popcountll(bits));
    for (size_t i = 0; i < PATHS; i++) {
        struct str path[3];
        size_t n = path_at(i, path);
        CHECK(fieldset_has(x, path, n) == ((bits >> i & 1) != 0));
    }
    CHECK((x == NULL) == (bits == 0)); /* the empty set has one form */
}

static uint64_t random_bits(void)
{
    uint64_t bits = check_random() & ((UINT64_C(1) << PATHS) - 1);
    return check_random_below(2) ? bits & check_random() & check_random() : bits;
}

static void obeys_set_algebra(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        struct arena *a = arena_new();
        uint64_t p = random_bits(), q = random_bits();
        const struct fieldset *x = from_bits(a, p), *y = from_bits(a, q);
        check_bits(x, p);
        check_bits(fieldset_union(a, x, y), p | q);
        check_bits(fieldset_intersection(a, x, y), p & q);
        check_bits(fieldset_difference(a, x, y), p & ~q);
        CHECK(fieldset_eq(x, y) == (p == q));
        CHECK(fieldset_eq(fieldset_union(a, x, y), fieldset_union(a, y, x)));
        arena_free(a);
    }
}

static void survives_fields_v1(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct arena *a = arena_new();
        uint64_t bits = random_bits();
        struct jnode *written = fieldset_write(a, from_bits(a, bits));
        check_bits(fieldset_read(a, written), bits);
        struct jnode *again = fieldset_write(a, fieldset_read(a, written));
        CHECK(jnode_eq(written, again));
        arena_free(a);
    }
}

static void collect(void *arg, const struct str *path, size_t n)
{
    struct arena *a = arena_new();
    buf_printf(arg, "%.*s ", STR_ARG(fieldset_path_text(a, path, n)));
    arena_free(a);
}

static void prints_paths(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(
        json_parse(&doc,
                   STR("{\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":"
                       "\\\"TCP\\\"}\":{\".\":{},\"f:name\":{}}},\"f:tags\":{\"v:\\\"x\\\"\":{}},"
                       "\"f:list\":{\"i:3\":{}}}}"),
                   &json_limits_body, &err),
        err);
    struct buf b;
    buf_init(&b, 4096);
    fieldset_each(fieldset_read(a, jnode_thaw(a, json_root(doc))), collect, &b);
    CHECK_STR(buf_view(&b), ".spec.list[3] .spec.ports[port=80,protocol=\"TCP\"] "
                            ".spec.ports[port=80,protocol=\"TCP\"].name .spec.tags[=\"x\"] ");
    buf_fini(&b);
    json_doc_unref(doc);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(obeys_set_algebra),
        cmocka_unit_test(survives_fields_v1),
        cmocka_unit_test(prints_paths),
    };
    return CHECK_MAIN(tests);
}
