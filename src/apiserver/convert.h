/* SPDX-License-Identifier: Apache-2.0
 * convert — objects between the version they are stored in and the version a client speaks:
 * versions of custom resources (conversion strategy None) and Events, which are stored as core/v1
 * and served as events.k8s.io/v1 too. Everything else is stored as it is served. */
#pragma once

#include "apiserver/registry.h"
#include "base/arena.h"
#include "codec/jnode.h"

/* The object as the resource's version shows it: a new reference, to o itself when nothing
 * differs. */
struct kobj *convert_out(const struct served *what, const struct kobj *o);
/* The object that came in, as it is stored. Changes the tree. */
void convert_in(struct arena *a, const struct served *what, struct jnode *root);
bool convert_needed(const struct served *what, const struct kobj *o);
