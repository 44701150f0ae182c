/* SPDX-License-Identifier: Apache-2.0
 * recorder — Events about objects, written without waiting. An Event that repeats (same object,
 * type, reason and message) raises the count of the first one instead of adding an object. What a
 * service can have unwritten is bounded; beyond that events are dropped and counted in one log
 * line. On the transport's loop. */
#pragma once

#include "client/transport.h"

struct recorder;

#define RECORDER_REMEMBERED 4096 /* distinct events whose count is known */
#define RECORDER_IN_FLIGHT 1024

/* component: source.component and reportingComponent, static storage. */
struct recorder *recorder_new(struct transport *t, const char *component);
void recorder_free(struct recorder *r);

/* type is "Normal" or "Warning". about is borrowed. */
void recorder_event(struct recorder *r,
                    const struct kobj *about,
                    const char *type,
                    const char *reason,
                    struct str message,
                    struct wall now);
