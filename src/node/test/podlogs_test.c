/* SPDX-License-Identifier: Apache-2.0
 * Reading logs back: all files of a run, tails over files, following over rotation. */
#include "node/executor/podlogs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "testkit/check.h"

struct fixture {
    char root[64];
    struct buf out;
};

static void put_file(struct fixture *f, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    CHECK(file_write_atomic(path, str_from(text), 0600, NULL) == 0);
}

#define LINE(s, flag, text) "2026-11-22T03:00:0" s ".5Z stdout " flag " " text "\n"

static void setup(struct fixture *f)
{
    char path[200];
    snprintf(f->root, sizeof f->root, "/tmp/podlogs_test.XXXXXX");
    CHECK(mkdtemp(f->root) != NULL);
    snprintf(path, sizeof path, "%s/logs/main", f->root);
    CHECK(file_make_dirs(path, 0700, NULL) == 0);
    snprintf(path, sizeof path, "%s/exits", f->root);
    CHECK(file_make_dirs(path, 0700, NULL) == 0);
    buf_init(&f->out, 1 << 20);
    put_file(f, "logs/main/0.log", LINE("0", "F", "old"));
    put_file(f, "exits/main.0", "0 exited 1 0 0 1 2 ");
    put_file(f, "logs/main/1.log.2", LINE("1", "F", "one"));
    put_file(f, "logs/main/1.log.1", LINE("2", "P", "tw") LINE("2", "F", "o"));
    put_file(f, "logs/main/1.log", LINE("3", "F", "three") LINE("4", "F", "four"));
}

static void teardown(struct fixture *f)
{
    buf_fini(&f->out);
    CHECK(file_remove_tree(f->root, NULL) == 0);
}

static struct podlogs_query query(const struct fixture *f)
{
    return (struct podlogs_query){
        .dir = str_from(f->root), .container = STR("main"), .tail_lines = -1, .limit_bytes = -1
    };
}

static enum podlogs_more drain(struct podlogs *l, struct buf *out)
{
    enum podlogs_more more;
    do {
        more = podlogs_read(l, out);
    } while (more == PODLOGS_MORE);
    return more;
}

static void expect(struct fixture *f, const struct podlogs_query *q, const char *want)
{
    struct err err = { 0 };
    struct podlogs *l = podlogs_open(q, &err);
    CHECK(l != NULL);
    buf_clear(&f->out);
    drain(l, &f->out);
    CHECK_STR_EQ(buf_view(&f->out), str_from(want));
    podlogs_close(l);
}

static void all_files_of_a_run_are_read(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    struct podlogs_query q = query(&f);
    expect(&f, &q, "one\ntwo\nthree\nfour\n");
    q.previous = true;
    expect(&f, &q, "old\n");
    q = query(&f);
    q.limit_bytes = 5;
    expect(&f, &q, "one\nt");
    q = query(&f);
    q.timestamps = true;
    q.tail_lines = 1;
    expect(&f, &q, "2026-11-22T03:00:04.5Z four\n");
    q = query(&f);
    CHECK(wall_parse(STR("2026-11-22T03:00:03Z"), &q.since));
    expect(&f, &q, "three\nfour\n");
    teardown(&f);
}

static void a_tail_reaches_over_files(void **state)
{
    static const char *const want[] = { "", "four\n", "three\nfour\n", "o\nthree\nfour\n" };
    struct fixture f;
    (void)state;
    setup(&f);
    for (int64_t n = 0; n < (int64_t)COUNT_OF(want); n++) {
        struct podlogs_query q = query(&f);
        q.tail_lines = n;
        expect(&f, &q, want[n]);
    }
    struct podlogs_query q = query(&f);
    q.tail_lines = 100;
    expect(&f, &q, "one\ntwo\nthree\nfour\n");
    teardown(&f);
}

static void following_survives_rotation_and_ends_with_the_run(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    char from[200], to[200];
    (void)state;
    setup(&f);
    struct podlogs_query q = query(&f);
    q.tail_lines = 0;
    q.follow = true;
    struct podlogs *l = podlogs_open(&q, &err);
    CHECK(l != NULL);
    CHECK_I64(drain(l, &f.out), PODLOGS_IDLE);
    snprintf(from, sizeof from, "%s/logs/main/1.log", f.root);
    snprintf(to, sizeof to, "%s/logs/main/1.log.1", f.root);
    int fd = open(from, O_WRONLY | O_APPEND);
    CHECK(write(fd, LINE("5", "F", "five"), sizeof LINE("5", "F", "five") - 1) > 0);
    close(fd);
    CHECK(rename(from, to) == 0);
    put_file(&f, "logs/main/1.log", LINE("6", "F", "six"));
    CHECK_I64(drain(l, &f.out), PODLOGS_IDLE);
    CHECK_STR(buf_view(&f.out), "five\nsix\n");
    put_file(&f, "exits/main.1", "1 exited 1 0 0 1 2 ");
    CHECK_I64(drain(l, &f.out), PODLOGS_END);
    podlogs_close(l);
    teardown(&f);
}

/* A container may write faster than anybody reads. */
static void what_is_written_later_is_for_followers(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    char from[200], to[200];
    (void)state;
    setup(&f);
    struct podlogs_query q = query(&f);
    struct podlogs *l = podlogs_open(&q, &err);
    CHECK(l != NULL);
    snprintf(from, sizeof from, "%s/logs/main/1.log", f.root);
    snprintf(to, sizeof to, "%s/logs/main/1.log.1", f.root);
    CHECK(rename(from, to) == 0);
    put_file(&f, "logs/main/1.log", LINE("6", "F", "six") LINE("7", "F", "seven"));
    CHECK_I64(drain(l, &f.out), PODLOGS_END);
    CHECK(str_find(buf_view(&f.out), STR("seven")) < 0);
    podlogs_close(l);
    teardown(&f);
}

static void what_is_not_there_is_said(void **state)
{
    struct fixture f;
    struct err err = { 0 };
    (void)state;
    setup(&f);
    struct podlogs_query q = query(&f);
    q.container = STR("other");
    CHECK(podlogs_open(&q, &err) == NULL);
    CHECK_CSTR(err.msg, "container \"other\" is waiting to start");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files_of_a_run_are_read),
        cmocka_unit_test(a_tail_reaches_over_files),
        cmocka_unit_test(following_survives_rotation_and_ends_with_the_run),
        cmocka_unit_test(what_is_written_later_is_for_followers),
        cmocka_unit_test(what_is_not_there_is_said),
    };
    return CHECK_MAIN(tests);
}
