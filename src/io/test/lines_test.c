/* SPDX-License-Identifier: Apache-2.0
 * Lines of plain and gzip'ed files, their limit, and damaged files. */
#include "io/lines.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "testkit/check.h"

static char path[] = "/tmp/ganglion-lines-XXXXXX";

static void write_plain(struct str text)
{
    struct err err = { 0 };
    CHECK_OK(file_write_atomic(path, text, 0600, &err), err);
}

static void write_gzip(struct str text)
{
    gzFile f = gzopen(path, "wb");
    CHECK(f != NULL);
    CHECK_I64(gzwrite(f, text.p, (unsigned)text.n), (int64_t)text.n);
    gzclose(f);
}

static void reads(const char *const *want, size_t n)
{
    struct err err = { 0 };
    AUTO(lines_closep) struct lines *l = NULL;
    struct str line;
    CHECK_OK(lines_open(&l, path, 10000, &err), err);
    for (size_t i = 0; i < n; i++) {
        CHECK_I64(lines_next(l, &line, &err), 1);
        CHECK(str_is(line, want[i]));
        CHECK_I64(lines_number(l), (int64_t)i + 1);
    }
    CHECK_I64(lines_next(l, &line, &err), 0);
    CHECK_I64(lines_next(l, &line, &err), 0);
}

static void plain_and_gzip_read_alike(void **state)
{
    (void)state;
    static const char *const want[] = { "one", "", "three without an end" };
    write_plain(STR("one\n\nthree without an end"));
    reads(want, 3);
    write_gzip(STR("one\n\nthree without an end"));
    reads(want, 3);
    write_plain(STR(""));
    reads(NULL, 0);
}

static void long_lines_meet_the_limit(void **state)
{
    (void)state;
    static char text[10002];
    struct err err = { 0 };
    struct str line;
    memset(text, 'x', sizeof text);
    text[10000] = '\n';
    write_plain(str_make(text, 10001));
    AUTO(lines_closep) struct lines *l = NULL;
    CHECK_OK(lines_open(&l, path, 10000, &err), err);
    CHECK_I64(lines_next(l, &line, &err), 1);
    CHECK_I64(line.n, 10000);
    lines_close(l);
    l = NULL;
    CHECK_OK(lines_open(&l, path, 9999, &err), err);
    CHECK_I64(lines_next(l, &line, &err), -1);
    CHECK_I64(err.kind, ERR_TOO_LARGE);
}

static void broken_files_are_errors(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct str line;
    AUTO(lines_closep) struct lines *l = NULL;
    CHECK_I64(lines_open(&l, "/nonexistent/file", 100, &err), -1);
    CHECK_I64(err.kind, ERR_NOT_FOUND);
    write_gzip(STR("a line that is compressed\n"));
    CHECK_I64(truncate(path, 20), 0);
    CHECK_OK(lines_open(&l, path, 100, &err), err);
    CHECK_I64(lines_next(l, &line, &err), -1);
    CHECK_I64(err.kind, ERR_IO);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_gzip_read_alike),
        cmocka_unit_test(long_lines_meet_the_limit),
        cmocka_unit_test(broken_files_are_errors),
    };
    int rc = CHECK_MAIN(tests);
    unlink(path);
    return rc;
}
