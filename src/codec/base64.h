/* SPDX-License-Identifier: Apache-2.0
 * base64 — RFC 4648 text of bytes, both alphabets, strict when reading. Any thread. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum base64_kind {
    BASE64_STD,     /* + and /, padded: Kubernetes Secrets */
    BASE64_STD_RAW, /* + and /, no padding */
    BASE64_URL,     /* - and _, padded */
    BASE64_URL_RAW, /* - and _, no padding: JWT, continue tokens, the bearer subprotocol */
};

/* Appends the text of the bytes. */
void base64_encode(struct buf *out, struct str bytes, enum base64_kind kind);

/* Appends the bytes of the text. ERR_INVALID for anything but the one canonical text: other
 * characters (spaces and line ends too), missing or extra padding, bits behind the last byte that
 * are not zero. ERR_TOO_LARGE when out's maximum is too small. On failure out is as before. */
int base64_decode(struct buf *out, struct str text, enum base64_kind kind, struct err *err);
