/* SPDX-License-Identifier: Apache-2.0
 * Libraries: which files are trusted, and what they must hold. The good one is libm. */
#include "io/library.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/file.h"
#include "testkit/check.h"

struct place {
    char folder[64], path[128];
};

static const char *libm_path(void)
{
    Dl_info info;
    double (*any)(double) = cbrt;
    void *at;
    memcpy(&at, &any, sizeof at);
    CHECK(dladdr(at, &info) != 0);
    return info.dli_fname;
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct buf b;
    struct err err = { 0 };
    snprintf(p->folder, sizeof p->folder, "/tmp/library-test-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL);
    snprintf(p->path, sizeof p->path, "%s/x.so", p->folder);
    buf_init(&b, 64u << 20);
    CHECK_OK(file_read(&b, libm_path(), &err), err);
    CHECK_OK(file_write_atomic(p->path, buf_view(&b), 0644, &err), err);
    buf_fini(&b);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    file_remove_tree(p->folder, NULL);
    free(p);
    return 0;
}

static void test_opens(void **state)
{
    const struct place *p = *state;
    struct library *l;
    struct err err = { 0 };
    size_t bytes = 0;
    CHECK_OK(library_open(&l, p->path, &err), err);
    CHECK(!library_object(l, "no_such_thing", &bytes, &err));
    CHECK_I64(err.kind, ERR_NOT_FOUND);
    CHECK(!library_object(l, "cbrt", &bytes, &err)); /* a function */
    CHECK(library_object(l, "signgam", &bytes, &err) != NULL);
    CHECK_I64(bytes, sizeof(int));
    library_close(l);
}

static void refuses(const char *path, enum err_kind kind, const char *words)
{
    struct library *l = NULL;
    struct err err = { 0 };
    CHECK_FAILS(library_open(&l, path, &err), err, kind);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
    CHECK(!l);
}

static void test_trust(void **state)
{
    struct place *p = *state;
    refuses("/tmp/no-such-library.so", ERR_NOT_FOUND, "no such file");
    refuses(p->folder, ERR_INVALID, "no regular file");
    CHECK(chmod(p->path, 0664) == 0);
    refuses(p->path, ERR_DENIED, "chmod go-w");
    CHECK(chmod(p->path, 0602) == 0);
    refuses(p->path, ERR_DENIED, "chmod go-w");
    CHECK(chmod(p->path, 0600) == 0);
    CHECK(chmod(p->folder, 0777) == 0); /* somebody may put another file there */
    refuses(p->path, ERR_DENIED, p->folder);
    CHECK(chmod(p->folder, 01777) == 0);
    struct library *l;
    struct err err = { 0 };
    CHECK_OK(library_open(&l, p->path, &err), err);
    library_close(l);
    CHECK(chmod(p->folder, 0700) == 0);
    if (geteuid() == 0) {
        CHECK(chown(p->path, 12345, 0) == 0);
        refuses(p->path, ERR_DENIED, "chown 0");
    }
}

static void test_no_library(void **state)
{
    const struct place *p = *state;
    struct err err = { 0 };
    char junk[4096] = "\177ELF and so on";
    CHECK_OK(file_write_atomic(p->path, str_make(junk, sizeof junk), 0644, &err), err);
    refuses(p->path, ERR_INVALID, "cannot be loaded");
    CHECK_OK(file_write_atomic(p->path, STR("#!/bin/sh\n"), 0644, &err), err);
    refuses(p->path, ERR_INVALID, "is no shared library");
    CHECK_OK(file_write_atomic(p->path, STR(""), 0644, &err), err);
    refuses(p->path, ERR_INVALID, "is no shared library");
}

static void test_cut_off(void **state)
{
    const struct place *p = *state;
    struct stat st;
    CHECK(stat(p->path, &st) == 0);
    for (off_t left = st.st_size - 1; left > 100; left = left * 9 / 10) {
        CHECK(truncate(p->path, left) == 0);
        refuses(p->path, ERR_INVALID, "is cut off");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_off, set_up, tear_down),
    };
    return CHECK_MAIN(tests);
}
