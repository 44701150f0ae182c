/* SPDX-License-Identifier: Apache-2.0
 * loop_internal — the libuv loop inside a struct loop, for the other files of io/. */
#pragma once

#include <uv.h>

#include "io/loop.h"

uv_loop_t *loop_uv(struct loop *l);
