/* SPDX-License-Identifier: Apache-2.0
 * What the reader and the writer of YAML share: which value a plain scalar stands for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum yaml_kind {
    YAML_KIND_STR,
    YAML_KIND_NULL,
    YAML_KIND_BOOL,
    YAML_KIND_INT,
    YAML_KIND_FLOAT, /* may be infinite or NaN */
};

struct yaml_value {
    enum yaml_kind kind;
    bool b;
    bool negative;      /* of an integer */
    uint64_t magnitude; /* at most 2^63 when negative */
    double f;
};

#define YAML_NUMBER_MAX 512 /* a longer plain scalar is a string */

struct yaml_value yaml_resolve(struct str plain);

/* Whether other YAML 1.1 readers see a date or a base-60 number where we see a string. */
bool yaml_is_ambiguous(struct str plain);

/* As encoding/json prints it: shortest digits that read back, exponents from 1e21 and below 1e-6.
 */
void yaml_put_f64(struct buf *out, double f);
/* As sigs.k8s.io/yaml makes keys of numbers: shortest digits of a 32-bit float, %g. */
void yaml_put_key_f64(struct buf *out, double f);
void yaml_put_int(struct buf *out, const struct yaml_value *v);
