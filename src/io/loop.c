/* SPDX-License-Identifier: Apache-2.0
 * loop — see loop.h. One libuv loop with four handles of our own: an eventfd that wakes it for
 * posts, and idle, prepare and check handles that run posts and the deferred queue.
 *
 * An iteration of libuv is: timers, idle, prepare, poll (sockets), check, closings. What timers and
 * closings defer runs in prepare, posts and what sockets and posts defer run in check, so deferred
 * work never waits for the next event. While some is left (deferred by deferred work) the idle
 * handle is active, which keeps poll from blocking.
 *
 * Whoever posts wakes the loop only when it is about to sleep in poll, or does; a loop that runs
 * finds the post in prepare. Not uv_async_t: its sender writes on every wake-up, and the woken loop
 * spins until that write has returned (libuv 1.44, uv__async_spin); on few cores the sender is
 * what it displaced. */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "io/clock.h"
#include "io/loop_internal.h"

struct call {
    loop_fn fn;
    void *arg;
};
VEC_TYPE(call_vec, struct call);

struct loop {
    uv_loop_t uv;
    int wake_fd;
    uv_poll_t wake;
    uv_idle_t idle;
    uv_prepare_t prepare;
    uv_check_t check;
    pthread_mutex_t lock; /* guards posts, stop and asleep */
    struct call_vec posts;
    bool stop;
    bool asleep;              /* in poll, or on the way: a post must wake it */
    _Atomic uint32_t waking;  /* threads between unlocking and their write: it must not be freed */
    struct call_vec spare;    /* memory for the next batch of posts; loop thread only */
    struct call_vec deferred; /* loop thread only */
    struct call_vec running;  /* the batch of deferred calls being run, its memory kept */
    struct mono now;          /* valid when now.ns != 0 */
};

static void ignore_sigpipe(void)
{
    /* libuv writes to sockets with write(2); a peer that closed must be EPIPE, not our death. */
    signal(SIGPIPE, SIG_IGN);
}

static void keep_awake(uv_idle_t *idle)
{
    (void)idle;
}

static void run_deferred(struct loop *l)
{
    l->now.ns = 0;
    struct call_vec batch = l->deferred;
    l->deferred = l->running;
    for (size_t i = 0; i < batch.n; i++)
        batch.items[i].fn(batch.items[i].arg);
    call_vec_clear(&batch);
    l->running = batch;
    if (l->deferred.n > 0)
        uv_idle_start(&l->idle, keep_awake);
    else
        uv_idle_stop(&l->idle);
}

/* Poll may block, unless posts wait. */
static void fall_asleep(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->asleep = l->posts.n == 0 && !l->stop;
    bool asleep = l->asleep;
    pthread_mutex_unlock(&l->lock);
    if (!asleep)
        uv_idle_start(&l->idle, keep_awake);
}

static void on_prepare(uv_prepare_t *h)
{
    struct loop *l = h->data;
    run_deferred(l);
    fall_asleep(l);
    l->now.ns = 0; /* poll may sleep */
}

/* Runs the posts that wait; says whether a stop was among them. */
static bool take_posts(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct call_vec batch = l->posts;
    l->posts = l->spare;
    bool stop = l->stop;
    l->stop = false;
    l->asleep = false;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < batch.n; i++)
        batch.items[i].fn(batch.items[i].arg);
    call_vec_clear(&batch);
    l->spare = batch;
    return stop;
}

static void on_check(uv_check_t *h)
{
    struct loop *l = h->data;
    if (take_posts(l))
        uv_stop(&l->uv);
    run_deferred(l);
}

/* What it is woken for is seen in check. */
static void on_wake(uv_poll_t *h, int status, int events)
{
    const struct loop *l = h->data;
    uint64_t n;
    (void)status, (void)events;
    while (read(l->wake_fd, &n, sizeof n) < 0 && errno == EINTR)
        ;
}

/* Unlocks, and wakes the loop when it sleeps. The write comes after the unlock, so that the loop
 * does not wake only to wait for the lock. */
static void unlock_and_wake(struct loop *l)
{
    uint64_t one = 1;
    bool asleep = l->asleep;
    l->asleep = false;
    if (asleep)
        atomic_fetch_add_explicit(&l->waking, 1, memory_order_relaxed);
    pthread_mutex_unlock(&l->lock);
    if (!asleep)
        return;
    while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    atomic_fetch_sub_explicit(&l->waking, 1, memory_order_release);
}

static int init_uv(struct loop *l)
{
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0)
        return -errno;
    int rc = uv_loop_init(&l->uv);
    if (rc != 0) {
        close(l->wake_fd);
        return rc;
    }
    rc = uv_poll_init(&l->uv, &l->wake, l->wake_fd);
    if (rc != 0) {
        uv_loop_close(&l->uv);
        close(l->wake_fd);
    }
    return rc;
}

struct loop *loop_new(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ignore_sigpipe);
    struct loop *l = MEM_NEW(struct loop);
    int rc = init_uv(l);
    if (rc != 0) {
        err_set(err, ERR_IO, "creating an event loop: %s", uv_strerror(rc));
        free(l);
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    uv_idle_init(&l->uv, &l->idle);
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    l->wake.data = l->idle.data = l->prepare.data = l->check.data = l;
    uv_poll_start(&l->wake, UV_READABLE, on_wake);
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
    return l;
}

static void check_closing(uv_handle_t *h, void *arg)
{
    (void)arg;
    assert(uv_is_closing(h)); /* a timer, signal, watch or connection was not freed */
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    take_posts(l); /* that came after the stop: each owns what it carries */
    while (atomic_load_explicit(&l->waking, memory_order_acquire) > 0)
        sched_yield(); /* the poster of the last message is about to return */
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_walk(&l->uv, check_closing, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT); /* close callbacks, and pool work still under way */
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    (void)rc;
    close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    call_vec_fini(&l->posts);
    call_vec_fini(&l->spare);
    call_vec_fini(&l->deferred);
    call_vec_fini(&l->running);
    free(l);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    unlock_and_wake(l);
}

void loop_post(struct loop *l, loop_fn fn, void *arg)
{
    pthread_mutex_lock(&l->lock);
    call_vec_push(&l->posts, (struct call){ fn, arg });
    unlock_and_wake(l);
}

void loop_defer(struct loop *l, loop_fn fn, void *arg)
{
    call_vec_push(&l->deferred, (struct call){ fn, arg });
}

struct mono loop_now(struct loop *l)
{
    if (l->now.ns == 0)
        l->now = clock_mono();
    return l->now;
}

struct wall loop_wall(struct loop *l)
{
    (void)l;
    return clock_wall();
}

/* ---- timers ---- */
struct timer {
    uv_timer_t uv;
    struct loop *loop;
    loop_fn fn;
    void *arg;
};

static void free_handle(uv_handle_t *h)
{
    free(h->data);
}

static void timer_fired(uv_timer_t *h)
{
    struct timer *t = h->data;
    t->fn(t->arg);
}

struct timer *timer_new(struct loop *l, loop_fn fn, void *arg)
{
    struct timer *t = MEM_NEW(struct timer);
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    return t;
}

/* libuv counts whole milliseconds of a cached time. From the time as it is now, round the deadline
 * up: a timer is never early, and at most 1 ms late. */
static uint64_t delay_ms(struct timer *t, int64_t delay_ns)
{
    uv_update_time(&t->loop->uv);
    int64_t now_ns = clock_mono().ns;
    if (delay_ns < 0)
        delay_ns = 0;
    if (delay_ns > INT64_MAX / 4)
        delay_ns = INT64_MAX / 4;
    uint64_t due_ms = (uint64_t)((now_ns + delay_ns + NS_PER_MS - 1) / NS_PER_MS);
    uint64_t base_ms = uv_now(&t->loop->uv);
    return delay_ns == 0 || due_ms <= base_ms ? 0 : due_ms - base_ms;
}

void timer_start(struct timer *t, int64_t delay_ns)
{
    uv_timer_start(&t->uv, timer_fired, delay_ms(t, delay_ns), 0);
}

void timer_start_every(struct timer *t, int64_t period_ns)
{
    uint64_t period_ms = (uint64_t)((period_ns + NS_PER_MS - 1) / NS_PER_MS);
    assert(period_ns > 0);
    uv_timer_start(&t->uv, timer_fired, delay_ms(t, period_ns), period_ms);
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->uv);
}

void timer_free(struct timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, free_handle);
}

/* ---- signals ---- */
struct loop_signal {
    uv_signal_t uv;
    loop_fn fn;
    void *arg;
};

static void signal_arrived(uv_signal_t *h, int signo)
{
    (void)signo;
    struct loop_signal *s = h->data;
    s->fn(s->arg);
}

struct loop_signal *
loop_on_signal(struct loop *l, int signo, loop_fn fn, void *arg, struct err *err)
{
    struct loop_signal *s = MEM_NEW(struct loop_signal);
    uv_signal_init(&l->uv, &s->uv);
    s->uv.data = s;
    s->fn = fn;
    s->arg = arg;
    int rc = uv_signal_start(&s->uv, signal_arrived, signo);
    if (rc == 0)
        return s;
    err_set(err, ERR_IO, "watching signal %d: %s", signo, uv_strerror(rc));
    loop_signal_free(s);
    return NULL;
}

void loop_signal_free(struct loop_signal *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->uv, free_handle);
}

/* ---- foreign descriptors ---- */
struct watch_fd {
    uv_poll_t uv;
    watch_fd_fn fn;
    void *arg;
};

static void fd_ready(uv_poll_t *h, int status, int events)
{
    struct watch_fd *w = h->data;
    unsigned seen = status < 0 ? WATCH_READ | WATCH_WRITE : 0; /* let the owner's read(2) tell */
    if (events & (UV_READABLE | UV_DISCONNECT))
        seen |= WATCH_READ;
    if (events & UV_WRITABLE)
        seen |= WATCH_WRITE;
    w->fn(w->arg, seen);
}

struct watch_fd *watch_fd_new(struct loop *l, int fd, watch_fd_fn fn, void *arg, struct err *err)
{
    struct watch_fd *w = MEM_NEW(struct watch_fd);
    int rc = uv_poll_init(&l->uv, &w->uv, fd);
    if (rc != 0) {
        free(w);
        err_set(err, ERR_IO, "watching descriptor %d: %s", fd, uv_strerror(rc));
        return NULL;
    }
    w->uv.data = w;
    w->fn = fn;
    w->arg = arg;
    return w;
}

void watch_fd_set(struct watch_fd *w, unsigned events)
{
    int uv_events = 0;
    if (events & WATCH_READ)
        uv_events |= UV_READABLE;
    if (events & WATCH_WRITE)
        uv_events |= UV_WRITABLE;
    if (uv_events == 0)
        uv_poll_stop(&w->uv);
    else
        uv_poll_start(&w->uv, uv_events, fd_ready);
}

void watch_fd_free(struct watch_fd *w)
{
    if (w)
        uv_close((uv_handle_t *)&w->uv, free_handle);
}

/* ---- threads ---- */
struct thread {
    pthread_t id;
    char name[16];
    loop_fn fn;
    void *arg;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

struct thread *thread_start(const char *name, loop_fn fn, void *arg, struct err *err)
{
    struct thread *t = MEM_NEW(struct thread);
    strncpy(t->name, name, sizeof t->name - 1);
    t->fn = fn;
    t->arg = arg;
    int rc = pthread_create(&t->id, NULL, thread_main, t);
    if (rc == 0)
        return t;
    free(t);
    err_sys(err, rc, "starting thread %s", name);
    return NULL;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    pthread_join(t->id, NULL);
    free(t);
}
