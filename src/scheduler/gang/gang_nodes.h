/* SPDX-License-Identifier: Apache-2.0
 * gang_nodes — what a gang asks of an autoscaler: a ProvisioningRequest (autoscaling.x-k8s.io/v1)
 * with one PodTemplate for each sort of members that wait, and what the autoscaler answers in the
 * request's conditions. Documents only; service_nodes.c writes and deletes them.
 * Names and conditions: kubernetes/autoscaler, cluster-autoscaler/apis/provisioningrequest. */
#pragma once

#include "codec/jnode.h"
#include "scheduler/gang/gang.h"

#define GANG_NODES_CLASS "autoscaling.x-k8s.io/provisioning-class-name"
#define GANG_NODES_CONSUME "autoscaling.x-k8s.io/consume-provisioning-request"
#define GANG_NODES_OF                                                                              \
    "scheduling.ganglion.io/gang" /* label of our requests: the PodGroup's name                    \
                                   */
#define GANG_NODES_SORTS_MAX 32   /* pod sets of one request */

enum gang_nodes_state {
    GANG_NODES_ASKED,       /* nothing was said yet */
    GANG_NODES_ACCEPTED,    /* somebody works on it */
    GANG_NODES_PROVISIONED, /* the nodes are there, or will be at once, and are kept */
    GANG_NODES_FAILED,      /* there will be none */
    GANG_NODES_EXPIRED,     /* they were kept for nobody: no more */
    GANG_NODES_REVOKED,     /* they were there, and are taken away */
};

/* What the request's conditions say, the last word first; message (borrowed) and a word for it. */
enum gang_nodes_state gang_nodes_state(const struct kobj *request, struct str *message);
extern const char *const gang_nodes_words[];

/* The class that its members name, or the profile's; absent: it asks for no nodes. */
struct str gang_nodes_class(const struct gang *g);
/* A request that somebody else made speaks for its members already. mine: prefix of our names. */
bool gang_nodes_has_other(const struct gang *g, struct str mine);
/* Nodes would help it: it is complete, waits, and neither its queue nor a bind is the reason. */
bool gang_nodes_would_help(const struct gang *g);

struct gang_sort {            /* members that are alike */
    const struct spod *first; /* borrowed from the gang */
    int64_t n;
};
/* Of the members that wait; SIZE_MAX: they are more than fit into a request. */
size_t gang_nodes_sorts(const struct gang *g, struct gang_sort out[GANG_NODES_SORTS_MAX]);

/* The request; name: also of its templates, with "-0" and so on. owner: the PodGroup, NULL: it is
 * not there. */
struct jnode *gang_nodes_request(struct arena *a,
                                 const struct gang *g,
                                 struct str name,
                                 const struct kobj *owner);
/* The template of one sort, owned by the request (an object's metadata). */
struct jnode *gang_nodes_template(struct arena *a,
                                  const struct gang_sort *sort,
                                  struct json request,
                                  size_t number);
/* A merge patch of a member: which request it consumes. */
struct jnode *
gang_nodes_mark(struct arena *a, const struct spod *member, struct str request, struct str class);
