/* SPDX-License-Identifier: Apache-2.0
 * check — assertions over cmocka that print what was got beside what was wanted. Include this
 * instead of cmocka.h. Test programs return CHECK_MAIN(tests). */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

/* Macros: they pass the caller's file and line. */
#define CHECK(cond) check_true_at((cond), #cond, __FILE__, __LINE__)
#define CHECK_OK(rc, err) check_ok_at((rc), &(err), __FILE__, __LINE__)
#define CHECK_FAILS(rc, err, want_kind) check_fails_at((rc), &(err), want_kind, __FILE__, __LINE__)
#define CHECK_STR(got, want_literal) check_str_at((got), STR(want_literal), __FILE__, __LINE__)
#define CHECK_STR_EQ(got, want) check_str_at((got), (want), __FILE__, __LINE__)
#define CHECK_CSTR(got, want) check_str_at(str_from(got), str_from(want), __FILE__, __LINE__)
#define CHECK_I64(got, want) check_i64_at((int64_t)(got), (int64_t)(want), __FILE__, __LINE__)

void check_true_at(int cond, const char *text, const char *file, int line);
void check_ok_at(int rc, const struct err *err, const char *file, int line);
void check_fails_at(int rc, const struct err *err, enum err_kind want, const char *file, int line);
void check_str_at(struct str got, struct str want, const char *file, int line);
void check_i64_at(int64_t got, int64_t want, const char *file, int line);

/* A deterministic generator for property tests; the seed comes from CHECK_SEED in the environment
 * or is 1, and a failing test prints it. */
uint64_t check_random(void);
uint64_t check_random_below(uint64_t n);

#define CHECK_MAIN(tests) cmocka_run_group_tests((tests), NULL, NULL)
