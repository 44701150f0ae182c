/* SPDX-License-Identifier: Apache-2.0
 * cgroups — see cgroups.h. v2: the unified tree, "0::/path" in /proc/self/cgroup; a folder gives
 * its children controllers through cgroup.subtree_control, and may do so only while it holds no
 * process itself (or is the root). v1: one tree per controller, "5:cpu,cpuacct:/path". */
#include "node/machine/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/file.h"

#define PERIOD_US 100000
#define QUOTA_LEAST_US 1000
#define FOLDER "ganglion"

static struct str read_file(struct arena *a, struct str dir, const char *name)
{
    struct buf b;
    struct str out = { 0 };
    buf_init(&b, 65536);
    if (file_read(&b, arena_printf(a, "%.*s/%s", STR_ARG(dir), name).p, NULL) == 0)
        out = arena_str(a, str_trim(buf_view(&b)));
    buf_fini(&b);
    return out;
}

static bool has_word(struct str list, const char *word)
{
    while (list.n)
        if (str_is(str_split(&list, ' '), word))
            return true;
    return false;
}

/* The path of a hierarchy in /proc/self/cgroup: controller "" for v2. Absent: not in one. */
static struct str self_path(struct str self, const char *controller)
{
    while (self.n) {
        struct str line = str_split(&self, '\n');
        str_split(&line, ':');
        struct str names = str_split(&line, ':');
        if (!names.n && !*controller)
            return line;
        while (names.n)
            if (str_is(str_split(&names, ','), controller))
                return line;
    }
    return (struct str){ 0 };
}

static bool writable(struct str dir)
{
    return dir.n && access(dir.p, W_OK) == 0;
}

/* v2: our own folder when it passes the controllers on, or can. */
static bool find_v2(struct cgroups_host *out, struct arena *a, struct str root, struct str self)
{
    struct str path = self_path(self, "");
    if (!path.p || !read_file(a, root, "cgroup.controllers").p)
        return false;
    struct str dir = arena_printf(a, "%.*s%.*s", STR_ARG(root), STR_ARG(path));
    struct str passed = read_file(a, dir, "cgroup.subtree_control");
    out->base = dir;
    if (!writable(dir))
        out->why = STR("the cgroup of this process is not delegated to its user");
    else if (!has_word(passed, "cpu") || !has_word(passed, "memory"))
        out->why =
            STR("the cgroup of this process does not pass on the cpu and memory controllers");
    else
        out->kind = CGROUPS_V2;
    return true;
}

static struct str find_v1(struct arena *a, struct str root, struct str self, const char *controller)
{
    struct str path = self_path(self, controller);
    struct str dir = arena_printf(a, "%.*s/%s%.*s", STR_ARG(root), controller, STR_ARG(path));
    if (dir.n && dir.p[dir.n - 1] == '/')
        dir = arena_str(a, str_take(dir, dir.n - 1));
    return path.p && writable(dir) ? dir : (struct str){ 0 };
}

void cgroups_find(struct cgroups_host *out, struct arena *a, struct str root, struct str self)
{
    *out = (struct cgroups_host){ .why = STR("no cgroup tree is mounted") };
    if (find_v2(out, a, root, self))
        return;
    out->cpu = find_v1(a, root, self, "cpu");
    out->memory = find_v1(a, root, self, "memory");
    if (out->cpu.n || out->memory.n)
        out->kind = CGROUPS_V1;
    else
        out->why = STR("no cgroup hierarchy for cpu or memory may be written");
}

/* ---- plans ---- */

static void add_write(struct cgroups_plan *p, struct str dir, const char *file, struct str text)
{
    p->writes[p->n_writes++] = (struct cgroups_write){ dir, str_from(file), text };
}

static struct str number(struct arena *a, int64_t n)
{
    return arena_printf(a, "%lld", (long long)n);
}

static int64_t quota_us(int64_t milli)
{
    int64_t us = milli * (PERIOD_US / 1000);
    return us < QUOTA_LEAST_US ? QUOTA_LEAST_US : us;
}

/* Shares as kubelet gives them: 1024 for a CPU, 2 at least, 262144 at most. */
static int64_t shares_of(int64_t milli)
{
    int64_t s = milli * 1024 / 1000;
    return s < 2 ? 2 : s > 262144 ? 262144 : s;
}

/* v2's weight 1..10000 for v1's shares 2..262144, by the formula of the OCI runtimes. */
static int64_t weight_of(int64_t milli)
{
    return 1 + (shares_of(milli) - 2) * 9999 / 262142;
}

static void
plan_v2(struct cgroups_plan *p, struct arena *a, struct str dir, const struct cgroups_limits *l)
{
    add_write(p, dir, "cpu.weight", number(a, weight_of(l->cpu_request_milli)));
    if (l->cpu_milli)
        add_write(p, dir, "cpu.max",
                  arena_printf(a, "%lld %d", (long long)quota_us(l->cpu_milli), PERIOD_US));
    if (l->mem_bytes) {
        add_write(p, dir, "memory.max", number(a, l->mem_bytes));
        add_write(p, dir, "memory.oom.group", STR("1"));
    }
}

static struct str pod_dir(struct cgroups_plan *p, struct arena *a, struct str base, struct str uid)
{
    struct str dir = arena_printf(a, "%.*s/" FOLDER "-%.*s", STR_ARG(base), STR_ARG(uid));
    p->dirs[p->n_dirs++] = dir;
    return dir;
}

void cgroups_plan(struct cgroups_plan *out,
                  struct arena *a,
                  const struct cgroups_host *h,
                  struct str uid,
                  const struct cgroups_limits *l)
{
    *out = (struct cgroups_plan){ 0 };
    if (h->kind == CGROUPS_V2)
        plan_v2(out, a, pod_dir(out, a, h->base, uid), l);
    if (h->kind != CGROUPS_V1)
        return;
    if (h->cpu.n) {
        struct str dir = pod_dir(out, a, h->cpu, uid);
        add_write(out, dir, "cpu.shares", number(a, shares_of(l->cpu_request_milli)));
        if (l->cpu_milli) {
            add_write(out, dir, "cpu.cfs_period_us", number(a, PERIOD_US));
            add_write(out, dir, "cpu.cfs_quota_us", number(a, quota_us(l->cpu_milli)));
        }
    }
    if (h->memory.n && l->mem_bytes)
        add_write(out, pod_dir(out, a, h->memory, uid), "memory.limit_in_bytes",
                  number(a, l->mem_bytes));
}

/* ---- acts ---- */

static int write_one(const struct cgroups_write *w, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str path = arena_printf(a, "%.*s/%.*s", STR_ARG(w->dir), STR_ARG(w->file));
    int fd = open(path.p, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path.p);
    ssize_t n = write(fd, w->text.p, w->text.n);
    int sys = errno;
    close(fd);
    return n == (ssize_t)w->text.n ? 0 : err_sys(err, sys, "write %s", path.p);
}

int cgroups_make(const struct cgroups_plan *p, struct err *err)
{
    for (size_t i = 0; i < p->n_dirs; i++) {
        if (mkdir(p->dirs[i].p, 0755) < 0 && errno != EEXIST) {
            err_sys(err, errno, "make %s", p->dirs[i].p);
            cgroups_remove(p);
            return -1;
        }
    }
    for (size_t i = 0; i < p->n_writes; i++) {
        if (write_one(&p->writes[i], err) < 0) {
            cgroups_remove(p);
            return -1;
        }
    }
    return 0;
}

void cgroups_remove(const struct cgroups_plan *p)
{
    for (size_t i = 0; i < p->n_dirs; i++)
        rmdir(p->dirs[i].p);
}

/* "oom_kill N" in memory.events (v2) or memory.oom_control (v1). */
bool cgroups_oom(const struct cgroups_plan *p)
{
    static const char *const files[] = { "memory.events", "memory.oom_control" };
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < p->n_dirs * COUNT_OF(files); i++) {
        struct str text = read_file(a, p->dirs[i / COUNT_OF(files)], files[i % COUNT_OF(files)]);
        while (text.n) {
            struct str line = str_split(&text, '\n');
            int64_t n = 0;
            if (str_is(str_split(&line, ' '), "oom_kill") && str_to_i64(line, &n) && n > 0)
                return true;
        }
    }
    return false;
}
