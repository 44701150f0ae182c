/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/yaml: whatever was read can be written and read again; after one round, in
 * which numbers take YAML's forms, nothing changes any more. */
#include "fuzz.h"

#include <assert.h>

#include "codec/yaml.h"

static const struct json_limits limits = { .bytes = 1 << 16, .depth = 50, .nodes = 5000 };

static struct json_doc *write_and_read(struct json v, enum yaml_order order)
{
    struct buf out;
    struct yaml_docs docs = { 0 };
    buf_init(&out, 1 << 24);
    yaml_write(&out, v, order);
    assert(!out.failed);
    int rc = yaml_parse(&docs, buf_view(&out), &json_limits_own, NULL);
    assert(rc == 0 && docs.n == (json_type(v) != JSON_NULL));
    struct json_doc *doc = docs.n ? yaml_docs_pop(&docs) : NULL;
    yaml_docs_unref(&docs);
    buf_fini(&out);
    return doc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct yaml_docs docs = { 0 };
    struct err err = { 0 };
    if (yaml_parse(&docs, str_make(data, n), &limits, &err)) {
        assert(err.kind == ERR_INVALID || err.kind == ERR_TOO_LARGE);
        assert(docs.n == 0);
        return 0;
    }
    for (size_t i = 0; i < docs.n; i++) {
        struct json_doc *once = write_and_read(json_root(docs.items[i]), YAML_AS_IS);
        struct json_doc *twice = write_and_read(json_root(once), YAML_SORTED);
        assert(json_eq(json_root(once), json_root(twice)));
        json_doc_unref(once);
        json_doc_unref(twice);
    }
    yaml_docs_unref(&docs);
    return 0;
}
