/* SPDX-License-Identifier: Apache-2.0
 * wire — see wire.h. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/url.h"

#define WINDOW_BYTES (32 << 20) /* the watch is never held up by us */
#define READ_BYTES ((size_t)64 << 10)
#define OUT_BYTES_MAX ((size_t)1 << 20)

struct wire_tls {
    SSL_CTX *ctx;
    char host[64], authority[80], authorization[256], user_agent[64];
    uint16_t port;
};

struct wire {
    const struct wire_tls *tls;
    int fd;
    SSL *ssl;
    nghttp2_session *h2;
    struct watch_fd *watch;
    bool reading; /* what callbacks ask for is sent when all that came was read */
    struct buf out;
};

struct asked { /* one request under way: user data of its stream */
    struct wire_request r;
    struct str unsent;
    int status;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench/up: %s: %s\n", what, why);
    exit(1);
}

/* ---- TLS ---- */

static void trust(SSL_CTX *ctx, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *ca = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (!ca || X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) != 1)
        die("kubeconfig", "no usable certificate authority");
    X509_free(ca);
    BIO_free(bio);
}

struct wire_tls *wire_tls_new(const struct rest_options *o)
{
    struct wire_tls *t = MEM_NEW(struct wire_tls);
    struct url u;
    if (url_split(&u, o->server, NULL) != 0 || !u.port || u.host.n >= sizeof t->host)
        die("kubeconfig", "the server is no https://address:port");
    t->port = u.port;
    snprintf(t->host, sizeof t->host, "%.*s", STR_ARG(u.host));
    snprintf(t->authority, sizeof t->authority, "%s:%u", t->host, u.port);
    snprintf(t->authorization, sizeof t->authorization, "Bearer %.*s", STR_ARG(o->token));
    snprintf(t->user_agent, sizeof t->user_agent, "ganglion-bench");
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t->ctx || SSL_CTX_set_alpn_protos(t->ctx, (const unsigned char *)"\x02h2", 3) != 0)
        die("TLS", "out of memory");
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(t->ctx, 1); /* a record's head and body in one read */
    SSL_CTX_set_default_read_buffer_len(t->ctx, READ_BYTES);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    trust(t->ctx, o->tls.ca_pem);
    return t;
}

void wire_tls_free(struct wire_tls *t)
{
    SSL_CTX_free(t->ctx);
    free(t);
}

static int connect_to(const struct wire_tls *t)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(t->port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (inet_pton(AF_INET, t->host, &at.sin_addr) != 1 || fd < 0 ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        die("connecting", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static SSL *shake_hands(const struct wire_tls *t, int fd)
{
    SSL *ssl = SSL_new(t->ctx);
    const unsigned char *protocol = NULL;
    unsigned n = 0;
    if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->host) != 1 || SSL_connect(ssl) != 1)
        die("connecting", "no TLS session, or not with the server of the kubeconfig");
    SSL_get0_alpn_selected(ssl, &protocol, &n);
    if (n != 2)
        die("connecting", "the server does not speak HTTP/2");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        die("connecting", strerror(errno));
    return ssl;
}

/* ---- writing ---- */

/* Requests are small and few: what the socket does not take at once is a broken server. */
static void flush(struct wire *w)
{
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(w->h2, &p)) > 0)
        buf_put(&w->out, p, (size_t)n);
    struct str all = buf_view(&w->out);
    if (n < 0 || w->out.failed || (all.n > 0 && SSL_write(w->ssl, all.p, (int)all.n) <= 0))
        die("sending", n < 0 ? nghttp2_strerror((int)n) : "the connection is broken or full");
    buf_clear(&w->out);
}

static ssize_t on_want_body(nghttp2_session *h2,
                            int32_t stream,
                            uint8_t *to,
                            size_t room,
                            uint32_t *flags,
                            nghttp2_data_source *source,
                            void *arg)
{
    struct asked *a = source->ptr;
    (void)h2, (void)stream, (void)arg;
    struct str part = str_take(a->unsent, room);
    memcpy(to, part.p, part.n);
    a->unsent = str_skip(a->unsent, part.n);
    if (a->unsent.n == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)part.n;
}

/* Values are copied: of what a callback asks for they are gone when it is sent. */
static nghttp2_nv field(const char *name, struct str value)
{
    return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value.p, strlen(name),
                         value.n, NGHTTP2_NV_FLAG_NO_COPY_NAME };
}

void wire_send(struct wire *w, const struct wire_request *r)
{
    char length[24];
    bool post = r->body.p != NULL;
    nghttp2_nv fields[9];
    size_t n = 0;
    struct asked *a = MEM_NEW(struct asked);
    *a = (struct asked){ *r, r->body, 0 };
    fields[n++] = field(":method", post ? STR("POST") : STR("GET"));
    fields[n++] = field(":scheme", STR("https"));
    fields[n++] = field(":authority", str_from(w->tls->authority));
    fields[n++] = field(":path", r->path);
    fields[n++] = field("accept", STR("application/json"));
    fields[n++] = field("user-agent", str_from(w->tls->user_agent));
    fields[n++] = field("authorization", str_from(w->tls->authorization));
    if (post) {
        snprintf(length, sizeof length, "%zu", r->body.n);
        fields[n++] = field("content-type", STR("application/json"));
        fields[n++] = field("content-length", str_from(length));
    }
    nghttp2_data_provider body = { { .ptr = a }, on_want_body };
    int32_t stream = nghttp2_submit_request(w->h2, NULL, fields, n, post ? &body : NULL, a);
    if (stream < 0)
        die("sending", nghttp2_strerror(stream));
    if (!w->reading)
        flush(w);
}

/* ---- reading ---- */

static int on_header(nghttp2_session *h2,
                     const nghttp2_frame *frame,
                     const uint8_t *name,
                     size_t name_n,
                     const uint8_t *value,
                     size_t value_n,
                     uint8_t flags,
                     void *arg)
{
    struct asked *a = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    int64_t status;
    (void)flags, (void)arg;
    if (a && str_is(str_make(name, name_n), ":status") &&
        str_to_i64(str_make(value, value_n), &status))
        a->status = (int)status;
    return 0;
}

static int on_data(nghttp2_session *h2,
                   uint8_t flags,
                   int32_t stream,
                   const uint8_t *bytes,
                   size_t n,
                   void *arg)
{
    const struct asked *a = nghttp2_session_get_stream_user_data(h2, stream);
    (void)flags, (void)arg;
    if (a && a->r.piece)
        a->r.piece(a->r.arg, str_make(bytes, n));
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *arg)
{
    struct asked *a = nghttp2_session_get_stream_user_data(h2, stream);
    (void)arg;
    a->r.done(a->r.arg, code == NGHTTP2_NO_ERROR ? a->status : 0);
    free(a);
    return 0;
}

/* Level-triggered: what is left in the socket calls again. */
static void on_readable(void *arg, unsigned events)
{
    static uint8_t bytes[READ_BYTES];
    struct wire *w = arg;
    (void)events;
    w->reading = true;
    do {
        int n = SSL_read(w->ssl, bytes, sizeof bytes);
        if (n <= 0 && SSL_get_error(w->ssl, n) == SSL_ERROR_WANT_READ)
            break;
        if (n <= 0)
            die("reading", "the server closed the connection");
        ssize_t used = nghttp2_session_mem_recv(w->h2, bytes, (size_t)n);
        if (used < 0)
            die("reading", nghttp2_strerror((int)used));
    } while (SSL_has_pending(w->ssl));
    w->reading = false;
    flush(w);
}

/* ---- life cycle ---- */

static nghttp2_session *session_new(struct wire *w)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_session *h2 = NULL;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
    };
    if (nghttp2_session_callbacks_new(&c) != 0)
        die("HTTP/2", "out of memory");
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    if (nghttp2_session_client_new(&h2, c, w) != 0 ||
        nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) != 0 ||
        nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) != 0)
        die("HTTP/2", "out of memory");
    nghttp2_session_callbacks_del(c);
    return h2;
}

struct wire *wire_open(struct loop *l, struct wire_tls *t)
{
    struct wire *w = MEM_NEW(struct wire);
    struct err err = { 0 };
    w->tls = t;
    buf_init(&w->out, OUT_BYTES_MAX);
    w->fd = connect_to(t);
    w->ssl = shake_hands(t, w->fd);
    w->h2 = session_new(w);
    w->watch = watch_fd_new(l, w->fd, on_readable, w, &err);
    if (!w->watch)
        die("connecting", err.msg);
    watch_fd_set(w->watch, WATCH_READ);
    return w;
}

void wire_close(struct wire *w)
{
    watch_fd_free(w->watch);
    nghttp2_session_del(w->h2);
    SSL_free(w->ssl);
    close(w->fd);
    buf_fini(&w->out);
    free(w);
}
