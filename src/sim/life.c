/* SPDX-License-Identifier: Apache-2.0
 * life — see life.h. The status documents look like a kubelet's. */
#include "sim/life.h"

#include <stdlib.h>

#include "kube/meta.h"
#include "kube/pod.h"

/* Nanoseconds in "12.5"; -1 when there is no such number. */
static int64_t seconds_of(struct str text)
{
    char copy[32], *end;
    if (!text.n || text.n >= sizeof copy)
        return -1;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    double s = strtod(copy, &end);
    return *end || !(s >= 0 && s < 1e9) ? -1 : (int64_t)(s * 1e9);
}

int64_t sim_said_run(const struct kobj *pod)
{
    return seconds_of(kobj_annotation(pod, STR(SIM_RUN_KEY)));
}

static int64_t run_ns(const struct kobj *pod)
{
    int64_t ns = sim_said_run(pod);
    if (ns >= 0)
        return ns;
    return pod_of(pod)->restart_policy == POD_RESTART_ALWAYS ? -1 : SIM_RUN_DEFAULT_NS;
}

enum sim_action sim_next(const struct kobj *pod, struct wall seen, struct wall *due)
{
    const struct pod *p = pod_of(pod);
    *due = seen;
    if (p->deleting)
        return SIM_REMOVE;
    if (pod_finished(p))
        return SIM_NOTHING;
    if (p->phase == POD_PENDING) {
        due->ns = seen.ns + SIM_START_NS;
        return SIM_START;
    }
    int64_t run = run_ns(pod);
    if (run < 0)
        return SIM_NOTHING;
    due->ns = (p->start_time.ns ? p->start_time.ns : seen.ns) + run;
    return SIM_END;
}

static struct jnode *
conditions(struct arena *a, const struct kobj *pod, bool running, struct wall now)
{
    static const char *const types[] = { "PodReadyToStartContainers", "Initialized", "Ready",
                                         "ContainersReady" };
    struct json stored = kobj_path(pod, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(a, stored) : jnode_arr(a);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        bool on = running || i == 1;
        struct condition_spec c = {
            .type = types[i],
            .status = on ? "True" : "False",
            .reason = on ? (struct str){ 0 } : STR("PodCompleted"),
        };
        meta_set_condition(a, list, &c, now);
    }
    for (size_t i = 0; i < jnode_len(list); i++) { /* as Go writes a time that is not set */
        struct jnode *c = jnode_at(list, i);
        if (!jnode_get(c, STR("lastProbeTime")))
            jnode_set(c, STR("lastProbeTime"), jnode_null(a));
    }
    return list;
}

static struct jnode *container_status(struct arena *a, const struct container *c, bool running)
{
    struct jnode *s = jnode_obj(a);
    jnode_set_str(s, STR("name"), c->name);
    jnode_set_str(s, STR("image"), c->image);
    jnode_set_str(s, STR("imageID"), STR(""));
    jnode_set_bool(s, STR("ready"), running);
    jnode_set_bool(s, STR("started"), running);
    jnode_set_i64(s, STR("restartCount"), 0);
    jnode_need_obj(s, STR("lastState"));
    return s;
}

struct jnode *sim_started(struct arena *a, const struct kobj *pod, struct str ip, struct wall now)
{
    const struct pod *p = pod_of(pod);
    struct jnode *status = jnode_obj(a);
    jnode_set_str(status, STR("phase"), STR("Running"));
    jnode_set(status, STR("conditions"), conditions(a, pod, true, now));
    jnode_set_str(status, STR("podIP"), ip);
    struct jnode *ips = jnode_need_arr(status, STR("podIPs"));
    jnode_set_str(jnode_append(ips, jnode_obj(a)), STR("ip"), ip);
    meta_set_time(status, STR("startTime"), now);
    struct jnode *list = jnode_need_arr(status, STR("containerStatuses"));
    for (size_t i = 0; i < p->containers.n; i++) {
        struct jnode *s = container_status(a, &p->containers.items[i], true);
        struct jnode *running = jnode_need_obj(jnode_need_obj(s, STR("state")), STR("running"));
        meta_set_time(running, STR("startedAt"), now);
        jnode_append(list, s);
    }
    return status;
}

struct jnode *sim_ended(struct arena *a, const struct kobj *pod, struct wall now)
{
    const struct pod *p = pod_of(pod);
    int64_t code = 0;
    str_to_i64(kobj_annotation(pod, STR(SIM_EXIT_KEY)), &code);
    struct jnode *status = jnode_obj(a);
    jnode_set_str(status, STR("phase"), code ? STR("Failed") : STR("Succeeded"));
    jnode_set(status, STR("conditions"), conditions(a, pod, false, now));
    struct jnode *list = jnode_need_arr(status, STR("containerStatuses"));
    for (size_t i = 0; i < p->containers.n; i++) {
        int64_t exit_code = i == 0 ? code : 0;
        struct jnode *s = container_status(a, &p->containers.items[i], false);
        struct jnode *t = jnode_need_obj(jnode_need_obj(s, STR("state")), STR("terminated"));
        jnode_set_i64(t, STR("exitCode"), exit_code);
        jnode_set_str(t, STR("reason"), exit_code ? STR("Error") : STR("Completed"));
        meta_set_time(t, STR("startedAt"), p->start_time.ns ? p->start_time : now);
        meta_set_time(t, STR("finishedAt"), now);
        jnode_append(list, s);
    }
    return status;
}
