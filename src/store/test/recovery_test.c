/* SPDX-License-Identifier: Apache-2.0
 * What happens when things go wrong: a full disk, a failing commit, a process that dies at any
 * point of writing or is killed at any moment. Acknowledged writes are there afterwards. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/test/fixture.h"
#include "testkit/check.h"

static struct fixture fx;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_fini(&fx);
    return 0;
}

static void test_failed_commit_fails_all_that_builds_on_it(void **state)
{
    (void)state;
    struct store_fault fault = { .fail_at = 2 };
    fixture_open(&fx, (struct store_options){ .path = fx.path, .fault = &fault });
    for (int i = 0; i < 20; i++)
        CHECK_I64(fixture_put(&fx, "a", "lost"), 0);
    fixture_wait(&fx, 20);
    CHECK_I64(fx.failures, 20);
    CHECK_I64(fx.last.kind, ERR_IO);
    CHECK(store_get(fx.pods, STR("ns"), STR("a")) == NULL);
    CHECK(store_get_pending(fx.pods, STR("ns"), STR("a")) == NULL);
    /* a new epoch works */
    CHECK_I64(fixture_put(&fx, "a", "kept"), 0);
    fixture_wait(&fx, 21);
    CHECK_I64(fx.failures, 20);
    fixture_close(&fx);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    CHECK_STR(fixture_value(&fx, "a"), "kept");
}

static void test_every_failing_point_leaves_a_whole_store(void **state)
{
    (void)state;
    for (uint32_t at = 1;; at++) {
        struct store_fault fault = { .fail_at = at };
        fixture_open(&fx, (struct store_options){ .path = fx.path, .fault = &fault });
        int before = fx.outcomes, failed = fx.failures;
        fixture_put(&fx, "a", "1");
        fixture_wait(&fx, before + 1);
        bool kept = fx.failures == failed;
        CHECK_STR_EQ(fixture_value(&fx, "a"), kept ? STR("1") : STR(""));
        fixture_put(&fx, "b", "2");
        fixture_wait(&fx, before + 2);
        bool kept_b = fx.failures == failed + !kept;
        fixture_close(&fx);
        fixture_open(&fx, (struct store_options){ .path = fx.path });
        CHECK_I64(store_count(fx.pods), kept + kept_b);
        before = fx.outcomes;
        int n = 0;
        if (kept)
            n += fixture_del(&fx, "a") == 0;
        if (kept_b)
            n += fixture_del(&fx, "b") == 0;
        fixture_wait(&fx, before + n);
        fixture_close(&fx);
        if (kept && kept_b && at > 8)
            return;
    }
}

static void test_full_disk(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    fixture_put(&fx, "a", "first");
    fixture_wait(&fx, 1);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small = { .rlim_cur = 200000, .rlim_max = RLIM_INFINITY };
    CHECK_I64(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    char *big = mem_alloc(300001);
    memset(big, 'x', 300000);
    CHECK_I64(setrlimit(RLIMIT_FSIZE, &small), 0);
    fixture_put(&fx, "b", big);
    fixture_wait(&fx, 2);
    CHECK_I64(setrlimit(RLIMIT_FSIZE, &old), 0);
    CHECK_I64(fx.failures, 1);
    CHECK_STR(fixture_value(&fx, "a"), "first");
    fixture_put(&fx, "b", big);
    fixture_wait(&fx, 3);
    free(big);
    CHECK_I64(fx.failures, 1);
    fixture_close(&fx);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    CHECK_I64(store_count(fx.pods), 2);
}

/* Written much more than the log may hold: it is copied back and started over while writes go on,
 * so that neither the disk nor the next start pays for all that was ever written. */
static void test_the_log_stays_short(void **state)
{
    (void)state;
    enum { WRITES = 200, BYTES = 500000, LOG_MAX = 48 << 20 };
    char *big = mem_alloc(BYTES + 1), log[sizeof fx.path + 8];
    struct stat st;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    for (int i = 1; i <= WRITES; i++) {
        memset(big, 'a' + i % 26, BYTES); /* pages that stay the same are not written */
        fixture_put(&fx, "a", big);
        fixture_wait(&fx, i);
    }
    free(big);
    CHECK_I64(fx.failures, 0);
    snprintf(log, sizeof log, "%s-wal", fx.path);
    CHECK_I64(stat(log, &st), 0);
    CHECK(st.st_size < LOG_MAX); /* of 100 MB; the file keeps the longest size that it had */
    fixture_close(&fx);
}

/* The room that files may take, for this process: 0 is a disk that is completely full. */
static void limit_files(rlim_t bytes)
{
    struct rlimit l;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_I64(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    CHECK_I64(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* ---- processes that die ---- */

static int acks = -1;

static void on_ack(void *arg, const struct err *err)
{
    uint32_t number = (uint32_t)(uintptr_t)arg;
    if (!err && write(acks, &number, sizeof number) != sizeof number)
        _exit(3);
}

/* Writes pods number 1, 2, … for ever, several in flight, and reports each acknowledged one. */
static void write_for_ever(const char *path, struct store_fault *fault, uint32_t limit)
{
    struct err err = { 0 };
    struct loop *l = loop_new(&err);
    struct store *s = NULL;
    struct store_options o = { .path = path, .fault = fault };
    if (!l || store_open(&s, l, &o, &err) != 0)
        _exit(4);
    struct store_table *t = store_table(s, STR(""), STR("pods"));
    for (uint32_t i = 1; i <= limit; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%u", i % 500);
        struct kobj *pod = fixture_pod("ns", name, store_next_revision(s), "value");
        struct store_op op = {
            .table = t, .namespace = STR("ns"), .name = str_from(name), .object = pod
        };
        if (store_commit(s, &op, 1, on_ack, (void *)(uintptr_t)pod->revision, &err) != 0)
            _exit(5);
        kobj_unref(pod);
        if (i % 7 == 0) {
            loop_stop(l);
            loop_run(l);
        }
    }
    store_close(s);
    _exit(0);
}

static pid_t spawn_writer(int out[2], struct store_fault *fault, uint32_t limit)
{
    CHECK_I64(pipe(out), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(out[0]);
        acks = out[1];
        write_for_ever(fx.path, fault, limit);
    }
    close(out[1]);
    return pid;
}

static uint32_t last_ack(int fd)
{
    uint32_t number, last = 0;
    while (read(fd, &number, sizeof number) == sizeof number)
        last = number;
    close(fd);
    return last;
}

/* Each write has a revision of its own, so the last revision says which writes are there. */
static void check_recovered(uint32_t acknowledged)
{
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    CHECK(store_revision(fx.store) >= acknowledged);
    uint64_t newest = 0;
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        const struct kobj *o = store_get(fx.pods, STR("ns"), str_from(name));
        if (o && o->revision > newest)
            newest = o->revision;
    }
    if (acknowledged)
        CHECK_I64(newest, store_revision(fx.store));
    fixture_close(&fx);
}

static void test_killed_while_writing(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        int out[2];
        pid_t pid = spawn_writer(out, NULL, UINT32_MAX - 1);
        usleep(60000 + (useconds_t)check_random_below(60000));
        kill(pid, SIGKILL);
        uint32_t last = last_ack(out[0]);
        CHECK(waitpid(pid, NULL, 0) == pid);
        check_recovered(last);
    }
}

static void test_dies_at_every_point(void **state)
{
    (void)state;
    int died = 0;
    for (uint32_t at = 1; at <= 60; at++) {
        struct store_fault fault = { .die_at = at };
        int out[2], status = 0;
        pid_t pid = spawn_writer(out, &fault, 40);
        uint32_t last = last_ack(out[0]);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == STORE_FAULT_EXIT);
        died += WEXITSTATUS(status) == STORE_FAULT_EXIT;
        check_recovered(last);
    }
    CHECK(died > 20);
}

/* Serves what is there, refuses writes, and goes on when there is room again. */
static void start_on_a_full_disk(void)
{
    struct err err = { 0 };
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    size_t before = store_count(fx.pods);
    fixture_close(&fx);
    limit_files(0);
    CHECK_OK(fixture_try_open(&fx, (struct store_options){ .path = fx.path }, &err), err);
    CHECK(!store_accepts(fx.store, &err));
    CHECK_I64(err.sys, ENOSPC);
    CHECK_I64(store_count(fx.pods), before);
    int failures = fx.failures;
    fixture_put(&fx, "refused", "1");
    fixture_wait(&fx, fx.outcomes + 1);
    CHECK_I64(fx.failures, failures + 1);
    CHECK(!store_accepts(fx.store, &err));
    limit_files(RLIM_INFINITY);
    while (!store_accepts(fx.store, &err)) {
        store_retry(fx.store);
        CHECK_I64(fixture_put(&fx, "after", "2"), 0);
        fixture_wait(&fx, fx.outcomes + 1);
    }
    fixture_close(&fx);
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    CHECK_I64(store_count(fx.pods), before + 1);
    CHECK_STR(fixture_value(&fx, "after"), "2");
}

static void test_start_on_full_disk(void **state)
{
    (void)state;
    fixture_open(&fx, (struct store_options){ .path = fx.path });
    fixture_put(&fx, "a", "first");
    fixture_wait(&fx, 1);
    fixture_close(&fx);
    start_on_a_full_disk();
    CHECK_STR(fixture_value(&fx, "a"), "first");
}

static void test_start_on_full_disk_after_a_crash(void **state)
{
    (void)state;
    struct store_fault fault = { .die_at = 40 };
    int out[2], status = 0;
    pid_t pid = spawn_writer(out, &fault, 40);
    uint32_t last = last_ack(out[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_I64(WEXITSTATUS(status), STORE_FAULT_EXIT);
    limit_files(0);
    check_recovered(last);
    limit_files(RLIM_INFINITY);
    start_on_a_full_disk();
}

static void test_first_start_on_full_disk(void **state)
{
    (void)state;
    struct err err = { 0 };
    limit_files(0);
    CHECK_I64(fixture_try_open(&fx, (struct store_options){ .path = fx.path }, &err), -1);
    limit_files(RLIM_INFINITY);
    CHECK(strstr(err.msg, "no space left") != NULL);
    CHECK_OK(fixture_try_open(&fx, (struct store_options){ .path = fx.path }, &err), err);
    CHECK(store_accepts(fx.store, &err));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_failed_commit_fails_all_that_builds_on_it),
        TEST(test_every_failing_point_leaves_a_whole_store),
        TEST(test_the_log_stays_short),
        TEST(test_full_disk),
        TEST(test_start_on_full_disk),
        TEST(test_start_on_full_disk_after_a_crash),
        TEST(test_first_start_on_full_disk),
        TEST(test_killed_while_writing),
        TEST(test_dies_at_every_point),
    };
    return CHECK_MAIN(tests);
}
