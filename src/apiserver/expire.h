/* SPDX-License-Identifier: Apache-2.0
 * expire — Events are kept for an hour, and within a number of bytes. */
#pragma once

#include "base/time.h"

struct apiserver;

/* Removes what is too old or too much; does something about once a minute. */
void expire_events(struct apiserver *s, struct mono now);
