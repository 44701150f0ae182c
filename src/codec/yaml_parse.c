/* SPDX-License-Identifier: Apache-2.0
 * yaml_parse — texts to JSON documents; see yaml.h.
 *
 * Hostile input: libyaml delivers events with at most 1024 characters of look-ahead, so the depth
 * and node limits stop nesting at once. Two things need more: many %TAG directives cost libyaml
 * quadratic time (3 MB of them took 13 s), so they are counted first; and aliases can make a short
 * text an enormous document, so the text that they expand to is what the limits count. */
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"
#include "codec/yaml_tree.h"

#define TAG_DIRECTIVES_MAX 1000 /* occurrences of "%TAG", wherever they stand */

struct writer {
    struct buf out;
    const struct json_limits *lim;
    uint32_t nodes;
};

static bool write_node(struct writer *w, const struct yaml_node *n, uint32_t depth)
{
    if (n->type == YAML_NODE_SCALAR) {
        buf_str(&w->out, n->json);
        return !w->out.failed;
    }
    if (depth >= w->lim->depth)
        return false;
    bool map = n->type == YAML_NODE_MAP;
    buf_char(&w->out, map ? '{' : '[');
    for (const struct yaml_member *m = n->first; m; m = m->next) {
        if (m != n->first)
            buf_char(&w->out, ',');
        if (map) {
            json_write_str(&w->out, m->key);
            buf_char(&w->out, ':');
        }
        w->nodes += 1 + map;
        if (w->nodes > w->lim->nodes || !write_node(w, m->value, depth + 1))
            return false;
    }
    buf_char(&w->out, map ? '}' : ']');
    return !w->out.failed;
}

static int to_json(struct json_doc **out, struct yaml_reader *r, const struct yaml_node *root)
{
    struct writer w = { .lim = r->lim };
    buf_init(&w.out, r->lim->bytes);
    int rc;
    if (write_node(&w, root, 0))
        rc = json_parse(out, buf_view(&w.out), r->lim, r->err);
    else
        rc = err_set(r->err, ERR_TOO_LARGE,
                     "yaml: the document expands to more than %zu bytes, %u values or %u levels",
                     r->lim->bytes, r->lim->nodes, r->lim->depth);
    buf_fini(&w.out);
    return rc;
}

static int read_document(struct yaml_docs *docs, struct yaml_reader *r)
{
    struct yaml_node *root;
    struct json_doc *doc;
    if (yaml_advance(r) || yaml_read_node(r, &root, 0))
        return -1;
    bool nothing = root->type == YAML_NODE_SCALAR && str_is(root->json, "null");
    if (!nothing) {
        if (to_json(&doc, r, root))
            return -1;
        yaml_docs_push(docs, doc);
    }
    map_clear(&r->anchors);
    arena_reset(r->arena);
    return r->event.type == YAML_DOCUMENT_END_EVENT ? yaml_advance(r) : 0;
}

static int read_stream(struct yaml_docs *docs, struct yaml_reader *r)
{
    if (yaml_advance(r) || yaml_advance(r)) /* behind the start of the stream */
        return -1;
    while (r->event.type == YAML_DOCUMENT_START_EVENT) {
        if (read_document(docs, r))
            return -1;
    }
    return 0;
}

static int
read_yaml(struct yaml_docs *docs, struct str text, const struct json_limits *lim, struct err *err)
{
    struct yaml_reader r = { .lim = lim, .err = err, .arena = arena_new() };
    map_init(&r.anchors);
    int rc;
    if (yaml_parser_initialize(&r.parser)) {
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
        rc = read_stream(docs, &r);
    } else {
        rc = err_set(err, ERR_TOO_LARGE, "yaml: out of memory");
    }
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    map_fini(&r.anchors);
    arena_free(r.arena);
    return rc;
}

static bool too_many_tags(struct str text)
{
    size_t n = 0;
    for (ptrdiff_t at = 0; n <= TAG_DIRECTIVES_MAX; n++) {
        at = str_find(text, STR("%TAG"));
        if (at < 0)
            return false;
        text = str_skip(text, (size_t)at + 4);
    }
    return true;
}

static int
read_text(struct yaml_docs *docs, struct str text, const struct json_limits *lim, struct err *err)
{
    if (text.n > lim->bytes)
        return err_set(err, ERR_TOO_LARGE, "yaml: longer than %zu bytes", lim->bytes);
    struct str trimmed = str_trim(text);
    struct json_doc *doc;
    if (trimmed.n && trimmed.p[0] == '{' && json_parse(&doc, trimmed, lim, NULL) == 0) {
        yaml_docs_push(docs, doc);
        return 0;
    }
    if (too_many_tags(text))
        return err_set(err, ERR_TOO_LARGE, "yaml: more than %d tag directives", TAG_DIRECTIVES_MAX);
    return read_yaml(docs, text.p ? text : STR(""), lim, err);
}

int yaml_parse(struct yaml_docs *out,
               struct str text,
               const struct json_limits *lim,
               struct err *err)
{
    AUTO(yaml_docs_unref) struct yaml_docs docs = { 0 };
    if (read_text(&docs, text, lim, err))
        return -1;
    for (size_t i = 0; i < docs.n; i++)
        yaml_docs_push(out, docs.items[i]);
    docs.n = 0;
    return 0;
}

int yaml_parse_one(struct json_doc **out,
                   struct str text,
                   const struct json_limits *lim,
                   struct err *err)
{
    AUTO(yaml_docs_unref) struct yaml_docs docs = { 0 };
    if (read_text(&docs, text, lim, err))
        return -1;
    if (docs.n != 1)
        return err_set(err, ERR_INVALID, "yaml: expected one document, found %zu", docs.n);
    *out = yaml_docs_pop(&docs);
    return 0;
}

void yaml_docs_unref(struct yaml_docs *docs)
{
    for (size_t i = 0; i < docs->n; i++)
        json_doc_unref(docs->items[i]);
    yaml_docs_fini(docs);
}
