/* SPDX-License-Identifier: Apache-2.0
 * yaml_tree — libyaml's events to a tree: tags, keys, repeated keys, aliases and merges. Recursion
 * is bounded by the depth limit, work by the node limit: each merged key counts as a node. */
#include "codec/yaml_tree.h"

#include <math.h>
#include <string.h>

#include "codec/base64.h"
#include "codec/yaml_internal.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

static int fail(struct yaml_reader *r, const char *what)
{
    const yaml_mark_t *at = &r->event.start_mark;
    return err_set(r->err, ERR_INVALID, "yaml: line %zu, column %zu: %s", at->line + 1,
                   at->column + 1, what);
}

static int parser_failed(struct yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->err, ERR_TOO_LARGE, "yaml: out of memory");
    return err_set(r->err, ERR_INVALID, "yaml: line %zu, column %zu: %s", p->problem_mark.line + 1,
                   p->problem_mark.column + 1, p->problem ? p->problem : "malformed");
}

int yaml_advance(struct yaml_reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return parser_failed(r);
    return 0;
}

static struct str scalar_text(const struct yaml_reader *r)
{
    return str_make(r->event.data.scalar.value, r->event.data.scalar.length);
}

static int count_node(struct yaml_reader *r)
{
    if (r->nodes >= r->lim->nodes)
        return err_set(r->err, ERR_TOO_LARGE, "yaml: more than %u values", r->lim->nodes);
    r->nodes++;
    return 0;
}

/* ---- scalars ---- */

static const char *kind_tag(enum yaml_kind kind)
{
    switch (kind) {
    case YAML_KIND_STR:
        return "str";
    case YAML_KIND_NULL:
        return "null";
    case YAML_KIND_BOOL:
        return "bool";
    case YAML_KIND_INT:
        return "int";
    case YAML_KIND_FLOAT:
        return "float";
    }
    return "?";
}

/* The value of the current scalar event under its tag. *binary: the text is base64 of the value. */
static int resolve(struct yaml_reader *r, struct yaml_value *out, bool *binary)
{
    const char *full = (const char *)r->event.data.scalar.tag;
    struct str tag = str_from(full && *full ? full : NULL);
    *out = (struct yaml_value){ .kind = YAML_KIND_STR };
    *binary = false;
    if (!tag.p) {
        if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            *out = yaml_resolve(scalar_text(r));
        return 0;
    }
    if (!str_starts(tag, STR(TAG_PREFIX)))
        return 0; /* "!" and tags of applications: strings */
    tag = str_skip(tag, sizeof TAG_PREFIX - 1);
    *binary = str_is(tag, "binary");
    if (!str_is(tag, "null") && !str_is(tag, "bool") && !str_is(tag, "int") &&
        !str_is(tag, "float"))
        return 0;
    *out = yaml_resolve(scalar_text(r));
    if (str_is(tag, "float") && out->kind == YAML_KIND_INT) {
        double f = (double)out->magnitude;
        *out = (struct yaml_value){ .kind = YAML_KIND_FLOAT, .f = out->negative ? -f : f };
    }
    if (str_is(tag, kind_tag(out->kind)))
        return 0;
    return err_set(r->err, ERR_INVALID, "yaml: line %zu: cannot decode !!%s `%.*s` as a !!%.*s",
                   r->event.start_mark.line + 1, kind_tag(out->kind),
                   STR_ARG(str_take(scalar_text(r), 60)), STR_ARG(tag));
}

static int put_binary(struct yaml_reader *r, struct buf *out)
{
    struct buf clean, bytes;
    buf_init(&clean, r->lim->bytes);
    buf_init(&bytes, r->lim->bytes);
    struct str text = scalar_text(r);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n' && text.p[i] != '\r')
            buf_char(&clean, text.p[i]);
    }
    int rc = 0;
    if (base64_decode(&bytes, buf_view(&clean), BASE64_STD, NULL))
        rc = fail(r, "!!binary value contains invalid base64 data");
    else
        buf_str(out, buf_view(&bytes));
    buf_fini(&clean);
    buf_fini(&bytes);
    return rc;
}

/* The scalar as a string: the text itself, or the bytes of a !!binary. */
static int put_string(struct yaml_reader *r, struct buf *out, bool binary)
{
    if (binary)
        return put_binary(r, out);
    buf_str(out, scalar_text(r));
    return 0;
}

static int put_string_json(struct yaml_reader *r, struct buf *out, bool binary)
{
    if (!binary) {
        json_write_str(out, scalar_text(r));
        return 0;
    }
    struct buf bytes;
    buf_init(&bytes, r->lim->bytes);
    int rc = put_binary(r, &bytes);
    json_write_str(out, buf_view(&bytes));
    buf_fini(&bytes);
    return rc;
}

static int put_scalar_json(struct yaml_reader *r, struct buf *out)
{
    struct yaml_value v;
    bool binary;
    if (resolve(r, &v, &binary))
        return -1;
    switch (v.kind) {
    case YAML_KIND_STR:
        return put_string_json(r, out, binary);
    case YAML_KIND_NULL:
        buf_str(out, STR("null"));
        return 0;
    case YAML_KIND_BOOL:
        buf_str(out, v.b ? STR("true") : STR("false"));
        return 0;
    case YAML_KIND_INT:
        yaml_put_int(out, &v);
        return 0;
    case YAML_KIND_FLOAT:
        if (!isfinite(v.f))
            return fail(r, "JSON has no infinities and no NaN");
        yaml_put_f64(out, v.f);
        return 0;
    }
    return 0;
}

static int put_key(struct yaml_reader *r, struct buf *out)
{
    struct yaml_value v;
    bool binary;
    if (resolve(r, &v, &binary))
        return -1;
    switch (v.kind) {
    case YAML_KIND_STR:
        return put_string(r, out, binary);
    case YAML_KIND_NULL:
        return fail(r, "a key must not be null");
    case YAML_KIND_BOOL:
        buf_str(out, v.b ? STR("true") : STR("false"));
        return 0;
    case YAML_KIND_INT:
        yaml_put_int(out, &v);
        return 0;
    case YAML_KIND_FLOAT:
        yaml_put_key_f64(out, v.f);
        return 0;
    }
    return 0;
}

/* Runs put into a scratch buffer and keeps the text in the arena. */
static int
keep_text(struct yaml_reader *r, int (*put)(struct yaml_reader *, struct buf *), struct str *out)
{
    struct buf b;
    buf_init(&b, r->lim->bytes);
    int rc = put(r, &b);
    if (rc == 0 && b.failed)
        rc = err_set(r->err, ERR_TOO_LARGE, "yaml: a value over %zu bytes", r->lim->bytes);
    if (rc == 0)
        *out = arena_str(r->arena, buf_view(&b));
    buf_fini(&b);
    return rc;
}

/* ---- collections ---- */

static struct yaml_node *node_new(struct yaml_reader *r, int type)
{
    struct yaml_node *n = ARENA_NEW(r->arena, struct yaml_node);
    n->type = (unsigned)type;
    n->last = &n->first;
    return n;
}

static void append(struct yaml_reader *r, struct yaml_node *n, struct str key, struct yaml_node *v)
{
    struct yaml_member *m = ARENA_NEW(r->arena, struct yaml_member);
    m->key = key;
    m->value = v;
    *n->last = m;
    n->last = &m->next;
}

/* Anchors the node under the event's name, if it has one. A later one of the same name replaces. */
static void anchor(struct yaml_reader *r, const yaml_char_t *name, struct yaml_node *n)
{
    if (name)
        map_put(&r->anchors, arena_str(r->arena, str_from((const char *)name)), n);
}

static int read_alias(struct yaml_reader *r, struct yaml_node **out)
{
    struct yaml_node *n = map_get(&r->anchors, str_from((const char *)r->event.data.alias.anchor));
    if (!n)
        return fail(r, "unknown anchor referenced");
    if (n->open)
        return fail(r, "the anchor's value contains itself");
    *out = n;
    return yaml_advance(r);
}

static int read_scalar(struct yaml_reader *r, struct yaml_node **out)
{
    struct yaml_node *n = node_new(r, YAML_NODE_SCALAR);
    if (keep_text(r, put_scalar_json, &n->json))
        return -1;
    anchor(r, r->event.data.scalar.anchor, n);
    *out = n;
    return yaml_advance(r);
}

static int read_list(struct yaml_reader *r, struct yaml_node **out, uint32_t depth)
{
    struct yaml_node *n = node_new(r, YAML_NODE_LIST);
    n->open = true;
    anchor(r, r->event.data.sequence_start.anchor, n);
    if (yaml_advance(r))
        return -1;
    while (r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct yaml_node *item;
        if (yaml_read_node(r, &item, depth + 1))
            return -1;
        append(r, n, (struct str){ 0 }, item);
    }
    n->open = false;
    *out = n;
    return yaml_advance(r);
}

/* An unquoted `<<`, or one tagged as a merge. */
static bool at_merge_key(const struct yaml_reader *r)
{
    const char *tag = (const char *)r->event.data.scalar.tag;
    if (r->event.type != YAML_SCALAR_EVENT || !str_is(scalar_text(r), "<<"))
        return false;
    if (tag && *tag)
        return str_is(str_from(tag), TAG_PREFIX "merge");
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int merge_map(struct yaml_reader *r,
                     struct yaml_node *into,
                     struct map *keys,
                     const struct yaml_node *from)
{
    if (from->type != YAML_NODE_MAP)
        return fail(r, "map merge requires map or sequence of maps as the value");
    for (const struct yaml_member *m = from->first; m; m = m->next) {
        if (count_node(r))
            return -1;
        if (map_get(keys, m->key))
            continue;
        map_put(keys, m->key, m->value);
        append(r, into, m->key, m->value);
    }
    return 0;
}

/* Merges after the mapping's own keys were read, so that these win; earlier sources win too. */
static int merge_all(struct yaml_reader *r,
                     struct yaml_node *into,
                     struct map *keys,
                     const struct yaml_node *sources)
{
    for (const struct yaml_member *s = sources->first; s; s = s->next) {
        const struct yaml_node *from = s->value;
        if (from->type != YAML_NODE_LIST) {
            if (merge_map(r, into, keys, from))
                return -1;
            continue;
        }
        for (const struct yaml_member *m = from->first; m; m = m->next) {
            if (merge_map(r, into, keys, m->value))
                return -1;
        }
    }
    return 0;
}

static int repeated_key(struct yaml_reader *r, struct str key)
{
    return err_set(r->err, ERR_INVALID, "yaml: line %zu: key \"%.*s\" already set in map",
                   r->event.start_mark.line + 1, STR_ARG(str_take(key, 100)));
}

static int read_key(struct yaml_reader *r, struct map *keys, struct str *key)
{
    if (r->event.type == YAML_ALIAS_EVENT)
        return fail(r, "an alias as a key is not supported");
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, "invalid map key: must be a scalar");
    if (keep_text(r, put_key, key))
        return -1;
    if (map_get(keys, *key))
        return repeated_key(r, *key);
    if (r->event.data.scalar.anchor) {
        struct yaml_node *n = node_new(r, YAML_NODE_SCALAR);
        if (keep_text(r, put_scalar_json, &n->json))
            return -1;
        anchor(r, r->event.data.scalar.anchor, n);
    }
    return yaml_advance(r);
}

static int
read_members(struct yaml_reader *r, struct yaml_node *n, struct map *keys, uint32_t depth)
{
    struct yaml_node *sources = node_new(r, YAML_NODE_LIST);
    while (r->event.type != YAML_MAPPING_END_EVENT) {
        struct yaml_node *value;
        struct str key = { 0 };
        bool merge = at_merge_key(r);
        if (count_node(r) || (merge ? yaml_advance(r) : read_key(r, keys, &key)))
            return -1;
        if (yaml_read_node(r, &value, depth + 1))
            return -1;
        append(r, merge ? sources : n, key, value);
        if (!merge)
            map_put(keys, key, value);
    }
    return merge_all(r, n, keys, sources);
}

static int read_map(struct yaml_reader *r, struct yaml_node **out, uint32_t depth)
{
    struct yaml_node *n = node_new(r, YAML_NODE_MAP);
    n->open = true;
    anchor(r, r->event.data.mapping_start.anchor, n);
    if (yaml_advance(r))
        return -1;
    AUTO(map_fini) struct map keys;
    map_init(&keys);
    if (read_members(r, n, &keys, depth))
        return -1;
    n->open = false;
    *out = n;
    return yaml_advance(r);
}

int yaml_read_node(struct yaml_reader *r, struct yaml_node **out, uint32_t depth)
{
    if (depth > r->lim->depth)
        return err_set(r->err, ERR_TOO_LARGE, "yaml: nested deeper than %u", r->lim->depth);
    if (count_node(r))
        return -1;
    switch (r->event.type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, out);
    case YAML_SCALAR_EVENT:
        return read_scalar(r, out);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, out, depth);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, out, depth);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    return fail(r, "expected a value");
}
