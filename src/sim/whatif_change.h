/* SPDX-License-Identifier: Apache-2.0
 * whatif_change — what is to be otherwise than in a recorded day, from the words and files that a
 * person gives. Pure. */
#pragma once

#include "sim/scene.h"

#define WHATIF_NODES_MAX 20000 /* that are added */

struct whatif_change;

struct whatif_change *whatif_change_new(const struct day *day);
void whatif_change_free(struct whatif_change *w); /* NULL is fine */

/* "2", "2:SHAPE" (shape.h), "2:NODE" (like that node of the day) or "2:WORD" (like a node of the
 * day whose GPU model has the word, as h100). ERR_INVALID says what there is. */
int whatif_add_nodes(struct whatif_change *w, struct str text, struct err *err);
/* Node groups (sim_file.h), or manifests of nodes: those that the day has are replaced. */
int whatif_add_node_file(struct whatif_change *w, struct str text, struct err *err);
/* Manifests of queues, topologies and group objects: the same. */
int whatif_add_queue_file(struct whatif_change *w, struct str text, struct err *err);
/* ERR_NOT_FOUND: the day has no such node. */
int whatif_remove_node(struct whatif_change *w, struct str name, struct err *err);
/* A KubeSchedulerConfiguration, in place of the recorded one. */
void whatif_set_config(struct whatif_change *w, struct str text);

/* Borrows from it; valid until the next change. */
struct scene_change whatif_change_get(const struct whatif_change *w);
/* "2 nodes like gpu-7 added, node gpu-3 removed"; "nothing changed". */
struct str whatif_change_words(const struct whatif_change *w);

static inline void whatif_change_freep(struct whatif_change **w)
{
    whatif_change_free(*w);
}
