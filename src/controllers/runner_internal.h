/* SPDX-License-Identifier: Apache-2.0
 * runner_internal — what one pass asked for (writes.c) and how the runner carries it out
 * (runner.c). */
#pragma once

#include "base/vec.h"
#include "client/recorder.h"
#include "controllers/controller.h"

struct write {
    enum verb verb; /* CREATE, PATCH, DELETE; GET: the object must not be there */
    bool status;
    bool now; /* of DELETE: without grace */
    struct gvr resource;
    struct str namespace, name, uid, propagation; /* in the pass's arena */
    struct json_doc *body;
};
VEC_TYPE(write_vec, struct write);

/* Writes go in this order; each phase only when all of the one before succeeded. */
enum phase { PHASE_ABSENT, PHASE_OBJECTS, PHASE_STATUS, PHASES };

static inline enum phase write_phase(const struct write *w)
{
    if (w->verb == VERB_GET)
        return PHASE_ABSENT;
    return w->status ? PHASE_STATUS : PHASE_OBJECTS;
}

struct event_note {           /* an Event to record */
    const struct kobj *about; /* counted */
    const char *type, *reason;
    struct str message;
};
VEC_TYPE(event_note_vec, struct event_note);

struct reconcile_out {
    struct write_vec writes;
    struct event_note_vec events;
    struct wall again; /* 0: not asked for */
};

void reconcile_out_fini(struct reconcile_out *out);
