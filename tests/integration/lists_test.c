/* SPDX-License-Identifier: Apache-2.0
 * lists_test — lists and watches over HTTPS against the real API server: pages that follow by
 * themselves, caches of few fields. */
#include <stdio.h>

#include "apiserver/test/fixture.h"
#include "client/informer.h"
#include "client/rest.h"
#include "testkit/check.h"

#define PODS 7

static struct fixture fx;
static struct transport *rest;

struct heard {
    char names[256];
    int replies, more;
    int cancel_at; /* reply in which the call is cancelled; 0: none */
    bool whole;    /* objects have what was not asked for */
    bool typed;    /* and their kind */
    struct call *call;
    uint64_t revision;
};

static void on_list(void *arg, const struct reply *r, const struct err *err)
{
    struct heard *h = arg;
    CHECK_OK(r ? 0 : -1, *err);
    CHECK_I64(r->code, 200);
    CHECK(h->replies == 0 || h->revision == r->revision); /* one picture */
    h->revision = r->revision;
    h->replies++;
    h->more += r->more;
    CHECK(r->more || r->cont.n == 0);
    for (size_t i = 0; i < r->n_items; i++) {
        const struct kobj *o = r->items[i];
        snprintf(h->names + strlen(h->names), sizeof h->names - strlen(h->names), "%.*s ",
                 STR_ARG(o->name));
        h->whole = h->whole || json_exists(kobj_path(o, "spec.containers"));
        h->typed = str_is(o->kind, "Pod") && str_is(o->api_version, "v1");
    }
    if (h->replies == h->cancel_at)
        rest->ops->cancel(h->call);
    if (!r->more || h->replies == h->cancel_at)
        loop_stop(fx.loop);
}

static void begin(void)
{
    struct err err = { 0 };
    fixture_init(&fx, (struct apiserver_options){ .address = STR("127.0.0.1") });
    for (int i = 0; i < PODS; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"metadata\":{\"name\":\"p%d\"},\"spec\":{\"containers\":[{\"name\":\"m\","
                 "\"image\":\"i\"}]}}",
                 i);
        CHECK_I64(fixture_create(&fx, "pods", text), 201);
    }
    const struct rest_options o = { .server = apiserver_url(fx.api),
                                    .tls.ca_pem = apiserver_ca(fx.api),
                                    .token = apiserver_token(fx.api) };
    rest = rest_transport_new(fx.loop, &o, &err);
    CHECK(rest != NULL);
}

static void end(void)
{
    rest->ops->close(rest);
    fixture_fini(&fx);
}

static struct request list_request(int64_t limit, struct json_keep *keep)
{
    return (struct request){ .verb = VERB_LIST,
                             .version = STR("v1"),
                             .plural = STR("pods"),
                             .namespace = STR("default"),
                             .list = { .limit = limit, .all_pages = true, .keep = keep } };
}

static void list(struct heard *h, int64_t limit, struct json_keep *keep)
{
    struct request r = list_request(limit, keep);
    h->call = rest->ops->start(rest, &r, on_list, h);
    loop_run(fx.loop);
}

static const struct json_mask metadata_rows[] = { JSON_MASK("name"), JSON_MASK("namespace"),
                                                  JSON_MASK("uid"), JSON_MASK("resourceVersion") };
static const struct json_mask rows[] = { JSON_MASK("kind"), JSON_MASK("apiVersion"),
                                         JSON_MASK_OF("metadata", metadata_rows) };

static void test_pages_follow(void **state)
{
    (void)state;
    static const char all[] = "p0 p1 p2 p3 p4 p5 p6 ";
    static const int64_t limits[] = { 0, 1, 2, 3, PODS, 100 };
    static const int pages[] = { 1, 7, 4, 3, 1, 1 };
    AUTO(json_keep_freep) struct json_keep *keep = json_keep_new(rows, COUNT_OF(rows));
    begin();
    for (size_t i = 0; i < 2 * COUNT_OF(limits); i++) {
        struct heard h = { 0 };
        bool few = i % 2;
        list(&h, limits[i / 2], few ? keep : NULL);
        CHECK(str_is(str_from(h.names), all));
        CHECK_I64(h.replies, pages[i / 2]);
        CHECK_I64(h.more, pages[i / 2] - 1);
        CHECK(h.typed);
        CHECK(h.whole == !few);
    }
    end();
}

/* In any of the replies, also while the next page is under way. */
static void test_cancel_between_pages(void **state)
{
    (void)state;
    begin();
    for (int at = 1; at < 4; at++) {
        struct heard h = { .cancel_at = at };
        list(&h, 2, NULL);
        CHECK_I64(h.replies, at);
        struct heard again = { 0 }; /* the connection is as good as before */
        list(&again, 3, NULL);
        CHECK_I64(again.replies, 3);
    }
    struct request r = list_request(1, NULL);
    struct heard h = { 0 };
    rest->ops->start(rest, &r, on_list, &h);
    end(); /* at once */
    CHECK_I64(h.replies, 0);
}

struct cache {
    struct informers *set;
    struct informer *pods;
};

static void on_event(void *arg, const struct kobj *before, const struct kobj *after)
{
    (void)before;
    CHECK(after != NULL);
    CHECK(!json_exists(kobj_path(after, "spec")));
    CHECK(after->uid.n > 0 && after->revision > 0);
    if (str_is(after->name, "late") && informer_synced(((struct cache *)arg)->pods))
        loop_stop(fx.loop);
}

static void on_batch(void *arg)
{
    if (!informer_find(((struct cache *)arg)->pods, STR("default"), STR("late")))
        loop_stop(fx.loop);
}

/* Objects of lists and of events hold the same few fields. */
static void test_cache_of_few_fields(void **state)
{
    (void)state;
    begin();
    struct cache c = { .set = informers_new(rest) };
    const struct informer_fields fields = { rows, COUNT_OF(rows) };
    c.pods = informers_get_fields(c.set, GVR("", "v1", "pods"), &fields);
    CHECK(informers_get_fields(c.set, GVR("", "v1", "pods"), &fields) == c.pods);
    CHECK(informers_get(c.set, GVR("", "v1", "pods"), (struct str){ 0 }) != c.pods);
    informer_on_event(c.pods, on_event, on_batch, &c);
    informers_start(c.set);
    loop_run(fx.loop);
    CHECK(informer_synced(c.pods));
    CHECK(informer_find(c.pods, STR("default"), STR("p6")) != NULL);
    CHECK_I64(
        fixture_create(&fx, "pods",
                       "{\"metadata\":{\"name\":\"late\"},\"spec\":{\"containers\":[{\"name\":"
                       "\"m\",\"image\":\"i\"}]}}"),
        201);
    if (!informer_find(c.pods, STR("default"), STR("late")))
        loop_run(fx.loop);
    informers_free(c.set);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_follow),
        cmocka_unit_test(test_cancel_between_pages),
        cmocka_unit_test(test_cache_of_few_fields),
    };
    return CHECK_MAIN(tests);
}
