/* SPDX-License-Identifier: Apache-2.0
 * verbs — the table of the client's verbs, sorted by name. */
#include "cli/verbs/verbs.h"

const struct cli_verb *const cli_verbs[] = {
    &apply_verb, &completion_verb, &delete_verb,  &describe_verb, &get_verb, &logs_verb,
    &man_verb,   &reference_verb,  &version_verb, &wait_verb,     &why_verb,
};
const size_t cli_verbs_count = COUNT_OF(cli_verbs);
