/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/json and jnode: what parses must come back the same from its compact text,
 * from its pretty text and through a tree of which everything was expanded. */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/jnode.h"

static struct json_doc *parse_again(struct str text)
{
    struct json_doc *doc = NULL;
    int rc = json_parse(&doc, text, &json_limits_own, NULL);
    assert(rc == 0);
    return doc;
}

static void check_pretty(const struct json_doc *doc)
{
    struct buf out;
    buf_init(&out, 1 << 26);
    json_write_pretty(&out, json_root(doc), 2);
    struct json_doc *again = parse_again(buf_view(&out));
    assert(str_eq(json_doc_text(again), json_doc_text(doc)));
    json_doc_unref(again);
    buf_fini(&out);
}

/* Reads every value; recursion is bounded by the parser's depth limit. */
static size_t walk(struct json v)
{
    int64_t i;
    double d;
    size_t sum = json_str(v).n + json_num_text(v).n + json_i64(v, &i) + json_f64(v, &d);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (it.key.p) {
            struct json member = json_get(v, it.key);
            assert(member.at == it.value.at);
        }
        sum += walk(it.value);
    }
    return sum;
}

static void expand(struct jnode *n)
{
    bool object = jnode_type(n) == JSON_OBJ;
    for (size_t i = 0; i < jnode_len(n); i++)
        expand(object ? jnode_value_at(n, i) : jnode_at(n, i));
}

static void check_tree(const struct json_doc *doc)
{
    struct arena *a = arena_new();
    struct jnode *n = jnode_thaw(a, json_root(doc));
    expand(n);
    struct json_doc *again = NULL;
    int rc = jnode_freeze(&again, n, NULL);
    assert(rc == 0 && json_eq(json_root(doc), json_root(again)));
    assert(jnode_text_bytes(n) == json_doc_text(again).n);
    walk(json_root(again));
    json_doc_unref(parse_again(json_doc_text(again)));
    json_doc_unref(again);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct buf dups;
    buf_init(&dups, 1 << 16);
    if (json_parse_dups(&doc, str_make(data, n), &json_limits_body, &dups, &err) == 0) {
        struct json_doc *again = parse_again(json_doc_text(doc));
        assert(str_eq(json_doc_text(again), json_doc_text(doc)));
        assert(json_doc_bytes(again) <= json_doc_bytes(doc));
        walk(json_root(doc));
        if (n < 4096) { /* walking with look-ups takes quadratic time */
            check_pretty(doc);
            check_tree(doc);
        }
        json_doc_unref(again);
        json_doc_unref(doc);
    } else {
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
    }
    buf_fini(&dups);
    return 0;
}
