/* SPDX-License-Identifier: Apache-2.0
 * claims_test — pods with ResourceClaims are bound over HTTPS, where claims and binding cannot be
 * one transaction: the scheduler against the real API server as against any other cluster. */
#include <stdio.h>

#include "apiserver/test/fixture.h"
#include "client/rest.h"
#include "scheduler/service/service.h"
#include "testkit/check.h"

static struct fixture fx;
static struct transport *rest;
static struct scheduler *scheduler;

static void on_tick(void *arg)
{
    loop_stop(arg);
}

static void wait_ms(int64_t ms)
{
    struct timer *t = timer_new(fx.loop, on_tick, fx.loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(fx.loop);
    timer_free(t);
}

static int call(enum verb verb, const char *plural, const char *name, const char *body)
{
    bool core = strcmp(plural, "pods") == 0 || strcmp(plural, "nodes") == 0;
    bool spaced = strcmp(plural, "pods") == 0 || strcmp(plural, "resourceclaims") == 0;
    struct request r = { .verb = verb,
                         .group = core ? STR("") : STR("resource.k8s.io"),
                         .plural = str_from(plural),
                         .namespace = spaced ? STR("default") : STR(""),
                         .name = str_from(name),
                         .write.patch = PATCH_MERGE };
    if (verb == VERB_PATCH)
        r.subresource = STR("status");
    return fixture_call(&fx, r, body);
}

static void create(const char *plural, const char *body)
{
    int code = call(VERB_CREATE, plural, "", body);
    if (code != 201)
        print_message("%.*s\n", STR_ARG(fixture_message(&fx)));
    CHECK_I64(code, 201);
}

#define NODE                                                                                       \
    "{\"metadata\":{\"name\":\"n0\"},\"status\":{\"allocatable\":{\"cpu\":\"8\",\"memory\":"       \
    "\"8Gi\",\"pods\":\"20\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"

static void put_cluster(int devices)
{
    char list[512] = "", slice[1024];
    for (int i = 0; i < devices; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s{\"name\":\"gpu-%d\"}",
                 i ? "," : "", i);
    create("nodes", NODE);
    CHECK_I64(call(VERB_PATCH, "nodes", "n0", NODE), 200);
    create("deviceclasses", "{\"metadata\":{\"name\":\"gpu\"},\"spec\":{}}");
    snprintf(slice, sizeof slice,
             "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"driver\":\"gpu.example.com\",\"nodeName\":"
             "\"n0\",\"pool\":{\"name\":\"n0\",\"generation\":1,\"resourceSliceCount\":1},"
             "\"devices\":[%s]}}",
             list);
    create("resourceslices", slice);
}

static void put_claim(const char *name)
{
    char text[300];
    snprintf(text, sizeof text,
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"devices\":{\"requests\":[{\"name\":\"r\","
             "\"exactly\":{\"deviceClassName\":\"gpu\"}}]}}}",
             name);
    create("resourceclaims", text);
}

static void put_pod(const char *name, const char *claim)
{
    char text[400];
    snprintf(text, sizeof text,
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"schedulerName\":\"ganglion\","
             "\"resourceClaims\":[{\"name\":\"c\",\"resourceClaimName\":\"%s\"}],\"tolerations\":[{"
             "\"operator\":\"Exists\"}],\"containers\":[{\"name\":\"m\",\"image\":\"i\"}]}}",
             name, claim);
    create("pods", text);
}

static void begin(int devices)
{
    struct err err = { 0 };
    fixture_init(&fx, (struct apiserver_options){ .address = STR("127.0.0.1") });
    put_cluster(devices);
    const struct rest_options o = { .server = apiserver_url(fx.api),
                                    .tls.ca_pem = apiserver_ca(fx.api),
                                    .token = apiserver_token(fx.api) };
    rest = rest_transport_new(fx.loop, &o, &err);
    CHECK(rest != NULL);
    scheduler = scheduler_new(rest, NULL, &err);
    CHECK(scheduler != NULL);
}

static void end(void)
{
    scheduler_free(scheduler);
    rest->ops->close(rest);
    fixture_fini(&fx);
}

static bool becomes(const char *plural, const char *name, const char *path, const char *value)
{
    for (int i = 0; i < 300; i++) {
        call(VERB_GET, plural, name, "");
        if (str_is(fixture_text(&fx, path), value))
            return true;
        wait_ms(20);
    }
    print_message("%s/%s: %s is %.*s\n", plural, name, path, STR_ARG(fixture_text(&fx, path)));
    return false;
}

static void test_claims_are_written_then_bound(void **state)
{
    (void)state;
    begin(2);
    scheduler_start(scheduler);
    put_claim("a");
    put_claim("shared");
    put_pod("pa", "a");
    put_pod("s1", "shared");
    put_pod("s2", "shared");
    put_claim("late");
    put_pod("pl", "late"); /* no device is left */
    CHECK(becomes("pods", "pa", "spec.nodeName", "n0"));
    CHECK(becomes("pods", "s1", "spec.nodeName", "n0"));
    CHECK(becomes("pods", "s2", "spec.nodeName", "n0"));
    CHECK_I64(call(VERB_GET, "resourceclaims", "a", ""), 200);
    CHECK_STR(fixture_text(&fx, "status.reservedFor.0.name"), "pa");
    CHECK_STR(fixture_text(&fx, "metadata.finalizers.0"),
              "resource.kubernetes.io/delete-protection");
    struct str device = fixture_text(&fx, "status.allocation.devices.results.0.device");
    char mine[16];
    snprintf(mine, sizeof mine, "%.*s", STR_ARG(device));
    CHECK_I64(call(VERB_GET, "resourceclaims", "shared", ""), 200);
    CHECK_I64(json_len(kobj_path(fx.object, "status.reservedFor")), 2);
    CHECK(!str_is(fixture_text(&fx, "status.allocation.devices.results.0.device"), mine));
    CHECK_I64(call(VERB_GET, "pods", "pl", ""), 200);
    CHECK_STR(fixture_text(&fx, "spec.nodeName"), "");
    CHECK_I64(call(VERB_GET, "resourceclaims", "late", ""), 200);
    CHECK_STR(fixture_text(&fx, "status.allocation"), "");
    end();
}

struct outcome {
    int code;
    bool over;
    size_t n;
    bool bound[3];
};

static void on_outcome(void *arg, const struct reply *reply, const struct err *err)
{
    struct outcome *o = arg;
    (void)err;
    o->code = reply->code;
    memcpy(o->bound, reply->bound, o->n * sizeof *o->bound);
    o->over = true;
    loop_stop(fx.loop);
}

#define ALLOCATION                                                                                 \
    "{\"devices\":{\"results\":[{\"request\":\"r\",\"driver\":\"gpu.example.com\",\"pool\":"       \
    "\"n0\","                                                                                      \
    "\"device\":\"gpu-0\"}]}}"

/* Binds pod "p" with claims "a" and "b", of that uid each; how it ended. */
static int bind(const char *uid_a, const char *uid_b, const char *pod_uid)
{
    const struct claim_use uses[] = {
        { STR("default"), STR("a"), str_from(uid_a), STR(ALLOCATION) },
        { STR("default"), STR("b"), str_from(uid_b), STR(ALLOCATION) },
    };
    const struct binding b = { .namespace = STR("default"),
                               .pod = STR("p"),
                               .uid = str_from(pod_uid),
                               .node = STR("n0"),
                               .claims = uses,
                               .n_claims = 2 };
    struct outcome o = { .n = 1 };
    rest->ops->bind_all(rest, &b, 1, on_outcome, &o);
    while (!o.over)
        loop_run(fx.loop);
    return o.code;
}

static const char *uid_of(char out[64], const char *plural, const char *name)
{
    CHECK_I64(call(VERB_GET, plural, name, ""), 200);
    snprintf(out, 64, "%.*s", STR_ARG(fx.object->uid));
    return out;
}

static bool is_free(const char *claim)
{
    CHECK_I64(call(VERB_GET, "resourceclaims", claim, ""), 200);
    return fixture_text(&fx, "status.allocation").n == 0 &&
           json_len(kobj_path(fx.object, "status.reservedFor")) == 0;
}

/* Whatever refuses, the claims are as before; a pod that is bound after all keeps its own. */
static void test_a_refusal_takes_claims_back(void **state)
{
    (void)state;
    char a[64], b[64], p[64];
    begin(1);
    put_claim("a");
    put_claim("b");
    put_pod("p", "a");
    uid_of(a, "resourceclaims", "a");
    uid_of(b, "resourceclaims", "b");
    uid_of(p, "pods", "p");
    CHECK_I64(bind(a, "another", p), 409); /* the second claim */
    CHECK(is_free("a") && is_free("b"));
    CHECK_I64(bind(a, b, "another"), 409); /* the binding */
    CHECK(is_free("a") && is_free("b"));
    CHECK_I64(bind(a, b, p), 201);
    CHECK(!is_free("a") && !is_free("b"));
    CHECK_I64(bind(a, b, p), 409); /* said twice: it runs with them */
    CHECK(!is_free("a") && !is_free("b"));
    end();
}

/* One of a gang is refused: the answer says which stand. */
static void test_bound_in_part(void **state)
{
    (void)state;
    char uids[3][64];
    const char *names[] = { "g0", "g1", "g2" };
    struct binding b[3];
    struct outcome o = { .n = 3 };
    begin(0);
    for (int i = 0; i < 3; i++) {
        put_pod(names[i], "none");
        b[i] = (struct binding){ .namespace = STR("default"),
                                 .pod = str_from(names[i]),
                                 .uid = str_from(uid_of(uids[i], "pods", names[i])),
                                 .node = STR("n0") };
    }
    b[1].uid = STR("another");
    CHECK(rest->ops->binds_singly);
    rest->ops->bind_all(rest, b, 3, on_outcome, &o);
    while (!o.over)
        loop_run(fx.loop);
    CHECK_I64(o.code, 409);
    CHECK(o.bound[0] && !o.bound[1] && o.bound[2]);
    CHECK(becomes("pods", "g0", "spec.nodeName", "n0"));
    CHECK(becomes("pods", "g1", "spec.nodeName", ""));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_written_then_bound),
        cmocka_unit_test(test_a_refusal_takes_claims_back),
        cmocka_unit_test(test_bound_in_part),
    };
    return CHECK_MAIN(tests);
}
