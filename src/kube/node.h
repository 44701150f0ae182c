/* SPDX-License-Identifier: Apache-2.0
 * node — the view of a Node that the scheduler, the node life-cycle controller and printing act on.
 * Decoded once per revision; everything borrows from the object. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kube/field.h"
#include "kube/kobj.h"
#include "kube/pod.h"
#include "kube/quantities.h"

struct taint {
    struct str key, value;
    enum taint_effect effect;
    struct wall time_added;
};

struct node_image {
    struct strs names;
    int64_t size_bytes;
};

struct node {
    struct amounts allocatable, capacity; /* allocatable falls back to capacity when absent */
    struct json labels, annotations;
    struct {
        struct taint *items;
        size_t n;
    } taints;
    struct {
        struct node_image *items;
        size_t n;
    } images;
    bool unschedulable;
    bool deleting;
    enum condition_status ready;      /* condition Ready */
    struct str internal_ip, hostname; /* addresses */
    struct json conditions;           /* status.conditions */
};

/* The view of a Node, borrowed as long as o is held. */
const struct node *node_of(const struct kobj *o);

/* The label's value; absent when there is none. */
struct str node_label(const struct node *n, struct str key);
