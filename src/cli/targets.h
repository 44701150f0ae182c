/* SPDX-License-Identifier: Apache-2.0
 * targets — which objects a verb means: "TYPE NAME…", "TYPE/NAME…", "TYPE,TYPE", or those in files.
 */
#pragma once

#include "base/vec.h"
#include "cli/conn.h"

struct target {
    const struct resource *resource;
    struct str name; /* absent: all of the type; borrowed from the command line */
};
VEC_TYPE(target_vec, struct target);

/* From the operands of the command line. ERR_INVALID says what is missing. */
int targets_parse(struct target_vec *out, struct conn *c, const struct args *args, struct err *err);

/* Is that pod below o: its controller, through a ReplicaSet a Deployment, or its gang's PodGroup?
 */
bool target_has_pod(const struct kobj *o, const struct kobj *pod);

VEC_TYPE(manifest_vec, struct kobj *);

/* Every object in a file ("-": standard input) or in the .yaml, .yml and .json files of a folder;
 * Lists are taken apart. */
int manifests_read(struct manifest_vec *out, struct str path, struct err *err);
/* All that --filename names, which may be given again; the row of that option, after which the help
 * says what is done with them. */
int manifests_given(struct manifest_vec *out, const struct args *args, struct err *err);
#define MANIFESTS_OPTION(what)                                                                     \
    {                                                                                              \
        .name = "filename", .letter = 'f', .type = OPTION_TEXT, .value = "FILE", .repeats = true,  \
        .help = what " a file, a folder, or - for standard input"                                  \
    }
void manifests_fini(struct manifest_vec *m);
