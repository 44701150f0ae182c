/* SPDX-License-Identifier: Apache-2.0
 * gang_object — objects that say how a gang starts, in place of its pods: PodGroups of ours,
 * scheduler-plugins, Koordinator, Volcano, KAI and Kubernetes, and Kubernetes' Workload. One table:
 * a kind is a row of paths; fields that still move between versions are changed here alone. Pure.
 */
#pragma once

#include "kube/gang/gang_dialect.h"
#include "kube/kobj.h"

/* What the phases of a gang are called in an object of this kind; NULL: it has no such word. */
struct gang_words {
    const char *pending, *scheduled, *running, *finished, *failed;
    const char *lost; /* it ran, and now too few are left; NULL: as pending */
};

enum gang_lack { /* what a gang waits for */
                 GANG_LACKS_ROOM,
                 GANG_LACKS_QUOTA,
                 GANG_LACKS_MEMBERS,
                 GANG_LACKS_ROLE, /* members of one role */
                 GANG_LACKS_GATES,
                 GANG_LACKS_MINIMUM, /* nobody says how many it needs */
                 GANG_LACKS_SENSE,   /* what is said makes none */
                 GANG_LACKS
};

/* How the status of a kind says in conditions whether the gang may start. */
struct gang_verdict {
    const char *list;         /* in status; NULL: it has no such conditions */
    const char *scheduled;    /* type that is True once all minima have nodes; NULL: none */
    const char *scheduled_as; /* its reason then */
    const char *waiting;      /* type that is True while it waits; NULL: scheduled is False */
    const char *reasons[GANG_LACKS]; /* while it waits; NULL: the one for room */
    const char *node_pool;           /* each entry names this one; NULL: none */
    bool listed;                     /* the reason also stands in a list of reasons */
    bool disrupted;                  /* it has DisruptionTarget, for gangs that are evicted */
};

#define GANG_COUNTS 5
#define GANG_POLICIES_MAX 16 /* of one object; further ones are refused */

/* Members that a selector finds make subgroups, one for each combination of values of the keys. */
struct gang_policy {
    struct str name;
    struct json selector, keys; /* a LabelSelector, absent: all; a list of label keys */
    int64_t size, least;        /* of one subgroup; how many of them start together */
    struct json topology;       /* as in gang_role */
};

struct gang_object_kind;
struct gang_spec;
/* What an owner says of the pods that its operator makes. */
typedef void (*gang_read_fn)(const struct gang_object_kind *k,
                             struct json root,
                             struct str part,
                             struct arena *a,
                             struct gang_spec *out);

struct gang_object_kind {
    uint32_t bit; /* enum gang_objects; several versions share one */
    const char *project;
    struct str group, version, plural;
    /* paths; NULL: this kind has none */
    const char *min, *timeout_s, *resources, *priority_class;
    const char *any;         /* where this stands, one member is enough */
    const char *roles;       /* a list of {name, minMember} */
    const char *role_mins;   /* a map from role to minimum */
    gang_read_fn read;       /* an owner (gang_owner.c); NULL: the paths above say all */
    const char *replicas;    /* a map from role to {replicas} */
    const char *policies;    /* a list of Volcano's subgroup policies */
    const char *kept;        /* "non-preemptible": its members are no victims */
    const char *loss;        /* a word for what happens when a member is lost */
    const char *groups;      /* a list of {name, …}: min is looked up in the entry of the part */
    const char *ignored[4];  /* fields without effect here */
    struct gang_words words; /* of status.phase; pending NULL: no phase is written */
    /* of scheduled, running, succeeded, failed, waiting members, in status */
    const char *counts[GANG_COUNTS];
    struct gang_verdict verdict;
    const char *owners, *started; /* in status: "namespace/owner", when it got its nodes */
};

extern const struct gang_object_kind gang_object_kinds[];
extern const size_t gang_object_kinds_count;

struct gang_spec { /* what an object says; texts borrow from it */
    int64_t min;   /* 0: unsaid or wrong */
    int64_t timeout_s;
    struct json resources; /* a ResourceList that the cluster must have free; absent: none */
    struct str priority_class;
    bool kept;               /* its members must not be preempted */
    struct gang_role *roles; /* in the arena */
    size_t n_roles;
    bool crowded;                 /* more roles than may be: none of them counts */
    struct gang_policy *policies; /* in the arena */
    size_t n_policies;
    struct str loss;    /* "gang" or "member", as spec.memberLoss of our PodGroup; absent: unsaid */
    struct str wrong;   /* for people; absent: nothing */
    struct str ignored; /* fields without effect here, for people; absent: none */
};

/* The bit of the kinds that this object may be; 0: it is no group object. */
uint32_t gang_object_bit(const struct kobj *o);

/* False: it says nothing about this part (a Workload without such a group, a mirror of ours). */
bool gang_object_read(const struct gang_object_kind *k,
                      const struct kobj *o,
                      struct str part,
                      struct arena *a,
                      struct gang_spec *out);

/* The annotation of a PodGroup of ours that only mirrors a gang, and the dialect it mirrors. */
#define GANG_MIRROR_OF "scheduling.ganglion.io/mirror-of"
/* The name of that PodGroup: the gang's own where that can name an object, else made from it. */
struct str gang_object_mirror_name(struct arena *a, struct str gang);
