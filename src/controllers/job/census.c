/* SPDX-License-Identifier: Apache-2.0
 * census — counts the pods of a Job so that each end counts exactly once, also when pods vanish or
 * the controller dies in between (KEP-2307, Job tracking without lingering pods):
 *
 *   pod ends, has the finalizer ─► its uid enters status.uncountedTerminatedPods
 *   uid is in the stored status ─► the finalizer is removed from the pod
 *   finalizer is gone           ─► the uid leaves the list and the counter grows, in one write */
#include "controllers/job/job_internal.h"
#include "kube/pod.h"

int64_t job_pod_index(const struct kobj *pod)
{
    int64_t i;
    struct str text = kobj_annotation(pod, STR(JOB_INDEX_KEY));
    return str_to_i64(text, &i) ? i : -1;
}

bool job_pod_tracked(const struct kobj *pod)
{
    for (struct json_iter it = json_iter(kobj_path(pod, "metadata.finalizers")); json_next(&it);)
        if (str_is(json_str(it.value), JOB_FINALIZER))
            return true;
    return false;
}

static bool lists(struct json uids, struct str uid)
{
    for (struct json_iter it = json_iter(uids); json_next(&it);)
        if (str_eq(json_str(it.value), uid))
            return true;
    return false;
}

static struct wall ended_at(struct reconcile *r, const struct kobj *pod)
{
    struct wall newest = { 0 };
    struct container_statuses list =
        container_statuses_decode(r->a, kobj_path(pod, "status.containerStatuses"));
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].finished_at.ns > newest.ns)
            newest = list.items[i].finished_at;
    return newest.ns ? newest : r->now;
}

static void
note_failure(struct reconcile *r, const struct job *j, const struct kobj *pod, struct census *c)
{
    struct str why = { 0 };
    switch (job_failure_action(r, j, pod, &why)) {
    case FAILURE_COUNT:
        break;
    case FAILURE_IGNORE:
        c->ignored++;
        return;
    case FAILURE_FAIL_JOB:
        c->fail_rule = why;
        break;
    case FAILURE_FAIL_INDEX:
        indexes_add(&c->failed_indexes, job_pod_index(pod));
        break;
    }
    struct wall at = ended_at(r, pod);
    if (at.ns > c->last_failure.ns)
        c->last_failure = at;
}

/* A pod that ended, or that is being deleted without having ended (counts as failed). */
static void
count_ended(struct reconcile *r, const struct job *j, const struct kobj *pod, struct census *c)
{
    bool ok = pod_of(pod)->phase == POD_SUCCEEDED;
    struct json stored = json_get(j->uncounted, ok ? STR("succeeded") : STR("failed"));
    bool is_stored = lists(stored, pod->uid), tracked = job_pod_tracked(pod);
    if (!ok)
        note_failure(r, j, pod, c);
    if (!tracked && !is_stored)
        return; /* counted in an earlier pass */
    if (ok && j->indexed)
        indexes_add(&c->completed, job_pod_index(pod));
    if (ok)
        c->succeeded++;
    else
        c->failed++;
    if (!tracked)
        return; /* it leaves the list with this pass's status */
    jnode_append(ok ? c->uncounted_ok : c->uncounted_bad, jnode_str(r->a, pod->uid));
    if (is_stored)
        pods_vec_push(&c->untracked, pod);
}

static void
count_pod(struct reconcile *r, const struct job *j, const struct kobj *pod, struct census *c)
{
    const struct pod *p = pod_of(pod);
    if (pod_finished(p)) {
        count_ended(r, j, pod, c);
    } else if (p->deleting) {
        c->terminating++;
        if (job_pod_tracked(pod))
            count_ended(r, j, pod, c);
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

struct collect {
    struct pods_vec *out;
    struct str uid;
};

static bool collect_owned(void *arg, const struct kobj *pod)
{
    struct collect *c = arg;
    if (str_eq(json_str(json_get(kobj_controller(pod), STR("uid"))), c->uid))
        pods_vec_push(c->out, pod);
    return true;
}

void census_pods(struct reconcile *r, const struct kobj *o, struct pods_vec *out)
{
    struct collect c = { out, o->uid };
    struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(o->namespace), STR_ARG(o->name));
    informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], key, collect_owned, &c);
}

void census_take(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct job *j = job_of(o);
    int64_t n = j->indexed ? j->completions : 0;
    *c = (struct census){
        .succeeded = j->succeeded,
        .failed = j->failed,
        .uncounted_ok = jnode_arr(r->a),
        .uncounted_bad = jnode_arr(r->a),
        .completed = indexes_new(r->a, n),
        .failed_indexes = indexes_new(r->a, n),
        .running = indexes_new(r->a, n),
    };
    indexes_parse(&c->completed, j->completed_indexes);
    indexes_parse(&c->failed_indexes, j->failed_indexes);
    struct pods_vec pods = { 0 };
    census_pods(r, o, &pods);
    for (size_t i = 0; i < pods.n; i++)
        count_pod(r, j, pods.items[i], c);
    count_vanished(&pods, json_get(j->uncounted, STR("succeeded")), &c->succeeded);
    count_vanished(&pods, json_get(j->uncounted, STR("failed")), &c->failed);
    pods_vec_fini(&pods);
}

void census_fini(struct census *c)
{
    pods_vec_fini(&c->active);
    pods_vec_fini(&c->untracked);
}
