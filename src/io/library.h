/* SPDX-License-Identifier: Apache-2.0
 * library — shared libraries of others (dlopen), if we may trust their file. Blocking; any thread.
 * Shape (b): library_open / library_close. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

struct library;

/* Loads the file at path, which must name a folder or be absolute. ERR_NOT_FOUND; ERR_DENIED when
 * the file, or a folder above it, belongs to somebody else than root or us, or others may write
 * there: the message says what to type; ERR_INVALID when it is no library of this machine. */
int library_open(struct library **out, const char *path, struct err *err);
/* Its code must not be running, nor be called again. NULL is fine. */
void library_close(struct library *l);
/* The address of an exported object and its size in bytes. ERR_NOT_FOUND. */
const void *
library_object(const struct library *l, const char *name, size_t *bytes, struct err *err);

DEFINE_FREEP(struct library *, library_freep, library_close)
