/* SPDX-License-Identifier: Apache-2.0
 * backfill_args — arguments of the plugin Backfill: for how many of the waiting gangs room is held
 * at the time at which they are expected to start. */
#pragma once

#include <stdint.h>

#define BACKFILL_DEPTH_MAX 32

enum backfill_policy {
    BACKFILL_BY_PROFILE, /* easy, but for the profile that does what kube-scheduler does: none */
    BACKFILL_NONE,
    BACKFILL_EASY,         /* for the first of them */
    BACKFILL_CONSERVATIVE, /* for the first `depth` */
};

struct backfill_args {
    enum backfill_policy policy;
    int64_t depth;
};
