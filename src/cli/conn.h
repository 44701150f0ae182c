/* SPDX-License-Identifier: Apache-2.0
 * conn — a verb's connection to the API: calls that wait for their answer, and plain text streams.
 * One thread: a call runs the loop until it is answered. */
#pragma once

#include "cli/verb.h"
#include "client/transport.h"
#include "kube/kind.h"

struct conn;

/* From --kubeconfig, --context and --namespace. */
struct conn *conn_open(const struct args *args, struct err *err);
void conn_close(struct conn *c); /* NULL is fine */

static inline void conn_closep(struct conn **c)
{
    conn_close(*c);
}

struct str conn_namespace(const struct conn *c);
struct str conn_server(const struct conn *c);
struct loop *conn_loop(struct conn *c);
struct transport *conn_transport(struct conn *c);

struct answer { /* shape (a): answer_fini */
    int code;
    struct kobj *object;
    struct kobj **items;
    size_t n_items;
    char *cont;
    uint64_t revision;
};
void answer_fini(struct answer *a);

/* Makes the call and waits. A refusal of the API becomes err; its Warning headers go to stderr. A
 * LIST is read to its last page. */
int conn_do(struct conn *c, const struct request *r, struct answer *out, struct err *err);

/* Did the server answer the last call at all? */
bool conn_answered(const struct conn *c);

/* ERR_INVALID when a name leads elsewhere: "pods/.." would be the namespace. conn_do checks too. */
int conn_check(const struct request *r, struct err *err);

/* GET of a path; pieces go to fn until the answer ends or fn returns false. */
typedef bool (*conn_piece_fn)(void *arg, struct str piece);
int conn_stream(struct conn *c, struct str path, conn_piece_fn fn, void *arg, struct err *err);

/* What a person calls a resource: "po", "jobs.batch", a kind, or a custom resource's name or kind.
 * api_version narrows a kind (absent: any). The result is constant or belongs to the connection. */
const struct resource *conn_resource(struct conn *c, struct str word, struct err *err);
const struct resource *
conn_resource_kind(struct conn *c, struct str api_version, struct str kind, struct err *err);

/* A request for that resource, namespaced when the resource is. */
struct request
conn_request(const struct conn *c, enum verb verb, const struct resource *r, struct str name);
