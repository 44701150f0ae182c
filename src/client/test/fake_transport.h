/* SPDX-License-Identifier: Apache-2.0
 * fake_transport — a transport whose peer is the test: it keeps the calls that were started, and
 * the test answers them one by one. Records what was asked, so that tests can say what must be
 * asked. */
#pragma once

#include "client/transport.h"

struct fake_transport;

struct fake_call { /* a call that waits for the test's answer */
    enum verb verb;
    bool is_watch, is_bind;
    char path[256];        /* "pods/default/web-0/status" as plural/namespace/name/subresource */
    char query[256];       /* "rv=5 limit=1000 continue=abc field=spec.nodeName=n1" */
    struct json_doc *body; /* NULL: none */
};

struct fake_transport *fake_transport_new(struct loop *l);
/* From now on bind_all is one call for each pod, as over HTTPS (bind_each.h). */
void fake_bind_singly(struct fake_transport *f);
struct transport *fake_transport_base(struct fake_transport *f);
void fake_transport_free(struct fake_transport *f); /* also by ops->close */

size_t fake_pending(const struct fake_transport *f);
const struct fake_call *fake_at(const struct fake_transport *f, size_t i); /* oldest first */

/* Answers and forgets call i. Texts are JSON documents. */
void fake_reply(struct fake_transport *f, size_t i, int code, const char *object);
struct fake_page { /* of a list */
    uint64_t revision;
    const char *cont; /* NULL: the last page */
    const char *const *objects;
    size_t n;
};
void fake_reply_list(struct fake_transport *f, size_t i, const struct fake_page *page);
void fake_fail(struct fake_transport *f, size_t i, enum err_kind kind);
/* One event of watch i, which stays pending. */
void fake_event(struct fake_transport *f, size_t i, enum event_type type, const char *object);
void fake_end_watch(struct fake_transport *f, size_t i, enum err_kind kind);
