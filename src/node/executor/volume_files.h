/* SPDX-License-Identifier: Apache-2.0
 * volume_files — the folder of a volume whose files come from the API, replaced as a whole: a
 * reader that goes through "..data" sees all of the old files or all of the new ones, never a
 * mixture. The layout is kubelet's, which programs that watch their configuration know:
 *
 *   DIR/..files.Xa81Lq/key     the files
 *   DIR/..data -> ..files.Xa81Lq   renamed over by an update
 *   DIR/key -> ..data/key      one link for each first step of a path
 *
 * Blocking, small. The set of files is pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

struct volume_file { /* texts are borrowed */
    struct str path; /* "app/ca.crt" */
    struct str bytes;
    mode_t mode;
};
VEC_TYPE(volume_files, struct volume_file); /* volume_files_fini frees it */

/* A file of the same path is replaced. ERR_INVALID: the path is empty, leads out of the volume, or
 * begins with "..". */
int volume_files_add(struct volume_files *set, struct volume_file file, struct err *err);

/* Makes the folder show these files. group: theirs, readable to it; -1: ours. *changed: they were
 * not what the folder showed already; when they were, nothing is touched. On failure the folder
 * shows what it did before. */
int volume_files_show(const struct volume_files *set,
                      const char *dir,
                      int64_t group,
                      bool *changed,
                      struct err *err);
