/* SPDX-License-Identifier: Apache-2.0
 * What the tests of cel share: an expression, and what it gives as JSON, or "compile: …" or
 * "eval: …" with a part of the message. */
#pragma once

#include "codec/cel.h"
#include "testkit/check.h"

struct cel_case {
    const char *text, *want;
};

void cel_cases_check(const struct cel_case *rows, size_t n);
/* Compiles against the test's variables and evaluates; what a row would want. */
struct str cel_case_result(struct arena *a, const char *text);
