/* SPDX-License-Identifier: Apache-2.0
 * The tree between YAML events and JSON text. Aliases make it a graph without cycles: an anchor may
 * not contain itself. All of it lives in one arena per text. */
#pragma once

#include <yaml.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "codec/json.h"

struct yaml_member {
    struct yaml_member *next;
    struct str key; /* absent in lists */
    struct yaml_node *value;
};

struct yaml_node {
    enum { YAML_NODE_SCALAR, YAML_NODE_LIST, YAML_NODE_MAP } type;
    bool open;       /* its end was not seen yet */
    struct str json; /* of a scalar */
    struct yaml_member *first, **last;
};

struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; zeroed when there is none */
    struct arena *arena;
    struct map anchors; /* name to node, of the current document */
    const struct json_limits *lim;
    uint32_t nodes; /* made so far, over all documents */
    struct err *err;
};

/* Reads the node that the current event starts and moves behind it. */
int yaml_read_node(struct yaml_reader *r, struct yaml_node **out, uint32_t depth);
int yaml_advance(struct yaml_reader *r);
