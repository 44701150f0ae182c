/* SPDX-License-Identifier: Apache-2.0
 * own_keys — the labels and annotations scheduling.ganglion.io/…, all of them, so that a mistyped
 * one is told to who wrote it instead of doing nothing. Used by the apiserver. Pure. */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "codec/jnode.h"
#include "kube/complete.h"

/* Adds a text for each key of that domain that nobody reads (and for gang-restart with a value that
 * means nothing), on the object and on its pod template (of CronJobs too); it names the place and
 * the nearest known key. Objects that others own were made by a controller and are not looked at.
 * Texts are made in a. */
void own_keys_check(struct jnode *obj, struct arena *a, struct warning_vec *warnings);
