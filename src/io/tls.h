/* SPDX-License-Identifier: Apache-2.0
 * tls — certificates and server contexts over OpenSSL. TLS 1.2 and 1.3 only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

struct tls_server;

/* A context for http_server_new. client_ca_pem: certificates signed by it name their bearer
 * (http_request.client_cn); presenting none is allowed. */
int tls_server_new(struct tls_server **out,
                   struct str cert_pem,
                   struct str key_pem,
                   struct str client_ca_pem,
                   struct err *err);
void tls_server_free(struct tls_server *t);

struct tls_pair {
    char *cert_pem, *key_pem; /* free() both, or tls_pair_fini */
};
void tls_pair_fini(struct tls_pair *p);

/* A self-signed CA (EC P-256), valid from now - 1 h for valid_days. */
int tls_make_ca(struct tls_pair *out,
                struct str common_name,
                struct wall now,
                int valid_days,
                struct err *err);

struct tls_cert_request {
    struct str common_name;
    const struct str *orgs; /* O attributes: Kubernetes groups of a client certificate */
    size_t n_orgs;
    const struct str *hosts; /* DNS names and IP addresses for subjectAltName */
    size_t n_hosts;
    bool server; /* serverAuth, else clientAuth */
    int valid_days;
};
int tls_make_cert(struct tls_pair *out,
                  const struct tls_pair *ca,
                  const struct tls_cert_request *r,
                  struct wall now,
                  struct err *err);
