/* SPDX-License-Identifier: Apache-2.0
 * rest_request — struct request as method, URL, content type and body. Pure, so that tests need no
 * server. */
#pragma once

#include "base/arena.h"
#include "kube/request.h"

struct rest_parts {
    const char *method;
    struct str path_query;   /* "/api/v1/namespaces/default/pods?limit=500" */
    struct str content_type; /* absent: no body */
    struct str body;
};

/* Everything in the arena, or borrowed from r. */
struct rest_parts rest_request_parts(struct arena *a, const struct request *r);
