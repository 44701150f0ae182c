/* SPDX-License-Identifier: Apache-2.0
 * bind_batch — pods that are bound in one request: made by service_bind.c, held by
 * service_volumes.c until their volumes are bound and by service_wait.c until their devices are
 * ready. Nobody else includes this. */
#pragma once

#include "scheduler/service/service_internal.h"

struct bound_pod {
    struct kobj *pod;
    struct str node; /* in the batch's arena */
    size_t gang;     /* number within the batch */
    bool asked;      /* an extender binds it, when everything else is done */
    struct jnode *annotations;
    struct mono since; /* it waited from here on */
    const struct claim_use *claims;
    size_t n_claims;
    const struct volume_write *volumes; /* before it is bound (service_volumes.c) */
    size_t n_volumes;
};
VEC_TYPE(bound_pods, struct bound_pod);

struct bind_batch {
    struct scheduler *s;
    struct list in_flight;
    struct call *call;
    struct arena *a;
    struct bound_pods pods;
    size_t n_gangs;
    struct mono started;
};

/* The pod as it was planned; NULL: not any more, it is gone or was forgotten. */
const struct spod *service_bind_pod(const struct bind_batch *b, size_t i);
/* Sends it, or goes on with what comes after its volumes; from here on it frees itself. */
void service_bind_send(struct bind_batch *b);
void service_bind_go_on(struct bind_batch *b);
