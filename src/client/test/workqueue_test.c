/* SPDX-License-Identifier: Apache-2.0
 * workqueue_test — the rules of client-go's work queue, on virtual time. */
#include "client/workqueue.h"

#include "testkit/check.h"

static void test_a_key_is_queued_once(void **state)
{
    (void)state;
    struct workqueue *q = workqueue_new();
    struct mono now = { 0 };
    struct str key;
    workqueue_add(q, STR("a"));
    workqueue_add(q, STR("b"));
    workqueue_add(q, STR("a"));
    CHECK_I64(workqueue_len(q), 2);
    CHECK(workqueue_take(q, now, &key));
    CHECK_STR(key, "a");
    workqueue_done(q, key);
    CHECK(workqueue_take(q, now, &key));
    CHECK_STR(key, "b");
    workqueue_done(q, key);
    CHECK(!workqueue_take(q, now, &key));
    workqueue_free(q);
}

static void test_added_during_work_comes_again(void **state)
{
    (void)state;
    struct workqueue *q = workqueue_new();
    struct mono now = { 0 };
    struct str key, other;
    workqueue_add(q, STR("a"));
    CHECK(workqueue_take(q, now, &key));
    workqueue_add(q, STR("a"));
    CHECK(!workqueue_take(q, now, &other)); /* never two at once */
    workqueue_done(q, key);
    CHECK(workqueue_take(q, now, &key));
    workqueue_done(q, key);
    CHECK(!workqueue_take(q, now, &other));
    workqueue_free(q);
}

static void test_failures_back_off_and_forget(void **state)
{
    (void)state;
    struct workqueue *q = workqueue_new();
    struct mono now = { 0 }, when;
    struct str key;
    workqueue_add(q, STR("a"));
    for (int i = 0; i < 20; i++) {
        CHECK(workqueue_take(q, now, &key));
        workqueue_retry(q, key, now);
        workqueue_done(q, key);
        CHECK(workqueue_next_due(q, &when));
        int64_t want = i < 16 ? WORKQUEUE_RETRY_MIN_NS << i : WORKQUEUE_RETRY_MAX_NS;
        CHECK_I64(when.ns - now.ns, want < WORKQUEUE_RETRY_MAX_NS ? want : WORKQUEUE_RETRY_MAX_NS);
        CHECK(!workqueue_take(q, (struct mono){ when.ns - 1 }, &key));
        now = when;
    }
    CHECK(workqueue_take(q, now, &key));
    workqueue_forget(q, key);
    workqueue_retry(q, key, now);
    workqueue_done(q, key);
    CHECK(workqueue_next_due(q, &when));
    CHECK_I64(when.ns - now.ns, WORKQUEUE_RETRY_MIN_NS);
    workqueue_free(q);
}

static void test_the_earlier_time_wins(void **state)
{
    (void)state;
    struct workqueue *q = workqueue_new();
    struct str key;
    workqueue_add_at(q, STR("a"), (struct mono){ 100 });
    workqueue_add_at(q, STR("a"), (struct mono){ 50 });
    workqueue_add_at(q, STR("a"), (struct mono){ 70 });
    CHECK(!workqueue_take(q, (struct mono){ 49 }, &key));
    CHECK(workqueue_take(q, (struct mono){ 50 }, &key));
    workqueue_add_at(q, STR("a"), (struct mono){ 90 });
    workqueue_done(q, key);
    CHECK(!workqueue_take(q, (struct mono){ 89 }, &key));
    CHECK(workqueue_take(q, (struct mono){ 90 }, &key));
    workqueue_done(q, key);
    CHECK_I64(workqueue_len(q), 0);
    workqueue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_queued_once),
        cmocka_unit_test(test_added_during_work_comes_again),
        cmocka_unit_test(test_failures_back_off_and_forget),
        cmocka_unit_test(test_the_earlier_time_wins),
    };
    return CHECK_MAIN(tests);
}
