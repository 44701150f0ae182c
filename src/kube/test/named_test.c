/* SPDX-License-Identifier: Apache-2.0
 * named — against a plain table of all names: what was put and not deleted is found, and nothing
 * else. */
#include <stdio.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "base/num.h"
#include "kube/named.h"

enum { NAMESPACES = 5, NAMES = 40, STEPS = 20000 };

struct thing {
    struct kobj *obj; /* first: named.h */
    bool in;
};

static struct kobj *object(const char *namespace, const char *name)
{
    char text[200];
    struct kobj *o = NULL;
    struct err err = { 0 };
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{%s%s%s\"name\":\"%s\"}}",
             namespace ? "\"namespace\":\"" : "", namespace ? namespace : "",
             namespace ? "\"," : "", name);
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_own, &err), err);
    return o;
}

/* Names that are others' with their namespaces in front are not the same: "a" "bc", "ab" "c". */
static void object_of_number(struct thing *t, size_t i)
{
    static const char *const namespaces[NAMESPACES] = { NULL, "1", "12", "team-a", "team-b" };
    char name[20];
    snprintf(name, sizeof name, "%zu", i / NAMESPACES);
    t->obj = object(namespaces[i % NAMESPACES], name);
}

static size_t count(const struct named *m)
{
    const struct thing *t;
    size_t n = 0;
    for (size_t i = 0; (t = named_next(m, &i)); n++)
        CHECK(t->in);
    return n;
}

static void holds_what_a_table_holds(void **state)
{
    (void)state;
    static struct thing things[NAMESPACES * NAMES];
    struct named m;
    uint64_t random = 1;
    size_t n = 0;
    named_init(&m);
    for (size_t i = 0; i < COUNT_OF(things); i++)
        object_of_number(&things[i], i);
    for (int step = 0; step < STEPS; step++) {
        random = num_mix64(random + 1);
        struct thing *t = &things[random % COUNT_OF(things)];
        struct str namespace = t->obj->namespace, name = t->obj->name;
        CHECK(named_get(&m, namespace, name) == (t->in ? t : NULL));
        if (t->in)
            CHECK(named_del(&m, namespace, name) == t);
        else
            named_put(&m, t);
        t->in = !t->in;
        n = t->in ? n + 1 : n - 1;
        CHECK(m.n == n);
        if (step % 500 == 0)
            CHECK(count(&m) == n);
    }
    for (size_t i = 0; i < COUNT_OF(things); i++) {
        const struct kobj *o = things[i].obj;
        CHECK(named_get(&m, o->namespace, o->name) == (things[i].in ? &things[i] : NULL));
    }
    named_fini(&m);
    for (size_t i = 0; i < COUNT_OF(things); i++)
        kobj_unref(things[i].obj);
}

static void a_value_may_change_its_object(void **state)
{
    (void)state;
    struct named m;
    struct thing t = { object("a", "b"), true };
    named_init(&m);
    CHECK(!named_get(&m, STR("a"), STR("b")));
    CHECK(!named_del(&m, STR("a"), STR("b")));
    named_put(&m, &t);
    kobj_unref(t.obj);
    t.obj = object("a", "b"); /* of a later revision */
    CHECK(named_get(&m, STR("a"), STR("b")) == &t);
    CHECK(!named_get(&m, STR("b"), STR("a")));
    CHECK(named_del(&m, STR("a"), STR("b")) == &t);
    CHECK(!named_get(&m, STR("a"), STR("b")));
    kobj_unref(t.obj);
    named_fini(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_a_table_holds),
        cmocka_unit_test(a_value_may_change_its_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
