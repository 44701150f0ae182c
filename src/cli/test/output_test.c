/* SPDX-License-Identifier: Apache-2.0
 * Golden output of each -o format for two ConfigMaps. */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

#include "testkit/check.h"

static struct kobj *items[2];
static char *text;

static void print(const char *format, size_t n, bool single)
{
    struct err err = { 0 };
    struct output o = { .single = single };
    size_t size;
    free(text);
    o.out = open_memstream(&text, &size);
    CHECK_OK(output_parse(&o, str_from(format), &err), err);
    CHECK_OK(output_objects(&o, resource_guess(STR("configmaps")), items, n, &err), err);
    fclose(o.out);
}

static void names_and_documents(void **state)
{
    (void)state;
    print("name", 2, false);
    CHECK_CSTR(text, "configmap/a\nconfigmap/bb\n");
    print("yaml", 1, true);
    CHECK_CSTR(text, "apiVersion: v1\ndata:\n  k: v\nkind: ConfigMap\nmetadata:\n  name: a\n");
    print("json", 1, true);
    CHECK_CSTR(text, "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"ConfigMap\",\n"
                     "    \"metadata\": {\n        \"name\": \"a\"\n    },\n"
                     "    \"data\": {\n        \"k\": \"v\"\n    }\n}\n");
    print("yaml", 0, false);
    CHECK_CSTR(text, "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n");
}

static void templates(void **state)
{
    (void)state;
    print("jsonpath={.items[*].metadata.name}", 2, false);
    CHECK_CSTR(text, "a bb");
    print("jsonpath={.data.k}{\"\\n\"}", 1, true);
    CHECK_CSTR(text, "v\n");
    print("jsonpath={.nothing}", 1, true);
    CHECK_CSTR(text, "");
    print("custom-columns=NAME:.metadata.name,VALUE:.data.k", 2, false);
    CHECK_CSTR(text, "NAME   VALUE\na      v\nbb     <none>\n");
}

static void wrong_templates_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "jsonpath={.a", "custom-columns=NAME",
                                       "custom-columns=NAME:", "custom-columns=A:.a,,B:.b" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        struct output o = { .out = stdout };
        CHECK_OK(output_parse(&o, str_from(bad[i]), &err), err);
        CHECK_FAILS(output_objects(&o, resource_guess(STR("configmaps")), items, 2, &err), err,
                    ERR_INVALID);
    }
}

static void tables_align_by_characters(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct text_table t = { .a = a, .columns = 2 };
    const struct str rows[][2] = { { STR("A"), STR("B") }, { STR("äöü"), STR("x") } };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        text_table_row(&t, rows[i]);
    size_t size;
    free(text);
    FILE *out = open_memstream(&text, &size);
    text_table_print(&t, out);
    fclose(out);
    CHECK_CSTR(text, "A     B\näöü   x\n");
}

int main(void)
{
    static const char *const objects[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
        "\"data\":{\"k\":\"v\"}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"bb\"}}",
    };
    for (size_t i = 0; i < COUNT_OF(objects); i++)
        if (kobj_parse(&items[i], str_from(objects[i]), &json_limits_own, NULL) != 0)
            return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_documents),
        cmocka_unit_test(templates),
        cmocka_unit_test(wrong_templates_are_refused),
        cmocka_unit_test(tables_align_by_characters),
    };
    int rc = CHECK_MAIN(tests);
    for (size_t i = 0; i < COUNT_OF(items); i++)
        kobj_unref(items[i]);
    free(text);
    return rc;
}
