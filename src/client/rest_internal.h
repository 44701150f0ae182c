/* SPDX-License-Identifier: Apache-2.0
 * rest_internal — what the files of the REST transport share. */
#pragma once

#include "base/list.h"
#include "client/rest.h"
#include "client/rest_request.h"

struct rest_list; /* rest_list.c */

struct rest {
    struct transport base;
    struct fetch_client *fetch;
    char *server;
    char *authorization; /* "Bearer …", or NULL */
    char *user_agent;
    struct list calls;
};

struct call {
    struct rest *rest;
    struct list link;
    struct fetch *fetch;
    struct json_keep *keep; /* of the request; NULL: everything */
    struct rest_list *list; /* NULL: no list */
    reply_fn done;
    events_fn events;
    watch_end_fn end;
    void *arg;
    struct buf line;         /* of a watch: bytes of an incomplete event */
    struct err watch_err;    /* what an ERROR event or a bad line said */
    struct bind_each *binds; /* of bind_all */
};

/* Starts a fetch for the call; parts are copied. With piece set it has no deadline. */
struct fetch *
rest_send(struct call *c, const struct rest_parts *parts, fetch_piece_fn piece, fetch_done_fn done);
/* Answers a call with what came, and frees it. */
void rest_on_answer(void *arg, const struct fetch_answer *a, const struct err *err);
void rest_call_free(struct call *c);

void rest_list_start(struct call *c, const struct request *req);
void rest_list_fini(struct call *c);
