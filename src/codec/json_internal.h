/* SPDX-License-Identifier: Apache-2.0
 * json_internal — the layout of a JSON document, shared by the files json_*.c and jnode*.c.
 *
 * One allocation: header | text, NUL, slack | tape | decoded strings. A tape node is 8 bytes:
 *
 *     bits 0..3 type   bits 4..31 offset   bits 32..63 length
 *
 * Offset and length name a slice of the text. A string's slice lies between its quotes. Containers
 * that are not empty take a second node NODE_SPAN (offset: nodes of the whole value, both head
 * nodes included; length: members or items); a string with escapes takes a second node NODE_DECODED
 * (slice of the decoded bytes). A member is its key's node and then its value's. Because second
 * nodes have types of their own, a run of nodes can be moved to another text by adding one number
 * to the offset of each node that has one.
 *
 * A document that json_keep made may lack parts that it has in common with others: a NODE_SHARED
 * stands for an array or object that is a document of its own, listed behind the decoded strings.
 * Then the text lacks it too, and whoever needs the text of what is around it asks json_flat.
 *
 * Most API objects are small, and a store holds many: json_pack makes nodes of 4 bytes, with 14
 * bits for offset and for length, where everything fits. Whoever reads asks doc_node, which knows
 * both; whoever writes makes nodes of 8. */
#pragma once

#include <assert.h>

#include "codec/json.h"

#define JSON_TEXT_SLACK 32 /* bytes behind the text that the parser's wide loads may touch */

enum node_type {
    NODE_NULL = 1,
    NODE_FALSE,
    NODE_TRUE,
    NODE_NUM,
    NODE_STR,     /* as written */
    NODE_STR_ESC, /* with escapes, NODE_DECODED follows */
    NODE_ARR_EMPTY,
    NODE_OBJ_EMPTY,
    NODE_ARR,        /* NODE_SPAN follows */
    NODE_OBJ,        /* NODE_SPAN follows */
    NODE_FOLDED_ARR, /* nothing below it on this tape: doc->unfolded has it */
    NODE_FOLDED_OBJ,
    NODE_SHARED, /* offset: number of the part that is the value */
    NODE_SPAN = 14,
    NODE_DECODED = 15,
};

struct json_doc {
    uint32_t refs; /* atomic */
    uint32_t text_n;
    uint32_t tape_n;
    uint32_t decoded_n;
    uint16_t depth;   /* an upper bound of the nesting; exact unless the document was edited */
    bool packed;      /* the tape is of 4-byte nodes */
    uint8_t parts_n;  /* documents of others that this one is made of, too */
    uint32_t part_of; /* of an unfolded value: its text's offset in the folded document */
    union {           /* inside this allocation */
        const uint64_t *tape;
        const uint32_t *small; /* packed */
    };
    struct json_doc *unfolded; /* atomic; owned list of what was asked for of the folded values. An
                                  unfolded document has none itself, there it is the next one */
    char text[];
};

static inline uint64_t node_make(enum node_type type, size_t offset, size_t length)
{
    return (uint64_t)type | (uint64_t)offset << 4 | (uint64_t)length << 32;
}

static inline enum node_type node_type(uint64_t node)
{
    return (enum node_type)(node & 15);
}

static inline uint32_t node_offset(uint64_t node)
{
    return (uint32_t)node >> 4;
}

static inline uint32_t node_length(uint64_t node)
{
    return (uint32_t)(node >> 32);
}

static inline bool node_is_str(uint64_t node)
{
    return node_type(node) == NODE_STR || node_type(node) == NODE_STR_ESC;
}

static inline bool node_is_open(uint64_t node) /* a container with something in it */
{
    return node_type(node) == NODE_ARR || node_type(node) == NODE_OBJ;
}

static inline bool node_is_folded(uint64_t node)
{
    return node_type(node) == NODE_FOLDED_ARR || node_type(node) == NODE_FOLDED_OBJ;
}

/* What a value's node says; JSON_ABSENT for one that is a part. */
static inline enum json_type node_json_type(uint64_t node)
{
    static const unsigned char types[16] = {
        [NODE_NULL] = JSON_NULL,     [NODE_FALSE] = JSON_BOOL,     [NODE_TRUE] = JSON_BOOL,
        [NODE_NUM] = JSON_NUM,       [NODE_STR] = JSON_STR,        [NODE_STR_ESC] = JSON_STR,
        [NODE_ARR_EMPTY] = JSON_ARR, [NODE_OBJ_EMPTY] = JSON_OBJ,  [NODE_ARR] = JSON_ARR,
        [NODE_OBJ] = JSON_OBJ,       [NODE_FOLDED_ARR] = JSON_ARR, [NODE_FOLDED_OBJ] = JSON_OBJ,
    };
    return (enum json_type)types[node & 15];
}

/* Nodes that the value at `node` takes, itself included. */
static inline uint32_t node_span(const uint64_t *node)
{
    if (node_is_open(node[0]))
        return node_offset(node[1]);
    return node_type(node[0]) == NODE_STR_ESC ? 2 : 1;
}

/* The slice of the text a value was written as, with quotes around a string. */
static inline struct str node_text(const char *text, uint64_t node)
{
    uint32_t quote = node_is_str(node);
    return (struct str){ text + node_offset(node) - quote, node_length(node) + 2 * quote };
}

/* A string node's bytes; `decoded` is the base of the decoded strings. */
static inline struct str node_str(const char *text, const char *decoded, const uint64_t *node)
{
    if (node_type(node[0]) == NODE_STR)
        return (struct str){ text + node_offset(node[0]), node_length(node[0]) };
    return (struct str){ decoded + node_offset(node[1]), node_length(node[1]) };
}

/* ---- reading a document, packed or not ---- */

#define JSON_SMALL_BITS 14
#define JSON_SMALL_MASK ((1u << JSON_SMALL_BITS) - 1)

static inline uint32_t node_pack(uint64_t node)
{
    return (uint32_t)node_type(node) | node_offset(node) << 4 |
           node_length(node) << (4 + JSON_SMALL_BITS);
}

static inline uint64_t node_unpack(uint32_t small)
{
    return node_make((enum node_type)(small & 15), small >> 4 & JSON_SMALL_MASK,
                     small >> (4 + JSON_SMALL_BITS));
}

static inline uint32_t node_small_span(const uint32_t *node) /* as node_span */
{
    enum node_type type = (enum node_type)(*node & 15);
    if (type == NODE_ARR || type == NODE_OBJ)
        return node[1] >> 4 & JSON_SMALL_MASK;
    return type == NODE_STR_ESC ? 2 : 1;
}

static inline uint64_t doc_node(const struct json_doc *doc, uint32_t at)
{
    return doc->packed ? node_unpack(doc->small[at]) : doc->tape[at];
}

static inline uint64_t json_node(struct json v)
{
    return doc_node(v.doc, v.at);
}

/* Nodes that the value or key at `at` takes. */
static inline uint32_t doc_span(const struct json_doc *doc, uint32_t at)
{
    uint64_t node = doc_node(doc, at);
    if (node_is_open(node))
        return node_offset(doc_node(doc, at + 1));
    return node_type(node) == NODE_STR_ESC ? 2 : 1;
}

static inline const char *doc_decoded(const struct json_doc *doc)
{
    return doc->packed ? (const char *)(doc->small + doc->tape_n)
                       : (const char *)(doc->tape + doc->tape_n);
}

#define JSON_PARTS_MAX 32

/* The parts stand behind everything else; the document holds a reference to each. */
static inline struct json_doc **doc_parts(const struct json_doc *doc)
{
    uintptr_t end = (uintptr_t)(doc_decoded(doc) + doc->decoded_n);
    return (struct json_doc **)((end + sizeof end - 1) & ~(sizeof end - 1));
}

static inline struct str doc_str(const struct json_doc *doc, uint32_t at)
{
    uint64_t node = doc_node(doc, at);
    if (node_type(node) == NODE_STR)
        return (struct str){ doc->text + node_offset(node), node_length(node) };
    uint64_t decoded = doc_node(doc, at + 1);
    return (struct str){ doc_decoded(doc) + node_offset(decoded), node_length(decoded) };
}

/* Where the tape may start behind `text_n` bytes of text, as an offset from doc->text. */
static inline size_t doc_tape_offset(size_t text_n)
{
    size_t head = offsetof(struct json_doc, text);
    return ((head + text_n + JSON_TEXT_SLACK + 7) & ~(size_t)7) - head;
}

/* Copies n nodes, moving their text by `delta` bytes. Decoded slices stay as they are. */
void json_tape_move(uint64_t *dst, const uint64_t *src, size_t n, int64_t delta);
/* The same for the nodes of v, from a document that may be packed. */
void json_tape_copy(uint64_t *dst, struct json v, int64_t delta);

/* The integer that the text of a JSON number stands for; false when it is none or too big. */
bool json_num_i64(struct str text, int64_t *out);
/* True when s is a number by the grammar of RFC 8259. */
bool json_is_num(struct str s);
/* Where the members or items of v are: v itself, or the root of what a folded value unfolds to. */
struct json json_unfold(struct json v);
/* A value that is a part of its document: the part's root; others as they are. */
static inline struct json json_shared(struct json v)
{
    uint64_t node = doc_node(v.doc, v.at);
    if (node_type(node) != NODE_SHARED)
        return v;
    return (struct json){ doc_parts(v.doc)[node_offset(node)], 0 };
}

/* The same value in a document that has no parts, or none below it: as it is, or a copy that lives
 * as long as v's document. */
struct json json_flat(struct json v);
/* Hangs an own document on d, whose part_of it is; returns that, or the one another thread hung. */
struct json_doc *json_hang(struct json_doc *d, struct json_doc *fresh, uint32_t part_of);
/* json_dups.c: appends the path of each repeated key of a valid text, newline-separated. */
void json_report_dups(struct buf *out, struct str text);
/* Exact nesting of a value: 0 for a scalar. */
uint32_t json_depth(struct json v);
bool json_num_eq(struct str a, struct str b);
