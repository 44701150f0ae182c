/* SPDX-License-Identifier: Apache-2.0
 * informer_test — list, watch, resume and relist: handlers must hear of every change exactly once,
 * whatever happens to the connection. The property test compares with a plain model. */
#include "client/informer.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/test/fake_transport.h"
#include "testkit/check.h"

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct informers *set;
    struct informer *pods;
    struct buf heard; /* "+a@1 ~a@2 -a " */
    int batches;
};

static void on_event(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct world *w = arg;
    const struct kobj *o = after ? after : before;
    buf_printf(&w->heard, "%c%.*s", !before ? '+' : after ? '~' : '-', STR_ARG(o->name));
    if (after)
        buf_printf(&w->heard, "@%d", (int)after->revision);
    buf_char(&w->heard, ' ');
}

static void on_batch(void *arg)
{
    ((struct world *)arg)->batches++;
}

static struct world *world_new(void)
{
    struct world *w = MEM_NEW(struct world);
    w->loop = loop_new(NULL);
    w->fake = fake_transport_new(w->loop);
    w->set = informers_new(fake_transport_base(w->fake));
    w->pods = informers_get(w->set, GVR("", "v1", "pods"), (struct str){ 0 });
    buf_init(&w->heard, 1 << 20);
    informer_on_event(w->pods, on_event, on_batch, w);
    informers_start(w->set);
    return w;
}

static void world_free(struct world *w)
{
    informers_free(w->set);
    CHECK_I64(fake_pending(w->fake), 0); /* every call was cancelled or answered */
    fake_transport_free(w->fake);
    loop_free(w->loop);
    buf_fini(&w->heard);
    free(w);
}

static const char *pod(char out[256], const char *name, int revision, const char *owner)
{
    snprintf(
        out, 256,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\","
        "\"resourceVersion\":\"%d\",\"ownerReferences\":[{\"controller\":true,\"uid\":\"%s\"}]}}",
        name, revision, owner);
    return out;
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_briefly(struct world *w)
{
    struct timer *t = timer_new(w->loop, stop, w->loop);
    timer_start(t, 200 * NS_PER_MS);
    loop_run(w->loop);
    timer_free(t);
}

static void test_pages_then_watch(void **state)
{
    (void)state;
    struct world *w = world_new();
    char a[256], b[256];
    const char *first[] = { pod(a, "a", 3, "o") }, *second[] = { pod(b, "b", 4, "o") };
    CHECK_STR_EQ(str_from(fake_at(w->fake, 0)->query), STR("rv= limit=1000 continue= field="));
    fake_reply_list(w->fake, 0, &(struct fake_page){ 9, "next", first, 1 });
    CHECK(!informer_synced(w->pods));
    CHECK_CSTR(fake_at(w->fake, 0)->query, "rv= limit=1000 continue=next field=");
    fake_reply_list(w->fake, 0, &(struct fake_page){ 9, "", second, 1 });
    CHECK(informer_synced(w->pods));
    CHECK_I64(w->batches, 1);
    CHECK(fake_at(w->fake, 0)->is_watch);
    CHECK_CSTR(fake_at(w->fake, 0)->query, "rv=9 limit=0 continue= field=");
    fake_event(w->fake, 0, EVENT_MODIFIED, pod(a, "a", 10, "o"));
    fake_event(w->fake, 0, EVENT_DELETED, pod(b, "b", 11, "o"));
    fake_end_watch(w->fake, 0, ERR_NONE);
    CHECK_CSTR(fake_at(w->fake, 0)->query, "rv=11 limit=0 continue= field=");
    CHECK_STR_EQ(buf_view(&w->heard), STR("+a@3 +b@4 ~a@10 -b "));
    world_free(w);
}

static void test_relist_reports_the_difference(void **state)
{
    (void)state;
    struct world *w = world_new();
    char a[256], b[256], c[256];
    const char *before[] = { pod(a, "a", 3, "o"), pod(b, "b", 4, "o") };
    fake_reply_list(w->fake, 0, &(struct fake_page){ 5, "", before, 2 });
    buf_clear(&w->heard);
    fake_end_watch(w->fake, 0, ERR_GONE);
    CHECK(!fake_at(w->fake, 0)->is_watch);
    const char *after[] = { pod(a, "a", 3, "o"), pod(c, "c", 8, "o") };
    fake_reply_list(w->fake, 0, &(struct fake_page){ 20, "", after, 2 });
    CHECK_STR_EQ(buf_view(&w->heard), STR("+c@8 -b "));
    CHECK_I64(informer_revision(w->pods), 20);
    world_free(w);
}

static void test_failures_are_retried(void **state)
{
    (void)state;
    struct world *w = world_new();
    char a[256];
    const char *one[] = { pod(a, "a", 3, "o") };
    fake_fail(w->fake, 0, ERR_IO);
    CHECK_I64(fake_pending(w->fake), 0);
    run_briefly(w);
    CHECK_I64(fake_pending(w->fake), 1);
    fake_reply_list(w->fake, 0, &(struct fake_page){ 5, "", one, 1 });
    fake_end_watch(w->fake, 0, ERR_IO);
    run_briefly(w);
    CHECK(fake_at(w->fake, 0)->is_watch); /* resumes, does not list again */
    CHECK_CSTR(fake_at(w->fake, 0)->query, "rv=5 limit=0 continue= field=");
    world_free(w);
}

static bool count_one(void *arg, const struct kobj *o)
{
    (void)o;
    ++*(int *)arg;
    return true;
}

static int count_owned(struct world *w, size_t index, const char *owner)
{
    int n = 0;
    informer_each_in(w->pods, index, str_from(owner), count_one, &n);
    return n;
}

static void test_index_follows_random_changes(void **state)
{
    (void)state;
    enum { NAMES = 12, OWNERS = 3, STEPS = 2000 };
    struct world *w = world_new();
    size_t index = informer_index(w->pods, informer_key_owner);
    fake_reply_list(w->fake, 0, &(struct fake_page){ 1, "", NULL, 0 });
    int owner_of[NAMES];
    memset(owner_of, -1, sizeof owner_of);
    for (int step = 0; step < STEPS; step++) {
        char text[256], name[8], owner[8];
        int n = (int)check_random_below(NAMES), o = (int)check_random_below(OWNERS);
        snprintf(name, sizeof name, "p%d", n);
        snprintf(owner, sizeof owner, "o%d", o);
        bool remove = owner_of[n] >= 0 && check_random_below(3) == 0;
        fake_event(w->fake, 0, remove ? EVENT_DELETED : EVENT_MODIFIED,
                   pod(text, name, step + 2, owner));
        owner_of[n] = remove ? -1 : o;
        for (int k = 0; k < OWNERS; k++) {
            int want = 0;
            for (int i = 0; i < NAMES; i++)
                want += owner_of[i] == k;
            snprintf(owner, sizeof owner, "o%d", k);
            CHECK_I64(count_owned(w, index, owner), want);
        }
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_then_watch),
        cmocka_unit_test(test_relist_reports_the_difference),
        cmocka_unit_test(test_failures_are_retried),
        cmocka_unit_test(test_index_follows_random_changes),
    };
    return CHECK_MAIN(tests);
}
