/* SPDX-License-Identifier: Apache-2.0
 * verbs — the rows that verbs.c puts in its table; one file a verb. */
#pragma once

#include "base/mem.h"
#include "cli/verb.h"

extern const struct cli_verb apply_verb;
extern const struct cli_verb completion_verb;
extern const struct cli_verb delete_verb;
extern const struct cli_verb describe_verb;
extern const struct cli_verb get_verb;
extern const struct cli_verb logs_verb;
extern const struct cli_verb man_verb;
extern const struct cli_verb reference_verb;
extern const struct cli_verb version_verb;
extern const struct cli_verb wait_verb;
extern const struct cli_verb why_verb;
