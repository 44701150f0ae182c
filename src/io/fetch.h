/* SPDX-License-Identifier: Apache-2.0
 * fetch — outgoing HTTP(S), over libcurl's multi interface on our loop: proxies, certificates,
 * redirects and HTTP/2 multiplexing done by those who know. One loop thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/http.h"
#include "io/loop.h"

struct fetch_client; /* connections shared by the requests of one service */
struct fetch;        /* one request under way */

struct fetch_tls {
    struct str ca_pem;          /* absent: the system's */
    struct str client_cert_pem; /* absent: none */
    struct str client_key_pem;
    struct str server_name; /* absent: the URL's host */
    bool insecure;
};

enum {                              /* of struct fetch_request */
       FETCH_ALONE = 1u << 0,       /* a connection of its own, closed behind it */
       FETCH_STAY = 1u << 1,        /* a redirect is an answer like others */
       FETCH_HTTP2_CLEAR = 1u << 2, /* HTTP/2 without TLS, as gRPC servers speak it */
};

struct fetch_request {
    const char *method; /* "GET" */
    unsigned flags;
    struct str url;
    const struct http_header *headers;
    size_t n_headers;
    struct str body;     /* copied */
    int64_t timeout_ns;  /* 0: none, as for a watch */
    size_t answer_bytes; /* limit of a buffered answer; ERR_TOO_LARGE beyond */
};

struct fetch_answer {
    int status; /* 0: no answer, err says why */
    struct str body;
    struct buf *buffer; /* where body stands; whoever wants to keep it may buf_take it */
    struct str content_type;
    struct str warnings; /* the Warning headers' values, newline-separated */
    struct str retry_after;
    struct str grpc_status, grpc_message; /* headers or trailers of a gRPC answer */
};

typedef void (*fetch_done_fn)(void *arg, const struct fetch_answer *a, const struct err *err);
/* A piece of a streamed body. Return false to end the stream (done follows with ERR_NONE). */
typedef bool (*fetch_piece_fn)(void *arg, int status, struct str piece);

struct fetch_client *fetch_client_new(struct loop *l, const struct fetch_tls *tls, struct err *err);
void fetch_client_free(struct fetch_client *c); /* cancels what is under way, without callbacks */

/* Starts; done(arg) is called exactly once, later, unless fetch_cancel came first. With piece set
 * the body of a 2xx answer goes there piece by piece and the answer's body is empty. */
struct fetch *fetch_start(struct fetch_client *c,
                          const struct fetch_request *r,
                          fetch_piece_fn piece,
                          fetch_done_fn done,
                          void *arg);
void fetch_cancel(struct fetch *f); /* no callback after it */
