/* SPDX-License-Identifier: Apache-2.0
 * tls_cert — makes certificates: EC P-256 keys, X.509 v3, SHA-256. The start of a certificate lies
 * one hour back, because clocks of clients differ. */
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/clock.h"
#include "io/tls.h"
#include "io/tls_internal.h"

enum { SAN_BYTES_MAX = 16384 };

void tls_pair_fini(struct tls_pair *p)
{
    free(p->cert_pem);
    free(p->key_pem);
    *p = (struct tls_pair){ 0 };
}

static char *bio_text(BIO *bio)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(bio, &bytes);
    return n > 0 ? mem_dup(bytes, (size_t)n) : NULL;
}

static char *cert_text(X509 *cert)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    return bio && PEM_write_bio_X509(bio, cert) == 1 ? bio_text(bio) : NULL;
}

static char *key_text(EVP_PKEY *key)
{
    AUTO(tls_bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return NULL;
    return bio_text(bio);
}

static bool add_name(X509_NAME *name, int nid, struct str value)
{
    return value.n > 0 &&
           X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value.p,
                                      (int)value.n, -1, 0) == 1;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[16];
    clock_random(bytes, sizeof bytes);
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, full length */
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

/* A v3 certificate with key, serial, subject and times, still without extensions and signature. */
static X509 *blank_cert(EVP_PKEY *key, struct wall now, int valid_days)
{
    AUTO(tls_x509_freep) X509 *cert = X509_new();
    time_t seconds = (time_t)(now.ns / NS_PER_S);
    if (!cert || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
        !X509_time_adj_ex(X509_getm_notBefore(cert), 0, -3600, &seconds) ||
        !X509_time_adj_ex(X509_getm_notAfter(cert), valid_days, 0, &seconds) ||
        X509_set_pubkey(cert, key) != 1)
        return NULL;
    return TAKE(cert);
}

static int finish(struct tls_pair *out, X509 *cert, EVP_PKEY *key, EVP_PKEY *signer, struct err *e)
{
    if (X509_sign(cert, signer, EVP_sha256()) <= 0)
        return tls_err(e, ERR_IO, "signing a certificate");
    struct tls_pair pair = { .cert_pem = cert_text(cert), .key_pem = key_text(key) };
    if (!pair.cert_pem || !pair.key_pem) {
        tls_pair_fini(&pair);
        return tls_err(e, ERR_IO, "writing a certificate");
    }
    *out = pair;
    return 0;
}

int tls_make_ca(struct tls_pair *out,
                struct str common_name,
                struct wall now,
                int valid_days,
                struct err *err)
{
    AUTO(tls_key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(tls_x509_freep) X509 *cert = key ? blank_cert(key, now, valid_days) : NULL;
    if (!cert || !add_name(X509_get_subject_name(cert), NID_commonName, common_name) ||
        X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(cert, cert, NID_key_usage,
                       "critical,keyCertSign,cRLSign,digitalSignature") ||
        !add_extension(cert, cert, NID_subject_key_identifier, "hash"))
        return tls_err(err, ERR_IO, "making a CA certificate");
    return finish(out, cert, key, key, err);
}

static bool host_ok(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr(",=\"\\;", c))
            return false; /* they would mean something in the extension's text */
    }
    return host.n > 0 && host.n < 254;
}

static int alt_names(struct buf *out, const struct tls_cert_request *r, struct err *err)
{
    unsigned char addr[sizeof(struct in6_addr)];
    for (size_t i = 0; i < r->n_hosts; i++) {
        struct str host = r->hosts[i];
        if (!host_ok(host))
            return err_set(err, ERR_INVALID, "\"%.*s\" is not a host name or an address",
                           STR_ARG(str_take(host, 80)));
        AUTO(mem_freep) char *text = str_dup(host);
        bool ip = inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
        buf_printf(out, "%s%s:%s", i > 0 ? "," : "", ip ? "IP" : "DNS", text);
    }
    if (out->failed)
        return err_set(err, ERR_TOO_LARGE, "the host names exceed %d bytes", SAN_BYTES_MAX);
    return 0;
}

static bool name_subject(X509 *cert, const struct tls_cert_request *r)
{
    X509_NAME *name = X509_get_subject_name(cert);
    for (size_t i = 0; i < r->n_orgs; i++) {
        if (!add_name(name, NID_organizationName, r->orgs[i]))
            return false;
    }
    return add_name(name, NID_commonName, r->common_name);
}

static bool extend(X509 *cert, X509 *issuer, const struct tls_cert_request *r, const char *alt)
{
    return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, issuer, NID_ext_key_usage,
                         r->server ? "serverAuth" : "clientAuth") &&
           add_extension(cert, issuer, NID_authority_key_identifier, "keyid") &&
           (*alt == '\0' || add_extension(cert, issuer, NID_subject_alt_name, alt));
}

int tls_make_cert(struct tls_pair *out,
                  const struct tls_pair *ca,
                  const struct tls_cert_request *r,
                  struct wall now,
                  struct err *err)
{
    AUTO(tls_bio_freep) BIO *cert_bio = BIO_new_mem_buf(ca->cert_pem, -1);
    AUTO(tls_bio_freep) BIO *key_bio = BIO_new_mem_buf(ca->key_pem, -1);
    AUTO(tls_x509_freep)
    X509 *issuer = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL;
    AUTO(tls_key_freep)
    EVP_PKEY *signer = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
    if (!issuer || !signer)
        return tls_err(err, ERR_INVALID, "reading the CA");
    if (X509_check_private_key(issuer, signer) != 1)
        return err_set(err, ERR_INVALID, "the key of the CA is not that of its certificate");
    AUTO(buf_fini) struct buf alt;
    buf_init(&alt, SAN_BYTES_MAX);
    if (alt_names(&alt, r, err) != 0)
        return -1;
    AUTO(tls_key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(tls_x509_freep) X509 *cert = key ? blank_cert(key, now, r->valid_days) : NULL;
    if (!cert || !name_subject(cert, r) ||
        X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1 ||
        !extend(cert, issuer, r, buf_view(&alt).p))
        return tls_err(err, ERR_IO, "making a certificate");
    return finish(out, cert, key, signer, err);
}
