/* SPDX-License-Identifier: Apache-2.0
 * front_internal — one exchange between the files front*.c: media types, bodies, tables, streams.
 */
#pragma once

#include "apiserver/action.h"
#include "apiserver/route.h"
#include "base/buf.h"
#include "io/http.h"

#define FRONT_ANSWER_BYTES_MAX ((size_t)256 << 20)

enum front_shape { FRONT_OBJECT, FRONT_TABLE, FRONT_PARTIAL };

struct front_accept {
    enum front_shape shape;
    bool yaml, gzip;
    bool partial_list;  /* PartialObjectMetadataList, not ...Metadata */
    bool discovery;     /* the aggregated form is wanted */
    bool openapi_proto; /* OpenAPI v2 is wanted as protobuf */
};

struct front { /* one exchange, until its answer is handed over; functions that respond end it */
    struct http_exchange *x; /* NULL: gone */
    struct action *a;
    struct route route;
    struct front_accept accept;
    struct str query; /* in the arena */
    struct watcher *watcher;
    struct podlog *log;
    struct str caller; /* who asks, impersonating or not; in the arena */
    bool reading;      /* the body is not complete */
    bool answered;     /* the end of its stream is queued */
    bool table_head_sent;
};

/* front_accept.c. False: nothing that we can write is accepted (406). */
bool front_accept_parse(struct front_accept *out, const struct http_request *req);

/* front_body.c. TURN_GO or a refusal. */
bool front_has_body(const struct action *a); /* does the call have a use for one? */
enum turn front_media(struct action *a, const struct http_request *req); /* is its type known? */
/* The body into a->body and a->r.body. */
enum turn front_body(struct action *a, const struct http_request *req);

/* front_shape.c: objects and lists as the client wants to see them. */
void front_write_object(struct buf *out, struct front *f, const struct kobj *o);
void front_write_list(struct buf *out, struct front *f);
/* The object of one watch event. */
void front_write_event_object(struct buf *out, struct front *f, const struct watch_event *ev);

/* front_answer.c: these end f, also when nobody is there any more. */
void front_free(struct front *f); /* without an answer */
void front_respond_text(struct front *f, int status, const char *type, struct str body);
void front_respond_json(struct front *f, int status, struct str body);
void front_respond_reply(struct front *f);   /* of its action; the exchange must be there */
void front_respond_refusal(struct front *f); /* the same, made before the action was started */
/* Answers that nobody reads pile up: nothing large is made until they are read or cut. True: f was
 * answered so, and has ended. */
bool front_refuse_crowd(struct front *f);

/* front_watch.c: begins the stream of a finished watch action. */
void front_watch_begin(struct front *f);
void front_watch_gone(struct front *f); /* the exchange is over */

/* front_log.c: pod logs. */
void front_log_begin(struct front *f);
void front_log_gone(struct front *f);

/* discovery.c: answers for ROUTE_DISCOVERY, ROUTE_VERSION and OpenAPI. */
void discovery_answer(struct front *f);
