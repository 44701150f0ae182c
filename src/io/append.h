/* SPDX-License-Identifier: Apache-2.0
 * append — a file to which lines are added. Mode 0600. What was flushed is the kernel's, so that
 * only a power cut loses it; there is no fsync. A writer that was killed may leave a line without
 * its end: the next one ends it first. Blocking, but only as long as the page cache takes. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct append;

/* Makes the file where there is none. max_bytes: how large it may get. ERR_IO; ERR_INVALID: it is
 * not a plain file. */
int append_open(struct append **out, const char *path, int64_t max_bytes, struct err *err);
/* Flushes, as far as that works. NULL is fine. */
void append_close(struct append *f);
/* Adds whole lines. They are kept until a flush, or until 256 KiB have come together. ERR_TOO_LARGE
 * when the file would get larger than it may, ERR_IO (a full disk): nothing more can be added. */
int append_put(struct append *f, struct str lines, struct err *err);
int append_flush(struct append *f, struct err *err);
int64_t append_bytes(const struct append *f); /* of the file, with what was not flushed yet */
