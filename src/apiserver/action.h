/* SPDX-License-Identifier: Apache-2.0
 * action — one call of the API on its way through the pipeline: authorization, decoding, admission,
 * validation, commit, reply. A resumable state machine: a list of steps, each of which goes on,
 * ends the action with a reply, or waits for something and is called again. The HTTP front and the
 * in-process transport both make actions; from there on nothing differs.
 *
 * All on the apiserver's loop. Everything of an action lives in its arena or is counted. */
#pragma once

#include "apiserver/registry.h"
#include "base/arena.h"
#include "codec/jnode.h"
#include "kube/complete.h"
#include "kube/request.h"
#include "kube/status.h"

struct apiserver;
struct action;

struct user {
    struct str name, uid;
    struct str credential; /* which of its tokens: "JTI=..."; absent: not known */
    const struct str *groups;
    size_t n_groups;
};

enum turn {
    TURN_GO,   /* to the next step */
    TURN_WAIT, /* action_resume calls this step again */
    TURN_END,  /* the reply is filled in */
};
typedef enum turn (*action_step_fn)(struct action *a);
typedef void (*action_done_fn)(void *arg, struct action *a);

VEC_TYPE(kobj_vec, struct kobj *);

enum action_commit { ACTION_UNQUEUED, ACTION_QUEUED, ACTION_DURABLE, ACTION_FAILED };

struct action {
    struct apiserver *s;
    struct arena *arena;
    bool spare; /* the arena is one of the server's */
    struct user user;
    struct request r;      /* slices in the arena */
    bool of_service;       /* asked in process, by a system: user */
    bool authorized;       /* authz_check has found so, when the head came */
    struct mono began;     /* entered the pipeline */
    struct str user_agent; /* names the field manager when the request does not */
    struct served *what;   /* counted; NULL for requests without a resource */
    struct json_doc *body; /* counted; r.body is inside */
    struct str dups;       /* paths of repeated keys in the body, newline-separated */

    const action_step_fn *steps; /* ends with NULL */
    const action_step_fn *next;  /* set by action_go */
    const struct kobj *old;      /* counted: the object as it is */
    struct jnode *obj;           /* the object as it shall be */
    struct json_doc *managed;    /* counted: what obj borrows its managed fields from, or NULL */
    bool creates;                /* of PUT and apply: there was none */
    bool removes;                /* the last finalizer went: the write deletes */
    int code;                    /* of success; 0: 200 */
    struct kobj *result;         /* counted: reply.object */
    struct kobj_vec items;       /* counted: reply.items */
    struct warning_vec warnings;
    struct reply reply;
    action_done_fn done;
    void *arg;
    void (*then)(struct action *a); /* makes obj into what it becomes right after, or NULL: a second
                                       state in the same transaction, not told in the reply */
    struct store_table *extra_table; /* a second object in the same transaction, or NULL */
    struct jnode *extra;
    const struct kobj *extra_old; /* counted: what the tree of extra borrows from */
    const void *bindings;         /* struct bindings of apiserver/bind.h */
    void *wait;                   /* of the step that waits */
    enum action_commit commit;
    struct err commit_err;
};

struct action *action_new(struct apiserver *s);
void action_free(struct action *a); /* NULL is fine */

/* Starts with these steps. done(arg, a) is called exactly once, maybe before this returns; the
 * action is the caller's again from then on. */
void action_start(struct action *a, const action_step_fn *steps, action_done_fn done, void *arg);
void action_resume(struct action *a);
/* For store_commit: notes in a->commit what came of it, and resumes. */
void action_committed(void *action, const struct err *err);

/* Is there such a call at all? 404 for an unknown subresource, 405 for a verb that the resource
 * does not have. */
enum turn action_allowed(struct action *a);
/* Starts with the steps of a->r.verb and a->r.subresource. a->what is set. */
void action_run(struct action *a, action_done_fn done, void *arg);

/* Goes on with other steps after the current one; returns TURN_GO. */
enum turn action_go(struct action *a, const action_step_fn *steps);

void action_warn(struct action *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- ending: all return TURN_END ---- */
/* Success with an object; takes the reference over. */
enum turn action_reply(struct action *a, int code, struct kobj *object);
/* A metav1.Status of success, with details of the object when there is one. */
enum turn action_success(struct action *a, int code, const struct kobj *about);
enum turn action_refuse(struct action *a, const struct status_spec *s);
