/* SPDX-License-Identifier: Apache-2.0
 * schema_check — is a document what its type says, as Kubernetes' decoder sees it? Types of values
 * first (a wrong one is 400 BadRequest), then unknown fields (fieldValidation: Strict refuses them,
 * Warn names them, and built-in and structural kinds drop them). Reads, changes nothing. Pure. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "kube/schema.h"

#define SCHEMA_UNKNOWN_MAX 100 /* paths kept of one document; the rest is only counted */

/* Paths as Kubernetes writes them ("spec.containers[0].imagePulPolicy"), in the arena. */
struct schema_paths {
    struct arena *a;
    struct str items[SCHEMA_UNKNOWN_MAX];
    size_t n;
    size_t more; /* found beyond SCHEMA_UNKNOWN_MAX */
};

/* The first value of a wrong type: ERR_INVALID with the decoder's own words, "json: cannot
 * unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool". For built-in types;
 * custom resources say it field by field (structural_validate). Members of the root that old, which
 * has passed before, has with the same text are not looked at again; old may be absent. *odd (may
 * be NULL): false when no field is unknown, so that schema_check_unknown would find nothing. */
int schema_check_types(const struct schema *s,
                       struct json v,
                       struct json old,
                       bool *odd,
                       struct err *err);

/* Collects the unknown fields, in document order (custom types: sorted). out->a must be set, the
 * rest zero. metadata of a custom resource is checked against the built-in type. old: as above. */
void schema_check_unknown(struct schema_paths *out,
                          const struct schema *s,
                          struct json v,
                          struct json old);

/* The message of a refusal: 'strict decoding error: duplicate field "a", unknown field "b"' in the
 * arena. dups: newline-separated paths from json_parse_dups, may be empty. */
struct str schema_strict_error(const struct schema_paths *unknown, struct str dups);
