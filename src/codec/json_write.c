/* SPDX-License-Identifier: Apache-2.0
 * json_write — documents and strings to text. A document is stored as compact text, so compact
 * writing is a copy. */
#include "codec/json_internal.h"

#include "codec/json_escape.h"

void json_write(struct buf *out, struct json v)
{
    buf_str(out, json_text(v));
}

void json_write_str(struct buf *out, struct str s)
{
    const char *p = s.p, *end = s.p + s.n;
    buf_char(out, '"');
    while (p < end) {
        const char *stop = json_scan_until(p, end);
        buf_put(out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            break;
        unsigned n = json_utf8_len(p, end);
        if (n) {
            buf_put(out, p, n);
            p += n;
        } else if ((unsigned char)*p >= 0x80) {
            buf_str(out, STR("\xEF\xBF\xBD")); /* U+FFFD for each bad byte, as Go does */
            p++;
        } else {
            char escape[JSON_ESCAPE_MAX];
            buf_put(out, escape, json_escape_char(escape, *p));
            p++;
        }
    }
    buf_char(out, '"');
}

struct pretty {
    struct buf *out;
    int indent;
};

static void pretty_line(const struct pretty *w, int level)
{
    buf_char(w->out, '\n');
    for (int i = level * w->indent; i > 0; i--)
        buf_char(w->out, ' ');
}

static void pretty_value(const struct pretty *w, struct json v, int level)
{
    struct json_iter it = json_iter(v);
    if (it.left == 0) {
        json_write(w->out, v);
        return;
    }
    bool object = json_type(v) == JSON_OBJ;
    char before = object ? '{' : '[';
    for (uint32_t at = it.next; json_next(&it); at = it.next) {
        buf_char(w->out, before);
        before = ',';
        pretty_line(w, level + 1);
        if (object) {
            buf_str(w->out,
                    node_text(it.v.doc->text, doc_node(it.v.doc, at))); /* as it was written */
            buf_str(w->out, STR(": "));
        }
        pretty_value(w, it.value, level + 1);
    }
    pretty_line(w, level);
    buf_char(w->out, object ? '}' : ']');
}

void json_write_pretty(struct buf *out, struct json v, int indent)
{
    struct pretty w = { out, indent };
    if (json_exists(v))
        pretty_value(&w, v, 0);
}

/* ---- escapes for jnode_freeze.c, which knows the length before it writes ---- */

size_t json_escaped_len(struct str s)
{
    size_t n = s.n;
    const char *p = s.p, *end = s.p + s.n;
    while (p < end && (p = json_scan_until(p, end)) < end) {
        char escape[JSON_ESCAPE_MAX];
        if ((unsigned char)*p < 0x80)
            n += json_escape_char(escape, *p) - 1;
        p++;
    }
    return n;
}

char *json_escape(char *out, struct str s)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p < end) {
        const char *stop = json_scan_until(p, end);
        while (stop < end && (unsigned char)*stop >= 0x80)
            stop = json_scan_until(stop + 1, end);
        memcpy(out, p, (size_t)(stop - p));
        out += stop - p;
        p = stop;
        if (p < end)
            out += json_escape_char(out, *p++);
    }
    return out;
}
