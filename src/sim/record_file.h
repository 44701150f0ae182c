/* SPDX-License-Identifier: Apache-2.0
 * record_file — a record (scheduler/record/record.h), plain or gzip'ed, line by line; and cores as
 * its headers say. Blocking, for command-line tools. */
#pragma once

#include "scheduler/record/record.h"

struct record_file;

/* ERR_NOT_FOUND, ERR_IO. */
int record_file_open(struct record_file **out, const char *path, struct err *err);
void record_file_close(struct record_file *f); /* NULL is fine */
/* 1 and the next line (until the next call; parts of it may be taken), 0 at the end, -1:
 * ERR_INVALID names the line. A line that was cut off, at the end or before a header, is left out:
 * its writer was killed. */
int record_file_next(struct record_file *f, struct record_line **out, struct err *err);
size_t record_file_number(const struct record_file *f); /* of the line read last, from 1 */
size_t record_file_cut(const struct record_file *f);    /* lines that were left out */

static inline void record_file_closep(struct record_file **f)
{
    record_file_close(*f);
}

/* A core that begins as the recorded one began. Sets the process's seed of maps, which decides in
 * what order a core walks through things that are equal; so one core at a time. config: instead of
 * the header's; absent: that one. */
int record_file_core(struct sched_core **out,
                     const struct record_header *h,
                     struct str config,
                     struct err *err);
