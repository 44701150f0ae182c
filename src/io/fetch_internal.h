/* SPDX-License-Identifier: Apache-2.0
 * fetch_internal — fetch.c runs libcurl on the loop; fetch_request.c makes one easy handle. */
#pragma once

#include <curl/curl.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/fetch.h"

#define FETCH_ANSWER_BYTES_MAX ((size_t)16 << 20) /* when the request names no limit */

struct fetch_client {
    struct loop *loop;
    CURLM *multi;
    struct timer *timer;
    char *ca, *cert, *key, *server_name; /* NULL: not given */
    bool insecure;
    struct list running; /* in curl's hands */
    struct list waiting; /* to be given to curl when it is not on the stack */
    struct list doomed;  /* cancelled while curl was on the stack */
    int depth;           /* of callbacks and curl calls on the stack */
    bool dead;           /* fetch_client_free was called meanwhile */
};

struct fetch {
    struct list link;
    struct fetch_client *client;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    struct timer *deadline; /* NULL: none */
    bool added;             /* to the multi handle */
    bool cancelled;         /* no callback any more */
    bool ended;             /* the piece callback wants no more */
    bool too_large, late;
    char *body_sent;
    struct buf body, content_type, warnings, retry_after, grpc_status, grpc_message;
    fetch_piece_fn piece;
    fetch_done_fn done;
    void *arg;
    struct err bad; /* why it cannot even start */
    char why[CURL_ERROR_SIZE];
};

/* Fills f->easy from the request. On failure says why in err. */
int fetch_prepare(struct fetch *f, const struct fetch_request *r, struct err *err);

/* Call before leaving a transfer that is not complete. Curl 7.88 queues the RST_STREAM of an
 * abandoned HTTP/2 stream but writes it only when the connection is used again; so, unless other
 * streams use it, let curl close the connection: the server must learn that nobody listens. */
void fetch_abandon(struct fetch *f);
