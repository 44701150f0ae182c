/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of kube/proto: any bytes either decode to a tree that JSON can hold and the typed
 * decoder can take, or are refused. */
#include "fuzz.h"

#include <assert.h>

#include "kube/normalise.h"
#include "kube/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct jnode *tree;
    struct err err = { 0 };
    if (proto_decode(a, str_make(data, n), &tree, &err) < 0) {
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
    } else {
        struct json_doc *doc;
        int rc = jnode_freeze(&doc, tree, &err);
        assert(rc == 0);
        const struct schema *s =
            schema_find_kind(json_str(json_get(json_root(doc), STR("apiVersion"))),
                             json_str(json_get(json_root(doc), STR("kind"))));
        if (s)
            normalise(a, s, jnode_thaw(a, json_root(doc)));
        json_doc_unref(doc);
    }
    arena_free(a);
    return 0;
}
