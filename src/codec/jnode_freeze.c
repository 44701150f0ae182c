/* SPDX-License-Identifier: Apache-2.0
 * jnode_freeze — from a tree back to a document: measure what was expanded, allocate once, write
 * text and tape side by side. An untouched subtree is two block copies; only the offsets of its
 * nodes move. */
#include "codec/jnode_internal.h"

#include "codec/json_escape.h"

#define DEPTH_LOOSE 64 /* up to here an upper bound of the nesting is good enough */

/* ---- measuring ---- */

struct measure {
    size_t text, nodes, decoded;
    uint32_t depth;
};

static void measure_str(struct measure *m, struct str s, bool plain)
{
    m->text += 2 + (plain ? s.n : json_escaped_len(s));
    m->nodes += plain ? 1 : 2;
    m->decoded += plain ? 0 : s.n;
}

/* A scalar without escapes: one node, and text that stays as it is. Most values are. */
static inline bool is_simple(uint64_t node)
{
    return node_type(node) <= NODE_STR;
}

static void measure_wide(struct measure *m, struct json v, uint32_t depth)
{
    uint64_t head = json_node(v);
    uint32_t span = doc_span(v.doc, v.at);
    m->text += json_text(v).n;
    m->nodes += span;
    for (uint32_t i = 0; v.doc->decoded_n && i < span; i++) {
        uint64_t node = doc_node(v.doc, v.at + i);
        if (node_type(node) == NODE_DECODED)
            m->decoded += node_length(node);
    }
    uint32_t below = node_is_open(head) || node_is_folded(head) ? v.doc->depth : 1;
    if (depth + below > DEPTH_LOOSE)
        below = json_depth(v);
    if (depth + below > m->depth)
        m->depth = depth + below;
}

static inline void measure_source(struct measure *m, struct json v, uint32_t depth)
{
    uint64_t head = json_node(v);
    if (!is_simple(head)) {
        measure_wide(m, v, depth);
        return;
    }
    m->text += node_length(head) + (node_type(head) == NODE_STR ? 2 : 0);
    m->nodes++;
}

static void measure_node(struct measure *m, const struct jnode *n, uint32_t depth);

static void measure_container(struct measure *m, const struct jnode *n, uint32_t depth)
{
    uint32_t len = jnode_live(n);
    m->text += len ? len + 1 : 2; /* brackets and commas */
    m->nodes += len ? 2 : 1;
    if (depth > m->depth)
        m->depth = depth;
    if (depth > JSON_DEPTH_MAX)
        return;
    for (uint32_t i = 0; i < n->n; i++) {
        const struct slot *s = &n->slots[i];
        if (slot_is_dead(s))
            continue;
        if (n->type == JSON_OBJ) {
            m->text++; /* the colon */
            measure_str(m, s->key, s->plain);
        }
        if (s->node)
            measure_node(m, s->node, depth);
        else
            measure_source(m, (struct json){ n->doc, s->at }, depth);
    }
}

static void measure_node(struct measure *m, const struct jnode *n, uint32_t depth)
{
    if (n->lazy) {
        measure_source(m, jnode_lazy_source(n), depth);
        return;
    }
    switch (n->type) {
    case JSON_OBJ:
    case JSON_ARR:
        measure_container(m, n, depth + 1);
        return;
    case JSON_STR:
        measure_str(m, n->text, n->plain);
        return;
    case JSON_NUM:
        m->text += n->text.n;
        break;
    case JSON_BOOL:
        m->text += n->truth ? 4 : 5;
        break;
    case JSON_NULL:
    case JSON_ABSENT:
        m->text += 4;
        break;
    }
    m->nodes++;
}

/* ---- writing ---- */

struct writer {
    char *text, *w;       /* base and next byte */
    uint64_t *t;          /* next node */
    char *decoded, *next; /* base and next byte */
};

static inline void write_char(struct writer *w, char c)
{
    *w->w++ = c;
}

static inline void write_plain(struct writer *w, enum node_type type, struct str s)
{
    *w->t++ = node_make(type, (size_t)(w->w - w->text), s.n);
    str_bytes_copy(w->w, s.p, s.n);
    w->w += s.n;
}

static void write_str(struct writer *w, struct str s, bool plain)
{
    write_char(w, '"');
    if (plain) {
        write_plain(w, NODE_STR, s);
    } else {
        char *start = w->w;
        w->w = json_escape(start, s);
        *w->t++ = node_make(NODE_STR_ESC, (size_t)(start - w->text), (size_t)(w->w - start));
        *w->t++ = node_make(NODE_DECODED, (size_t)(w->next - w->decoded), s.n);
        memcpy(w->next, s.p, s.n);
        w->next += s.n;
    }
    write_char(w, '"');
}

static void write_wide(struct writer *w, struct json v)
{
    uint32_t span = doc_span(v.doc, v.at);
    struct str text = json_text(v);
    json_tape_copy(w->t, v, (w->w - w->text) - (text.p - v.doc->text));
    for (uint32_t i = 0; v.doc->decoded_n && i < span; i++) {
        uint64_t node = w->t[i];
        if (node_type(node) != NODE_DECODED)
            continue;
        uint32_t n = node_length(node);
        w->t[i] = node_make(NODE_DECODED, (size_t)(w->next - w->decoded), n);
        memcpy(w->next, doc_decoded(v.doc) + node_offset(node), n);
        w->next += n;
    }
    memcpy(w->w, text.p, text.n);
    w->w += text.n;
    w->t += span;
}

static inline void write_source(struct writer *w, struct json v)
{
    uint64_t head = json_node(v);
    if (!is_simple(head)) {
        write_wide(w, v);
        return;
    }
    struct str s = { v.doc->text + node_offset(head), node_length(head) };
    bool quoted = node_type(head) == NODE_STR;
    if (quoted)
        write_char(w, '"');
    write_plain(w, node_type(head), s);
    if (quoted)
        write_char(w, '"');
}

static void write_node(struct writer *w, const struct jnode *n);

static void write_children(struct writer *w, const struct jnode *n)
{
    bool first = true;
    for (uint32_t i = 0; i < n->n; i++) {
        const struct slot *s = &n->slots[i];
        if (slot_is_dead(s))
            continue;
        if (!first)
            write_char(w, ',');
        first = false;
        if (n->type == JSON_OBJ) {
            write_str(w, s->key, s->plain);
            write_char(w, ':');
        }
        if (s->node)
            write_node(w, s->node);
        else
            write_source(w, (struct json){ n->doc, s->at });
    }
}

static void write_container(struct writer *w, const struct jnode *n)
{
    bool object = n->type == JSON_OBJ;
    uint32_t len = jnode_live(n);
    if (len == 0) {
        write_plain(w, object ? NODE_OBJ_EMPTY : NODE_ARR_EMPTY, object ? STR("{}") : STR("[]"));
        return;
    }
    uint64_t *head = w->t;
    char *start = w->w;
    w->t += 2;
    write_char(w, object ? '{' : '[');
    write_children(w, n);
    write_char(w, object ? '}' : ']');
    head[0] =
        node_make(object ? NODE_OBJ : NODE_ARR, (size_t)(start - w->text), (size_t)(w->w - start));
    head[1] = node_make(NODE_SPAN, (size_t)(w->t - head), len);
}

static void write_node(struct writer *w, const struct jnode *n)
{
    if (n->lazy) {
        write_source(w, jnode_lazy_source(n));
        return;
    }
    switch (n->type) {
    case JSON_OBJ:
    case JSON_ARR:
        write_container(w, n);
        return;
    case JSON_STR:
        write_str(w, n->text, n->plain);
        return;
    case JSON_NUM:
        write_plain(w, NODE_NUM, n->text);
        return;
    case JSON_BOOL:
        write_plain(w, n->truth ? NODE_TRUE : NODE_FALSE, n->truth ? STR("true") : STR("false"));
        return;
    case JSON_NULL:
    case JSON_ABSENT:
        write_plain(w, NODE_NULL, STR("null"));
        return;
    }
}

/* ---- finishing ---- */

static struct json_doc *write_doc(const struct jnode *n, const struct measure *m)
{
    size_t tape_at = doc_tape_offset(m->text);
    size_t tape_bytes = m->nodes * sizeof(uint64_t);
    struct json_doc *doc =
        mem_realloc(NULL, offsetof(struct json_doc, text) + tape_at + tape_bytes + m->decoded);
    uint64_t *tape = (uint64_t *)(void *)(doc->text + tape_at);
    char *decoded = doc->text + tape_at + tape_bytes;
    struct writer w = {
        .text = doc->text,
        .w = doc->text,
        .t = tape,
        .decoded = decoded,
        .next = decoded,
    };
    write_node(&w, n);
    assert(w.w == doc->text + m->text && w.t == tape + m->nodes);
    assert(w.next == decoded + m->decoded);
    memset(w.w, 0, tape_at - m->text);
    doc->refs = 1;
    doc->text_n = (uint32_t)m->text;
    doc->tape_n = (uint32_t)m->nodes;
    doc->decoded_n = (uint32_t)m->decoded;
    doc->depth = (uint16_t)m->depth;
    doc->packed = false;
    doc->parts_n = 0;
    doc->part_of = 0;
    doc->unfolded = NULL;
    doc->tape = tape;
    return doc;
}

int jnode_freeze(struct json_doc **out, struct jnode *n, struct err *err)
{
    assert(n);
    if (n->lazy && n->at == 0) { /* nothing was touched */
        *out = json_doc_ref(n->doc);
        return 0;
    }
    struct measure m = { 0 };
    measure_node(&m, n, 0);
    if (m.depth > JSON_DEPTH_MAX)
        return err_set(err, ERR_TOO_LARGE, "JSON is nested deeper than %d", JSON_DEPTH_MAX);
    if (m.text > JSON_DOC_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "JSON of %zu bytes is over the limit of %u bytes",
                       m.text, JSON_DOC_BYTES_MAX);
    *out = write_doc(n, &m);
    return 0;
}

void jnode_write(struct buf *out, struct jnode *n)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (!n)
        return;
    if (jnode_freeze(&doc, n, NULL) != 0)
        out->failed = true;
    else
        buf_str(out, json_doc_text(doc));
}

size_t jnode_text_bytes(struct jnode *n)
{
    struct measure m = { 0 };
    if (n)
        measure_node(&m, n, 0);
    return m.depth > JSON_DEPTH_MAX ? SIZE_MAX : m.text;
}
