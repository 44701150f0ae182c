/* SPDX-License-Identifier: Apache-2.0
 * url — the parts of a URL (RFC 3986): percent-coding, query pairs, path segments. Pure; slices
 * returned point into the input. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends s with %XX decoded. ERR_INVALID for a broken escape or an escaped NUL, ERR_TOO_LARGE when
 * out is full. */
int url_decode(struct buf *out, struct str s, struct err *err);
/* The same for query keys and values, where '+' is a space. */
int url_decode_query(struct buf *out, struct str s, struct err *err);
/* Appends s with everything but unreserved characters (letters, digits, "-._~") escaped. */
void url_encode(struct buf *out, struct str s);
/* The same, leaving '/' too. */
void url_encode_path(struct buf *out, struct str s);

/* The next raw pair of a query, false at the end. Empty pairs ("a=1&&b") are skipped; a key without
 * '=' has an absent value. Loop: while (url_query_next(&query, &key, &value)) ... */
bool url_query_next(struct str *query, struct str *key, struct str *value);
/* The decoded value of the first pair of that (decoded) name, in the arena: absent when there is no
 * such pair, empty when it has no '='. Malformed escapes read as absent. */
struct str url_query_get(struct arena *a, struct str query, struct str name);

/* A path cut into decoded segments, in the arena. "/a//b/" has the segments a, "", b and slash. */
#define URL_SEGMENTS_MAX 32
struct url_path { /* plain data */
    struct str segments[URL_SEGMENTS_MAX];
    size_t n;
    bool slash; /* ends in '/', and is not "/" */
};
/* ERR_INVALID for a path that does not start with '/', a broken escape, an escaped '/' or NUL, bad
 * UTF-8, a "." or ".." segment; ERR_TOO_LARGE for too many segments. */
int url_path_split(struct url_path *out, struct arena *a, struct str path, struct err *err);

struct url { /* plain data; slices of the input */
    struct str scheme;
    struct str host; /* without the brackets of an IPv6 address */
    uint16_t port;   /* 0: not given */
    struct str path; /* raw; empty when there is none */
    struct str query;
};
/* An absolute http, https or other scheme://host URL. ERR_INVALID with what is wrong; user names
 * and fragments are refused. */
int url_split(struct url *out, struct str text, struct err *err);
