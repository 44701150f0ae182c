/* SPDX-License-Identifier: Apache-2.0
 * route — see route.h. /api/v1/… and /apis/GROUP/VERSION/…, then
 * [watch/][namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]. */
#include "apiserver/route.h"

#include "codec/url.h"

static bool query_is_true(struct arena *a, struct str query, const char *name)
{
    struct str v = url_query_get(a, query, str_from(name));
    return v.p && !str_is(v, "false") && !str_is(v, "0");
}

static void choose_verb(struct route *out, struct str method, bool watch)
{
    struct request *r = &out->r;
    bool named = r->name.n > 0;
    out->method_known = true;
    if (str_is(method, "GET"))
        r->verb = watch ? VERB_WATCH : named ? VERB_GET : VERB_LIST;
    else if (str_is(method, "POST"))
        r->verb = VERB_CREATE;
    else if (str_is(method, "PUT"))
        r->verb = VERB_UPDATE;
    else if (str_is(method, "PATCH"))
        r->verb = VERB_PATCH;
    else if (str_is(method, "DELETE"))
        r->verb = named ? VERB_DELETE : VERB_DELETE_COLLECTION;
    else
        out->method_known = false;
}

static bool is_namespace_part(struct str s)
{
    return str_is(s, "status") || str_is(s, "finalize");
}

/* The segments after the version. */
static void parse_resource(struct route *out, const struct str *seg, size_t n, bool *watch)
{
    struct request *r = &out->r;
    out->kind = ROUTE_RESOURCE;
    if (n > 0 && str_is(seg[0], "watch")) {
        *watch = true;
        seg++;
        n--;
    }
    if (n >= 3 && str_is(seg[0], "namespaces") && !is_namespace_part(seg[2])) {
        r->namespace = seg[1];
        seg += 2;
        n -= 2;
    }
    if (n == 0 || n > 3) {
        out->kind = n == 0 ? ROUTE_UNKNOWN : ROUTE_RESOURCE;
        r->plural = STR("?"); /* too deep: no such resource */
        return;
    }
    r->plural = seg[0];
    r->name = n > 1 ? seg[1] : STR("");
    r->subresource = n > 2 ? seg[2] : STR("");
}

static void parse_api(struct route *out, const struct url_path *p, bool *watch)
{
    const struct str *seg = p->segments;
    out->core = str_is(seg[0], "api");
    size_t used = out->core ? 2 : 3;
    if (!out->core && p->n > 1)
        out->r.group = seg[1];
    if (p->n >= used)
        out->r.version = seg[used - 1];
    if (p->n <= used)
        out->kind = ROUTE_DISCOVERY;
    else
        parse_resource(out, seg + used, p->n - used, watch);
}

static void parse_openapi(struct route *out, struct str path)
{
    struct str v3 = STR("/openapi/v3");
    if (str_is(path, "/openapi/v2")) {
        out->kind = ROUTE_OPENAPI_V2;
    } else if (str_starts(path, v3)) {
        out->kind = ROUTE_OPENAPI_V3;
        out->rest = str_skip(path, v3.n);
        if (out->rest.n > 0 && out->rest.p[0] == '/')
            out->rest = str_skip(out->rest, 1);
    }
}

void route_parse(struct route *out,
                 struct arena *a,
                 struct str method,
                 struct str path,
                 struct str query)
{
    *out = (struct route){ .kind = ROUTE_UNKNOWN, .method_known = true };
    out->r = (struct request){ .group = STR(""),
                               .version = STR(""),
                               .plural = STR(""),
                               .subresource = STR(""),
                               .namespace = STR(""),
                               .name = STR(""),
                               .write.grace_s = -1 };
    struct url_path p;
    if (url_path_split(&p, a, path, NULL) != 0 || p.n == 0)
        return;
    if (p.slash && p.n > 0 && p.segments[p.n - 1].n == 0)
        p.n--;
    bool watch = query_is_true(a, query, "watch");
    struct str first = p.segments[0];
    if (str_is(first, "api") || str_is(first, "apis")) {
        bool forced = false;
        parse_api(out, &p, &forced);
        bool single = out->r.name.n > 0;
        if (forced && single) { /* /watch/…/NAME: one object by field */
            out->r.list.field_selector =
                arena_printf(a, "metadata.name=%.*s", STR_ARG(out->r.name));
            out->r.name = STR("");
            single = false;
        }
        choose_verb(out, method, (watch || forced) && !single);
        if (forced && out->r.verb != VERB_WATCH)
            out->method_known = false; /* below watch/ all is only read */
    } else if (str_is(first, "healthz") || str_is(first, "readyz") || str_is(first, "livez")) {
        out->kind = ROUTE_HEALTH;
        out->health = first;
    } else if (str_is(first, "version") && p.n == 1) {
        out->kind = ROUTE_VERSION;
    } else if (str_is(first, "metrics") && p.n == 1) {
        out->kind = ROUTE_METRICS;
    } else if (str_is(first, "openapi")) {
        parse_openapi(out, path);
    }
}

/* ---- options ---- */

static int
get_i64(struct arena *a, struct str query, const char *name, int64_t *out, struct err *err)
{
    struct str v = url_query_get(a, query, str_from(name));
    if (v.n == 0 || str_to_i64(v, out))
        return 0;
    return err_set(err, ERR_INVALID, "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                   STR_ARG(str_take(v, 100)));
}

static void get_str(struct arena *a, struct str query, const char *name, struct str *out)
{
    struct str v = url_query_get(a, query, str_from(name));
    if (v.n > 0)
        *out = v;
}

static int list_options(struct request *r, struct arena *a, struct str query, struct err *err)
{
    struct list_options *o = &r->list;
    struct str old_fields = o->field_selector;
    get_str(a, query, "labelSelector", &o->label_selector);
    get_str(a, query, "fieldSelector", &o->field_selector);
    if (old_fields.n > 0 && old_fields.p != o->field_selector.p)
        o->field_selector =
            arena_printf(a, "%.*s,%.*s", STR_ARG(old_fields), STR_ARG(o->field_selector));
    get_str(a, query, "resourceVersion", &o->resource_version);
    get_str(a, query, "resourceVersionMatch", &o->resource_version_match);
    get_str(a, query, "continue", &o->cont);
    if (get_i64(a, query, "limit", &o->limit, err) != 0 ||
        get_i64(a, query, "timeoutSeconds", &o->timeout_s, err) != 0)
        return -1;
    o->bookmarks = query_is_true(a, query, "allowWatchBookmarks");
    o->has_send_initial_events = url_query_get(a, query, STR("sendInitialEvents")).p != NULL;
    o->send_initial_events = query_is_true(a, query, "sendInitialEvents");
    return 0;
}

int route_options(struct request *r, struct arena *a, struct str query, struct err *err)
{
    if (query.n == 0)
        return 0;
    if (list_options(r, a, query, err) != 0)
        return -1;
    struct write_options *w = &r->write;
    get_str(a, query, "fieldManager", &w->field_manager);
    get_str(a, query, "fieldValidation", &w->field_validation);
    get_str(a, query, "propagationPolicy", &w->propagation);
    w->force = query_is_true(a, query, "force");
    struct str dry = url_query_get(a, query, STR("dryRun"));
    w->dry_run = dry.p != NULL;
    int64_t grace = -1;
    if (get_i64(a, query, "gracePeriodSeconds", &grace, err) != 0)
        return -1;
    if (url_query_get(a, query, STR("gracePeriodSeconds")).n > 0)
        w->grace_s = grace < 0 ? 1 : grace;
    return 0;
}
