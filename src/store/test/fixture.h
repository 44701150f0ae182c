/* SPDX-License-Identifier: Apache-2.0
 * fixture — a store on a loop of its own, and a writer's shorthands, for the tests of store/. */
#pragma once

#include "store/fault.h"
#include "store/store.h"

struct fixture {
    struct loop *loop;
    struct store *store;
    struct store_table *pods, *nodes;
    char dir[64], path[96];
    int outcomes; /* done calls so far */
    int failures; /* of them with an error */
    struct err last;
};

/* A fresh directory; path NULL in fixture_open means memory only. */
void fixture_init(struct fixture *f);
void fixture_open(struct fixture *f, struct store_options o);
int fixture_try_open(struct fixture *f, struct store_options o, struct err *err);
void fixture_close(struct fixture *f);
void fixture_fini(struct fixture *f); /* removes the directory */

/* A pod "ns/name" with a text of some size, at a revision. */
struct kobj *fixture_pod(const char *ns, const char *name, uint64_t revision, const char *value);
/* Queues one write; -1 when store_commit refused. */
int fixture_put(struct fixture *f, const char *name, const char *value);
int fixture_del(struct fixture *f, const char *name);
/* Runs the loop until n outcomes have come. */
void fixture_wait(struct fixture *f, int n);
/* spec.value of pod "ns/name", or "" when absent. */
struct str fixture_value(struct fixture *f, const char *name);
