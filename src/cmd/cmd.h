/* SPDX-License-Identifier: Apache-2.0
 * cmd — the verbs that run services or simulations; main.c puts them beside those of cli/. */
#pragma once

#include "cli/verb.h"

extern const struct cli_verb apiserver_verb;
extern const struct cli_verb sim_oracle_verb;
extern const struct cli_verb sim_record_verb;
extern const struct cli_verb sim_replay_verb;
extern const struct cli_verb sim_trace_verb;
extern const struct cli_verb sim_whatif_verb;
extern const struct cli_verb up_verb;
