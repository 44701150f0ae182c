/* SPDX-License-Identifier: Apache-2.0
 * podlogs — reads the log of one run of a container back from its CRI-format files
 * (shim/log_file.h): the rotated ones first, then the one that still grows. Pull by pieces; short
 * blocking reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

struct podlogs;

#define PODLOGS_PIECE ((size_t)64 * 1024)

struct podlogs_query {
    struct str dir; /* of the pod */
    struct str container;
    bool previous;       /* the run before the latest */
    bool timestamps;     /* each line begins with its time */
    bool follow;         /* also what is written later; else a flood would have no end */
    int64_t tail_lines;  /* -1: all */
    int64_t limit_bytes; /* -1: all */
    struct wall since;   /* 0: all */
};

/* ERR_INVALID: there is no such run (yet). */
struct podlogs *podlogs_open(const struct podlogs_query *q, struct err *err);
void podlogs_close(struct podlogs *l); /* NULL is fine */

enum podlogs_more {
    PODLOGS_MORE, /* call again */
    PODLOGS_IDLE, /* everything that is there was read; the run goes on */
    PODLOGS_END,  /* the run has ended, the limit is reached, or all that was there is read */
};
/* Appends up to about PODLOGS_PIECE bytes of text. */
enum podlogs_more podlogs_read(struct podlogs *l, struct buf *out);

/* The number of the latest run that has a log in this folder (logs/NAME of a pod); -1: none. */
int64_t podlogs_latest_attempt(const char *dir);
