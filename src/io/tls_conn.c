/* SPDX-License-Identifier: Apache-2.0
 * tls_conn — see tls_conn.h. OpenSSL meets a BIO of ours: reads come from the fed slice, writes go
 * straight to the wire buffer. (Its own memory BIOs keep their largest size for ever.) */
#include "io/tls_conn.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "io/tls_internal.h"

struct tls_conn {
    SSL *ssl;
    struct str in;
    struct buf *wire;
    struct tls_peer *peer; /* NULL until asked for */
};

static int bio_read(BIO *b, char *to, int room)
{
    struct tls_conn *c = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    struct str part = str_take(c->in, (size_t)room);
    if (part.n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(to, part.p, part.n);
    c->in = str_skip(c->in, part.n);
    return (int)part.n;
}

static int bio_write(BIO *b, const char *from, int n)
{
    struct tls_conn *c = BIO_get_data(b);
    buf_put(c->wire, from, (size_t)n);
    return c->wire->failed ? -1 : n;
}

static long bio_ctrl(BIO *b, int command, long number, void *pointer)
{
    (void)b;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slices");
    if (!m)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    BIO_meth_set_create(m, bio_create);
    return m;
}

struct tls_conn *tls_conn_new(struct tls_server *t, struct buf *wire)
{
    struct tls_conn *c = MEM_NEW(struct tls_conn);
    c->wire = wire;
    c->ssl = SSL_new(t->ctx);
    BIO *bio = BIO_new(t->bio);
    if (!c->ssl || !bio)
        abort(); /* small allocations do not fail */
    BIO_set_data(bio, c);
    SSL_set_bio(c->ssl, bio, bio);
    SSL_set_accept_state(c->ssl);
    return c;
}

void tls_conn_free(struct tls_conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    if (c->peer) {
        for (size_t i = 0; i < c->peer->n_orgs; i++)
            OPENSSL_free((void *)(uintptr_t)c->peer->orgs[i].p);
        OPENSSL_free((void *)(uintptr_t)c->peer->cn.p);
        free(c->peer);
    }
    free(c);
}

void tls_conn_feed(struct tls_conn *c, struct str bytes)
{
    assert(c->in.n == 0);
    c->in = bytes;
}

int tls_conn_read(struct tls_conn *c, char *to, size_t room)
{
    if (c->in.n == 0 && SSL_is_init_finished(c->ssl) && !SSL_has_pending(c->ssl))
        return 0; /* all was read: asking OpenSSL would cost as much as a small record */
    ERR_clear_error();
    int n = SSL_read(c->ssl, to, room > INT_MAX ? INT_MAX : (int)room);
    if (n > 0)
        return n;
    int why = SSL_get_error(c->ssl, n);
    if (why == SSL_ERROR_WANT_READ)
        return 0;
    c->in = (struct str){ 0 };
    ERR_clear_error();
    return -1;
}

bool tls_conn_write(struct tls_conn *c, struct str plain)
{
    ERR_clear_error();
    while (plain.n > 0) {
        int n = SSL_write(c->ssl, plain.p, plain.n > INT_MAX ? INT_MAX : (int)plain.n);
        if (n <= 0) {
            ERR_clear_error();
            return false;
        }
        plain = str_skip(plain, (size_t)n);
    }
    return true;
}

void tls_conn_shutdown(struct tls_conn *c)
{
    if (SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    ERR_clear_error();
}

bool tls_conn_ready(const struct tls_conn *c)
{
    return SSL_is_init_finished(c->ssl);
}

bool tls_conn_http2(const struct tls_conn *c)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    SSL_get0_alpn_selected(c->ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

/* An attribute's value as UTF-8, to OPENSSL_free; absent when it is none or holds a NUL. */
static struct str entry_text(const X509_NAME_ENTRY *e)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e));
    if (n < 0)
        return (struct str){ 0 };
    struct str s = str_make(text, (size_t)n);
    if (n > 0 && memchr(text, '\0', (size_t)n) == NULL)
        return s;
    OPENSSL_free(text);
    return (struct str){ 0 };
}

static void read_peer(struct tls_peer *p, const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0)
        p->cn = entry_text(X509_NAME_get_entry(subject, at));
    at = -1;
    while (p->n_orgs < COUNT_OF(p->orgs)) {
        at = X509_NAME_get_index_by_NID(subject, NID_organizationName, at);
        if (at < 0)
            return;
        struct str org = entry_text(X509_NAME_get_entry(subject, at));
        if (org.p)
            p->orgs[p->n_orgs++] = org;
    }
}

const struct tls_peer *tls_conn_peer(struct tls_conn *c)
{
    if (c->peer)
        return c->peer;
    c->peer = MEM_NEW(struct tls_peer);
    const X509 *cert = SSL_get0_peer_certificate(c->ssl);
    if (cert && SSL_get_verify_result(c->ssl) == X509_V_OK)
        read_peer(c->peer, cert);
    return c->peer;
}
