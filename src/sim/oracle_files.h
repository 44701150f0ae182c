/* SPDX-License-Identifier: Apache-2.0
 * oracle_files — `ganglion sim oracle`: replays files of recorded decisions of the real
 * kube-scheduler (JSON lines, plain or gzip'ed; scheduler/cycle/oracle.h says what a line holds)
 * and prints how many agree. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/* Prints per topic "NAME matched/total" and the first differences, and as its last line
 * "N passed, M failed". *failed is M: a line that is no such case counts too. ERR_NOT_FOUND, ERR_IO
 * when a file cannot be read. */
int sim_oracle_files(FILE *out, const struct str *paths, size_t n, size_t *failed, struct err *err);
