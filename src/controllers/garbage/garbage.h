/* SPDX-License-Identifier: Apache-2.0
 * garbage — deletes what nobody owns any more, in the three ways that a deletion can ask for
 * (Background, Foreground, Orphan; kubernetes.io/docs: Garbage Collection), and empties namespaces
 * that are being deleted. Works on every resource that can be listed, watched and deleted, custom
 * ones included, so it is not a struct controller with fixed watches. On the transport's loop. */
#pragma once

#include "client/informer.h"
#include "client/transport.h"

struct garbage;

/* shared: caches to use beside others on the same loop (runner_informers()); they must outlive the
 * collector. NULL: it keeps its own. Starts at once. */
struct garbage *garbage_new(struct transport *t, struct informers *shared);
/* Cancels what is under way. With shared caches nothing may run on the loop between this and their
 * end. NULL is fine. */
void garbage_free(struct garbage *g);
