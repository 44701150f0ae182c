/* SPDX-License-Identifier: Apache-2.0
 * sim_oracle — `ganglion sim oracle`: does our scheduler decide as kube-scheduler did? */
#include <stdlib.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "sim/oracle_files.h"

static int verb_sim_oracle(struct cli *cli, struct args *args, struct err *err)
{
    size_t n = args_operands(args), failed = 0;
    if (n == 0)
        return err_set(err, ERR_INVALID,
                       "which files? usage: ganglion sim oracle FILE.jsonl[.gz]…");
    struct str *paths = mem_alloc_array(n, sizeof *paths);
    for (size_t i = 0; i < n; i++)
        paths[i] = args_operand(args, i);
    int rc = sim_oracle_files(cli->out, paths, n, &failed, err);
    free(paths);
    if (rc)
        return -1;
    return failed ? EXIT_FAILED : EXIT_OK;
}

const struct cli_verb sim_oracle_verb = {
    .name = "sim oracle",
    .usage = "FILE.jsonl[.gz]…",
    .help = "replay recorded decisions of kube-scheduler against ours",
    .details =
        "Each line of a file is one case: a cluster, a pod, and what the real plugins answered.\n"
        "Prints per topic how many cases agree and the first differences; the last line is\n"
        "\"N passed, M failed\". The exit code is 1 when any failed.",
    .examples = "  ganglion sim oracle cases/*.jsonl.gz",
    .max_operands = -1,
    .run = verb_sim_oracle,
};
