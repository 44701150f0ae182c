/* SPDX-License-Identifier: Apache-2.0
 * probe_grpc — the health check of gRPC servers (grpc.health.v1.Health/Check) as bytes: what is
 * asked, and what an answer means, in kubelet's words. Pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#define PROBE_GRPC_PATH "/grpc.health.v1.Health/Check"

/* Appends the framed HealthCheckRequest { string service = 1; }. */
void probe_grpc_request(struct buf *out, struct str service);

struct probe_grpc_answer { /* borrowed */
    int http_status;
    struct str body;
    struct str status, message; /* grpc-status and grpc-message; absent: none came */
};

/* NULL slice: the service is serving. Else what is wrong, in the arena. */
struct str
probe_grpc_trouble(struct arena *a, const struct probe_grpc_answer *answer, int64_t timeout_ms);
