/* SPDX-License-Identifier: Apache-2.0
 * gang — pods that start together or not at all. A pod in no gang is a gang of one until it runs,
 * so that queue and cycle know one entity only.
 *
 * What a gang needs is said by its members (labels and annotations, kube/gang/gang_dialect.h) or by
 * a group object (kube/gang/gang_object.h). gang_settle works it out of both when something
 * changed: a minimum for all, and one for each role. Loop thread only. */
#pragma once

#include "base/heap.h"
#include "kube/gang/gang_object.h"
#include "scheduler/state/pod.h"

enum gang_state {
    GANG_IDLE,    /* nothing to place */
    GANG_ACTIVE,  /* waits for its cycle */
    GANG_DELAYED, /* back-off, or members still arriving: active at ready_at */
    GANG_PARKED,  /* did not fit; woken by events that could help */
    GANG_BEHIND,  /* others like it go first: what is decided about the first holds for it too */
};

struct gang_part {   /* members of one role; part 0 are those without a role */
    struct str name; /* own text */
    int64_t min;
    size_t n_members, n_placed, n_gated;
    size_t n_leaving, n_away, n_succeeded, n_failed; /* as in struct gang */
    size_t policy;        /* 1 + index of the subgroup policy that made it; 0: none */
    struct json topology; /* of its members alone (domain_wish.h); absent: as the gang */
    const struct gang_role *declared; /* with what its future members ask for; NULL: unknown */
};

struct gang {
    struct str key;                     /* "namespace/name", own text; for one pod its key */
    const struct gang_dialect *dialect; /* NULL: one pod */
    struct list members;                /* spods, pending and placed */
    size_t n_members, n_placed, n_gated;
    size_t n_leaving;   /* of the placed: being deleted */
    size_t n_away;      /* bound to nodes that are not here: lost, until these come back */
    size_t n_assumed;   /* of the placed: the API has not said so yet */
    struct list ended;  /* members that ended and still exist (core_ended.c) */
    struct list places; /* of members to come: spods that only we know (core_places.c) */
    size_t n_places;
    bool admitted;          /* it started with places held: further members go one by one */
    int64_t min;            /* that must start together; 0: unknown or wrong */
    int64_t size;           /* as members say; 0: unsaid */
    int64_t timeout_s;      /* how long it may wait before people are told; 0: unsaid */
    enum gang_late on_late; /* what comes then */
    enum gang_match match;  /* which members count once it ran */
    struct str wrong;       /* own text: what is wrong with what it says */
    struct {                /* what its members say together */
        int64_t min, low;   /* the largest minimum and the smallest */
        int64_t size, timeout_s;
        enum gang_late late;
        enum gang_match match;
        bool crowded;       /* there are roles that do not fit into parts */
        struct str wrong;   /* own text: the first thing that is wrong */
        struct str ignored; /* own text: what one of them asks for in vain */
    } heard;
    bool unheard;     /* a member left: all must be heard anew */
    int64_t priority; /* the highest of its members */
    struct wall created;
    uint64_t order; /* of arrival */
    const struct profile *profile;
    size_t n_succeeded, n_failed; /* of ended */
    bool has_run;                 /* all minima were placed once */
    void *follower;               /* whoever follows it (core_follow_gangs) */

    struct str namespace, object, part; /* own texts: the group object that may speak for it */
    const struct gang_object_kind *source_kind;
    struct kobj *source;     /* that object; NULL: none is here */
    struct mono source_by;   /* an owner's object is waited for so long */
    struct arena *source_a;  /* of said */
    struct gang_spec said;   /* by the object */
    struct gang_roles roles; /* declared by a member for all; n 0: none */
    bool grouped;            /* policies of the object say who has which role */
    int64_t policies_min;    /* what their least subgroups need together */
    struct gang_part *parts; /* [1 + GANG_ROLES_MAX]; NULL while nobody has a role */
    size_t n_parts;

    /* the queue's: */
    enum gang_state state;
    struct mono since; /* waiting since */
    struct mono last_attempt;
    struct mono ready_at;
    unsigned attempts;
    uint32_t wakes;            /* WAKE_* while parked */
    struct shape *blocked;     /* the shape that did not fit; NULL: something else */
    size_t pos, age_pos;       /* in the queue's heaps */
    struct list parked;        /* or, behind another, by whether it was told why */
    struct list waits;         /* parked: with those that wait for the same (core/waits.h) */
    struct lack *lack;         /* NULL: among the others */
    struct crowd *crowd;       /* it leads, or is behind its leader (core/crowd.h); NULL: in none */
    unsigned in_vain;          /* how often its quota woke it at the moment of its last attempt */
    bool quota_only;           /* active because its quota may do now: ask that first */
    struct json_doc *eviction; /* own: who leaves for it (core_eviction.c); it counts while room is
                                  held for members; NULL: nobody */
    unsigned vain; /* how often others were evicted for it since it last started something */
    struct mono evicted_at;     /* the last time */
    uint64_t hopeless_at;       /* static version on which not even the empty cluster would do */
    struct quota_ticket ticket; /* its place among the active ones, and what decides it */
    struct mono starts_at;      /* as far as can be foretold; ns 0: nobody knows */
    struct str message;         /* own text: why it waits */
    bool by_quota;              /* that is for its queue, not for nodes */
    struct mono late_at;        /* when its time-out passes; in late_pos of the core's heap */
    size_t late_pos;
    struct {               /* its first start, until the API says that all of it is bound */
        bool under_way;    /* (core_start.c) */
        bool told;         /* that members without an owner stay bound */
        struct mono by;    /* half bound: the rest has so long to find room; ns 0: it is not */
        struct mono pause; /* it is not tried anew before */
        unsigned undone;   /* how often since it last started */
    } start;
    struct str late; /* own text: what was said when its time-out passed; absent: it did not */
};

/* Of the gang in this namespace that a pod claims to be in; claim NULL: of a pod alone. */
struct gang *
gang_new(struct str key, struct str namespace, const struct gang_claim *claim, uint64_t order);
void gang_free(struct gang *g); /* must have no members, ended ones neither */
void gang_add(struct gang *g, struct spod *p);
void gang_remove(struct gang *g, struct spod *p);
/* A member was placed (1), or left its node (-1). */
void gang_count_placed(struct spod *p, int by);
/* A placed member is bound as far as we know (true), or the API said so, or refused it (false). */
void gang_assume(struct spod *p, bool assumed);
/* A member's node went (1), or came back (-1); it is not placed. */
void gang_count_away(struct spod *p, int by);
/* The deletion of a placed member began. */
void gang_count_leaving(struct spod *p);
/* The role of a pod with these labels in this gang: as the object's policies say, else as given. In
 * a, or borrowed. */
struct str
gang_role_of(struct arena *a, const struct gang *g, struct json labels, struct str otherwise);
/* A member with this role ended (1), or the pod that ended was removed (-1). */
void gang_count_ended(struct gang *g, struct str role, bool succeeded, int by);
void gang_set_message(struct gang *g, struct str text);
void gang_set_late(struct gang *g, struct str text);
void gang_set_eviction(struct gang *g, struct json_doc *doc);
/* The group object that speaks for it came or changed; NULL: it went. */
void gang_set_source(struct gang *g, const struct kobj *o);

/* Works out what the gang needs from what is said now: min, size, timeout_s, wrong, the parts'
 * minima. Cheap unless a member left. */
void gang_settle(struct gang *g);
/* Members that a cycle must place now: not placed, not gated. */
size_t gang_pending(const struct gang *g);
/* How many members must be placed, or have succeeded, for the gang to run. */
size_t gang_needs(const struct gang *g);
/* How many count towards that: placed ones that stay, and those that succeeded. */
size_t gang_has(const struct gang *g);
size_t gang_part_has(const struct gang_part *p); /* of one part, towards its minimum */
/* It ran, and some of it still does: what comes now replaces lost members or adds to them, one by
 * one. Where nobody stays, all that is left to do starts together again. */
bool gang_goes_on(const struct gang *g);
/* How many members of a part, or of all (part 0), must be placed at once. */
size_t gang_lacks(const struct gang *g, uint32_t part);
/* Enough members exist, of each role too, none of the needed ones is gated, and the minimum makes
 * sense. */
bool gang_is_complete(const struct gang *g);
/* The least that its roles need together. */
int64_t gang_sum_of_parts(const struct gang *g);
/* The first role that has too few members; NULL: none. */
const struct gang_part *gang_short_part(const struct gang *g);
/* How many members of this role, which a member declared, do not exist yet. */
size_t gang_part_to_come(const struct gang_part *p);
/* The same for the whole gang, while it was not admitted. */
size_t gang_to_come(const struct gang *g);
/* How long its members may be bound in part. */
int64_t gang_start_ns(const struct gang *g);
/* The gang has what it needs to run: all minima are placed. */
bool gang_has_started(const struct gang *g);
/* Of two that wait: a is to start before b. By priority, then by who waits longer. */
bool gang_is_before(const struct gang *a, const struct gang *b);
/* Why an incomplete gang waits, for people. */
struct str gang_waiting_text(struct arena *a, const struct gang *g);
