/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of what kube does to a body of a built-in kind: check, complete, patch, own. Bodies
 * of wrong types go through completion too, because patched objects meet it before they are
 * checked. A completed object must be complete, and applying what is there must not conflict or
 * change it. */
#include "fuzz.h"

#include <assert.h>

#include "kube/apply.h"
#include "kube/default.h"
#include "kube/schema_check.h"
#include "kube/strategic.h"

static struct json_doc *freeze(struct jnode *tree)
{
    struct json_doc *doc = NULL;
    int rc = jnode_freeze(&doc, tree, NULL);
    assert(rc == 0);
    return doc;
}

static struct json_doc *complete(struct arena *a, const struct resource *r, struct json v)
{
    struct jnode *tree = jnode_thaw(a, v);
    default_object(a, r, tree);
    return freeze(tree);
}

static void own(struct arena *a, const struct resource *r, const struct json_doc *doc)
{
    struct apply_writer w = {
        .schema = r->schema, .manager = STR("m"), .api_version = STR("v1"), .now = { 1 }
    };
    struct jnode *tree = jnode_thaw(a, json_root(doc));
    struct jnode *again = jnode_copy(a, tree);
    struct json_doc *held = NULL;
    bool as_text = apply_track_new(a, &w, again, &held);
    apply_track_update(a, &w, NULL, tree);
    assert(!as_text || jnode_eq(again, tree));
    json_doc_unref(held);
    struct causes conflicts = { .a = a };
    struct apply_request q = { .by = w, .live = tree, .applied = json_root(doc) };
    struct jnode *merged;
    struct err err = { 0 };
    if (apply_merge(a, &q, &conflicts, &merged, &err) < 0)
        assert(err.kind == ERR_INVALID);
    cause_vec_fini(&conflicts.list);
}

static void run(struct arena *a, const struct resource *r, struct json body)
{
    struct err err = { 0 };
    struct schema_paths unknown = { .a = a };
    bool odd = false;
    int typed = schema_check_types(r->schema, body, (struct json){ 0 }, &odd, &err);
    schema_check_unknown(&unknown, r->schema, body, (struct json){ 0 });
    assert(typed != 0 || odd || unknown.n == 0);
    struct json_doc *once = complete(a, r, body);
    if (typed == 0) {
        struct json_doc *twice = complete(a, r, json_root(once));
        assert(json_eq(json_root(once), json_root(twice)));
        struct schema_paths left = { .a = a };
        schema_check_unknown(&left, r->schema, json_root(once), (struct json){ 0 });
        assert(left.n == 0);
        json_doc_unref(twice);
    }
    own(a, r, once);
    struct jnode *patched = jnode_thaw(a, json_root(once));
    if (strategic_merge(a, r->schema, &patched, body, &err) < 0)
        assert(err.kind == ERR_INVALID);
    else
        json_doc_unref(freeze(patched));
    json_doc_unref(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json_doc *doc;
    if (json_parse(&doc, str_make(data, n), &json_limits_body, NULL) < 0)
        return 0;
    struct json root = json_root(doc);
    const struct resource *r = resource_find_kind(json_str(json_get(root, STR("apiVersion"))),
                                                  json_str(json_get(root, STR("kind"))));
    if (r && r->schema) {
        struct arena *a = arena_new();
        run(a, r, root);
        arena_free(a);
    }
    json_doc_unref(doc);
    return 0;
}
