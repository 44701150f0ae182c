/* SPDX-License-Identifier: Apache-2.0
 * What the files of a scene share; nobody else includes this. */
#pragma once

#include "base/heap.h"
#include "sim/scene.h"

enum scene_state {
    SCENE_AWAY,    /* not there yet, or no more */
    SCENE_WAITING, /* for a node */
    SCENE_PLACED,
    SCENE_ENDED, /* and not removed yet */
};

struct scene_pod {
    const struct day_pod *day;
    struct scene_life *life;
    struct kobj *obj; /* as the API would have it; NULL: it is not there */
    enum scene_state state;
    bool ours;
    uint32_t version; /* of day->versions */
    uint32_t remade;  /* how often it was made anew: events of an earlier self are void */
    struct str node;  /* in the scene's arena */
    int64_t gpu_milli;
};

enum scene_what {
    SCENE_OBJECT, /* a recorded event */
    SCENE_COME,
    SCENE_RENEW, /* a later version of a pod that waits */
    SCENE_BOUND, /* the API says where it is */
    SCENE_RUN,
    SCENE_END,
    SCENE_GO,     /* its object is removed */
    SCENE_CANCEL, /* its owner removes it, whatever it does */
};

struct scene_event {
    int64_t at;
    uint64_t seq;
    enum scene_what what;
    const struct day_event *object;
    struct scene_pod *pod;
    uint32_t remade, version;
    struct kobj *obj; /* BOUND: counted */
};

struct scene {
    const struct day *day;
    const struct scene_change *change;
    struct sched_core *core;
    struct scene_result *out;
    struct arena *a, *step_a;
    struct scene_pod *pods;
    struct map by_uid; /* uid → scene_pod; also of those made anew */
    struct heap events;
    struct map claims; /* "namespace/name" → scene_claim */
    uint64_t revision; /* of the last claim that was written */
    uint64_t seq;
    int64_t now;
    int64_t gpu_used_milli, gpus;
};

void scene_push(struct scene *s, const struct scene_event *e);
void scene_hear(struct scene *s, enum input_kind kind, const struct kobj *obj, bool gone);

/* ---- scene_pod.c: what happens to pods ---- */
void scene_plan_pods(struct scene *s);
void scene_pod_event(struct scene *s, const struct scene_event *e);
/* The core decided: it goes there. */
void scene_pod_place(struct scene *s, struct scene_pod *p, const struct planned *where);
/* It is evicted, or its node went: leaves, and is made anew where somebody does that. */
void scene_pod_evict(struct scene *s, struct scene_pod *p, int64_t after_ns);
/* At the end: why those that wait do. */
void scene_note_reasons(struct scene *s);
/* Its gang's time-out passed, and fails it. */
void scene_pod_fail(struct scene *s, struct scene_pod *p);
struct scene_pod *scene_pod_of(struct scene *s, const struct kobj *obj); /* NULL: none of ours */

/* ---- scene_claim.c ---- */
void scene_claim_event(struct scene *s, const struct kobj *obj, bool gone);
/* The core decided where it goes: what its claims got is written with the binding, */
void scene_claims_place(struct scene *s, const struct spod *pod);
void scene_claims_bound(struct scene *s, const struct kobj *pod);   /* heard with it, */
void scene_claims_release(struct scene *s, const struct kobj *pod); /* given back when it ends, */
void scene_claims_adopt(struct scene *s, const struct kobj *pod); /* and taken by its successor. */
void scene_claims_fini(struct scene *s);

/* ---- scene_object.c: pods as the API would have them; *out is a new reference ---- */
struct kobj *scene_waiting(const struct kobj *o, uint32_t remade);
struct kobj *scene_bound(const struct kobj *o, struct str node, struct jnode *annotations);
struct kobj *scene_running(const struct kobj *o, int64_t now);
struct kobj *scene_ended(const struct kobj *o, bool succeeded);
struct kobj *scene_leaving(const struct kobj *o, int64_t now);
