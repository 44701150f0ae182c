/* SPDX-License-Identifier: Apache-2.0
 * checks — what /healthz, /livez and /readyz of the API server ask of itself. The server's loop. */
#pragma once

struct apiserver;

/* Adds the server's own checks to s->health:
 *   etcd            (live) the store's writer moves; named as in Kubernetes, so that probes know it
 *   etcd-readiness  (ready) the store accepts writes: a full disk fails it
 *   loop            (ready) the loop was not late lately */
void checks_add(struct apiserver *s);

/* Once each period of the housekeeping timer: how late is it? */
void checks_tick(struct apiserver *s);
