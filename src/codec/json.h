/* SPDX-License-Identifier: Apache-2.0
 * json — immutable JSON documents (RFC 8259), the object model of the whole program.
 *
 * A document is one allocation: a header, a flat tape of 8-byte nodes, and its compact text. Key
 * order, unknown fields and the text of numbers are kept as written; insignificant space is not.
 * A container knows its slice of the text and its length on the tape, so that skipping it is O(1)
 * and writing it is a copy. A string without escapes points into the text; one with escapes also
 * has its decoded bytes behind the text. Documents are counted and may be shared by any threads.
 * [simdjson's tape, yyjson's immutable documents]
 *
 * A value is {document, place}, passed by value and borrowed from the document. The zero value is
 * "absent"; every accessor takes an absent value and answers absent, so paths chain without checks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct json_doc;

struct json {
    const struct json_doc *doc; /* NULL: absent */
    uint32_t at;
};

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUM, JSON_STR, JSON_ARR, JSON_OBJ };

struct json_limits {
    size_t bytes;   /* of the text */
    uint32_t depth; /* of nesting */
    uint32_t nodes; /* values and keys */
};

#define JSON_DOC_BYTES_MAX (UINT32_C(256) << 20) /* what a tape node can address */
#define JSON_DEPTH_MAX 200 /* no document nests deeper, whatever the limits say */
extern const struct json_limits
    json_limits_body; /* for foreign bytes: 3 MiB, depth 100, 400 k nodes */
extern const struct json_limits json_limits_own; /* for what we wrote: 256 MB, depth 200 */

/* ---- life cycle ---- */

/* Parses the whole text (space around it allowed). Fails with ERR_INVALID ("line 3, column 7: …")
 * or ERR_TOO_LARGE (the limit is named). Bad UTF-8, lone surrogates, control characters and leading
 * zeroes are errors. With equal keys in one object the last value wins, at the first one's place.
 * *out is a new reference. */
int json_parse(struct json_doc **out,
               struct str text,
               const struct json_limits *lim,
               struct err *err);

/* The same, and appends the path of each repeated key ("spec.replicas"), newline-separated, to
 * dups, in the order of their repetitions in the text. */
int json_parse_dups(struct json_doc **out,
                    struct str text,
                    const struct json_limits *lim,
                    struct buf *dups,
                    struct err *err);

struct json_doc *json_doc_ref(const struct json_doc *doc);
void json_doc_unref(const struct json_doc *doc); /* NULL is fine */
/* Gives back what a part of the tape takes that is hardly ever read: the array or object v becomes
 * one node, and is parsed again from its text when somebody looks inside. No accessor shows the
 * difference. Takes the document over, which must be the only reference; returns it, maybe moved.
 * Values in it become invalid. */
struct json_doc *json_fold(struct json_doc *doc, struct json v);
/* A document of one array that is folded from the start: text is compact, valid, not empty, and
 * nests no deeper than depth. */
struct json_doc *json_fold_text(struct str text, unsigned depth);
/* Half the memory for the tape of a small document that is to be kept. Ownership as above. */
struct json_doc *json_pack(struct json_doc *doc);
/* True for a folded value: we wrote it, so it needs no second look. */
bool json_folded(struct json v);
size_t json_doc_bytes(const struct json_doc *doc);    /* memory held, without what it shares */
struct str json_doc_text(const struct json_doc *doc); /* compact JSON, borrowed */

static inline void json_doc_unrefp(struct json_doc **doc)
{
    json_doc_unref(*doc);
}

/* ---- reading ---- */

struct json json_root(const struct json_doc *doc); /* absent for NULL */
enum json_type json_type(struct json v);

static inline bool json_exists(struct json v)
{
    return v.doc != NULL;
}

/* Present and not null. */
bool json_has(struct json v);

struct json json_get(struct json obj, struct str key); /* absent unless an object with that key */
struct json json_at(struct json arr, uint32_t i);      /* O(i) */
uint32_t json_len(struct json v);                      /* members or items; 0 for anything else */
/* Follows keys and decimal indexes separated by dots: json_path(v, "spec.containers.0.name"). Keys
 * that hold dots need json_get. */
struct json json_path(struct json v, const char *path);

struct str
json_str(struct json v); /* decoded, borrowed from the document; absent unless a string */
struct str json_num_text(struct json v); /* as written; absent unless a number */
bool json_bool(struct json v, bool otherwise);
bool json_i64(struct json v,
              int64_t *out); /* an integer (1.0 and 1e3 count) in range; else false */
int64_t json_i64_or(struct json v, int64_t otherwise);
bool json_f64(struct json v, double *out);
/* The value's own compact text, for containers and numbers without a copy; strings with their
 * quotes. */
struct str json_text(struct json v);

struct json_iter {
    struct json v;
    uint32_t next, left;
    struct str key;    /* of the current member; absent in arrays */
    struct json value; /* the current member or item */
};

/* for (struct json_iter it = json_iter(v); json_next(&it);) … it.key, it.value. Empty for scalars.
 */
struct json_iter json_iter(struct json v);
bool json_next(struct json_iter *it);

/* Deep equality. Members compare in any order, numbers by value when both are integers, else by
 * text. */
bool json_eq(struct json a, struct json b);

/* ---- writing ---- */

void json_write(struct buf *out, struct json v);                    /* compact */
void json_write_pretty(struct buf *out, struct json v, int indent); /* as kubectl -o json does */
void json_write_str(struct buf *out, struct str s); /* quoted and escaped; invalid UTF-8 → U+FFFD */
