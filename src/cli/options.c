/* SPDX-License-Identifier: Apache-2.0
 * options — the options that every client verb takes. */
#include "base/mem.h"
#include "cli/verb.h"

const struct option cli_client_options[] = {
    { .name = "kubeconfig",
      .type = OPTION_TEXT,
      .value = "FILE",
      .fallback = "",
      .help = "default: $KUBECONFIG, ~/.kube/config, or what 'ganglion up' wrote" },
    { .name = "context",
      .type = OPTION_TEXT,
      .value = "NAME",
      .fallback = "",
      .help = "of the kubeconfig; default: its current context" },
    { .name = "namespace",
      .letter = 'n',
      .type = OPTION_TEXT,
      .value = "NAME",
      .fallback = "",
      .help = "default: the context's" },
};
const size_t cli_client_options_count = COUNT_OF(cli_client_options);
