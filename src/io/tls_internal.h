/* SPDX-License-Identifier: Apache-2.0
 * tls_internal — what tls.c, tls_cert.c and tls_conn.c share. */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct tls_server {
    SSL_CTX *ctx;
    BIO_METHOD *bio; /* memory without buffers of its own: see tls_conn.c */
};

BIO_METHOD *tls_bio_method(void); /* NULL when out of memory */
/* Empties OpenSSL's error queue into err. Returns -1. */
int tls_err(struct err *err, enum err_kind kind, const char *what);

DEFINE_FREEP(BIO *, tls_bio_freep, BIO_free_all)
DEFINE_FREEP(X509 *, tls_x509_freep, X509_free)
DEFINE_FREEP(EVP_PKEY *, tls_key_freep, EVP_PKEY_free)
DEFINE_FREEP(SSL_CTX *, tls_ctx_freep, SSL_CTX_free)
