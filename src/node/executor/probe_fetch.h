/* SPDX-License-Identifier: Apache-2.0
 * probe_fetch — the probes that need TLS or HTTP/2, which the shim has not: the node asks from its
 * own process. Certificates are not verified, as kubelet does not. One loop thread. */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "io/loop.h"

struct probe_fetches; /* those under way */

struct probe_fetches *probe_fetches_new(struct loop *l);
void probe_fetches_free(struct probe_fetches *all);

/* As the shim's answers: code 0 success, -1 timed out, else failure. */
typedef void (*probe_fetch_fn)(void *arg, struct str token, int64_t code, struct str output);

struct probe_fetch {          /* borrowed for the call */
    const struct str *fields; /* https ADDRESS PORT PATH HEADER… or grpc ADDRESS PORT SERVICE */
    size_t n;
    struct str token;
    int64_t timeout_ms; /* 0 or more */
};

/* True for fields that are asked here. */
bool probe_fetch_takes(const struct str *fields, size_t n);
void probe_fetch_start(struct probe_fetches *all,
                       const struct probe_fetch *f,
                       probe_fetch_fn done,
                       void *arg);
/* Forgets what was asked with this arg: no answers follow. */
void probe_fetch_cancel(struct probe_fetches *all, const void *arg);
