/* SPDX-License-Identifier: Apache-2.0
 * Tests of err: filling, wrapping, cutting, and doing nothing for NULL. */
#include "base/err.h"

#include <errno.h>

#include "testkit/check.h"

static void set_fills_everything(void **state)
{
    (void)state;
    struct err err = { .sys = 5 };
    CHECK_I64(err_set(&err, ERR_CONFLICT, "%s: revision %d is stale", "pods/a", 7), -1);
    CHECK_I64(err.kind, ERR_CONFLICT);
    CHECK_I64(err.sys, 0);
    CHECK_CSTR(err.msg, "pods/a: revision 7 is stale");
    CHECK_I64(err_set(NULL, ERR_BUG, "nobody listens"), -1);
}

static void sys_appends_the_reason(void **state)
{
    (void)state;
    struct err err;
    CHECK_I64(err_sys(&err, ENOENT, "opening %s", "log.db"), -1);
    CHECK_I64(err.kind, ERR_IO);
    CHECK_I64(err.sys, ENOENT);
    CHECK_CSTR(err.msg, "opening log.db: No such file or directory");
    CHECK_I64(err_sys(NULL, ENOENT, "x"), -1);
}

static void wrap_keeps_kind_and_cuts(void **state)
{
    (void)state;
    struct err err;
    err_sys(&err, EIO, "write");
    CHECK_I64(err_wrap(&err, "binding pod %s", "default/p"), -1);
    CHECK_I64(err.kind, ERR_IO);
    CHECK_I64(err.sys, EIO);
    CHECK_CSTR(err.msg, "binding pod default/p: write: Input/output error");
    for (int i = 0; i < 100; i++)
        err_wrap(&err, "level %d", i);
    CHECK(strlen(err.msg) == sizeof err.msg - 1);
    CHECK_I64(err_wrap(NULL, "x"), -1);
    err_set(&err, ERR_INVALID, "inner");
    err_set(&err, ERR_INVALID, "again: %s", err.msg);
    CHECK_CSTR(err.msg, "again: inner");
}

static void kinds_have_distinct_names(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_BUG; a++) {
        for (int b = ERR_NONE; b < a; b++)
            CHECK(strcmp(err_kind_name((enum err_kind)a), err_kind_name((enum err_kind)b)) != 0);
        CHECK(strcmp(err_kind_name((enum err_kind)a), "unknown") != 0);
    }
    CHECK_CSTR(err_kind_name(ERR_CONFLICT), "conflict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(sys_appends_the_reason),
        cmocka_unit_test(wrap_keeps_kind_and_cuts),
        cmocka_unit_test(kinds_have_distinct_names),
    };
    return CHECK_MAIN(tests);
}
