/* SPDX-License-Identifier: Apache-2.0
 * mounts — the volumes of one container in a mount namespace of its own. Containers see the
 * machine's files; a mount target that does not exist there is made without touching the machine:
 * its nearest existing folder is covered by a tmpfs that holds the same entries (binds and links)
 * and room for more. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "node/shim/spec.h"

#define MOUNTS_ENTRIES_MAX 4096 /* of a folder that must be covered */

/* Leaves the machine's mount namespace (through a user namespace when that is the only way) and
 * binds the mounts in order. Does nothing for n == 0. ERR_DENIED: the kernel allows neither, or the
 * root is a chroot, and some mount is not its own source. In the forked container process. */
int mounts_enter(const struct shim_mount *mounts, size_t n, struct err *err);
