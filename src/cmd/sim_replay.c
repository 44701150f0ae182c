/* SPDX-License-Identifier: Apache-2.0
 * sim_replay — `ganglion sim replay`: a recorded day decided again, and compared. */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "sim/replay.h"

static int verb_sim_replay(struct cli *cli, struct args *args, struct err *err)
{
    struct replay_result r;
    char took[TIME_TEXT_MAX];
    if (args_operands(args) != 1)
        return err_set(err, ERR_INVALID, "which record? usage: ganglion sim replay FILE");
    if (replay_file(&r, cli->out, args_operand(args, 0).p, err))
        return -1;
    if (r.cut)
        fprintf(cli->err, "%zu line%s cut off when the scheduler was killed: left out\n", r.cut,
                r.cut == 1 ? " was" : "s were");
    fprintf(cli->out, "%zu run%s, %.*s of virtual time, %zu inputs\n", r.runs,
            r.runs == 1 ? "" : "s", STR_ARG(duration_human(took, r.virtual_ns)), r.inputs);
    fprintf(cli->out, "%zu decisions, %zu differ\n", r.decisions, r.differ);
    return r.differ ? EXIT_FAILED : EXIT_OK;
}

const struct cli_verb sim_replay_verb = {
    .name = "sim replay",
    .usage = "FILE",
    .help = "decide a recorded day again, and compare every decision",
    .details =
        "FILE was written by `ganglion up --record FILE` (it may be gzip'ed). The scheduler's "
        "core\n"
        "hears on virtual time what it heard then; what it decides is compared with the record,\n"
        "byte by byte. Prints the first differences; the last line is \"N decisions, M differ\".\n"
        "The exit code is 1 when any differ.",
    .examples = "  ganglion sim replay day.jsonl",
    .max_operands = 1,
    .run = verb_sim_replay,
};
