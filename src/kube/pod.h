/* SPDX-License-Identifier: Apache-2.0
 * pod — the view of a Pod that schedulers, controllers and node agents act on. Decoded once per
 * revision (pod_of); everything borrows from the object. What few readers need (commands, volumes,
 * probes) stays in the document: container.raw and kobj_path. The rules for effective requests are
 * those of kube-scheduler 1.36. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/time.h"
#include "kube/field.h"
#include "kube/gang/gang_dialect.h"
#include "kube/kobj.h"
#include "kube/quantities.h"

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED, POD_UNKNOWN };
enum pod_restart { POD_RESTART_ALWAYS, POD_RESTART_ON_FAILURE, POD_RESTART_NEVER };

/* Of taints and tolerations. In a toleration TAINT_ANY_EFFECT matches every effect. */
enum taint_effect {
    TAINT_ANY_EFFECT,
    TAINT_NO_SCHEDULE,
    TAINT_PREFER_NO_SCHEDULE,
    TAINT_NO_EXECUTE,
    TAINT_OTHER_EFFECT, /* unknown text: matches nothing */
};

enum toleration_op { TOLERATION_EQUAL, TOLERATION_EXISTS, TOLERATION_LT, TOLERATION_GT };

struct toleration {
    struct str key, value; /* absent key with EXISTS: tolerates every taint */
    enum toleration_op op;
    enum taint_effect effect;
    int64_t seconds; /* of NoExecute; meaningful when has_seconds */
    bool has_seconds;
};

/* One requirement of a node selector term. */
enum need_op { NEED_IN, NEED_NOT_IN, NEED_EXISTS, NEED_ABSENT, NEED_GT, NEED_LT, NEED_INVALID };

struct need {
    struct str key;
    enum need_op op;
    struct strs values;
};

struct node_term { /* all needs must hold; a term without needs matches nothing */
    struct need *labels, *fields;
    size_t n_labels, n_fields;
    int64_t weight; /* preferred terms */
};

struct node_terms { /* any term */
    struct node_term *items;
    size_t n;
};

struct pod_term {                   /* of pod affinity and anti-affinity */
    struct json selector;           /* a LabelSelector; absent matches no pod */
    struct json namespace_selector; /* absent: only `namespaces` */
    struct strs namespaces;         /* with namespace_selector absent, empty: the pod's own */
    struct str topology_key;
    struct strs match_label_keys, mismatch_label_keys;
    int64_t weight; /* preferred terms */
};

struct pod_terms {
    struct pod_term *items;
    size_t n;
};

struct affinity {
    bool has_node_required; /* present, even with no term (then it matches nothing) */
    struct node_terms node_required, node_preferred;
    struct pod_terms pod_required, pod_preferred, anti_required, anti_preferred;
};

struct spread { /* topologySpreadConstraints */
    struct str topology_key;
    struct json selector;
    struct strs match_label_keys;
    int64_t max_skew;
    int64_t min_domains;  /* 1 when absent */
    bool hard;            /* DoNotSchedule */
    bool ignore_affinity; /* nodeAffinityPolicy: Ignore; default Honor */
    bool honor_taints;    /* nodeTaintsPolicy: Honor; default Ignore */
};

enum port_protocol { PORT_TCP, PORT_UDP, PORT_SCTP };

struct host_port {
    int64_t port;
    enum port_protocol protocol;
    struct str ip; /* "0.0.0.0" when absent */
};

struct container {
    struct str name, image;
    struct json raw; /* the whole container */
    struct amounts requests, limits;
    bool sidecar; /* an init container with restartPolicy Always */
};

struct containers {
    struct container *items;
    size_t n;
};

struct pod {
    enum pod_phase phase;
    enum pod_restart restart_policy;
    int64_t priority; /* 0 when absent */
    struct str node_name, scheduler_name, nominated_node, priority_class;
    struct containers containers, init_containers;

    struct amounts requests;   /* effective, of the pod as it is (see pod_requests) */
    int64_t nonzero_cpu_milli; /* effective cpu with the scheduler's default of 100m */
    int64_t nonzero_mem_bytes; /* effective memory with the default of 200 MiB */
    bool has_pod_resources;    /* spec.resources names requests: pod level overrides */

    struct json labels, annotations, node_selector; /* maps of strings */
    const struct affinity *affinity;                /* NULL: none */
    struct {
        struct toleration *items;
        size_t n;
    } tolerations;
    struct {
        struct spread *items;
        size_t n;
    } spreads;
    struct {
        struct host_port *items; /* of containers and sidecars; hostPort 0 left out */
        size_t n;
    } host_ports;
    size_t n_gates; /* spec.schedulingGates */

    const struct gang_claim *gang; /* kube/gang/gang_dialect.h; NULL: in no gang */

    bool deleting;               /* has metadata.deletionTimestamp */
    int64_t deletion_grace_s;    /* metadata.deletionGracePeriodSeconds; -1 when absent */
    int64_t termination_grace_s; /* spec.terminationGracePeriodSeconds; 30 when absent */
    bool preempt_never;          /* preemptionPolicy: Never */
    bool host_network;
    bool ready, scheduled, unschedulable; /* conditions Ready, PodScheduled True; PodScheduled
                                             False with reason Unschedulable */
    struct wall start_time;               /* status.startTime */
    struct str ip;                        /* status.podIP */
};

/* The view of a Pod, borrowed as long as o is held. */
const struct pod *pod_of(const struct kobj *o);

static inline bool pod_finished(const struct pod *p)
{
    return p->phase == POD_SUCCEEDED || p->phase == POD_FAILED;
}

/* Effective requests by kube-scheduler's rules: sums of containers and sidecars, or the largest
 * init container with the sidecars before it; then pod-level requests; overhead last. Summed
 * exactly and rounded up once. With container statuses, the larger of spec, actuated and allocated
 * amounts counts. */
enum {
    POD_REQUESTS_NO_POD_LEVEL = 1u << 0, /* ignore spec.resources, as Fit's score does */
    POD_REQUESTS_NONZERO = 1u << 1,      /* 100m cpu and 200Mi where a container names none */
    POD_REQUESTS_NO_STATUS = 1u << 2,    /* spec only */
};
struct amounts pod_requests(struct arena *a, struct json pod, unsigned flags);

/* The terms of a NodeSelector (its nodeSelectorTerms), in a; texts borrow from list. */
struct node_terms pod_node_terms(struct json list, struct arena *a);

bool pod_tolerates(const struct toleration *t,
                   struct str key,
                   struct str value,
                   enum taint_effect effect);
enum taint_effect taint_effect_parse(struct str s); /* absent or "": TAINT_ANY_EFFECT */
struct str taint_effect_text(enum taint_effect e);
const char *pod_phase_text(enum pod_phase p);

/* ---- container statuses, decoded on demand ---- */

enum container_state { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_TERMINATED };

struct container_status {
    struct str name, container_id;
    bool ready, started, has_started;
    int64_t restarts;
    enum container_state state;
    struct str reason, message; /* of waiting or terminated */
    int64_t exit_code, signal;  /* of terminated */
    struct wall started_at, finished_at;
    struct json last; /* lastState */
};

struct container_statuses {
    struct container_status *items;
    size_t n;
};

/* list: status.containerStatuses, initContainerStatuses or ephemeralContainerStatuses. */
struct container_statuses container_statuses_decode(struct arena *a, struct json list);

/* ---- conditions of any object ---- */

enum condition_status { CONDITION_ABSENT, CONDITION_TRUE, CONDITION_FALSE, CONDITION_UNKNOWN };
/* status.conditions[type] of an object. */
enum condition_status condition_of(struct json object, struct str type);
struct json condition_find(struct json object, struct str type); /* absent when there is none */
struct json condition_in(struct json status, struct str type);   /* the same, of its status */
enum condition_status condition_status_of(struct json condition);
