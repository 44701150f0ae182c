/* SPDX-License-Identifier: Apache-2.0
 * plugin_files — libraries with scheduler plugins of others (outside/outside.h): found, trusted,
 * tried in a child process, loaded. Before there are threads. Shape (b). */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct outside;
struct plugin_files;

/* Loads n files; each is an absolute path or one below the working folder. First a child process
 * does the same and reads the KubeSchedulerConfiguration with them, so that a library that crashes
 * or hangs is an error and not our end. Errors name the file, what is wrong and what to do. */
int plugin_files_load(struct plugin_files **out,
                      const struct str *paths,
                      size_t n,
                      struct str config,
                      struct err *err);
/* No scheduler may use them. NULL is fine. */
void plugin_files_free(struct plugin_files *f);
/* NULL for NULL. */
struct outside *plugin_files_outside(const struct plugin_files *f);
