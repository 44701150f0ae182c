/* SPDX-License-Identifier: Apache-2.0
 * setup — what a container's process does between fork and exec. Runs in the forked child only. */
#pragma once

#include "base/err.h"
#include "node/shim/spec.h"

/* Own session, cgroups, CPUs and memory cells, mounts, working directory, groups and user; and,
 * where that is allowed, a higher priority: a held container gives it up right before exec
 * (setup_usual), so that members of a gang all reach their exec before the first of them takes the
 * CPUs to work. */
int setup_enter(const struct shim_container *c, struct err *err);
/* Executes argv with the container's environment, looking argv[0] up in its PATH; does not return
 * on success. */
int setup_exec(const struct shim_container *c, char **argv, struct err *err);
/* Resets the signals that the shim blocks and handles. */
void setup_signals(void);
void setup_usual(void);
/* The built-in pause: until SIGTERM or SIGINT. */
void setup_pause(void) __attribute__((noreturn));
