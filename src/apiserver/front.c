/* SPDX-License-Identifier: Apache-2.0
 * front — see front.h. A struct front lives until its answer is handed over, or as long as its
 * stream. An action outlives its exchange: a write whose client went away is still carried out. */
#include "apiserver/front.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/auth.h"
#include "apiserver/authz.h"
#include "apiserver/front_internal.h"
#include "apiserver/metrics.h"
#include "apiserver/refuse.h"
#include "codec/url.h"
#include "daemon/metrics.h"

static void on_gone(void *arg, bool complete)
{
    (void)complete;
    struct front *f = arg;
    f->x = NULL;
    if (f->watcher)
        front_watch_gone(f);
    if (f->log)
        front_log_gone(f);
    if (f->answered || f->reading)
        front_free(f);
}

static void on_done(void *arg, struct action *a)
{
    struct front *f = arg;
    if (!a->reply.object && a->r.verb == VERB_WATCH && a->reply.code == 200) {
        front_watch_begin(f);
        return;
    }
    if (!f->x) {
        front_free(f);
        return;
    }
    front_respond_reply(f);
}

/* ---- dispatching ---- */

static enum turn check_dry_run(struct action *a, struct str query)
{
    struct str dry = url_query_get(a->arena, query, STR("dryRun"));
    if (!dry.p || str_is(dry, "All") || dry.n == 0)
        return TURN_GO;
    static const char *const kinds[] = {
        [VERB_CREATE] = "CreateOptions",
        [VERB_UPDATE] = "UpdateOptions",
        [VERB_PATCH] = "PatchOptions",
        [VERB_DELETE] = "DeleteOptions",
        [VERB_DELETE_COLLECTION] = "DeleteOptions",
    };
    const char *kind = a->r.verb < COUNT_OF(kinds) ? kinds[a->r.verb] : NULL;
    if (!kind)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    struct jnode *value = jnode_arr(a->arena);
    jnode_append(value, jnode_str(a->arena, dry));
    cause_add(&c, CAUSE_NOT_SUPPORTED, STR("dryRun"), value, "supported values: \"All\"");
    enum turn t =
        action_reply(a, 422, status_invalid(str_from(kind), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

static enum turn check_field_validation(struct action *a)
{
    struct str v = a->r.write.field_validation;
    if (v.n == 0 || str_is(v, "Strict") || str_is(v, "Warn") || str_is(v, "Ignore"))
        return TURN_GO;
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_NOT_SUPPORTED, STR("fieldValidation"), jnode_str(a->arena, v),
              "supported values: \"Ignore\", \"Strict\", \"Warn\"");
    const char *kind = a->r.verb == VERB_PATCH    ? "PatchOptions"
                       : a->r.verb == VERB_UPDATE ? "UpdateOptions"
                                                  : "CreateOptions";
    enum turn t =
        action_reply(a, 422, status_invalid(str_from(kind), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

static enum turn check_force(struct action *a)
{
    if (a->r.verb != VERB_PATCH || a->r.write.patch == PATCH_APPLY || !a->r.write.force)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_FORBIDDEN, STR("force"), NULL, "may not be specified for non-apply patch");
    enum turn t =
        action_reply(a, 422, status_invalid(STR("PatchOptions"), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

/* A list was asked for as one object's metadata, or the other way round. */
static enum turn check_shape(struct front *f)
{
    struct action *a = f->a;
    bool list = a->r.verb == VERB_LIST || a->r.verb == VERB_DELETE_COLLECTION;
    if (f->accept.shape != FRONT_PARTIAL || a->r.verb == VERB_WATCH ||
        f->accept.partial_list == list)
        return TURN_GO;
    struct status_spec s = {
        .code = 406,
        .reason = "NotAcceptable",
        .message = list ? STR("you requested PartialObjectMetadata, but the requested object is a "
                              "list")
                        : STR("you requested PartialObjectMetadataList, but the requested object "
                              "is not a list"),
    };
    return action_refuse(a, &s);
}

static enum turn options(struct front *f)
{
    struct err err = { 0 };
    struct action *a = f->a;
    if (route_options(&a->r, a->arena, f->query, &err) != 0)
        return refuse_bad_request(a, "%s", err.msg);
    enum turn t = check_dry_run(a, f->query);
    return t == TURN_GO ? check_field_validation(a) : t;
}

static enum turn refuse_not_acceptable(struct action *a)
{
    struct status_spec s = {
        .code = 406,
        .reason = "NotAcceptable",
        .message = STR("only the following media types are accepted: application/json, "
                       "application/yaml, application/vnd.kubernetes.protobuf"),
    };
    return action_refuse(a, &s);
}

/* Groups that nobody serves, and everything unknown below a custom group, are plain text. */
static bool is_plain_404(struct front *f)
{
    bool custom = false;
    if (f->route.core)
        return false;
    return !registry_has_group(&f->a->s->registry, f->route.r.group, &custom) || custom;
}

/* Is there such a call? If not, it is answered. */
static bool enter_resource(struct front *f, const struct http_request *req)
{
    struct action *a = f->a;
    struct served *what = registry_find(&a->s->registry, a->r.group, a->r.version, a->r.plural);
    bool wrong_scope = what && what->res->custom &&
                       (what->res->namespaced ? a->r.verb == VERB_CREATE && a->r.namespace.n == 0
                                              : a->r.namespace.n > 0);
    if (wrong_scope || (!what && is_plain_404(f))) {
        front_respond_text(f, 404, "text/plain", STR("404 page not found\n"));
        return false;
    }
    a->what = what ? served_ref(what) : NULL;
    enum turn t = what ? options(f) : refuse_unknown(a);
    if (t == TURN_GO && !f->route.method_known)
        t = refuse_method(a);
    if (t == TURN_GO && !front_accept_parse(&f->accept, req))
        t = refuse_not_acceptable(a);
    if (t == TURN_GO && a->r.verb == VERB_GET && str_is(a->r.subresource, "log")) {
        front_log_begin(f);
        return false;
    }
    if (t == TURN_GO)
        t = action_allowed(a);
    if (t == TURN_GO)
        t = check_shape(f);
    if (t != TURN_GO)
        front_respond_refusal(f);
    return t == TURN_GO;
}

static void run_resource(struct front *f, const struct http_request *req)
{
    struct action *a = f->a;
    enum turn t = front_body(a, req);
    if (t == TURN_GO)
        t = check_force(a);
    if (t == TURN_GO)
        action_run(a, on_done, f);
    else
        front_respond_refusal(f);
}

static void handle_metrics(struct front *f)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    apiserver_metrics_write(&b, f->a->s);
    front_respond_text(f, 200, METRICS_CONTENT_TYPE, buf_view(&b));
    buf_fini(&b);
}

static void handle_health(struct front *f, const struct http_request *req)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    int status = health_answer(&b, f->a->s->health, req->path, f->query);
    if (status == 404)
        buf_str(&b, STR("404 page not found\n"));
    front_respond_text(f, status, "text/plain; charset=utf-8", buf_view(&b));
    buf_fini(&b);
}

static bool allowed_path(struct front *f, const struct http_request *req)
{
    struct str method = req->method;
    struct authz_question q = {
        .verb = str_is(method, "GET") || str_is(method, "HEAD") ? STR("get") : STR("post"),
        .path = req->path,
    };
    if (authz_allows(f->a->s, &f->a->user, &q))
        return true;
    authz_refuse(f->a, &q);
    front_respond_refusal(f);
    return false;
}

static void handle_other(struct front *f, const struct http_request *req)
{
    if (!allowed_path(f, req))
        return;
    front_accept_parse(&f->accept, req);
    switch (f->route.kind) {
    case ROUTE_UNKNOWN:
    case ROUTE_RESOURCE:
        front_respond_text(f, 404, "text/plain", STR("404 page not found\n"));
        return;
    case ROUTE_HEALTH:
        handle_health(f, req);
        return;
    case ROUTE_METRICS:
        handle_metrics(f);
        return;
    case ROUTE_DISCOVERY:
    case ROUTE_VERSION:
    case ROUTE_OPENAPI_V2:
    case ROUTE_OPENAPI_V3:
        if (!front_refuse_crowd(f))
            discovery_answer(f);
        return;
    }
}

static struct front *
front_open(struct apiserver *s, struct http_exchange *x, const struct http_request *req)
{
    struct front *f = MEM_NEW(struct front);
    f->x = x;
    f->a = action_new(s);
    struct arena *m = f->a->arena;
    http_on_close(x, on_gone, f);
    f->a->user_agent = arena_str(m, http_header(req, STR("user-agent")));
    f->query = arena_str(m, req->query);
    route_parse(&f->route, m, req->method, arena_str(m, req->path), f->query);
    f->a->r = f->route.r;
    return f;
}

/* All that the head decides. False: it is answered, or will be without a body. */
static bool enter(struct front *f, const struct http_request *req)
{
    enum turn t = auth_identify(f->a, req);
    f->caller = f->a->user.name;
    if (t == TURN_GO && !auth_is_anonymous(&f->a->user))
        http_known(f->x);
    if (t == TURN_GO)
        t = auth_impersonate(f->a, req);
    if (t != TURN_GO)
        front_respond_refusal(f);
    else if (f->route.kind == ROUTE_RESOURCE)
        return enter_resource(f, req);
    else
        handle_other(f, req);
    return false;
}

bool front_head(void *arg,
                struct http_exchange *x,
                const struct http_request *req,
                struct str *holder)
{
    struct front *f = front_open(arg, x, req);
    if (!enter(f, req))
        return false;
    struct action *a = f->a;
    if (!front_has_body(a) || authz_check(a) != TURN_GO) {
        action_run(a, on_done, f); /* whose first step refuses, and counts it */
        return false;
    }
    a->authorized = true;
    if (front_media(a, req) != TURN_GO) {
        front_respond_refusal(f);
        return false;
    }
    f->reading = true;
    *holder = f->caller;
    return true;
}

/* A definition may change while a body comes, or go away. */
static enum turn enter_again(struct action *a)
{
    struct served *now = registry_find(&a->s->registry, a->r.group, a->r.version, a->r.plural);
    if (!now || now->res->namespaced != a->what->res->namespaced)
        return refuse_unknown(a);
    served_ref(now);
    served_unref(a->what);
    a->what = now;
    return action_allowed(a);
}

void front_handle(void *arg, struct http_exchange *x, const struct http_request *req)
{
    struct front *f = http_close_arg(x);
    if (!f) {
        f = front_open(arg, x, req);
        if (enter(f, req))
            run_resource(f, req);
        return;
    }
    f->reading = false;
    if (enter_again(f->a) == TURN_GO)
        run_resource(f, req);
    else
        front_respond_refusal(f);
}
