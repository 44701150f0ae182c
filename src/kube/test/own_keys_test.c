/* SPDX-License-Identifier: Apache-2.0
 * Mistyped keys of ours are named with their place; keys of others and known ones are not. */
#include <stdlib.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "kube/own_keys.h"

/* The texts, joined by '|'. Documents are written with ' for ". */
static void check(const char *text, const char *want)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(copy), &json_limits_own, &err), err);
    free(copy);
    struct warning_vec warnings = { 0 };
    own_keys_check(jnode_thaw(a, json_root(doc)), a, &warnings);
    struct str all = STR("");
    for (size_t i = 0; i < warnings.n; i++)
        all = arena_printf(a, "%.*s%s%.*s", STR_ARG(all), i ? "|" : "", STR_ARG(warnings.items[i]));
    CHECK_STR_EQ(all, str_from(want));
    warning_vec_fini(&warnings);
    json_doc_unref(doc);
}

#define KEY "scheduling.ganglion.io/"

static void mistyped_keys_are_named(void **state)
{
    (void)state;
    check("{}", "");
    check("{'metadata':{'labels':{'" KEY "queue':'q','app':'x','other.ganglion.io/quue':'y'},"
          "'annotations':{'" KEY "min-runtime':'1m'}}}",
          "");
    check("{'metadata':{'labels':{'" KEY "podgroup':'x'}}}",
          "metadata.labels[" KEY "podgroup] is not known and has no effect; did you mean " KEY
          "pod-group?");
    check("{'metadata':{'annotations':{'" KEY "zzzzzzzz':'x'}}}",
          "metadata.annotations[" KEY "zzzzzzzz] is not known and has no effect");
    check("{'metadata':{'annotations':{'" KEY "gang-restart':'member'}}}", "");
    check("{'metadata':{'annotations':{'" KEY "gang-restart':'sometimes'}}}",
          "metadata.annotations[" KEY
          "gang-restart] is \"sometimes\", not gang, member, fail or none");
    check("{'spec':{'template':{'metadata':{'labels':{'" KEY "min-availabel':'2'}}}}}",
          "spec.template.metadata.labels[" KEY
          "min-availabel] is not known and has no effect; did you mean " KEY "min-available?");
    check("{'spec':{'jobTemplate':{'spec':{'template':{'metadata':{'labels':{'" KEY "rule':'w'"
          "}}}}}}}",
          "spec.jobTemplate.spec.template.metadata.labels[" KEY
          "rule] is not known and has no effect; did you mean " KEY "role?");
}

static void made_by_controllers_and_odd_shapes(void **state)
{
    (void)state;
    check("{'metadata':{'ownerReferences':[{'name':'j'}],'labels':{'" KEY "quue':'q'}}}", "");
    check("{'metadata':[],'spec':{'template':7}}", "");
    check("{'metadata':{'labels':'x','annotations':null}}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistyped_keys_are_named),
        cmocka_unit_test(made_by_controllers_and_odd_shapes),
    };
    return CHECK_MAIN(tests);
}
