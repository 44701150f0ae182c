/* SPDX-License-Identifier: Apache-2.0
 * rest_request_test — requests as the Kubernetes API spells them. */
#include "client/rest_request.h"

#include "testkit/check.h"

static void test_paths_and_parameters(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct request list = {
        .verb = VERB_LIST,
        .version = STR("v1"),
        .plural = STR("pods"),
        .list = { .label_selector = STR("app in (a,b)"), .limit = 500, .cont = STR("x/y=") },
    };
    struct rest_parts p = rest_request_parts(a, &list);
    CHECK_CSTR(p.method, "GET");
    CHECK_STR(p.path_query,
              "/api/v1/pods?labelSelector=app%20in%20%28a%2Cb%29&continue=x%2Fy%3D&limit=500");

    struct request watch = {
        .verb = VERB_WATCH,
        .group = STR("apps"),
        .version = STR("v1"),
        .plural = STR("deployments"),
        .namespace = STR("web"),
        .list = { .resource_version = STR("7"), .bookmarks = true },
    };
    p = rest_request_parts(a, &watch);
    CHECK_STR(p.path_query, "/apis/apps/v1/namespaces/web/deployments?resourceVersion=7&watch=true"
                            "&allowWatchBookmarks=true");
}

static void test_patch_and_delete_bodies(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err;
    CHECK_OK(json_parse(&doc, STR("{\"status\":{}}"), &json_limits_own, &err), err);
    struct request patch = {
        .verb = VERB_PATCH,
        .version = STR("v1"),
        .plural = STR("pods"),
        .namespace = STR("d"),
        .name = STR("p"),
        .subresource = STR("status"),
        .body = json_root(doc),
        .write = { .patch = PATCH_STRATEGIC, .grace_s = -1 },
    };
    struct rest_parts p = rest_request_parts(a, &patch);
    CHECK_CSTR(p.method, "PATCH");
    CHECK_STR(p.path_query, "/api/v1/namespaces/d/pods/p/status");
    CHECK_STR(p.content_type, "application/strategic-merge-patch+json");
    CHECK_STR(p.body, "{\"status\":{}}");
    json_doc_unref(doc);

    struct request del = {
        .verb = VERB_DELETE,
        .version = STR("v1"),
        .plural = STR("pods"),
        .namespace = STR("d"),
        .name = STR("p"),
        .write = { .grace_s = 0, .uid = STR("u1"), .propagation = STR("Background") },
    };
    p = rest_request_parts(a, &del);
    CHECK_STR(p.body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0,"
                      "\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"u1\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_and_parameters),
        cmocka_unit_test(test_patch_and_delete_bodies),
    };
    return CHECK_MAIN(tests);
}
