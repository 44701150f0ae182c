/* SPDX-License-Identifier: Apache-2.0
 * The in-process transport: watches, gangs bound at once, cancelling, custom resources. */
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/metrics.h"
#include "apiserver/test/fixture.h"
#include "testkit/check.h"

static struct fixture fx;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fx, (struct apiserver_options){ 0 });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_fini(&fx);
    return 0;
}

struct seen {
    char text[2048];
    size_t n, want;
    bool ended;
    enum err_kind end;
};

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    static const char letters[] = "AMDB";
    struct seen *s = arg;
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(s->text);
        snprintf(s->text + at, sizeof s->text - at, "%c%.*s ", letters[events[i].type],
                 STR_ARG(events[i].object->name));
        s->n++;
    }
    if (s->n >= s->want)
        loop_stop(fx.loop);
}

static void on_end(void *arg, const struct err *err)
{
    struct seen *s = arg;
    s->ended = true;
    s->end = err ? err->kind : ERR_NONE;
    loop_stop(fx.loop);
}

static void wait_for(struct seen *s, size_t n)
{
    s->want = n;
    while (s->n < n && !s->ended)
        loop_run(fx.loop);
}

static struct request config_watch(void)
{
    return (struct request){ .verb = VERB_WATCH,
                             .group = STR(""),
                             .version = STR("v1"),
                             .plural = STR("configmaps"),
                             .namespace = STR("default") };
}

static void test_watch_by_selector(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct request r = config_watch();
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"t\":\"x\"}}}");
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"b\"}}");
    r.list.label_selector = STR("t=x");
    r.list.send_initial_events = r.list.bookmarks = true;
    r.list.resource_version_match = STR("NotOlderThan");
    struct call *c = fx.t->ops->watch(fx.t, &r, on_events, on_end, &s);
    wait_for(&s, 2);
    CHECK_CSTR(s.text, "Aa B ");
    fixture_merge(&fx, "configmaps", "b", "{\"metadata\":{\"labels\":{\"t\":\"x\"}}}");
    fixture_merge(&fx, "configmaps", "a", "{\"data\":{\"k\":\"v\"}}");
    fixture_merge(&fx, "configmaps", "a", "{\"metadata\":{\"labels\":null}}");
    fixture_delete(&fx, "configmaps", "b");
    wait_for(&s, 6);
    CHECK_CSTR(s.text, "Aa B Ab Ma Da Db ");
    fx.t->ops->cancel(c);
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"z\",\"labels\":{\"t\":\"x\"}}}");
    CHECK_I64(s.n, 6);
    CHECK(!s.ended);
}

static void never(void *arg, const struct reply *r, const struct err *err)
{
    (void)arg;
    (void)r;
    (void)err;
    CHECK(false);
}

static void stop_home(void *arg)
{
    loop_stop(arg);
}

/* A service ends, and its loop with it, while the disk still writes what it asked for. */
static void test_a_caller_may_go_before_its_answer(void **state)
{
    (void)state;
    struct loop *loop = loop_new(NULL);
    struct transport *t = apiserver_transport(fx.api, loop, STR("system:brief"), NULL, 0);
    struct json_doc *doc = NULL;
    CHECK(json_parse(&doc, STR("{\"metadata\":{\"name\":\"last\"}}"), &json_limits_own, NULL) == 0);
    struct request r = config_watch();
    r.verb = VERB_CREATE;
    r.body = json_root(doc);
    t->ops->start(t, &r, never, NULL);
    json_doc_unref(doc);
    t->ops->close(t);
    loop_post(fx.loop, stop_home, fx.loop);
    loop_run(fx.loop); /* the server has heard both */
    loop_free(loop);
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"next\"}}");
    fixture_delete(&fx, "configmaps", "last");
}

static void test_watch_refusals(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct request r = config_watch();
    r.list.label_selector = STR("bad selector");
    fx.t->ops->watch(fx.t, &r, on_events, on_end, &s);
    wait_for(&s, 1);
    CHECK_I64(s.end, ERR_INVALID);
    s = (struct seen){ 0 };
    r = config_watch();
    r.plural = STR("nothings");
    fx.t->ops->watch(fx.t, &r, on_events, on_end, &s);
    wait_for(&s, 1);
    CHECK_I64(s.end, ERR_NOT_FOUND);
}

static void on_bound(void *arg, const struct reply *r, const struct err *err)
{
    CHECK(err == NULL);
    *(int *)arg = r->code;
    loop_stop(fx.loop);
}

static int bind(const struct binding *b, size_t n)
{
    int code = 0;
    fx.t->ops->bind_all(fx.t, b, n, on_bound, &code);
    while (code == 0)
        loop_run(fx.loop);
    return code;
}

static void test_gang_is_bound_at_once(void **state)
{
    (void)state;
    const char *names[] = { "g0", "g1", "g2" };
    char body[300];
    for (size_t i = 0; i < 3; i++) {
        snprintf(body, sizeof body,
                 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"containers\":[{\"name\":\"c\","
                 "\"image\":\"i\"}]}}",
                 names[i]);
        CHECK_I64(fixture_create(&fx, "pods", body), 201);
    }
    struct binding b[3];
    for (size_t i = 0; i < 3; i++)
        b[i] = (struct binding){ .namespace = STR("default"),
                                 .pod = str_from(names[i]),
                                 .node = STR("n1") };
    b[2].uid = STR("another");
    CHECK_I64(bind(b, 3), 409); /* one refusal: none is bound */
    CHECK_I64(fixture_get(&fx, "pods", "g0"), 200);
    CHECK_STR(fixture_text(&fx, "spec.nodeName"), "");
    b[2].uid = STR("");
    CHECK_I64(bind(b, 3), 201);
    CHECK_I64(fixture_get(&fx, "pods", "g2"), 200);
    CHECK_STR(fixture_text(&fx, "spec.nodeName"), "n1");
    CHECK_STR(fixture_text(&fx, "status.conditions.0.type"), "PodScheduled");
    CHECK_I64(bind(b, 1), 409); /* already bound */
}

static const char definition[] =
    "{\"metadata\":{\"name\":\"gangs.example.com\"},\"spec\":{\"group\":\"example.com\","
    "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"gangs\",\"kind\":\"Gang\"},\"versions\":[{"
    "\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{}},\"schema\":{"
    "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
    "\"required\":[\"size\"],\"properties\":{\"size\":{\"type\":\"integer\",\"minimum\":1},"
    "\"mode\":{\"type\":\"string\",\"default\":\"all\"}}},\"status\":{\"type\":\"object\","
    "\"properties\":{\"phase\":{\"type\":\"string\"}}}}}}}]}}";

static struct request gang(enum verb verb, const char *name)
{
    return (struct request){ .verb = verb,
                             .group = STR("example.com"),
                             .version = STR("v1"),
                             .plural = STR("gangs"),
                             .namespace = STR("default"),
                             .name = str_from(name) };
}

static struct request definition_call(enum verb verb, const char *name)
{
    return (struct request){ .verb = verb,
                             .group = STR("apiextensions.k8s.io"),
                             .plural = STR("customresourcedefinitions"),
                             .name = str_from(name) };
}

#define GANG(spec)                                                                                 \
    "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Gang\",\"metadata\":{\"name\":\"g\"},"          \
    "\"spec\":" spec "}"

static void test_custom_resources(void **state)
{
    (void)state;
    CHECK_I64(fixture_call(&fx, gang(VERB_CREATE, ""), GANG("{\"size\":2}")), 404);
    CHECK_I64(fixture_call(&fx, definition_call(VERB_CREATE, ""), definition), 201);
    CHECK_STR(fixture_text(&fx, "spec.names.listKind"), "GangList");
    CHECK_I64(fixture_call(&fx, gang(VERB_CREATE, ""), GANG("{}")), 422);
    CHECK_STR(fixture_text(&fx, "details.causes.0.field"), "spec.size");
    CHECK_I64(fixture_call(&fx, gang(VERB_CREATE, ""), GANG("{\"size\":0}")), 422);
    CHECK_I64(fixture_call(&fx, gang(VERB_CREATE, ""), GANG("{\"size\":2,\"junk\":1}")), 201);
    CHECK_STR(fixture_text(&fx, "spec.mode"), "all");
    CHECK_STR(fixture_text(&fx, "spec.junk"), "");
    CHECK_CSTR(fx.warning, "unknown field \"spec.junk\"");
    CHECK_STR(fixture_text(&fx, "metadata.generation"), "1");
    CHECK_I64(fixture_call(&fx, definition_call(VERB_DELETE, "gangs.example.com"), ""), 200);
    for (int i = 0; i < 3; i++) /* its objects and then itself go one after another */
        fixture_get(&fx, "namespaces", "default");
    CHECK_I64(fixture_call(&fx, definition_call(VERB_GET, "gangs.example.com"), ""), 404);
    CHECK_I64(fixture_call(&fx, gang(VERB_GET, "g"), ""), 404);
}

static void test_bad_definitions(void **state)
{
    (void)state;
    CHECK_I64(fixture_call(&fx, definition_call(VERB_CREATE, ""),
                           "{\"metadata\":{\"name\":\"x.example.com\"},\"spec\":{}}"),
              422);
    CHECK(json_len(kobj_path(fx.object, "details.causes")) >= 5);
}

static void test_other_users_need_rights(void **state)
{
    (void)state;
    const struct str groups[] = { STR("system:authenticated") };
    struct transport *mine = fx.t;
    fx.t = apiserver_transport(fx.api, fx.loop, STR("jane"), groups, 1);
    CHECK_I64(fixture_list(&fx, "pods", ""), 403);
    CHECK_STR(fixture_message(&fx),
              "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in "
              "the namespace \"default\"");
    struct transport *janes = fx.t;
    fx.t = mine;
    struct request r = { .verb = VERB_CREATE,
                         .group = STR("rbac.authorization.k8s.io"),
                         .plural = STR("roles"),
                         .namespace = STR("default") };
    CHECK_I64(fixture_call(&fx, r,
                           "{\"metadata\":{\"name\":\"reader\"},\"rules\":[{\"verbs\":[\"list\"],"
                           "\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}"),
              201);
    r.plural = STR("rolebindings");
    CHECK_I64(fixture_call(&fx, r,
                           "{\"metadata\":{\"name\":\"reader\"},\"subjects\":[{\"kind\":\"User\","
                           "\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"jane\"}],"
                           "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
                           "\"Role\",\"name\":\"reader\"}}"),
              201);
    fx.t = janes;
    CHECK_I64(fixture_list(&fx, "pods", ""), 200);
    CHECK_I64(fixture_get(&fx, "pods", "x"), 403);
    janes->ops->close(janes);
    fx.t = mine;
}

static bool has_line(struct buf *b, const char *line)
{
    return str_find(buf_view(b), str_from(line)) >= 0;
}

static void test_metrics_count_calls(void **state)
{
    (void)state;
    CHECK_I64(fixture_list(&fx, "pods", ""), 200);
    CHECK_I64(fixture_get(&fx, "pods", "absent"), 404);
    struct buf b;
    buf_init(&b, 1 << 20);
    apiserver_metrics_write(&b, fx.api);
    CHECK(has_line(&b, "\napiserver_longrunning_requests{verb=\"WATCH\"} 0\n"));
    CHECK(has_line(&b, "\napiserver_inproc_calls_total 2\n"));
    CHECK(has_line(&b, "\napiserver_request_total{verb=\"GET\",group=\"\",version=\"v1\","
                       "resource=\"pods\",subresource=\"\",code=\"404\"} 1\n"));
    buf_fini(&b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_watch_by_selector),     TEST(test_watch_refusals),
        TEST(test_gang_is_bound_at_once), TEST(test_custom_resources),
        TEST(test_bad_definitions),       TEST(test_other_users_need_rights),
        TEST(test_metrics_count_calls),   TEST(test_a_caller_may_go_before_its_answer),
    };
    return CHECK_MAIN(tests);
}
