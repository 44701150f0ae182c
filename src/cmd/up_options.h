/* SPDX-License-Identifier: Apache-2.0
 * up_options — what `ganglion up` and `ganglion apiserver` are told on the command line, decoded
 * and checked before anything starts. */
#pragma once

#include "apiserver/apiserver.h"
#include "cli/verb.h"
#include "sim/sim_nodes.h"

#define UP_SIM_GROUPS_MAX 16

struct node_service_options { /* of the local node */
    struct apiserver *api;    /* set once it runs */
    char *data_dir;           /* owned */
    int64_t gpus;
    bool end_pods;
};

struct up_options {
    struct apiserver_options api;
    char *data_dir;   /* owned */
    char *kubeconfig; /* owned */
    struct sim_group sim[UP_SIM_GROUPS_MAX];
    size_t n_sim;
    bool local_node;
    struct node_service_options node;
};

/* Fills *out from the command line. ERR_INVALID names the option. */
int up_options_read(struct up_options *out,
                    const struct args *args,
                    bool with_nodes,
                    struct err *err);
void up_options_fini(struct up_options *o);
