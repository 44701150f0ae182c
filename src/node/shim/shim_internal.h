/* SPDX-License-Identifier: Apache-2.0
 * shim_internal — the shim's state. One process for one pod, one thread, one epoll. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/time.h"
#include "node/shim/log_file.h"
#include "node/shim/protocol.h"
#include "node/shim/spec.h"

#define PROBES_MAX 64

enum phase {
    PHASE_NONE,
    PHASE_PREPARING,
    PHASE_PREPARED,
    PHASE_RUNNING,
    PHASE_EXITED,
    PHASE_FAILED
};

struct container {
    const struct shim_container *spec;
    enum phase phase;
    int64_t attempt;
    pid_t pid;
    int status;    /* socket to the child until it has executed; -1 */
    bool go;       /* may execute as soon as it is prepared */
    bool executed; /* the child said that exec is its next step */
    int code, signal;
    int64_t started_ns, finished_ns;
    char message[232];
    struct log_file *log; /* NULL before the first run */
};

struct probe {
    char token[64]; /* "" : free */
    pid_t pid;
    int out; /* its output; -1 */
    struct mono deadline;
    bool timed_out;
    size_t n;
    char output[SHIM_PROBE_OUTPUT_MAX];
};

struct shim {
    struct shim_spec spec;
    struct container containers[SHIM_CONTAINERS_MAX];
    struct probe probes[PROBES_MAX];
    int epoll, listener, control, signals, folder;
    char warning[256]; /* for the first controller; "" : none */
    bool quit;
    bool doubt; /* the folder changed or the controller left: are we still wanted? */
};

/* What epoll reports: a kind and an index in one word. */
enum source {
    FROM_SIGNALS,
    FROM_LISTENER,
    FROM_CONTROL,
    FROM_STATUS,
    FROM_STDOUT,
    FROM_STDERR,
    FROM_PROBE,
    FROM_FOLDER
};
int shim_watch(struct shim *s, int fd, enum source kind, size_t index); /* 0 or -1 */

/* ---- containers ---- */
void container_prepare(struct shim *s, size_t i, int64_t attempt, bool go);
void container_release(struct shim *s, size_t i);
void container_signal(struct shim *s, size_t i, int signo);
void container_on_status(struct shim *s, size_t i);
void container_on_output(struct shim *s, size_t i, int stream);
bool container_reaped(struct shim *s, pid_t pid, int status); /* false: no container's */
bool container_alive(const struct container *c);

/* ---- probes ---- */
void probe_start(struct shim *s, char *const *fields, size_t n);
void probe_on_output(struct shim *s, size_t slot);
bool probe_reaped(struct shim *s, pid_t pid, int status);
/* Kills what is late; milliseconds to the next deadline, or -1. */
int probe_expire(struct shim *s, struct mono now);
/* In the forked child: connects (and asks); returns the exit code. */
int probe_dial(char *const *fields, size_t n);

/* ---- the controller ---- */
int control_listen(struct shim *s, struct err *err);
void control_accept(struct shim *s);
void control_take(struct shim *s, int fd); /* fd becomes the controller and is told everything */
void control_read(struct shim *s);
void control_send_state(struct shim *s, size_t i);
void control_send(struct shim *s, const char *const *fields, size_t n);
/* The state's fields behind "state I", separated by sep; for messages and exit files. */
size_t control_state_text(char *out, size_t max, const struct container *c, char sep);
