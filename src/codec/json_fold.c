/* SPDX-License-Identifier: Apache-2.0
 * json_fold — documents that are kept for long: packed, and with a part as text alone. Half of a
 * stored object is metadata.managedFields, which only server-side apply ever reads; its tape would
 * be larger than its text. */
#include "codec/json_internal.h"
#include "codec/json_keep.h"

#include <stdlib.h>

/* The nodes from `at` to `end` leave the tape: every container around them gets shorter. */
static void shorten_parents(uint64_t *tape, uint32_t at, uint32_t gone)
{
    for (uint32_t i = 0; i != at;) {
        if (i + node_span(tape + i) <= at) { /* a key, or a value before ours */
            i += node_span(tape + i);
            continue;
        }
        tape[i + 1] =
            node_make(NODE_SPAN, node_offset(tape[i + 1]) - gone, node_length(tape[i + 1]));
        i += 2;
    }
}

/* Folding needs the decoded strings of the folded nodes no more. They stand together, in order, in
 * documents that were parsed or frozen; where they do not, they stay. */
static size_t drop_decoded(struct json_doc *doc, const uint64_t *from, size_t n, char *decoded)
{
    size_t start = 0, end = 0;
    for (size_t i = 0; i < n; i++) {
        if (node_type(from[i]) != NODE_DECODED)
            continue;
        if (end == 0)
            start = end = node_offset(from[i]);
        if (node_offset(from[i]) != end)
            return 0;
        end += node_length(from[i]);
    }
    uint64_t *tape = (uint64_t *)(uintptr_t)doc->tape;
    for (size_t i = 0; i < doc->tape_n && end > start; i++) {
        bool behind = node_type(tape[i]) == NODE_DECODED && node_offset(tape[i]) >= end;
        if (behind)
            tape[i] =
                node_make(NODE_DECODED, node_offset(tape[i]) - (end - start), node_length(tape[i]));
    }
    memmove(decoded + start, decoded + end, doc->decoded_n - end);
    return end - start;
}

struct json_doc *json_fold(struct json_doc *doc, struct json v)
{
    assert(doc->refs == 1 && !doc->unfolded && !doc->packed && v.doc == doc && v.at > 0);
    uint64_t *tape = (uint64_t *)(uintptr_t)doc->tape; /* nobody else sees this document yet */
    if (!node_is_open(tape[v.at]))
        return doc;
    uint32_t gone = node_span(tape + v.at) - 1;
    char *decoded = (char *)(tape + doc->tape_n);
    doc->decoded_n -= (uint32_t)drop_decoded(doc, tape + v.at + 1, gone, decoded);
    enum node_type folded = node_type(tape[v.at]) == NODE_ARR ? NODE_FOLDED_ARR : NODE_FOLDED_OBJ;
    uint64_t node = node_make(folded, node_offset(tape[v.at]), node_length(tape[v.at]));
    shorten_parents(tape, v.at, gone);
    tape[v.at] = node;
    doc->tape_n -= gone;
    memmove(tape + v.at + 1, tape + v.at + 1 + gone, (doc->tape_n - v.at - 1) * sizeof *tape);
    memmove(tape + doc->tape_n, decoded, doc->decoded_n);
    size_t tape_at = (size_t)((const char *)tape - (const char *)doc);
    doc = mem_realloc(doc, tape_at + doc->tape_n * sizeof *tape + doc->decoded_n);
    doc->tape = (const uint64_t *)(const void *)((const char *)doc + tape_at);
    return doc;
}

struct json_doc *json_fold_text(struct str text, unsigned depth)
{
    assert(text.n > 2 && text.n <= JSON_DOC_BYTES_MAX && text.p[0] == '[');
    size_t tape_at = doc_tape_offset(text.n);
    struct json_doc *doc = mem_alloc(offsetof(struct json_doc, text) + tape_at + sizeof(uint64_t));
    uint64_t *tape = (uint64_t *)(void *)(doc->text + tape_at);
    memcpy(doc->text, text.p, text.n);
    *tape = node_make(NODE_FOLDED_ARR, 0, text.n);
    doc->refs = 1;
    doc->text_n = (uint32_t)text.n;
    doc->tape_n = 1;
    doc->depth = (uint16_t)depth;
    doc->tape = tape;
    return doc;
}

struct json_doc *json_pack(struct json_doc *doc)
{
    assert(doc->refs == 1 && !doc->unfolded && !doc->parts_n);
    uint32_t most = doc->text_n | doc->tape_n | doc->decoded_n; /* over the mask: one of them is */
    if (doc->packed || most > JSON_SMALL_MASK)
        return doc;
    size_t tape_at = doc_tape_offset(doc->text_n);
    size_t head = offsetof(struct json_doc, text);
    size_t tape_bytes = doc->tape_n * sizeof *doc->small;
    struct json_doc *packed = mem_realloc(NULL, head + tape_at + tape_bytes + doc->decoded_n);
    memcpy(packed, doc, head + doc->text_n);
    memset(packed->text + doc->text_n, 0, tape_at - doc->text_n);
    uint32_t *small = (uint32_t *)(void *)(packed->text + tape_at);
    for (uint32_t i = 0; i < doc->tape_n; i++)
        small[i] = node_pack(doc->tape[i]);
    memcpy(packed->text + tape_at + tape_bytes, doc_decoded(doc), doc->decoded_n);
    packed->small = small;
    packed->packed = true;
    free(doc);
    return packed;
}

bool json_folded(struct json v)
{
    return v.doc && node_is_folded(json_node(v));
}

static struct json_doc *find_unfolded(struct json_doc *first, uint32_t offset)
{
    while (first && first->part_of != offset)
        first = first->unfolded;
    return first;
}

struct json_doc *json_hang(struct json_doc *d, struct json_doc *fresh, uint32_t part_of)
{
    struct json_doc *first = __atomic_load_n(&d->unfolded, __ATOMIC_ACQUIRE);
    fresh->part_of = part_of;
    do {
        struct json_doc *inside = find_unfolded(first, part_of);
        if (inside) { /* another thread was faster */
            fresh->unfolded = NULL;
            json_doc_unref(fresh);
            return inside;
        }
        fresh->unfolded = first;
    } while (!__atomic_compare_exchange_n(&d->unfolded, &first, fresh, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return fresh;
}

static struct json_doc *hung(const struct json_doc *d, uint32_t part_of)
{
    return find_unfolded(__atomic_load_n(&d->unfolded, __ATOMIC_ACQUIRE), part_of);
}

struct json json_unfold(struct json v)
{
    uint64_t node = json_node(v);
    if (node_type(node) < NODE_FOLDED_ARR || node_type(node) > NODE_SHARED)
        return v;
    if (node_type(node) == NODE_SHARED)
        return json_shared(v);
    struct json_doc *d = (struct json_doc *)(uintptr_t)v.doc; /* only `unfolded` changes */
    struct json_doc *inside = hung(d, node_offset(node));
    if (inside)
        return json_root(inside);
    struct json_doc *fresh = NULL;
    int rc = json_parse(&fresh, json_text(v), &json_limits_own, NULL);
    assert(rc == 0); /* it was a part of a document */
    (void)rc;
    return json_root(json_hang(d, json_pack(fresh), node_offset(node)));
}

#define FLAT (UINT32_C(1) << 31) /* in part_of: of a flat copy; the rest is the value's place */

static bool lacks_parts(struct json v)
{
    uint32_t end = v.at + doc_span(v.doc, v.at);
    for (uint32_t at = v.at; at < end; at++)
        if (node_type(doc_node(v.doc, at)) == NODE_SHARED)
            return true;
    return false;
}

struct json json_flat(struct json v)
{
    if (!v.doc || !v.doc->parts_n)
        return v;
    if (node_type(json_node(v)) == NODE_SHARED)
        return json_shared(v);
    if (!lacks_parts(v))
        return v;
    struct json_doc *d = (struct json_doc *)(uintptr_t)v.doc;
    struct json_doc *inside = hung(d, FLAT | v.at);
    if (inside)
        return json_root(inside);
    AUTO(json_keep_freep) struct json_keep *all = json_keep_new(NULL, 0);
    return json_root(json_hang(d, json_keep(all, v, (struct json){ 0 }), FLAT | v.at));
}

/* ---- memos: documents without text and tape, hung on the part ---- */

#define MEMO (UINT32_C(1) << 30) /* in part_of: beyond every text; the rest is its kind */

bool json_is_shared(struct json v)
{
    return v.doc && node_type(json_node(v)) == NODE_SHARED;
}

bool json_has_shared(const struct json_doc *doc)
{
    return doc->parts_n > 0;
}

void *json_memo_new(size_t n)
{
    struct json_doc *d = mem_alloc(offsetof(struct json_doc, text) + n);
    d->refs = 1;
    d->tape = (const uint64_t *)(const void *)(d->text + n); /* its end, for json_doc_bytes */
    return d->text;
}

const void *json_memo(struct json v, unsigned kind)
{
    if (!json_is_shared(v))
        return NULL;
    const struct json_doc *memo = hung(json_shared(v).doc, MEMO | kind);
    return memo ? memo->text : NULL;
}

const void *json_memo_set(struct json v, unsigned kind, void *memo)
{
    assert(json_is_shared(v) && kind < 256);
    char *text = memo;
    struct json_doc *fresh = (struct json_doc *)(void *)(text - offsetof(struct json_doc, text));
    struct json_doc *part = (struct json_doc *)(uintptr_t)json_shared(v).doc;
    return json_hang(part, fresh, MEMO | kind)->text;
}
