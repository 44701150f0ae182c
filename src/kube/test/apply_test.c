/* SPDX-License-Identifier: Apache-2.0
 * apply_test — ownership, conflicts and removal; the expected sets are what a Kubernetes 1.36
 * server answers to the same steps. */
#include "kube/apply.h"

#include <stdio.h>

#include "kube/kind.h"
#include "kube/structural.h"
#include "testkit/check.h"

#define SECOND INT64_C(1000000000)

struct world { /* one object and the steps done to it */
    struct arena *a;
    const struct schema *schema;
    const char *api_version;
    struct json_doc *live; /* NULL: none yet */
    struct causes conflicts;
    struct json_doc *bodies[32];
    size_t n_bodies;
    int64_t now_s;
};

static void world_init(struct world *w, const struct schema *schema, const char *api_version)
{
    *w = (struct world){ .schema = schema, .api_version = api_version };
    w->a = arena_new();
    w->conflicts.a = w->a;
}

static void world_fini(struct world *w)
{
    json_doc_unref(w->live);
    for (size_t i = 0; i < w->n_bodies; i++)
        json_doc_unref(w->bodies[i]);
    cause_vec_fini(&w->conflicts.list);
    arena_free(w->a);
}

static struct json body(struct world *w, const char *text)
{
    struct err err = { 0 };
    CHECK(w->n_bodies < COUNT_OF(w->bodies));
    CHECK_OK(json_parse(&w->bodies[w->n_bodies], str_from(text), &json_limits_body, &err), err);
    return json_root(w->bodies[w->n_bodies++]);
}

static struct apply_writer writer(struct world *w, const char *manager)
{
    return (struct apply_writer){
        .schema = w->schema,
        .manager = str_from(manager),
        .api_version = str_from(w->api_version),
        .now = { ++w->now_s * SECOND },
    };
}

static void store(struct world *w, struct jnode *tree)
{
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(jnode_freeze(&doc, tree, &err), err);
    json_doc_unref(w->live);
    w->live = doc;
}

static int
apply(struct world *w, const char *manager, const char *text, bool force, struct err *err)
{
    struct apply_request q = {
        .by = writer(w, manager),
        .live = jnode_thaw(w->a, json_root(w->live)),
        .applied = body(w, text),
        .force = force,
    };
    struct jnode *out;
    cause_vec_clear(&w->conflicts.list);
    if (apply_merge(w->a, &q, &w->conflicts, &out, err) < 0)
        return -1;
    store(w, out);
    return 0;
}

static void applies(struct world *w, const char *manager, const char *text)
{
    struct err err = { 0 };
    CHECK_OK(apply(w, manager, text, false, &err), err);
}

static void update(struct world *w, const char *manager, const char *text)
{
    struct jnode *before = jnode_thaw(w->a, json_root(w->live));
    struct jnode *after = jnode_thaw(w->a, body(w, text));
    struct apply_writer by = writer(w, manager);
    apply_track_update(w->a, &by, before, after);
    store(w, after);
}

static void check_value(struct world *w, const char *path, const char *want)
{
    struct json v = json_path(json_root(w->live), path);
    CHECK_STR_EQ(json_exists(v) ? json_text(v) : STR("absent"), str_from(want));
}

/* managers as "alpha:Apply:TIME:FIELDS|…", TIME in seconds or "-". */
static void check_managers(struct world *w, const char *want)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    struct json list = json_path(json_root(w->live), "metadata.managedFields");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct wall t = { 0 };
        wall_parse(json_str(json_get(it.value, STR("time"))), &t);
        buf_printf(&b, "%s%.*s:%.*s:", b.n ? "|" : "",
                   STR_ARG(json_str(json_get(it.value, STR("manager")))),
                   STR_ARG(json_str(json_get(it.value, STR("operation")))));
        if (t.ns)
            buf_printf(&b, "%d:", (int)(t.ns / SECOND));
        else
            buf_str(&b, STR("-:"));
        buf_str(&b, json_text(json_get(it.value, STR("fieldsV1"))));
    }
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

#define CM(data)                                                                                   \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}" data "}"

static void owns_what_is_applied(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, schema_find(STR("core.v1.ConfigMap")), "v1");
    applies(&w, "alpha", CM(",\"data\":{\"a\":\"1\",\"b\":\"2\"}"));
    check_managers(&w, "alpha:Apply:1:{\"f:data\":{\"f:a\":{},\"f:b\":{}}}");
    struct json_doc *first = json_doc_ref(w.live);
    applies(&w, "alpha", CM(",\"data\":{\"a\":\"1\",\"b\":\"2\"}"));
    CHECK(json_eq(json_root(first), json_root(w.live))); /* nothing changed, not even the time */
    json_doc_unref(first);
    applies(&w, "alpha", CM(",\"data\":{\"a\":\"1\"}"));
    check_managers(&w, "alpha:Apply:3:{\"f:data\":{\"f:a\":{}}}");
    check_value(&w, "data", "{\"a\":\"1\"}");
    applies(&w, "beta", CM(",\"data\":{\"a\":\"1\",\"x\":\"9\"}"));
    check_managers(&w, "alpha:Apply:3:{\"f:data\":{\"f:a\":{}}}|"
                       "beta:Apply:4:{\"f:data\":{\"f:a\":{},\"f:x\":{}}}");
    world_fini(&w);
}

static void conflicts_and_forces(void **state)
{
    (void)state;
    struct world w;
    struct err err = { 0 };
    world_init(&w, schema_find(STR("core.v1.ConfigMap")), "v1");
    applies(&w, "alpha", CM(",\"data\":{\"a\":\"1\"}"));
    applies(&w, "beta", CM(",\"data\":{\"a\":\"1\",\"x\":\"9\"}"));
    CHECK_FAILS(apply(&w, "beta", CM(",\"data\":{\"a\":\"7\"}"), false, &err), err, ERR_CONFLICT);
    CHECK_CSTR(err.msg, "Apply failed with 1 conflict: conflict with \"alpha\": .data.a");
    CHECK_I64(w.conflicts.list.n, 1);
    CHECK_STR(w.conflicts.list.items[0].field, ".data.a");
    CHECK_OK(apply(&w, "beta", CM(",\"data\":{\"a\":\"7\"}"), true, &err), err);
    check_managers(&w, "beta:Apply:4:{\"f:data\":{\"f:a\":{}}}");
    check_value(&w, "data", "{\"a\":\"7\"}");
    applies(&w, "alpha", CM(",\"data\":{}")); /* changes nothing: no time */
    check_managers(&w, "alpha:Apply:-:{\"f:data\":{}}|beta:Apply:4:{\"f:data\":{\"f:a\":{}}}");
    world_fini(&w);
}

static void tracks_other_writes(void **state)
{
    (void)state;
    struct world w;
    struct err err = { 0 };
    world_init(&w, schema_find(STR("core.v1.ConfigMap")), "v1");
    applies(&w, "beta", CM(",\"data\":{\"a\":\"7\"}"));
    update(&w, "hand", CM(",\"data\":{\"a\":\"hand\",\"h\":\"1\"}"));
    check_managers(&w, "hand:Update:2:{\"f:data\":{\"f:a\":{},\"f:h\":{}}}");
    CHECK_FAILS(apply(&w, "beta", CM(",\"data\":{\"a\":\"7\",\"h\":\"2\"}"), false, &err), err,
                ERR_CONFLICT);
    CHECK_STR(apply_conflict_message(&w.conflicts),
              "Apply failed with 2 conflicts: conflicts with \"hand\" using v1:\n- .data.a\n"
              "- .data.h");
    update(&w, "hand", CM(",\"data\":{\"a\":\"hand\"}"));
    check_managers(&w, "hand:Update:2:{\"f:data\":{\"f:a\":{}}}");
    world_fini(&w);
}

static void creates_by_update(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, schema_find(STR("core.v1.ConfigMap")), "v1");
    update(&w, "kubectl", CM(",\"data\":{\"k\":\"v\"}"));
    check_managers(&w, "kubectl:Update:1:{\"f:data\":{\".\":{},\"f:k\":{}}}");
    world_fini(&w);
}

#define DEPLOY(spec)                                                                               \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":"  \
    "{" spec "}}"
#define CONTAINER(rest) "\"template\":{\"spec\":{\"containers\":[{" rest "}]}}"

static void merges_lists_by_key(void **state)
{
    (void)state;
    struct world w;
    struct err err = { 0 };
    world_init(&w, schema_find(STR("apps.v1.Deployment")), "apps/v1");
    applies(&w, "alpha",
            DEPLOY("\"replicas\":2,\"selector\":{\"matchLabels\":{\"app\":\"d\"}}," CONTAINER(
                "\"name\":\"a\",\"image\":\"a:1\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}],"
                "\"ports\":[{\"containerPort\":80}]")));
    check_managers(
        &w,
        "alpha:Apply:1:{\"f:spec\":{\"f:replicas\":{},\"f:selector\":{},\"f:template\":{"
        "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:env\":{"
        "\"k:{\\\"name\\\":\\\"X\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}},\"f:image\":{},"
        "\"f:name\":{},\"f:ports\":{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\""
        ":{\".\":{},\"f:containerPort\":{}}}}}}}}}");
    applies(&w, "beta",
            DEPLOY(CONTAINER("\"name\":\"a\",\"env\":[{\"name\":\"Y\",\"value\":\"2\"}]")));
    check_value(&w, "spec.template.spec.containers.0.env",
                "[{\"name\":\"X\",\"value\":\"1\"},{\"name\":\"Y\",\"value\":\"2\"}]");
    CHECK_FAILS(apply(&w, "scaler", DEPLOY("\"replicas\":5"), false, &err), err, ERR_CONFLICT);
    CHECK_CSTR(err.msg, "Apply failed with 1 conflict: conflict with \"alpha\": .spec.replicas");
    CHECK_OK(apply(&w, "scaler", DEPLOY("\"replicas\":5"), true, &err), err);
    applies(&w, "beta", DEPLOY(CONTAINER("\"name\":\"side\",\"image\":\"s\"")));
    check_value(&w, "spec.template.spec.containers.0.env", "[{\"name\":\"X\",\"value\":\"1\"}]");
    check_value(&w, "spec.template.spec.containers.1", "{\"name\":\"side\",\"image\":\"s\"}");
    world_fini(&w);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } bad[] = {
        { DEPLOY("\"template\":{\"spec\":{\"containers\":[{\"name\":\"s\"},{\"name\":\"s\"}]}}"),
          ".spec.template.spec.containers: duplicate entries for key [name=\"s\"]" },
        { DEPLOY("\"nonsense\":1"), ".spec.nonsense: field not declared in schema" },
        { DEPLOY("\"paused\":\"x\""),
          ".spec.paused: expected boolean, got &value.valueUnstructured{Value:\"x\"}" },
    };
    struct world w;
    world_init(&w, schema_find(STR("apps.v1.Deployment")), "apps/v1");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        CHECK_FAILS(apply(&w, "x", bad[i].body, false, &err), err, ERR_INVALID);
        CHECK_CSTR(err.msg, bad[i].want);
    }
    /* a nameless container merges; validation refuses it later */
    applies(&w, "x", DEPLOY("\"template\":{\"spec\":{\"containers\":[{\"image\":\"i\"}]}}"));
    world_fini(&w);
}

static const char pool_schema[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"replicas\":{\"type\":\"integer\"},\"pools\":{\"type\":\"array\",\"x-kubernetes-list-type\":"
    "\"map\",\"x-kubernetes-list-map-keys\":[\"name\"],\"items\":{\"type\":\"object\","
    "\"properties\":{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"},\"gpu\":{"
    "\"type\":\"string\"}}}},\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\","
    "\"items\":{\"type\":\"string\"}},\"args\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
    ","
    "\"sel\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"additionalProperties\":{"
    "\"type\":\"string\"}},\"opts\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
    "\"string\"}},\"free\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}}}";

#define POOL(spec)                                                                                 \
    "{\"apiVersion\":\"e/v1\",\"kind\":\"Pool\",\"metadata\":{\"name\":\"p\"},\"spec\":{" spec "}" \
    "}"

static void works_on_custom_types(void **state)
{
    (void)state;
    struct json_doc *crd;
    struct structural *st;
    struct err err = { 0 };
    CHECK_OK(json_parse(&crd, str_from(pool_schema), &json_limits_body, &err), err);
    CHECK_OK(structural_new(&st, json_root(crd), &err), err);
    struct world w;
    world_init(&w, structural_schema(st), "e/v1");
    applies(
        &w, "alpha",
        POOL("\"replicas\":1,\"pools\":[{\"name\":\"a\",\"size\":1}],\"tags\":[\"x\"],\"args\":["
             "\"1\"],\"sel\":{\"k\":\"v\"},\"opts\":{\"o\":\"1\"},\"free\":{\"q\":[1]}"));
    check_managers(
        &w, "alpha:Apply:1:{\"f:spec\":{\"f:args\":{},\"f:free\":{\"f:q\":{}},\"f:opts\":{"
            "\"f:o\":{}},\"f:pools\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},"
            "\"f:size\":{}}},\"f:replicas\":{},\"f:sel\":{},\"f:tags\":{"
            "\"v:\\\"x\\\"\":{}}}}");
    applies(
        &w, "beta",
        POOL("\"pools\":[{\"name\":\"b\",\"size\":2}],\"tags\":[\"y\"],\"opts\":{\"q\":\"2\"}"));
    check_value(&w, "spec.tags", "[\"x\",\"y\"]");
    static const char *const conflicts[][2] = {
        { POOL("\"args\":[\"3\"]"), ".spec.args" },
        { POOL("\"sel\":{\"z\":\"9\"}"), ".spec.sel" },
        { POOL("\"pools\":[{\"name\":\"a\",\"size\":7}]"), ".spec.pools[name=\"a\"].size" },
    };
    for (size_t i = 0; i < COUNT_OF(conflicts); i++) {
        CHECK_FAILS(apply(&w, "beta", conflicts[i][0], false, &err), err, ERR_CONFLICT);
        CHECK_STR_EQ(w.conflicts.list.items[0].field, str_from(conflicts[i][1]));
    }
    CHECK_OK(apply(&w, "beta",
                   POOL("\"pools\":[{\"name\":\"a\",\"gpu\":\"h100\"}],\"tags\":[\"x\","
                        "\"y\"],\"sel\":{\"z\":\"9\"}"),
                   true, &err),
             err);
    check_value(&w, "spec.pools", "[{\"name\":\"a\",\"size\":1,\"gpu\":\"h100\"}]");
    check_value(&w, "spec.sel", "{\"z\":\"9\"}");
    check_value(&w, "spec.opts", "{\"o\":\"1\"}");
    applies(&w, "alpha",
            POOL("\"replicas\":1,\"pools\":[{\"name\":\"a\",\"size\":1}],\"args\":[\"1\"]"));
    check_value(&w, "spec.opts", "absent");
    check_value(&w, "spec.tags", "[\"x\",\"y\"]");
    world_fini(&w);
    structural_free(st);
    json_doc_unref(crd);
}

static void caps_updaters(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, schema_find(STR("core.v1.ConfigMap")), "v1");
    struct buf b;
    buf_init(&b, 4096);
    char keys[1024] = "";
    for (int i = 0; i < 14; i++) {
        buf_clear(&b);
        size_t n = strlen(keys);
        snprintf(keys + n, sizeof keys - n, "%s\"k%d\":\"v\"", i ? "," : "", i);
        buf_printf(&b, CM(",\"data\":{%s}"), keys);
        char manager[8];
        snprintf(manager, sizeof manager, "m%02d", i);
        update(&w, manager, b.p);
    }
    struct json list = json_path(json_root(w.live), "metadata.managedFields");
    CHECK_I64(json_len(list), APPLY_UPDATERS_MAX);
    CHECK_STR(json_str(json_get(json_at(list, 0), STR("manager"))), "ancient-changes");
    CHECK_STR(
        json_text(json_get(json_at(list, 0), STR("fieldsV1"))),
        "{\"f:data\":{\".\":{},\"f:k0\":{},\"f:k1\":{},\"f:k2\":{},\"f:k3\":{},\"f:k4\":{}}}");
    buf_fini(&b);
    world_fini(&w);
}

/* The text that is written straight from a new object is the text of its sets. */
static void check_new(const struct schema *schema, const char *ignored, const char *text)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL, *held = NULL;
    struct err err = { 0 };
    char *own = (char *)(uintptr_t)arena_str(a, str_from(text)).p;
    for (char *p = own; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    CHECK_OK(json_parse(&doc, str_from(own), &json_limits_body, &err), err);
    struct apply_writer by = { .schema = schema,
                               .manager = STR("a \"b\""),
                               .api_version = STR("v1"),
                               .subresource = STR("scale"),
                               .ignored = str_from(ignored),
                               .now = { 0 } };
    struct jnode *one = jnode_thaw(a, json_root(doc)), *other = jnode_thaw(a, json_root(doc));
    for (int i = 0; ignored && i < 2; i++) /* some of it made, some of it read */
        jnode_set_bool(jnode_need_obj(i ? other : one, STR("spec")), STR("hostNetwork"), true);
    bool done = apply_track_new(a, &by, one, &held);
    apply_track_update(a, &by, NULL, other);
    CHECK(done == (jnode_get(jnode_get(other, STR("metadata")), STR("managedFields")) != NULL));
    struct buf x, y;
    buf_init(&x, 1u << 20);
    buf_init(&y, 1u << 20);
    jnode_write(&x, one);
    jnode_write(&y, other);
    CHECK_STR_EQ(buf_view(&x), buf_view(&y));
    CHECK(jnode_eq(one, other)); /* also when somebody looks inside */
    buf_fini(&x);
    buf_fini(&y);
}

static void new_objects_are_owned_as_text(void **state)
{
    (void)state;
    static const char *const pods[] = {
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'x'}}",
        "{'metadata':{'name':'x','labels':{'b/"
        "c':'1','a':'2','\\u0001q\\\\':'','.':'d'}},'spec':{}}",
        "{'metadata':{'labels':{},'annotations':null,'uid':'u','ownerReferences':[{'uid':'b','name'"
        ":"
        "'n'},{'uid':'a'}],'finalizers':['z','a','z']},'status':{'phase':'Running'}}",
        "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'b','image':'i','ports':[{"
        "'containerPort':80},{'containerPort':8,'protocol':'UDP'}],'resources':{'limits':{'cpu':"
        "'1'},'requests':{}}},{'name':'a \\\\ \\n'},{'name':'b'},{}],'tolerations':[{'key':'k'}],"
        "'nodeSelector':{'z':'1','a':null},'securityContext':{},'volumes':[],'unknown':{'x':1}},"
        "'status':{'conditions':[{'type':'A','status':'True'}]},'odd':{'x':1}}",
    };
    const struct schema *pod = schema_find(STR("core.v1.Pod"));
    for (size_t i = 0; i < COUNT_OF(pods); i++) {
        check_new(pod, NULL, pods[i]);
        check_new(pod, "status", pods[i]);
        check_new(pod, "spec", pods[i]);
    }
    check_new(schema_find(STR("core.v1.ConfigMap")), NULL,
              "{'metadata':{'name':'x'},'data':{'b':'1','a':'2'},'binaryData':{}}");
    check_new(schema_find(STR("apps.v1.Deployment")), NULL,
              "{'metadata':{'name':'x'},'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{"
              "'metadata':{'labels':{'a':'b'}},'spec':{'containers':[{'name':'c'}]}}}}");
}

static void others_take_the_general_way(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"metadata\":{\"managedFields\":[]},\"spec\":{}}",
        "{\"metadata\":7,\"spec\":{}}",
        "{\"spec\":{\"hostNetwork\":true}}",
        "{\"metadata\":{\"name\":\"x\"}}",
    };
    struct apply_writer by = { .schema = schema_find(STR("core.v1.Pod")) };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        AUTO(json_doc_unrefp) struct json_doc *doc = NULL, *held = NULL;
        struct err err = { 0 };
        CHECK_OK(json_parse(&doc, str_from(texts[i]), &json_limits_body, &err), err);
        struct jnode *n = jnode_thaw(a, json_root(doc));
        CHECK(!apply_track_new(a, &by, n, &held) && !held);
        CHECK(jnode_eq(n, jnode_thaw(a, json_root(doc))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_take_the_general_way),
        cmocka_unit_test(new_objects_are_owned_as_text),
        cmocka_unit_test(owns_what_is_applied),
        cmocka_unit_test(conflicts_and_forces),
        cmocka_unit_test(tracks_other_writes),
        cmocka_unit_test(creates_by_update),
        cmocka_unit_test(merges_lists_by_key),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(works_on_custom_types),
        cmocka_unit_test(caps_updaters),
    };
    return CHECK_MAIN(tests);
}
