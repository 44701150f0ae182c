/* SPDX-License-Identifier: Apache-2.0
 * rest_list — lists over HTTP. Items of a typed list carry no apiVersion and kind on the wire; they
 * get those of the list.
 *
 * With all_pages the next page is on its way before the one that came is parsed: what it is called
 * stands at the head of the text, and parsing waits one turn of the loop, in which the request
 * goes out. So the server works on a page while we work on the one before. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "client/rest_internal.h"
#include "codec/url.h"
#include "kube/status.h"

#define URL_BYTES_MAX ((size_t)64 << 10)
#define HEAD_BYTES 8192 /* of a page, in which its metadata is looked for */

VEC_TYPE(kobj_vec, struct kobj *);

struct rest_list {
    char *path_query; /* without a continue token */
    bool all_pages;
    struct json_keep *all; /* keeps everything, when the caller did not say */
    struct timer *turn;    /* all_pages: parses the page when the next request is out */
    bool turned;           /* once since it came */
    char *page;            /* that page; own */
    size_t page_n;
    bool *gone; /* set when the call ends while a page is delivered; NULL: nobody asks */
};

static void on_page(void *arg, const struct fetch_answer *a, const struct err *err);
static void on_turn(void *arg);

void rest_list_fini(struct call *c)
{
    struct rest_list *l = c->list;
    if (!l)
        return;
    if (l->gone)
        *l->gone = true;
    timer_free(l->turn);
    json_keep_free(l->all);
    free(l->path_query);
    free(l->page);
    free(l);
}

/* ---- asking ---- */

void rest_list_start(struct call *c, const struct request *req)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct rest_list *l = MEM_NEW(struct rest_list);
    struct request first = *req;
    first.list.cont = (struct str){ 0 };
    l->path_query = str_dup(rest_request_parts(a, &first).path_query);
    l->all_pages = req->list.all_pages && req->list.limit > 0;
    if (!c->keep)
        c->keep = l->all = json_keep_new(NULL, 0);
    if (l->all_pages)
        l->turn = timer_new(c->rest->base.loop, on_turn, c);
    c->list = l;
    struct rest_parts parts = rest_request_parts(a, req);
    c->fetch = rest_send(c, &parts, NULL, on_page);
}

static void ask_next(struct call *c, struct str cont)
{
    struct buf path;
    buf_init(&path, URL_BYTES_MAX);
    buf_str(&path, str_from(c->list->path_query));
    buf_str(&path, STR("&continue="));
    url_encode(&path, cont);
    struct rest_parts parts = { .method = "GET", .path_query = buf_view(&path) };
    if (!path.failed)
        c->fetch = rest_send(c, &parts, NULL, on_page);
    buf_fini(&path);
}

/* ---- answers ---- */

/* The token of the next page, when the list's metadata stand before its items, as every Go server
 * writes them; borrowed from *head. */
static struct str token_ahead(struct json_doc **head, struct str page)
{
    struct buf text;
    buf_init(&text, 2 * HEAD_BYTES);
    struct str start = str_take(page, HEAD_BYTES);
    const char *items = start.n ? memmem(start.p, start.n, "\"items\":[", 9) : NULL;
    if (!items)
        return (struct str){ 0 };
    buf_str(&text, str_take(page, (size_t)(items - page.p)));
    buf_str(&text, STR("\"items\":[]}"));
    struct str token = { 0 };
    if (json_parse(head, buf_view(&text), &json_limits_own, NULL) == 0)
        token = json_str(json_path(json_root(*head), "metadata.continue"));
    buf_fini(&text);
    return token;
}

/* {"kind": "Pod", "apiVersion": "v1"} for the items of a PodList. */
static struct json front_of(struct arena *a, struct json_doc **out, struct json list)
{
    struct jnode *front = jnode_obj(a);
    struct str kind = json_str(json_get(list, STR("kind")));
    if (str_ends(kind, STR("List")))
        kind.n -= 4;
    jnode_set_str(front, STR("kind"), kind);
    jnode_set_str(front, STR("apiVersion"), json_str(json_get(list, STR("apiVersion"))));
    return jnode_freeze(out, front, NULL) == 0 ? json_root(*out) : (struct json){ 0 };
}

static int take_items(struct call *c, struct kobj_vec *items, struct json list, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct json front = front_of(a, &doc, list);
    for (struct json_iter it = json_iter(json_get(list, STR("items"))); json_next(&it);) {
        struct kobj *o = NULL;
        if (kobj_keep(&o, c->keep, it.value, front, err) != 0)
            return err_wrap(err, "item %zu of the list", items->n);
        kobj_vec_push(items, o);
    }
    return 0;
}

/* Answers with the items of a page. False: it has one that is none, and that was the answer. */
static bool deliver(struct call *c, struct json list, bool more)
{
    struct kobj_vec items = { 0 };
    struct err err = { 0 };
    struct json meta = json_get(list, STR("metadata"));
    struct reply reply = {
        .code = 200,
        .cont = json_str(json_get(meta, STR("continue"))),
        .remaining = json_i64_or(json_get(meta, STR("remainingItemCount")), -1),
        .more = more,
    };
    if (!str_to_u64(json_str(json_get(meta, STR("resourceVersion"))), &reply.revision))
        reply.revision = 0;
    bool good = take_items(c, &items, list, &err) == 0;
    reply.items = items.items;
    reply.n_items = items.n;
    c->done(c->arg, good ? &reply : NULL, good ? NULL : &err);
    for (size_t i = 0; i < items.n; i++)
        kobj_unref(items.items[i]);
    kobj_vec_fini(&items);
    return good;
}

/* False: that was the end of the call. */
static bool parse_page(struct call *c, struct str text, bool more)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    bool gone = false;
    c->list->gone = &gone;
    if (json_parse(&doc, text, &json_limits_own, &err) == 0) {
        more = deliver(c, json_root(doc), more) && more;
    } else {
        more = false;
        err_wrap(&err, "the server answered 200 with no list");
        c->done(c->arg, NULL, &err);
    }
    if (gone)
        return false;
    c->list->gone = NULL;
    if (more)
        return true;
    if (c->fetch)
        fetch_cancel(c->fetch);
    rest_call_free(c);
    return false;
}

/* The page that waits. */
static bool parse_waiting(struct call *c)
{
    char *page = TAKE(c->list->page);
    timer_stop(c->list->turn);
    bool on = parse_page(c, str_make(page, c->list->page_n), true);
    free(page);
    return on;
}

/* The timer that sends was started after ours: the second time round it was there before us. */
static void on_turn(void *arg)
{
    struct call *c = arg;
    if (c->list->turned) {
        parse_waiting(c);
        return;
    }
    c->list->turned = true;
    timer_start(c->list->turn, 0);
}

static void on_page(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct call *c = arg;
    struct rest_list *l = c->list;
    AUTO(json_doc_unrefp) struct json_doc *head = NULL;
    c->fetch = NULL;
    if (l->page && !parse_waiting(c))
        return;
    if (a->status != 200) {
        rest_on_answer(c, a, err);
        return;
    }
    struct str cont = l->all_pages ? token_ahead(&head, a->body) : (struct str){ 0 };
    if (cont.n)
        ask_next(c, cont);
    if (!c->fetch) {
        parse_page(c, a->body, false);
        return;
    }
    l->page = buf_take(a->buffer, &l->page_n);
    l->turned = false;
    timer_start(l->turn, 0);
}
