/* SPDX-License-Identifier: Apache-2.0
 * file — small whole-file operations; blocking, so for start-up and pool threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the file's bytes to out (whose max is the limit: ERR_TOO_LARGE). "-" is standard input.
 */
int file_read(struct buf *out, const char *path, struct err *err);
/* The same into an arena, as text; path need not end with NUL. */
int file_read_text(struct str *out, struct arena *a, struct str path, size_t max, struct err *err);
/* Writes to a temporary neighbour, syncs, renames over path. mode such as 0600. */
int file_write_atomic(const char *path, struct str bytes, mode_t mode, struct err *err);
/* Makes an empty file where there is none; what is there keeps its bytes and gets the mode too. */
int file_make(const char *path, mode_t mode, struct err *err);
int file_make_dirs(const char *path, mode_t mode, struct err *err); /* like mkdir -p */
int file_remove_tree(const char *path,
                     struct err *err); /* does not follow links or cross devices */
bool file_exists(const char *path);
/* Takes an exclusive lock on path (created 0600), kept until the returned descriptor is closed.
 * ERR_BUSY when another process has it; the message holds that process's id when it is known. */
int file_lock(int *out_fd, const char *path, struct err *err);
