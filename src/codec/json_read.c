/* SPDX-License-Identifier: Apache-2.0
 * json_read — life cycle of documents and the accessors of json.h. */
#include "codec/json_internal.h"

#include <math.h>
#include <stdlib.h>

#include "codec/json_scan.h"

struct json_doc *json_doc_ref(const struct json_doc *doc)
{
    struct json_doc *d = (struct json_doc *)(uintptr_t)doc; /* only the count changes */
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    return d;
}

void json_doc_unref(const struct json_doc *doc)
{
    struct json_doc *d = (struct json_doc *)(uintptr_t)doc;
    if (!d || __atomic_fetch_sub(&d->refs, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    json_doc_unref(d->unfolded);
    for (unsigned i = 0; i < d->parts_n; i++)
        json_doc_unref(doc_parts(d)[i]);
    free(d);
}

size_t json_doc_bytes(const struct json_doc *doc)
{
    const struct json_doc *more = __atomic_load_n(&doc->unfolded, __ATOMIC_ACQUIRE);
    size_t own = (size_t)(doc_decoded(doc) + doc->decoded_n - (const char *)doc);
    if (doc->parts_n)
        own = (size_t)((const char *)(doc_parts(doc) + doc->parts_n) - (const char *)doc);
    return own + (more ? json_doc_bytes(more) : 0);
}

struct str json_doc_text(const struct json_doc *doc)
{
    if (doc->parts_n)
        return json_text(json_root(doc));
    return (struct str){ doc->text, doc->text_n };
}

struct json json_root(const struct json_doc *doc)
{
    return (struct json){ doc, 0 };
}

enum json_type json_type(struct json v)
{
    if (!v.doc)
        return JSON_ABSENT;
    return node_json_type(json_node(json_shared(v)));
}

bool json_has(struct json v)
{
    return v.doc && node_type(json_node(v)) != NODE_NULL;
}

/* ---- containers ---- */

/* Is it an object or array with something in it? A folded one becomes what it unfolds to. */
static bool is_open(struct json *v, enum node_type type)
{
    if (!v->doc)
        return false;
    *v = json_unfold(*v);
    return node_type(json_node(*v)) == type;
}

/* What a key's node and first bytes must be; most members are told apart without reading text. */
struct key_probe {
    struct str key;
    uint64_t node; /* type and length of its node */
    uint64_t head; /* the first 8 bytes, zeroes behind a shorter key */
    uint64_t mask; /* of the bytes of head that count */
};

#define PROBE_NODE_MASK (~(uint64_t)UINT32_MAX | 15)

static inline uint64_t load4(const char *p)
{
    const unsigned char *s = (const unsigned char *)p;
    return s[0] | (uint64_t)s[1] << 8 | (uint64_t)s[2] << 16 | (uint64_t)s[3] << 24;
}

/* The first n < 8 bytes at p, of which no more are read: two loads that may overlap. */
static inline uint64_t load_short(const char *p, size_t n)
{
    if (n >= 4)
        return load4(p) | load4(p + n - 4) << (8 * (n - 4));
    uint64_t head = 0;
    for (size_t i = 0; i < n; i++)
        head |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return head;
}

static inline struct key_probe probe_make(struct str key)
{
    struct key_probe probe = { .key = key, .node = node_make(NODE_STR, 0, key.n) };
    bool is_short = key.n < sizeof probe.head;
    probe.head = is_short ? load_short(key.p, key.n) : json_load8(key.p);
    probe.mask = is_short ? (UINT64_C(1) << (8 * key.n)) - 1 : UINT64_MAX;
    return probe;
}

/* For a node of the probe's type and length. Behind the text are bytes enough for a wide load. */
static inline bool probe_matches(const struct key_probe *probe, const char *p)
{
    if ((json_load8(p) & probe->mask) != probe->head)
        return false;
    return probe->key.n <= 8 || memcmp(p + 8, probe->key.p + 8, probe->key.n - 8) == 0;
}

/* json_get among 4-byte nodes: the look-up that services do most, without unpacking. */
static struct json get_packed(struct json obj, const struct key_probe *probe)
{
    const uint32_t *start = obj.doc->small, *head = start + obj.at;
    const uint32_t *end = head + node_small_span(head);
    uint32_t want = node_pack(probe->node);
    for (const uint32_t *t = head + 2; t < end; t += node_small_span(t)) {
        bool escaped = (*t & 15) == NODE_STR_ESC;
        uint32_t offset = *t >> 4 & JSON_SMALL_MASK;
        bool found = escaped ? str_eq(doc_str(obj.doc, (uint32_t)(t - start)), probe->key)
                             : (*t & ~(JSON_SMALL_MASK << 4)) == want &&
                                   probe_matches(probe, obj.doc->text + offset);
        t += 1 + escaped;
        if (found)
            return (struct json){ obj.doc, (uint32_t)(t - start) };
    }
    return (struct json){ 0 };
}

struct json json_get(struct json obj, struct str key)
{
    if (!is_open(&obj, NODE_OBJ) || key.n > UINT32_MAX)
        return (struct json){ 0 };
    struct key_probe probe = probe_make(key);
    if (obj.doc->packed)
        return key.n > JSON_SMALL_MASK ? (struct json){ 0 } : get_packed(obj, &probe);
    const uint64_t *head = obj.doc->tape + obj.at, *end = head + node_span(head);
    for (const uint64_t *t = head + 2; t < end; t += node_span(t)) {
        const uint64_t *k = t;
        bool escaped = node_type(*k) == NODE_STR_ESC;
        t += 1 + escaped;
        bool found = escaped ? str_eq(node_str(obj.doc->text, doc_decoded(obj.doc), k), key)
                             : (*k & PROBE_NODE_MASK) == probe.node &&
                                   probe_matches(&probe, obj.doc->text + node_offset(*k));
        if (found)
            return (struct json){ obj.doc, (uint32_t)(t - obj.doc->tape) };
    }
    return (struct json){ 0 };
}

struct json json_at(struct json arr, uint32_t i)
{
    if (!is_open(&arr, NODE_ARR) || i >= node_length(doc_node(arr.doc, arr.at + 1)))
        return (struct json){ 0 };
    uint32_t at = arr.at + 2;
    while (i-- > 0)
        at += doc_span(arr.doc, at);
    return (struct json){ arr.doc, at };
}

uint32_t json_len(struct json v)
{
    if (!v.doc)
        return 0;
    v = json_unfold(v);
    return node_is_open(json_node(v)) ? node_length(doc_node(v.doc, v.at + 1)) : 0;
}

struct json json_path(struct json v, const char *path)
{
    struct str rest = str_from(path);
    while (rest.p && v.doc) {
        struct str part = str_split(&rest, '.');
        uint64_t i;
        if (json_type(v) != JSON_ARR)
            v = json_get(v, part);
        else if (str_to_u64(part, &i) && i < UINT32_MAX)
            v = json_at(v, (uint32_t)i);
        else
            return (struct json){ 0 };
    }
    return v;
}

struct json_iter json_iter(struct json v)
{
    if (v.doc)
        v = json_unfold(v);
    return (struct json_iter){ .v = v, .next = v.at + 2, .left = json_len(v) };
}

bool json_next(struct json_iter *it)
{
    if (it->left == 0)
        return false;
    const struct json_doc *doc = it->v.doc;
    it->left--;
    if (node_type(json_node(it->v)) == NODE_OBJ) {
        it->key = doc_str(doc, it->next);
        it->next += doc_span(doc, it->next);
    }
    it->value = (struct json){ doc, it->next };
    it->next += doc_span(doc, it->next);
    return true;
}

/* ---- scalars ---- */

struct str json_str(struct json v)
{
    if (!v.doc || !node_is_str(json_node(v)))
        return (struct str){ 0 };
    return doc_str(v.doc, v.at);
}

struct str json_num_text(struct json v)
{
    if (!v.doc || node_type(json_node(v)) != NODE_NUM)
        return (struct str){ 0 };
    return node_text(v.doc->text, json_node(v));
}

struct str json_text(struct json v)
{
    if (!v.doc)
        return (struct str){ 0 };
    v = json_flat(v);
    return node_text(v.doc->text, json_node(v));
}

bool json_bool(struct json v, bool otherwise)
{
    if (json_type(v) != JSON_BOOL)
        return otherwise;
    return node_type(json_node(v)) == NODE_TRUE;
}

bool json_i64(struct json v, int64_t *out)
{
    return json_num_i64(json_num_text(v), out);
}

int64_t json_i64_or(struct json v, int64_t otherwise)
{
    int64_t i;
    return json_i64(v, &i) ? i : otherwise;
}

bool json_f64(struct json v, double *out)
{
    struct str s = json_num_text(v);
    if (!s.p)
        return false;
    double d = strtod(s.p, NULL); /* ends at what follows a number: a comma, a bracket or the NUL */
    if (!isfinite(d))
        return false;
    *out = d;
    return true;
}

/* ---- numbers ---- */

struct decimal {
    uint64_t digits; /* as an integer, without the trailing zeroes */
    int64_t exp10;
    bool negative, too_long;
};

static void decimal_digit(struct decimal *d, unsigned digit, int64_t *zeroes)
{
    if (digit == 0) {
        ++*zeroes; /* counts only when another digit follows */
        return;
    }
    for (; *zeroes >= 0; --*zeroes) {
        if (__builtin_mul_overflow(d->digits, 10, &d->digits)) {
            d->too_long = true;
            return;
        }
    }
    *zeroes = 0;
    d->too_long |= __builtin_add_overflow(d->digits, digit, &d->digits);
}

/* Reads a valid number as digits * 10^exp10. */
static struct decimal decimal_of(struct str s)
{
    struct decimal d = { .negative = s.p[0] == '-' };
    size_t i = d.negative;
    int64_t zeroes = 0, fraction = 0, exp = 0;
    bool after_point = false;
    for (; i < s.n && (s.p[i] | 0x20) != 'e' && !d.too_long; i++) {
        if (s.p[i] == '.') {
            after_point = true;
            continue;
        }
        fraction += after_point;
        decimal_digit(&d, (unsigned)(s.p[i] - '0'), &zeroes);
    }
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        bool minus = s.p[i + 1] == '-';
        for (i += minus || s.p[i + 1] == '+' ? 2 : 1; i < s.n; i++)
            exp = exp < INT64_C(1) << 40 ? exp * 10 + (s.p[i] - '0') : exp; /* far beyond use */
        exp = minus ? -exp : exp;
    }
    d.exp10 = exp - fraction + zeroes;
    return d;
}

bool json_num_i64(struct str text, int64_t *out)
{
    if (!text.p)
        return false;
    if (str_to_i64(text, out))
        return true;
    struct decimal d = decimal_of(text);
    if (d.too_long)
        return false;
    if (d.digits == 0)
        d.exp10 = 0;
    if (d.exp10 < 0)
        return false;
    for (; d.exp10 > 0; d.exp10--) {
        if (__builtin_mul_overflow(d.digits, 10, &d.digits))
            return false;
    }
    if (d.digits > (uint64_t)INT64_MAX + d.negative)
        return false;
    *out = d.negative ? (int64_t)(0 - d.digits) : (int64_t)d.digits;
    return true;
}

bool json_num_eq(struct str a, struct str b)
{
    int64_t x, y;
    bool a_whole = json_num_i64(a, &x);
    if (a_whole && json_num_i64(b, &y))
        return x == y;
    return str_eq(a, b);
}

/* ---- structure ---- */

static inline uint64_t move_node(uint64_t node, int64_t delta)
{
    uint32_t low = (uint32_t)node;
    if (node_type(node) < NODE_SPAN)
        low += (uint32_t)delta << 4;
    return (node & ~(uint64_t)UINT32_MAX) | low;
}

void json_tape_move(uint64_t *dst, const uint64_t *src, size_t n, int64_t delta)
{
    if (delta == 0) {
        memcpy(dst, src, n * sizeof *dst);
        return;
    }
    for (size_t i = 0; i < n; i++)
        dst[i] = move_node(src[i], delta);
}

void json_tape_copy(uint64_t *dst, struct json v, int64_t delta)
{
    uint32_t span = doc_span(v.doc, v.at);
    if (!v.doc->packed) {
        json_tape_move(dst, v.doc->tape + v.at, span, delta);
        return;
    }
    for (uint32_t i = 0; i < span; i++)
        dst[i] = move_node(doc_node(v.doc, v.at + i), delta);
}

uint32_t json_depth(struct json v)
{
    uint32_t ends[JSON_DEPTH_MAX];
    uint32_t depth = 0, deepest = 0;
    uint32_t end = v.at + doc_span(v.doc, v.at);
    for (uint32_t at = v.at; at < end; at++) {
        uint64_t node = doc_node(v.doc, at);
        while (depth > 0 && at >= ends[depth - 1])
            depth--;
        if (node_is_folded(node) || node_type(node) == NODE_SHARED) {
            uint32_t below = depth + json_depth(json_unfold((struct json){ v.doc, at }));
            deepest = deepest > below ? deepest : below;
        }
        if (node_type(node) == NODE_ARR_EMPTY || node_type(node) == NODE_OBJ_EMPTY)
            deepest = deepest > depth + 1 ? deepest : depth + 1;
        if (!node_is_open(node))
            continue;
        ends[depth++] = at + doc_span(v.doc, at);
        deepest = deepest > depth ? deepest : depth;
    }
    return deepest;
}
