/* SPDX-License-Identifier: Apache-2.0
 * http_holder — who holds how much of all request bodies. A holder may have as much as is still
 * free: T = B - Q, the dynamic threshold of shared buffers in switches (Choudhury and Hahne 1998).
 * One alone gets half of the budget, n greedy ones 1/(n+1) each, and as much stays free for whoever
 * comes next; no number has to be chosen for it. */
#include <stdlib.h>

#include "base/mem.h"
#include "io/http_internal.h"

struct http_holder {
    struct str name;
    uint64_t body_bytes;
    size_t refs;
};

static struct http_holder *find_or_make(struct http_server *s, struct str name)
{
    struct http_holder *h = map_get(&s->holders, name);
    if (h)
        return h;
    h = MEM_NEW(struct http_holder);
    h->name = str_make(str_dup(name), name.n);
    map_put(&s->holders, h->name, h);
    return h;
}

void http_holder_drop(struct http_server *s, struct http_holder *h)
{
    if (!h || --h->refs > 0)
        return;
    map_del(&s->holders, h->name);
    free((char *)(uintptr_t)h->name.p); /* our own copy */
    free(h);
}

void http_holder_take(struct http_exchange *x, struct str name)
{
    struct http_conn *c = x->conn;
    if (!c->holder || !str_eq(c->holder->name, name)) {
        struct http_holder *h = find_or_make(c->server, name);
        h->refs++;
        http_holder_drop(c->server, c->holder);
        c->holder = h;
    }
    x->holder = c->holder;
    x->holder->refs++;
}

int http_holder_add(struct http_exchange *x, size_t n)
{
    struct http_server *s = x->conn->server;
    uint64_t left = s->limits.all_bodies_bytes - s->body_bytes;
    if (n > left)
        return 503;
    if (x->holder && x->holder->body_bytes + n > left - n)
        return 429;
    if (x->holder)
        x->holder->body_bytes += n;
    s->body_bytes += n;
    return 0;
}

void http_holder_release(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;
    s->body_bytes -= x->body.n;
    if (!x->holder)
        return;
    x->holder->body_bytes -= x->body.n;
    http_holder_drop(s, TAKE(x->holder));
}
