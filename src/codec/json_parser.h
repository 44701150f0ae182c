/* SPDX-License-Identifier: Apache-2.0
 * json_parser — the state that json_parse.c (the fast path) shares with json_parse_slow.c (strings
 * with escapes or non-ASCII, growing, repeated keys, error positions).
 *
 * The input is copied into the new document once and compacted in place. Space is not removed
 * byte by byte: `run` is where the bytes begin that have not been moved yet, and each stretch of
 * space moves the run before it down by `shift` bytes. Compact input is never moved at all.
 *
 * The fast path keeps struct parser in registers. That works only while no pointer to it leaves the
 * function, so slow functions get a pointer to a copy (see the wrappers in json_parse.c). */
#pragma once

#include "codec/json_internal.h"
#include "codec/json_scan.h"

#define PARSER_NODES_MIN 8     /* free nodes before each step: the most one step writes is 4 */
#define PARSER_KEYS_SCANNED 32 /* an object with more keys is checked through a hash table */

/* One open container. frames[0] stands for the place of the root. */
struct frame {
    uint64_t seen[2]; /* one bit per hash of a key: a clear bit proves that a key is new */
    uint32_t head;    /* index of its node */
    uint32_t count;   /* values that are complete */
    char closer;      /* '}' or ']'; 0 in frames[0] */
    bool suspect;     /* look for repeated keys when it closes */
};

struct parser {
    char *r;         /* the next byte; the text ends with NULs, which are never valid */
    char *base;      /* doc->text */
    size_t shift;    /* bytes of space dropped so far */
    char *run;       /* first byte not moved yet */
    uint64_t *tape;  /* first node */
    uint64_t *t;     /* next node */
    uint64_t *t_end; /* end of the room for nodes */
    struct frame *frame;
    const char *why; /* the first error; r is where */
    struct parse *parse;
};

struct parse {
    struct json_doc *doc;
    struct str input;
    const struct json_limits *lim;
    uint32_t depth_max;
    bool too_deep;  /* the error is this limit */
    uint32_t depth; /* the deepest seen */
    struct buf decoded;
    bool has_dups; /* some object had a key twice */
    struct frame frames[JSON_DEPTH_MAX + 1];
};

static inline uint32_t parser_at(const struct parser *p) /* the final offset of the next byte */
{
    return (uint32_t)((size_t)(p->r - p->base) - p->shift);
}

/* Moves the run that ends at r to its final place and starts a new one. */
static inline void parser_flush(struct parser *p)
{
    if (p->shift)
        memmove(p->run - p->shift, p->run, (size_t)(p->r - p->run));
    p->run = p->r;
}

/* Makes room on the tape; false when the document surely has too many nodes. */
bool parser_grow(struct parser *p);
/* Goes on with a string from `stop`, a byte that is not plain; r is its first byte. Writes its
 * nodes. */
bool parser_slow_str(struct parser *p, char *stop);
/* Decides whether the key just read was there before; sets frame->suspect. */
void parser_check_key(struct parser *p, uint32_t key_at);
/* Before an object closes (r is behind its brace): drops all but the last of equal keys. */
void parser_merge_dups(struct parser *p);
/* The error as "line 3, column 7: …". Returns -1. */
int parser_error(const struct parser *p, struct err *err);
