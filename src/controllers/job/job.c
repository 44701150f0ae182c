/* SPDX-License-Identifier: Apache-2.0
 * job — runs pods to completion (batch/v1 Job): parallelism, completions, Indexed, backoffLimit,
 * suspend, activeDeadlineSeconds, ttlSecondsAfterFinished, podFailurePolicy. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/job/job_internal.h"
#include "kube/meta.h"

#define JOBS GVR("batch", "v1", "jobs")
#define BURST_MAX 500             /* pods created or deleted in one pass */
#define BACKOFF_MIN_S INT64_C(10) /* after a failure, doubled each time */
#define BACKOFF_MAX_S INT64_C(600)

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    pods_owner_key(keys, after ? after : before, "Job");
}

/* The index of pods: "namespace/name" of the owning Job. By name and not by uid, so that the pods
 * of a Job that is gone are found too. */
static bool owner_name(const struct kobj *o, struct buf *key)
{
    pods_owner_key(key, o, "Job");
    if (key->n)
        key->n--; /* without the newline */
    return key->n > 0;
}

/* ---- pods ---- */

static void release_finalizer(struct reconcile *r, const struct kobj *pod)
{
    struct jnode *left = jnode_arr(r->a);
    for (struct json_iter it = json_iter(kobj_path(pod, "metadata.finalizers")); json_next(&it);)
        if (!str_is(json_str(it.value), JOB_FINALIZER))
            jnode_append(left, jnode_thaw(r->a, it.value));
    struct jnode *patch = jnode_obj(r->a);
    jnode_set(jnode_need_obj(patch, STR("metadata")), STR("finalizers"), left);
    reconcile_patch(r, PODS, pod, patch, true);
}

/* Every container learns its index from the pod's annotation (kubernetes.io/docs: Indexed Job). */
static void add_index_env(struct reconcile *r, struct jnode *containers)
{
    for (size_t i = 0; i < jnode_len(containers); i++) {
        struct jnode *env = jnode_need_arr(jnode_at(containers, i), STR("env"));
        struct jnode *e = jnode_append(env, jnode_obj(r->a));
        jnode_set_str(e, STR("name"), STR("JOB_COMPLETION_INDEX"));
        struct jnode *from = jnode_need_obj(e, STR("valueFrom"));
        jnode_set_str(jnode_need_obj(from, STR("fieldRef")), STR("fieldPath"),
                      STR("metadata.annotations['" JOB_INDEX_KEY "']"));
    }
}

static struct jnode *make_pod(struct reconcile *r, const struct kobj *o, int64_t index)
{
    const struct job *j = job_of(o);
    struct str base = o->name;
    if (index >= 0)
        base = arena_printf(r->a, "%.*s-%lld", STR_ARG(o->name), (long long)index);
    struct jnode *pod = pods_from_template(r, o, j->template, base, (uint64_t)(index + 1));
    struct jnode *finalizers = jnode_need_arr(jnode_get(pod, STR("metadata")), STR("finalizers"));
    jnode_append(finalizers, jnode_str(r->a, STR(JOB_FINALIZER)));
    if (index < 0)
        return pod;
    struct str text = arena_printf(r->a, "%lld", (long long)index);
    meta_set_annotation(pod, STR(JOB_INDEX_KEY), text);
    meta_set_label(pod, STR(JOB_INDEX_KEY), text);
    struct jnode *spec = jnode_get(pod, STR("spec"));
    if (!jnode_get(spec, STR("hostname")))
        jnode_set_str(spec, STR("hostname"), base);
    add_index_env(r, jnode_get(spec, STR("containers")));
    add_index_env(r, jnode_get(spec, STR("initContainers")));
    return pod;
}

static void
create_indexed(struct reconcile *r, const struct kobj *o, const struct census *c, int64_t n)
{
    int64_t total = job_of(o)->completions;
    for (int64_t i = 0; i < total && n > 0; i++) {
        if (indexes_has(&c->completed, i) || indexes_has(&c->failed_indexes, i) ||
            indexes_has(&c->running, i))
            continue;
        reconcile_create(r, PODS, make_pod(r, o, i));
        n--;
    }
}

static void
create_pods(struct reconcile *r, const struct kobj *o, const struct census *c, int64_t n)
{
    n = num_min_i64(n, BURST_MAX);
    if (job_of(o)->indexed) {
        create_indexed(r, o, c, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        struct jnode *pod = make_pod(r, o, -1);
        if (i) /* names of one pass must differ */
            jnode_set_str(jnode_get(pod, STR("metadata")), STR("name"),
                          meta_generate_name(r->a, arena_printf(r->a, "%.*s-", STR_ARG(o->name)),
                                             num_mix64(r->random + (uint64_t)i)));
        reconcile_create(r, PODS, pod);
    }
}

static void delete_pods(struct reconcile *r, struct census *c, int64_t n)
{
    pods_sort_for_deletion(&c->active);
    for (int64_t i = 0; i < num_min_i64(n, BURST_MAX); i++)
        reconcile_delete(r, PODS, c->active.items[i], (struct str){ 0 });
}

static int64_t wanted(const struct job *j, const struct census *c)
{
    if (j->suspend)
        return 0;
    if (j->indexed)
        return num_min_i64(j->parallelism,
                           j->completions - c->completed.set - c->failed_indexes.set);
    if (j->has_completions)
        return num_min_i64(j->parallelism, j->completions - c->succeeded);
    return c->succeeded ? (int64_t)c->active.n : j->parallelism;
}

/* When the next pod may replace a failed one; 0: now. */
static struct wall backoff_until(const struct census *c)
{
    if (!c->last_failure.ns || c->failed <= 0)
        return (struct wall){ 0 };
    int64_t s = c->failed > 6 ? BACKOFF_MAX_S : BACKOFF_MIN_S << (c->failed - 1);
    return (struct wall){ c->last_failure.ns + num_min_i64(s, BACKOFF_MAX_S) * NS_PER_S };
}

static void manage_pods(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    int64_t have = (int64_t)c->active.n, want = num_max_i64(wanted(j, c), 0);
    if (j->replace_failed_only)
        have += c->terminating;
    struct wall until = backoff_until(c);
    if (have > want) {
        delete_pods(r, c, num_min_i64(have - want, (int64_t)c->active.n));
    } else if (have < want && until.ns > r->now.ns) {
        reconcile_again_at(r, until);
    } else if (have < want) {
        create_pods(r, o, c, want - have);
    }
}

/* ---- status ---- */

static void set_condition(struct reconcile *r,
                          struct jnode *status,
                          const char *type,
                          const struct judgement *why)
{
    struct condition_spec spec = {
        .type = type,
        .status = "True",
        .reason = str_from(why->reason),
        .message = why->message,
        .probe_time = true,
    };
    meta_set_condition(r->a, jnode_need_arr(status, STR("conditions")), &spec, r->now);
}

static void set_time(struct jnode *status, struct str key, struct wall t)
{
    char text[TIME_TEXT_MAX];
    if (t.ns)
        jnode_set_str(status, key, wall_text(text, t));
}

static void set_count(struct jnode *status, const char *key, int64_t n)
{
    if (n)
        jnode_set_i64(status, str_from(key), n);
}

/* status.succeeded and failed hold what has left the uncounted lists. */
static struct jnode *count_status(struct reconcile *r, const struct kobj *o, const struct census *c)
{
    const struct job *j = job_of(o);
    struct jnode *status = jnode_obj(r->a);
    struct json conditions = kobj_path(o, "status.conditions");
    if (json_has(conditions))
        jnode_set(status, STR("conditions"), jnode_thaw(r->a, conditions));
    set_time(status, STR("startTime"), j->start_time);
    set_time(status, STR("completionTime"), j->completion_time);
    set_count(status, "active", (int64_t)c->active.n);
    jnode_set_i64(status, STR("ready"), c->ready);
    jnode_set_i64(status, STR("terminating"), c->terminating);
    set_count(status, "succeeded", c->succeeded - (int64_t)jnode_len(c->uncounted_ok));
    set_count(status, "failed", c->failed - (int64_t)jnode_len(c->uncounted_bad));
    struct jnode *uncounted = jnode_need_obj(status, STR("uncountedTerminatedPods"));
    if (jnode_len(c->uncounted_ok))
        jnode_set(uncounted, STR("succeeded"), c->uncounted_ok);
    if (jnode_len(c->uncounted_bad))
        jnode_set(uncounted, STR("failed"), c->uncounted_bad);
    if (j->indexed && c->completed.set)
        jnode_set_str(status, STR("completedIndexes"), indexes_text(r->a, &c->completed));
    if (j->indexed && (c->failed_indexes.set || j->has_backoff_limit_per_index))
        jnode_set_str(status, STR("failedIndexes"), indexes_text(r->a, &c->failed_indexes));
    return status;
}

static void suspend_status(struct reconcile *r, const struct kobj *o, struct jnode *status)
{
    const struct job *j = job_of(o);
    if (j->suspend == j->suspended_condition)
        return;
    struct condition_spec spec = {
        .type = "Suspended",
        .status = j->suspend ? "True" : "False",
        .reason = j->suspend ? STR("JobSuspended") : STR("JobResumed"),
        .message = j->suspend ? STR("Job suspended") : STR("Job resumed"),
        .probe_time = true,
    };
    meta_set_condition(r->a, jnode_need_arr(status, STR("conditions")), &spec, r->now);
    reconcile_event(r, o, j->suspend ? "Suspended" : "Resumed", "%.*s", STR_ARG(spec.message));
    if (j->suspend)
        jnode_del(status, STR("startTime"));
}

static void end_status(struct reconcile *r,
                       const struct kobj *o,
                       const struct census *c,
                       struct jnode *status,
                       const struct judgement *why)
{
    bool ok = why->verdict == VERDICT_COMPLETE;
    set_condition(r, status, ok ? "SuccessCriteriaMet" : "FailureTarget", why);
    bool all_counted = !jnode_len(c->uncounted_ok) && !jnode_len(c->uncounted_bad);
    if (c->active.n || c->terminating || !all_counted)
        return; /* the last condition comes when every pod has ended and was counted */
    set_condition(r, status, ok ? "Complete" : "Failed", why);
    if (ok)
        set_time(status, STR("completionTime"), r->now);
    if (ok)
        reconcile_event(r, o, "Completed", "Job completed");
    else
        reconcile_warn(r, o, why->reason, "%.*s", STR_ARG(why->message));
}

/* ---- a finished Job ---- */

static void after_end(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    if (!j->has_ttl_s)
        return;
    struct json last = condition_find(kobj_root(o), j->complete ? STR("Complete") : STR("Failed"));
    struct wall ended = r->now;
    wall_parse(json_str(json_get(last, STR("lastTransitionTime"))), &ended);
    struct wall due = { ended.ns + j->ttl_s * NS_PER_S };
    (void)c;
    if (due.ns <= r->now.ns)
        reconcile_delete(r, JOBS, o, STR("Foreground"));
    else
        reconcile_again_at(r, due);
}

static void run(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    struct judgement verdict = job_judge(r, o, c);
    struct jnode *status = count_status(r, o, c);
    if (!j->suspend && !j->start_time.ns)
        set_time(status, STR("startTime"), r->now);
    if (verdict.verdict == VERDICT_GO_ON) {
        suspend_status(r, o, status);
        manage_pods(r, o, c);
        if (j->has_active_deadline_s && j->start_time.ns)
            reconcile_again_at(r,
                               (struct wall){ j->start_time.ns + j->active_deadline_s * NS_PER_S });
    } else {
        delete_pods(r, c, (int64_t)c->active.n);
        end_status(r, o, c, status, &verdict);
    }
    pods_put_status(r, JOBS, o, status);
}

/* Pods of a Job that is going away must not be held by our finalizer. */
static void release_all(struct reconcile *r, const struct kobj *o)
{
    struct pods_vec pods = { 0 };
    census_pods(r, o, &pods);
    for (size_t i = 0; i < pods.n; i++)
        if (job_pod_tracked(pods.items[i]))
            release_finalizer(r, pods.items[i]);
    pods_vec_fini(&pods);
}

static bool release_orphan(void *arg, const struct kobj *pod)
{
    if (job_pod_tracked(pod))
        release_finalizer(arg, pod);
    return true;
}

static int reconcile_job(struct reconcile *r, struct err *err)
{
    (void)err;
    const struct kobj *o = informer_find(r->caches[WATCH_JOBS], r->namespace, r->name);
    if (!o) {
        struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(r->namespace), STR_ARG(r->name));
        informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], key, release_orphan, r);
        return 0;
    }
    if (job_of(o)->managed_by.n && !str_is(job_of(o)->managed_by, "kubernetes.io/job-controller"))
        return 0; /* another controller's */
    struct census c;
    census_take(r, o, &c);
    for (size_t i = 0; i < c.untracked.n; i++)
        release_finalizer(r, c.untracked.items[i]);
    if (kobj_deleting(o))
        release_all(r, o);
    else if (job_finished(job_of(o)))
        after_end(r, o, &c);
    else
        run(r, o, &c);
    census_fini(&c);
    return 0;
}

const struct controller job_controller = {
    .name = "job",
    .help = "runs the pods of a Job to completion",
    .watches = { [WATCH_JOBS] = { .resource = { STR_INIT("batch"), STR_INIT("v1"),
                                                STR_INIT("jobs") } },
                 [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = pod_keys,
                                  .index = owner_name } },
    .reconcile = reconcile_job,
};
