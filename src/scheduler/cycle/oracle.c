/* SPDX-License-Identifier: Apache-2.0
 * oracle — see oracle.h. */
#include "scheduler/cycle/oracle.h"

#include "scheduler/core/fields.h"
#include "scheduler/core/intake.h"
#include "scheduler/cycle/evaluate.h"
#include "scheduler/preempt/budget.h"
#include "scheduler/preempt/preempt.h"
#include "scheduler/volumes/volumes.h"

VEC_TYPE(spod_vec, struct spod *);

struct replay {
    struct cluster cluster;
    struct shapes shapes;
    struct profile *profile;
    struct spod_vec pods;
    struct sched_keeps keeps;
    struct spod *pod;
    struct arena *a;
    struct buf *diff;
};

/* As the scheduler's caches hold it: what they leave out, no decision may need. */
static struct kobj *
object(struct replay *r, struct json v, const char *api_version, const char *kind)
{
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    if (json_type(v) != JSON_OBJ) {
        buf_printf(r->diff, "a %s is no object; ", kind);
        return NULL;
    }
    struct jnode *root = jnode_thaw(r->a, v);
    jnode_set_str(root, STR("apiVersion"), str_from(api_version));
    jnode_set_str(root, STR("kind"), str_from(kind));
    if (kobj_freeze(&o, root, NULL))
        buf_str(r->diff, STR("a malformed object; "));
    return o ? sched_keeps_cached(&r->keeps, o) : NULL;
}

static void add_nodes(struct replay *r, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        AUTO(kobj_unrefp) struct kobj *o = object(r, it.value, "v1", "Node");
        if (o)
            snapshot_node_set(&r->cluster.snap, o);
    }
}

static void add_namespaces(struct replay *r, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        AUTO(kobj_unrefp) struct kobj *o = object(r, it.value, "v1", "Namespace");
        if (o)
            cluster_namespace_set(&r->cluster, o);
    }
}

static void add_selecting(struct replay *r, struct json root)
{
    static const struct {
        const char *member, *api_version, *kind;
        enum selecting selecting;
    } kinds[] = {
        { "services", "v1", "Service", SELECTING_SERVICE },
        { "replicationControllers", "v1", "ReplicationController", SELECTING_RC },
        { "replicaSets", "apps/v1", "ReplicaSet", SELECTING_RS },
        { "statefulSets", "apps/v1", "StatefulSet", SELECTING_STS },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct json list = json_get(root, str_from(kinds[i].member));
        for (struct json_iter it = json_iter(list); json_next(&it);) {
            AUTO(kobj_unrefp)
            struct kobj *o = object(r, it.value, kinds[i].api_version, kinds[i].kind);
            if (o)
                cluster_selecting_set(&r->cluster, kinds[i].selecting, o);
        }
    }
}

static void add_storage(struct replay *r, struct json root)
{
    static const struct {
        const char *member, *api_version, *kind;
    } kinds[] = {
        { "persistentVolumes", "v1", "PersistentVolume" },
        { "persistentVolumeClaims", "v1", "PersistentVolumeClaim" },
        { "storageClasses", "storage.k8s.io/v1", "StorageClass" },
        { "csiNodes", "storage.k8s.io/v1", "CSINode" },
        { "csiDrivers", "storage.k8s.io/v1", "CSIDriver" },
        { "csiStorageCapacities", "storage.k8s.io/v1", "CSIStorageCapacity" },
        { "volumeAttachments", "storage.k8s.io/v1", "VolumeAttachment" },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct json list = json_get(root, str_from(kinds[i].member));
        for (struct json_iter it = json_iter(list); json_next(&it);) {
            AUTO(kobj_unrefp)
            struct kobj *o = object(r, it.value, kinds[i].api_version, kinds[i].kind);
            if (o)
                volumes_set(r->cluster.snap.volumes, o);
        }
    }
}

static void add_budgets(struct replay *r, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        AUTO(kobj_unrefp)
        struct kobj *o = object(r, it.value, "policy/v1", "PodDisruptionBudget");
        if (o)
            cluster_budget_set(&r->cluster, o);
    }
}

static struct spod *add_pod(struct replay *r, struct json v)
{
    AUTO(kobj_unrefp) struct kobj *o = object(r, v, "v1", "Pod");
    if (!o || pod_finished(pod_of(o)))
        return NULL;
    struct spod *p = spod_new(&r->cluster, &r->shapes, r->profile, o);
    snapshot_pod_enter(&r->cluster.snap, p);
    spod_vec_push(&r->pods, p);
    return p;
}

static void add_placed(struct replay *r, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct spod *p = add_pod(r, it.value);
        if (!p)
            continue;
        struct snode *n = snapshot_node(&r->cluster.snap, p->view->node_name);
        struct placement where;
        if (n) {
            placement_recover(&r->cluster, p, n, &where);
            snapshot_place(&r->cluster.snap, p, &where);
        } else if (p->view->nominated_node.n && !p->view->node_name.n) {
            cluster_nominate(&r->cluster, p,
                             snapshot_node(&r->cluster.snap, p->view->nominated_node));
        }
    }
    snapshot_commit(&r->cluster.snap);
}

static int configure(struct replay *r, struct json list, struct err *err)
{
    r->profile = profile_new(STR("default-scheduler"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        int at = profile_find(r->profile, json_str(json_get(it.value, STR("name"))));
        if (at < 0)
            continue; /* DefaultPreemption and the like */
        if (profile_configure(r->profile, (size_t)at, json_get(it.value, STR("args")), err))
            return -1;
    }
    return 0;
}

static void replay_fini(struct replay *r)
{
    sched_keeps_fini(&r->keeps);
    for (size_t i = 0; i < r->pods.n; i++) {
        struct spod *p = r->pods.items[i];
        cluster_nominate(&r->cluster, p, NULL);
        if (p->node >= 0)
            snapshot_remove(&r->cluster.snap, p);
        snapshot_pod_leave(&r->cluster.snap, p);
        spod_free(&r->shapes, p);
    }
    spod_vec_fini(&r->pods);
    cluster_fini(&r->cluster);
    shapes_fini(&r->shapes);
    profile_free(r->profile);
    arena_free(r->a);
}

/* ---- comparing ---- */

static const char *code_of(enum verdict v)
{
    switch (v) {
    case SCHED_OK:
        return "Success";
    case SCHED_UNSCHEDULABLE:
        return "Unschedulable";
    case SCHED_UNRESOLVABLE:
        return "UnschedulableAndUnresolvable";
    }
    return "";
}

static bool same_reasons(const struct why *why, struct json want)
{
    if (json_len(want) != why->n)
        return false;
    for (struct json_iter it = json_iter(want); json_next(&it);) {
        bool found = false;
        for (size_t i = 0; i < why->n; i++)
            found = found || str_eq(why->text[i], json_str(it.value));
        if (!found)
            return false;
    }
    return true;
}

static void put_why(struct buf *b, const struct why *why)
{
    for (size_t i = 0; i < why->n; i++)
        buf_printf(b, "%s%.*s", i ? ", " : "", STR_ARG(why->text[i]));
}

static const char *plugin_name(const struct replay *r, int index)
{
    return index < 0 ? "none" : r->profile->plugins[index].plugin->name;
}

static bool same_refusal(struct replay *r,
                         struct json want,
                         int plugin,
                         const char *code,
                         const struct why *why)
{
    if (str_is(json_str(json_get(want, STR("plugin"))), plugin_name(r, plugin)) &&
        str_is(json_str(json_get(want, STR("code"))), code) &&
        same_reasons(why, json_get(want, STR("reasons"))))
        return true;
    buf_printf(r->diff, "got %s %s [", plugin_name(r, plugin), code);
    put_why(r->diff, why);
    buf_printf(r->diff, "], want %.*s", STR_ARG(json_text(want)));
    return false;
}

static bool same_scores(struct replay *r, const struct evaluation *e, size_t at, struct json want)
{
    struct json scores = json_get(want, STR("scores"));
    for (size_t i = 0; i < r->profile->n; i++) {
        struct json v = json_get(scores, str_from(plugin_name(r, (int)i)));
        int64_t got = e->scores[i] ? e->scores[i][at] : -1;
        int64_t wanted = json_i64_or(v, -1);
        if (got == wanted)
            continue;
        buf_printf(r->diff, "%s: score %lld, want %lld (-1: absent)", plugin_name(r, (int)i),
                   (long long)got, (long long)wanted);
        return false;
    }
    int64_t total = json_i64_or(json_get(want, STR("total")), -1);
    if (e->totals[at] == total)
        return true;
    buf_printf(r->diff, "total %lld, want %lld", (long long)e->totals[at], (long long)total);
    return false;
}

static bool is_in(struct json list, struct str text)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(json_str(it.value), text))
            return true;
    }
    return false;
}

/* Which volumes its claims would get there. */
static bool same_volumes(struct replay *r, const struct snode *n, struct json want)
{
    struct json binds = json_get(want, STR("bind")), makes = json_get(want, STR("provision"));
    struct str reason;
    size_t got = 0;
    if (!json_has(want))
        return true;
    struct volume_search *s = r->pod->volumes ? volume_search_new(r->pod, r->a, &reason) : NULL;
    const struct volume_choice *list =
        s && !volume_search_fits(s, n) ? volume_search_choices(s, &got) : NULL;
    bool same = got == json_len(binds) + json_len(makes);
    for (size_t i = 0; i < got && same; i++)
        same = list[i].volume.p ? str_eq(json_str(json_get(binds, list[i].claim)), list[i].volume)
                                : is_in(makes, list[i].claim);
    if (!same)
        buf_printf(r->diff, "other volumes, want %.*s", STR_ARG(json_text(want)));
    return same;
}

static bool
same_node(struct replay *r, const struct evaluation *e, struct str name, struct json want)
{
    const struct snode *n = snapshot_node(&r->cluster.snap, name);
    if (!n)
        return false;
    const struct node_answer *got = &e->nodes[n->id];
    buf_printf(r->diff, "node %.*s: ", STR_ARG(name));
    if (!json_bool(json_get(want, STR("ok")), false))
        return same_refusal(r, want, got->plugin, code_of(got->verdict), got->why);
    if (got->verdict != SCHED_OK) {
        buf_printf(r->diff, "refused by %s [", plugin_name(r, got->plugin));
        put_why(r->diff, got->why);
        buf_str(r->diff, STR("], should be feasible"));
        return false;
    }
    for (size_t i = 0; i < e->n_feasible; i++) {
        if (e->feasible[i] == n->id)
            return same_scores(r, e, i, want) && same_volumes(r, n, json_get(want, STR("volumes")));
    }
    return false;
}

static bool same_gates(struct replay *r, struct json want)
{
    struct why why = { 0 };
    if (r->pod->view->n_gates)
        why_add(&why, spod_gates_text(r->a, r->pod->obj));
    if (same_reasons(&why, json_get(want, STR("reasons"))))
        return true;
    buf_printf(r->diff, "gates, want %.*s", STR_ARG(json_text(want)));
    return false;
}

/* ---- preemption ---- */

static void put_victims(struct buf *b, const struct victims *v)
{
    buf_printf(b, "%zu violations, [", v->violations);
    for (size_t i = 0; i < v->n; i++)
        buf_printf(b, "%s%.*s/%.*s", i ? ", " : "", STR_ARG(v->pods[i]->obj->namespace),
                   STR_ARG(v->pods[i]->obj->name));
    buf_char(b, ']');
}

static bool same_victims(struct replay *r, const struct candidate *got, struct json want)
{
    struct json list = json_get(want, STR("victims"));
    bool same =
        json_len(list) == got->victims.n &&
        json_i64_or(json_get(want, STR("pdbViolations")), 0) == (int64_t)got->victims.violations;
    size_t i = 0;
    for (struct json_iter it = json_iter(list); same && json_next(&it);) {
        struct str name = json_str(it.value);
        struct str namespace = str_split(&name, '/');
        const struct kobj *victim = got->victims.pods[i++]->obj;
        same = str_eq(victim->namespace, namespace) && str_eq(victim->name, name);
    }
    if (same)
        return true;
    buf_str(r->diff, STR("victims: "));
    put_victims(r->diff, &got->victims);
    buf_printf(r->diff, ", want %.*s", STR_ARG(json_text(want)));
    return false;
}

static bool same_candidates(struct replay *r, const struct preemption *p, struct json want)
{
    struct json list = json_get(want, STR("candidates")), best = json_get(want, STR("best"));
    if (json_len(list) != p->n) {
        buf_printf(r->diff, "%zu candidates, want %zu", p->n, (size_t)json_len(list));
        return false;
    }
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("node")));
        const struct candidate *got = NULL;
        for (size_t i = 0; i < p->n; i++) {
            if (str_eq(r->cluster.snap.nodes.items[p->candidates[i].node]->name, name))
                got = &p->candidates[i];
        }
        buf_printf(r->diff, "candidate %.*s: ", STR_ARG(name));
        if (!got) {
            buf_str(r->diff, STR("missing"));
            return false;
        }
        if (!same_victims(r, got, it.value))
            return false;
        if (got->is_best != is_in(best, name)) {
            buf_printf(r->diff, "best %d, want %.*s", got->is_best, STR_ARG(json_text(best)));
            return false;
        }
    }
    return true;
}

static bool same_preemption(struct replay *r, const struct evaluation *e, struct json want)
{
    struct preemption p;
    struct json status = json_get(want, STR("status"));
    size_t start = r->diff->n;
    preempt_pod(&r->cluster, &(struct preempt_request){ .pod = r->pod, .answers = e }, r->a, &p);
    if (!same_candidates(r, &p, want))
        return false;
    r->diff->n = start;
    struct str code = json_str(json_get(status, STR("code")));
    struct why why = { 0 };
    if (p.message.n)
        why_add(&why, p.message);
    if (str_is(code, p.chosen ? "Success" : "Unschedulable") &&
        same_reasons(&why, json_get(status, STR("reasons"))))
        return true;
    buf_printf(r->diff, "preemption \"%.*s\", want %.*s", STR_ARG(p.message),
               STR_ARG(json_text(status)));
    return false;
}

static bool compare(struct replay *r, struct json want)
{
    struct json gates = json_get(want, STR("preenqueue"));
    if (json_has(gates) || r->pod->view->n_gates)
        return same_gates(r, gates);
    struct evaluation e;
    evaluate(&r->cluster, r->pod, true, r->a, &e);
    struct json prefilter = json_get(want, STR("prefilter"));
    if (json_has(prefilter) || e.rejected_by >= 0)
        return same_refusal(r, prefilter, e.rejected_by, code_of(SCHED_UNRESOLVABLE),
                            &e.rejected_why);
    size_t start = r->diff->n;
    for (struct json_iter it = json_iter(json_get(want, STR("nodes"))); json_next(&it);) {
        if (!same_node(r, &e, it.key, it.value))
            return false;
        r->diff->n = start;
    }
    struct json preemption = json_get(want, STR("preemption"));
    return !json_has(preemption) || same_preemption(r, &e, preemption);
}

bool oracle_replay(struct json test_case, struct buf *diff)
{
    struct replay r = { .a = arena_new(), .diff = diff };
    struct err err = { 0 };
    bool same = false;
    cluster_init(&r.cluster);
    shapes_init(&r.shapes);
    if (configure(&r, json_get(test_case, STR("pluginConfig")), &err)) {
        buf_str(diff, str_from(err.msg));
    } else {
        add_nodes(&r, json_get(test_case, STR("nodes")));
        add_namespaces(&r, json_get(test_case, STR("namespaces")));
        add_selecting(&r, test_case);
        add_budgets(&r, json_get(test_case, STR("podDisruptionBudgets")));
        add_storage(&r, test_case);
        add_placed(&r, json_get(test_case, STR("pods")));
        r.pod = add_pod(&r, json_get(test_case, STR("pod")));
        if (r.pod)
            same = compare(&r, json_get(test_case, STR("expect")));
    }
    replay_fini(&r);
    return same;
}
