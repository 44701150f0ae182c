/* SPDX-License-Identifier: Apache-2.0
 * extender — HTTP extenders of a KubeSchedulerConfiguration: which there are, which pods concern
 * them, and what they said about the nodes for one pod. The talk itself is extender_talk.h (pure),
 * its transport service_ask.c; the plugin Extenders makes filters and scores of the answer. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "kube/pod.h"
#include "scheduler/framework.h"

#define EXTENDERS_MAX 16
#define EXTENDER_SCORE_MAX 10 /* what an extender may give a node */

struct extender {
    struct str url;                               /* without a slash at its end */
    struct str filter, prioritize, bind, preempt; /* verbs; absent: it has no such */
    int64_t weight, timeout_ns;
    bool node_cache_capable; /* it knows nodes by name */
    bool ignorable;          /* go on without it when it fails */
    struct strs managed;     /* resources; none: every pod concerns it */
    struct {
        bool insecure;
        struct str server_name, ca_file, cert_file, key_file, ca_pem, cert_pem, key_pem;
    } tls;
};

struct extenders { /* immutable once parsed; everything lives in a */
    struct arena *a;
    struct extender items[EXTENDERS_MAX];
    size_t n;
    struct strs ignored; /* resources that our own filters must not look at */
};

/* Reads the list `extenders`, whose fields config_fields.h has checked. *out is NULL when it is
 * empty or absent. ERR_INVALID names the field. */
int extenders_parse(struct extenders **out, struct json list, struct err *err);
void extenders_free(struct extenders *x); /* NULL is fine */

/* The pod asks for one of its resources. */
bool extender_concerns(const struct extender *e, const struct pod *pod);
/* An extender that filters or scores has a say about the pod. */
bool extenders_concern(const struct extenders *x, const struct pod *pod);
/* An extender has a say about whom a preemption for the pod evicts. */
bool extenders_concern_victims(const struct extenders *x, const struct pod *pod);
/* The one that binds it; NULL: we do. */
const struct extender *extenders_binder(const struct extenders *x, const struct pod *pod);

/* ---- answers ---- */

struct extender_node {
    struct str name;
    enum verdict verdict;
    struct str why;
    int64_t score; /* of all extenders, weighted, on the scale of our own scores */
};

struct extender_victim {
    struct str uid;
    bool leaves; /* false: it was proposed, but need not leave */
};

struct extender_offer { /* a node where the pod fits once some left; nobody leaves: struck out */
    struct str node;
    struct extender_victim *pods; /* all that were proposed */
    size_t n;
    int64_t violations; /* of PodDisruptionBudgets */
};

struct extender_answer { /* of all extenders together, about one pod; single owner */
    struct arena *a;
    struct extender_node *nodes; /* by name */
    size_t n;
    bool of_victims;               /* whom a preemption evicts was asked: offers, and no nodes */
    struct extender_offer *offers; /* by node */
    size_t n_offers;
    struct str error; /* of an extender that must not be ignored; else absent */
    bool spent;       /* a cycle used it: the next one asks again */
};

struct extender_answer *extender_answer_new(void);
void extender_answer_free(struct extender_answer *x); /* NULL is fine */
/* NULL: they were not asked about it. */
const struct extender_node *extender_answer_find(const struct extender_answer *x, struct str node);
/* The same for victims. */
const struct extender_offer *extender_answer_offer(const struct extender_answer *x,
                                                   struct str node);
/* How many of them leave. */
size_t extender_offer_leaving(const struct extender_offer *o);
/* The name as a key of Go's encoding/json: letters in any case. */
struct json extender_field(struct json obj, const char *name);
