/* SPDX-License-Identifier: Apache-2.0
 * admit — admission: plugins that may change or refuse a write. One table (admit.c), one file each
 * in admission/. Order matters: first all that change, then validation, then all that refuse. */
#pragma once

#include "apiserver/action.h"

struct admission {
    const char *name; /* as --enable-admission-plugins writes it */
    const char *help;
    bool on;                               /* by default */
    enum turn (*mutate)(struct action *a); /* NULL: none; a->obj may change */
    enum turn (*check)(struct action *a);  /* NULL: none */
};

/* Steps of the pipeline: on creations, updates and deletions (a->obj NULL). */
enum turn admit_mutate(struct action *a);
enum turn admit_check(struct action *a);

/* The set of plugins by comma-separated names; ERR_INVALID names an unknown one. */
int admit_choose(uint64_t *on, struct str enable, struct str disable, struct err *err);
