/* SPDX-License-Identifier: Apache-2.0
 * rest — the transport over HTTP(S): any Kubernetes API server, ours or a real one. One connection
 * (HTTP/2) or a few (HTTP/1.1) per transport; see io/fetch.h. */
#pragma once

#include "client/transport.h"
#include "io/fetch.h"

#define REST_ANSWER_BYTES_MAX ((size_t)256 << 20) /* a page of a list */
#define REST_EVENT_BYTES_MAX ((size_t)8 << 20)    /* one watch event */

struct rest_options {
    struct str server; /* "https://127.0.0.1:6443", perhaps with a path */
    struct fetch_tls tls;
    struct str token;      /* bearer; absent: none */
    struct str user_agent; /* absent: ganglion/VERSION */
};

/* Connects lazily; strings are copied. Close with ops->close. */
struct transport *rest_transport_new(struct loop *l, const struct rest_options *o, struct err *err);
