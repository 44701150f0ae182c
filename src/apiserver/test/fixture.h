/* SPDX-License-Identifier: Apache-2.0
 * fixture — an API server in memory and an in-process transport on the same loop, driven by plain
 * calls that wait for their answer. */
#pragma once

#include "apiserver/apiserver.h"
#include "kube/kobj.h"

struct fixture {
    struct loop *loop;
    struct apiserver *api;
    struct transport *t;
    int code;            /* of the last reply */
    struct kobj *object; /* counted; of the last reply */
    char names[2048];    /* of the last list, space-separated */
    char cont[512];
    int64_t remaining;
    uint64_t revision;
    char warning[512]; /* the first one of the last reply */
    bool answered;
};

void fixture_init(struct fixture *f, struct apiserver_options o);
void fixture_fini(struct fixture *f);

/* Fills in group, version and body ("" for none), makes the call, waits. Returns the code. */
int fixture_call(struct fixture *f, struct request r, const char *body);

/* Shorthands on core/v1 resources of the namespace "default". */
int fixture_create(struct fixture *f, const char *plural, const char *body);
int fixture_get(struct fixture *f, const char *plural, const char *name);
int fixture_merge(struct fixture *f, const char *plural, const char *name, const char *patch);
int fixture_delete(struct fixture *f, const char *plural, const char *name);
int fixture_list(struct fixture *f, const char *plural, const char *labels);

/* A value of the last object, as text: "" when absent. */
struct str fixture_text(struct fixture *f, const char *path);
/* The message of the last refusal. */
struct str fixture_message(struct fixture *f);
