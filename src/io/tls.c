/* SPDX-License-Identifier: Apache-2.0
 * tls — server contexts; certificates are made in tls_cert.c. A client certificate that does not
 * verify is no reason to refuse the handshake: its bearer has no name then, and the service answers
 * 401 in a form that clients can show. */
#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "io/tls_internal.h"

int tls_err(struct err *err, enum err_kind kind, const char *what)
{
    char text[120] = "no reason given";
    unsigned long code = ERR_get_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return err_set(err, kind, "%s: %s", what, text);
}

static int use_certificates(SSL_CTX *ctx, struct str pem, struct err *err)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    AUTO(tls_x509_freep) X509 *own = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (!own || SSL_CTX_use_certificate(ctx, own) != 1)
        return tls_err(err, ERR_INVALID, "reading the server certificate");
    for (;;) {
        X509 *chain = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!chain)
            break;
        if (SSL_CTX_add0_chain_cert(ctx, chain) != 1) {
            X509_free(chain);
            return tls_err(err, ERR_INVALID, "reading the certificate chain");
        }
    }
    ERR_clear_error(); /* the end of the file is an error to OpenSSL */
    return 0;
}

static int use_key(SSL_CTX *ctx, struct str pem, struct err *err)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    AUTO(tls_key_freep) EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return tls_err(err, ERR_INVALID, "reading the server's private key");
    return 0;
}

/* The result stays in the session (tls_conn_peer looks at it); the handshake goes on. */
static int verify_later(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    if (X509_verify_cert(store) != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    return 1;
}

static int use_client_ca(SSL_CTX *ctx, struct str pem, struct err *err)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    int n = 0;
    for (;; n++) {
        AUTO(tls_x509_freep) X509 *ca = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
        if (!ca)
            break;
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) != 1 ||
            SSL_CTX_add_client_CA(ctx, ca) != 1)
            return tls_err(err, ERR_INVALID, "using the client CA");
    }
    if (n == 0)
        return tls_err(err, ERR_INVALID, "reading the client CA");
    ERR_clear_error();
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_later, NULL);
    return 0;
}

static int choose_alpn(SSL *ssl,
                       const unsigned char **out,
                       unsigned char *out_n,
                       const unsigned char *in,
                       unsigned in_n,
                       void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int configure(SSL_CTX *ctx, struct err *err)
{
    static const unsigned char id[] = "ganglion";
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need no memory of ours */
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1)
        return tls_err(err, ERR_BUG, "configuring TLS");
    return 0;
}

int tls_server_new(struct tls_server **out,
                   struct str cert_pem,
                   struct str key_pem,
                   struct str client_ca_pem,
                   struct err *err)
{
    AUTO(tls_ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return tls_err(err, ERR_IO, "creating a TLS context");
    if (configure(ctx, err) != 0 || use_certificates(ctx, cert_pem, err) != 0 ||
        use_key(ctx, key_pem, err) != 0)
        return -1;
    if (client_ca_pem.n > 0 && use_client_ca(ctx, client_ca_pem, err) != 0)
        return -1;
    BIO_METHOD *bio = tls_bio_method();
    if (!bio)
        return tls_err(err, ERR_IO, "creating a BIO method");
    struct tls_server *t = MEM_NEW(struct tls_server);
    t->ctx = TAKE(ctx);
    t->bio = bio;
    *out = t;
    return 0;
}

void tls_server_free(struct tls_server *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    free(t);
}
