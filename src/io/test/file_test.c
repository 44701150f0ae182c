/* SPDX-License-Identifier: Apache-2.0
 * Files, trees and locks in a temporary folder. */
#include "io/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "testkit/check.h"

static char root[64];

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static void written_bytes_are_read_back(void **state)
{
    (void)state;
    struct err err = { 0 };
    CHECK_OK(file_write_atomic(at("a"), STR("one"), 0640, &err), err);
    CHECK_OK(file_write_atomic(at("a"), STR("two"), 0600, &err), err);
    struct stat st;
    CHECK_I64(stat(at("a"), &st), 0);
    CHECK_I64(st.st_mode & 0777, 0600);
    mode_t mask = umask(0077); /* the mode is what was said, whatever the mask */
    CHECK_OK(file_write_atomic(at("a"), STR("two"), 0644, &err), err);
    umask(mask);
    CHECK_I64(stat(at("a"), &st), 0);
    CHECK_I64(st.st_mode & 0777, 0644);
    struct buf b;
    buf_init(&b, 3); /* exactly enough */
    CHECK_OK(file_read(&b, at("a"), &err), err);
    CHECK_STR(buf_view(&b), "two");
    buf_fini(&b);
    buf_init(&b, 2);
    CHECK_FAILS(file_read(&b, at("a"), &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
    buf_init(&b, 10);
    CHECK_FAILS(file_read(&b, at("none"), &err), err, ERR_NOT_FOUND);
    CHECK_FAILS(file_read(&b, root, &err), err, ERR_IO);
    buf_fini(&b);
    CHECK_FAILS(file_write_atomic(at("no/such"), STR("x"), 0600, &err), err, ERR_IO);
}

static void large_files_are_read_whole(void **state)
{
    (void)state;
    struct err err = { 0 };
    size_t n = 300000;
    AUTO(mem_freep) char *bytes = mem_alloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i % 251);
    CHECK_OK(file_write_atomic(at("big"), str_make(bytes, n), 0600, &err), err);
    struct buf b;
    buf_init(&b, 1 << 20);
    CHECK_OK(file_read(&b, at("big"), &err), err);
    CHECK_STR_EQ(buf_view(&b), str_make(bytes, n));
    buf_fini(&b);
}

static void folders_are_made_and_removed(void **state)
{
    (void)state;
    struct err err = { 0 };
    CHECK_OK(file_make_dirs(at("d/e//f/"), 0700, &err), err);
    CHECK_OK(file_make_dirs(at("d/e/f"), 0700, &err), err); /* again is fine */
    CHECK_OK(file_write_atomic(at("d/e/file"), STR("x"), 0600, &err), err);
    CHECK_FAILS(file_make_dirs(at("d/e/file/g"), 0700, &err), err, ERR_IO);
    CHECK_OK(file_write_atomic(at("outside"), STR("keep"), 0600, &err), err);
    CHECK_I64(symlink(at("outside"), at("d/link")), 0);
    CHECK_OK(file_remove_tree(at("d"), &err), err);
    CHECK(!file_exists(at("d")));
    CHECK(file_exists(at("outside"))); /* the link went, not what it names */
    CHECK_OK(file_remove_tree(at("d"), &err), err);
}

static void a_lock_has_one_holder(void **state)
{
    (void)state;
    struct err err = { 0 };
    int fd = -1, second = -1;
    CHECK_OK(file_lock(&fd, at("lock"), &err), err);
    CHECK_FAILS(file_lock(&second, at("lock"), &err), err, ERR_BUSY);
    char pid[24];
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    CHECK(strstr(err.msg, pid) != NULL);
    CHECK_I64(second, -1);
    close(fd);
    CHECK_OK(file_lock(&fd, at("lock"), &err), err);
    close(fd);
}

static void random_differs_and_clocks_advance(void **state)
{
    (void)state;
    CHECK(clock_random_u64() != clock_random_u64());
    struct mono a = clock_mono();
    CHECK(clock_mono().ns >= a.ns);
    CHECK(clock_wall().ns > 0);
}

int main(void)
{
    snprintf(root, sizeof root, "/tmp/file-test-XXXXXX");
    if (!mkdtemp(root))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_bytes_are_read_back),
        cmocka_unit_test(large_files_are_read_whole),
        cmocka_unit_test(folders_are_made_and_removed),
        cmocka_unit_test(a_lock_has_one_holder),
        cmocka_unit_test(random_differs_and_clocks_advance),
    };
    int rc = CHECK_MAIN(tests);
    file_remove_tree(root, NULL);
    return rc;
}
