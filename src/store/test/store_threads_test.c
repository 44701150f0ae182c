/* SPDX-License-Identifier: Apache-2.0
 * Readers on other threads walk snapshots while the loop writes. Run under ThreadSanitizer too. */
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "store/test/fixture.h"
#include "testkit/check.h"

#define READERS 3
#define WRITES 400

static struct fixture fx;

struct reader {
    struct store_snapshot *snapshot;
    int want, got;
};

static bool count_one(void *arg, const struct kobj *o)
{
    struct reader *r = arg;
    r->got += o->name.n > 0;
    return true;
}

static void read_snapshot(void *arg)
{
    struct reader *r = arg;
    store_snapshot_walk(r->snapshot, NULL, count_one, r);
    store_snapshot_unref(r->snapshot);
}

static void test_snapshots_on_threads(void **state)
{
    (void)state;
    fixture_init(&fx);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    char name[16];
    for (int round = 0; round < WRITES / 40; round++) {
        struct reader readers[READERS];
        struct thread *threads[READERS];
        for (int i = 0; i < READERS; i++) {
            readers[i] = (struct reader){ store_snapshot(fx.pods), (int)store_count(fx.pods), 0 };
            struct err err = { 0 };
            threads[i] = thread_start("reader", read_snapshot, &readers[i], &err);
            CHECK(threads[i] != NULL);
        }
        for (int i = 0; i < 40; i++) {
            snprintf(name, sizeof name, "p%d", (int)check_random_below(300));
            fixture_put(&fx, name, "x");
        }
        fixture_wait(&fx, (round + 1) * 40);
        for (int i = 0; i < READERS; i++) {
            thread_join(threads[i]);
            CHECK_I64(readers[i].got, readers[i].want);
        }
    }
    CHECK_I64(fx.failures, 0);
    fixture_fini(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_on_threads),
    };
    return CHECK_MAIN(tests);
}
