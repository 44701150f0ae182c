/* SPDX-License-Identifier: Apache-2.0
 * The store's promises: nothing is visible before it is durable, pending reads see what is queued,
 * watchers miss nothing or are told so, limits refuse without side effect. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/test/fixture.h"
#include "testkit/check.h"

static struct fixture fx;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_fini(&fx);
    return 0;
}

static struct str value_of(const struct kobj *o)
{
    return json_str(kobj_path(o, "spec.value"));
}

static struct str pending_value(const char *name)
{
    const struct kobj *o = store_get_pending(fx.pods, STR("ns"), str_from(name));
    return o ? value_of(o) : STR("");
}

static bool take_first(void *arg, const struct kobj *o)
{
    *(struct str *)arg = value_of(o);
    return false;
}

static struct str first_value(const struct store_snapshot *p)
{
    struct str value = STR("");
    store_snapshot_walk(p, NULL, take_first, &value);
    return value;
}

static void test_visible_when_durable(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    uint64_t before = store_revision(fx.store);
    CHECK_I64(fixture_put(&fx, "a", "1"), 0);
    CHECK(store_get(fx.pods, STR("ns"), STR("a")) == NULL);
    CHECK(store_get_pending(fx.pods, STR("ns"), STR("a")) != NULL);
    CHECK_I64(store_revision(fx.store), before);
    fixture_wait(&fx, 1);
    CHECK_I64(fx.failures, 0);
    CHECK_STR(fixture_value(&fx, "a"), "1");
    CHECK_I64(store_revision(fx.store), before + 1);
    CHECK_I64(store_count(fx.pods), 1);
}

static void test_reopen(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    char name[16];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "p%d", i);
        CHECK_I64(fixture_put(&fx, name, "old"), 0);
    }
    CHECK_I64(fixture_put(&fx, "p7", "new"), 0);
    CHECK_I64(fixture_del(&fx, "p8"), 0);
    fixture_wait(&fx, 52);
    uint64_t revision = store_revision(fx.store);
    fixture_close(&fx);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    CHECK_I64(store_revision(fx.store), revision);
    CHECK_I64(store_count(fx.pods), 49);
    CHECK_STR(fixture_value(&fx, "p7"), "new");
    CHECK_STR(fixture_value(&fx, "p6"), "old");
    CHECK_STR(fixture_value(&fx, "p8"), "");
    /* the deletion's revision survived: history before it is gone, from it on it is not */
    struct store_watch *w = NULL;
    struct err err = { 0 };
    CHECK_FAILS(store_watch_new(&w, fx.pods, revision - 1, NULL, NULL, &err), err, ERR_GONE);
    CHECK_OK(store_watch_new(&w, fx.pods, revision, NULL, NULL, &err), err);
    store_watch_free(w);
    CHECK_I64(fixture_put(&fx, "p8", "again"), 0);
    fixture_wait(&fx, 53);
    CHECK_STR(fixture_value(&fx, "p8"), "again");
}

static void test_only_the_owner_may_read(void **state)
{
    (void)state;
    mode_t before = umask(022);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    fixture_put(&fx, "a", "secret");
    fixture_wait(&fx, 1);
    umask(before);
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char path[300];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", fx.path, ends[i]);
        CHECK_I64(stat(path, &st), 0);
        CHECK_I64(st.st_mode & 077, 0);
    }
}

static void test_second_instance_is_refused(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    struct store *second = NULL;
    struct err err = { 0 };
    struct store_options o = { .path = fx.path };
    CHECK_FAILS(store_open(&second, fx.loop, &o, &err), err, ERR_BUSY);
}

static void test_damaged_file_is_named(void **state)
{
    (void)state;
    FILE *file = fopen(fx.path, "w");
    CHECK(file != NULL);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database", file);
    fclose(file);
    struct err err = { 0 };
    struct store_options o = { .path = fx.path };
    CHECK_FAILS(fixture_try_open(&fx, o, &err), err, ERR_IO);
    CHECK(strstr(err.msg, "not a database") != NULL);
}

static int wakes;

static void on_wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void test_watch(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ 0 });
    struct store_watch *w = NULL;
    struct err err = { 0 };
    wakes = 0;
    CHECK_OK(store_watch_new(&w, fx.pods, store_revision(fx.store), on_wake, NULL, &err), err);
    fixture_put(&fx, "a", "1");
    fixture_put(&fx, "a", "2");
    fixture_del(&fx, "a");
    struct store_event ev;
    CHECK(!store_watch_next(w, &ev, &err)); /* not durable yet */
    fixture_wait(&fx, 3);
    CHECK(wakes >= 1);
    CHECK(store_watch_next(w, &ev, &err));
    CHECK_I64(ev.type, EVENT_ADDED);
    CHECK(ev.before == NULL);
    CHECK(store_watch_next(w, &ev, &err));
    CHECK_I64(ev.type, EVENT_MODIFIED);
    CHECK_STR(json_str(kobj_path(ev.before, "spec.value")), "1");
    CHECK_STR(json_str(kobj_path(ev.object, "spec.value")), "2");
    CHECK(store_watch_next(w, &ev, &err));
    CHECK_I64(ev.type, EVENT_DELETED);
    CHECK_STR(json_str(kobj_path(ev.object, "spec.value")), "gone");
    CHECK(!store_watch_next(w, &ev, &err));
    CHECK_I64(err.kind, ERR_NONE);
    CHECK_I64(store_watch_revision(w), store_revision(fx.store));
    store_watch_free(w);
}

/* A watcher that missed one event must hear of it, not only one that missed many. */
static void test_one_forgotten_event_is_told(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .window_bytes = 20000 });
    struct store_watch *slow = NULL, *probe = NULL;
    struct err err = { 0 };
    fixture_put(&fx, "a", "the first event is small: it goes together with the second");
    fixture_wait(&fx, 1);
    uint64_t start = store_revision(fx.store);
    CHECK_OK(store_watch_new(&slow, fx.pods, start, on_wake, NULL, &err), err);
    int n = 1;
    while (store_watch_new(&probe, fx.pods, start, on_wake, NULL, &err) == 0) {
        store_watch_free(probe);
        fixture_put(&fx, "a", "some text that takes room in the window");
        fixture_wait(&fx, ++n);
    }
    struct store_event ev;
    CHECK(n > 2 && n < 200);
    CHECK_OK(store_watch_new(&probe, fx.pods, start + 1, on_wake, NULL, &err), err);
    store_watch_free(probe);
    CHECK(!store_watch_next(slow, &ev, &err));
    CHECK_I64(err.kind, ERR_GONE);
    store_watch_free(slow);
}

static void test_window_forgets_by_bytes(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .window_bytes = 20000 });
    struct store_watch *slow = NULL, *late = NULL;
    struct err err = { 0 };
    uint64_t start = store_revision(fx.store);
    CHECK_OK(store_watch_new(&slow, fx.pods, start, on_wake, NULL, &err), err);
    for (int i = 0; i < 200; i++)
        fixture_put(&fx, "a", "some text that takes room in the window");
    fixture_wait(&fx, 200);
    struct store_event ev;
    CHECK(!store_watch_next(slow, &ev, &err));
    CHECK_I64(err.kind, ERR_GONE);
    CHECK_FAILS(store_watch_new(&late, fx.pods, start, on_wake, NULL, &err), err, ERR_GONE);
    CHECK_OK(store_watch_new(&late, fx.pods, store_revision(fx.store) - 3, on_wake, NULL, &err),
             err);
    for (int i = 0; i < 3; i++)
        CHECK(store_watch_next(late, &ev, &err));
    CHECK(!store_watch_next(late, &ev, &err));
    CHECK_I64(err.kind, ERR_NONE);
    store_watch_free(slow);
    store_watch_free(late);
}

static bool count_one(void *arg, const struct kobj *o)
{
    (void)o;
    ++*(int *)arg;
    return true;
}

static void test_snapshot_is_fixed(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ 0 });
    fixture_put(&fx, "a", "1");
    fixture_put(&fx, "b", "1");
    fixture_wait(&fx, 2);
    struct store_snapshot *p = store_snapshot(fx.pods);
    uint64_t revision = store_snapshot_revision(p);
    fixture_put(&fx, "c", "1");
    fixture_del(&fx, "a");
    fixture_wait(&fx, 4);
    int n = 0;
    store_snapshot_walk(p, NULL, count_one, &n);
    CHECK_I64(n, 2);
    CHECK(store_revision(fx.store) > revision);
    n = 0;
    store_snapshot_walk(p, &(struct store_range){ STR("ns"), STR("ns"), STR("a") }, count_one, &n);
    CHECK_I64(n, 1);
    store_snapshot_unref(p);
}

/* Several changes of one object wait: what is pending is the newest, what is visible none of them.
 */
static void test_pending_is_the_newest(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    fixture_put(&fx, "old", "1");
    fixture_wait(&fx, 1);
    fixture_put(&fx, "a", "1");
    fixture_put(&fx, "a", "2");
    fixture_del(&fx, "old");
    CHECK_STR(pending_value("a"), "2");
    CHECK(!store_get_pending(fx.pods, STR("ns"), STR("old")));
    CHECK_STR(fixture_value(&fx, "old"), "1");
    CHECK_STR(fixture_value(&fx, "a"), "");
    struct store_snapshot *now = store_snapshot(fx.pods), *next = store_snapshot_pending(fx.pods);
    fixture_del(&fx, "a");
    CHECK(!store_get_pending(fx.pods, STR("ns"), STR("a")));
    fixture_put(&fx, "a", "3");
    fixture_wait(&fx, 6);
    CHECK_STR(fixture_value(&fx, "a"), "3");
    CHECK_STR(pending_value("a"), "3");
    CHECK_I64(store_count(fx.pods), 1);
    CHECK_STR(first_value(now), "1");
    CHECK_STR(first_value(next), "2");
    store_snapshot_unref(now);
    store_snapshot_unref(next);
}

static void test_live_limit(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .live_bytes = 300 });
    CHECK_I64(fixture_put(&fx, "a", "1"), 0);
    CHECK_I64(fixture_put(&fx, "b", "1"), 0);
    CHECK_I64(fixture_put(&fx, "c", "1"), -1);
    CHECK_I64(fx.last.kind, ERR_TOO_LARGE);
    CHECK(store_get_pending(fx.pods, STR("ns"), STR("c")) == NULL);
    CHECK_I64(fixture_del(&fx, "a"), 0);
    CHECK_I64(fixture_put(&fx, "c", "1"), 0);
    fixture_wait(&fx, 4);
    CHECK_I64(fx.failures, 0);
}

static void count_done(void *arg, const struct err *err)
{
    CHECK(err == NULL);
    ++*(int *)arg;
}

static void test_many_ops_are_one(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    struct kobj *objects[8];
    struct store_op ops[8];
    char names[8][16];
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "g%d", i);
        objects[i] = fixture_pod("ns", names[i], store_next_revision(fx.store), "gang");
        ops[i] = (struct store_op){ .table = fx.pods,
                                    .namespace = STR("ns"),
                                    .name = str_from(names[i]),
                                    .object = objects[i] };
    }
    int done = 0;
    struct err err = { 0 };
    CHECK_OK(store_commit(fx.store, ops, 8, count_done, &done, &err), err);
    for (int i = 0; i < 8; i++)
        kobj_unref(objects[i]);
    CHECK_I64(fixture_put(&fx, "last", "1"), 0);
    fixture_wait(&fx, 1);
    CHECK_I64(done, 1);
    CHECK_I64(store_count(fx.pods), 9);
}

static void test_close_finishes_what_is_queued(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    for (int i = 0; i < 10; i++)
        fixture_put(&fx, "a", "x");
    fixture_close(&fx);
    CHECK_I64(fx.outcomes, 10);
    CHECK_I64(fx.failures, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_visible_when_durable),
        TEST(test_reopen),
        TEST(test_only_the_owner_may_read),
        TEST(test_second_instance_is_refused),
        TEST(test_damaged_file_is_named),
        TEST(test_watch),
        TEST(test_one_forgotten_event_is_told),
        TEST(test_window_forgets_by_bytes),
        TEST(test_snapshot_is_fixed),
        TEST(test_pending_is_the_newest),
        TEST(test_live_limit),
        TEST(test_many_ops_are_one),
        TEST(test_close_finishes_what_is_queued),
    };
    return CHECK_MAIN(tests);
}
