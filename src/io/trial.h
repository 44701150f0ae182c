/* SPDX-License-Identifier: Apache-2.0
 * trial — code that may crash: tried in a child process before it runs in ours, and named in the
 * last line if it crashes us all the same. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Runs fn(arg, err) in a child process, of which nothing remains but its answer: 0, or -1 with the
 * error that it set. ERR_IO: it crashed, or ended on its own; ERR_TIMEOUT: it was ended; both begin
 * with whom blame_set named in the child. Forks: call it before there are threads. */
typedef int (*trial_fn)(void *arg, struct err *err);
int trial_run(trial_fn fn, void *arg, int64_t timeout_ns, struct err *err);

/* From now on a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) of a thread that runs code of
 * others is told on standard error as a crash "inside WHOM". */
void blame_install(void);
/* This thread runs code of whom, a text that must live; NULL: of nobody else. Cheap. */
void blame_set(const char *whom);
