/* SPDX-License-Identifier: Apache-2.0
 * Paths and queries, as clients send them and as they should not. */
#include "apiserver/route.h"

#include "testkit/check.h"

struct row {
    const char *method, *path, *query;
    enum route_kind kind;
    enum verb verb;
    const char *group, *version, *namespace, *plural, *name, *sub;
};

static const struct row rows[] = {
    { "GET", "/api/v1/pods", NULL, ROUTE_RESOURCE, VERB_LIST, "", "v1", "", "pods", "", "" },
    { "GET", "/api/v1/pods", "watch=1", ROUTE_RESOURCE, VERB_WATCH, "", "v1", "", "pods", "", "" },
    { "GET", "/api/v1/namespaces/a/pods/p", "watch=true", ROUTE_RESOURCE, VERB_GET, "", "v1", "a",
      "pods", "p", "" },
    { "PATCH", "/apis/apps/v1/namespaces/a/deployments/d/status", NULL, ROUTE_RESOURCE, VERB_PATCH,
      "apps", "v1", "a", "deployments", "d", "status" },
    { "GET", "/api/v1/namespaces/a", NULL, ROUTE_RESOURCE, VERB_GET, "", "v1", "", "namespaces",
      "a", "" },
    { "PUT", "/api/v1/namespaces/a/finalize", NULL, ROUTE_RESOURCE, VERB_UPDATE, "", "v1", "",
      "namespaces", "a", "finalize" },
    { "DELETE", "/api/v1/namespaces/a/pods", NULL, ROUTE_RESOURCE, VERB_DELETE_COLLECTION, "", "v1",
      "a", "pods", "", "" },
    { "GET", "/api/v1/watch/namespaces/a/pods", NULL, ROUTE_RESOURCE, VERB_WATCH, "", "v1", "a",
      "pods", "", "" },
    { "GET", "/apis/batch/v1", NULL, ROUTE_DISCOVERY, VERB_LIST, "batch", "v1", "", "", "", "" },
    { "GET", "/apis/", NULL, ROUTE_DISCOVERY, VERB_LIST, "", "", "", "", "", "" },
    { "GET", "/readyz/ping", NULL, ROUTE_HEALTH, VERB_GET, "", "", "", "", "", "" },
    { "GET", "/openapi/v3/apis/batch/v1", NULL, ROUTE_OPENAPI_V3, VERB_GET, "", "", "", "", "",
      "" },
    { "GET", "/nothing", NULL, ROUTE_UNKNOWN, VERB_GET, "", "", "", "", "", "" },
    { "GET", "/api/v1/../secrets", NULL, ROUTE_UNKNOWN, VERB_GET, "", "", "", "", "", "" },
    { "GET", "/api/v1/nodes/%2e%2e/x", NULL, ROUTE_UNKNOWN, VERB_GET, "", "", "", "", "", "" },
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *w = &rows[i];
        AUTO(arena_freep) struct arena *a = arena_new();
        struct route r;
        route_parse(&r, a, str_from(w->method), str_from(w->path), str_from(w->query));
        CHECK_I64(r.kind, w->kind);
        if (r.kind != ROUTE_RESOURCE && r.kind != ROUTE_DISCOVERY)
            continue;
        CHECK(r.method_known);
        CHECK_STR_EQ(r.r.group, str_from(w->group));
        CHECK_STR_EQ(r.r.version, str_from(w->version));
        if (r.kind == ROUTE_DISCOVERY)
            continue;
        CHECK_I64(r.r.verb, w->verb);
        CHECK_STR_EQ(r.r.namespace, str_from(w->namespace));
        CHECK_STR_EQ(r.r.plural, str_from(w->plural));
        CHECK_STR_EQ(r.r.name, str_from(w->name));
        CHECK_STR_EQ(r.r.subresource, str_from(w->sub));
    }
}

static void test_methods(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct route r;
    route_parse(&r, a, STR("BREW"), STR("/api/v1/pods"), STR(""));
    CHECK(!r.method_known);
    route_parse(&r, a, STR("HEAD"), STR("/api/v1/pods"), STR(""));
    CHECK(!r.method_known);
    const char *writes[] = { "POST", "PUT", "PATCH", "DELETE" };
    for (size_t i = 0; i < COUNT_OF(writes); i++) {
        route_parse(&r, a, str_from(writes[i]), STR("/api/v1/watch/namespaces/n/pods"), STR(""));
        CHECK(!r.method_known);
        route_parse(&r, a, str_from(writes[i]), STR("/api/v1/watch/namespaces/n/pods/p"), STR(""));
        CHECK(!r.method_known);
    }
}

static void test_options(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct request r = { .write.grace_s = -1 };
    struct err err = { 0 };
    CHECK_OK(route_options(&r, a,
                           STR("labelSelector=a%20in%20(b)&limit=5&dryRun=All&force=true"
                               "&gracePeriodSeconds=-1&sendInitialEvents=false"),
                           &err),
             err);
    CHECK_STR(r.list.label_selector, "a in (b)");
    CHECK_I64(r.list.limit, 5);
    CHECK(r.write.dry_run && r.write.force);
    CHECK_I64(r.write.grace_s, 1);
    CHECK(r.list.has_send_initial_events && !r.list.send_initial_events);
    CHECK_FAILS(route_options(&r, a, STR("limit=abc"), &err), err, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_options),
    };
    return CHECK_MAIN(tests);
}
