/* SPDX-License-Identifier: Apache-2.0
 * core_pods — what happens to the core when pods come, change and go. */
#include <assert.h>

#include "scheduler/core/core_internal.h"
#include "scheduler/devices/gpu_sense.h"
#include "scheduler/preempt/victim.h"
#include "scheduler/state/relations.h"

/* ---- leaving ---- */

void core_orphan(struct sched_core *s, struct spod *p)
{
    p->away = true;
    spod_ptrs_push(&s->orphans, p); /* until the pod is gone or the node back */
    if (p->gang)
        gang_count_away(p, 1);
}

void core_adopt(struct spod *p)
{
    if (p->gang)
        gang_count_away(p, -1);
    p->away = false;
}

static void forget_orphan(struct sched_core *s, const struct spod *p)
{
    for (size_t i = 0; i < s->orphans.n; i++) {
        if (s->orphans.items[i] != p)
            continue;
        s->orphans.items[i] = s->orphans.items[--s->orphans.n];
        return;
    }
}

void core_drop_pod(struct sched_core *s, struct spod *p)
{
    struct gang *g = p->gang && p->gang->n_members > 1 ? p->gang : NULL;
    core_leave_gang(s, p);
    cluster_nominate(&s->cluster, p, NULL);
    if (p->node >= 0)
        snapshot_remove(&s->cluster.snap, p);
    forget_orphan(s, p);
    s->n_stuck -= p->stuck;
    snapshot_commit(&s->cluster.snap);
    core_quota_leave(s, p, g);
    snapshot_pod_leave(&s->cluster.snap, p);
    named_del(&s->pods, p->obj->namespace, p->obj->name);
    spod_free(&s->shapes, p);
}

static void pod_gone(struct sched_core *s, struct spod *p, struct mono now)
{
    int64_t node = p->node;
    struct gang *g = p->gang;
    bool survives = g && g->n_members > 1, frees_claims = p->volumes && node >= 0;
    core_drop_pod(s, p);
    if (survives)
        core_gang_changed(s, g, now);
    if (node >= 0)
        core_wake(s, WAKE_POD_GONE, node, now);
    if (frees_claims) /* a claim for one pod may be wanted elsewhere */
        core_wake(s, WAKE_STORAGE, -1, now);
}

void core_pod_del(struct sched_core *s, struct str namespace, struct str name, struct mono now)
{
    struct spod *p = core_pod(s, namespace, name);
    core_ended_drop(s, namespace, name, now);
    if (p)
        pod_gone(s, p, now);
}

/* ---- coming ---- */

struct spod *core_pod(const struct sched_core *s, struct str namespace, struct str name)
{
    return named_get(&s->pods, namespace, name);
}

void core_place_bound(struct sched_core *s, struct spod *p, struct snode *n)
{
    struct placement where;
    placement_recover(&s->cluster, p, n, &where);
    snapshot_place(&s->cluster.snap, p, &where);
    snapshot_commit(&s->cluster.snap);
    if (p->gang)
        gang_count_placed(p, 1);
}

static void pod_came(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    const struct pod *view = pod_of(obj);
    bool bound = view->node_name.n > 0;
    const struct profile *profile = core_profile(s, view->scheduler_name);
    if (!profile && !bound)
        return; /* another scheduler's */
    struct snode *n = bound ? snapshot_node(&s->cluster.snap, view->node_name) : NULL;
    struct spod *p = (n ? spod_new_running : spod_new)(
        &s->cluster, &s->shapes, profile ? profile : s->profiles.items[0], obj);
    snapshot_pod_enter(&s->cluster.snap, p);
    gpu_sense_arrived(s->cluster.gpus, p->shape);
    named_put(&s->pods, p);
    if (profile)
        core_join_gang(s, p);
    if (bound) {
        if (n)
            core_place_bound(s, p, n);
        else
            core_orphan(s, p);
    } else if (view->nominated_node.n) {
        cluster_nominate(&s->cluster, p, snapshot_node(&s->cluster.snap, view->nominated_node));
        p->resumes = true;
    }
    if (!bound) {
        s->now = now;
        core_reserved_take(s, p);
    }
    if (p->gang)
        core_gang_changed(s, p->gang, now);
    if (!bound)
        return;
    core_dissolve(s, p);
    core_wake(s, WAKE_POD_PLACED, -1, now);
}

/* ---- changing ---- */

static bool same_demands(const struct spod *p, const struct pod *view)
{
    const struct amounts *a = &p->view->requests, *b = &view->requests;
    if (a->n != b->n || p->nz_cpu != view->nonzero_cpu_milli ||
        p->nz_mem != view->nonzero_mem_bytes)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!str_eq(a->items[i].name, b->items[i].name) || a->items[i].value != b->items[i].value)
            return false;
    }
    return true;
}

static bool same_text(struct json a, struct json b)
{
    return str_eq(json_text(a), json_text(b));
}

static bool same_member(struct json a, struct json b, struct str key)
{
    return same_text(json_get(a, key), json_get(b, key));
}

/* Nothing that decides about the pod changed: status, conditions and the like. */
static bool is_same_for_us(const struct spod *p, const struct kobj *obj)
{
    const struct pod *view = pod_of(obj), *old = p->view;
    struct json spec = kobj_path(obj, "spec"), old_spec = kobj_path(p->obj, "spec");
    struct json status = kobj_path(obj, "status"), old_status = kobj_path(p->obj, "status");
    return same_demands(p, view) && view->n_gates == old->n_gates &&
           view->priority == old->priority && gang_claim_same(view->gang, old->gang) &&
           same_text(view->labels, old->labels) &&
           same_text(view->node_selector, old->node_selector) &&
           same_member(spec, old_spec, STR("affinity")) &&
           same_member(spec, old_spec, STR("tolerations")) &&
           same_member(status, old_status, STR("resourceClaimStatuses")) &&
           same_member(status, old_status, STR("extendedResourceClaimStatus"));
}

/* The newest object takes the place of the old one; texts move over, nothing else does. */
static void renew(struct sched_core *s, struct spod *p, const struct kobj *obj)
{
    bool told = p->view->phase != pod_of(obj)->phase;
    bool begins_to_leave = p->gang && p->node >= 0 && pod_of(obj)->deleting && !p->view->deleting;
    struct kobj *old = p->obj;
    struct labelset labels = p->labels;
    struct relations *relations = p->relations;
    struct snapshot *snap = &s->cluster.snap;
    snapshot_relabel(snap, p, -1);
    p->obj = kobj_ref(obj);
    p->view = pod_of(p->obj);
    p->labels = labelset_decode(p->view->labels);
    p->relations = relations_get(snap->relations, p->obj, &p->labels);
    snapshot_relabel(snap, p, 1);
    snapshot_commit(snap);
    victim_read_wishes(p);
    labelset_fini(&labels);
    relations_put(snap->relations, snap->tallies, relations);
    kobj_unref(old);
    if (begins_to_leave)
        gang_count_leaving(p);
    if (told && p->gang)
        core_touch(s, p->gang);
}

/* The API says for which node the pod waits; room that we hold for it is as good. */
static void follow_nomination(struct sched_core *s, struct spod *p)
{
    if (p->node != SCHED_NO_NODE || p->held_by || p->nomination_over)
        return;
    struct str name = p->view->nominated_node;
    if (name.n && p->gang)
        queue_part(&s->queue, p->gang);
    cluster_nominate(&s->cluster, p, name.n ? snapshot_node(&s->cluster.snap, name) : NULL);
}

/* Nothing that moves it changed; it may have begun to leave. */
static void refresh(struct sched_core *s, struct spod *p, const struct kobj *obj, struct mono now)
{
    bool leaves = pod_of(obj)->deleting && !p->view->deleting;
    if (!str_eq(pod_of(obj)->nominated_node, p->view->nominated_node))
        p->nomination_over = p->nomination_cleared = p->resumes = false;
    renew(s, p, obj);
    follow_nomination(s, p);
    if (!leaves || p->node == SCHED_NO_NODE)
        return;
    snapshot_touch(&s->cluster.snap, (uint32_t)p->node); /* spreading counts it no more */
    snapshot_commit(&s->cluster.snap);
    core_wake(s, WAKE_POD_GONE, p->node, now);
}

/* We placed it, and now the API says where it is. */
static void confirm(struct sched_core *s, struct spod *p, const struct kobj *obj, struct mono now)
{
    struct snode *n = snapshot_node(&s->cluster.snap, pod_of(obj)->node_name);
    if (p->node >= 0 && n && n->id == p->node && is_same_for_us(p, obj)) {
        gang_assume(p, false);
        refresh(s, p, obj, now);
        if (p->gang)
            core_start_look(s, p->gang, now);
        core_dissolve(s, p);
        if (core_claim_moved(s, p))
            core_pod_anew(s, p, now);
        return;
    }
    pod_gone(s, p, now); /* somebody else bound it elsewhere */
    pod_came(s, obj, now);
}

void core_pod_set(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    struct spod *p = core_pod(s, obj->namespace, obj->name);
    const struct pod *view = pod_of(obj);
    if (p && !str_eq(p->obj->uid, obj->uid)) {
        pod_gone(s, p, now);
        p = NULL;
    }
    if (pod_finished(view) || (view->deleting && !view->node_name.n)) {
        if (pod_finished(view))
            core_ended_add(s, obj, now); /* before the last member goes, and its gang with it */
        if (p && view->phase == POD_SUCCEEDED)
            core_backfill_ended(s, p, now);
        if (p)
            pod_gone(s, p, now);
        return;
    }
    if (!p)
        core_ended_drop(s, obj->namespace, obj->name, now);
    if (!p) {
        pod_came(s, obj, now);
    } else if (view->node_name.n && (p->assumed || !p->view->node_name.n)) {
        confirm(s, p, obj, now);
    } else if (is_same_for_us(p, obj)) {
        refresh(s, p, obj, now);
    } else if (p->assumed) {
        renew(s, p, obj); /* being bound: its node decides, not what it says now */
        snapshot_touch(&s->cluster.snap, (uint32_t)p->node);
        snapshot_commit(&s->cluster.snap);
    } else {
        pod_gone(s, p, now);
        pod_came(s, obj, now);
    }
}

void core_pod_anew(struct sched_core *s, struct spod *p, struct mono now)
{
    AUTO(kobj_unrefp) struct kobj *obj = kobj_ref(p->obj);
    pod_gone(s, p, now);
    pod_came(s, obj, now);
}

void core_forget(struct sched_core *s, const struct pod_id *pods, size_t n, struct mono now)
{
    for (size_t i = 0; i < n; i++) {
        struct spod *p = core_pod(s, pods[i].namespace, pods[i].name);
        if (!p || !p->assumed || !str_eq(p->obj->uid, pods[i].uid))
            continue;
        int64_t node = p->node;
        gang_assume(p, false);
        p->begun_ns = p->ends_ns = 0;
        if (node >= 0) {
            snapshot_remove(&s->cluster.snap, p);
            snapshot_commit(&s->cluster.snap);
            gang_count_placed(p, -1);
            core_wake(s, WAKE_POD_GONE, node, now);
            if (p->volumes)
                core_wake(s, WAKE_STORAGE, -1, now);
        }
        struct gang *g = p->gang;
        g->attempts++;
        core_places_lose(s, g);
        core_start_look(s, g, now);
        queue_delay(&s->queue, g, (struct mono){ now.ns + QUEUE_BACKOFF_MIN_NS });
    }
}
