/* SPDX-License-Identifier: Apache-2.0
 * probe_fetch — see probe_fetch.h. Each probe has a connection of its own. */
#include "node/executor/probe_fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/fetch.h"
#include "node/executor/probe_grpc.h"
#include "node/pod/podprobe.h"
#include "node/shim/protocol.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define HEADERS_MAX PODPROBE_FIELDS_MAX

struct probe_fetches {
    struct loop *loop;
    struct fetch_client *client; /* made for the first probe */
    struct list asked;
};

struct asked {
    struct list link;
    struct fetch *fetch;
    bool grpc;
    int64_t timeout_ms;
    struct str token, url, address; /* in text */
    struct arena *text;
    probe_fetch_fn done;
    void *arg;
};

struct probe_fetches *probe_fetches_new(struct loop *l)
{
    struct probe_fetches *all = MEM_NEW(struct probe_fetches);
    all->loop = l;
    list_init(&all->asked);
    return all;
}

static void asked_free(struct asked *x)
{
    list_remove(&x->link);
    arena_free(x->text);
    free(x);
}

void probe_fetches_free(struct probe_fetches *all)
{
    if (!all)
        return;
    while (!list_empty(&all->asked))
        asked_free(LIST_ITEM(all->asked.next, struct asked, link));
    fetch_client_free(all->client);
    free(all);
}

bool probe_fetch_takes(const struct str *fields, size_t n)
{
    return n >= 4 && (str_is(fields[0], "https") || str_is(fields[0], "grpc"));
}

void probe_fetch_cancel(struct probe_fetches *all, const void *arg)
{
    LIST_EACH (&all->asked, node) {
        struct asked *x = LIST_ITEM(node, struct asked, link);
        if (x->arg != arg)
            continue;
        fetch_cancel(x->fetch);
        asked_free(x);
    }
}

/* ---- what came back ---- */

static int64_t https_outcome(const struct asked *x,
                             const struct fetch_answer *a,
                             const struct err *err,
                             struct str *out)
{
    if (err->kind == ERR_TIMEOUT) {
        *out = podprobe_late_http(x->text, x->url);
        return -1;
    }
    if (err->kind != ERR_NONE) {
        *out = arena_printf(x->text, "Get \"%.*s\": %s", STR_ARG(x->url), err->msg);
        return 1;
    }
    if (a->status >= 200 && a->status < 400)
        return 0;
    *out = arena_printf(x->text, "HTTP probe failed with statuscode: %d", a->status);
    return SHIM_PROBE_HTTP_STATUS;
}

static int64_t grpc_outcome(const struct asked *x,
                            const struct fetch_answer *a,
                            const struct err *err,
                            struct str *out)
{
    long long seconds = x->timeout_ms / 1000;
    const struct probe_grpc_answer answer = { .http_status = a->status,
                                              .body = a->body,
                                              .status = a->grpc_status,
                                              .message = a->grpc_message };
    if (err->kind == ERR_NONE)
        *out = probe_grpc_trouble(x->text, &answer, x->timeout_ms);
    else if (err->kind == ERR_TIMEOUT)
        *out = arena_printf(x->text, "timeout: health rpc did not complete within %llds", seconds);
    else
        *out = arena_printf(x->text, "timeout: failed to connect service \"%.*s\" within %llds: %s",
                            STR_ARG(x->address), seconds, err->msg);
    return out->p ? 1 : 0;
}

static void on_done(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct asked *x = arg;
    struct str output = { 0 };
    int64_t code = x->grpc ? grpc_outcome(x, a, err, &output) : https_outcome(x, a, err, &output);
    list_remove(&x->link);
    list_init(&x->link); /* the answer may cancel what is left of its asker */
    x->done(x->arg, x->token, code, output);
    asked_free(x);
}

/* ---- asking ---- */

static size_t https_headers(struct http_header *headers, const struct probe_fetch *f)
{
    size_t n = 0;
    for (size_t i = 4; i < f->n && n < HEADERS_MAX; i++) {
        struct str value = f->fields[i], name = str_split(&value, ':');
        headers[n++] = (struct http_header){ name, str_trim(value) };
    }
    return n;
}

static size_t grpc_headers(struct http_header *headers)
{
    headers[0] = (struct http_header){ STR("content-type"), STR("application/grpc") };
    headers[1] = (struct http_header){ STR("te"), STR("trailers") };
    headers[2] = (struct http_header){ STR("user-agent"), STR(PODPROBE_USER_AGENT) };
    return 3;
}

static struct asked *asked_new(struct probe_fetches *all, const struct probe_fetch *f)
{
    struct asked *x = MEM_NEW(struct asked);
    x->text = arena_new();
    x->grpc = str_is(f->fields[0], "grpc");
    x->timeout_ms = f->timeout_ms;
    x->token = arena_str(x->text, f->token);
    x->address = arena_printf(x->text, "%.*s:%.*s", STR_ARG(f->fields[1]), STR_ARG(f->fields[2]));
    struct str path = x->grpc ? STR(PROBE_GRPC_PATH) : f->fields[3];
    x->url = arena_printf(x->text, "%s://%.*s%.*s", x->grpc ? "http" : "https", STR_ARG(x->address),
                          STR_ARG(path));
    list_push_back(&all->asked, &x->link);
    return x;
}

void probe_fetch_start(struct probe_fetches *all,
                       const struct probe_fetch *f,
                       probe_fetch_fn done,
                       void *arg)
{
    static const struct fetch_tls trusting = { .insecure = true };
    struct http_header headers[HEADERS_MAX];
    struct err err = { 0 };
    if (!all->client)
        all->client = fetch_client_new(all->loop, &trusting, &err);
    if (!all->client) {
        done(arg, f->token, 1, str_from(err.msg));
        return;
    }
    struct asked *x = asked_new(all, f);
    struct buf body;
    x->done = done;
    x->arg = arg;
    buf_init(&body, 8192);
    if (x->grpc)
        probe_grpc_request(&body, f->fields[3]);
    struct fetch_request r = { .method = x->grpc ? "POST" : "GET",
                               .flags = FETCH_ALONE | FETCH_STAY,
                               .url = x->url,
                               .headers = headers,
                               .body = buf_view(&body),
                               .timeout_ns = f->timeout_ms * NS_PER_MS,
                               .answer_bytes = ANSWER_BYTES_MAX };
    r.n_headers = x->grpc ? grpc_headers(headers) : https_headers(headers, f);
    if (x->grpc)
        r.flags |= FETCH_HTTP2_CLEAR;
    x->fetch = fetch_start(all->client, &r, NULL, on_done, x);
    buf_fini(&body);
}
