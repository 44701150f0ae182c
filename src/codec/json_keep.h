/* SPDX-License-Identifier: Apache-2.0
 * json_keep — the few members of a document that a cache wants, as a small document of its own. A
 * cache of a hundred thousand objects cannot afford what nobody reads, so whoever fills it says
 * what is read, and what many objects have in common is held once. One thread; documents, any. */
#pragma once

#include "codec/json.h"

/* A member that is kept, with all below it when n is 0. Lists between are passed through: the rows
 * below "containers" are about each container. Rows are constant tables. */
struct json_mask {
    struct str key;
    const struct json_mask *below;
    size_t n;
    bool share; /* many documents have the same value here: hold it once. Not below another one */
    struct str plain; /* the text of a value that says what absence says: it is left out */
    uint32_t least;   /* of a list: objects in it that keep fewer members are left out */
};

#define JSON_MASK(name)                                                                            \
    {                                                                                              \
        .key = STR_INIT(name)                                                                      \
    } /* macros: static initialisers */
#define JSON_MASK_UNLESS(name, text)                                                               \
    {                                                                                              \
        .key = STR_INIT(name), .plain = STR_INIT(text)                                             \
    }
#define JSON_MASK_SHARED(name)                                                                     \
    {                                                                                              \
        .key = STR_INIT(name), .share = true                                                       \
    }
#define JSON_MASK_SHARED_OF(name, rows)                                                            \
    {                                                                                              \
        .key = STR_INIT(name), .below = (rows), .n = sizeof(rows) / sizeof((rows)[0]),             \
        .share = true                                                                              \
    }
#define JSON_MASK_OF(name, rows)                                                                   \
    {                                                                                              \
        .key = STR_INIT(name), .below = (rows), .n = sizeof(rows) / sizeof((rows)[0])              \
    }

struct json_keep;

/* rows must outlive it; n 0: everything is kept. */
struct json_keep *json_keep_new(const struct json_mask *rows, size_t n);
bool json_keep_is_all(const struct json_keep *k);
size_t json_keep_parts(const struct json_keep *k); /* held for sharing */
void json_keep_free(struct json_keep *k); /* NULL is fine; documents that it made live on */
DEFINE_FREEP(struct json_keep *, json_keep_freep, json_keep_free)

/* ---- what a reader makes of a shared value, made once for all documents that have it ---- */

bool json_is_shared(struct json v);
bool json_has_shared(const struct json_doc *doc);
/* Zeroed, n bytes; may hold pointers into itself and borrow from v. */
void *json_memo_new(size_t n) __attribute__((returns_nonnull));
/* The memo of a shared value; NULL: none yet. Lives as long as any document that has v. kind tells
 * memos apart, for equal values may stand in different places: below 256, one for each struct. Any
 * thread. */
const void *json_memo(struct json v, unsigned kind);
/* Takes memo over; returns it, or the one that another thread set before. */
const void *json_memo_set(struct json v, unsigned kind, void *memo);

/* ---- keeping ---- */

/* The members of the object v that are kept, behind those members of front (absent: none) that v
 * lacks. Anything but an object is kept whole. The caller owns the new document. */
struct json_doc *json_keep(struct json_keep *k, struct json v, struct json front);
