/* SPDX-License-Identifier: Apache-2.0
 * kind — what resources exist and what their objects look like. Built-in ones come from the fact
 * tables in kube/facts/ (recorded from Kubernetes 1.36), turned into constant C tables by the
 * build; custom ones are made from CustomResourceDefinitions by the API server in the same shape.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum verb {
    VERB_GET,
    VERB_LIST,
    VERB_WATCH,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_DELETE_COLLECTION,
};
#define VERB_BIT(v) (1u << (v))
struct str verb_name(enum verb v); /* "get", …, "deletecollection" */

struct column { /* of the server-side Table */
    struct str name, type, format, description;
    int priority;         /* 0: always shown; 1: with -o wide */
    struct str json_path; /* custom resources only */
};

struct schema; /* kube/schema.h: the type of an object, field by field */

struct subresource {
    struct str name;
    struct str kind;           /* of the body: "Scale", or the resource's own kind */
    struct str group, version; /* of the body's kind; version empty: as the resource */
    uint32_t verbs;
};

struct resource {
    struct str group, version; /* "" and "v1" for the core group */
    struct str plural, singular, kind, list_kind;
    const struct str *short_names;
    size_t n_short_names;
    const struct str *categories;
    size_t n_categories;
    bool namespaced;
    uint32_t verbs; /* VERB_BIT(…) */
    const struct column *columns;
    size_t n_columns;
    const char *const *subresources; /* "status", "scale", "binding", …; NULL-terminated, or NULL */
    const struct subresource *subs; /* the same, for discovery */
    size_t n_subs;
    const struct schema *schema; /* NULL: free form */
    bool custom;
};

/* Built-in resources, sorted by group, version, plural. */
size_t resource_count(void);
const struct resource *resource_builtin(size_t i);
const struct resource *resource_find(struct str group, struct str version, struct str plural);
const struct resource *resource_find_kind(struct str api_version, struct str kind);
/* By plural, singular, short name or kind, any case, as kubectl accepts ("po", "deploy",
 * "deployments.apps"); NULL when unknown. Built-in ones only. */
const struct resource *resource_guess(struct str word);
bool resource_has_sub(const struct resource *r, const char *sub);
/* "v1" or "apps/v1"; out holds at least 128 bytes. */
struct str resource_api_version(char *out, size_t cap, const struct resource *r);
