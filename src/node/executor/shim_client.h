/* SPDX-License-Identifier: Apache-2.0
 * shim_client — the executor's side of a pod's shim (shim/protocol.h): starts one, or finds the one
 * that an earlier ganglion left, sends commands and hears states. Commands are not acknowledged:
 * what came of them is in the states, and after a broken connection all states come again. One loop
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "io/loop.h"

struct shim_client;

enum shim_phase {
    SHIM_IS_PREPARING,
    SHIM_IS_PREPARED,
    SHIM_IS_RUNNING,
    SHIM_IS_EXITED,
    SHIM_IS_FAILED
};

struct shim_state { /* of one run of a container; borrowed for the call */
    size_t container;
    int64_t attempt, pid;
    enum shim_phase phase;
    int64_t code, signal; /* of EXITED and FAILED; code is 128 + signal for a killed one */
    struct wall started, finished;
    struct str message; /* of FAILED */
};

struct shim_events {
    void (*state)(void *arg, const struct shim_state *s);
    void (*probe)(void *arg, struct str token, int64_t code, struct str output);
    void (*warning)(void *arg, struct str text); /* it made the pod's network in a lesser way */
    void (*ready)(void *arg);                    /* all states of the present have been told */
    void (*gone)(void *arg); /* the shim has ended, and with it all of the pod's processes */
};

/* The program's bytes as an executable descriptor, for shim_client_start; close it when no more
 * shims will be started. -1 on failure. */
int shim_program_open(struct err *err);

/* Starts a shim for a directory that holds a spec. The directory's path must be absolute. */
struct shim_client *shim_client_start(struct loop *l,
                                      int program,
                                      const char *dir,
                                      const struct shim_events *events,
                                      void *arg);
/* Connects to the living shim of a directory; ERR_NOT_FOUND: there is none. */
struct shim_client *shim_client_join(struct loop *l,
                                     const char *dir,
                                     const struct shim_events *events,
                                     void *arg,
                                     struct err *err);
/* Leaves the shim alone: its containers go on. NULL is fine. May be called in an event. */
void shim_client_free(struct shim_client *c);

void shim_client_prepare(struct shim_client *c, size_t container, int64_t attempt);
void shim_client_release(struct shim_client *c);
void shim_client_run(struct shim_client *c, size_t container, int64_t attempt);
void shim_client_signal(struct shim_client *c, size_t container, int signo);
/* fields: as behind TIMEOUT_MS in protocol.h. */
void shim_client_probe(struct shim_client *c,
                       struct str token,
                       int64_t timeout_ms,
                       const struct str *fields,
                       size_t n);
void shim_client_quit(struct shim_client *c); /* gone follows */
/* Without a loop: ends a living shim of the directory with all of its processes; waits up to 1 s.
 */
void shim_client_kill(const char *dir);

/* The state in an exit file's text ("ATTEMPT PHASE PID CODE SIGNAL STARTED FINISHED MESSAGE");
 * container is left 0. False when malformed. */
bool shim_state_parse(struct str text, char sep, struct shim_state *out);
