/* SPDX-License-Identifier: Apache-2.0
 * replay — decides a recorded day again: the same core hears the same inputs at the same times, and
 * each decision is compared with the recorded one, byte by byte. */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "base/time.h"

struct replay_result {
    size_t runs;              /* of schedulers, one after the other in the file */
    size_t inputs, decisions; /* of the record */
    size_t differ;
    size_t cut;         /* lines left out: their writer was killed */
    int64_t virtual_ns; /* how much time they span */
};

/* Prints the first differences to out. ERR_INVALID: it is no record, or one without decisions. */
int replay_file(struct replay_result *result, FILE *out, const char *path, struct err *err);
