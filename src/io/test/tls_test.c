/* SPDX-License-Identifier: Apache-2.0
 * Certificates, and a handshake in memory against OpenSSL's own client. */
#include "io/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "io/clock.h"
#include "io/tls_conn.h"
#include "io/tls_internal.h"
#include "testkit/check.h"

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
};

static struct tls_pair ca, server_pair, client_pair, other_ca, stranger;

static int make_all(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct wall now = clock_wall();
    const struct str hosts[] = { STR("localhost"), STR("127.0.0.1"), STR("::1") };
    const struct str orgs[] = { STR("system:masters"), STR("two") };
    struct tls_cert_request s = {
        .common_name = STR("api"), .hosts = hosts, .n_hosts = 3, .server = true, .valid_days = 30
    };
    struct tls_cert_request c = {
        .common_name = STR("admin"), .orgs = orgs, .n_orgs = 2, .valid_days = 30
    };
    CHECK_OK(tls_make_ca(&ca, STR("test-ca"), now, 30, &err), err);
    CHECK_OK(tls_make_ca(&other_ca, STR("other-ca"), now, 30, &err), err);
    CHECK_OK(tls_make_cert(&server_pair, &ca, &s, now, &err), err);
    CHECK_OK(tls_make_cert(&client_pair, &ca, &c, now, &err), err);
    CHECK_OK(tls_make_cert(&stranger, &other_ca, &c, now, &err), err);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    tls_pair_fini(&ca);
    tls_pair_fini(&server_pair);
    tls_pair_fini(&client_pair);
    tls_pair_fini(&other_ca);
    tls_pair_fini(&stranger);
    return 0;
}

static X509 *load_cert(const char *pem)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static void client_open(struct client *c, const struct tls_pair *pair, const char *alpn)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    AUTO(tls_x509_freep) X509 *root = load_cert(ca.cert_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), root);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    if (pair) {
        AUTO(tls_x509_freep) X509 *cert = load_cert(pair->cert_pem);
        AUTO(tls_bio_freep) BIO *bio = BIO_new_mem_buf(pair->key_pem, -1);
        AUTO(tls_key_freep) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        CHECK_I64(SSL_CTX_use_certificate(c->ctx, cert), 1);
        CHECK_I64(SSL_CTX_use_PrivateKey(c->ctx, key), 1);
    }
    c->ssl = SSL_new(c->ctx);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_connect_state(c->ssl);
    SSL_set1_host(c->ssl, "localhost");
    if (alpn)
        SSL_set_alpn_protos(c->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
}

/* Carries bytes both ways, `step` at a time to the server, until nothing moves. Returns what the
 * server read. */
static struct str exchange(struct client *c, struct tls_conn *s, struct buf *wire, size_t step)
{
    static char plain[65536];
    size_t n = 0;
    int got = 0;
    for (bool moved = true; moved && got >= 0;) {
        char piece[4096];
        SSL_do_handshake(c->ssl);
        int k = BIO_read(c->out, piece, (int)step);
        moved = k > 0 || wire->n > 0;
        if (k > 0) {
            tls_conn_feed(s, str_make(piece, (size_t)k));
            while ((got = tls_conn_read(s, plain + n, sizeof plain - n)) > 0)
                n += (size_t)got;
        }
        BIO_write(c->in, wire->p, (int)wire->n);
        buf_clear(wire);
    }
    return str_make(plain, n);
}

static void check_session(const struct tls_pair *pair, const char *alpn, size_t step, bool named)
{
    struct err err = { 0 };
    struct tls_server *t = NULL;
    CHECK_OK(tls_server_new(&t, str_from(server_pair.cert_pem), str_from(server_pair.key_pem),
                            str_from(ca.cert_pem), &err),
             err);
    struct buf wire;
    buf_init(&wire, 1 << 20);
    struct tls_conn *s = tls_conn_new(t, &wire);
    struct client c;
    client_open(&c, pair, alpn);
    exchange(&c, s, &wire, step);
    CHECK(SSL_is_init_finished(c.ssl));
    CHECK(tls_conn_ready(s));
    CHECK_I64(tls_conn_http2(s), alpn != NULL && strstr(alpn, "h2") != NULL);
    const struct tls_peer *peer = tls_conn_peer(s);
    if (named) {
        CHECK_STR(peer->cn, "admin");
        CHECK_I64(peer->n_orgs, 2);
        CHECK_STR(peer->orgs[0], "system:masters");
    } else {
        CHECK(peer->cn.p == NULL);
        CHECK_I64(peer->n_orgs, 0);
    }
    CHECK_I64(SSL_write(c.ssl, "hello", 5), 5);
    CHECK_STR(exchange(&c, s, &wire, step), "hello");
    CHECK(tls_conn_write(s, STR("answer")));
    BIO_write(c.in, wire.p, (int)wire.n);
    buf_clear(&wire);
    char got[16];
    CHECK_I64(SSL_read(c.ssl, got, sizeof got), 6);
    SSL_shutdown(c.ssl);
    char plain[16], bye[512];
    int n = BIO_read(c.out, bye, sizeof bye);
    tls_conn_feed(s, str_make(bye, (size_t)n));
    CHECK_I64(tls_conn_read(s, plain, sizeof plain), -1);
    client_close(&c);
    tls_conn_free(s);
    tls_server_free(t);
    buf_fini(&wire);
}

static void sessions_carry_names(void **state)
{
    (void)state;
    check_session(NULL, NULL, 4096, false);
    check_session(&client_pair, "\x02h2\x08http/1.1", 4096, true);
    check_session(&client_pair, "\x08http/1.1", 7, true); /* records in pieces */
    check_session(&stranger, "\x02h2", 4096, false);      /* another CA: no name, no refusal */
    check_session(&server_pair, "\x02h2", 4096, false);   /* not a client certificate */
}

static void garbage_is_refused(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct tls_server *t = NULL;
    CHECK_OK(tls_server_new(&t, str_from(server_pair.cert_pem), str_from(server_pair.key_pem),
                            (struct str){ 0 }, &err),
             err);
    struct buf wire;
    buf_init(&wire, 4096);
    struct tls_conn *s = tls_conn_new(t, &wire);
    char plain[64];
    tls_conn_feed(s, STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK_I64(tls_conn_read(s, plain, sizeof plain), -1);
    CHECK(!tls_conn_ready(s));
    tls_conn_shutdown(s); /* harmless */
    tls_conn_free(s);
    buf_fini(&wire);
    tls_server_free(t);
    tls_server_free(NULL);
    tls_conn_free(NULL);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct tls_server *t = NULL;
    struct str cert = str_from(server_pair.cert_pem), key = str_from(server_pair.key_pem);
    CHECK_FAILS(tls_server_new(&t, STR("no"), key, STR(""), &err), err, ERR_INVALID);
    CHECK_FAILS(tls_server_new(&t, cert, STR("no"), STR(""), &err), err, ERR_INVALID);
    CHECK_FAILS(tls_server_new(&t, cert, str_from(ca.key_pem), STR(""), &err), err, ERR_INVALID);
    CHECK_FAILS(tls_server_new(&t, cert, key, STR("no"), &err), err, ERR_INVALID);
    CHECK(t == NULL);
    struct tls_pair out = { 0 };
    const struct str evil[] = { STR("a,DNS:b") };
    struct tls_cert_request r = {
        .common_name = STR("x"), .hosts = evil, .n_hosts = 1, .valid_days = 1
    };
    CHECK_FAILS(tls_make_cert(&out, &ca, &r, clock_wall(), &err), err, ERR_INVALID);
    struct tls_pair broken = { .cert_pem = (char[]){ "x" }, .key_pem = (char[]){ "y" } };
    CHECK_FAILS(tls_make_cert(&out, &broken, &r, clock_wall(), &err), err, ERR_INVALID);
    CHECK(out.cert_pem == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_carry_names),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
