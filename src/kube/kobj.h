/* SPDX-License-Identifier: Apache-2.0
 * kobj — one API object at one revision: an immutable, counted JSON document with the few metadata
 * that everybody asks for at hand. Caches, watchers, the scheduler and the store share one kobj
 * across threads; a change makes a new one. The JSON document is the truth, typed views (pod.h,
 * node.h, …) are lenses over it, decoded at most once and hung on the object.
 *
 * Shape (c): kobj_ref / kobj_unref, atomic. All slices borrow from the object. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "codec/jnode.h"
#include "codec/json.h"
#include "codec/json_keep.h"

struct kobj {
    _Atomic uint32_t refs;
    uint32_t metadata_at; /* in doc; 0: it has none */
    uint64_t revision;    /* metadata.resourceVersion as a number; 0: none yet */
    struct json_doc *doc; /* owned */
    struct str api_version, kind;
    struct str namespace, name, uid; /* absent where the document has none */
    _Atomic(void *) lens;            /* published once by lens_get (kube/lens.h) */
};

/* Takes over the document reference (also on failure). ERR_INVALID when it is not an object, or
 * when metadata, apiVersion or kind have the wrong type. *out is a new reference. */
int kobj_new(struct kobj **out, struct json_doc *doc, struct err *err);
/* Parses text and makes a kobj. For files, tests and the store. */
int kobj_parse(struct kobj **out, struct str text, const struct json_limits *lim, struct err *err);
/* What k keeps of the object v, behind those members of front (absent: none) that v lacks: the kind
 * and version that a list's items do not repeat. What k keeps must hold kind, apiVersion and the
 * metadata below. Errors as of kobj_new. */
int kobj_keep(struct kobj **out,
              struct json_keep *k,
              struct json v,
              struct json front,
              struct err *err);
/* Freezes an edited tree into a kobj. */
int kobj_freeze(struct kobj **out, struct jnode *root, struct err *err);

struct kobj *kobj_ref(const struct kobj *o);
void kobj_unref(const struct kobj *o); /* NULL is fine */

size_t kobj_bytes(const struct kobj *o); /* memory held: document, view, itself */

static inline void kobj_unrefp(struct kobj **o)
{
    kobj_unref(*o);
}

static inline struct json kobj_root(const struct kobj *o) /* absent for NULL */
{
    return o ? json_root(o->doc) : (struct json){ 0 };
}

/* metadata, and a member of it, without a search from the root; absent for NULL. */
struct json kobj_metadata(const struct kobj *o);
struct json kobj_meta(const struct kobj *o, struct str key);
/* json_path from the root: kobj_path(o, "spec.nodeName"). */
struct json kobj_path(const struct kobj *o, const char *path);

struct str kobj_label(const struct kobj *o, struct str key);      /* absent when there is none */
struct str kobj_annotation(const struct kobj *o, struct str key); /* absent when there is none */
struct wall kobj_created(const struct kobj *o);
bool kobj_deleting(const struct kobj *o); /* has metadata.deletionTimestamp */

/* The controller among ownerReferences (controller: true); absent when there is none. */
struct json kobj_controller(const struct kobj *o);

/* "namespace/name", or "name" when cluster-scoped, in the arena. */
struct str kobj_key(struct arena *a, const struct kobj *o);
