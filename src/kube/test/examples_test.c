/* SPDX-License-Identifier: Apache-2.0
 * The three published KubeNexus manifests, byte for byte: refused as they are, fine once completed,
 * and complete the second time round. */
#include <stdio.h>

#include "testkit/check.h"

#include "base/buf.h"
#include "codec/yaml.h"
#include "kube/complete.h"
#include "kube/default.h"
#include "kube/validate.h"

#define FOLDER GANGLION_SOURCE_ROOT "/examples/kubenexus/"

static struct json_doc *load(const char *path)
{
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    struct buf b = { 0 };
    buf_init(&b, 65536);
    size_t n = fread(buf_room(&b, 65535), 1, 65535, f);
    b.n = n;
    fclose(f);
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(yaml_parse_one(&doc, buf_view(&b), &json_limits_body, &err), err);
    buf_fini(&b);
    return doc;
}

/* As the server stamps it; a Job also gets its selector. */
static void stamp(const struct resource *r, struct jnode *obj)
{
    struct jnode *meta = jnode_need_obj(obj, STR("metadata"));
    jnode_set_str(meta, STR("namespace"), STR("default"));
    jnode_set_str(meta, STR("uid"), STR("u"));
    if (!str_is(r->kind, "Job"))
        return;
    const struct str key = STR("batch.kubernetes.io/controller-uid");
    struct jnode *spec = jnode_get(obj, STR("spec"));
    struct jnode *selector = jnode_need_obj(spec, STR("selector"));
    jnode_set_str(jnode_need_obj(selector, STR("matchLabels")), key, STR("u"));
    struct jnode *labels = jnode_need_obj(
        jnode_need_obj(jnode_need_obj(spec, STR("template")), STR("metadata")), STR("labels"));
    jnode_set_str(labels, key, STR("u"));
}

static size_t count_causes(const struct resource *r, struct jnode *obj, struct arena *a)
{
    struct causes c = { .a = a };
    default_object(a, r, obj);
    stamp(r, obj);
    validate_create(r, obj, &c);
    for (size_t i = 0; i < c.list.n; i++)
        print_message("%.*s: %.*s\n", STR_ARG(c.list.items[i].field),
                      STR_ARG(c.list.items[i].message));
    size_t n = c.list.n;
    cause_vec_fini(&c.list);
    return n;
}

static void check_example(const char *path, size_t warnings_wanted)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = load(path);
    struct json root = json_root(doc);
    const struct resource *r = resource_find_kind(json_str(json_get(root, STR("apiVersion"))),
                                                  json_str(json_get(root, STR("kind"))));
    CHECK(r != NULL);
    CHECK(count_causes(r, jnode_thaw(a, root), a) > 0);
    struct warning_vec warnings = { 0 };
    struct jnode *obj = jnode_thaw(a, root);
    CHECK(complete_object(r, obj, a, &warnings));
    CHECK_I64(warnings.n, warnings_wanted);
    CHECK(!complete_object(r, obj, a, &warnings));
    CHECK_I64(count_causes(r, obj, a), 0);
    warning_vec_fini(&warnings);
}

static void published_examples(void **state)
{
    (void)state;
    check_example(FOLDER "distributed-training.yaml", 2); /* restart policy, GPU limit */
    check_example(FOLDER "ml-training.yaml", 1);          /* GPU limit */
    check_example(FOLDER "api-server.yaml", 2);           /* label, selector */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples),
    };
    return CHECK_MAIN(tests);
}
