/* SPDX-License-Identifier: Apache-2.0
 * Files to which lines are added: mode, limits, and the line that a killed writer left open. */
#include "io/append.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "testkit/check.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/append-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check_text(const char *path, const char *want)
{
    struct err err = { 0 };
    struct buf b;
    buf_init(&b, 1 << 20);
    CHECK_OK(file_read(&b, path, &err), err);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void test_lines_are_added(void **state)
{
    (void)state;
    struct append *f;
    struct err err = { 0 };
    struct stat st;
    const char *path = path_of("lines");
    CHECK_OK(append_open(&f, path, 1000, &err), err);
    CHECK_OK(append_put(f, STR("one\n"), &err), err);
    check_text(path, "");
    CHECK_OK(append_flush(f, &err), err);
    check_text(path, "one\n");
    CHECK_OK(append_put(f, STR("two\n"), &err), err);
    CHECK_I64(append_bytes(f), 8);
    append_close(f);
    CHECK_OK(append_open(&f, path, 1000, &err), err);
    CHECK_OK(append_put(f, STR("three\n"), &err), err);
    append_close(f);
    check_text(path, "one\ntwo\nthree\n");
    CHECK_I64(stat(path, &st), 0);
    CHECK_I64(st.st_mode & 0777, 0600);
}

static void test_a_line_that_was_cut_is_ended(void **state)
{
    (void)state;
    struct append *f;
    struct err err = { 0 };
    const char *path = path_of("cut");
    CHECK_OK(file_write_atomic(path, STR("one\ntw"), 0644, &err), err);
    CHECK_OK(append_open(&f, path, 1000, &err), err);
    CHECK_OK(append_put(f, STR("three\n"), &err), err);
    append_close(f);
    check_text(path, "one\ntw\nthree\n");
}

static void test_limits(void **state)
{
    (void)state;
    struct append *f;
    struct err err = { 0 };
    CHECK_OK(append_open(&f, path_of("small"), 6, &err), err);
    CHECK_OK(append_put(f, STR("one\n"), &err), err);
    CHECK_FAILS(append_put(f, STR("two\n"), &err), err, ERR_TOO_LARGE);
    CHECK_OK(append_put(f, STR("2\n"), &err), err);
    append_close(f);
    check_text(path_of("small"), "one\n2\n");
    CHECK_FAILS(append_open(&f, path_of("no/such/folder"), 6, &err), err, ERR_IO);
    CHECK_FAILS(append_open(&f, "/dev/null", 6, &err), err, ERR_INVALID);
}

/* What the kernel took before it refused is not written twice. */
static void test_a_full_disk(void **state)
{
    (void)state;
    struct append *f;
    struct err err = { 0 };
    struct rlimit before, small = { 8, RLIM_INFINITY };
    CHECK_OK(append_open(&f, path_of("full"), 1000, &err), err);
    CHECK_OK(append_put(f, STR("one\ntwo\nthree\n"), &err), err);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    CHECK_FAILS(append_flush(f, &err), err, ERR_IO);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_OK(append_flush(f, &err), err);
    append_close(f);
    check_text(path_of("full"), "one\ntwo\nthree\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_added),
        cmocka_unit_test(test_a_line_that_was_cut_is_ended),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
