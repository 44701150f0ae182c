/* SPDX-License-Identifier: Apache-2.0
 * front — the HTTP side of the API: requests become actions, replies become answers, watches become
 * streams. */
#pragma once

#include "io/http.h"

struct apiserver;

/* The server's handler: arg is the apiserver. */
void front_handle(void *arg, struct http_exchange *x, const struct http_request *req);

/* Judges a head before its body is taken (http_head_fn): who is not known, may not do this, or asks
 * for what there is not, is answered at once. A body is held in the name of who sent it. */
bool front_head(void *arg,
                struct http_exchange *x,
                const struct http_request *req,
                struct str *holder);
