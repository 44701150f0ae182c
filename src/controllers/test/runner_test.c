/* SPDX-License-Identifier: Apache-2.0
 * runner_test — the rules under which a controller runs: complete caches first, a key again only
 * when the caches have seen its writes, status last, refusals come back. */
#include "controllers/runner.h"

#include <stdio.h>

#include "client/test/fake_transport.h"
#include "kube/meta.h"
#include "testkit/check.h"

#define PODS GVR("", "v1", "pods")

static int passes;
static bool writes_status, writes_nothing, writes_if_absent;

static int reconcile_probe(struct reconcile *r, struct err *err)
{
    (void)err;
    const struct kobj *o = informer_find(r->caches[0], r->namespace, r->name);
    passes++;
    if (!o || writes_nothing)
        return 0;
    if (writes_if_absent)
        reconcile_if_absent(r, PODS, STR("d"), STR("x"), STR("u-x"));
    reconcile_create(r, PODS, meta_object(r->a, "v1", "Pod", r->namespace, STR("made")));
    reconcile_event(r, o, "Made", "made one");
    if (writes_status)
        reconcile_patch_status(r, PODS, o, jnode_obj(r->a));
    return 0;
}

static const struct controller probe = {
    .name = "probe",
    .watches = { { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") } } },
    .reconcile = reconcile_probe,
};

struct bench {
    struct loop *loop;
    struct fake_transport *fake;
    struct runner *runner;
};

static void on_tick(void *arg)
{
    loop_stop(arg);
}

static void turn(struct bench *b)
{
    struct timer *t = timer_new(b->loop, on_tick, b->loop);
    timer_start(t, 30 * NS_PER_MS);
    loop_run(b->loop);
    timer_free(t);
}

static const char *pod(char out[256], const char *name, int revision)
{
    snprintf(out, 256,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
             "\"%s\",\"uid\":\"u-%s\",\"resourceVersion\":\"%d\"}}",
             name, name, revision);
    return out;
}

static struct bench begin(bool synced)
{
    static const struct controller *const list[] = { &probe };
    struct bench b = { .loop = loop_new(NULL) };
    char text[256];
    const char *objects[] = { pod(text, "a", 3) };
    passes = 0;
    writes_status = writes_nothing = writes_if_absent = false;
    b.fake = fake_transport_new(b.loop);
    b.runner = runner_new(fake_transport_base(b.fake), list, 1);
    runner_start(b.runner);
    turn(&b);
    CHECK_I64(passes, 0); /* a cache that knows nothing proves nothing */
    if (synced) {
        fake_reply_list(b.fake, 0, &(struct fake_page){ 5, NULL, objects, 1 });
        turn(&b);
    }
    return b;
}

static void end(struct bench *b)
{
    runner_free(b->runner);
    CHECK_I64(fake_pending(b->fake), 0);
    fake_transport_free(b->fake);
    loop_free(b->loop);
}

/* The pending call with this path; fails the test when there is none. */
static size_t call_to(struct bench *b, const char *path, enum verb verb)
{
    for (size_t i = 0; i < fake_pending(b->fake); i++)
        if (strcmp(fake_at(b->fake, i)->path, path) == 0 && fake_at(b->fake, i)->verb == verb)
            return i;
    fail_msg("such a call is pending");
    return 0;
}

static bool is_pending(struct bench *b, const char *path, enum verb verb)
{
    for (size_t i = 0; i < fake_pending(b->fake); i++)
        if (strcmp(fake_at(b->fake, i)->path, path) == 0 && fake_at(b->fake, i)->verb == verb)
            return true;
    return false;
}

static void test_waits_until_caches_saw_the_writes(void **state)
{
    (void)state;
    char text[256];
    struct bench b = begin(true);
    CHECK_I64(passes, 1);
    writes_nothing = true;
    fake_reply(b.fake, call_to(&b, "pods/d//", VERB_CREATE), 201, pod(text, "made", 50));
    fake_event(b.fake, call_to(&b, "pods///", VERB_WATCH), EVENT_MODIFIED, pod(text, "a", 40));
    turn(&b);
    CHECK_I64(passes, 1); /* "a" has news, but the cache has not heard of what it made */
    CHECK(!runner_idle(b.runner));
    fake_event(b.fake, call_to(&b, "pods///", VERB_WATCH), EVENT_ADDED, pod(text, "made", 50));
    turn(&b);
    CHECK_I64(passes, 3); /* "a" again, and "made" */
    CHECK(runner_idle(b.runner));
    end(&b);
}

static void test_a_refusal_comes_back(void **state)
{
    (void)state;
    struct bench b = begin(true);
    fake_reply(
        b.fake, call_to(&b, "pods/d//", VERB_CREATE), 409,
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"reason\":\"Conflict\"}");
    turn(&b);
    CHECK_I64(passes, 2);
    CHECK(!is_pending(&b, "events/d//", VERB_CREATE)); /* what was not done is not told */
    fake_fail(b.fake, call_to(&b, "pods/d//", VERB_CREATE), ERR_IO);
    turn(&b);
    CHECK_I64(passes, 3);
    end(&b);
}

static void test_status_comes_last(void **state)
{
    (void)state;
    char text[256];
    struct bench b = begin(false);
    const char *objects[] = { pod(text, "a", 3) };
    writes_status = true;
    fake_reply_list(b.fake, 0, &(struct fake_page){ 5, NULL, objects, 1 });
    turn(&b);
    CHECK(!is_pending(&b, "pods/d/a/status", VERB_PATCH));
    fake_reply(b.fake, call_to(&b, "pods/d//", VERB_CREATE), 500,
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{}}");
    CHECK(!is_pending(&b, "pods/d/a/status", VERB_PATCH)); /* it would claim what is not so */
    turn(&b);
    writes_nothing = true;
    fake_reply(b.fake, call_to(&b, "pods/d//", VERB_CREATE), 201, pod(text, "made", 50));
    CHECK(is_pending(&b, "pods/d/a/status", VERB_PATCH));
    fake_reply(b.fake, call_to(&b, "pods/d/a/status", VERB_PATCH), 200, pod(text, "a", 51));
    CHECK(is_pending(&b, "events/d//", VERB_CREATE));
    end(&b);
}

/* The API is asked before anything is written; what it says decides. */
static void test_absence_is_asked_for_first(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
        bool writes;
    } rows[] = {
        { 200, "x", false }, { 200, "y", true }, { 404, NULL, true }, { 500, NULL, false }
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        struct bench b = begin(true);
        fake_reply(b.fake, call_to(&b, "pods/d//", VERB_CREATE), 409, "{\"kind\":\"Status\"}");
        writes_if_absent = true;
        turn(&b);
        CHECK(!is_pending(&b, "pods/d//", VERB_CREATE));
        fake_reply(b.fake, call_to(&b, "pods/d/x/", VERB_GET), rows[i].code,
                   rows[i].name ? pod(text, rows[i].name, 9) : "{\"kind\":\"Status\"}");
        CHECK(is_pending(&b, "pods/d//", VERB_CREATE) == rows[i].writes);
        end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_until_caches_saw_the_writes),
        cmocka_unit_test(test_a_refusal_comes_back),
        cmocka_unit_test(test_status_comes_last),
        cmocka_unit_test(test_absence_is_asked_for_first),
    };
    return CHECK_MAIN(tests);
}
