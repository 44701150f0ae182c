/* SPDX-License-Identifier: Apache-2.0
 * json_keep — see json_keep.h. Text and tape are written side by side into buffers that serve one
 * document after another, and copied from there into an allocation that fits. What is kept is never
 * longer than what it is taken from, so room for the text is made once. */
#include "codec/json_keep.h"

#include <stdlib.h>

#include "base/vec.h"
#include "codec/json_internal.h"

VEC_TYPE(node_vec, uint64_t);

struct json_keep {
    struct json_mask root;
    char *text;
    size_t n, cap; /* of text */
    struct buf decoded;
    struct node_vec tape;
};

struct json_keep *json_keep_new(const struct json_mask *rows, size_t n)
{
    struct json_keep *k = MEM_NEW(struct json_keep);
    k->root.below = rows;
    k->root.n = n;
    buf_init(&k->decoded, JSON_DOC_BYTES_MAX);
    return k;
}

bool json_keep_is_all(const struct json_keep *k)
{
    return k->root.n == 0;
}

void json_keep_free(struct json_keep *k)
{
    if (!k)
        return;
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

static void put_items(struct json_keep *k, struct json v, const struct json_mask *m)
{
    struct open c = container_begin(k, false);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        put_comma(k, &c);
        put_masked(k, it.value, m);
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

static void
put_member(struct json_keep *k, struct open *c, const struct members *at, const struct json_mask *m)
{
    put_comma(k, c);
    put_whole(k, at->key);
    put_char(k, ':');
    put_masked(k, at->value, m);
}

static void
put_members(struct json_keep *k, struct json v, const struct json_mask *m, struct json front)
{
    static const struct json_mask all;
    struct open c = container_begin(k, true);
    for (struct members at = members_of(front); members_next(&at);)
        if (!json_exists(json_get(v, key_text(&at))))
            put_member(k, &c, &at, &all);
    for (struct members at = members_of(v); members_next(&at);) {
        const struct json_mask *row = m->n ? row_of(m, key_text(&at)) : &all;
        if (row)
            put_member(k, &c, &at, row);
    }
    container_end(k, &c);
}

static void put_masked(struct json_keep *k, struct json v, const struct json_mask *m)
{
    enum json_type type = json_type(v);
    if (m->n == 0 || (type != JSON_OBJ && type != JSON_ARR))
        put_whole(k, v);
    else if (type == JSON_ARR)
        put_items(k, v, m);
    else
        put_members(k, json_unfold(v), m, (struct json){ 0 });
}

/* ---- the document ---- */

static bool fits_packed(const struct json_keep *k)
{
    return k->root.n && (k->n | k->tape.n | k->decoded.n) <= JSON_SMALL_MASK;
}

static void write_tape(const struct json_keep *k, struct json_doc *doc, char *at)
{
    if (!doc->packed) {
        doc->tape = memcpy(at, k->tape.items, k->tape.n * sizeof *doc->tape);
        return;
    }
    uint32_t *small = (uint32_t *)(void *)at;
    for (size_t i = 0; i < k->tape.n; i++)
        small[i] = node_pack(k->tape.items[i]);
    doc->small = small;
}

static struct json_doc *make_doc(const struct json_keep *k, uint16_t depth)
{
    bool packed = fits_packed(k);
    size_t tape_at = doc_tape_offset(k->n);
    size_t tape_bytes = k->tape.n * (packed ? sizeof(uint32_t) : sizeof(uint64_t));
    size_t bytes = offsetof(struct json_doc, text) + tape_at + tape_bytes + k->decoded.n;
    struct json_doc *doc = mem_realloc(NULL, bytes);
    *doc = (struct json_doc){ .refs = 1,
                              .text_n = (uint32_t)k->n,
                              .tape_n = (uint32_t)k->tape.n,
                              .decoded_n = (uint32_t)k->decoded.n,
                              .depth = depth,
                              .packed = packed };
    memcpy(doc->text, k->text, k->n);
    memset(doc->text + k->n, 0, tape_at - k->n);
    write_tape(k, doc, doc->text + tape_at);
    if (k->decoded.n)
        memcpy(doc->text + tape_at + tape_bytes, k->decoded.p, k->decoded.n);
    return doc;
}

struct json_doc *json_keep(struct json_keep *k, struct json v, struct json front)
{
    assert(json_exists(v));
    make_room(k, json_text(v).n + json_text(front).n + 4); /* brackets and a comma more */
    buf_clear(&k->decoded);
    node_vec_clear(&k->tape);
    if (json_type(v) == JSON_OBJ)
        put_members(k, json_unfold(v), &k->root, front);
    else
        put_whole(k, v);
    assert(!k->decoded.failed);
    return make_doc(k, v.doc->depth);
}
