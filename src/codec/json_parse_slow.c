/* SPDX-License-Identifier: Apache-2.0
 * json_parse_slow — what most documents have little of: escapes, bytes outside ASCII, growth,
 * repeated keys, errors; see json_parser.h. */
#include "codec/json_parser.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/map.h"

bool parser_grow(struct parser *p)
{
    struct parse *parse = p->parse;
    size_t used = (size_t)(p->t - p->tape);
    if (used / 2 > parse->lim->nodes)
        return false; /* a value takes two nodes at most; the exact count comes at the end */
    size_t tape_at = (size_t)((char *)p->tape - parse->doc->text);
    size_t nodes = (size_t)(p->t_end - p->tape);
    nodes += nodes / 2 + PARSER_NODES_MIN;
    char *old = p->base;
    parse->doc = mem_realloc(parse->doc,
                             offsetof(struct json_doc, text) + tape_at + nodes * sizeof(uint64_t));
    p->base = parse->doc->text;
    p->r = p->base + (p->r - old);
    p->run = p->base + (p->run - old);
    p->tape = (uint64_t *)(void *)(p->base + tape_at);
    p->t = p->tape + used;
    p->t_end = p->tape + nodes;
    return true;
}

/* ---- strings ---- */

/* The four hexadecimal digits at p, or -1. A NUL among them stops the reading. */
static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = char_hex(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of \uXXXX at p, or of a surrogate pair \uD8XX\uDCXX; -1 when malformed. *n gets
 * the bytes it took. */
static int unicode_escape(const char *p, unsigned *n)
{
    int high = hex4(p + 2);
    *n = 6;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || p[6] != '\\' || p[7] != 'u')
        return -1;
    int low = hex4(p + 8);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    *n = 12;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* What the byte behind a backslash stands for; 0 when it is not one of the short escapes. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

static char *put_utf8(char *w, unsigned cp)
{
    if (cp < 0x80) {
        *w++ = (char)cp;
        return w;
    }
    unsigned more = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xC0, 0xE0, 0xF0 };
    *w++ = (char)(lead[more] | cp >> (6 * more));
    while (more-- > 0)
        *w++ = (char)(0x80 | (cp >> (6 * more) & 0x3F));
    return w;
}

/* Decodes a checked string; the result is never longer than the source. */
static size_t decode(char *out, const char *p, const char *end)
{
    char *w = out;
    while (p < end) {
        if (*p != '\\') {
            const char *next = memchr(p, '\\', (size_t)(end - p));
            size_t n = (size_t)((next ? next : end) - p);
            memcpy(w, p, n);
            w += n;
            p += n;
        } else if (p[1] == 'u') {
            unsigned n;
            w = put_utf8(w, (unsigned)unicode_escape(p, &n));
            p += n;
        } else {
            *w++ = short_escape(p[1]);
            p += 2;
        }
    }
    return (size_t)(w - out);
}

/* Bytes of the escape or UTF-8 sequence at q; 0 and *why when there is no valid one. */
static unsigned special_len(const char *q, const char *end, const char **why)
{
    if (q >= end) {
        *why = "the text ends inside a string";
        return 0;
    }
    if (*q == '\\') {
        unsigned n = 2;
        *why = "bad escape in a string";
        if (q[1] == 'u')
            return unicode_escape(q, &n) < 0 ? 0 : n;
        return short_escape(q[1]) ? n : 0;
    }
    *why = (unsigned char)*q < 0x20 ? "control character in a string" : "bad UTF-8 in a string";
    return json_utf8_len(q, end);
}

bool parser_slow_str(struct parser *p, char *stop)
{
    const char *end = p->base + p->parse->input.n;
    const char *start = p->r;
    const char *q = stop;
    bool escapes = false;
    while (*q != '"') {
        const char *why;
        unsigned n = special_len(q, end, &why);
        if (n == 0) {
            p->r += q - start;
            p->why = why;
            return false;
        }
        escapes |= *q == '\\';
        q = json_scan(q + n);
    }
    size_t n = (size_t)(q - start);
    *p->t++ = node_make(escapes ? NODE_STR_ESC : NODE_STR, parser_at(p), n);
    if (escapes) {
        struct buf *decoded = &p->parse->decoded;
        size_t at = decoded->n;
        char *room = buf_room(decoded, n); /* never more than the text, whose limit is the same */
        assert(room);
        decoded->n += decode(room, start, q);
        *p->t++ = node_make(NODE_DECODED, at, decoded->n - at);
    }
    p->r += n + 1;
    return true;
}

/* ---- repeated keys ---- */

static struct str key_at(const struct parser *p, uint32_t at)
{
    return node_str(p->base, p->parse->decoded.p, p->tape + at);
}

void parser_check_key(struct parser *p, uint32_t new_at)
{
    parser_flush(p);
    struct str key = key_at(p, new_at);
    uint32_t at = p->frame->head + 2;
    while (at < new_at) {
        if (str_eq(key, key_at(p, at))) {
            p->frame->suspect = true;
            return;
        }
        at += node_span(p->tape + at);
        at += node_span(p->tape + at);
    }
}

struct member {
    uint32_t key, value, end; /* places on the tape */
    uint32_t winner;          /* whose value stays at this key's place */
    bool dropped;
};

/* Fills members and finds which are repeated; returns how many stay. */
static uint32_t find_dups(struct parser *p, struct member *members)
{
    uint32_t n = p->frame->count, kept = n;
    uint32_t at = p->frame->head + 2;
    struct map map;
    map_init(&map);
    for (uint32_t i = 0; i < n; i++) {
        struct member *m = &members[i];
        struct str key = key_at(p, at);
        m->key = at;
        m->value = at + node_span(p->tape + at);
        m->end = m->value + node_span(p->tape + m->value);
        m->winner = i;
        at = m->end;
        void *earlier = map_put(&map, key, (void *)(uintptr_t)(i + 1)); /* a value is not NULL */
        if (!earlier)
            continue;
        map_put(&map, key, earlier);
        struct member *first = &members[(uintptr_t)earlier - 1];
        p->parse->has_dups = true;
        first->winner = i;
        m->dropped = true;
        kept--;
    }
    map_fini(&map);
    return kept;
}

struct rebuild {
    char *text;
    size_t text_n;
    size_t offset; /* of text in the document */
    uint64_t *tape;
    size_t tape_n;
};

static void rebuild_copy(struct rebuild *b, const struct parser *p, uint32_t at, uint32_t end)
{
    struct str s = node_text(p->base, p->tape[at]);
    int64_t delta = (int64_t)(b->offset + b->text_n) - (s.p - p->base);
    memcpy(b->text + b->text_n, s.p, s.n);
    b->text_n += s.n;
    json_tape_move(b->tape + b->tape_n, p->tape + at, end - at, delta);
    b->tape_n += end - at;
}

/* Writes the object anew beside the old one, then over it. */
static void drop_members(struct parser *p, const struct member *members, uint32_t kept)
{
    struct frame *f = p->frame;
    uint64_t *body = p->tape + f->head + 2;
    size_t offset = node_offset(p->tape[f->head]);
    size_t old_n = parser_at(p) - offset;
    struct rebuild b = {
        .text = mem_alloc(old_n),
        .offset = offset,
        .tape = mem_alloc_array((size_t)(p->t - body), sizeof *body),
    };
    for (uint32_t i = 0; i < f->count; i++) {
        const struct member *m = &members[i];
        if (m->dropped)
            continue;
        const struct member *winner = &members[m->winner];
        b.text[b.text_n] = b.text_n ? ',' : '{';
        b.text_n++;
        rebuild_copy(&b, p, m->key, m->value);
        b.text[b.text_n++] = ':';
        rebuild_copy(&b, p, winner->value, winner->end);
    }
    b.text[b.text_n++] = '}';
    memcpy(p->base + offset, b.text, b.text_n);
    memcpy(body, b.tape, b.tape_n * sizeof *body);
    p->t = body + b.tape_n;
    p->shift += old_n - b.text_n;
    f->count = kept;
    free(b.text);
    free(b.tape);
}

void parser_merge_dups(struct parser *p)
{
    parser_flush(p);
    struct member *members = mem_alloc_array(p->frame->count, sizeof *members);
    uint32_t kept = find_dups(p, members);
    if (kept < p->frame->count)
        drop_members(p, members, kept);
    free(members);
}

/* ---- errors ---- */

int parser_error(const struct parser *p, struct err *err)
{
    const struct parse *parse = p->parse;
    if (parse->too_deep)
        return err_set(err, ERR_TOO_LARGE, "JSON is nested deeper than %" PRIu32, parse->depth_max);
    size_t at = (size_t)(p->r - p->base);
    const char *why = p->why;
    if (at >= parse->input.n)
        why = parse->input.n == 0 ? "empty text" : "unexpected end of the text";
    else if (!why && *p->r == '\0')
        why = "more text after the value";
    if (!why)
        return err_set(err, ERR_TOO_LARGE, "JSON has more than %" PRIu32 " values and keys",
                       parse->lim->nodes);
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < parse->input.n; i++) {
        bool newline = parse->input.p[i] == '\n';
        line += newline;
        column = newline ? 1 : column + 1;
    }
    return err_set(err, ERR_INVALID, "line %zu, column %zu: %s", line, column, why);
}
