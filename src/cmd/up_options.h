/* SPDX-License-Identifier: Apache-2.0
 * up_options — what `ganglion up` and `ganglion apiserver` are told by the command line and
 * the configuration file, decoded and checked before anything starts. */
#pragma once

#include "apiserver/apiserver.h"
#include "cli/verb.h"
#include "node/agent.h"
#include "scheduler/service/plugin_files.h"
#include "sim/sim_file.h"

struct up_options { /* texts and tables live in the arena */
    struct arena *a;
    struct apiserver_options api;
    const char *data_dir, *kubeconfig;
    struct str scheduler_config;  /* text of a KubeSchedulerConfiguration; absent: none */
    const char *record;           /* of the scheduler; NULL: none */
    struct plugin_files *plugins; /* of the scheduler; NULL: none */
    struct sim_groups sim;
    bool local_node, end_pods;
    struct node_options node;
};

/* Fills *out from the command line and the configuration file. ERR_INVALID names the key. Call
 * up_options_fini in any case. */
int up_options_read(struct up_options *out,
                    const struct args *args,
                    bool with_nodes,
                    struct err *err);
void up_options_fini(struct up_options *o);
