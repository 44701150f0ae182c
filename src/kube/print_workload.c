/* SPDX-License-Identifier: Apache-2.0
 * print_workload — rows of Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs. */
#include "kube/pod.h"
#include "kube/print_internal.h"

static void put_ratio(struct row *r, int64_t part, int64_t whole)
{
    print_str(r, arena_printf(r->a, "%lld/%lld", (long long)part, (long long)whole));
}

static void put_template(struct row *r)
{
    print_containers(r, print_path(r, "spec.template.spec"));
}

static void put_selector(struct row *r)
{
    print_str(r, print_selector(r->a, print_path(r, "spec.selector")));
}

void print_deployment(struct row *r)
{
    put_ratio(r, print_i64_at(r, "status.readyReplicas"), print_i64_at(r, "spec.replicas"));
    print_count(r, "status.updatedReplicas");
    print_count(r, "status.availableReplicas");
    print_age(r);
    put_template(r);
    put_selector(r);
}

void print_replicaset(struct row *r)
{
    print_count(r, "spec.replicas");
    print_count(r, "status.replicas");
    print_count(r, "status.readyReplicas");
    print_age(r);
    put_template(r);
    put_selector(r);
}

void print_statefulset(struct row *r)
{
    put_ratio(r, print_i64_at(r, "status.readyReplicas"), print_i64_at(r, "spec.replicas"));
    print_age(r);
    put_template(r);
}

void print_daemonset(struct row *r)
{
    print_count(r, "status.desiredNumberScheduled");
    print_count(r, "status.currentNumberScheduled");
    print_count(r, "status.numberReady");
    print_count(r, "status.updatedNumberScheduled");
    print_count(r, "status.numberAvailable");
    print_str(r, print_labels(r->a, print_path(r, "spec.template.spec.nodeSelector")));
    print_age(r);
    put_template(r);
    put_selector(r);
}

static const char *job_status(struct row *r)
{
    static const char *const ends[] = { "Complete", "Failed" };
    static const char *const states[] = { "Suspended", "FailureTarget", "SuccessCriteriaMet" };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (condition_of(r->o, str_from(ends[i])) == CONDITION_TRUE)
            return ends[i];
    }
    if (kobj_deleting(r->obj))
        return "Terminating";
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (condition_of(r->o, str_from(states[i])) == CONDITION_TRUE)
            return states[i];
    }
    return "Running";
}

static struct str job_completions(struct row *r)
{
    long long succeeded = print_i64_at(r, "status.succeeded");
    int64_t completions, parallelism = print_i64_at(r, "spec.parallelism");
    if (json_i64(print_path(r, "spec.completions"), &completions))
        return arena_printf(r->a, "%lld/%lld", succeeded, (long long)completions);
    if (parallelism > 1)
        return arena_printf(r->a, "%lld/1 of %lld", succeeded, (long long)parallelism);
    return arena_printf(r->a, "%lld/1", succeeded);
}

static struct str job_duration(struct row *r)
{
    struct wall start, end;
    char text[TIME_TEXT_MAX];
    if (!wall_parse(json_str(print_path(r, "status.startTime")), &start))
        return STR("");
    if (!wall_parse(json_str(print_path(r, "status.completionTime")), &end))
        end = r->now;
    return arena_str(r->a, duration_human(text, end.ns - start.ns));
}

void print_job(struct row *r)
{
    print_str(r, str_from(job_status(r)));
    print_str(r, job_completions(r));
    print_str(r, job_duration(r));
    print_age(r);
    put_template(r);
    put_selector(r);
}

void print_cronjob(struct row *r)
{
    struct str last = json_str(print_path(r, "status.lastScheduleTime"));
    print_at(r, "spec.schedule");
    print_or(r, json_str(print_path(r, "spec.timeZone")), "<none>");
    print_str(r, json_bool(print_path(r, "spec.suspend"), false) ? STR("True") : STR("False"));
    print_i64(r, json_len(print_path(r, "status.active")));
    print_str(r, last.n ? print_since(r, last) : STR("<none>"));
    print_age(r);
    print_containers(r, print_path(r, "spec.jobTemplate.spec.template.spec"));
    print_str(r, print_selector(r->a, print_path(r, "spec.jobTemplate.spec.selector")));
}
