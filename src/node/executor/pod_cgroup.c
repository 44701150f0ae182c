/* SPDX-License-Identifier: Apache-2.0
 * pod_cgroup — the cgroup of one pod that names limits: made before its shim starts, entered by
 * every container, removed with the pod. A pod runs without when the machine allows none, and one
 * event says so. */
#include "base/log.h"
#include "io/file.h"
#include "node/executor/executor_internal.h"

#define ROOT STR("/sys/fs/cgroup")

void pod_cgroup_find(struct executor *x)
{
    struct buf self;
    buf_init(&self, 65536);
    file_read(&self, "/proc/self/cgroup", NULL);
    x->arena = arena_new();
    cgroups_find(&x->cgroups, x->arena, ROOT, arena_str(x->arena, buf_view(&self)));
    buf_fini(&self);
    if (x->cgroups.kind == CGROUPS_NONE)
        LOG_INFO("node.no_cgroups", kv_str("why", x->cgroups.why),
                 kv_cstr("next", "limits of pods are not enforced"));
}

/* Of the whole pod: a limit holds only when every container has one. */
static int64_t limit_of(const struct pod *pod, struct str name)
{
    int64_t sum = 0;
    for (size_t i = 0; i < pod->containers.n; i++) {
        int64_t one = amounts_get(&pod->containers.items[i].limits, name);
        if (one <= 0)
            return 0;
        sum += one;
    }
    return sum;
}

static struct cgroups_limits limits_of(const struct local_pod *p)
{
    const struct pod *pod = pod_of(p->pod);
    return (struct cgroups_limits){ .cpu_milli = limit_of(pod, STR("cpu")),
                                    .mem_bytes = limit_of(pod, STR("memory")),
                                    .cpu_request_milli = amounts_get(&pod->requests, STR("cpu")) };
}

static bool plan_of(struct cgroups_plan *plan, struct arena *a, const struct local_pod *p)
{
    struct cgroups_limits l = limits_of(p);
    if (!l.cpu_milli && !l.mem_bytes)
        return false;
    cgroups_plan(plan, a, &p->x->cgroups, p->uid, &l);
    return true;
}

size_t pod_cgroup_make(struct local_pod *p, struct arena *a, struct str procs[CGROUPS_DIRS_MAX])
{
    struct cgroups_plan plan;
    struct err err = { 0 };
    if (!plan_of(&plan, a, p))
        return 0;
    struct str why = p->x->cgroups.why;
    if (plan.n_dirs && cgroups_make(&plan, &err) < 0) {
        why = str_from(err.msg);
        plan.n_dirs = 0;
    }
    if (!plan.n_dirs && !p->unlimited_told)
        p->x->hooks.event(p->x->arg, p->pod, "Warning", "LimitsNotEnforced",
                          arena_printf(a, "The pod's limits are not enforced: %.*s", STR_ARG(why)));
    p->unlimited_told |= !plan.n_dirs;
    for (size_t i = 0; i < plan.n_dirs; i++)
        procs[i] = arena_printf(a, "%.*s/cgroup.procs", STR_ARG(plan.dirs[i]));
    return plan.n_dirs;
}

void pod_cgroup_remove(const struct local_pod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct cgroups_plan plan;
    if (plan_of(&plan, a, p))
        cgroups_remove(&plan);
}

bool pod_cgroup_oom(const struct local_pod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct cgroups_plan plan;
    return plan_of(&plan, a, p) && cgroups_oom(&plan);
}
