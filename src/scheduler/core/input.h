/* SPDX-License-Identifier: Apache-2.0
 * input — everything that a core hears, as a value: what the service tells it, a record keeps
 * (record/record.h) and a replay tells it again. Whoever wants its decisions recorded speaks to the
 * core through core_hear and core_step alone. One thread, as the core. */
#pragma once

#include "scheduler/core/core.h"

enum input_kind {
    /* an object came, changed or went */
    INPUT_NODE,
    INPUT_POD,
    INPUT_NAMESPACE,
    INPUT_SERVICE,
    INPUT_REPLICASET,
    INPUT_STATEFULSET,
    INPUT_CONTROLLER,
    INPUT_BUDGET,
    INPUT_CLASS,
    INPUT_SLICE,
    INPUT_CLAIM,
    INPUT_GROUP,
    INPUT_QUEUE,
    INPUT_STORAGE, /* volumes, claims on them, StorageClasses, what CSI drivers say */
    INPUT_RESERVATION,
    INPUT_TOPOLOGY, /* of Kueue, KAI or Volcano, or a NodeResourceTopology */
    /* what came of decisions, by pods */
    INPUT_FORGET,
    INPUT_SENT, /* our allocations of their claims went to the API */
    INPUT_REFUSED,
    INPUT_UNREADY, /* devices of their claims could not be made ready; FORGET is in it */
    INPUT_ANSWER,
    INPUT_WHY, /* somebody asked why the pod waits: it changes no decision, but looks around */
    /* the rest */
    INPUT_CLAIM_ANSWER,
    INPUT_PLACES,
    INPUT_EVICTION,
    INPUT_START,
    INPUT_CLOCK,
    INPUT_RULES, /* what plugins answer changed */
    INPUT_STEP,  /* core_step; never heard */
};
#define INPUT_KINDS (INPUT_STEP + 1)
#define INPUT_OBJECT_KINDS (INPUT_TOPOLOGY + 1) /* those before it carry an object */

/* A word for each kind: "node", "claim-answer". Static storage. */
extern const char *const input_names[INPUT_KINDS];

struct core_input { /* everything borrowed, but for answer */
    enum input_kind kind;
    struct mono now;
    const struct kobj *obj; /* objects; the last state known when it went */
    bool gone;
    const struct pod_id *pods; /* all of FORGET; one of the others */
    size_t n_pods;
    struct extender_answer *answer; /* ANSWER: taken over */
    struct claim_id claim;          /* CLAIM_ANSWER */
    uint64_t revision;
    struct str gang; /* PLACES, EVICTION, START: key of the gang, what is recorded, its end */
    struct json places;
    struct mono until;
    struct wall wall;        /* CLOCK */
    struct explanation *why; /* WHY: to be filled; NULL: nobody reads it */
    struct arena *a;         /* ... in here */
};

/* Only a queue can be wrong (core_queue_set): then nothing changed. */
int core_hear(struct sched_core *s, const struct core_input *in, struct err *err);
