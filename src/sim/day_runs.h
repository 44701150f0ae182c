/* SPDX-License-Identifier: Apache-2.0
 * day_runs — how long the pods of a day run. Of day.c. */
#pragma once

#include "sim/day.h"

/* Finds which pod was made in place of which preempted one, and sets run_ns of all: as recorded;
 * else as the pod says (run-seconds, run-time); else the mean of its siblings. */
void day_work_out_runs(struct day *d);
