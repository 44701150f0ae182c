/* SPDX-License-Identifier: Apache-2.0
 * main — one binary: the first argument names the verb. */
#include <signal.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/services.h"
#include "cmd/up_config.h"
#include "io/clock.h"

static const struct cli_verb *const service_verbs[] = {
    &apiserver_verb, &sim_oracle_verb, &sim_record_verb, &sim_replay_verb,
    &sim_trace_verb, &sim_whatif_verb, &up_verb,
};

static const struct cli_page pages[] = { { "config", up_config_page },
                                         { "metrics", services_metrics_page } };

static int by_name(const void *x, const void *y)
{
    const struct cli_verb *a = *(const struct cli_verb *const *)x,
                          *b = *(const struct cli_verb *const *)y;
    return strcmp(a->name, b->name);
}

int main(int argc, char **argv)
{
    const struct cli_verb *all[64];
    size_t n = 0;
    for (size_t i = 0; i < cli_verbs_count; i++)
        all[n++] = cli_verbs[i];
    for (size_t i = 0; i < COUNT_OF(service_verbs); i++)
        all[n++] = service_verbs[i];
    qsort(all, n, sizeof all[0], by_name);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of that write, not our end */
    map_set_process_seed(clock_random_u64());
    struct cli cli = { .pages = pages,
                       .n_pages = COUNT_OF(pages),
                       .verbs = all,
                       .n_verbs = n,
                       .out = stdout,
                       .err = stderr };
    return cli_main(&cli, argc, argv);
}
