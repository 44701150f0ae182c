/* SPDX-License-Identifier: Apache-2.0
 * The tree against a sorted array: same contents after any sequence of changes, and every picture
 * taken on the way stays what it was. */
#include "store/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "testkit/check.h"

#define NAMES 60
#define STEPS 4000
#define PICTURES 40

static struct kobj *make(unsigned ns, unsigned name, uint64_t revision)
{
    char text[200];
    int n = snprintf(text, sizeof text,
                     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"ns%u\","
                     "\"name\":\"p%02u\",\"resourceVersion\":\"%llu\"}}",
                     ns, name, (unsigned long long)revision);
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_make(text, (size_t)n), &json_limits_own, &err), err);
    return o;
}

struct model {
    uint64_t revision[3][NAMES]; /* 0: absent */
};

struct comparison {
    const struct model *m;
    unsigned next; /* position in key order */
    unsigned end;
};

static bool compare_one(void *arg, const struct kobj *o)
{
    struct comparison *c = arg;
    while (c->next < c->end && c->m->revision[c->next / NAMES][c->next % NAMES] == 0)
        c->next++;
    CHECK(c->next < c->end);
    char ns[16], name[16];
    snprintf(ns, sizeof ns, "ns%u", c->next / NAMES);
    snprintf(name, sizeof name, "p%02u", c->next % NAMES);
    CHECK_STR_EQ(o->namespace, str_from(ns));
    CHECK_STR_EQ(o->name, str_from(name));
    CHECK_I64(o->revision, c->m->revision[c->next / NAMES][c->next % NAMES]);
    c->next++;
    return true;
}

static void compare(const struct tree *t, const struct model *m)
{
    struct comparison c = { m, 0, 3 * NAMES };
    CHECK(tree_walk(t, &(struct store_range){ 0 }, compare_one, &c));
    while (c.next < c.end && m->revision[c.next / NAMES][c.next % NAMES] == 0)
        c.next++;
    CHECK_I64(c.next, c.end);
}

static void compare_namespace(const struct tree *t, const struct model *m)
{
    struct comparison c = { m, NAMES, 2 * NAMES };
    tree_walk(t, &(struct store_range){ .namespace = STR("ns1") }, compare_one, &c);
    c = (struct comparison){ m, NAMES + 31, 2 * NAMES };
    tree_walk(t,
              &(struct store_range){ .namespace = STR("ns1"),
                                     .after_namespace = STR("ns1"),
                                     .after_name = STR("p30") },
              compare_one, &c);
}

static void test_against_model(void **state)
{
    (void)state;
    struct model m = { 0 };
    static struct model kept[PICTURES];
    struct tree *pictures[PICTURES] = { 0 };
    struct tree *t = NULL;
    for (unsigned step = 1; step <= STEPS; step++) {
        unsigned ns = (unsigned)check_random_below(3), name = (unsigned)check_random_below(NAMES);
        AUTO(kobj_unrefp) struct kobj *o = make(ns, name, step);
        if (check_random_below(3) > 0) {
            struct tree_item item = { o, (int64_t)step, check_random(), false };
            t = tree_put(t, &item);
            m.revision[ns][name] = step;
        } else {
            t = tree_del(t, o->namespace, o->name);
            m.revision[ns][name] = 0;
        }
        const struct tree_item *found = tree_find(t, o->namespace, o->name);
        CHECK_I64(found ? found->object->revision : 0, m.revision[ns][name]);
        if (check_random_below(50) == 0) {
            unsigned k = (unsigned)check_random_below(PICTURES);
            tree_unref(pictures[k]);
            pictures[k] = tree_ref(t);
            kept[k] = m;
        }
        if (step % 100 == 0)
            compare(t, &m);
    }
    compare_namespace(t, &m);
    tree_unref(t);
    for (unsigned k = 0; k < PICTURES; k++) {
        compare(pictures[k], pictures[k] ? &kept[k] : &(struct model){ 0 });
        tree_unref(pictures[k]);
    }
}

/* Changes gathered beside a tree and applied at once give what each at its turn gives. */
static void test_apply(void **state)
{
    (void)state;
    struct model m = { 0 };
    struct tree *before = NULL, *changes = NULL;
    for (unsigned step = 1; step <= 300; step++) {
        unsigned ns = (unsigned)check_random_below(3), name = (unsigned)check_random_below(NAMES);
        AUTO(kobj_unrefp) struct kobj *o = make(ns, name, step);
        bool early = step <= 150, deletes = !early && check_random_below(2) == 0;
        struct tree_item item = { o, (int64_t)step, check_random(), deletes };
        if (early)
            before = tree_put(before, &item);
        else
            changes = tree_put(changes, &item);
        m.revision[ns][name] = deletes ? 0 : step;
    }
    struct tree *after = tree_apply(tree_ref(before), changes);
    compare(after, &m);
    tree_unref(after);
    struct tree *same = tree_apply(before, NULL);
    CHECK(same == before);
    tree_unref(same);
    tree_unref(changes);
}

static bool stop_at_third(void *arg, const struct kobj *o)
{
    (void)o;
    return ++*(int *)arg < 3;
}

static void test_walk_stops(void **state)
{
    (void)state;
    struct tree *t = NULL;
    for (unsigned i = 0; i < 10; i++) {
        AUTO(kobj_unrefp) struct kobj *o = make(0, i, 1);
        t = tree_put(t, &(struct tree_item){ o, 1, check_random(), false });
    }
    int seen = 0;
    CHECK(!tree_walk(t, &(struct store_range){ 0 }, stop_at_third, &seen));
    CHECK_I64(seen, 3);
    tree_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_walk_stops),
    };
    return CHECK_MAIN(tests);
}
