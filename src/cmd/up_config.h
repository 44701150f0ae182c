/* SPDX-License-Identifier: Apache-2.0
 * up_config — every setting of `ganglion up` and `ganglion apiserver`, once: the flag --KEY, the
 * key of the file that --config names, its default and its line of help come from one list of rows
 * (up_config.c). */
#pragma once

#include "cli/verb.h"
#include "daemon/config.h"

struct up_config {
    struct str data_dir, listen, kubeconfig, log_format;
    struct str enable_admission, disable_admission; /* comma-separated lists */
    bool allow_remote, verbose;
    /* `up` alone */
    struct str scheduler_config, record, node_name, pod_network;
    struct config_strs sim_nodes, scheduler_plugins;
    struct config_lists images;
    bool no_local_node, end_pods;
    int64_t gpus, max_pods, log_bytes, log_files;
};

/* The rows of both verbs, and those of `up` with them. */
extern const struct config_table apiserver_config_table, up_config_table;
/* The same as options, --config in front. */
enum { APISERVER_OPTIONS = 9, UP_OPTIONS = 22 };
extern const struct option apiserver_options[APISERVER_OPTIONS], up_options[UP_OPTIONS];

/* Defaults, then the file that --config names, then the command line. Texts live in a. ERR_INVALID
 * names the key, ERR_IO and ERR_NOT_FOUND the file. */
int up_config_read(struct up_config *out,
                   const struct config_table *t,
                   struct arena *a,
                   const struct args *args,
                   struct err *err);

/* The reference page, Markdown. */
void up_config_page(FILE *out);
