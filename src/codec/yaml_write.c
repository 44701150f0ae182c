/* SPDX-License-Identifier: Apache-2.0
 * yaml_write — JSON values to YAML through libyaml's emitter, whose block style and line folding at
 * column 80 are what kubectl prints; see yaml.h. */
#include <stdlib.h>
#include <yaml.h>

#include "codec/yaml.h"
#include "codec/yaml_internal.h"

struct printer {
    yaml_emitter_t emitter;
    enum yaml_order order;
    bool failed;
};

static int append_output(void *arg, unsigned char *bytes, size_t n)
{
    buf_put(arg, bytes, n);
    return 1;
}

/* The emitter owns the event from here on, also when it fails. */
static void emit(struct printer *p, yaml_event_t *event, int initialized)
{
    if (!initialized || p->failed)
        p->failed = true;
    else if (!yaml_emitter_emit(&p->emitter, event))
        p->failed = true;
}

static void emit_scalar(struct printer *p, struct str text, yaml_scalar_style_t style)
{
    yaml_event_t e;
    if (p->failed)
        return;
    emit(p, &e,
         yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text.p, (int)text.n, 1,
                                      1, style));
}

/* U+0085 in a literal would come back as a line feed; a merge key written plain as a merge. */
static void emit_string(struct printer *p, struct str s)
{
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
    if (str_find(s, STR("\xc2\x85")) >= 0)
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    else if (str_find_char(s, '\n') >= 0)
        style = YAML_LITERAL_SCALAR_STYLE;
    else if (yaml_resolve(s).kind != YAML_KIND_STR || yaml_is_ambiguous(s) || str_is(s, "<<"))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    emit_scalar(p, s.p ? s : STR(""), style);
}

/* ---- kubectl's order of keys ---- */

/* Bytes of UTF-8 sequences count as letters, as most of what they spell is. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

struct run {
    size_t end;
    uint64_t value;
};

static struct run digit_run(struct str s, size_t from, uint64_t start)
{
    struct run r = { from, start };
    while (r.end < s.n && char_is_digit(s.p[r.end]))
        r.value = r.value * 10 + (uint64_t)(s.p[r.end++] - '0');
    return r;
}

/* Whether a non-zero digit stands in the digits right before i: zeroes behind it count. */
static bool behind_number(struct str s, size_t i)
{
    while (i > 0 && char_is_digit(s.p[i - 1])) {
        if (s.p[--i] != '0')
            return true;
    }
    return false;
}

static int order_at(struct str a, struct str b, size_t i)
{
    bool a_letter = is_letter(a.p[i]), b_letter = is_letter(b.p[i]);
    int bytes = (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
    if (a_letter && b_letter)
        return bytes;
    if (a_letter || b_letter)
        return b_letter ? -1 : 1;
    bool zero = a.p[i] == '0' || b.p[i] == '0';
    uint64_t start = zero && behind_number(a, i);
    struct run x = digit_run(a, i, start), y = digit_run(b, i, start);
    if (x.value != y.value)
        return x.value < y.value ? -1 : 1;
    if (x.end != y.end)
        return x.end < y.end ? -1 : 1;
    return bytes;
}

struct entry {
    struct str key;
    struct json value;
};

static bool comes_before(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        if (a.p[i] != b.p[i])
            return order_at(a, b, i) < 0;
    }
    return a.n < b.n;
}

/* Merge sort: libc's qsort promises nothing for an order that is not transitive, and this one is
 * not (1/x, 01Z, 0b1 go round in a circle). */
static void sort_entries(struct entry *items, struct entry *spare, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2, left = 0, right = half;
    sort_entries(items, spare, half);
    sort_entries(items + half, spare, n - half);
    memcpy(spare, items, n * sizeof *items);
    for (size_t i = 0; i < n; i++) {
        bool take_right =
            left == half || (right < n && comes_before(spare[right].key, spare[left].key));
        items[i] = take_right ? spare[right++] : spare[left++];
    }
}

/* ---- values ---- */

static void emit_value(struct printer *p, struct json v);

static void emit_map(struct printer *p, struct json v)
{
    yaml_event_t e;
    uint32_t n = json_len(v), i = 0;
    emit(p, &e,
         yaml_mapping_start_event_initialize(
             &e, NULL, NULL, 1, n ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE));
    AUTO(mem_freep) struct entry *entries = mem_alloc_array(2 * (size_t)n, sizeof *entries);
    for (struct json_iter it = json_iter(v); json_next(&it);)
        entries[i++] = (struct entry){ it.key, it.value };
    if (p->order == YAML_SORTED)
        sort_entries(entries, entries + n, n);
    for (i = 0; i < n && !p->failed; i++) {
        emit_string(p, entries[i].key);
        emit_value(p, entries[i].value);
    }
    if (!p->failed)
        emit(p, &e, yaml_mapping_end_event_initialize(&e));
}

static void emit_list(struct printer *p, struct json v)
{
    yaml_event_t e;
    emit(p, &e,
         yaml_sequence_start_event_initialize(&e, NULL, NULL, 1,
                                              json_len(v) ? YAML_BLOCK_SEQUENCE_STYLE
                                                          : YAML_FLOW_SEQUENCE_STYLE));
    for (struct json_iter it = json_iter(v); !p->failed && json_next(&it);)
        emit_value(p, it.value);
    if (!p->failed)
        emit(p, &e, yaml_sequence_end_event_initialize(&e));
}

static void emit_value(struct printer *p, struct json v)
{
    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUM:
        emit_scalar(p, json_text(v), YAML_PLAIN_SCALAR_STYLE);
        break;
    case JSON_STR:
        emit_string(p, json_str(v));
        break;
    case JSON_ARR:
        emit_list(p, v);
        break;
    case JSON_OBJ:
        emit_map(p, v);
        break;
    }
}

/* After a literal that ends with empty lines libyaml writes an end mark, which kubectl does not. At
 * the start of a line these bytes cannot be part of a value: literals are indented. */
static void drop_end_mark(struct buf *out)
{
    if (out->failed || !str_ends(buf_view(out), STR("\n...\n")))
        return;
    out->n -= 4;
    out->p[out->n] = '\0';
}

void yaml_write(struct buf *out, struct json v, enum yaml_order order)
{
    struct printer p = { .order = order };
    yaml_event_t e;
    if (!json_exists(v))
        return;
    if (!yaml_emitter_initialize(&p.emitter)) {
        out->failed = true;
        return;
    }
    yaml_emitter_set_output(&p.emitter, append_output, out);
    yaml_emitter_set_unicode(&p.emitter, 1);
    emit(&p, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
    emit(&p, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
    emit_value(&p, v);
    if (!p.failed)
        emit(&p, &e, yaml_document_end_event_initialize(&e, 1));
    if (!p.failed)
        emit(&p, &e, yaml_stream_end_event_initialize(&e));
    if (p.failed)
        out->failed = true;
    drop_end_mark(out);
    yaml_emitter_delete(&p.emitter);
}
