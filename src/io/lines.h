/* SPDX-License-Identifier: Apache-2.0
 * lines — the lines of a text file, plain or gzip'ed (told apart by the bytes, not by the name).
 * Blocking, so for command-line tools and pool threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct lines;

/* max_bytes: the longest line that is read. ERR_NOT_FOUND, ERR_IO. */
int lines_open(struct lines **out, const char *path, size_t max_bytes, struct err *err);
void lines_close(struct lines *l); /* NULL is fine */
/* 1 and the next line without its end (borrowed until the next call), 0 at the end of the file, -1:
 * ERR_TOO_LARGE names the line, ERR_IO for a file cut off or damaged. */
int lines_next(struct lines *l, struct str *out, struct err *err);
size_t lines_number(const struct lines *l); /* of the line that was read last, from 1 */

static inline void lines_closep(struct lines **l)
{
    lines_close(*l);
}
