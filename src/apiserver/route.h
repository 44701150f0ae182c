/* SPDX-License-Identifier: Apache-2.0
 * route — from method, path and query to the call that is meant. Pure. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "kube/request.h"

enum route_kind {
    ROUTE_UNKNOWN,   /* text 404 */
    ROUTE_RESOURCE,  /* r says which */
    ROUTE_DISCOVERY, /* /api, /apis and what is below without a resource */
    ROUTE_HEALTH,
    ROUTE_VERSION,
    ROUTE_METRICS,
    ROUTE_OPENAPI_V2,
    ROUTE_OPENAPI_V3, /* rest: "api/v1", or empty for the index */
};

struct route {
    enum route_kind kind;
    struct request r;  /* group and version are set for discovery too, when the path has them */
    bool core;         /* below /api, not /apis */
    bool method_known; /* false: 405 */
    struct str rest;   /* of OpenAPI paths */
    struct str health; /* "healthz", "readyz", "livez" */
};

/* Slices are in the arena or borrowed from path and query. */
void route_parse(struct route *out,
                 struct arena *a,
                 struct str method,
                 struct str path,
                 struct str query);

/* Fills the options of out->r from the query. ERR_INVALID: what is malformed. */
int route_options(struct request *r, struct arena *a, struct str query, struct err *err);
