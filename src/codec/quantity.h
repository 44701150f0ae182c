/* SPDX-License-Identifier: Apache-2.0
 * quantity — amounts as the Kubernetes API writes them: "500m", "1536Mi", "1e3".
 *
 * A value is held exactly in billionths (the finest step the API knows), so that sums of any mix of
 * suffixes are exact. Two rules differ from apimachinery on purpose: values beyond ±10^29 stop
 * there (apimachinery computes with unbounded numbers, and hangs on "1e99999999999"), and
 * conversions to int64 stop at its ends where apimachinery wraps. Shape (a), pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum quantity_format {
    QUANTITY_DECIMAL_SI,       /* n u m k M G T P E */
    QUANTITY_BINARY_SI,        /* Ki Mi Gi Ti Pi Ei */
    QUANTITY_DECIMAL_EXPONENT, /* e3 */
};

struct quantity {
    __int128 nano;               /* the value times 10^9 */
    enum quantity_format format; /* how it was written, hence how it is printed */
};

/* Reads the text. What is finer than 10^-9 rounds away from zero; with a binary suffix the value
 * stops at ±(2^63-1). ERR_INVALID with apimachinery's two messages. */
int quantity_parse(struct quantity *out, struct str text, struct err *err);

struct quantity quantity_from_units(int64_t units, enum quantity_format format);
struct quantity quantity_from_milli(int64_t milli); /* DecimalSI, for CPU */

/* A zero left side takes over the format of the right one, as apimachinery does. */
void quantity_add(struct quantity *sum, const struct quantity *q);
void quantity_sub(struct quantity *difference, const struct quantity *q);

int quantity_cmp(const struct quantity *a, const struct quantity *b); /* <0, 0, >0 by value */
int quantity_sign(const struct quantity *q);

/* Whole units and thousandths, rounded away from zero, stopping at the ends of int64. */
int64_t quantity_units(const struct quantity *q);
int64_t quantity_milli(const struct quantity *q);

/* Appends the canonical text: the largest suffix without a fraction; a binary quantity that is not
 * whole or is below 1024 is printed as a decimal one. */
void quantity_write(struct buf *out, const struct quantity *q);
