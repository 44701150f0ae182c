/* SPDX-License-Identifier: Apache-2.0
 * rest — requests over io/fetch, answers and watch events as kobjs. Lists are in rest_list.c. */
#include "client/rest.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/vec.h"
#include "client/bind_each.h"
#include "client/rest_internal.h"
#include "client/rest_request.h"
#include "kube/status.h"

VEC_TYPE(event_vec, struct watch_event);

/* ---- life cycle of calls ---- */

static struct call *call_new(struct rest *r, struct json_keep *keep, void *arg)
{
    struct call *c = MEM_NEW(struct call);
    c->rest = r;
    c->arg = arg;
    c->keep = keep;
    buf_init(&c->line, REST_EVENT_BYTES_MAX);
    list_push_back(&r->calls, &c->link);
    return c;
}

void rest_call_free(struct call *c)
{
    list_remove(&c->link);
    buf_fini(&c->line);
    rest_list_fini(c);
    free(c);
}

/* ---- answers ---- */

/* The text of a Warning header, '299 - "text"' (RFC 7234, 5.5); escapes inside are rare and stay.
 */
static struct str warning_text(struct str value)
{
    ptrdiff_t open = str_find_char(value, '"');
    if (open < 0 || value.p[value.n - 1] != '"' || value.n < (size_t)open + 2)
        return value;
    return str_make(value.p + open + 1, value.n - (size_t)open - 2);
}

/* Proxies and unknown paths are refused in plain text: the refusal as a Status; NULL: no refusal.
 */
static struct kobj *plain_refusal(const struct fetch_answer *a)
{
    struct buf text;
    if (a->status < 400)
        return NULL;
    buf_init(&text, 512);
    if (a->status == 404)
        buf_str(&text, STR("the server could not find the requested resource"));
    else
        buf_printf(&text, "the server answered %d: %.*s", a->status,
                   STR_ARG(str_take(str_trim(a->body), 120)));
    const struct status_spec s = { .code = a->status, .message = buf_view(&text) };
    struct kobj *o = status_new(&s);
    buf_fini(&text);
    return o;
}

void rest_on_answer(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct call *c = arg;
    struct err bad = { 0 };
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    c->fetch = NULL;
    if (a->status && kobj_parse(&o, a->body, &json_limits_own, &bad) != 0)
        o = plain_refusal(a);
    if (a->status == 0) {
        c->done(c->arg, NULL, err);
    } else if (!o) {
        err_set(&bad, ERR_IO, "the server answered %d with no API object: %.*s", a->status,
                STR_ARG(str_take(str_trim(a->body), 120)));
        c->done(c->arg, NULL, &bad);
    } else {
        struct str warnings[16];
        size_t n = 0;
        for (struct str rest = a->warnings; rest.n && n < COUNT_OF(warnings);)
            warnings[n++] = warning_text(str_trim(str_split(&rest, '\n')));
        struct reply reply = {
            .code = a->status, .object = o, .remaining = -1, .warnings = warnings, .n_warnings = n
        };
        c->done(c->arg, &reply, NULL);
    }
    rest_call_free(c);
}

/* ---- watches ---- */

static enum event_type event_type_of(struct str text)
{
    static const char *const names[] = { "ADDED", "MODIFIED", "DELETED", "BOOKMARK" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_is(text, names[i]))
            return (enum event_type)i;
    return EVENT_ERROR;
}

static int
parse_event(const struct call *c, struct watch_event *ev, struct str line, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (json_parse(&doc, line, &json_limits_own, err) != 0)
        return -1;
    enum event_type type = event_type_of(json_str(json_get(json_root(doc), STR("type"))));
    struct json object = json_get(json_root(doc), STR("object"));
    struct kobj *o = NULL;
    bool keeps = c->keep && type <= EVENT_DELETED && json_exists(object);
    int rc = keeps ? kobj_keep(&o, c->keep, object, (struct json){ 0 }, err)
                   : kobj_parse(&o, json_text(object), &json_limits_own, err);
    if (rc != 0)
        return -1;
    struct str mark =
        json_str(json_get(kobj_meta(o, STR("annotations")), STR("k8s.io/initial-events-end")));
    *ev = (struct watch_event){
        .type = type,
        .revision = o->revision,
        .object = o,
        .initial_end = str_is(mark, "true"),
    };
    return 0;
}

static void deliver(struct call *c, struct event_vec *events)
{
    if (events->n)
        c->events(c->arg, events->items, events->n);
    for (size_t i = 0; i < events->n; i++)
        kobj_unref(events->items[i].object);
    event_vec_fini(events);
}

/* Takes whole lines out of the buffer. False: the watch must end, watch_err says why. */
static bool take_lines(struct call *c, struct event_vec *events)
{
    size_t used = 0;
    struct str rest = buf_view(&c->line);
    for (ptrdiff_t at; (at = str_find_char(rest, '\n')) >= 0;) {
        struct str line = str_trim(str_take(rest, (size_t)at));
        rest = str_skip(rest, (size_t)at + 1);
        used += (size_t)at + 1;
        struct watch_event ev;
        if (!line.n)
            continue;
        if (parse_event(c, &ev, line, &c->watch_err) != 0)
            return false;
        if (ev.type == EVENT_ERROR) {
            int64_t code = json_i64_or(kobj_path(ev.object, "code"), 500);
            status_to_err(ev.object, (int)code, &c->watch_err);
            kobj_unref(ev.object);
            return false;
        }
        event_vec_push(events, ev);
    }
    buf_drop(&c->line, used);
    return true;
}

static bool on_piece(void *arg, int status, struct str piece)
{
    struct call *c = arg;
    struct event_vec events = { 0 };
    (void)status; /* pieces come of 2xx answers only */
    buf_str(&c->line, piece);
    if (c->line.failed) {
        err_set(&c->watch_err, ERR_TOO_LARGE, "a watch event is larger than %zu bytes",
                REST_EVENT_BYTES_MAX);
        return false;
    }
    bool go_on = take_lines(c, &events);
    deliver(c, &events);
    return go_on;
}

static void on_watch_end(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct call *c = arg;
    struct err end = c->watch_err;
    c->fetch = NULL;
    AUTO(kobj_unrefp) struct kobj *status = NULL;
    if (end.kind == ERR_NONE && a->status == 0 && err)
        end = *err;
    else if (end.kind == ERR_NONE && a->status >= 400 &&
             kobj_parse(&status, a->body, &json_limits_own, &end) == 0)
        status_to_err(status, a->status, &end);
    c->end(c->arg, end.kind == ERR_NONE ? NULL : &end);
    rest_call_free(c);
}

/* ---- starting ---- */

struct fetch *
rest_send(struct call *c, const struct rest_parts *parts, fetch_piece_fn piece, fetch_done_fn done)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct rest *r = c->rest;
    struct http_header headers[4];
    size_t n = 0;
    headers[n++] = (struct http_header){ STR("accept"), STR("application/json") };
    headers[n++] = (struct http_header){ STR("user-agent"), str_from(r->user_agent) };
    if (r->authorization)
        headers[n++] = (struct http_header){ STR("authorization"), str_from(r->authorization) };
    if (parts->content_type.n)
        headers[n++] = (struct http_header){ STR("content-type"), parts->content_type };
    struct fetch_request f = {
        .method = parts->method,
        .url = arena_printf(a, "%s%.*s", r->server, STR_ARG(parts->path_query)),
        .headers = headers,
        .n_headers = n,
        .body = parts->body,
        .timeout_ns = piece ? 0 : 60 * NS_PER_S,
        .answer_bytes = REST_ANSWER_BYTES_MAX,
    };
    return fetch_start(r->fetch, &f, piece, done, c);
}

static struct fetch *
send_request(struct call *c, const struct request *req, fetch_piece_fn piece, fetch_done_fn done)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct rest_parts parts = rest_request_parts(a, req);
    return rest_send(c, &parts, piece, done);
}

static struct call *
rest_start(struct transport *t, const struct request *req, reply_fn done, void *arg)
{
    struct rest *r = CONTAINER_OF(t, struct rest, base);
    struct call *c = call_new(r, req->list.keep, arg);
    c->done = done;
    if (req->verb == VERB_LIST)
        rest_list_start(c, req);
    else
        c->fetch = send_request(c, req, NULL, rest_on_answer);
    return c;
}

static struct call *rest_watch(struct transport *t,
                               const struct request *req,
                               events_fn events,
                               watch_end_fn end,
                               void *arg)
{
    struct rest *r = CONTAINER_OF(t, struct rest, base);
    struct call *c = call_new(r, req->list.keep, arg);
    c->events = events;
    c->end = end;
    c->fetch = send_request(c, req, on_piece, on_watch_end);
    return c;
}

/* ---- bind_all ---- */

static void on_all_bound(void *arg, const struct reply *reply, const struct err *err)
{
    struct call *c = arg;
    c->done(c->arg, reply, err);
    rest_call_free(c);
}

static struct call *
rest_bind_all(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg)
{
    struct rest *r = CONTAINER_OF(t, struct rest, base);
    struct call *c = call_new(r, NULL, arg);
    c->done = done;
    c->binds = bind_each_start(t, b, n, on_all_bound, c);
    return c;
}

static void rest_cancel(struct call *c)
{
    if (c->binds)
        bind_each_cancel(c->binds);
    if (c->fetch)
        fetch_cancel(c->fetch);
    rest_call_free(c);
}

static void rest_close(struct transport *t)
{
    struct rest *r = CONTAINER_OF(t, struct rest, base);
    while (!list_empty(&r->calls)) {
        /* bind_all cancels its parts, so start from the oldest call, which cannot be a part. */
        rest_cancel(LIST_ITEM(r->calls.next, struct call, link));
    }
    fetch_client_free(r->fetch);
    free(r->server);
    free(r->authorization);
    free(r->user_agent);
    free(r);
}

static const struct transport_ops rest_ops = {
    .start = rest_start,
    .watch = rest_watch,
    .bind_all = rest_bind_all,
    .binds_singly = true,
    .cancel = rest_cancel,
    .close = rest_close,
};

struct transport *rest_transport_new(struct loop *l, const struct rest_options *o, struct err *err)
{
    struct fetch_client *fetch = fetch_client_new(l, &o->tls, err);
    if (!fetch)
        return NULL;
    struct rest *r = MEM_NEW(struct rest);
    r->base = (struct transport){ &rest_ops, l };
    r->fetch = fetch;
    list_init(&r->calls);
    struct str server = o->server;
    while (str_ends(server, STR("/")))
        server.n--;
    r->server = str_dup(server);
    if (o->token.n) {
        struct buf b;
        buf_init(&b, (size_t)64 << 10);
        buf_printf(&b, "Bearer %.*s", STR_ARG(o->token));
        r->authorization = buf_take(&b, NULL);
    }
    r->user_agent = str_dup(o->user_agent.n ? o->user_agent : STR("ganglion/" GANGLION_VERSION));
    return &r->base;
}
