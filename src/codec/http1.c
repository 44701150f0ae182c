/* SPDX-License-Identifier: Apache-2.0
 * http1 — see http1.h. Head bytes are gathered whole and read by http1_head.c; then the framing
 * decides what body follows, and a small state machine walks chunked bodies:
 *
 *     chunked = *( size [ ";" ext ] CRLF data CRLF ) "0" [ ";" ext ] CRLF *( field CRLF ) CRLF */
#include "codec/http1.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/http1_internal.h"

enum state {
    S_HEAD,
    S_LENGTH,     /* left bytes of a body of known length */
    S_UNTIL_EOF,  /* an answer that ends with the connection */
    S_CHUNK_LINE, /* gathering "size;ext CRLF" */
    S_CHUNK_DATA, /* left bytes of a chunk */
    S_CHUNK_CR,
    S_CHUNK_LF,
    S_TRAILER, /* gathering trailer lines */
    S_END,     /* HTTP1_END is due */
    S_FAILED,
};

struct http1 {
    enum http1_role role;
    enum state state;
    bool no_body;
    bool delivered;    /* the head was given out: its memory is free at the next message */
    bool skipped_line; /* the one empty line that may stand before a request */
    struct http1_limits limits;
    struct str in;     /* fed, not used */
    struct buf text;   /* the head */
    size_t line_start; /* in text */
    struct buf line;   /* one chunk line or trailer line */
    struct http1_head head;
    struct http1_field_vec fields;
    uint64_t left;      /* of the body or chunk */
    uint64_t body_seen; /* decoded bytes of this message */
    size_t extensions;  /* bytes of chunk extensions of this message */
    size_t trailers;    /* bytes of trailer lines of this message */
    struct http1_bad bad;
};

struct http1 *http1_new(enum http1_role role, const struct http1_limits *limits)
{
    assert(limits->head_bytes > 0 && limits->fields > 0);
    struct http1 *p = MEM_NEW(struct http1);
    p->role = role;
    p->limits = *limits;
    buf_init(&p->text, limits->head_bytes);
    buf_init(&p->line, HTTP1_TRAILER_MAX);
    return p;
}

void http1_free(struct http1 *p)
{
    if (!p)
        return;
    buf_fini(&p->text);
    buf_fini(&p->line);
    http1_field_vec_fini(&p->fields);
    free(p);
}

void http1_feed(struct http1 *p, struct str bytes)
{
    assert(p->in.n == 0);
    p->in = bytes;
}

struct str http1_rest(struct http1 *p)
{
    struct str rest = p->in;
    p->in = (struct str){ 0 };
    return rest;
}

void http1_no_body(struct http1 *p)
{
    p->no_body = true;
}

bool http1_in_head(const struct http1 *p)
{
    return p->state == S_HEAD && !p->delivered && (p->text.n > 0 || p->skipped_line);
}

static void forget_message(struct http1 *p)
{
    buf_clear(&p->text);
    http1_field_vec_clear(&p->fields);
    p->head = (struct http1_head){ 0 };
    p->line_start = 0;
    p->left = p->body_seen = 0;
    p->extensions = p->trailers = 0;
    p->delivered = p->skipped_line = false;
}

void http1_shrink(struct http1 *p)
{
    if (p->state != S_HEAD || http1_in_head(p))
        return;
    forget_message(p);
    buf_fini(&p->text);
    buf_init(&p->text, p->limits.head_bytes);
    buf_fini(&p->line);
    buf_init(&p->line, HTTP1_TRAILER_MAX);
    http1_field_vec_fini(&p->fields);
}

static bool fail(struct http1 *p, int status, const char *why)
{
    p->bad = (struct http1_bad){ status, why };
    p->state = S_FAILED;
    return false;
}

/* Moves input up to and with the next LF to b, where the line began at `start`. True when the line
 * is complete: *line is it, without CRLF. False: more input is needed, or the parser failed. */
static bool gather_line(struct http1 *p, struct buf *b, size_t start, struct str *line)
{
    if (p->in.n == 0)
        return false;
    const char *lf = memchr(p->in.p, '\n', p->in.n);
    size_t n = lf ? (size_t)(lf - p->in.p) + 1 : p->in.n;
    buf_put(b, p->in.p, n);
    if (b->failed)
        return fail(p, 431, "the head, a chunk line or a trailer is too long");
    p->in = str_skip(p->in, n);
    if (!lf)
        return false;
    if (b->n - start < 2 || b->p[b->n - 2] != '\r')
        return fail(p, 400, "a line ends in LF without CR");
    *line = str_make(b->p + start, b->n - start - 2);
    return true;
}

/* What follows the head (RFC 9112 6.3). */
static bool frame_body(struct http1 *p)
{
    const struct http1_head *h = &p->head;
    bool bodiless = p->no_body || (p->role == HTTP1_ANSWERS &&
                                   (h->status < 200 || h->status == 204 || h->status == 304));
    if (h->status >= 200)
        p->no_body = false; /* it was meant for a final answer */
    if (bodiless) {
        p->state = S_END;
        return true;
    }
    if (h->chunked) {
        p->state = S_CHUNK_LINE;
        return true;
    }
    if (!h->has_length && p->role == HTTP1_ANSWERS) {
        p->head.keep_alive = false;
        p->left = p->limits.body_bytes;
        p->state = S_UNTIL_EOF;
        return true;
    }
    if (h->length > p->limits.body_bytes)
        return fail(p, 413, "the body is larger than allowed");
    p->left = h->length;
    p->state = p->left > 0 ? S_LENGTH : S_END;
    return true;
}

static bool read_head(struct http1 *p)
{
    struct str text = str_take(buf_view(&p->text), p->line_start);
    p->head = (struct http1_head){ 0 };
    if (!http1_read_head(&p->head, &p->fields, text, p->role, &p->bad)) {
        p->state = S_FAILED;
        return false;
    }
    if (p->fields.n > p->limits.fields)
        return fail(p, 431, "too many header fields");
    return frame_body(p);
}

/* Gathers head lines until the empty one. */
static bool gather_head(struct http1 *p)
{
    struct str line;
    while (gather_line(p, &p->text, p->line_start, &line)) {
        if (line.n == 0 && p->line_start > 0)
            return true;
        if (line.n == 0) { /* RFC 9112 2.2: ignore an empty line before a request */
            if (p->skipped_line || p->role == HTTP1_ANSWERS)
                return fail(p, 400, "empty lines before the message");
            p->skipped_line = true;
            buf_clear(&p->text);
            continue;
        }
        p->line_start = p->text.n;
    }
    return false;
}

static enum http1_what failed(const struct http1 *p, struct http1_event *ev)
{
    ev->status = p->bad.status;
    ev->why = p->bad.why;
    return HTTP1_ERROR;
}

static enum http1_what next_head(struct http1 *p, struct http1_event *ev)
{
    if (p->delivered)
        forget_message(p);
    if (!gather_head(p))
        return p->state == S_FAILED ? failed(p, ev) : HTTP1_MORE;
    if (!read_head(p))
        return failed(p, ev);
    p->delivered = true;
    ev->head = &p->head;
    return HTTP1_HEAD;
}

static enum http1_what next_piece(struct http1 *p, struct http1_event *ev)
{
    if (p->in.n == 0)
        return HTTP1_MORE;
    if (p->state == S_UNTIL_EOF && p->in.n > p->left) {
        fail(p, 413, "the body is larger than allowed");
        return failed(p, ev);
    }
    ev->piece = str_take(p->in, p->left < p->in.n ? (size_t)p->left : p->in.n);
    p->in = str_skip(p->in, ev->piece.n);
    p->left -= ev->piece.n;
    if (p->left == 0 && p->state == S_LENGTH)
        p->state = S_END;
    else if (p->left == 0 && p->state == S_CHUNK_DATA)
        p->state = S_CHUNK_CR;
    return HTTP1_BODY;
}

static bool extension_ok(struct str ext)
{
    if (ext.n == 0)
        return true;
    struct str text = str_trim(ext);
    return text.n > 1 && text.p[0] == ';' && http1_value_ok(text);
}

static bool read_chunk_line(struct http1 *p, struct str line)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.n && char_hex(line.p[i]) >= 0; i++) {
        if (i == 15)
            return fail(p, 413, "a chunk size is too large");
        size = size * 16 + (uint64_t)char_hex(line.p[i]);
    }
    if (i == 0)
        return fail(p, 400, "a chunk size is not hexadecimal");
    struct str ext = str_skip(line, i);
    if (!extension_ok(ext))
        return fail(p, 400, "a chunk extension is malformed");
    p->extensions += ext.n;
    if (ext.n > HTTP1_EXTENSION_MAX || p->extensions > HTTP1_EXTENSIONS_MAX)
        return fail(p, 400, "too many chunk extensions");
    if (size > p->limits.body_bytes - p->body_seen)
        return fail(p, 413, "the body is larger than allowed");
    p->body_seen += size;
    p->left = size;
    p->state = size > 0 ? S_CHUNK_DATA : S_TRAILER;
    return true;
}

static bool read_trailer_line(struct http1 *p, struct str line)
{
    if (line.n == 0) {
        p->state = S_END;
        return true;
    }
    struct http1_field ignored; /* nothing of ours means anything in a trailer */
    if (!http1_read_field(&ignored, line))
        return fail(p, 400, "a trailer line is malformed");
    p->trailers += line.n;
    if (p->trailers > HTTP1_TRAILER_MAX)
        return fail(p, 431, "the trailer is too long");
    return true;
}

static bool next_line(struct http1 *p)
{
    struct str line;
    if (!gather_line(p, &p->line, 0, &line))
        return false;
    bool ok = p->state == S_TRAILER ? read_trailer_line(p, line) : read_chunk_line(p, line);
    buf_clear(&p->line);
    return ok;
}

static bool next_delimiter(struct http1 *p)
{
    if (p->in.n == 0)
        return false;
    if (p->in.p[0] != (p->state == S_CHUNK_CR ? '\r' : '\n'))
        return fail(p, 400, "chunk data does not end in CRLF");
    p->in = str_skip(p->in, 1);
    p->state = p->state == S_CHUNK_CR ? S_CHUNK_LF : S_CHUNK_LINE;
    return true;
}

enum http1_what http1_next(struct http1 *p, struct http1_event *ev)
{
    for (;;) {
        bool went_on = false;
        switch (p->state) {
        case S_HEAD:
            return next_head(p, ev);
        case S_LENGTH:
        case S_UNTIL_EOF:
        case S_CHUNK_DATA:
            return next_piece(p, ev);
        case S_CHUNK_LINE:
        case S_TRAILER:
            went_on = next_line(p);
            break;
        case S_CHUNK_CR:
        case S_CHUNK_LF:
            went_on = next_delimiter(p);
            break;
        case S_END:
            p->state = S_HEAD;
            return HTTP1_END;
        case S_FAILED:
            return failed(p, ev);
        }
        if (!went_on)
            return p->state == S_FAILED ? failed(p, ev) : HTTP1_MORE;
    }
}

enum http1_what http1_eof(struct http1 *p, struct http1_event *ev)
{
    if (p->state == S_UNTIL_EOF || p->state == S_END) {
        p->state = S_HEAD;
        return HTTP1_END;
    }
    if (p->state == S_HEAD && !http1_in_head(p))
        return HTTP1_MORE;
    fail(p, 400, "the connection ended inside a message");
    return failed(p, ev);
}
