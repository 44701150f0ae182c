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

struct jnode {
    struct arena *arena;
    enum json_type type;
    bool lazy;                  /* stands for doc/at and has nothing below */
    bool truth;                 /* of a boolean */
    bool plain;                 /* the string needs no escapes */
    const struct json_doc *doc; /* source of a lazy node and of the slots; may be NULL */
    uint32_t at;
    uint32_t n, dead, cap; /* slots in use (dead ones included), dead, allocated */
    uint32_t index_cap;    /* power of two, or 0 */
    bool index_valid;
    union {
        struct str text;    /* string (valid UTF-8) or number */
        struct slot *slots; /* containers */
    };
    uint32_t *index; /* open addressing: slot number + 1, 0 is free */
};

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

/* Gives a container its slots. */
void jnode_expand(struct jnode *n);
/* Drops dead slots, so that slot i is child i. */
void jnode_compact(struct jnode *n);
/* The slot of a live member, or NULL; expands. */
struct slot *jnode_find(struct jnode *obj, struct str key);
/* The child of a slot as a node. */
struct jnode *jnode_child(struct jnode *parent, struct slot *s);
