/* SPDX-License-Identifier: Apache-2.0
 * Order and timing of deferred calls, posts, timers, signals and descriptors. */
#include "io/loop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "testkit/check.h"

struct fixture {
    struct loop *loop;
    struct timer *timer;
    struct watch_fd *watch;
    char trace[64];
    int count;
    struct mono fired;
};

static void mark(struct fixture *f, char c)
{
    size_t n = strlen(f->trace);
    if (n + 1 < sizeof f->trace)
        f->trace[n] = c;
}

static void stop(void *arg)
{
    struct fixture *f = arg;
    mark(f, 's');
    loop_stop(f->loop);
}

static void mark_a(void *arg)
{
    mark(arg, 'a');
}

static void mark_b_and_defer_c(void *arg);

static void mark_c(void *arg)
{
    mark(arg, 'c');
    stop(arg);
}

static void mark_b_and_defer_c(void *arg)
{
    struct fixture *f = arg;
    mark(f, 'b');
    loop_defer(f->loop, mark_c, f);
}

static void deferred_calls_run_in_order(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    loop_defer(f.loop, mark_a, &f);
    loop_defer(f.loop, mark_b_and_defer_c, &f);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "abcs");
    loop_free(f.loop);
}

static void posts_before_the_stop_are_delivered(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    loop_post(f.loop, mark_a, &f);
    loop_stop(f.loop);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "a");
    loop_post(f.loop, mark_a, &f); /* a loop may run again */
    loop_stop(f.loop);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "aa");
    loop_free(f.loop);
}

static void posts_after_the_stop_are_delivered_at_the_end(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    loop_stop(f.loop);
    loop_run(f.loop);
    loop_post(f.loop, mark_a, &f);
    loop_free(f.loop);
    CHECK_CSTR(f.trace, "a");
}

static void timer_once(void *arg)
{
    struct fixture *f = arg;
    f->fired = clock_mono();
    stop(f);
}

static void timers_are_never_early(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    f.timer = timer_new(f.loop, timer_once, &f);
    for (int i = 0; i < 10; i++) {
        int64_t delay = (i * 700 + 1) * NS_PER_US;
        struct mono start = clock_mono();
        timer_start(f.timer, delay);
        loop_run(f.loop);
        CHECK(f.fired.ns - start.ns >= delay);
        CHECK(f.fired.ns - start.ns < delay + 500 * NS_PER_MS); /* a loaded machine */
    }
    timer_free(f.timer);
    loop_free(f.loop);
}

static void timer_repeats(void *arg)
{
    struct fixture *f = arg;
    if (++f->count < 3)
        return;
    timer_free(f->timer); /* allowed in its own callback */
    loop_stop(f->loop);
}

static void repeating_timers_stop(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    f.timer = timer_new(f.loop, timer_repeats, &f);
    timer_start_every(f.timer, 2 * NS_PER_MS);
    loop_run(f.loop);
    CHECK_I64(f.count, 3);
    struct timer *never = timer_new(f.loop, timer_repeats, &f);
    timer_start(never, 0);
    timer_stop(never);
    loop_defer(f.loop, stop, &f);
    loop_run(f.loop);
    CHECK_I64(f.count, 3);
    timer_free(never);
    timer_free(NULL);
    loop_free(f.loop);
}

static void raise_usr1(void *arg)
{
    (void)arg;
    raise(SIGUSR1);
}

static void signals_arrive_on_the_loop(void **state)
{
    (void)state;
    struct err err;
    struct fixture f = { .loop = loop_new(NULL) };
    struct loop_signal *s = loop_on_signal(f.loop, SIGUSR1, stop, &f, &err);
    CHECK(s != NULL);
    loop_defer(f.loop, raise_usr1, NULL);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "s");
    loop_signal_free(s);
    CHECK(loop_on_signal(f.loop, SIGKILL, stop, &f, &err) == NULL);
    CHECK_I64(err.kind, ERR_IO);
    loop_free(f.loop);
}

static void fd_seen(void *arg, unsigned events)
{
    struct fixture *f = arg;
    if (events & WATCH_READ)
        mark(f, 'r');
    watch_fd_set(f->watch, 0);
    loop_defer(f->loop, stop, f);
}

static void descriptors_are_watched(void **state)
{
    (void)state;
    struct err err;
    struct fixture f = { .loop = loop_new(NULL) };
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f.watch = watch_fd_new(f.loop, fd, fd_seen, &f, &err);
    CHECK(f.watch != NULL);
    watch_fd_set(f.watch, WATCH_READ);
    CHECK_I64(eventfd_write(fd, 1), 0);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "rs");
    loop_defer(f.loop, stop, &f);
    loop_run(f.loop);
    CHECK_CSTR(f.trace, "rss"); /* the descriptor is still readable, but paused */
    watch_fd_free(f.watch);
    loop_free(f.loop);
    close(fd);
}

static void time_is_cached_per_iteration(void **state)
{
    (void)state;
    struct fixture f = { .loop = loop_new(NULL) };
    struct mono a = loop_now(f.loop);
    CHECK(a.ns > 0);
    CHECK_I64(loop_now(f.loop).ns, a.ns);
    f.timer = timer_new(f.loop, stop, &f);
    timer_start(f.timer, 3 * NS_PER_MS);
    loop_run(f.loop);
    CHECK(loop_now(f.loop).ns - a.ns >= 3 * NS_PER_MS);
    CHECK(loop_wall(f.loop).ns > INT64_C(1500000000) * NS_PER_S);
    timer_free(f.timer);
    loop_free(f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deferred_calls_run_in_order),
        cmocka_unit_test(posts_before_the_stop_are_delivered),
        cmocka_unit_test(posts_after_the_stop_are_delivered_at_the_end),
        cmocka_unit_test(timers_are_never_early),
        cmocka_unit_test(repeating_timers_stop),
        cmocka_unit_test(signals_arrive_on_the_loop),
        cmocka_unit_test(descriptors_are_watched),
        cmocka_unit_test(time_is_cached_per_iteration),
    };
    return CHECK_MAIN(tests);
}
