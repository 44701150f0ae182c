/* SPDX-License-Identifier: Apache-2.0
 * http1 — HTTP/1.1 messages from bytes (RFC 9112), for requests and for answers. Sans-I/O: feed
 * bytes in any pieces, take events out. Strict where leniency lets one message hide inside another:
 * no HTTP/0.9, no folded lines, no bare LF, no space before a colon, Content-Length or chunked but
 * never both, one Content-Length, one Host, no coding but chunked. Anything a peer sends meets a
 * limit. One thread; a parser serves one connection, message after message.
 *
 *     http1_feed(p, bytes);
 *     while ((what = http1_next(p, &ev)) != HTTP1_MORE && what != HTTP1_ERROR) ... */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct http1; /* shape (b) */

enum http1_role { HTTP1_REQUESTS, HTTP1_ANSWERS };

struct http1_limits {  /* plain data */
    size_t head_bytes; /* request or status line and fields, with their line ends */
    size_t fields;
    uint64_t body_bytes;
};

#define HTTP1_EXTENSION_MAX 1024   /* extension bytes of one chunk */
#define HTTP1_EXTENSIONS_MAX 16384 /* extension bytes of a whole message */
#define HTTP1_TRAILER_MAX 8192     /* all trailer lines of a message */

struct http1_field {
    struct str name; /* lower case */
    struct str value;
};

/* Borrowed from the parser until the http1_next after this message's HTTP1_END. */
struct http1_head {
    struct str method; /* requests; absent in answers */
    struct str target; /* as written */
    struct str path;   /* of target: "/a" even from the absolute form; "*" for OPTIONS * */
    struct str query;  /* raw, without '?'; absent when there is none */
    struct str host;   /* the Host field, or the authority of an absolute target */
    int status;        /* answers */
    int minor;         /* of HTTP/1.x: 0 or 1 */
    const struct http1_field *fields;
    size_t n_fields;
    bool keep_alive; /* the connection may carry another message */
    bool chunked;
    bool has_length;       /* Content-Length was given */
    uint64_t length;       /* when has_length */
    bool expects_continue; /* Expect: 100-continue, from a 1.1 client */
    struct str upgrade;    /* the Upgrade field when Connection names it, else absent */
};

enum http1_what {
    HTTP1_MORE,  /* all input is used; feed more */
    HTTP1_HEAD,  /* ev.head */
    HTTP1_BODY,  /* ev.piece, borrowed from the fed bytes; never empty */
    HTTP1_END,   /* the message is complete */
    HTTP1_ERROR, /* ev.status and ev.why; the parser takes nothing more */
};

struct http1_event {
    const struct http1_head *head;
    struct str piece;
    int status;      /* what a server should answer: 400, 413, 431, 501, 505 */
    const char *why; /* static text */
};

struct http1 *http1_new(enum http1_role role, const struct http1_limits *limits);
void http1_free(struct http1 *p); /* NULL is fine */

/* The parser borrows bytes until http1_next has returned HTTP1_MORE or http1_rest took them back.
 * What was fed before must be used up. */
void http1_feed(struct http1 *p, struct str bytes);
enum http1_what http1_next(struct http1 *p, struct http1_event *ev);
/* Takes back what was not parsed yet, to be fed again later (a server that answers in turn). */
struct str http1_rest(struct http1 *p);
/* The peer closed: HTTP1_END when that ends an answer, HTTP1_MORE between messages, else
 * HTTP1_ERROR. */
enum http1_what http1_eof(struct http1 *p, struct http1_event *ev);
/* The next answer has no body whatever its fields say: it answers HEAD. Before its HTTP1_HEAD. */
void http1_no_body(struct http1 *p);
/* A message has begun (bytes arrived) but its head is not complete. */
bool http1_in_head(const struct http1 *p);
/* Gives back memory kept for the next head; between messages only. */
void http1_shrink(struct http1 *p);

/* Checks for those who write fields: a token (RFC 9110 5.6.2), and a value without control
 * characters other than tab and without space at the ends. */
bool http1_token_ok(struct str name);
bool http1_value_ok(struct str value);
/* Is token in the comma-separated list, ASCII case ignored? */
bool http1_list_has(struct str list, struct str token);
