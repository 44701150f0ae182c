/* SPDX-License-Identifier: Apache-2.0
 * schema_internal — the tables that tools/gen/kube_tables.py writes at build time from the facts,
 * and the rows of the protobuf decoder. Only for src/kube. */
#pragma once

#include "kube/kind.h"
#include "kube/schema.h"

struct schema_gvk {
    const struct schema *schema;
    struct str gvk; /* "apps/v1/Deployment" */
};

extern const struct schema schema_table[]; /* named types first, sorted by name */
extern const size_t schema_table_named;
extern const struct schema_gvk schema_gvks[]; /* sorted by gvk */
extern const size_t schema_gvks_n;

extern const struct resource resource_table[]; /* sorted by group, version, plural */
extern const size_t resource_table_n;

/* A protobuf field. Scalars are the wire types of proto2 as Kubernetes uses them. */
enum proto_kind {
    PROTO_STRING,
    PROTO_BYTES,
    PROTO_BOOL,
    PROTO_INT32,
    PROTO_INT64,
    PROTO_DOUBLE,
    PROTO_MESSAGE,
};

enum {
    PROTO_REPEATED = 1u << 0,
    PROTO_MAP = 1u << 1,    /* map<string, kind> */
    PROTO_INLINE = 1u << 2, /* the members of the message belong to the parent */
};

struct proto_message;

struct proto_field {
    const char *name; /* in JSON */
    uint8_t kind, flags;
    uint16_t number;
    const struct proto_message *message; /* of PROTO_MESSAGE */
};

struct proto_message {
    struct str name; /* "core.v1.Pod" */
    uint16_t n_fields;
    uint8_t special;                  /* enum proto_special */
    const struct proto_field *fields; /* sorted by number */
};

/* Messages whose JSON is not an object of their fields. */
enum proto_special {
    PROTO_PLAIN,
    PROTO_TIME,
    PROTO_MICRO_TIME,
    PROTO_QUANTITY,
    PROTO_INT_OR_STRING,
    PROTO_RAW,  /* RawExtension, FieldsV1, apiextensions JSON: the bytes are the JSON */
    PROTO_LIST, /* a message of one repeated field that is a plain list in JSON */
    PROTO_ONE,  /* a union: the JSON of whichever field is set */
};

extern const struct proto_message proto_table[]; /* sorted by name */
extern const size_t proto_table_n;
