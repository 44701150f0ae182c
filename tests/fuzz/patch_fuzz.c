/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/patch: a document on the first line, a patch on the rest; an array is a JSON
 * patch, anything else a merge patch. What comes out must be a document. */
#include "fuzz.h"

#include <assert.h>

#include "codec/patch.h"

static const struct json_limits limits = { .bytes = 1 << 16, .depth = 100, .nodes = 10000 };

/* The tree as a document; NULL when it became too deep or too large. */
static struct json_doc *freeze(struct jnode *n)
{
    struct json_doc *doc = NULL, *again = NULL;
    if (jnode_freeze(&doc, n, NULL) != 0)
        return NULL;
    int rc = json_parse(&again, json_doc_text(doc), &json_limits_own, NULL);
    assert(rc == 0 && json_eq(json_root(doc), json_root(again)));
    json_doc_unref(again);
    return doc;
}

static void check_merge(struct arena *a, struct json doc, struct json patch)
{
    struct json_doc *once = freeze(patch_merge(a, jnode_thaw(a, doc), patch));
    assert(once);
    struct json_doc *twice = freeze(patch_merge(a, jnode_thaw(a, json_root(once)), patch));
    assert(json_eq(json_root(once), json_root(twice)));
    json_doc_unref(once);
    json_doc_unref(twice);
}

static void check_ops(struct arena *a, struct json doc, struct json ops)
{
    struct jnode *n = jnode_thaw(a, doc);
    struct err err = { 0 };
    if (patch_json(a, &n, ops, &err) == 0)
        json_doc_unref(freeze(n));
    else
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = str_make(data, n);
    struct str first = str_split(&rest, '\n');
    struct json_doc *doc = NULL, *patch = NULL;
    if (json_parse(&doc, first, &limits, NULL) == 0 &&
        json_parse(&patch, rest, &limits, NULL) == 0) {
        struct arena *a = arena_new();
        if (json_type(json_root(patch)) == JSON_ARR)
            check_ops(a, json_root(doc), json_root(patch));
        check_merge(a, json_root(doc), json_root(patch));
        arena_free(a);
    }
    json_doc_unref(doc);
    json_doc_unref(patch);
    return 0;
}
