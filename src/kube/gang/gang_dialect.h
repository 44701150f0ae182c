/* SPDX-License-Identifier: Apache-2.0
 * gang_dialect — how pods say that they belong to a gang, in every spelling we honour. One table,
 * read by pod_of, and through it by the scheduler, the gang controller, the node's common start and
 * completion. Only names of keys come from the projects named. Group objects, which say the minimum
 * in place of pods, are in gang_object.h. Pure. */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

#define GANG_MEMBERS_MAX 100000 /* a larger minimum is refused as nonsense */
#define GANG_ROLES_MAX 64       /* roles of one gang; further ones are refused */
#define GANG_IGNORED_MAX 6      /* keys in a row */

enum gang_place {
    GANG_NOWHERE,
    GANG_LABEL,
    GANG_ANNOTATION,
    GANG_EITHER, /* label or annotation, the label first */
    GANG_SPEC,   /* a path in its spec */
    GANG_OWNER,  /* "group/Kind": the name of its controller, if that is of this kind */
};

struct gang_key {
    enum gang_place in;
    struct str key;
};

/* What a gang does when its time-out passed before it could start. */
enum gang_late {
    GANG_WAITS,     /* on */
    GANG_BACKS_OFF, /* so that others are tried first */
    GANG_LETS_GO,   /* its members become ordinary pods */
    GANG_FAILS,     /* its members fail */
};

/* Which members count when others ask to start (Koordinator's match-policy). */
enum gang_match {
    GANG_MATCH_RUNNING, /* while some of the first run, new ones start one by one */
    GANG_MATCH_ONCE,    /* once it ran, for ever one by one */
    GANG_MATCH_EACH,    /* the minimum must hold at each start, with those that run */
    GANG_MATCH_WAITING, /* the same, by those that start alone */
};

/* Kinds of group objects, as bits of gang_dialect.objects; gang_object.c has a row for each. */
enum gang_objects {
    GANG_BY_PODS = 0,
    GANG_BY_GANGLION = 1u << 0,
    GANG_BY_SCHEDULER_PLUGINS = 1u << 1,
    GANG_BY_KOORDINATOR = 1u << 2,
    GANG_BY_VOLCANO = 1u << 3,
    GANG_BY_KAI = 1u << 4,
    GANG_BY_KUBERNETES = 1u << 5,
    GANG_BY_WORKLOAD = 1u << 6,
    /* owners: the objects from which operators make pods */
    GANG_BY_PYTORCHJOB = 1u << 7,
    GANG_BY_TFJOB = 1u << 8,
    GANG_BY_XGBOOSTJOB = 1u << 9,
    GANG_BY_PADDLEJOB = 1u << 10,
    GANG_BY_JAXJOB = 1u << 11,
    GANG_BY_MPIJOB = 1u << 12,
    GANG_BY_RAYCLUSTER = 1u << 13,
    GANG_BY_JOBSET = 1u << 14,
    GANG_BY_LWS = 1u << 15,
};

/* On pods or owners, label or annotation, "off": owners make no gangs of these pods. */
#define GANG_SWITCH "scheduling.ganglion.io/gang"

struct gang_dialect {
    const char *project; /* who defined it */
    struct gang_key name;
    struct gang_key part, replica; /* with name they name the gang: a group inside an object */
    struct gang_key min;           /* how many must start together */
    struct gang_key size;          /* how many there will be in all */
    struct gang_key timeout;       /* how long it may wait to start */
    struct gang_key role;          /* the pod's part in the gang: "worker" */
    struct gang_key role_min;      /* how many of the pod's own role must start */
    struct gang_key roles;         /* JSON: a minimum for each role, also of later members */
    struct gang_key later;         /* a number: executors that the pod will create */
    struct gang_key together;      /* JSON: "namespace/name" of gangs that start with it, or none */
    struct gang_key match;         /* "once-satisfied", "waiting-and-running", "only-waiting" */
    struct gang_key mode;          /* "NonStrict": when late it just waits on */
    struct gang_key any;           /* "true": one member is enough */
    struct gang_key alone;         /* "false": a member that is lost is not replaced */
    const char *suffix; /* of the gang's name, where it is an owner's; NULL: none. Such a gang is
                           one only as far as the owner's object is here and says how many it needs;
                           what becomes of lost members is its operator's to say. */
    const char *ignored[GANG_IGNORED_MAX]; /* labels and annotations without effect here */
    enum gang_late late;
    int64_t timeout_s; /* when nobody says one; 0: for ever */
    uint32_t objects;  /* where the minimum stands when no pod says it */
    bool with_role;    /* a gang only if the pod names a role or roles */
    bool open;         /* without a minimum one member is enough */
    bool ours;         /* manifests published for us use it (complete.h) */
};

struct gang_claim { /* what one pod says */
    const struct gang_dialect *dialect;
    struct str name;         /* of the gang; unique in its namespace */
    struct str object, part; /* of the group object, and which group of it */
    int64_t min;             /* 0: not said by the pod */
    int64_t size;            /* 0: not said */
    int64_t timeout_s;       /* 0: not said */
    enum gang_late late;     /* when that has passed */
    struct str role;         /* absent: none */
    int64_t role_min;        /* 0: not said */
    struct str roles;        /* JSON for gang_roles_parse: declared for the whole gang */
    enum gang_match match;
    bool unreplaced;    /* when it is lost, nothing is restarted and nobody told */
    struct str ignored; /* what it asks for and does not get, for people; absent: nothing */
    struct str wrong;   /* what is wrong with it, for people; absent: nothing */
};

extern const struct gang_dialect gang_dialects[];
extern const size_t gang_dialects_count;

/* What the pod says by the first row that it carries; NULL: it is in no gang. In a; texts borrow
 * from the pod. */
const struct gang_claim *gang_claim_of(struct arena *a, struct json pod);

/* Gangs that start together or not at all are one gang with a role for each: makes c, the claim of
 * a pod in this namespace, one of that gang. text: a JSON list of "namespace/name" or "name"; a
 * list of itself alone changes nothing. Texts are made in a. */
void gang_claim_together(struct arena *a,
                         struct gang_claim *c,
                         struct str namespace,
                         struct str text);

/* "once-satisfied" and its like; false: none of them. */
bool gang_match_parse(struct str text, enum gang_match *out);

/* Do two revisions of a pod say the same? */
bool gang_claim_same(const struct gang_claim *a, const struct gang_claim *b);

/* Members of one kind, with a minimum of their own. */
struct gang_role {
    struct str name;
    int64_t min;
    /* What one of them asks for, when pods that do not exist yet must find room; else absent. */
    struct json resources; /* a ResourceList */
    struct json node_selector, tolerations;
    struct json topology; /* where its members lie, in the words of the object; absent: anywhere */
};

struct gang_roles {
    struct json_doc *doc;    /* counted: the texts of items */
    struct gang_role *items; /* own array: most gangs have no roles */
    size_t n;
};

/* Reads YuniKorn's task groups: [{"name", "minMember", "minResource", "nodeSelector",
 * "tolerations"}]. ERR_INVALID says what is wrong with them. */
int gang_roles_parse(struct gang_roles *out, struct str text, struct err *err);
void gang_roles_fini(struct gang_roles *r);

/* Is it a label or annotation of a row whose manifests are ours? */
bool gang_is_our_key(struct str key);

/* "90", "90s", "1m30s" or YuniKorn's "placeholderTimeoutInSeconds=90 …" in seconds; false: none of
 * them, or negative. */
bool gang_timeout_parse(struct str text, int64_t *seconds);
/* A minimum that makes sense: 1 to GANG_MEMBERS_MAX. */
bool gang_min_ok(int64_t min);
