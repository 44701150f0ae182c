/* SPDX-License-Identifier: Apache-2.0
 * census — counts the pods of a Job so that each end counts exactly once, also when pods vanish or
 * the controller dies in between (KEP-2307, Job tracking without lingering pods):
 *
 *   pod ends, has the finalizer ─► its uid enters status.uncountedTerminatedPods
 *   uid is in the stored status ─► the finalizer is removed from the pod
 *   finalizer is gone           ─► the uid leaves the list and the counter grows, in one write
 *
 * Successes of an Indexed Job need no uid: their index in status.completedIndexes says it. */
#include "controllers/job/job_internal.h"
#include "kube/meta.h"
#include "kube/pod.h"

struct counting {
    struct reconcile *r;
    const struct kobj *o;
    const struct job *j;
    struct census *c;
    bool doomed; /* the Job has failed: whatever still runs counts as failed */
};

static int64_t annotation_num(const struct kobj *pod, struct str key, int64_t otherwise)
{
    int64_t i;
    return str_to_i64(kobj_annotation(pod, key), &i) ? i : otherwise;
}

int64_t job_pod_index(const struct kobj *pod)
{
    return annotation_num(pod, STR(JOB_INDEX_KEY), -1);
}

bool job_pod_tracked(const struct kobj *pod)
{
    for (struct json_iter it = json_iter(kobj_meta(pod, STR("finalizers"))); json_next(&it);)
        if (str_is(json_str(it.value), JOB_FINALIZER))
            return true;
    return false;
}

bool job_replaces_ended_only(const struct job *j)
{
    return j->replace_failed_only || json_has(j->failure_rules);
}

static bool lists(struct json uids, struct str uid)
{
    for (struct json_iter it = json_iter(uids); json_next(&it);)
        if (str_eq(json_str(it.value), uid))
            return true;
    return false;
}

static bool time_at(const struct kobj *pod, const char *path, struct wall *t)
{
    return wall_parse(json_str(kobj_path(pod, path)), t);
}

/* The best that the pod says: a pod that was lost with its node has no finished container. Never
 * `now`, or the delay would never pass. */
static struct wall ended_at(struct reconcile *r, const struct kobj *pod)
{
    struct wall newest = { 0 };
    struct container_statuses list =
        container_statuses_decode(r->a, kobj_path(pod, "status.containerStatuses"));
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].finished_at.ns > newest.ns)
            newest = list.items[i].finished_at;
    struct json ready = condition_find(kobj_root(pod), STR("Ready"));
    if (!newest.ns && str_is(json_str(json_get(ready, STR("status"))), "False"))
        wall_parse(json_str(json_get(ready, STR("lastTransitionTime"))), &newest);
    if (!newest.ns && !time_at(pod, "metadata.deletionTimestamp", &newest) &&
        !time_at(pod, "status.startTime", &newest))
        newest = kobj_created(pod);
    return newest.ns < r->now.ns ? newest : r->now;
}

/* ---- failures by index ---- */

const struct retry *census_retry(const struct census *c, int64_t index)
{
    for (size_t i = 0; i < c->retries.n; i++)
        if (c->retries.items[i].index == index)
            return &c->retries.items[i];
    return NULL;
}

static void note_index_failure(struct counting *k, const struct kobj *pod, enum failure_action does)
{
    bool ignored = does == FAILURE_IGNORE;
    struct retry now = {
        .index = job_pod_index(pod),
        .failures = annotation_num(pod, STR(JOB_INDEX_FAILURES_KEY), 0) + !ignored,
        .ignored = annotation_num(pod, STR(JOB_INDEX_IGNORED_KEY), 0) + ignored,
        .at = ended_at(k->r, pod),
        .pod = pod,
    };
    if (does == FAILURE_FAIL_INDEX || now.failures > k->j->backoff_limit_per_index)
        indexes_add(&k->c->failed_indexes, now.index);
    for (size_t i = 0; i < k->c->retries.n; i++) {
        struct retry *was = &k->c->retries.items[i];
        if (was->index != now.index)
            continue;
        if (was->failures + was->ignored < now.failures + now.ignored)
            *was = now;
        return;
    }
    retry_vec_push(&k->c->retries, now);
}

/* The pod that carries an index's count stays until the next pod of the index has taken it over. */
static bool carries_count(const struct census *c, const struct kobj *pod)
{
    int64_t index = job_pod_index(pod);
    const struct retry *last = census_retry(c, index);
    return last && last->pod == pod && !indexes_has(&c->running, index) &&
           !indexes_has(&c->stored_ok, index) && !indexes_has(&c->stored_failed, index);
}

static void keep_carriers(struct census *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->untracked.n; i++)
        if (!carries_count(c, c->untracked.items[i]))
            c->untracked.items[n++] = c->untracked.items[i];
    c->untracked.n = n;
}

/* ---- one pod ---- */

static void count_success(struct counting *k, const struct kobj *pod)
{
    struct census *c = k->c;
    bool tracked = job_pod_tracked(pod);
    if (k->j->indexed) {
        int64_t index = job_pod_index(pod);
        bool counts = index >= 0 && index < c->completed.n;
        if (tracked)
            indexes_add(&c->completed, index);
        if (tracked && (!counts || indexes_has(&c->stored_ok, index)))
            pods_vec_push(&c->untracked, pod);
        return;
    }
    bool stored = lists(json_get(k->j->uncounted, STR("succeeded")), pod->uid);
    c->succeeded += tracked || stored;
    if (!tracked)
        return;
    jnode_append(c->uncounted_ok, jnode_str(k->r->a, pod->uid));
    if (stored)
        pods_vec_push(&c->untracked, pod);
}

/* Does this failure delay the next pod? Not one that was wanted: dismissed, or its gang began anew.
 */
static bool slows(const struct kobj *pod)
{
    bool dismissed = pod_of(pod)->deleting && !job_pod_tracked(pod);
    return !dismissed && !pods_gang_restarted(pod);
}

static void count_failure(struct counting *k, const struct kobj *pod)
{
    struct census *c = k->c;
    struct str why = { 0 };
    bool tracked = job_pod_tracked(pod);
    bool stored = lists(json_get(k->j->uncounted, STR("failed")), pod->uid);
    enum failure_action does = job_failure_action(k->r, k->j, pod, &why);
    if (does == FAILURE_FAIL_JOB)
        c->fail_rule = why;
    if (tracked && k->j->indexed && k->j->has_backoff_limit_per_index)
        note_index_failure(k, pod, does);
    if (slows(pod) && ended_at(k->r, pod).ns > c->last_failure.ns)
        c->last_failure = ended_at(k->r, pod);
    if (does == FAILURE_IGNORE && !stored) {
        if (tracked)
            pods_vec_push(&c->untracked, pod);
        return;
    }
    c->failed += tracked || stored;
    if (!tracked)
        return; /* counted in an earlier pass, or it leaves the list with this pass's status */
    jnode_append(c->uncounted_bad, jnode_str(k->r->a, pod->uid));
    if (stored)
        pods_vec_push(&c->untracked, pod);
}

/* A pod that is being deleted without having ended. It counts as failed at once, unless its end is
 * to be waited for; a pod without a node has no end to wait for. */
static void count_dying(struct counting *k, const struct kobj *pod)
{
    struct census *c = k->c;
    bool tracked = job_pod_tracked(pod), placed = pod_of(pod)->node_name.n > 0;
    bool stored = lists(json_get(k->j->uncounted, STR("failed")), pod->uid);
    c->terminating += placed || tracked;
    if (stored || (tracked && (!placed || k->doomed || !job_replaces_ended_only(k->j))))
        count_failure(k, pod);
    if (job_replaces_ended_only(k->j))
        indexes_add(&c->running, job_pod_index(pod));
}

static void count_pod(struct counting *k, const struct kobj *pod)
{
    const struct pod *p = pod_of(pod);
    struct census *c = k->c;
    if (p->phase == POD_SUCCEEDED) {
        count_success(k, pod);
    } else if (p->phase == POD_FAILED) {
        count_failure(k, pod);
    } else if (p->deleting) {
        count_dying(k, pod);
    } else if (!job_pod_tracked(pod)) {
        pods_vec_push(&c->doomed, pod);
    } else {
        pods_vec_push(&c->active, pod);
        c->ready += p->ready;
        indexes_add(&c->running, job_pod_index(pod));
    }
}

/* Uids of the stored list whose pods no longer exist count too: their pods were removed between the
 * two writes. */
static void count_vanished(const struct pods_vec *pods, struct json uids, int64_t *counter)
{
    for (struct json_iter it = json_iter(uids); json_next(&it);) {
        bool present = false;
        for (size_t i = 0; i < pods->n && !present; i++)
            present = str_eq(pods->items[i]->uid, json_str(it.value));
        *counter += !present;
    }
}

/* ---- all ---- */

static bool collect(void *arg, const struct kobj *pod)
{
    pods_vec_push(arg, pod);
    return true;
}

void census_pods(struct reconcile *r, struct pods_vec *out)
{
    struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(r->namespace), STR_ARG(r->name));
    informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], key, collect, out);
}

/* The delay before a replacement doubles with each failure since the last success. */
static void count_row(struct counting *k, const struct pods_vec *pods)
{
    struct wall success = { 0 };
    if (!k->c->last_failure.ns)
        return;
    for (size_t i = 0; i < pods->n; i++) {
        struct wall at = { 0 };
        if (pod_of(pods->items[i])->phase == POD_SUCCEEDED)
            at = ended_at(k->r, pods->items[i]);
        if (at.ns > success.ns)
            success = at;
    }
    for (size_t i = 0; i < pods->n; i++)
        if (pod_of(pods->items[i])->phase == POD_FAILED && slows(pods->items[i]) &&
            ended_at(k->r, pods->items[i]).ns > success.ns)
            k->c->failures_in_a_row++;
}

static void count_all(struct counting *k, const struct pods_vec *all)
{
    struct pods_vec own = { 0 };
    for (size_t i = 0; i < all->n; i++) {
        const struct kobj *pod = all->items[i];
        if (meta_controlled_by(pod, k->o))
            pods_vec_push(&own, pod);
        else if (job_pod_tracked(pod))
            pods_vec_push(&k->c->strays, pod);
    }
    for (size_t i = 0; i < own.n; i++)
        count_pod(k, own.items[i]);
    count_vanished(&own, json_get(k->j->uncounted, STR("succeeded")), &k->c->succeeded);
    count_vanished(&own, json_get(k->j->uncounted, STR("failed")), &k->c->failed);
    count_row(k, &own);
    pods_vec_fini(&own);
}

void census_take(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    int64_t n = j->indexed ? j->completions : 0;
    *c = (struct census){
        .succeeded = j->indexed ? 0 : j->succeeded,
        .failed = j->failed,
        .uncounted_ok = jnode_arr(r->a),
        .uncounted_bad = jnode_arr(r->a),
        .completed = indexes_new(r->a, n),
        .failed_indexes = indexes_new(r->a, n),
        .stored_ok = indexes_new(r->a, n),
        .stored_failed = indexes_new(r->a, n),
        .running = indexes_new(r->a, n),
    };
    indexes_parse(&c->completed, j->completed_indexes);
    indexes_parse(&c->stored_ok, j->completed_indexes);
    indexes_parse(&c->failed_indexes, j->failed_indexes);
    indexes_parse(&c->stored_failed, j->failed_indexes);
    struct counting k = { r, o, j, c, job_doomed(o) };
    struct pods_vec all = { 0 };
    census_pods(r, &all);
    count_all(&k, &all);
    pods_vec_fini(&all);
    if (j->indexed)
        c->succeeded = c->completed.set;
    if (!job_finished(j) && !k.doomed && !kobj_deleting(o))
        keep_carriers(c);
}

void census_fini(struct census *c)
{
    pods_vec_fini(&c->active);
    pods_vec_fini(&c->doomed);
    pods_vec_fini(&c->untracked);
    pods_vec_fini(&c->strays);
    retry_vec_fini(&c->retries);
}
