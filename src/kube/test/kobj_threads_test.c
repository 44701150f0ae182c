/* SPDX-License-Identifier: Apache-2.0
 * One object, many threads: counts meet, and all see the same view. Run under ThreadSanitizer. */
#include <pthread.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "kube/pod.h"

#define THREADS 4
#define ROUNDS 200

static const char text[] =
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":"
    "[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}";

static struct kobj *shared[ROUNDS];

struct reader {
    pthread_t thread;
    const struct pod *seen[ROUNDS];
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct kobj *o = kobj_ref(shared[i]);
        r->seen[i] = pod_of(o);
        CHECK_STR(r->seen[i]->node_name, "n");
        kobj_unref(o);
    }
    return NULL;
}

static void views_are_published_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct err err = { 0 };
        CHECK_OK(kobj_parse(&shared[i], str_from(text), &json_limits_own, &err), err);
    }
    static struct reader readers[THREADS];
    for (size_t t = 0; t < THREADS; t++)
        CHECK(pthread_create(&readers[t].thread, NULL, read_all, &readers[t]) == 0);
    for (size_t t = 0; t < THREADS; t++)
        pthread_join(readers[t].thread, NULL);
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t t = 0; t < THREADS; t++)
            CHECK(readers[t].seen[i] == readers[0].seen[i]);
        CHECK_I64(shared[i]->refs, 1);
        kobj_unref(shared[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_are_published_once),
    };
    return CHECK_MAIN(tests);
}
