/* SPDX-License-Identifier: Apache-2.0
 * What can be limited, decided on trees made for the test. */
#include "node/machine/cgroups.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/file.h"
#include "testkit/check.h"

struct fixture {
    char root[64];
    struct arena *a;
};

static void setup(struct fixture *f)
{
    snprintf(f->root, sizeof f->root, "/tmp/cgroups_test.XXXXXX");
    CHECK(mkdtemp(f->root) != NULL);
    f->a = arena_new();
}

static void teardown(struct fixture *f)
{
    CHECK(file_remove_tree(f->root, NULL) == 0);
    arena_free(f->a);
}

static void put(struct fixture *f, const char *dir, const char *name, const char *text)
{
    struct str path = arena_printf(f->a, "%s%s", f->root, dir);
    CHECK(file_make_dirs(path.p, 0755, NULL) == 0);
    path = arena_printf(f->a, "%s%s/%s", f->root, dir, name);
    CHECK(file_write_atomic(path.p, str_from(text), 0644, NULL) == 0);
}

static const struct cgroups_limits limits = { .cpu_milli = 1500,
                                              .mem_bytes = 1 << 20,
                                              .cpu_request_milli = 1000 };

static void a_delegated_v2_folder_is_used(void **state)
{
    struct fixture f;
    struct cgroups_host h;
    struct cgroups_plan p;
    (void)state;
    setup(&f);
    put(&f, "", "cgroup.controllers", "cpu memory pids\n");
    put(&f, "/user/us", "cgroup.subtree_control", "cpu memory\n");
    cgroups_find(&h, f.a, str_from(f.root), STR("0::/user/us\n"));
    CHECK_I64(h.kind, CGROUPS_V2);
    cgroups_plan(&p, f.a, &h, STR("u1"), &limits);
    CHECK_I64(p.n_dirs, 1);
    CHECK(str_ends(p.dirs[0], STR("/user/us/ganglion-u1")));
    CHECK_STR(p.writes[0].file, "cpu.weight");
    CHECK_STR(p.writes[0].text, "39");
    CHECK_STR(p.writes[1].text, "150000 100000");
    CHECK_STR(p.writes[2].file, "memory.max");
    CHECK_STR(p.writes[2].text, "1048576");
    teardown(&f);
}

static void without_controllers_the_reason_is_said(void **state)
{
    struct fixture f;
    struct cgroups_host h;
    struct cgroups_plan p;
    (void)state;
    setup(&f);
    put(&f, "", "cgroup.controllers", "cpu memory\n");
    put(&f, "/us", "cgroup.subtree_control", "pids\n");
    cgroups_find(&h, f.a, str_from(f.root), STR("0::/us\n"));
    CHECK_I64(h.kind, CGROUPS_NONE);
    CHECK_STR(h.why, "the cgroup of this process does not pass on the cpu and memory controllers");
    cgroups_plan(&p, f.a, &h, STR("u1"), &limits);
    CHECK_I64(p.n_dirs, 0);
    cgroups_find(&h, f.a, STR("/nonexistent"), STR(""));
    CHECK_I64(h.kind, CGROUPS_NONE);
    teardown(&f);
}

static void v1_hierarchies_are_limited_one_by_one(void **state)
{
    struct fixture f;
    struct cgroups_host h;
    struct cgroups_plan p;
    (void)state;
    setup(&f);
    put(&f, "/cpu", "cpu.shares", "");
    put(&f, "/memory/box", "memory.limit_in_bytes", "");
    cgroups_find(&h, f.a, str_from(f.root), STR("4:memory:/box\n1:cpu,cpuacct:/\n0::/\n"));
    CHECK_I64(h.kind, CGROUPS_V1);
    CHECK(str_ends(h.cpu, STR("/cpu")));
    CHECK(str_ends(h.memory, STR("/memory/box")));
    cgroups_plan(&p, f.a, &h, STR("u1"), &limits);
    CHECK_I64(p.n_dirs, 2);
    CHECK_I64(p.n_writes, 4);
    CHECK_STR(p.writes[0].text, "1024");
    CHECK_STR(p.writes[2].text, "150000");
    CHECK_STR(p.writes[3].text, "1048576");
    CHECK(!cgroups_oom(&p));
    put(&f, "/memory/box/ganglion-u1", "memory.oom_control", "under_oom 0\noom_kill 1\n");
    CHECK(cgroups_oom(&p));
    teardown(&f);
}

static void a_plan_that_fails_leaves_nothing(void **state)
{
    struct fixture f;
    struct cgroups_host h = { .kind = CGROUPS_V2 };
    struct cgroups_plan p;
    struct err err = { 0 };
    (void)state;
    setup(&f);
    h.base = str_from(f.root); /* an ordinary folder has no cpu.weight to open */
    cgroups_plan(&p, f.a, &h, STR("u1"), &limits);
    CHECK_FAILS(cgroups_make(&p, &err), err, ERR_IO);
    CHECK(!file_exists(p.dirs[0].p));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delegated_v2_folder_is_used),
        cmocka_unit_test(without_controllers_the_reason_is_said),
        cmocka_unit_test(v1_hierarchies_are_limited_one_by_one),
        cmocka_unit_test(a_plan_that_fails_leaves_nothing),
    };
    return CHECK_MAIN(tests);
}
