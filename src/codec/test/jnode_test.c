/* SPDX-License-Identifier: Apache-2.0
 * Trees under edit: the operations one by one, and random edits held against a naive model. A
 * frozen document must be the very document, node by node, that parsing its text gives. */
#include "codec/jnode.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "codec/json_internal.h"
#include "testkit/check.h"

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    return doc;
}

static void check_same_doc(const struct json_doc *frozen)
{
    AUTO(json_doc_unrefp) struct json_doc *parsed = parse(json_doc_text(frozen));
    CHECK_STR_EQ(json_doc_text(frozen), json_doc_text(parsed));
    CHECK_I64(frozen->tape_n, parsed->tape_n);
    CHECK_I64(frozen->decoded_n, parsed->decoded_n);
    for (uint32_t i = 0; i < parsed->tape_n; i++) {
        if (frozen->tape[i] != parsed->tape[i])
            fail_msg("node %u: %#llx, not %#llx", i, (unsigned long long)frozen->tape[i],
                     (unsigned long long)parsed->tape[i]);
    }
    CHECK(memcmp(doc_decoded(frozen), doc_decoded(parsed), parsed->decoded_n) == 0);
    CHECK(frozen->depth >= parsed->depth);
}

static void check_text(struct jnode *n, struct str want)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(jnode_freeze(&doc, n, &err), err);
    CHECK_STR_EQ(json_doc_text(doc), want);
    CHECK_I64(jnode_text_bytes(n), want.n);
    check_same_doc(doc);
    json_doc_unref(doc);
}

static void test_make(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("name"), STR("a \"b\"\n\x01"));
    jnode_set_i64(o, STR("n"), -42);
    jnode_set_bool(o, STR("yes"), true);
    jnode_set_bool(o, STR("no"), false);
    jnode_set(o, STR("nil"), jnode_null(a));
    jnode_set(o, STR("e"), jnode_num(a, STR("1.50e3")));
    jnode_set(o, STR("tab\t"), jnode_obj(a));
    struct jnode *arr = jnode_need_arr(o, STR("arr"));
    jnode_append(arr, jnode_str(a, STR("")));
    jnode_insert(arr, 0, jnode_arr(a));
    jnode_insert(arr, 1, jnode_i64(a, INT64_MIN));
    check_text(o, STR("{\"name\":\"a \\\"b\\\"\\n\\u0001\",\"n\":-42,\"yes\":true,\"no\":false,"
                      "\"nil\":null,\"e\":1.50e3,\"tab\\t\":{},"
                      "\"arr\":[[],-9223372036854775808,\"\"]}"));
    CHECK_STR(jnode_text_of_str(jnode_get(o, STR("name"))), "a \"b\"\n\x01");
    CHECK(jnode_is_true(jnode_get(o, STR("yes"))) && !jnode_is_true(jnode_get(o, STR("no"))));
    CHECK_I64(jnode_len(o), 8);
    CHECK_STR(jnode_key_at(o, 1), "n");
    CHECK(jnode_type(jnode_value_at(o, 6)) == JSON_OBJ);
    CHECK(jnode_key_at(o, 8).p == NULL && jnode_value_at(o, 8) == NULL);
    check_text(jnode_str(a, STR("\xff\xc3\xa9\x80")), STR("\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\""));
    check_text(jnode_null(a), STR("null"));
    check_text(jnode_arr(a), STR("[]"));
}

static void test_null_is_absent(void **state)
{
    (void)state;
    int64_t i;
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK(jnode_thaw(a, (struct json){ 0 }) == NULL);
    CHECK(jnode_type(NULL) == JSON_ABSENT && jnode_len(NULL) == 0);
    CHECK(!jnode_get(NULL, STR("a")) && !jnode_at(NULL, 0) && !jnode_path(NULL, "a.b"));
    CHECK(jnode_text_of_str(NULL).p == NULL && !jnode_is_true(NULL) && !jnode_to_i64(NULL, &i));
    CHECK(jnode_num_text(NULL).p == NULL && !json_exists(jnode_source(NULL)));
    CHECK(jnode_eq(NULL, NULL) && !jnode_eq(NULL, jnode_null(a)) && !jnode_eq(jnode_null(a), NULL));
    CHECK(!jnode_del(NULL, STR("a")) && jnode_copy(a, NULL) == NULL);
    CHECK(!jnode_get(jnode_arr(a), STR("0")) && !jnode_at(jnode_obj(a), 0));
}

static void test_edit(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp)
    struct json_doc *doc =
        parse(STR("{\"meta\":{\"name\":\"x\",\"note\":\"\\u00e9\"},\"spec\":{\"list\":[1,{\"q\":"
                  "\"\\n\"},3],\"n\":1e2},\"status\":{}}"));
    struct jnode *root = jnode_thaw(a, json_root(doc));
    CHECK(json_exists(jnode_source(root)));
    int64_t n = 0;
    CHECK(jnode_to_i64(jnode_path(root, "spec.n"), &n) && n == 100);
    CHECK(!json_exists(jnode_source(root)));
    CHECK(json_exists(jnode_source(jnode_get(root, STR("status")))));
    check_text(root, json_doc_text(doc)); /* expanded, not changed */
    jnode_set_str(jnode_need_obj(root, STR("status")), STR("phase"), STR("Running"));
    jnode_remove_at(jnode_path(root, "spec.list"), 0);
    jnode_replace_at(jnode_path(root, "spec.list"), 1, jnode_i64(a, 4));
    CHECK(jnode_del(jnode_get(root, STR("meta")), STR("name")));
    CHECK(!jnode_del(jnode_get(root, STR("meta")), STR("name")));
    jnode_set(root, STR("spec2"), jnode_copy(a, jnode_get(root, STR("spec"))));
    jnode_set_i64(jnode_path(root, "spec2"), STR("n"), 7);
    check_text(root,
               STR("{\"meta\":{\"note\":\"\\u00e9\"},\"spec\":{\"list\":[{\"q\":\"\\n\"},4],"
                   "\"n\":1e2},\"status\":{\"phase\":\"Running\"},\"spec2\":{\"list\":[{\"q\":"
                   "\"\\n\"},4],\"n\":7}}"));
    CHECK_STR(jnode_text_of_str(jnode_path(root, "spec.list.0.q")), "\n");
    CHECK(!jnode_path(root, "spec.list.2") && !jnode_path(root, "spec.list.x"));
}

static void test_untouched_is_shared(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(STR("{\"a\":[1]}"));
    struct json_doc *same = NULL;
    struct err err = { 0 };
    CHECK_OK(jnode_freeze(&same, jnode_thaw(a, json_root(doc)), &err), err);
    CHECK(same == doc);
    json_doc_unref(same);
    struct buf b;
    buf_init(&b, 100);
    jnode_write(&b, jnode_thaw(a, json_get(json_root(doc), STR("a"))));
    CHECK_STR(buf_view(&b), "[1]");
    buf_fini(&b);
}

static void test_copy_outlives_its_source(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct arena *b = arena_new();
    struct jnode *o = jnode_obj(b);
    jnode_set_str(jnode_need_obj(o, STR("key")), STR("inner"), STR("text"));
    jnode_append(jnode_need_arr(o, STR("arr")), jnode_bool(b, true));
    struct jnode *copy = jnode_copy(a, o);
    CHECK(jnode_eq(copy, o));
    arena_free(b);
    check_text(copy, STR("{\"key\":{\"inner\":\"text\"},\"arr\":[true]}"));
}

static void test_many_members(void **state)
{
    (void)state;
    enum { N = 20000 };
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *o = jnode_obj(a);
    char key[16];
    for (int i = 0; i < N; i++) {
        int n = snprintf(key, sizeof key, "k%d", i);
        jnode_set_i64(o, str_make(key, (size_t)n), i);
    }
    for (int i = 0; i < N; i++) { /* every second one goes; some come back at the end */
        int n = snprintf(key, sizeof key, "k%d", i);
        struct str k = str_make(key, (size_t)n);
        if (i % 2)
            CHECK(jnode_del(o, k) && !jnode_get(o, k));
        if (i % 10 == 1)
            jnode_set_i64(o, k, -i);
    }
    CHECK_I64(jnode_len(o), N / 2 + N / 10);
    CHECK_STR(jnode_key_at(o, 1), "k2");
    CHECK_STR(jnode_key_at(o, N / 2 + 1), "k11");
    int64_t v = 0;
    CHECK(jnode_to_i64(jnode_get(o, STR("k21")), &v) && v == -21);
    CHECK(!jnode_get(o, STR("k23")) && !jnode_get(o, STR("")));
    CHECK(jnode_eq(o, jnode_copy(a, o)));
}

static void test_too_deep(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct jnode *n = jnode_arr(a);
    for (int i = 1; i < 200; i++) {
        struct jnode *outer = jnode_arr(a);
        jnode_append(outer, n);
        n = outer;
    }
    CHECK_OK(jnode_freeze(&doc, n, &err), err);
    struct jnode *outer = jnode_arr(a);
    jnode_append(outer, jnode_thaw(a, json_root(doc)));
    struct json_doc *none = NULL;
    CHECK_FAILS(jnode_freeze(&none, outer, &err), err, ERR_TOO_LARGE);
    CHECK(jnode_text_bytes(outer) == SIZE_MAX);
    json_doc_unref(doc);
    for (int i = 0; i < 300000; i++) {
        outer = jnode_arr(a);
        jnode_append(outer, n);
        n = outer;
    }
    CHECK_FAILS(jnode_freeze(&none, n, &err), err, ERR_TOO_LARGE);
    CHECK(!jnode_eq(n, jnode_copy(a, n))); /* no overflow; too deep to be equal to anything */
    struct buf b;
    buf_init(&b, 1 << 20);
    jnode_write(&b, n);
    CHECK(b.failed);
    buf_fini(&b);
}

/* Editing again and again must not make the kept bound of the nesting creep up to the limit. */
static void test_depth_does_not_creep(void **state)
{
    (void)state;
    struct json_doc *doc = parse(STR("{\"a\":[[[[1]]]],\"b\":[[2]]}"));
    for (int i = 0; i < 1000; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct jnode *n = jnode_thaw(a, json_root(doc));
        jnode_set_i64(n, STR("c"), i);
        struct json_doc *next = NULL;
        struct err err = { 0 };
        CHECK_OK(jnode_freeze(&next, n, &err), err);
        json_doc_unref(doc);
        doc = next;
    }
    check_same_doc(doc);
    json_doc_unref(doc);
}

/* ---- the model: the simplest tree that can be edited ---- */

struct model;
VEC_TYPE(model_vec, struct model *);

struct model {
    enum json_type type;
    struct buf key, text; /* text: of a scalar, as JSON */
    struct model_vec kids;
};

static struct model *model_new(enum json_type type)
{
    struct model *m = MEM_NEW(struct model);
    m->type = type;
    buf_init(&m->key, 1 << 10);
    buf_init(&m->text, 1 << 10);
    return m;
}

static void model_free(struct model *m)
{
    for (size_t i = 0; i < m->kids.n; i++)
        model_free(m->kids.items[i]);
    model_vec_fini(&m->kids);
    buf_fini(&m->key);
    buf_fini(&m->text);
    free(m);
}

static void model_put(struct model *m, size_t i, struct model *kid)
{
    model_vec_push(&m->kids, NULL);
    memmove(m->kids.items + i + 1, m->kids.items + i, (m->kids.n - 1 - i) * sizeof(struct model *));
    m->kids.items[i] = kid;
}

static void model_remove(struct model *m, size_t i)
{
    model_free(m->kids.items[i]);
    m->kids.n--;
    memmove(m->kids.items + i, m->kids.items + i + 1, (m->kids.n - i) * sizeof(struct model *));
}

static ptrdiff_t model_find(const struct model *m, struct str key)
{
    for (size_t i = 0; i < m->kids.n; i++) {
        if (str_eq(buf_view(&m->kids.items[i]->key), key))
            return (ptrdiff_t)i;
    }
    return -1;
}

static void model_write(struct buf *out, const struct model *m)
{
    if (m->type != JSON_OBJ && m->type != JSON_ARR) {
        buf_str(out, buf_view(&m->text));
        return;
    }
    buf_char(out, m->type == JSON_OBJ ? '{' : '[');
    for (size_t i = 0; i < m->kids.n; i++) {
        if (i)
            buf_char(out, ',');
        if (m->type == JSON_OBJ) {
            json_write_str(out, buf_view(&m->kids.items[i]->key));
            buf_char(out, ':');
        }
        model_write(out, m->kids.items[i]);
    }
    buf_char(out, m->type == JSON_OBJ ? '}' : ']');
}

static struct str random_str(char *space)
{
    static const char *const parts[] = { "a",
                                         "key",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\x01",
                                         "\xc3\xa9",
                                         "/",
                                         " ",
                                         "f:metadata",
                                         "terminationMessage",
                                         "\xf0\x9f\x98\x80" };
    size_t n = 0;
    for (uint64_t left = check_random_below(4); left > 0; left--) {
        const char *part = parts[check_random_below(COUNT_OF(parts))];
        memcpy(space + n, part, strlen(part));
        n += strlen(part);
    }
    return str_make(space, n);
}

/* The same random value twice: as a model and as a node. */
static struct model *random_pair(struct arena *a, struct jnode **node, int depth)
{
    char space[128];
    enum json_type type = (enum json_type)(JSON_NULL + check_random_below(depth > 0 ? 6 : 4));
    struct model *m = model_new(type);
    bool yes = check_random_below(2);
    int64_t number = (int64_t)(check_random() >> check_random_below(64));
    struct str s = random_str(space);
    switch (type) {
    case JSON_NULL:
    case JSON_ABSENT:
        buf_str(&m->text, STR("null"));
        *node = jnode_null(a);
        break;
    case JSON_BOOL:
        buf_str(&m->text, yes ? STR("true") : STR("false"));
        *node = jnode_bool(a, yes);
        break;
    case JSON_NUM:
        buf_i64(&m->text, number);
        *node = jnode_i64(a, number);
        break;
    case JSON_STR:
        json_write_str(&m->text, s);
        *node = jnode_str(a, s);
        break;
    case JSON_ARR:
    case JSON_OBJ:
        *node = type == JSON_ARR ? jnode_arr(a) : jnode_obj(a);
        for (uint64_t left = check_random_below(7); left > 0; left--) {
            struct jnode *kid_node;
            struct model *kid = random_pair(a, &kid_node, depth - 1);
            struct str key = random_str(space);
            if (type == JSON_OBJ && model_find(m, key) >= 0) {
                model_free(kid);
                continue;
            }
            model_put(m, m->kids.n, kid);
            if (type == JSON_ARR) {
                jnode_append(*node, kid_node);
                continue;
            }
            buf_str(&kid->key, key);
            jnode_set(*node, key, kid_node);
        }
        break;
    }
    return m;
}

static void edit_obj(struct arena *a, struct model *m, struct jnode *n)
{
    char space[128];
    struct jnode *kid_node;
    struct str key = random_str(space);
    if (m->kids.n && check_random_below(2))
        key = jnode_key_at(n, check_random_below(m->kids.n));
    ptrdiff_t at = model_find(m, key);
    if (check_random_below(2)) {
        CHECK(jnode_del(n, key) == (at >= 0));
        if (at >= 0)
            model_remove(m, (size_t)at);
        return;
    }
    struct model *kid = random_pair(a, &kid_node, 2);
    buf_str(&kid->key, key);
    jnode_set(n, key, kid_node);
    if (at < 0) {
        model_put(m, m->kids.n, kid);
        return;
    }
    model_free(m->kids.items[at]);
    m->kids.items[at] = kid;
}

static void edit_arr(struct arena *a, struct model *m, struct jnode *n)
{
    struct jnode *kid_node;
    if (m->kids.n && check_random_below(2)) {
        size_t i = check_random_below(m->kids.n);
        jnode_remove_at(n, i);
        model_remove(m, i);
        return;
    }
    struct model *kid = random_pair(a, &kid_node, 2);
    if (m->kids.n && check_random_below(2)) {
        size_t i = check_random_below(m->kids.n);
        jnode_replace_at(n, i, kid_node);
        model_free(m->kids.items[i]);
        m->kids.items[i] = kid;
        return;
    }
    size_t i = check_random_below(m->kids.n + 1);
    jnode_insert(n, i, kid_node);
    model_put(m, i, kid);
}

/* Goes down a random way and changes what is there. */
static void edit(struct arena *a, struct model *m, struct jnode *n)
{
    CHECK(m->type == jnode_type(n));
    if (m->kids.n && check_random_below(3)) {
        size_t i = check_random_below(m->kids.n);
        struct jnode *kid = m->type == JSON_OBJ ? jnode_value_at(n, i) : jnode_at(n, i);
        if (m->kids.items[i]->type == JSON_OBJ || m->kids.items[i]->type == JSON_ARR) {
            edit(a, m->kids.items[i], kid);
            return;
        }
    }
    CHECK_I64(jnode_len(n), m->kids.n);
    if (m->type == JSON_OBJ)
        edit_obj(a, m, n);
    else
        edit_arr(a, m, n);
}

static void test_random_edits(void **state)
{
    (void)state;
    struct buf want;
    buf_init(&want, 1 << 20);
    for (int round = 0; round < 150; round++) {
        AUTO(arena_freep) struct arena *first = arena_new();
        struct jnode *n = jnode_obj(first), *top;
        struct model *m = model_new(JSON_OBJ);
        struct model *kid = random_pair(first, &top, 5);
        buf_str(&kid->key, STR("top"));
        model_put(m, 0, kid);
        jnode_set(n, STR("top"), top);
        struct json_doc *doc = NULL;
        struct err err = { 0 };
        CHECK_OK(jnode_freeze(&doc, n, &err), err);
        for (int generation = 0; generation < 6; generation++) {
            AUTO(arena_freep) struct arena *a = arena_new();
            n = jnode_thaw(a, json_root(doc));
            for (uint64_t left = check_random_below(8); left > 0; left--)
                edit(a, m, n);
            struct jnode *copy = jnode_copy(a, n);
            CHECK(jnode_eq(copy, n));
            struct json_doc *next = NULL;
            CHECK_OK(jnode_freeze(&next, copy, &err), err);
            buf_clear(&want);
            model_write(&want, m);
            CHECK_STR_EQ(json_doc_text(next), buf_view(&want));
            check_same_doc(next);
            CHECK(jnode_eq(n, jnode_thaw(a, json_root(next))));
            json_doc_unref(doc);
            doc = next;
        }
        json_doc_unref(doc);
        model_free(m);
    }
    buf_fini(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_null_is_absent),
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_untouched_is_shared),
        cmocka_unit_test(test_copy_outlives_its_source),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_depth_does_not_creep),
        cmocka_unit_test(test_random_edits),
    };
    return CHECK_MAIN(tests);
}
