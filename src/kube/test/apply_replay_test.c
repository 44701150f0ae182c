/* SPDX-License-Identifier: Apache-2.0
 * apply_replay_test — sequences of applies and updates by several managers, with the objects, sets
 * and conflicts that Kubernetes' own library (structured-merge-diff 6.4) came to for the same steps
 * (apply_cases.jsonl). */
#include <stdio.h>
#include <stdlib.h>

#include "kube/apply.h"
#include "kube/structural.h"
#include "testkit/check.h"

#define NEST(in)                                                                                   \
    "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"},\"y\":{\"type\":\"string\"}" \
    ",\"in\":" in "}}"
#define NESTED NEST(NEST(NEST(NEST("{\"type\":\"object\",\"properties\":{}}"))))

static const char root_schema[] =
    "{\"type\":\"object\",\"properties\":{\"num\":{\"type\":\"integer\"},\"obj\":{\"type\":"
    "\"object\",\"additionalProperties\":{\"type\":\"string\"}},\"list\":{\"type\":\"array\","
    "\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"name\"],\"items\":{"
    "\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"a\":{\"type\":\"string\"}"
    ","
    "\"b\":{\"type\":\"string\"},\"sub\":" NESTED "}}},\"set\":{\"type\":\"array\","
    "\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}},\"atom\":{\"type\":"
    "\"array\",\"items\":{\"type\":\"string\"}},\"nest\":" NESTED "}}";

struct replay {
    const struct schema *schema;
    struct json_doc *live;
    int64_t sequence, step;
};

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    return doc;
}

static void check_object(struct arena *a, struct replay *p, struct json want)
{
    struct jnode *live = jnode_thaw(a, json_root(p->live));
    jnode_del(live, STR("metadata"));
    if (!jnode_eq(live, jnode_thaw(a, want))) {
        struct buf b;
        buf_init(&b, 1u << 20);
        jnode_write(&b, live);
        CHECK_STR_EQ(buf_view(&b), json_text(want));
        buf_fini(&b);
    }
}

/* want: {"Apply:a": fieldsV1, …} */
static void check_managed(struct arena *a, struct replay *p, struct json want)
{
    struct json list = json_path(json_root(p->live), "metadata.managedFields");
    CHECK_I64(json_len(list), json_len(want));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str op = json_str(json_get(it.value, STR("operation")));
        struct str who = json_str(json_get(it.value, STR("manager")));
        struct json fields =
            json_get(want, arena_printf(a, "%.*s:%.*s", STR_ARG(op), STR_ARG(who)));
        if (!json_eq(json_get(it.value, STR("fieldsV1")), fields))
            CHECK_STR_EQ(json_text(json_get(it.value, STR("fieldsV1"))), json_text(fields));
    }
}

static int do_step(struct arena *a, struct replay *p, struct json step, struct causes *conflicts)
{
    struct apply_writer w = {
        .schema = p->schema,
        .manager = json_str(json_get(step, STR("manager"))),
        .api_version = STR("v1"),
        .now = { (p->step + 1) * INT64_C(1000000000) },
    };
    struct jnode *live = jnode_thaw(a, json_root(p->live));
    struct jnode *out = jnode_thaw(a, json_get(step, STR("obj")));
    struct err err = { 0 };
    struct apply_request q = { w, live, json_get(step, STR("obj")),
                               json_bool(json_get(step, STR("force")), false) };
    if (str_is(json_str(json_get(step, STR("op"))), "update"))
        apply_track_update(a, &w, live, out);
    else if (apply_merge(a, &q, conflicts, &out, &err) < 0)
        return -1;
    struct json_doc *doc;
    CHECK_OK(jnode_freeze(&doc, out, &err), err);
    json_doc_unref(p->live);
    p->live = doc;
    return 0;
}

static void replay_line(struct replay *p, struct str line)
{
    struct json_doc *doc = parse(line);
    struct json step = json_root(doc);
    struct arena *a = arena_new();
    struct causes conflicts = { .a = a };
    int64_t sequence = json_i64_or(json_get(step, STR("seed")), -1);
    if (sequence != p->sequence) {
        json_doc_unref(p->live);
        p->live = parse(STR("{}"));
        p->sequence = sequence;
    }
    p->step = json_i64_or(json_get(step, STR("step")), -1);
    uint32_t want_conflicts = json_len(json_get(step, STR("conflicts")));
    CHECK((do_step(a, p, step, &conflicts) < 0) == (want_conflicts > 0));
    CHECK_I64(conflicts.list.n, want_conflicts);
    check_object(a, p, json_get(step, STR("live")));
    check_managed(a, p, json_get(step, STR("managed")));
    cause_vec_fini(&conflicts.list);
    arena_free(a);
    json_doc_unref(doc);
}

static void agrees_with_kubernetes(void **state)
{
    (void)state;
    struct json_doc *schema = parse(str_from(root_schema));
    struct structural *st;
    struct err err = { 0 };
    CHECK_OK(structural_new(&st, json_root(schema), &err), err);
    struct replay p = { .schema = structural_schema(st), .sequence = -1 };
    FILE *f = fopen(KUBE_TEST_DATA "/apply_cases.jsonl", "r");
    CHECK(f != NULL);
    char *line = NULL;
    size_t cap = 0, lines = 0;
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0; lines++)
        replay_line(&p, str_make(line, (size_t)n));
    CHECK(lines > 50);
    free(line);
    fclose(f);
    json_doc_unref(p.live);
    structural_free(st);
    json_doc_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_kubernetes),
    };
    return CHECK_MAIN(tests);
}
