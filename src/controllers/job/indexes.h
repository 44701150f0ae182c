/* SPDX-License-Identifier: Apache-2.0
 * indexes — which completion indexes of an Indexed Job are done, as a bitmap here and as text in
 * its status ("1,3-5,7"; kubernetes/kubernetes pkg/controller/job/indexed_job_utils.go). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define INDEXES_MAX 100000 /* completions of an Indexed Job, as Kubernetes limits them */

struct indexes {
    uint64_t *words;
    int64_t n; /* indexes 0 .. n-1 */
    int64_t set;
};

struct indexes indexes_new(struct arena *a, int64_t n); /* all clear; n is cut to INDEXES_MAX */
void indexes_add(struct indexes *x, int64_t i);         /* out of range: ignored */
bool indexes_has(const struct indexes *x, int64_t i);
/* Malformed parts and indexes beyond n are ignored. */
void indexes_parse(struct indexes *x, struct str text);
struct str indexes_text(struct arena *a, const struct indexes *x);
