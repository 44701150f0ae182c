/* SPDX-License-Identifier: Apache-2.0
 * jnode_internal — the node of an editable tree, shared by jnode.c, jnode_read.c and
 * jnode_freeze.c.
 *
 * A lazy node stands for a document value. Expanding it makes one slot per child; a slot holds the
 * child's place in the document until somebody asks for the child itself. Objects with many members
 * get a hash index on the first lookup, and their deleted members stay as dead slots until somebody
 * asks for a member by number, so that no sequence of edits takes quadratic time. */
#pragma once

#include "codec/jnode.h"
#include "codec/json_internal.h"

#define JNODE_LINEAR_MAX 24 /* members looked through one by one */

struct slot {
    struct str key;     /* of a member; absent in arrays */
    struct jnode *node; /* NULL: at is the value's place in the container's document */
    uint32_t at;        /* 0 with node NULL: dead */
    bool plain;         /* the key needs no escapes */
};

/* Of an object with many members. */
struct jnode_index {
    uint32_t cap;  /* power of two */
    uint32_t dead; /* slots of the object that are dead */
    bool valid;
    uint32_t slots[]; /* open addressing: slot number + 1, 0 is free */
};

/* Trees have a node for each value that was looked at: they are kept small. */
struct jnode {
    struct arena *arena;
    const struct json_doc *doc; /* source of a lazy node and of the slots; may be NULL */
    uint32_t at;
    enum json_type type : 8;
    bool lazy;  /* stands for doc/at and has nothing below */
    bool truth; /* of a boolean */
    bool plain; /* the string needs no escapes */
    union {
        struct str text; /* string (valid UTF-8) or number */
        struct {         /* containers */
            struct slot *slots;
            uint32_t n, cap; /* slots in use (dead ones included), allocated */
        };
    };
    struct jnode_index *index; /* NULL until it is needed */
};
static_assert(sizeof(void *) != 8 || sizeof(struct jnode) == 48, "a node stays small");

static inline struct json jnode_lazy_source(const struct jnode *n)
{
    return (struct json){ n->doc, n->at };
}

static inline bool slot_is_dead(const struct slot *s)
{
    return !s->node && s->at == 0;
}

static inline bool jnode_is_container(const struct jnode *n)
{
    return n->type == JSON_OBJ || n->type == JSON_ARR;
}

/* Children of a container that was expanded. */
static inline uint32_t jnode_live(const struct jnode *n)
{
    return n->n - (n->index ? n->index->dead : 0);
}

/* Gives a lazy container its slots. */
void jnode_expand_lazy(struct jnode *n);

static inline void jnode_expand(struct jnode *n)
{
    if (n->lazy && jnode_is_container(n))
        jnode_expand_lazy(n);
}

/* Drops dead slots, so that slot i is child i. */
void jnode_compact(struct jnode *n);
/* The slot of a live member, or NULL; expands. */
struct slot *jnode_find(struct jnode *obj, struct str key);
/* The child of a slot as a node. */
struct jnode *jnode_child(struct jnode *parent, struct slot *s);
