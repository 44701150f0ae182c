/* SPDX-License-Identifier: Apache-2.0
 * front_shape — objects as clients want to see them: whole, metadata only, or rows of a Table. Text
 * is copied out of the documents, nothing is built twice. */
#include "apiserver/apiserver_internal.h"
#include "apiserver/front_internal.h"
#include "codec/url.h"
#include "kube/print.h"

/* "key":value of a member, with a comma before all but the first. */
static void put_member(struct buf *out, const char *key, struct json v, bool *first)
{
    if (!json_exists(v))
        return;
    if (!*first)
        buf_char(out, ',');
    *first = false;
    json_write_str(out, str_from(key));
    buf_char(out, ':');
    buf_str(out, json_text(v));
}

static void put_partial(struct buf *out, const struct kobj *o, bool typed)
{
    buf_char(out, '{');
    bool first = true;
    if (typed) {
        buf_str(out, STR("\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\""));
        first = false;
    }
    put_member(out, "metadata", kobj_path(o, "metadata"), &first);
    buf_char(out, '}');
}

/* List items of built-in kinds do not repeat what the list says. */
static void put_untyped(struct buf *out, const struct kobj *o)
{
    buf_char(out, '{');
    bool first = true;
    for (struct json_iter it = json_iter(kobj_root(o)); json_next(&it);) {
        if (str_is(it.key, "kind") || str_is(it.key, "apiVersion"))
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        json_write_str(out, it.key);
        buf_char(out, ':');
        buf_str(out, json_text(it.value));
    }
    buf_char(out, '}');
}

/* ---- tables ---- */

static void put_columns(struct buf *out, const struct resource *res)
{
    size_t n;
    const struct column *columns = print_columns(res, &n);
    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        buf_str(out, STR("{\"name\":"));
        json_write_str(out, columns[i].name);
        buf_str(out, STR(",\"type\":"));
        json_write_str(out, columns[i].type);
        buf_str(out, STR(",\"format\":"));
        json_write_str(out, columns[i].format);
        buf_str(out, STR(",\"description\":"));
        json_write_str(out, columns[i].description);
        buf_printf(out, ",\"priority\":%d}", columns[i].priority);
    }
    buf_char(out, ']');
}

static void put_row(struct buf *out, struct front *f, const struct kobj *o)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    buf_str(out, STR("{\"cells\":"));
    jnode_write(out, print_cells(a, f->a->what->res, o, api_now(f->a->s)));
    struct str include = url_query_get(a, f->query, STR("includeObject"));
    if (str_is(include, "Object")) {
        buf_str(out, STR(",\"object\":"));
        buf_str(out, json_doc_text(o->doc));
    } else if (!str_is(include, "None")) {
        buf_str(out, STR(",\"object\":"));
        put_partial(out, o, true);
    }
    buf_char(out, '}');
}

static void begin_table(struct buf *out)
{
    buf_str(out, STR("{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"));
}

static void
put_table_body(struct buf *out, struct front *f, const struct kobj *const *rows, size_t n)
{
    buf_str(out, STR(",\"columnDefinitions\":"));
    if (f->table_head_sent)
        buf_str(out, STR("null"));
    else
        put_columns(out, f->a->what->res);
    if (n == 0 && !f->a->what->res->custom) { /* a nil slice there, an empty one for custom ones */
        buf_str(out, STR(",\"rows\":null}"));
        return;
    }
    buf_str(out, STR(",\"rows\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        put_row(out, f, rows[i]);
    }
    buf_str(out, STR("]}"));
}

static void put_object_table(struct buf *out, struct front *f, const struct kobj *o, bool row)
{
    begin_table(out);
    buf_printf(out, "\"resourceVersion\":\"%llu\"}", (unsigned long long)o->revision);
    put_table_body(out, f, &o, row ? 1 : 0);
}

/* ---- what callers use ---- */

static bool is_status(const struct kobj *o)
{
    return str_is(o->kind, "Status") && str_is(o->api_version, "v1");
}

static bool is_own_kind(const struct front *f, const struct kobj *o)
{
    return f->a->what && str_eq(o->kind, f->a->what->res->kind);
}

void front_write_object(struct buf *out, struct front *f, const struct kobj *o)
{
    enum front_shape shape = f->accept.shape;
    if (is_status(o) || !is_own_kind(f, o))
        shape = FRONT_OBJECT;
    switch (shape) {
    case FRONT_TABLE:
        put_object_table(out, f, o, true);
        return;
    case FRONT_PARTIAL:
        put_partial(out, o, true);
        return;
    case FRONT_OBJECT:
        buf_str(out, json_doc_text(o->doc));
        return;
    }
}

void front_write_event_object(struct buf *out, struct front *f, const struct watch_event *ev)
{
    if (f->accept.shape == FRONT_TABLE) {
        put_object_table(out, f, ev->object, ev->type != EVENT_BOOKMARK);
        f->table_head_sent = true;
        return;
    }
    front_write_object(out, f, ev->object);
}

static void put_list_meta(struct buf *out, const struct reply *r)
{
    buf_printf(out, "\"resourceVersion\":\"%llu\"", (unsigned long long)r->revision);
    if (r->cont.n > 0) {
        buf_str(out, STR(",\"continue\":"));
        json_write_str(out, r->cont);
    }
    if (r->remaining >= 0)
        buf_printf(out, ",\"remainingItemCount\":%lld", (long long)r->remaining);
}

void front_write_list(struct buf *out, struct front *f)
{
    const struct reply *r = &f->a->reply;
    const struct resource *res = f->a->what->res;
    if (f->accept.shape == FRONT_TABLE) {
        begin_table(out);
        put_list_meta(out, r);
        buf_char(out, '}');
        put_table_body(out, f, (const struct kobj *const *)r->items, r->n_items);
        return;
    }
    bool partial = f->accept.shape == FRONT_PARTIAL;
    char version[256];
    buf_str(out, STR("{\"kind\":"));
    json_write_str(out, partial ? STR("PartialObjectMetadataList") : res->list_kind);
    buf_str(out, STR(",\"apiVersion\":"));
    json_write_str(out, partial ? STR("meta.k8s.io/v1")
                                : resource_api_version(version, sizeof version, res));
    buf_str(out, STR(",\"metadata\":{"));
    put_list_meta(out, r);
    buf_str(out, STR("},\"items\":["));
    for (size_t i = 0; i < r->n_items; i++) {
        if (i > 0)
            buf_char(out, ',');
        if (partial)
            put_partial(out, r->items[i], true);
        else if (res->custom)
            buf_str(out, json_doc_text(r->items[i]->doc));
        else
            put_untyped(out, r->items[i]);
    }
    buf_str(out, STR("]}"));
}
