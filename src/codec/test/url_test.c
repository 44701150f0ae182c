/* SPDX-License-Identifier: Apache-2.0
 * Percent-coding both ways, queries, paths and whole URLs, and what must be refused. */
#include "codec/url.h"

#include "testkit/check.h"

static void percent_coding_round_trips(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct buf b, c;
    buf_init(&b, 1024);
    buf_init(&c, 1024);
    char all[255];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    url_encode(&b, str_make(all, sizeof all));
    CHECK_OK(url_decode(&c, buf_view(&b), &err), err);
    CHECK_STR_EQ(buf_view(&c), str_make(all, sizeof all));
    buf_clear(&b);
    url_encode_path(&b, STR("/a b/ä~"));
    CHECK_STR(buf_view(&b), "/a%20b/%C3%A4~");
    buf_clear(&c);
    CHECK_OK(url_decode_query(&c, STR("a+b%2Bc"), &err), err);
    CHECK_STR(buf_view(&c), "a b+c");
    buf_clear(&c);
    CHECK_OK(url_decode(&c, STR("a+b"), &err), err);
    CHECK_STR(buf_view(&c), "a+b");
    const struct str broken[] = { STR("%"), STR("%4"), STR("a%4g"), STR("%g4"), STR("x%00y") };
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        CHECK_FAILS(url_decode(&c, broken[i], &err), err, ERR_INVALID);
    struct buf small;
    buf_init(&small, 2);
    CHECK_FAILS(url_decode(&small, STR("abc"), &err), err, ERR_TOO_LARGE);
    buf_fini(&small);
    buf_fini(&b);
    buf_fini(&c);
}

static void queries_are_walked(void **state)
{
    (void)state;
    struct str q = STR("a=1&&b&c=&d=x=y");
    struct str k, v;
    CHECK(url_query_next(&q, &k, &v));
    CHECK_STR(k, "a");
    CHECK_STR(v, "1");
    CHECK(url_query_next(&q, &k, &v));
    CHECK_STR(k, "b");
    CHECK(v.p == NULL);
    CHECK(url_query_next(&q, &k, &v));
    CHECK(v.p != NULL && v.n == 0);
    CHECK(url_query_next(&q, &k, &v));
    CHECK_STR(v, "x=y");
    CHECK(!url_query_next(&q, &k, &v));
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str s = STR("label%53elector=app%3Dweb+1&watch&bad=%&watch=2");
    CHECK_STR(url_query_get(a, s, STR("labelSelector")), "app=web 1");
    struct str watch = url_query_get(a, s, STR("watch"));
    CHECK(watch.p && watch.n == 0);
    CHECK(url_query_get(a, s, STR("bad")).p == NULL);
    CHECK(url_query_get(a, s, STR("none")).p == NULL);
    CHECK(url_query_get(a, (struct str){ 0 }, STR("none")).p == NULL);
}

static void paths_are_split(void **state)
{
    (void)state;
    struct err err = { 0 };
    AUTO(arena_freep) struct arena *a = arena_new();
    struct url_path p;
    CHECK_OK(url_path_split(&p, a, STR("/api/v1/pods/a%20b/"), &err), err);
    CHECK_I64(p.n, 4);
    CHECK(p.slash);
    CHECK_STR(p.segments[3], "a b");
    CHECK_OK(url_path_split(&p, a, STR("/"), &err), err);
    CHECK_I64(p.n, 0);
    CHECK(!p.slash);
    CHECK_OK(url_path_split(&p, a, STR("/a//b"), &err), err);
    CHECK_I64(p.n, 3);
    CHECK_STR(p.segments[1], "");
    const struct str bad[] = { STR(""),          STR("a"),    STR("/a/../b"),
                               STR("/%2e%2E/b"), STR("/./b"), STR("/a%2fb"),
                               STR("/%zz"),      STR("/%00"), STR("/%ff") };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_FAILS(url_path_split(&p, a, bad[i], &err), err, ERR_INVALID);
    char deep[2 * URL_SEGMENTS_MAX + 2];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = i % 2 ? 'a' : '/';
    CHECK_FAILS(url_path_split(&p, a, str_make(deep, sizeof deep), &err), err, ERR_TOO_LARGE);
    CHECK_OK(url_path_split(&p, a, str_make(deep, sizeof deep - 2), &err), err);
    CHECK_I64(p.n, URL_SEGMENTS_MAX);
}

static void urls_are_split(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct url u;
    CHECK_OK(url_split(&u, STR("https://h.example:6443/a/b?c=d"), &err), err);
    CHECK_STR(u.scheme, "https");
    CHECK_STR(u.host, "h.example");
    CHECK_I64(u.port, 6443);
    CHECK_STR(u.path, "/a/b");
    CHECK_STR(u.query, "c=d");
    CHECK_OK(url_split(&u, STR("http://[::1]:80"), &err), err);
    CHECK_STR(u.host, "::1");
    CHECK_I64(u.port, 80);
    CHECK_STR(u.path, "");
    CHECK(u.query.p == NULL);
    CHECK_OK(url_split(&u, STR("http://h?x"), &err), err);
    CHECK_STR(u.query, "x");
    const struct str bad[] = { STR("h/a"),          STR("://h"),        STR("http://"),
                               STR("http://h:0"),   STR("http://h:a"),  STR("http://h:70000"),
                               STR("http://u@h/"),  STR("http://[::1"), STR("http://[::1]x"),
                               STR("http://h/a b"), STR("http://h/#f"), STR("") };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_FAILS(url_split(&u, bad[i], &err), err, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percent_coding_round_trips),
        cmocka_unit_test(queries_are_walked),
        cmocka_unit_test(paths_are_split),
        cmocka_unit_test(urls_are_split),
    };
    return CHECK_MAIN(tests);
}
