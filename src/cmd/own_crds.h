/* SPDX-License-Identifier: Apache-2.0
 * own_crds — the definitions of deploy/crds, carried in the binary: `ganglion up` serves our own
 * kinds without being asked. Made by the build (tools/gen/embed.py). */
#pragma once

#include <stddef.h>

#include "base/str.h"

extern const struct str own_crds[]; /* YAML, one definition each */
extern const size_t own_crds_count;
