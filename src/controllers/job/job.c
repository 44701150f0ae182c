/* SPDX-License-Identifier: Apache-2.0
 * job — runs pods to completion (batch/v1 Job): parallelism, completions, Indexed, backoffLimit,
 * suspend, activeDeadlineSeconds, ttlSecondsAfterFinished, podFailurePolicy, successPolicy. The
 * rules are those of kubernetes/kubernetes pkg/controller/job. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/job/job_internal.h"
#include "kube/meta.h"

#define BURST_MAX 500             /* pods created or deleted in one pass */
#define BACKOFF_MIN_S INT64_C(10) /* after a failure, doubled each time */
#define BACKOFF_MAX_S INT64_C(600)

/* ---- which Job a pod belongs to ---- */

/* "namespace/name" of the owning Job. By name and not by uid, so that the pods of a Job that is
 * gone are found too; a pod that lost its owner but not our finalizer is found by its label. */
static bool job_key(const struct kobj *pod, struct buf *key)
{
    struct json owner = kobj_controller(pod);
    struct str name = { 0 };
    if (str_is(json_str(json_get(owner, STR("kind"))), "Job"))
        name = json_str(json_get(owner, STR("name")));
    else if (!json_has(owner) && job_pod_tracked(pod))
        name = kobj_label(pod, STR("job-name"));
    if (!name.n)
        return false;
    buf_printf(key, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(name));
    return true;
}

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    if (before && job_key(before, keys))
        buf_char(keys, '\n');
    if (after && job_key(after, keys))
        buf_char(keys, '\n');
}

/* ---- pods ---- */

static void release_finalizer(struct reconcile *r, const struct kobj *pod)
{
    struct jnode *left = jnode_arr(r->a);
    for (struct json_iter it = json_iter(kobj_meta(pod, STR("finalizers"))); json_next(&it);)
        if (!str_is(json_str(it.value), JOB_FINALIZER))
            jnode_append(left, jnode_thaw(r->a, it.value));
    struct jnode *patch = jnode_obj(r->a);
    jnode_set(jnode_need_obj(patch, STR("metadata")), STR("finalizers"), left);
    reconcile_patch(r, PODS, pod, patch, true);
}

static void release_list(struct reconcile *r, const struct pods_vec *pods)
{
    for (size_t i = 0; i < pods->n && i < BURST_MAX; i++)
        release_finalizer(r, pods->items[i]);
}

/* Every container learns its index from the pod's annotation (kubernetes.io/docs: Indexed Job). */
static void add_index_env(struct reconcile *r, struct jnode *containers)
{
    for (size_t i = 0; i < jnode_len(containers); i++) {
        struct jnode *env = jnode_need_arr(jnode_at(containers, i), STR("env"));
        bool named = false; /* the user's own value stands */
        for (size_t k = 0; k < jnode_len(env); k++)
            named |= str_is(jnode_text_of_str(jnode_get(jnode_at(env, k), STR("name"))),
                            "JOB_COMPLETION_INDEX");
        if (named)
            continue;
        struct jnode *e = jnode_append(env, jnode_obj(r->a));
        jnode_set_str(e, STR("name"), STR("JOB_COMPLETION_INDEX"));
        struct jnode *from = jnode_need_obj(e, STR("valueFrom"));
        jnode_set_str(jnode_need_obj(from, STR("fieldRef")), STR("fieldPath"),
                      STR("metadata.annotations['" JOB_INDEX_KEY "']"));
    }
}

static void set_index(struct reconcile *r, const struct kobj *o, struct jnode *pod, int64_t index)
{
    struct str text = arena_printf(r->a, "%lld", (long long)index);
    meta_set_annotation(pod, STR(JOB_INDEX_KEY), text);
    meta_set_label(pod, STR(JOB_INDEX_KEY), text);
    struct jnode *spec = jnode_get(pod, STR("spec"));
    if (!jnode_get(spec, STR("hostname"))) {
        struct str tail = arena_printf(r->a, "-%lld", (long long)index);
        struct str head = str_take(o->name, 63 - tail.n); /* a DNS label */
        jnode_set_str(spec, STR("hostname"),
                      arena_printf(r->a, "%.*s%.*s", STR_ARG(head), STR_ARG(tail)));
    }
    add_index_env(r, jnode_get(spec, STR("containers")));
    add_index_env(r, jnode_get(spec, STR("initContainers")));
}

/* index: -1 for none. n makes the names of one pass differ. */
static struct jnode *make_pod(struct reconcile *r, const struct kobj *o, int64_t index, uint64_t n)
{
    struct str base = o->name;
    if (index >= 0)
        base = arena_printf(r->a, "%.*s-%lld", STR_ARG(o->name), (long long)index);
    struct jnode *pod = pods_from_template(r, o, job_of(o)->template, base, n);
    struct jnode *finalizers = jnode_need_arr(jnode_get(pod, STR("metadata")), STR("finalizers"));
    jnode_append(finalizers, jnode_str(r->a, STR(JOB_FINALIZER)));
    if (index >= 0)
        set_index(r, o, pod, index);
    return pod;
}

static struct wall backoff_end(struct wall failed_at, int64_t failures) /* of `failures` in a row */
{
    if (failures <= 0)
        return (struct wall){ 0 };
    int64_t s = failures > 6 ? BACKOFF_MAX_S : BACKOFF_MIN_S << (failures - 1);
    return (struct wall){ failed_at.ns + num_min_i64(s, BACKOFF_MAX_S) * NS_PER_S };
}

static void
carry_count(struct reconcile *r, const struct job *j, const struct retry *last, struct jnode *pod)
{
    if (!j->has_backoff_limit_per_index)
        return;
    meta_set_annotation(pod, STR(JOB_INDEX_FAILURES_KEY),
                        arena_printf(r->a, "%lld", last ? (long long)last->failures : 0));
    if (last && last->ignored)
        meta_set_annotation(pod, STR(JOB_INDEX_IGNORED_KEY),
                            arena_printf(r->a, "%lld", (long long)last->ignored));
}

static void
create_indexed(struct reconcile *r, const struct kobj *o, const struct census *c, int64_t n)
{
    const struct job *j = job_of(o);
    for (int64_t i = 0; i < c->completed.n && n > 0; i++) {
        if (indexes_has(&c->completed, i) || indexes_has(&c->failed_indexes, i) ||
            indexes_has(&c->running, i))
            continue;
        n--;
        const struct retry *last = census_retry(c, i);
        struct wall due = last ? backoff_end(last->at, last->failures) : (struct wall){ 0 };
        if (due.ns > r->now.ns) {
            reconcile_again_at(r, due);
            continue;
        }
        struct jnode *pod = make_pod(r, o, i, (uint64_t)i);
        carry_count(r, j, last, pod);
        reconcile_create(r, PODS, pod);
    }
}

static void
create_pods(struct reconcile *r, const struct kobj *o, const struct census *c, int64_t n)
{
    const struct job *j = job_of(o);
    n = num_min_i64(n, BURST_MAX);
    if (!j->has_backoff_limit_per_index) {
        struct wall due = backoff_end(c->last_failure, c->failures_in_a_row);
        if (due.ns > r->now.ns) {
            reconcile_again_at(r, due);
            return;
        }
    }
    if (j->indexed) {
        create_indexed(r, o, c, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        reconcile_create(r, PODS, make_pod(r, o, -1, (uint64_t)i));
}

/* Pods that the Job no longer wants lose the finalizer first: they don't count as failed. The next
 * pass finds them among the doomed. */
static void dismiss_pods(struct reconcile *r, struct census *c, int64_t n)
{
    pods_sort_for_deletion(&c->active);
    for (int64_t i = 0; i < num_min_i64(n, BURST_MAX); i++)
        release_finalizer(r, c->active.items[i]);
}

static void delete_list(struct reconcile *r, const struct pods_vec *pods)
{
    for (size_t i = 0; i < pods->n && i < BURST_MAX; i++)
        reconcile_delete(r, PODS, pods->items[i], (struct str){ 0 });
}

/* Pods whose index is out of range (completions shrank) or taken twice go first. Moves them from
 * active; returns how many. */
static int64_t dismiss_misplaced(struct reconcile *r, const struct job *j, struct census *c)
{
    if (!j->indexed)
        return 0;
    struct indexes taken = indexes_new(r->a, c->completed.n);
    size_t kept = 0, n = c->active.n;
    for (size_t i = 0; i < n; i++) {
        const struct kobj *pod = c->active.items[i];
        int64_t index = job_pod_index(pod);
        if (index >= 0 && index < taken.n && !indexes_has(&taken, index) &&
            !indexes_has(&c->completed, index) && !indexes_has(&c->failed_indexes, index)) {
            indexes_add(&taken, index);
            c->active.items[kept++] = pod;
        } else {
            release_finalizer(r, pod);
        }
    }
    c->active.n = kept;
    return (int64_t)(n - kept);
}

static int64_t wanted(const struct job *j, const struct census *c)
{
    if (j->suspend)
        return 0;
    if (j->has_completions)
        return num_min_i64(j->parallelism, j->completions - c->succeeded - c->failed_indexes.set);
    return c->succeeded ? num_min_i64((int64_t)c->active.n, j->parallelism) : j->parallelism;
}

static void manage_pods(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    delete_list(r, &c->doomed);
    if (dismiss_misplaced(r, j, c))
        return;
    int64_t active = (int64_t)c->active.n, want = num_max_i64(wanted(j, c), 0);
    int64_t have = active + (job_replaces_ended_only(j) ? c->terminating : 0);
    if (active > want)
        dismiss_pods(r, c, active - want);
    else if (have < want)
        create_pods(r, o, c, want - have);
}

/* ---- a pass ---- */

static void after_end(struct reconcile *r, const struct kobj *o)
{
    const struct job *j = job_of(o);
    if (!j->has_ttl_s)
        return;
    struct json last = condition_find(kobj_root(o), j->complete ? STR("Complete") : STR("Failed"));
    struct wall ended = r->now;
    wall_parse(json_str(json_get(last, STR("lastTransitionTime"))), &ended);
    struct wall due = { ended.ns + j->ttl_s * NS_PER_S };
    if (due.ns <= r->now.ns)
        reconcile_delete(r, JOBS, o, STR("Foreground"));
    else
        reconcile_again_at(r, due);
}

static void run(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    struct judgement verdict = job_judge(r, o, c);
    struct jnode *status = job_status(r, o, c);
    if (verdict.verdict == VERDICT_GO_ON) {
        job_status_suspend(r, o, status);
        manage_pods(r, o, c);
        if (j->has_active_deadline_s && j->start_time.ns && !j->suspend)
            reconcile_again_at(r,
                               (struct wall){ j->start_time.ns + j->active_deadline_s * NS_PER_S });
    } else {
        delete_list(r, &c->active);
        delete_list(r, &c->doomed);
        job_status_end(r, o, c, status, &verdict);
    }
    pods_put_status(r, JOBS, o, status);
}

/* Pods of a Job that is gone or going must not be held by our finalizer. */
static void release_all(struct reconcile *r)
{
    struct pods_vec pods = { 0 };
    census_pods(r, &pods);
    for (size_t i = 0; i < pods.n; i++)
        if (job_pod_tracked(pods.items[i]))
            release_finalizer(r, pods.items[i]);
    pods_vec_fini(&pods);
}

static int reconcile_job(struct reconcile *r, struct err *err)
{
    (void)err;
    const struct kobj *o = informer_find(r->caches[WATCH_JOBS], r->namespace, r->name);
    if (!o || kobj_deleting(o)) {
        release_all(r);
        return 0;
    }
    if (job_of(o)->managed_by.n && !str_is(job_of(o)->managed_by, "kubernetes.io/job-controller"))
        return 0; /* another controller's */
    struct census c;
    census_take(r, o, &c);
    release_list(r, &c.strays);
    release_list(r, &c.untracked);
    if (job_finished(job_of(o)))
        after_end(r, o);
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
                                  .index = job_key } },
    .reconcile = reconcile_job,
};
