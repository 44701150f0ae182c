/* SPDX-License-Identifier: Apache-2.0
 * err — the one error type. Owned by the caller, lives on its stack, never allocates.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last (NULL: the caller does
 * not care). Kinds are few because each means an action; who acts on them: kube/status.c maps a
 * kind to an HTTP status, client/retry.c to a retry policy. Any thread. */
#pragma once

#include <stdarg.h>

enum err_kind {
    ERR_NONE = 0,
    ERR_INVALID,   /* the input is wrong; the message names the field and how to fix it */
    ERR_NOT_FOUND, /* no such thing */
    ERR_EXISTS,    /* there is one already */
    ERR_CONFLICT,  /* based on an old revision, or held by someone else: read again, retry */
    ERR_GONE,      /* the revision asked for is no longer kept: list again */
    ERR_DENIED,    /* not allowed, whoever retries */
    ERR_BUSY,      /* a limit is reached now: retry later */
    ERR_TOO_LARGE, /* over a named limit */
    ERR_TIMEOUT,   /* the deadline passed; the outcome may be unknown */
    ERR_IO,        /* the machine or a peer failed; `sys` has errno when there is one */
    ERR_BUG,       /* ours; report it */
};

struct err {
    enum err_kind kind;
    int sys; /* errno, or 0 */
    char msg[232];
};

/* Fills err (if not NULL) and returns -1, so that `return err_set(...)` reads as one thought. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ERR_IO with errno `sys`; the text of errno is appended after ": ". Returns -1. */
int err_sys(struct err *err, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message, keeping the kind. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A short stable name of a kind ("conflict"), for logs and metrics. Static storage. */
const char *err_kind_name(enum err_kind kind);
