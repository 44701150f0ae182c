/* SPDX-License-Identifier: Apache-2.0
 * The folder of a volume: what it shows, that an update is one switch, that nothing is left over.
 */
#include "node/executor/volume_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/file.h"
#include "testkit/check.h"

struct fixture {
    char dir[64];
    struct volume_files set;
    bool changed;
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){ .dir = "/tmp/volume_test.XXXXXX" };
    CHECK(mkdtemp(f->dir) != NULL);
}

static void teardown(struct fixture *f)
{
    volume_files_fini(&f->set);
    CHECK(file_remove_tree(f->dir, NULL) == 0);
}

static void add(struct fixture *f, const char *path, const char *bytes, mode_t mode)
{
    struct err err = { 0 };
    struct volume_file file = { str_from(path), str_from(bytes), mode };
    CHECK_OK(volume_files_add(&f->set, file, &err), err);
}

static void show(struct fixture *f)
{
    struct err err = { 0 };
    CHECK_OK(volume_files_show(&f->set, f->dir, -1, &f->changed, &err), err);
    volume_files_clear(&f->set);
}

static bool reads(const struct fixture *f, const char *name, const char *want)
{
    char path[200];
    struct buf b;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    buf_init(&b, 1000);
    bool ok = file_read(&b, path, NULL) == 0 && str_is(buf_view(&b), want);
    buf_fini(&b);
    return ok;
}

static size_t entries(const struct fixture *f)
{
    size_t n = 0;
    DIR *d = opendir(f->dir);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void an_update_is_one_switch(void **state)
{
    struct fixture f;
    char data[200], before[100] = { 0 }, after[100] = { 0 };
    (void)state;
    setup(&f);
    add(&f, "a", "1", 0644);
    add(&f, "deep/er", "x", 0600);
    show(&f);
    CHECK(f.changed && reads(&f, "a", "1") && reads(&f, "deep/er", "x"));
    snprintf(data, sizeof data, "%s/..data", f.dir);
    CHECK(readlink(data, before, sizeof before - 1) > 0);
    char held[300];
    snprintf(held, sizeof held, "%s/%s/a", f.dir, before);
    FILE *old = fopen(held, "r"); /* a reader in the middle of the update keeps the old bytes */
    CHECK(old != NULL);
    add(&f, "a", "2", 0644);
    add(&f, "b", "new", 0644);
    show(&f);
    CHECK(f.changed && reads(&f, "a", "2") && reads(&f, "b", "new"));
    CHECK(!reads(&f, "deep/er", "x"));
    CHECK(readlink(data, after, sizeof after - 1) > 0 && strcmp(before, after) != 0);
    CHECK(fgetc(old) == '1');
    fclose(old);
    CHECK_I64(entries(&f), 4); /* a, b, ..data, one folder */
    teardown(&f);
}

static void the_same_files_change_nothing(void **state)
{
    struct fixture f;
    char data[200], before[100] = { 0 }, after[100] = { 0 };
    (void)state;
    setup(&f);
    add(&f, "a", "1", 0640);
    show(&f);
    snprintf(data, sizeof data, "%s/..data", f.dir);
    CHECK(readlink(data, before, sizeof before - 1) > 0);
    add(&f, "a", "1", 0640);
    show(&f);
    CHECK(!f.changed && readlink(data, after, sizeof after - 1) > 0);
    CHECK(strcmp(before, after) == 0);
    add(&f, "a", "1", 0600); /* the mode is part of it */
    show(&f);
    struct stat st;
    snprintf(data, sizeof data, "%s/a", f.dir);
    CHECK(f.changed && stat(data, &st) == 0 && (st.st_mode & 0777) == 0600);
    show(&f); /* no file at all */
    CHECK(f.changed);
    CHECK_I64(entries(&f), 2);
    show(&f);
    CHECK(!f.changed);
    teardown(&f);
}

static void plain_files_of_an_older_version_are_replaced(void **state)
{
    struct fixture f;
    char path[200];
    (void)state;
    setup(&f);
    snprintf(path, sizeof path, "%s/a", f.dir);
    CHECK(file_write_atomic(path, STR("old"), 0644, NULL) == 0);
    add(&f, "a", "new", 0644);
    show(&f);
    CHECK(reads(&f, "a", "new"));
    teardown(&f);
}

static void paths_stay_inside(void **state)
{
    static const char *const bad[] = { "",     "/a",    "..",    "../a", "a/../b",
                                       "a//b", "..d/a", "a/./b", "a/" };
    struct volume_files set = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        struct volume_file file = { str_from(bad[i]), STR("x"), 0644 };
        CHECK(volume_files_add(&set, file, &err) < 0);
        CHECK_I64(err.kind, ERR_INVALID);
    }
    CHECK_I64(set.n, 0);
    volume_files_fini(&set);
}

static void a_failed_update_keeps_what_was_there(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    (void)state;
    setup(&f);
    add(&f, "a", "1", 0644);
    show(&f);
    add(&f, "a", "2", 0644);
    add(&f, "a/b", "both a file and a folder", 0644);
    CHECK(volume_files_show(&f.set, f.dir, -1, &f.changed, &err) < 0);
    CHECK(!f.changed && reads(&f, "a", "1"));
    CHECK_I64(entries(&f), 3);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_one_switch),
        cmocka_unit_test(the_same_files_change_nothing),
        cmocka_unit_test(plain_files_of_an_older_version_are_replaced),
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(a_failed_update_keeps_what_was_there),
    };
    return CHECK_MAIN(tests);
}
