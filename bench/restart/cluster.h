/* SPDX-License-Identifier: Apache-2.0
 * cluster — writes a cluster straight into a store, as large as one likes: nodes and running pods
 * as a real API server would hold them, with conditions, statuses and managedFields. */
#pragma once

#include <stddef.h>

/* Makes dir/store.db. Exits the program with a message when it cannot. */
void cluster_write(const char *dir, size_t nodes, size_t pods);
