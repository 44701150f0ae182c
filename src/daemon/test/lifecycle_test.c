/* SPDX-License-Identifier: Apache-2.0
 * Steps stop in reverse order; a deadline or a second signal ends what hangs. */
#include "daemon/lifecycle.h"

#include <signal.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/clock.h"
#include "testkit/check.h"

struct fixture {
    struct loop *loop;
    struct lifecycle *lc;
    struct timer *timer;
    char trace[16];
};

static void mark(struct fixture *f, char c)
{
    size_t n = strlen(f->trace);
    if (n + 1 < sizeof f->trace)
        f->trace[n] = c;
}

static void at_once(void *arg, struct lifecycle *lc)
{
    mark(arg, 'a');
    lifecycle_step_done(lc);
}

static void finished(void *arg)
{
    struct fixture *f = arg;
    mark(f, '2');
    lifecycle_step_done(f->lc);
}

static void later(void *arg, struct lifecycle *lc)
{
    struct fixture *f = arg;
    (void)lc;
    mark(f, '1');
    timer_start(f->timer, 5 * NS_PER_MS);
}

static void hang(void *arg, struct lifecycle *lc)
{
    (void)lc;
    mark(arg, 'h');
}

static void hang_and_raise(void *arg, struct lifecycle *lc)
{
    (void)lc;
    mark(arg, 'r');
    raise(SIGINT);
}

static void set_up(struct fixture *f, int64_t deadline_ns)
{
    *f = (struct fixture){ .loop = loop_new(NULL) };
    f->lc = lifecycle_new(f->loop, deadline_ns, NULL);
    f->timer = timer_new(f->loop, finished, f);
    CHECK(f->lc != NULL);
    CHECK(!lifecycle_stopping(f->lc));
}

static void tear_down(struct fixture *f)
{
    CHECK(lifecycle_stopping(f->lc));
    lifecycle_free(f->lc);
    timer_free(f->timer);
    loop_free(f->loop);
}

static void raise_term(void *arg)
{
    (void)arg;
    raise(SIGTERM);
}

static void steps_stop_in_reverse(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 5 * NS_PER_S);
    lifecycle_add(f.lc, "first", at_once, &f);
    lifecycle_add(f.lc, "second", later, &f);
    loop_defer(f.loop, raise_term, NULL);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "12a");
    CHECK(lifecycle_clean(f.lc));
    tear_down(&f);
    set_up(&f, 5 * NS_PER_S); /* nothing to stop */
    lifecycle_stop(f.lc);
    lifecycle_stop(f.lc);
    loop_run(f.loop);
    CHECK(lifecycle_clean(f.lc));
    tear_down(&f);
}

static void raise_hup(void *arg)
{
    (void)arg;
    raise(SIGHUP);
}

static void a_closed_terminal_is_a_stop_but_not_under_nohup(void **state)
{
    (void)state;
    struct fixture f;
    signal(SIGHUP, SIG_DFL); /* the tests may themselves run under nohup */
    set_up(&f, 5 * NS_PER_S);
    lifecycle_add(f.lc, "first", at_once, &f);
    loop_defer(f.loop, raise_hup, NULL);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "a");
    tear_down(&f);
    signal(SIGHUP, SIG_IGN);
    set_up(&f, 5 * NS_PER_S);
    raise(SIGHUP);
    loop_defer(f.loop, raise_term, NULL);
    loop_run(f.loop);
    CHECK(lifecycle_clean(f.lc));
    tear_down(&f);
    signal(SIGHUP, SIG_DFL);
}

static void what_hangs_is_left(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 20 * NS_PER_MS);
    lifecycle_add(f.lc, "never reached", at_once, &f);
    lifecycle_add(f.lc, "hangs", hang, &f);
    lifecycle_stop(f.lc);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "h");
    CHECK(!lifecycle_clean(f.lc));
    tear_down(&f);
    set_up(&f, 60 * NS_PER_S);
    lifecycle_add(f.lc, "hangs", hang_and_raise, &f);
    struct mono start = clock_mono();
    loop_defer(f.loop, raise_term, NULL);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "r");
    CHECK(!lifecycle_clean(f.lc));
    CHECK(clock_mono().ns - start.ns < 10 * NS_PER_S);
    tear_down(&f);
}

static void drop(void *arg, struct str line)
{
    (void)arg;
    (void)line;
}

int main(void)
{
    log_set_sink(drop, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_stop_in_reverse),
        cmocka_unit_test(a_closed_terminal_is_a_stop_but_not_under_nohup),
        cmocka_unit_test(what_hangs_is_left),
    };
    return CHECK_MAIN(tests);
}
