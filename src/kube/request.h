/* SPDX-License-Identifier: Apache-2.0
 * request — one call of the Kubernetes API, free of transport: what the HTTP front of the apiserver
 * decodes from the wire, what the in-process transport passes in memory, what the REST client puts
 * on the wire. Plain data; slices are borrowed by whoever gets a request, for the call only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/json.h"
#include "kube/kind.h"
#include "kube/kobj.h"

enum patch_type { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

struct list_options { /* of GET, LIST, WATCH and DELETE_COLLECTION */
    struct str label_selector, field_selector;
    struct str resource_version;       /* absent: most recent */
    struct str resource_version_match; /* Exact, NotOlderThan */
    struct str cont;                   /* the continue token */
    int64_t limit;                     /* 0: none */
    int64_t timeout_s;                 /* of a watch; 0: the server's choice */
    struct json_keep *keep; /* what the caller reads of the objects; outlives the call. NULL:
                               everything. A transport that shares objects gives them whole */
    bool all_pages;         /* LIST with a limit: page after page, see struct reply.more */
    bool bookmarks, send_initial_events;
    bool has_send_initial_events; /* the request said so, true or false */
};

struct write_options { /* of CREATE, UPDATE, PATCH and DELETE */
    struct str field_manager;
    struct str field_validation; /* Ignore, Warn, Strict; absent: Warn */
    enum patch_type patch;
    bool dry_run, force;
    struct str uid, revision; /* preconditions of DELETE; absent: none */
    struct str propagation;   /* Orphan, Background, Foreground */
    int64_t grace_s;          /* gracePeriodSeconds; -1: the object's own */
};

struct request {
    enum verb verb;
    struct str group, version, plural; /* the resource */
    struct str subresource;            /* absent: the object itself */
    struct str namespace, name;        /* absent where they don't apply */
    struct list_options list;
    struct write_options write;
    struct json body; /* the object, or the patch; borrowed */
};

/* What a call came to. Shape (a); whoever receives it by callback borrows it for the callback. */
struct reply {
    int code; /* HTTP status: 200, 201, 404, … */
    struct kobj
        *object; /* of single-object calls; a metav1.Status when code >= 400 or after DELETE */
    struct kobj *const *items; /* of LIST */
    size_t n_items;
    uint64_t revision; /* of LIST, and of a bind_all */
    const bool *bound; /* of a bind_all that binds one by one: which stand; NULL: all or none */
    struct str cont;   /* of LIST: more follows */
    bool more;         /* of LIST with all_pages: it follows by itself, to the same callback */
    int64_t remaining; /* of LIST: -1 unknown */
    const struct str *warnings;
    size_t n_warnings;
};

enum event_type { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED, EVENT_BOOKMARK, EVENT_ERROR };

struct watch_event {
    enum event_type type;
    uint64_t revision;   /* resume from here */
    struct kobj *object; /* ERROR: a metav1.Status; BOOKMARK: metadata only */
    bool initial_end;    /* BOOKMARK: the initial events (WatchList) are complete */
};
