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

struct recorder_note {        /* borrowed for the call */
    const struct kobj *about; /* with apiVersion and kind */
    const char *type;         /* "Normal" or "Warning" */
    const char *reason;       /* "BackOff": a word that programs look for */
    struct str message;       /* for people; cut to 1024 bytes */
};
void recorder_event(struct recorder *r, const struct recorder_note *note, struct wall now);
