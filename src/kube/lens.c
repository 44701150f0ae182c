/* SPDX-License-Identifier: Apache-2.0
 * lens — decode once, publish by compare-and-swap; see lens.h.
 *
 * A view and what it points to live in an arena of its own, whose first block is sized for a
 * typical object, because there are as many views as objects. The arena's address stands just
 * before the view. */
#include "kube/lens.h"

#include <assert.h>
#include <string.h>

#define LENS_SLACK 320       /* bytes for the lists of a small object: a pod of one container */
#define LENS_SLACK_SHARED 96 /* of one that shares most of them with others */

struct lens {
    struct arena *arena;
    lens_decode_fn decode; /* an object has one kind of view; asking for another is a bug */
    _Alignas(16) char view[];
};

static struct lens *lens_of(const void *view)
{
    uintptr_t p = (uintptr_t)view - offsetof(struct lens, view);
    return (struct lens *)p;
}

const void *lens_get(const struct kobj *o, size_t size, lens_decode_fn decode)
{
    struct kobj *m = (struct kobj *)(uintptr_t)o; /* only the lens is written */
    void *view = atomic_load_explicit(&m->lens, memory_order_acquire);
    if (view) {
        assert(lens_of(view)->decode == decode);
        return view;
    }
    size_t slack = json_has_shared(o->doc) ? LENS_SLACK_SHARED : LENS_SLACK;
    struct arena *a = arena_new_sized(sizeof(struct lens) + size + slack);
    struct lens *l = arena_alloc(a, sizeof *l + size);
    l->arena = a;
    l->decode = decode;
    decode(l->view, o, a);
    void *other = NULL;
    if (atomic_compare_exchange_strong_explicit(&m->lens, &other, (void *)l->view,
                                                memory_order_acq_rel, memory_order_acquire))
        return l->view;
    arena_free(a); /* another thread was first */
    return other;
}

size_t lens_bytes(const void *lens)
{
    return lens ? arena_bytes(lens_of(lens)->arena) : 0;
}

void lens_free(void *lens)
{
    if (lens)
        arena_free(lens_of(lens)->arena);
}
