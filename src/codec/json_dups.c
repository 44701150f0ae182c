/* SPDX-License-Identifier: Apache-2.0
 * json_dups — the paths of repeated keys, in the order in which a reader of the text meets them: a
 * walk over text that is known to be valid, done only when the parser has found a repeated key. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/json_internal.h"

struct level {
    bool object, wants_key;
    uint32_t index;  /* of the element, in an array */
    size_t path_n;   /* of the path to this value */
    struct map keys; /* → SEEN or REPORTED */
};

struct walk {
    struct level *levels;
    size_t depth; /* of levels in use */
    struct buf path;
    struct buf *out;
    struct arena *texts; /* of keys that are written with escapes */
};

static const char SEEN, REPORTED;

/* The characters between the quotes; *rest goes behind the closing one. */
static struct str take_string(struct str *rest)
{
    size_t n = 1;
    while (rest->p[n] != '"')
        n += rest->p[n] == '\\' ? 2 : 1;
    struct str inside = str_make(rest->p + 1, n - 1);
    *rest = str_skip(*rest, n + 1);
    return inside;
}

static struct str decode(struct walk *w, struct str raw)
{
    if (str_find_char(raw, '\\') < 0)
        return raw;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct str quoted = str_make(raw.p - 1, raw.n + 2);
    if (json_parse(&doc, quoted, &json_limits_own, NULL) != 0)
        return raw;
    return arena_str(w->texts, json_str(json_root(doc)));
}

static void meet_key(struct walk *w, struct str key)
{
    struct level *l = &w->levels[w->depth - 1];
    l->wants_key = false;
    w->path.n = l->path_n;
    if (w->depth > 1)
        buf_char(&w->path, '.');
    buf_str(&w->path, key);
    const void *was = map_put(&l->keys, key, (void *)(uintptr_t)&SEEN);
    if (!was)
        return;
    map_put(&l->keys, key, (void *)(uintptr_t)&REPORTED);
    if (was == &REPORTED)
        return;
    buf_str(w->out, buf_view(&w->path));
    buf_char(w->out, '\n');
}

static void open_level(struct walk *w, bool object)
{
    if (w->depth > 0 && !w->levels[w->depth - 1].object) {
        struct level *parent = &w->levels[w->depth - 1];
        w->path.n = parent->path_n;
        buf_printf(&w->path, "[%u]", parent->index);
    }
    struct level *l = &w->levels[w->depth++];
    *l = (struct level){ .object = object, .wants_key = object, .path_n = w->path.n };
    map_init(&l->keys);
}

static void next_member(struct walk *w)
{
    struct level *l = &w->levels[w->depth - 1];
    l->wants_key = l->object;
    l->index++;
}

void json_report_dups(struct buf *out, struct str text)
{
    struct walk w = { .levels = mem_alloc_array(JSON_DEPTH_MAX + 1, sizeof *w.levels),
                      .out = out,
                      .texts = arena_new() };
    buf_init(&w.path, text.n + JSON_DEPTH_MAX * 16);
    while (text.n > 0) {
        char c = text.p[0];
        if (c == '"') {
            struct str raw = take_string(&text);
            if (w.depth > 0 && w.levels[w.depth - 1].wants_key)
                meet_key(&w, decode(&w, raw));
            continue;
        }
        text = str_skip(text, 1);
        if (c == '{' || c == '[')
            open_level(&w, c == '{');
        else if (c == '}' || c == ']')
            map_fini(&w.levels[--w.depth].keys);
        else if (c == ',')
            next_member(&w);
    }
    buf_fini(&w.path);
    arena_free(w.texts);
    free(w.levels);
}
