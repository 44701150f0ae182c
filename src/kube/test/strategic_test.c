/* SPDX-License-Identifier: Apache-2.0
 * strategic_test — merging by key, order, directives. */
#include "kube/strategic.h"

#include "kube/kind.h"
#include "testkit/check.h"

static void check_merge(const char *type, const char *doc, const char *patch, const char *want)
{
    struct arena *a = arena_new();
    struct json_doc *d, *p;
    struct err err = { 0 };
    CHECK_OK(json_parse(&d, str_from(doc), &json_limits_body, &err), err);
    CHECK_OK(json_parse(&p, str_from(patch), &json_limits_body, &err), err);
    struct jnode *tree = jnode_thaw(a, json_root(d));
    int rc = strategic_merge(a, schema_find(str_from(type)), &tree, json_root(p), &err);
    if (want) {
        CHECK_OK(rc, err);
        struct buf b;
        buf_init(&b, 1u << 20);
        jnode_write(&b, tree);
        CHECK_STR_EQ(buf_view(&b), str_from(want));
        buf_fini(&b);
    } else {
        CHECK_FAILS(rc, err, ERR_INVALID);
    }
    json_doc_unref(d);
    json_doc_unref(p);
    arena_free(a);
}

#define SPEC "core.v1.PodSpec"
#define AB "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]}"

static void merges_lists_by_key(void **state)
{
    (void)state;
    check_merge(
        SPEC, AB, "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]}",
        "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"b\",\"image\":\"1\"}]}");
    /* a new item comes first */
    check_merge(SPEC, AB, "{\"containers\":[{\"name\":\"c\"}]}",
                "{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\",\"image\":\"1\"},"
                "{\"name\":\"b\",\"image\":\"1\"}]}");
    check_merge(SPEC, AB, "{\"containers\":[{\"image\":\"x\"}]}", NULL);
    /* no merge strategy: replaced */
    check_merge(SPEC, "{\"tolerations\":[{\"key\":\"k\"}]}", "{\"tolerations\":[{\"key\":\"o\"}]}",
                "{\"tolerations\":[{\"key\":\"o\"}]}");
    check_merge("apis.meta.v1.ObjectMeta", "{\"finalizers\":[\"a\",\"b\"]}",
                "{\"finalizers\":[\"b\",\"c\"]}", "{\"finalizers\":[\"a\",\"b\",\"c\"]}");
}

static void orders_items(void **state)
{
    (void)state;
    check_merge(
        SPEC, AB,
        "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}],"
        "\"containers\":[{\"name\":\"b\",\"image\":\"2\"}]}",
        "{\"containers\":[{\"name\":\"b\",\"image\":\"2\"},{\"name\":\"a\",\"image\":\"1\"}]}");
    check_merge(
        SPEC, AB, "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
        "{\"containers\":[{\"name\":\"b\",\"image\":\"1\"},{\"name\":\"a\",\"image\":\"1\"}]}");
    check_merge(
        "core.v1.Container",
        "{\"env\":[{\"name\":\"X\",\"value\":\"1\"},{\"name\":\"Y\",\"value\":\"2\"}]}",
        "{\"env\":[{\"name\":\"X\",\"$patch\":\"delete\"},{\"name\":\"Z\",\"value\":\"3\"}]}",
        "{\"env\":[{\"name\":\"Z\",\"value\":\"3\"},{\"name\":\"Y\",\"value\":\"2\"}]}");
}

static void follows_directives(void **state)
{
    (void)state;
    check_merge("core.v1.Container", "{\"env\":[{\"name\":\"X\"}]}",
                "{\"env\":[{\"$patch\":\"replace\"},{\"name\":\"W\"}]}",
                "{\"env\":[{\"name\":\"W\"}]}");
    check_merge(SPEC, AB, "{\"$patch\":\"replace\",\"hostNetwork\":true}",
                "{\"hostNetwork\":true}");
    check_merge(SPEC, "{\"securityContext\":{\"runAsUser\":1}}",
                "{\"securityContext\":{\"$patch\":\"delete\"}}", "{\"securityContext\":{}}");
    check_merge("apps.v1.DeploymentSpec",
                "{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}",
                "{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}",
                "{\"strategy\":{\"type\":\"Recreate\"}}");
    check_merge("apps.v1.DeploymentSpec", "{}",
                "{\"strategy\":{\"$retainKeys\":[\"type\"],\"rollingUpdate\":{}}}", NULL);
    check_merge("apis.meta.v1.ObjectMeta", "{\"finalizers\":[\"a\",\"b\"]}",
                "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}", "{\"finalizers\":[\"b\"]}");
    check_merge(SPEC, AB, "{\"$patch\":\"explode\"}", NULL);
    check_merge(SPEC, AB, "{\"containers\":[{\"name\":\"a\",\"$patch\":\"explode\"}]}", NULL);
    /* directives and nulls never get into the document */
    check_merge(
        SPEC, "{}",
        "{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"emptyDir\"],\"emptyDir\":{}},"
        "{\"name\":\"x\",\"$patch\":\"delete\"}],\"affinity\":{\"podAffinity\":null}}",
        "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],\"affinity\":{}}");
}

static void deletes_by_null(void **state)
{
    (void)state;
    check_merge("apis.meta.v1.ObjectMeta", "{\"annotations\":{\"a\":\"1\",\"b\":\"2\"}}",
                "{\"annotations\":{\"a\":null,\"c\":null},\"labels\":null}",
                "{\"annotations\":{\"b\":\"2\"}}");
    check_merge(SPEC, AB, "{\"containers\":null}", "{}");
    check_merge(SPEC, AB, "[]", NULL);
}

/* Applying a patch that names what is there changes nothing, for lists of any size and order. */
static void keeps_what_is_there(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct buf doc, patch;
        buf_init(&doc, 1u << 16);
        buf_init(&patch, 1u << 16);
        buf_str(&doc, STR("{\"containers\":["));
        buf_str(&patch, STR("{\"containers\":["));
        size_t n = check_random_below(8), named = 0;
        for (size_t i = 0; i < n; i++) {
            buf_printf(&doc, "%s{\"name\":\"c%zu\",\"image\":\"i\"}", i ? "," : "", i);
            if (check_random_below(2))
                buf_printf(&patch, "%s{\"name\":\"c%zu\"}", named++ ? "," : "", i);
        }
        buf_str(&doc, STR("]}"));
        buf_str(&patch, STR("]}"));
        check_merge(SPEC, doc.p, patch.p, doc.p);
        buf_fini(&doc);
        buf_fini(&patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_lists_by_key), cmocka_unit_test(orders_items),
        cmocka_unit_test(follows_directives),  cmocka_unit_test(deletes_by_null),
        cmocka_unit_test(keeps_what_is_there),
    };
    return CHECK_MAIN(tests);
}
