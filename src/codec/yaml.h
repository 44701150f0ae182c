/* SPDX-License-Identifier: Apache-2.0
 * yaml — YAML to JSON documents and back, as Kubernetes tools read and write it.
 *
 * Reading goes through libyaml's events and then by the YAML 1.1 rules of sigs.k8s.io/yaml: plain
 * yes/no/on/off/y/n are booleans, 012 and 0o12 are ten, 1_000 is a thousand, ~ and nothing are
 * null, dates stay strings, quoted scalars are strings, keys become strings, `<<` merges (keys of
 * the mapping itself win). Writing looks as kubectl's -o yaml does. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "codec/json.h"

VEC_TYPE(yaml_docs, struct json_doc *);

/* Appends one document per `---` part of the text; parts that hold nothing or null are left out. A
 * text that is one JSON object is read as JSON, numbers kept as written.
 * ERR_INVALID ("line 3, column 7: …"): syntax, a repeated key, a key that is a list, map or null,
 * an alias inside its own anchor, infinities. ERR_TOO_LARGE: over lim, where every use of an alias
 * or merge counts. On failure *out is as before. Each item is a reference to release. */
int yaml_parse(struct yaml_docs *out,
               struct str text,
               const struct json_limits *lim,
               struct err *err);

/* For texts that must hold exactly one document, such as configurations. */
int yaml_parse_one(struct json_doc **out,
                   struct str text,
                   const struct json_limits *lim,
                   struct err *err);

void yaml_docs_unref(struct yaml_docs *docs); /* releases the documents and the array */

enum yaml_order {
    YAML_AS_IS,
    YAML_SORTED, /* keys as kubectl sorts them: letters after the rest, numbers by value */
};

/* Appends the value in block style, with a closing newline and without `---`. Strings that a YAML
 * 1.1 reader would take for something else are quoted. Nothing for an absent value. */
void yaml_write(struct buf *out, struct json v, enum yaml_order order);
