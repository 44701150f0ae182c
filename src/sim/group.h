/* SPDX-License-Identifier: Apache-2.0
 * group — simulated nodes that are alike: a shape, and what is different from it. Pure. */
#pragma once

#include "sim/shape.h"

struct sim_label {
    struct str key, value;
};

struct sim_taint {
    struct str key, value, effect; /* value may be absent */
};

struct sim_group { /* plain data: nodes that are alike */
    const struct sim_shape *shape;
    int64_t n;
    struct str prefix; /* of node names, a number follows; absent: "sim-". Groups of one prefix
                          count on. */
    const struct str *names; /* n names instead; NULL: none */
    const struct sim_label *labels;
    size_t n_labels;
    const struct sim_taint *taints;
    size_t n_taints;
};

/* The Node object of one of them. */
struct jnode *
sim_group_object(struct arena *a, const struct sim_group *g, struct str name, struct wall now);
