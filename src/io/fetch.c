/* SPDX-License-Identifier: Apache-2.0
 * fetch — libcurl's multi interface on our loop: curl tells which sockets and which timeout it
 * waits for, we tell it what happened. Curl may not be entered from its own callbacks, so what a
 * piece callback starts, cancels or frees is done when curl is off the stack (see leave). */
#include "io/fetch.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/fetch_internal.h"

enum { STREAMS_MAX = 250, IDLE_CONNECTIONS_MAX = 32 };

/* ---- one request ---- */
static void fetch_free(struct fetch *f)
{
    list_remove(&f->link);
    timer_free(f->deadline);
    if (f->added)
        curl_multi_remove_handle(f->client->multi, f->easy);
    curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->headers);
    curl_slist_free_all(f->connect_to);
    free(f->body_sent);
    buf_fini(&f->body);
    buf_fini(&f->content_type);
    buf_fini(&f->warnings);
    buf_fini(&f->retry_after);
    buf_fini(&f->grpc_status);
    buf_fini(&f->grpc_message);
    free(f);
}

static enum err_kind kind_of(CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMEOUT;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return ERR_INVALID;
    /* Without any trusted authorities on the machine nobody can be verified either. */
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return ERR_DENIED;
    return ERR_IO;
}

/* Tells the caller and frees f. */
static void finish(struct fetch *f, CURLcode code)
{
    struct fetch_answer a = { 0 };
    struct err err = f->bad;
    long status = 0;
    if (f->late)
        err_set(&err, ERR_TIMEOUT, "no complete answer within the time allowed");
    else if (f->too_large)
        err_set(&err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", f->body.max);
    else if (code != CURLE_OK && !f->ended && err.kind == ERR_NONE)
        err_set(&err, kind_of(code), "%s", f->why[0] ? f->why : curl_easy_strerror(code));
    if (err.kind == ERR_NONE) {
        curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
        a = (struct fetch_answer){
            .status = (int)status,
            .body = buf_view(&f->body),
            .buffer = &f->body,
            .content_type = buf_view(&f->content_type),
            .warnings = buf_view(&f->warnings),
            .retry_after = buf_view(&f->retry_after),
            .grpc_status = buf_view(&f->grpc_status),
            .grpc_message = buf_view(&f->grpc_message),
        };
    }
    f->cancelled = true; /* a fetch_cancel from inside done must not touch it */
    f->done(f->arg, &a, &err);
    fetch_free(f);
}

/* ---- entering and leaving curl ---- */
static void client_free(struct fetch_client *c)
{
    struct list *lists[] = { &c->running, &c->waiting, &c->doomed };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        while (!list_empty(lists[i]))
            fetch_free(LIST_ITEM(lists[i]->next, struct fetch, link));
    }
    curl_multi_cleanup(c->multi); /* still calls on_socket and on_timer */
    timer_free(c->timer);
    free(c->ca);
    free(c->cert);
    free(c->key);
    free(c->server_name);
    free(c);
}

/* False, with f->bad set, when it cannot. Calls nobody back. */
static bool start(struct fetch *f)
{
    struct fetch_client *c = f->client;
    if (f->bad.kind != ERR_NONE)
        return false;
    CURLMcode rc = curl_multi_add_handle(c->multi, f->easy);
    if (rc != CURLM_OK) {
        err_set(&f->bad, ERR_IO, "%s", curl_multi_strerror(rc));
        return false;
    }
    f->added = true;
    list_remove(&f->link);
    list_push_back(&c->running, &f->link);
    return true;
}

static void report_finished(struct fetch_client *c)
{
    int left;
    CURLMsg *m;
    while (!c->dead && (m = curl_multi_info_read(c->multi, &left)) != NULL) {
        char *f = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
        if (!((struct fetch *)(void *)f)->cancelled)
            finish((struct fetch *)(void *)f, code);
    }
}

static void enter(struct fetch_client *c)
{
    c->depth++;
}

static void leave(struct fetch_client *c)
{
    if (c->depth == 1) {
        while (!list_empty(&c->doomed))
            fetch_free(LIST_ITEM(c->doomed.next, struct fetch, link));
        report_finished(c);
        while (!c->dead && !list_empty(&c->waiting)) {
            struct fetch *f = LIST_ITEM(c->waiting.next, struct fetch, link);
            if (!start(f))
                finish(f, CURLE_OK);
        }
        while (!list_empty(&c->doomed))
            fetch_free(LIST_ITEM(c->doomed.next, struct fetch, link));
    }
    c->depth--;
    if (c->depth == 0 && c->dead)
        client_free(c);
}

/* ---- curl's wishes ---- */
struct fetch_socket {
    struct fetch_client *client;
    struct watch_fd *watch;
    curl_socket_t fd;
};

static void on_ready(void *arg, unsigned events)
{
    struct fetch_socket *s = arg;
    struct fetch_client *c = s->client;
    int running, bits = 0;
    if (events & WATCH_READ)
        bits |= CURL_CSELECT_IN;
    if (events & WATCH_WRITE)
        bits |= CURL_CSELECT_OUT;
    enter(c);
    curl_multi_socket_action(c->multi, s->fd, bits, &running);
    leave(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket)
{
    struct fetch_client *c = arg;
    struct fetch_socket *s = per_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            watch_fd_free(s->watch);
        free(s);
        return 0;
    }
    if (!s) {
        s = MEM_NEW(struct fetch_socket);
        s->client = c;
        s->fd = fd;
        s->watch = watch_fd_new(c->loop, fd, on_ready, s, NULL);
        if (!s->watch) {
            free(s);
            return -1;
        }
        curl_multi_assign(c->multi, fd, s);
    }
    watch_fd_set(s->watch, (what & CURL_POLL_IN ? WATCH_READ : 0u) |
                               (what & CURL_POLL_OUT ? WATCH_WRITE : 0u));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct fetch_client *c = arg;
    (void)multi;
    if (timeout_ms < 0)
        timer_stop(c->timer);
    else
        timer_start(c->timer, timeout_ms * NS_PER_MS);
    return 0;
}

static void on_timeout(void *arg)
{
    struct fetch_client *c = arg;
    int running;
    enter(c);
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    leave(c);
}

/* ---- the client ---- */
static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *copy_or_null(struct str s)
{
    return s.n > 0 ? str_dup(s) : NULL;
}

struct fetch_client *fetch_client_new(struct loop *l, const struct fetch_tls *tls, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    if (tls && (tls->client_cert_pem.n > 0) != (tls->client_key_pem.n > 0)) {
        err_set(err, ERR_INVALID, "a client certificate needs its key, and a key its certificate");
        return NULL;
    }
    struct fetch_client *c = MEM_NEW(struct fetch_client);
    c->multi = curl_multi_init();
    if (!c->multi) {
        free(c);
        err_set(err, ERR_IO, "starting libcurl");
        return NULL;
    }
    c->loop = l;
    c->timer = timer_new(l, on_timeout, c);
    list_init(&c->running);
    list_init(&c->waiting);
    list_init(&c->doomed);
    if (tls) {
        c->ca = copy_or_null(tls->ca_pem);
        c->cert = copy_or_null(tls->client_cert_pem);
        c->key = copy_or_null(tls->client_key_pem);
        c->server_name = copy_or_null(tls->server_name);
        c->insecure = tls->insecure;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS_MAX);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return c;
}

void fetch_client_free(struct fetch_client *c)
{
    if (!c)
        return;
    struct list *lists[] = { &c->running, &c->waiting };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        LIST_EACH (lists[i], node)
            LIST_ITEM(node, struct fetch, link)->cancelled = true;
    }
    c->dead = true;
    if (c->depth == 0)
        client_free(c);
}

static void on_deadline(void *arg)
{
    struct fetch *f = arg;
    struct fetch_client *c = f->client;
    enter(c);
    f->late = true;
    if (f->added)
        fetch_abandon(f);
    finish(f, CURLE_OPERATION_TIMEDOUT);
    leave(c);
}

struct fetch *fetch_start(struct fetch_client *c,
                          const struct fetch_request *r,
                          fetch_piece_fn piece,
                          fetch_done_fn done,
                          void *arg)
{
    struct fetch *f = MEM_NEW(struct fetch);
    assert(!c->dead);
    f->client = c;
    f->piece = piece;
    f->done = done;
    f->arg = arg;
    list_init(&f->link);
    list_push_back(&c->waiting, &f->link);
    fetch_prepare(f, r, &f->bad);
    if (r->timeout_ns > 0) {
        f->deadline = timer_new(c->loop, on_deadline, f);
        timer_start(f->deadline, r->timeout_ns);
    }
    if (c->depth > 0 || !start(f))
        timer_start(c->timer, 0); /* later: curl is on the stack, or done must be told why */
    return f;
}

void fetch_cancel(struct fetch *f)
{
    struct fetch_client *c = f->client;
    if (f->cancelled)
        return;
    f->cancelled = true;
    if (f->added)
        fetch_abandon(f);
    if (c->depth == 0) {
        fetch_free(f);
        return;
    }
    list_remove(&f->link);
    list_push_back(&c->doomed, &f->link);
}
