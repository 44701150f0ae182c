/* SPDX-License-Identifier: Apache-2.0
 * bind_each against a transport whose peer is the test: what stands when an answer is lost. */
#include "client/bind_each.h"

#include "client/test/fake_transport.h"
#include "io/loop.h"
#include "testkit/check.h"

#define POD(uid, spec)                                                                             \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"p\","    \
    "\"uid\":\"" uid "\"},\"spec\":{" spec "}}"
#define STATUS "{\"kind\":\"Status\",\"metadata\":{}}"

struct outcome {
    int answers, code;
    bool bound, unknown;
};

static void on_done(void *arg, const struct reply *reply, const struct err *err)
{
    struct outcome *o = arg;
    CHECK(reply != NULL);
    o->answers++;
    o->code = reply->code;
    o->bound = reply->bound[0];
    o->unknown = err && err->kind != ERR_NONE;
}

/* The Binding of p to n1 is sent, no answer comes, and the pod is read. */
static const struct {
    const char *what;
    int code;         /* 0: that answer is lost, too */
    const char *body; /* of what is read */
    bool bound, unknown;
    int says;
} cases[] = {
    { "it is there", 200, POD("u", "\"nodeName\":\"n1\""), true, false, 201 },
    { "somebody else bound it", 200, POD("u", "\"nodeName\":\"n2\""), false, false, 409 },
    { "it was not bound", 200, POD("u", ""), false, true, 503 },
    { "another pod of that name", 200, POD("v", "\"nodeName\":\"n1\""), false, true, 503 },
    { "it is gone", 404, STATUS, false, false, 404 },
    { "the API is broken", 500, STATUS, false, true, 503 },
    { "nobody answers", 0, NULL, false, true, 503 },
};

static void test_a_lost_answer_is_looked_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct loop *l = loop_new(NULL);
        struct fake_transport *f = fake_transport_new(l);
        struct outcome o = { 0 };
        const struct binding b = {
            .namespace = STR("d"), .pod = STR("p"), .uid = STR("u"), .node = STR("n1")
        };
        print_message("%s\n", cases[i].what);
        bind_each_start(fake_transport_base(f), &b, 1, on_done, &o);
        CHECK_I64(fake_pending(f), 1);
        CHECK_STR(str_from(fake_at(f, 0)->path), "pods/d/p/binding");
        fake_fail(f, 0, ERR_IO);
        CHECK_I64(fake_pending(f), 1);
        CHECK_I64(o.answers, 0);
        CHECK(fake_at(f, 0)->verb == VERB_GET);
        CHECK_STR(str_from(fake_at(f, 0)->path), "pods/d/p/");
        if (cases[i].code)
            fake_reply(f, 0, cases[i].code, cases[i].body);
        else
            fake_fail(f, 0, ERR_IO);
        CHECK_I64(o.answers, 1);
        CHECK_I64(o.code, cases[i].says);
        CHECK(o.bound == cases[i].bound);
        CHECK(o.unknown == cases[i].unknown);
        CHECK_I64(fake_pending(f), 0);
        fake_transport_free(f);
        loop_free(l);
    }
}

/* It may be cancelled while it reads. */
static void test_cancel_while_it_reads(void **state)
{
    (void)state;
    struct loop *l = loop_new(NULL);
    struct fake_transport *f = fake_transport_new(l);
    struct outcome o = { 0 };
    const struct binding b = { .namespace = STR("d"), .pod = STR("p"), .node = STR("n1") };
    struct bind_each *e = bind_each_start(fake_transport_base(f), &b, 1, on_done, &o);
    fake_fail(f, 0, ERR_TIMEOUT);
    bind_each_cancel(e);
    CHECK_I64(fake_pending(f), 0);
    CHECK_I64(o.answers, 0);
    fake_transport_free(f);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_answer_is_looked_up),
        cmocka_unit_test(test_cancel_while_it_reads),
    };
    return CHECK_MAIN(tests);
}
