/* SPDX-License-Identifier: Apache-2.0
 * victim — see victim.h. */
#include "scheduler/preempt/victim.h"

#include "base/num.h"
#include "kube/checkpoint.h"
#include "kube/names.h"

/* How other projects say that a pod must not be preempted. */
static const struct {
    struct str name;
    bool label; /* else an annotation */
    struct str value;
} vetoes[] = {
    { STR_INIT("workload.kubenexus.io/preemptible"), true, STR_INIT("false") },
    { STR_INIT("volcano.sh/preemptable"), true, STR_INIT("false") },
    { STR_INIT("volcano.sh/preemptable"), false, STR_INIT("false") },
    { STR_INIT("kai.scheduler/preemptibility"), true, STR_INIT("non-preemptible") },
    { STR_INIT("kai.scheduler/preemptibility"), false, STR_INIT("non-preemptible") },
    { STR_INIT("yunikorn.apache.org/allow-preemption"), false, STR_INIT("false") },
};

void victim_read_wishes(struct spod *p)
{
    struct json notes = p->view->annotations;
    struct str min = json_str(json_get(notes, STR(NAME_MIN_RUNTIME)));
    p->stays = false;
    for (size_t i = 0; i < COUNT_OF(vetoes); i++) {
        struct str value = vetoes[i].label ? labelset_get(&p->labels, vetoes[i].name)
                                           : json_str(json_get(notes, vetoes[i].name));
        p->stays = p->stays || (value.n && str_eq(value, vetoes[i].value));
    }
    p->checkpoint_ns = checkpoint_ns(p->view);
    if (!min.n || !duration_parse(min, &p->min_runtime_ns))
        p->min_runtime_ns = 0;
}

int64_t victim_started(const struct spod *p)
{
    return p->view->start_time.ns ? p->view->start_time.ns : INT64_MAX;
}

int victim_compare(const void *pa, const void *pb)
{
    const struct spod *a = *(const struct spod *const *)pa, *b = *(const struct spod *const *)pb;
    if (a->view->priority != b->view->priority)
        return a->view->priority > b->view->priority ? -1 : 1;
    if (victim_started(a) != victim_started(b))
        return victim_started(a) < victim_started(b) ? -1 : 1;
    return spod_compare(a, b);
}

/* How autoscalers are told that ending a pod is expensive. */
bool victim_is_costly(const struct spod *p)
{
    struct json notes = p->view->annotations;
    return str_is(json_str(json_get(notes, STR("cluster-autoscaler.kubernetes.io/safe-to-evict"))),
                  "false") ||
           str_is(json_str(json_get(notes, STR("karpenter.sh/do-not-disrupt"))), "true");
}

bool victim_is_leaving(const struct spod *p)
{
    if (p->evicting)
        return true;
    if (!p->view->deleting || p->stuck)
        return false;
    struct json c = condition_find(kobj_root(p->obj), STR("DisruptionTarget"));
    return str_is(json_str(json_get(c, STR("status"))), "True") &&
           str_is(json_str(json_get(c, STR("reason"))), "PreemptionByScheduler");
}

bool victim_is_lower(const struct spod *v, int64_t priority)
{
    if (v->gang && v->gang->dialect && v->gang->priority >= priority)
        return false;
    return v->view->priority < priority;
}

/* It has not run for as long as it was promised. */
static bool
runs_too_short(const struct preempt_policy *policy, const struct spod *by, const struct spod *v)
{
    int64_t least = v->min_runtime_ns;
    if (policy->promised)
        least = num_max_i64(least, policy->promised(policy->arg, by, v));
    if (!least || !policy->now.ns)
        return false;
    int64_t started = v->view->start_time.ns ? v->view->start_time.ns : policy->now.ns;
    return policy->now.ns - started < least;
}

bool victim_may_leave(const struct preempt_policy *policy,
                      const struct spod *by,
                      const struct spod *v)
{
    bool lower = victim_is_lower(v, by->view->priority);
    if (!lower && !(policy->reclaims && policy->reclaims(policy->arg, by, v)))
        return false;
    bool stays = v->stays || (v->gang && v->gang->said.kept);
    return !stays && !v->stuck && !runs_too_short(policy, by, v) &&
           !(policy->spares && policy->spares(policy->arg, by, v));
}
