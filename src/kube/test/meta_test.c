/* SPDX-License-Identifier: Apache-2.0
 * Rules for names, generated names, owners, conditions and Events. */
#include "testkit/check.h"

#include "kube/lease.h"
#include "kube/meta.h"

struct rule_case {
    meta_rule_fn rule;
    const char *text;
    size_t wrong;
};

static void rules_count_what_is_wrong(void **state)
{
    (void)state;
    static const char c63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char c64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct rule_case cases[] = {
        { meta_dns_label, "a", 0 },        { meta_dns_label, "0-a", 0 },
        { meta_dns_label, "", 1 },         { meta_dns_label, "-a", 1 },
        { meta_dns_label, "a.b", 1 },      { meta_dns_label, c63, 0 },
        { meta_dns_label, c64, 1 },        { meta_dns_label_1035, "1a", 1 },
        { meta_dns_label_1035, "a1", 0 },  { meta_dns_subdomain, "a.b-c.1", 0 },
        { meta_dns_subdomain, "a..b", 1 }, { meta_dns_subdomain, ".a", 1 },
        { meta_dns_subdomain, "A", 1 },    { meta_dns_subdomain, "a.", 1 },
        { meta_label_value, "", 0 },       { meta_label_value, "A_b.c-1", 0 },
        { meta_label_value, "_a", 1 },     { meta_label_value, c64, 1 },
        { meta_qualified_name, "a/b", 0 }, { meta_qualified_name, "b", 0 },
        { meta_qualified_name, "/b", 1 },  { meta_qualified_name, "a/", 2 },
        { meta_qualified_name, "A/b", 1 }, { meta_qualified_name, "a/b/c", 1 },
        { meta_qualified_name, "", 2 },    { meta_qualified_name, "x.y/B_1", 0 },
        { meta_path_segment, ".", 1 },     { meta_path_segment, "a/b%", 2 },
        { meta_path_segment, "A:b", 0 },   { meta_port_name, "http-1", 0 },
        { meta_port_name, "80", 1 },       { meta_port_name, "a--b", 1 },
        { meta_port_name, "-a", 1 },       { meta_port_name, "waytoolongportname", 1 },
        { meta_env_name, "A.b c", 0 },     { meta_env_name, "A=b", 1 },
        { meta_config_key, "a.B_c-1", 0 }, { meta_config_key, "..", 1 },
        { meta_config_key, "..a", 1 },     { meta_config_key, "", 1 },
        { meta_config_key, "a/b", 1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct meta_wrong w = cases[i].rule(str_from(cases[i].text));
        if (w.n != cases[i].wrong)
            print_error("case %zu: %s\n", i, cases[i].text);
        CHECK_I64(w.n, cases[i].wrong);
    }
    CHECK_CSTR(meta_dns_label(STR("a.b")).texts[0], "must not contain dots");
}

static void generated_names_fit_and_differ(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str one = meta_generate_name(a, STR("web-"), check_random());
    struct str two = meta_generate_name(a, STR("web-"), check_random());
    CHECK(one.n == 9 && str_starts(one, STR("web-")) && !str_eq(one, two));
    struct str all = meta_generate_name(
        a, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        0);
    CHECK_I64(all.n, 63);
    CHECK_I64(meta_dns_label(all).n, 0);
}

static struct kobj *parse(struct str text)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, text, &json_limits_own, &err), err);
    return o;
}

static const struct str owner_text =
    STR_INIT("{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"name\":\"r\","
             "\"namespace\":\"n\",\"uid\":\"u1\",\"resourceVersion\":\"7\"}}");

static void owners_are_named_and_found(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *owner = parse(owner_text);
    struct jnode *pod = meta_object(a, "v1", "Pod", STR("n"), STR("p"));
    meta_add_owner(a, pod, owner, true);
    meta_set_label(pod, STR("a/b"), STR("c"));
    meta_set_annotation(pod, STR("d"), STR("e"));
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_freeze(&o, pod, &err), err);
    CHECK_STR(json_text(kobj_root(o)),
              "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":"
              "\"n\",\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\","
              "\"name\":\"r\",\"uid\":\"u1\",\"controller\":true,\"blockOwnerDeletion\":true}],"
              "\"labels\":{\"a/b\":\"c\"},\"annotations\":{\"d\":\"e\"}}}");
    CHECK(meta_owned_by(o, owner) && meta_controlled_by(o, owner));
    CHECK(!meta_owned_by(owner, o) && !meta_controlled_by(owner, o));
}

static struct str condition(struct jnode *list, const char *key)
{
    return jnode_text_of_str(jnode_get(jnode_at(list, 0), str_from(key)));
}

static void conditions_keep_their_time(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *list = jnode_arr(a);
    struct wall t1 = { NS_PER_S * 1000 }, t2 = { NS_PER_S * 2000 };
    struct condition_spec spec = { .type = "Ready", .status = "False", .reason = STR("Why") };
    CHECK(meta_set_condition(a, list, &spec, t1));
    CHECK(!meta_set_condition(a, list, &spec, t2));
    CHECK_STR(condition(list, "lastTransitionTime"), "1970-01-01T00:16:40Z");
    spec.reason = STR("Other");
    CHECK(meta_set_condition(a, list, &spec, t2));
    CHECK_STR(condition(list, "lastTransitionTime"), "1970-01-01T00:16:40Z");
    CHECK_STR(condition(list, "reason"), "Other");
    spec = (struct condition_spec){ .type = "Ready", .status = "True", .message = STR("m") };
    CHECK(meta_set_condition(a, list, &spec, t2));
    CHECK_STR(condition(list, "lastTransitionTime"), "1970-01-01T00:33:20Z");
    CHECK(!condition(list, "reason").p);
    CHECK_I64(jnode_len(list), 1);
}

static void times_are_set_when_there_is_one(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *o = jnode_obj(a);
    meta_set_time(o, STR("none"), (struct wall){ 0 });
    CHECK(!jnode_get(o, STR("none")));
    meta_set_time(o, STR("startTime"), (struct wall){ NS_PER_S * 1000 + 7 });
    CHECK_STR(jnode_text_of_str(jnode_get(o, STR("startTime"))), "1970-01-01T00:16:40Z");
}

static void leases_are_made_and_renewed(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall now = { NS_PER_S * 1000 };
    struct jnode *made = lease_of_node(a, STR("n0"), now);
    CHECK_STR(jnode_text_of_str(jnode_path(made, "kind")), "Lease");
    CHECK_STR(jnode_text_of_str(jnode_path(made, "metadata.namespace")), LEASE_NODE_NAMESPACE);
    CHECK_STR(jnode_text_of_str(jnode_path(made, "metadata.name")), "n0");
    CHECK_STR(jnode_text_of_str(jnode_path(made, "spec.holderIdentity")), "n0");
    struct jnode *patch = lease_of_node_renewal(a, STR("n0"), now);
    CHECK(!jnode_get(patch, STR("metadata")));
    CHECK_STR(jnode_text_of_str(jnode_path(patch, "spec.renewTime")),
              "1970-01-01T00:16:40.000000Z");
    int64_t seconds = 0;
    CHECK(jnode_to_i64(jnode_path(patch, "spec.leaseDurationSeconds"), &seconds) && seconds == 40);
}

static void events_count_and_group(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = parse(owner_text);
    struct event_spec spec = { .about = o,
                               .type = "Normal",
                               .reason = STR("Made"),
                               .message = STR("made it"),
                               .component = STR("me"),
                               .now = { NS_PER_S },
                               .random = 0xabc };
    struct jnode *e = event_make(a, &spec);
    CHECK_STR(jnode_text_of_str(jnode_path(e, "metadata.name")), "r.0000000000000abc");
    CHECK_STR(jnode_text_of_str(jnode_path(e, "metadata.namespace")), "n");
    CHECK_STR(jnode_text_of_str(jnode_path(e, "involvedObject.resourceVersion")), "7");
    CHECK_STR(jnode_text_of_str(jnode_path(e, "source.component")), "me");
    struct str key = event_key(a, &spec);
    spec.random = 1;
    spec.now.ns = 9;
    CHECK_STR_EQ(event_key(a, &spec), key);
    spec.message = STR("made another");
    CHECK(!str_eq(event_key(a, &spec), key));
    struct jnode *patch = event_count_patch(a, 5, spec.now);
    int64_t n = 0;
    CHECK(jnode_to_i64(jnode_path(patch, "count"), &n) && n == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_count_what_is_wrong),
        cmocka_unit_test(generated_names_fit_and_differ),
        cmocka_unit_test(owners_are_named_and_found),
        cmocka_unit_test(conditions_keep_their_time),
        cmocka_unit_test(times_are_set_when_there_is_one),
        cmocka_unit_test(leases_are_made_and_renewed),
        cmocka_unit_test(events_count_and_group),
    };
    return CHECK_MAIN(tests);
}
