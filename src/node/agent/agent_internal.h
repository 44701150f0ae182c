/* SPDX-License-Identifier: Apache-2.0
 * agent_internal — the agent's parts: agent.c (life, watches), agent_pod.c (one pod against the
 * API), agent_refs.c and agent_volumes.c (ConfigMaps and Secrets), agent_node.c (the Node and its
 * Lease), agent_log.c (log requests). */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "client/informer.h"
#include "client/recorder.h"
#include "node/agent.h"
#include "node/executor/executor.h"

#define PODS GVR("", "v1", "pods")
#define NODES GVR("", "v1", "nodes")
#define LEASES GVR("coordination.k8s.io", "v1", "leases")
#define AGENT_REFS_MAX 256 /* ConfigMaps and Secrets that one pod names */

struct pod_ref { /* a ConfigMap or Secret that a pod names */
    bool secret;
    struct str name;           /* borrowed from the pod that is held in tracked.asked */
    const struct kobj *object; /* NULL: there is none */
};

struct shown;
VEC_TYPE(shown_vec, struct shown *);

struct tracked { /* one pod of ours in the API */
    struct node_agent *n;
    const struct kobj *latest; /* the newest revision seen; a reference */
    struct str uid;            /* borrowed from first */
    const struct kobj *first;  /* a reference that keeps uid */
    struct local_pod *p;       /* NULL: nothing to run (finished before we came) */
    const struct kobj *asked;  /* the revision whose references are looked up; a reference */
    struct pod_ref refs[AGENT_REFS_MAX];
    size_t n_refs, n_waiting; /* answers */
    struct shown_vec shown;   /* what its volumes show while it runs */
    struct timer *timer;
    int64_t retry_ns;
    bool prepare_again, writing;
    bool starting;                        /* not yet reported as started; first seen before that */
    bool fresh;                           /* waits in node_agent.fresh for the end of the batch */
    bool recovered;                       /* its folder was here before us */
    struct json_doc *written, *in_flight; /* the status that the API has, and the one under way */
};
VEC_TYPE(tracked_vec, struct tracked *);

struct sent { /* one call under way */
    struct list link;
    struct node_agent *n;
    struct call *call;
    char uid[64]; /* of the pod it is about; "" : none */
    size_t index; /* of the reference it asks for */
};

struct log_reader;

struct node_agent {
    struct transport *t;
    struct arena *arena; /* options and machine */
    struct node_options o;
    struct machine machine;
    struct node_meter *meter;
    struct str name;
    int lock;
    struct executor *executor;
    struct informers *informers;
    struct informer *pods, *nodes;
    struct recorder *recorder;
    struct timer *beat, *again, *tidy;
    struct map tracked;
    struct map shown; /* struct shown by key */
    struct tracked_vec fresh;
    struct list sents, readers;
    bool registered, leased, swept, stopping;
    loop_fn stopped;
    void *stopped_arg;
};

/* ---- agent.c ---- */
struct sent *agent_sent(struct node_agent *n, struct str uid);
void agent_sent_free(struct sent *x);
void agent_event(struct node_agent *n,
                 const struct kobj *about,
                 const char *type,
                 const char *reason,
                 struct str message);

/* ---- agent_pod.c ---- */
/* The pod a call was about; NULL when it is gone. Frees the call's record. */
struct tracked *agent_answered(struct sent *x, size_t *index);
void tracked_prepare(struct tracked *t); /* everything it names is looked up */
void tracked_renew(struct tracked *t);   /* a container runs again: look up what it names */
struct tracked *tracked_new(struct node_agent *n, const struct kobj *pod);
void tracked_free(struct tracked *t);  /* not its local pod */
void tracked_begin(struct tracked *t); /* new here: run it, find it again, or only end it */
void tracked_update(struct tracked *t, const struct kobj *pod);
void tracked_turned(struct tracked *t); /* its local pod had a turn */

/* ---- agent_refs.c ---- */
typedef void (*agent_ref_fn)(void *arg, bool secret, struct str name);
void agent_refs_of_volumes(const struct kobj *pod, agent_ref_fn fn, void *arg);
struct gvr agent_ref_resource(bool secret);
void agent_refs_look_up(struct tracked *t); /* tracked_prepare follows, perhaps at once */
void agent_refs_drop(struct tracked *t);
struct json agent_refs_find(void *tracked, bool secret, struct str name);

/* ---- agent_volumes.c ---- */
void agent_volumes_begin(struct tracked *t); /* it is prepared: follow what its volumes show */
void agent_volumes_end(struct tracked *t);
void agent_volumes_changed(struct tracked *t, const struct kobj *before); /* the pod itself did */
void agent_volumes_tidy(void *agent);

/* ---- agent_node.c ---- */
void agent_register(struct node_agent *n);
void agent_on_beat(void *arg); /* renews the Lease */
void agent_on_node(void *arg, const struct kobj *before, const struct kobj *after);

/* ---- agent_log.c ---- */
void agent_logs_end(struct node_agent *n); /* ends all readers */
