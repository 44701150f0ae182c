/* SPDX-License-Identifier: Apache-2.0
 * lifecycle — how a long-running program ends: SIGTERM, SIGINT or SIGHUP (or lifecycle_stop) runs
 * the stop steps one after the other, last added first, all within one deadline; then the loop
 * stops. A second signal, or the deadline, stops the loop at once. Under nohup SIGHUP is not heard.
 * One loop thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/loop.h"

struct lifecycle;

/* Begins to stop something; calls lifecycle_step_done(lc) now or later, on the loop's thread. */
typedef void (*lifecycle_stop_fn)(void *arg, struct lifecycle *lc);

/* NULL when a signal cannot be watched. */
struct lifecycle *lifecycle_new(struct loop *l, int64_t deadline_ns, struct err *err);
void lifecycle_free(struct lifecycle *lc); /* after loop_run has returned */

/* name: static, for the log. */
void lifecycle_add(struct lifecycle *lc, const char *name, lifecycle_stop_fn stop, void *arg);
void lifecycle_stop(struct lifecycle *lc); /* as if SIGTERM had come; again is harmless */
void lifecycle_step_done(struct lifecycle *lc);

bool lifecycle_stopping(const struct lifecycle *lc);
bool lifecycle_clean(const struct lifecycle *lc); /* every step was done in time */
