/* SPDX-License-Identifier: Apache-2.0
 * The three paths, single checks, ?verbose and ?exclude. */
#include "daemon/health.h"

#include "testkit/check.h"

static struct buf out;

static bool switched(void *arg, struct buf *why)
{
    buf_str(why, STR("the store is gone"));
    return *(bool *)arg;
}

static void check_answer(const struct health *h,
                         const char *path,
                         const char *query,
                         int status,
                         const char *text)
{
    buf_clear(&out);
    CHECK_I64(health_answer(&out, h, str_from(path), str_from(query)), status);
    CHECK_STR_EQ(buf_view(&out), str_from(text));
}

static void checks_are_answered(void **state)
{
    (void)state;
    bool store = true, synced = false;
    struct health *h = health_new();
    health_add(h, HEALTH_LIVE | HEALTH_READY, "store", switched, &store);
    health_add(h, HEALTH_READY, "sync", switched, &synced);
    check_answer(h, "/healthz", NULL, 200, "ok");
    check_answer(h, "/livez", "verbose", 200, "[+]ping ok\n[+]store ok\nlivez check passed\n");
    check_answer(h, "/readyz", NULL, 500,
                 "[+]ping ok\n[+]store ok\n[-]sync failed: reason withheld\nreadyz check failed\n");
    check_answer(h, "/readyz", "exclude=sync", 200, "ok");
    check_answer(h, "/readyz", "verbose=1&exclude=sync", 200,
                 "[+]ping ok\n[+]store ok\n[+]sync excluded: ok\nreadyz check passed\n");
    check_answer(h, "/readyz", "exclude=sync&exclude=none&verbose&exclude=other", 200,
                 "[+]ping ok\n[+]store ok\n[+]sync excluded: ok\n"
                 "warn: some health checks cannot be excluded: no matches for \"none\", \"other\"\n"
                 "readyz check passed\n");
    synced = true;
    check_answer(h, "/readyz", NULL, 200, "ok");
    check_answer(h, "/readyz/store", NULL, 200, "ok");
    store = false;
    check_answer(h, "/livez/store", NULL, 500, "internal server error: the store is gone\n");
    check_answer(h, "/livez/sync", NULL, 404, "");
    check_answer(h, "/livez/none", NULL, 404, "");
    check_answer(h, "/other", NULL, 404, "");
    check_answer(h, "", NULL, 404, "");
    health_free(h);
    health_free(NULL);
}

int main(void)
{
    buf_init(&out, 65536);
    const struct CMUnitTest tests[] = { cmocka_unit_test(checks_are_answered) };
    int rc = CHECK_MAIN(tests);
    buf_fini(&out);
    return rc;
}
