/* SPDX-License-Identifier: Apache-2.0
 * match — labels in sorted arrays, and the selectors that match them: label selectors of objects
 * (matchLabels, matchExpressions) and node selector terms. One evaluator serves both, because
 * Kubernetes defines both by the same requirement rules. Pure. */
#pragma once

#include "base/arena.h"
#include "kube/pod.h"

struct label {
    struct str key, value;
};

struct labelset { /* sorted by key */
    const struct label *items;
    size_t n;
    bool shared; /* the items belong to the labels that many objects share */
};

#define MATCH_LABELS_MAX 4096 /* labels of one object that are looked at */

/* A map of strings; texts borrow from v, and so does the array when v is shared (json_keep.h). Give
 * back with labelset_fini. */
struct labelset labelset_decode(struct json v);
void labelset_fini(struct labelset *l);
struct str labelset_get(const struct labelset *l, struct str key); /* absent when there is none */
bool labelset_equal(const struct labelset *a, const struct labelset *b);

/* A requirement as labels.Requirement of apimachinery has it: NotIn and DoesNotExist hold for a
 * missing key; Gt and Lt need integers on both sides ("07" is 7). */
bool match_need(const struct need *n, const struct labelset *l);
bool match_needs(const struct need *n, size_t count, const struct labelset *l);

/* A compiled LabelSelector. present is false for an absent one, which matches nothing; an empty one
 * matches everything. */
struct label_sel {
    bool present;
    struct need *needs;
    size_t n;
};

/* Compiles a LabelSelector object; arrays live in a, texts borrow from v. */
struct label_sel label_sel_compile(struct arena *a, struct json v);
/* Compiles a plain map of labels ({app: web}), as Services have it. */
struct label_sel label_sel_of_map(struct arena *a, struct json map);
void label_sel_add(struct arena *a, struct label_sel *s, struct need n);

static inline bool label_sel_matches(const struct label_sel *s, const struct labelset *l)
{
    return s->present && match_needs(s->needs, s->n, l);
}

static inline bool label_sel_is_empty(const struct label_sel *s) /* present and without needs */
{
    return s->present && s->n == 0;
}

/* One node selector term against a node: labels, and metadata.name as the only field. */
bool match_node_term(const struct node_term *t, const struct labelset *l, struct str node_name);
/* Any of the terms. */
bool match_node_terms(const struct node_terms *t, const struct labelset *l, struct str node_name);
/* A plain nodeSelector map: every entry is a label of the node. */
bool match_node_selector(struct json map, const struct labelset *l);
