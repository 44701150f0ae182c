/* SPDX-License-Identifier: Apache-2.0
 * json_keep — see json_keep.h. Text and tape are written side by side into buffers that serve one
 * document after another, and copied from there into an allocation that fits. What is kept is never
 * longer than what it is taken from, so room for the text is made once. */
#include "codec/json_keep.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "codec/json_internal.h"

VEC_TYPE(node_vec, uint64_t);

#define SEEN 16384         /* hashes of values that came once; a power of two */
#define SHARE_BYTES_MIN 24 /* a shorter text is no longer than what sharing costs */
#define SWEEP_MIN 1024     /* parts */

struct json_keep {
    struct json_mask root;
    struct map parts;                     /* text → a document that several have as a part */
    size_t sweep_at;                      /* so many parts */
    uint64_t *seen;                       /* NULL: nothing can be shared */
    struct json_doc *own[JSON_PARTS_MAX]; /* parts of the document being made, a reference each */
    unsigned n_own;
    char *text;
    size_t n, cap; /* of text */
    struct buf decoded;
    struct node_vec tape;
    uint16_t depth; /* of the source: a bound */
};

struct json_keep *json_keep_new(const struct json_mask *rows, size_t n)
{
    struct json_keep *k = MEM_NEW(struct json_keep);
    k->root.below = rows;
    k->root.n = n;
    buf_init(&k->decoded, JSON_DOC_BYTES_MAX);
    map_init(&k->parts);
    k->sweep_at = SWEEP_MIN;
    return k;
}

bool json_keep_is_all(const struct json_keep *k)
{
    return k->root.n == 0;
}

size_t json_keep_parts(const struct json_keep *k)
{
    return k->parts.n;
}

void json_keep_free(struct json_keep *k)
{
    if (!k)
        return;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&k->parts, &i));)
        json_doc_unref(slot->value);
    map_fini(&k->parts);
    free(k->seen);
    free(k->text);
    buf_fini(&k->decoded);
    node_vec_fini(&k->tape);
    free(k);
}

/* ---- copying ---- */

static void make_room(struct json_keep *k, size_t n)
{
    k->n = 0;
    if (n <= k->cap)
        return;
    k->cap = n;
    k->text = mem_realloc(k->text, n);
}

static inline void put_char(struct json_keep *k, char c)
{
    k->text[k->n++] = c;
}

static uint64_t *room_for(struct json_keep *k, size_t n)
{
    while (k->tape.cap - k->tape.n < n) {
        k->tape.cap = vec_grow(k->tape.cap, sizeof *k->tape.items);
        k->tape.items = mem_realloc(k->tape.items, k->tape.cap * sizeof *k->tape.items);
    }
    return k->tape.items + k->tape.n;
}

/* The value or key at v, as it is. */
static void put_whole(struct json_keep *k, struct json v)
{
    uint32_t span = doc_span(v.doc, v.at);
    struct str text = json_text(v);
    uint64_t *t = room_for(k, span);
    json_tape_copy(t, v, (int64_t)k->n - (text.p - v.doc->text));
    for (uint32_t i = 0; v.doc->decoded_n && i < span; i++) {
        if (node_type(t[i]) != NODE_DECODED)
            continue;
        uint32_t n = node_length(t[i]);
        const char *bytes = doc_decoded(v.doc) + node_offset(t[i]);
        t[i] = node_make(NODE_DECODED, k->decoded.n, n);
        buf_put(&k->decoded, bytes, n);
    }
    k->tape.n += span;
    assert(text.n <= k->cap - k->n);
    memcpy(k->text + k->n, text.p, text.n);
    k->n += text.n;
}

static const struct json_mask all; /* whatever is below */

static const struct json_mask *row_of(const struct json_mask *m, struct str key)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct str *want = &m->below[i].key;
        if (want->n == key.n && want->p[0] == key.p[0] && memcmp(want->p, key.p, key.n) == 0)
            return &m->below[i];
    }
    return NULL;
}

/* A container that is open: its head is at index `head` of the tape, its text begins at `start`. */
struct open {
    size_t head, start;
    uint32_t n;
    bool object;
};

static struct open container_begin(struct json_keep *k, bool object)
{
    struct open c = { .head = k->tape.n, .start = k->n, .object = object };
    room_for(k, 2);
    k->tape.n += 2;
    put_char(k, object ? '{' : '[');
    return c;
}

static void container_end(struct json_keep *k, const struct open *c)
{
    put_char(k, c->object ? '}' : ']');
    uint64_t *head = k->tape.items + c->head;
    if (c->n == 0) {
        head[0] = node_make(c->object ? NODE_OBJ_EMPTY : NODE_ARR_EMPTY, c->start, 2);
        k->tape.n = c->head + 1;
        return;
    }
    head[0] = node_make(c->object ? NODE_OBJ : NODE_ARR, c->start, k->n - c->start);
    head[1] = node_make(NODE_SPAN, k->tape.n - c->head, c->n);
}

static void put_comma(struct json_keep *k, struct open *c)
{
    if (c->n++)
        put_char(k, ',');
}

static void put_masked(struct json_keep *k, struct json v, const struct json_mask *m);

/* The object at index `head` of the tape has fewer members than the row wants. */
static bool is_bare(const struct json_keep *k, size_t head, const struct json_mask *m)
{
    const uint64_t *node = k->tape.items + head;
    if (node_type(node[0]) == NODE_OBJ_EMPTY)
        return m->least > 0;
    return node_type(node[0]) == NODE_OBJ && node_length(node[1]) < m->least;
}

static void put_items(struct json_keep *k, struct json v, const struct json_mask *m)
{
    struct open c = container_begin(k, false);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct open before = c;
        size_t text = k->n, decoded = k->decoded.n, head = k->tape.n;
        put_comma(k, &c);
        put_masked(k, it.value, m);
        if (!is_bare(k, head, m))
            continue;
        c = before;
        k->n = text;
        k->decoded.n = decoded;
        k->tape.n = head;
    }
    container_end(k, &c);
}

/* The members of an object, keys as values: json_iter shows no key's place. */
struct members {
    struct json key, value;
    uint32_t at, end;
};

static struct members members_of(struct json object)
{
    struct members m = { .key = object };
    if (json_exists(object) && node_is_open(json_node(object))) {
        m.at = object.at + 2;
        m.end = object.at + doc_span(object.doc, object.at);
    }
    return m;
}

static bool members_next(struct members *m)
{
    if (m->at >= m->end)
        return false;
    m->key.at = m->at;
    m->value = (struct json){ m->key.doc, m->at + doc_span(m->key.doc, m->at) };
    m->at = m->value.at + doc_span(m->key.doc, m->value.at);
    return true;
}

static struct str key_text(const struct members *m)
{
    return doc_str(m->key.doc, m->key.at);
}

static void put_shared(struct json_keep *k, struct json v, const struct json_mask *m);

static void
put_member(struct json_keep *k, struct open *c, const struct members *at, const struct json_mask *m)
{
    put_comma(k, c);
    put_whole(k, at->key);
    put_char(k, ':');
    if (m->share)
        put_shared(k, at->value, m);
    else
        put_masked(k, at->value, m);
}

static void
put_members(struct json_keep *k, struct json v, const struct json_mask *m, struct json front)
{
    struct open c = container_begin(k, true);
    for (struct members at = members_of(front); members_next(&at);)
        if (!json_exists(json_get(v, key_text(&at))))
            put_member(k, &c, &at, &all);
    for (struct members at = members_of(v); members_next(&at);) {
        const struct json_mask *row = m->n ? row_of(m, key_text(&at)) : &all;
        if (row && !(row->plain.n && str_eq(json_text(at.value), row->plain)))
            put_member(k, &c, &at, row);
    }
    container_end(k, &c);
}

/* A source that has parts itself is copied member by member. */
static void put_masked(struct json_keep *k, struct json v, const struct json_mask *m)
{
    v = json_shared(v);
    enum json_type type = json_type(v);
    bool whole = m->n == 0 && !v.doc->parts_n;
    if (whole || (type != JSON_OBJ && type != JSON_ARR))
        put_whole(k, v);
    else if (type == JSON_ARR)
        put_items(k, v, m);
    else
        put_members(k, json_unfold(v), m, (struct json){ 0 });
}

/* ---- documents of what was written ---- */

struct slice { /* of the text, the tape and the decoded strings, to their ends */
    size_t text, tape, decoded;
};

static void write_tape(const struct json_keep *k, struct slice from, struct json_doc *doc, char *at)
{
    uint64_t *nodes = k->tape.items + from.tape;
    if (from.text) /* then it has no parts: those keep their numbers */
        json_tape_move(nodes, nodes, doc->tape_n, -(int64_t)from.text);
    for (size_t i = 0; from.decoded && i < doc->tape_n; i++)
        if (node_type(nodes[i]) == NODE_DECODED)
            nodes[i] -= (uint64_t)from.decoded << 4;
    if (!doc->packed) {
        doc->tape = memcpy(at, nodes, doc->tape_n * sizeof *doc->tape);
        return;
    }
    uint32_t *small = (uint32_t *)(void *)at;
    for (size_t i = 0; i < doc->tape_n; i++)
        small[i] = node_pack(nodes[i]);
    doc->small = small;
}

/* A document of the slice, which must be one value, with the parts. Moves the nodes of the slice.
 */
static struct json_doc *make_doc(struct json_keep *k, struct slice from, unsigned parts_n)
{
    size_t text_n = k->n - from.text, tape_n = k->tape.n - from.tape;
    size_t decoded_n = k->decoded.n - from.decoded;
    bool packed = k->root.n && (text_n | tape_n | decoded_n) <= JSON_SMALL_MASK;
    size_t tape_at = doc_tape_offset(text_n);
    size_t tape_bytes = tape_n * (packed ? sizeof(uint32_t) : sizeof(uint64_t));
    size_t bytes = offsetof(struct json_doc, text) + tape_at + tape_bytes + decoded_n;
    size_t room = parts_n ? (parts_n + 1) * sizeof(struct json_doc *) : 0;
    struct json_doc *doc = mem_realloc(NULL, bytes + room);
    *doc = (struct json_doc){ .refs = 1,
                              .text_n = (uint32_t)text_n,
                              .tape_n = (uint32_t)tape_n,
                              .decoded_n = (uint32_t)decoded_n,
                              .depth = k->depth,
                              .packed = packed,
                              .parts_n = (uint8_t)parts_n };
    memcpy(doc->text, k->text + from.text, text_n);
    memset(doc->text + text_n, 0, tape_at - text_n);
    write_tape(k, from, doc, doc->text + tape_at);
    if (decoded_n)
        memcpy(doc->text + tape_at + tape_bytes, k->decoded.p + from.decoded, decoded_n);
    if (parts_n)
        memcpy(doc_parts(doc), k->own, parts_n * sizeof *k->own);
    return doc;
}

/* ---- parts ---- */

/* Parts that no document has any more. */
static void sweep(struct json_keep *k)
{
    struct map kept;
    const struct map_slot *slot;
    map_init(&kept);
    for (size_t i = 0; (slot = map_next(&k->parts, &i));) {
        struct json_doc *part = slot->value;
        if (__atomic_load_n(&part->refs, __ATOMIC_ACQUIRE) == 1)
            json_doc_unref(part);
        else
            map_put(&kept, slot->key, part);
    }
    map_fini(&k->parts);
    k->parts = kept;
    k->sweep_at = kept.n < SWEEP_MIN / 2 ? SWEEP_MIN : 2 * kept.n;
}

/* Did this text come before? Remembers the last two that fell on the same place: two texts that
 * come in turn must not make one another forgotten. */
static bool came_before(struct json_keep *k, struct str text)
{
    uint64_t hash = str_hash(text, k->parts.seed);
    if (!k->seen)
        k->seen = mem_alloc_array(SEEN, sizeof *k->seen);
    uint64_t *place = &k->seen[hash & (SEEN - 2)];
    if (place[0] == hash || place[1] == hash)
        return true;
    place[1] = place[0];
    place[0] = hash;
    return false;
}

static void put_part(struct json_keep *k, struct json_doc *part)
{
    k->own[k->n_own] = json_doc_ref(part);
    node_vec_push(&k->tape, node_make(NODE_SHARED, k->n_own++, 0));
}

/* A value that is kept whole has the text that a part of it would have. */
static struct json_doc *part_of_whole(const struct json_keep *k, struct json v)
{
    bool open = !v.doc->parts_n && node_is_open(json_node(v));
    return open ? map_get(&k->parts, json_text(v)) : NULL;
}

/* The value is written first. When it is one that others have, its place is taken by a node. What
 * comes for the first time stays: much never comes again. */
static void put_shared(struct json_keep *k, struct json v, const struct json_mask *m)
{
    bool room = k->n_own < JSON_PARTS_MAX;
    struct json_doc *part = room && m->n == 0 ? part_of_whole(k, v) : NULL;
    if (part) {
        put_part(k, part);
        return;
    }
    struct slice from = { k->n, k->tape.n, k->decoded.n };
    put_masked(k, v, m);
    struct str text = str_make(k->text + from.text, k->n - from.text);
    if (text.n < SHARE_BYTES_MIN || !room || !node_is_open(k->tape.items[from.tape]))
        return;
    part = map_get(&k->parts, text);
    if (!part) {
        if (!came_before(k, text))
            return;
        part = make_doc(k, from, 0);
        map_put(&k->parts, str_make(part->text, part->text_n), part);
    }
    k->n = from.text;
    k->tape.n = from.tape;
    k->decoded.n = from.decoded;
    put_part(k, part);
}

/* ---- the document ---- */

static size_t text_bound(struct json v)
{
    if (!v.doc)
        return 0;
    size_t n = v.doc->parts_n ? v.doc->text_n : json_text(v).n;
    for (unsigned i = 0; i < v.doc->parts_n; i++)
        n += doc_parts(v.doc)[i]->text_n;
    return n;
}

struct json_doc *json_keep(struct json_keep *k, struct json v, struct json front)
{
    assert(json_exists(v));
    v = json_shared(v);
    make_room(k, text_bound(v) + text_bound(front) + 4); /* brackets and a comma more */
    buf_clear(&k->decoded);
    node_vec_clear(&k->tape);
    k->n_own = 0;
    k->depth = v.doc->depth;
    if (json_type(v) == JSON_OBJ)
        put_members(k, json_unfold(v), &k->root, front);
    else
        put_masked(k, v, &all);
    assert(!k->decoded.failed);
    struct json_doc *doc = make_doc(k, (struct slice){ 0 }, k->n_own);
    if (k->parts.n >= k->sweep_at)
        sweep(k);
    return doc;
}
