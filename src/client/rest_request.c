/* SPDX-License-Identifier: Apache-2.0
 * rest_request — the paths and parameters of the Kubernetes API. */
#include "client/rest_request.h"

#include "base/buf.h"
#include "codec/jnode.h"
#include "codec/url.h"

#define URL_BYTES_MAX ((size_t)64 << 10)

static void put_part(struct buf *b, struct str part)
{
    if (!part.n)
        return;
    buf_char(b, '/');
    url_encode(b, part);
}

static void put_path(struct buf *b, const struct request *r)
{
    buf_str(b, r->group.n ? STR("/apis") : STR("/api"));
    put_part(b, r->group);
    put_part(b, r->version);
    if (r->namespace.n) {
        buf_str(b, STR("/namespaces"));
        put_part(b, r->namespace);
    }
    put_part(b, r->plural);
    put_part(b, r->name);
    put_part(b, r->subresource);
}

struct query {
    struct buf *b;
    char sep;
};

static void param(struct query *q, const char *name, struct str value)
{
    if (!value.n)
        return;
    buf_char(q->b, q->sep);
    q->sep = '&';
    buf_str(q->b, str_from(name));
    buf_char(q->b, '=');
    url_encode(q->b, value);
}

static void param_i64(struct query *q, const char *name, int64_t value)
{
    if (value <= 0)
        return;
    buf_char(q->b, q->sep);
    q->sep = '&';
    buf_printf(q->b, "%s=%lld", name, (long long)value);
}

static void param_true(struct query *q, const char *name, bool on)
{
    param(q, name, on ? STR("true") : (struct str){ 0 });
}

static void put_query(struct buf *b, const struct request *r)
{
    struct query q = { b, '?' };
    param(&q, "labelSelector", r->list.label_selector);
    param(&q, "fieldSelector", r->list.field_selector);
    param(&q, "resourceVersion", r->list.resource_version);
    param(&q, "resourceVersionMatch", r->list.resource_version_match);
    param(&q, "continue", r->list.cont);
    param_i64(&q, "limit", r->list.limit);
    param_i64(&q, "timeoutSeconds", r->list.timeout_s);
    param_true(&q, "watch", r->verb == VERB_WATCH);
    param_true(&q, "allowWatchBookmarks", r->list.bookmarks);
    param_true(&q, "sendInitialEvents", r->list.send_initial_events);
    param(&q, "fieldManager", r->write.field_manager);
    param(&q, "fieldValidation", r->write.field_validation);
    param(&q, "dryRun", r->write.dry_run ? STR("All") : (struct str){ 0 });
    param_true(&q, "force", r->write.force);
}

static struct str delete_options(struct arena *a, const struct request *r)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("apiVersion"), STR("v1"));
    jnode_set_str(o, STR("kind"), STR("DeleteOptions"));
    if (r->write.grace_s >= 0)
        jnode_set_i64(o, STR("gracePeriodSeconds"), r->write.grace_s);
    if (r->write.propagation.n)
        jnode_set_str(o, STR("propagationPolicy"), r->write.propagation);
    if (r->write.uid.n)
        jnode_set_str(jnode_need_obj(o, STR("preconditions")), STR("uid"), r->write.uid);
    if (r->write.revision.n)
        jnode_set_str(jnode_need_obj(o, STR("preconditions")), STR("resourceVersion"),
                      r->write.revision);
    struct buf text;
    buf_init(&text, URL_BYTES_MAX);
    jnode_write(&text, o);
    struct str body = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return body;
}

static struct str patch_content_type(enum patch_type type)
{
    switch (type) {
    case PATCH_NONE:
    case PATCH_MERGE:
        break;
    case PATCH_JSON:
        return STR("application/json-patch+json");
    case PATCH_STRATEGIC:
        return STR("application/strategic-merge-patch+json");
    case PATCH_APPLY:
        return STR("application/apply-patch+yaml");
    }
    return STR("application/merge-patch+json");
}

static void put_body(struct rest_parts *p, struct arena *a, const struct request *r)
{
    switch (r->verb) {
    case VERB_GET:
    case VERB_LIST:
    case VERB_WATCH:
        p->method = "GET";
        return;
    case VERB_DELETE:
    case VERB_DELETE_COLLECTION:
        p->method = "DELETE";
        p->content_type = STR("application/json");
        p->body = delete_options(a, r);
        return;
    case VERB_PATCH:
        p->method = "PATCH";
        p->content_type = patch_content_type(r->write.patch);
        break;
    case VERB_CREATE:
        p->method = "POST";
        p->content_type = STR("application/json");
        break;
    case VERB_UPDATE:
        p->method = "PUT";
        p->content_type = STR("application/json");
        break;
    }
    p->body = json_text(r->body);
}

struct rest_parts rest_request_parts(struct arena *a, const struct request *r)
{
    struct rest_parts p = { 0 };
    struct buf url;
    buf_init(&url, URL_BYTES_MAX);
    put_path(&url, r);
    put_query(&url, r);
    p.path_query = arena_str(a, buf_view(&url));
    buf_fini(&url);
    put_body(&p, a, r);
    return p;
}
