/* SPDX-License-Identifier: Apache-2.0
 * lens — a typed view hung on a kobj: decoded at most once per revision, published by
 * compare-and-swap, freed with the object. One lens type per kind of object. Any thread. */
#pragma once

#include "base/arena.h"
#include "kube/kobj.h"

typedef void (*lens_decode_fn)(void *out, const struct kobj *o, struct arena *a);

/* The view of size bytes that decode fills; borrowed as long as o is held. */
const void *lens_get(const struct kobj *o, size_t size, lens_decode_fn decode);
size_t lens_bytes(const void *lens); /* what it holds; 0 for NULL */
void lens_free(void *lens);          /* called by kobj_unref */
