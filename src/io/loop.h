/* SPDX-License-Identifier: Apache-2.0
 * loop — one event loop per service thread, over libuv, which nobody outside io/ sees. All
 * functions but loop_post and loop_stop are called on the loop's own thread (or before loop_run).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"

struct loop;
struct timer;
struct watch_fd;

typedef void (*loop_fn)(void *arg);

struct loop *loop_new(struct err *err);
/* Delivers the messages posted since the stop, here and now; nobody posts any more and all handles
 * must be closed. NULL is fine. */
void loop_free(struct loop *l);
/* Runs until loop_stop. Messages posted before the stop are still delivered. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread */

/* Runs fn(arg) on the loop's thread, in the order of the posts of one thread. The message owns its
 * payload: fn must free it. One wake-up serves all posts that are waiting. Any thread. */
void loop_post(struct loop *l, loop_fn fn, void *arg);
/* Runs fn(arg) on this loop after the callbacks that are ready now. Cheaper than loop_post. */
void loop_defer(struct loop *l, loop_fn fn, void *arg);

struct mono loop_now(struct loop *l); /* cached at the start of this iteration */
struct wall loop_wall(struct loop *l);

/* ---- timers: one shot or repeating; a timer may be started again or freed in its own callback
 * ---- */
struct timer *timer_new(struct loop *l, loop_fn fn, void *arg);
void timer_start(struct timer *t, int64_t delay_ns); /* one shot; replaces an earlier start */
void timer_start_every(struct timer *t, int64_t period_ns);
void timer_stop(struct timer *t);
void timer_free(struct timer *t); /* NULL is fine */

/* ---- signals: fn(arg) on the loop's thread when signo arrives ---- */
struct loop_signal *
loop_on_signal(struct loop *l, int signo, loop_fn fn, void *arg, struct err *err);
void loop_signal_free(struct loop_signal *s);

/* ---- readiness of a foreign descriptor (pidfd, inotify, eventfd). The descriptor stays the
 * caller's. events are WATCH_READ | WATCH_WRITE. ---- */
#define WATCH_READ (1u << 0)
#define WATCH_WRITE (1u << 1)
typedef void (*watch_fd_fn)(void *arg, unsigned events);
struct watch_fd *watch_fd_new(struct loop *l, int fd, watch_fd_fn fn, void *arg, struct err *err);
void watch_fd_set(struct watch_fd *w, unsigned events); /* 0: pause */
void watch_fd_free(struct watch_fd *w);

/* ---- threads: a service's loop on a thread of its own ---- */
struct thread;
/* Starts a thread that runs fn(arg). The name (15 bytes) shows in ps and gdb. */
struct thread *thread_start(const char *name, loop_fn fn, void *arg, struct err *err);
void thread_join(struct thread *t); /* waits and frees; NULL is fine */
