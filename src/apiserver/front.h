/* SPDX-License-Identifier: Apache-2.0
 * front — the HTTP side of the API: requests become actions, replies become answers, watches become
 * streams. */
#pragma once

#include "io/http.h"

struct apiserver;

/* The server's handler: arg is the apiserver. */
void front_handle(void *arg, struct http_exchange *x, const struct http_request *req);
