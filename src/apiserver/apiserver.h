/* SPDX-License-Identifier: Apache-2.0
 * apiserver — the Kubernetes API over store/, as a library: `ganglion apiserver` runs it alone,
 * `ganglion up` runs it on a thread of its own beside the services.
 *
 * Everything but apiserver_transport and the podlog_ functions runs on the loop given to
 * apiserver_new. Services reach it through a transport (in process, below) or over HTTPS; both
 * enter the same pipeline. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "client/transport.h"
#include "daemon/health.h"
#include "io/loop.h"

struct apiserver;
struct metrics; /* daemon/metrics.h */

struct apiserver_options {
    const char *data_dir; /* made when missing; holds the database, the CA, the token. NULL: memory
                             only, with a new CA and token at each start */
    struct str address;   /* "127.0.0.1"; absent: no listener, in-process transports only */
    uint16_t port;        /* 0: any */
    bool allow_remote;    /* an address beyond loopback is refused without it */
    /* Comma-separated admission plugins to switch on or off beside the defaults:
     * "ServiceAccount,TaintNodesByCondition" are off unless named. */
    struct str enable_admission, disable_admission;
    size_t window_bytes; /* of watch history; 0: the store's default */
    /* CustomResourceDefinitions to write when missing, YAML; borrowed for the call. */
    const struct str *definitions;
    size_t n_definitions;
};

/* Opens the store, makes the default namespaces and priority classes, listens. ERR_BUSY: another
 * instance uses the data directory, or the port is taken. */
int apiserver_new(struct apiserver **out,
                  struct loop *l,
                  const struct apiserver_options *o,
                  struct err *err);

/* Stops listening, ends watches, waits for queued writes, then calls done(arg) on the loop; after
 * it call apiserver_free. Transports must be closed before. */
void apiserver_close(struct apiserver *s, loop_fn done, void *arg);
void apiserver_free(struct apiserver *s); /* NULL is fine */

/* One more check behind /livez (and /healthz) or /readyz; kinds, name and fn as for health_add. */
void apiserver_add_check(struct apiserver *s,
                         unsigned kinds,
                         const char *name,
                         health_fn fn,
                         void *arg);

/* GET /metrics tells these too; borrowed until apiserver_free. */
void apiserver_add_metrics(struct apiserver *s, struct metrics *m);

/* ---- how to reach it ---- */
uint16_t apiserver_port(const struct apiserver *s);  /* 0 without a listener */
struct str apiserver_url(const struct apiserver *s); /* "https://127.0.0.1:6443" */
struct str
apiserver_token(const struct apiserver *s);         /* of user kubernetes-admin, system:masters */
struct str apiserver_ca(const struct apiserver *s); /* PEM */
#define APISERVER_CLUSTER "ganglion"                /* and context, in the kubeconfig */
/* A kubeconfig with the CA and the admin token inside, mode 0600. */
int apiserver_write_kubeconfig(struct apiserver *s, const char *path, struct err *err);

/* Opens an in-process transport as a named user; callbacks come on `caller`. Any thread. The
 * apiserver must outlive it. `system:` users of our own services are members of system:masters
 * unless groups say otherwise (n_groups 0: system:masters and system:authenticated). */
struct transport *apiserver_transport(struct apiserver *s,
                                      struct loop *caller,
                                      struct str user,
                                      const struct str *groups,
                                      size_t n_groups);

/* ---- pod logs: the node's executor serves them; any thread may write ---- */
struct podlog; /* one request for logs, alive until podlog_end */

struct podlog_query { /* borrowed for the call of the source */
    struct str namespace, pod, uid, node, container;
    bool follow, previous, timestamps;
    int64_t tail_lines;    /* -1: all */
    int64_t since_s;       /* -1: all */
    int64_t limit_bytes;   /* -1: no limit */
    struct str since_time; /* RFC 3339; absent: all */
};

/* Called on the apiserver's loop; answer now or later from any thread with podlog_write and one
 * podlog_end. Without a source, logs answer 404 as a missing kubelet would. */
typedef void (*podlog_source_fn)(void *arg, struct podlog *p, const struct podlog_query *q);
void apiserver_set_podlog(struct apiserver *s, podlog_source_fn fn, void *arg);

/* Queues a copy. False when the reader is gone or too slow: stop, and call podlog_end. */
bool podlog_write(struct podlog *p, struct str piece);
/* Ends the answer; p is gone. A non-NULL err before the first byte becomes a Status answer. */
void podlog_end(struct podlog *p, const struct err *err);
/* How many bytes wait to be sent: a follower pauses above its own threshold. */
size_t podlog_unsent(const struct podlog *p);
