/* SPDX-License-Identifier: Apache-2.0
 * deployment — rolls a set of pods from one template to the next (apps/v1 Deployment). Each
 * template has a ReplicaSet of its own, named after a hash of the template. */
#include "kube/deployment.h"

#include <stdlib.h>

#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/deployment/rollout.h"
#include "controllers/pods.h"
#include "kube/meta.h"
#include "kube/replicaset.h"

#define DEPLOYMENTS GVR("apps", "v1", "deployments")
#define REPLICASETS GVR("apps", "v1", "replicasets")
#define REVISION_KEY "deployment.kubernetes.io/revision"
#define DESIRED_KEY "deployment.kubernetes.io/desired-replicas"
#define MAX_KEY "deployment.kubernetes.io/max-replicas"
#define HASH_KEY "pod-template-hash"

enum { WATCH_DEPLOYMENTS, WATCH_SETS };

struct view { /* one Deployment in one pass */
    struct reconcile *r;
    const struct kobj *o;
    const struct deployment *d;
    const struct kobj *new_set; /* NULL: not made yet */
    struct pods_vec old;        /* other ReplicaSets, oldest first */
    int64_t revision;           /* the newest of all sets */
    bool wrote;                 /* the Deployment itself: its next event brings us back */
};

static void set_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    pods_owner_keys(keys, before, after, "Deployment");
}

/* ---- which set is the current template's ---- */

static struct jnode *template_without_hash(struct arena *a, struct json template)
{
    struct jnode *t = jnode_thaw(a, template);
    struct jnode *labels = jnode_path(t, "metadata.labels");
    if (labels)
        jnode_del(labels, STR(HASH_KEY));
    return t;
}

static bool same_template(struct arena *a, struct json x, struct json y)
{
    return jnode_eq(template_without_hash(a, x), template_without_hash(a, y));
}

static int64_t revision_of(const struct kobj *set)
{
    int64_t n;
    return str_to_i64(kobj_annotation(set, STR(REVISION_KEY)), &n) ? n : 0;
}

static int older_first(const void *x, const void *y)
{
    const struct kobj *a = *(const struct kobj *const *)x, *b = *(const struct kobj *const *)y;
    int64_t ta = kobj_created(a).ns, tb = kobj_created(b).ns;
    return ta != tb ? (ta < tb ? -1 : 1) : str_cmp(a->name, b->name);
}

static void view_take(struct view *v)
{
    struct pods_vec sets = { 0 };
    pods_of_owner(v->r, WATCH_SETS, v->o, &sets);
    if (sets.n)
        qsort(sets.items, sets.n, sizeof sets.items[0], older_first);
    for (size_t i = 0; i < sets.n; i++) {
        const struct kobj *s = sets.items[i];
        v->revision = num_max_i64(v->revision, revision_of(s));
        if (!v->new_set && same_template(v->r->a, replicaset_of(s)->template, v->d->template))
            v->new_set = s;
        else
            pods_vec_push(&v->old, s);
    }
    pods_vec_fini(&sets);
}

/* ---- sizes ---- */

static int64_t max_surge(const struct deployment *d)
{
    return d->recreate ? 0 : deployment_share(d->max_surge, d->replicas, true, 1);
}

static int64_t max_unavailable(const struct deployment *d)
{
    int64_t n = deployment_share(d->max_unavailable, d->replicas, false, 0);
    if (d->recreate)
        return d->replicas;
    return n == 0 && max_surge(d) == 0 ? 1 : num_min_i64(n, d->replicas);
}

static bool old_pods_remain(const struct view *v)
{
    for (size_t i = 0; i < v->old.n; i++)
        if (replicaset_of(v->old.items[i])->status_replicas > 0)
            return true;
    return false;
}

static void plan_sizes(const struct view *v, struct rollout *plan)
{
    const struct replicaset *n = v->new_set ? replicaset_of(v->new_set) : NULL;
    *plan = (struct rollout){
        .replicas = v->d->replicas,
        .max_surge = max_surge(v->d),
        .max_unavailable = max_unavailable(v->d),
        .new_set = { n ? n->replicas : 0, n ? n->available : 0 },
        .old = ARENA_ARRAY(v->r->a, struct rollout_set, v->old.n),
        .n_old = v->old.n,
    };
    for (size_t i = 0; i < v->old.n; i++) {
        const struct replicaset *s = replicaset_of(v->old.items[i]);
        plan->old[i] = (struct rollout_set){ s->replicas, s->available };
    }
    if (v->d->paused) {
        if (!v->old.n)
            plan->new_set.want = plan->replicas;
    } else if (v->d->recreate) {
        for (size_t i = 0; i < v->old.n; i++)
            plan->old[i].want = 0;
        plan->new_set.want = old_pods_remain(v) ? plan->new_set.want : plan->replicas;
    } else {
        rollout_step(plan);
    }
}

/* ---- writes ---- */

static void annotate_sizes(struct view *v, struct jnode *set)
{
    struct arena *a = v->r->a;
    int64_t n = v->d->replicas;
    meta_set_annotation(set, STR(DESIRED_KEY), arena_printf(a, "%lld", (long long)n));
    meta_set_annotation(set, STR(MAX_KEY),
                        arena_printf(a, "%lld", (long long)(n + max_surge(v->d))));
}

static struct str template_hash(struct view *v)
{
    static const char digits[] = "bcdfghjklmnpqrstvwxz2456789";
    uint64_t h = str_hash(json_text(v->d->template), 0) + (uint64_t)v->d->collision_count;
    char text[10];
    for (size_t i = 0; i < sizeof text; i++, h /= 27)
        text[i] = digits[h % 27];
    return arena_str(v->r->a, str_make(text, sizeof text));
}

static void create_set(struct view *v, int64_t replicas)
{
    struct arena *a = v->r->a;
    struct str hash = template_hash(v);
    struct str name = arena_printf(a, "%.*s-%.*s", STR_ARG(v->o->name), STR_ARG(hash));
    struct jnode *set = meta_object(a, "apps/v1", "ReplicaSet", v->o->namespace, name);
    struct json labels = json_path(v->d->template, "metadata.labels");
    for (struct json_iter it = json_iter(labels); json_next(&it);)
        meta_set_label(set, it.key, json_str(it.value));
    meta_set_label(set, STR(HASH_KEY), hash);
    meta_set_annotation(set, STR(REVISION_KEY),
                        arena_printf(a, "%lld", (long long)(v->revision + 1)));
    annotate_sizes(v, set);
    meta_add_owner(a, set, v->o, true);
    struct jnode *spec = jnode_need_obj(set, STR("spec"));
    jnode_set_i64(spec, STR("replicas"), replicas);
    if (v->d->min_ready_s)
        jnode_set_i64(spec, STR("minReadySeconds"), v->d->min_ready_s);
    struct jnode *selector = jnode_set(spec, STR("selector"), jnode_thaw(a, v->d->selector));
    jnode_set_str(jnode_need_obj(selector, STR("matchLabels")), STR(HASH_KEY), hash);
    struct jnode *template = jnode_set(spec, STR("template"), jnode_thaw(a, v->d->template));
    jnode_set_str(jnode_need_obj(jnode_need_obj(template, STR("metadata")), STR("labels")),
                  STR(HASH_KEY), hash);
    reconcile_create(v->r, REPLICASETS, set);
    reconcile_event(v->r, v->o, "ScalingReplicaSet", "Scaled up replica set %.*s from 0 to %lld",
                    STR_ARG(name), (long long)replicas);
}

static void resize_set(struct view *v, const struct kobj *set, int64_t want)
{
    int64_t have = replicaset_of(set)->replicas;
    if (have == want)
        return;
    struct jnode *patch = jnode_obj(v->r->a);
    jnode_set_i64(jnode_need_obj(patch, STR("spec")), STR("replicas"), want);
    annotate_sizes(v, patch);
    reconcile_patch(v->r, REPLICASETS, set, patch, true);
    reconcile_event(v->r, v->o, "ScalingReplicaSet", "Scaled %s replica set %.*s from %lld to %lld",
                    want > have ? "up" : "down", STR_ARG(set->name), (long long)have,
                    (long long)want);
}

/* A rollback makes an old set the new one: it gets the next revision. */
static void raise_revision(struct view *v)
{
    for (size_t i = 0; i < v->old.n; i++) {
        if (revision_of(v->old.items[i]) <= revision_of(v->new_set))
            continue;
        struct jnode *patch = jnode_obj(v->r->a);
        meta_set_annotation(patch, STR(REVISION_KEY),
                            arena_printf(v->r->a, "%lld", (long long)(v->revision + 1)));
        reconcile_patch(v->r, REPLICASETS, v->new_set, patch, false);
        return;
    }
}

static void mark_revision(struct view *v)
{
    struct str want = kobj_annotation(v->new_set, STR(REVISION_KEY));
    if (!want.n || str_eq(want, kobj_annotation(v->o, STR(REVISION_KEY))))
        return;
    struct jnode *patch = jnode_obj(v->r->a);
    meta_set_annotation(patch, STR(REVISION_KEY), want);
    reconcile_patch(v->r, DEPLOYMENTS, v->o, patch, false);
    v->wrote = true;
}

static void clean_history(struct view *v)
{
    int64_t keep = v->d->has_revision_history ? v->d->revision_history : 10;
    int64_t extra = (int64_t)v->old.n - keep;
    for (size_t i = 0; i < v->old.n && extra > 0; i++) {
        const struct replicaset *s = replicaset_of(v->old.items[i]);
        if (s->replicas || s->status_replicas || kobj_deleting(v->old.items[i]))
            continue;
        reconcile_delete(v->r, REPLICASETS, v->old.items[i], (struct str){ 0 });
        extra--;
    }
}

/* ---- status ---- */

struct totals {
    int64_t replicas, updated, ready, available;
};

static void add_set(struct totals *t, const struct kobj *set)
{
    const struct replicaset *s = replicaset_of(set);
    t->replicas += s->status_replicas;
    t->ready += s->ready;
    t->available += s->available;
}

static void set_count(struct jnode *status, const char *key, int64_t n)
{
    if (n)
        jnode_set_i64(status, str_from(key), n);
}

static void available_condition(struct view *v, struct jnode *conditions, const struct totals *t)
{
    bool ok = t->available >= v->d->replicas - max_unavailable(v->d);
    struct condition_spec spec = {
        .type = "Available",
        .status = ok ? "True" : "False",
        .reason = ok ? STR("MinimumReplicasAvailable") : STR("MinimumReplicasUnavailable"),
        .message = ok ? STR("Deployment has minimum availability.")
                      : STR("Deployment does not have minimum availability."),
    };
    meta_set_condition(v->r->a, conditions, &spec, v->r->now);
}

static struct wall progressed_at(struct view *v, const struct totals *t)
{
    struct json c = condition_find(kobj_root(v->o), STR("Progressing"));
    struct wall at = v->r->now;
    bool moved = t->updated != v->d->updated || t->available != v->d->available ||
                 t->replicas != v->d->status_replicas;
    if (!moved)
        wall_parse(json_str(json_get(c, STR("lastUpdateTime"))), &at);
    return at;
}

/* Deployment conditions also say when they were last looked at; of Progressing it is the start of
 * the deadline. */
static void stamp_updates(struct jnode *conditions, struct wall progressed, struct wall now)
{
    char text[TIME_TEXT_MAX];
    for (size_t i = 0; i < jnode_len(conditions); i++) {
        struct jnode *c = jnode_at(conditions, i);
        if (str_is(jnode_text_of_str(jnode_get(c, STR("type"))), "Progressing"))
            jnode_set_str(c, STR("lastUpdateTime"), wall_text(text, progressed));
        else if (!jnode_get(c, STR("lastUpdateTime")))
            jnode_set_str(c, STR("lastUpdateTime"), wall_text(text, now));
    }
}

static void progress_condition(struct view *v, struct jnode *conditions, const struct totals *t)
{
    bool done =
        t->updated >= v->d->replicas && t->available >= v->d->replicas && t->replicas == t->updated;
    int64_t deadline = v->d->has_progress_deadline_s ? v->d->progress_deadline_s : 600;
    struct wall since = progressed_at(v, t), due = { since.ns + deadline * NS_PER_S };
    bool late = !done && !v->d->paused && due.ns <= v->r->now.ns;
    struct str set = v->new_set ? v->new_set->name : v->o->name;
    const char *what = done   ? "has successfully progressed."
                       : late ? "has timed out progressing."
                              : "is progressing.";
    struct condition_spec spec = {
        .type = "Progressing",
        .status = late ? "False" : "True",
        .reason = done   ? STR("NewReplicaSetAvailable")
                  : late ? STR("ProgressDeadlineExceeded")
                         : STR("ReplicaSetUpdated"),
        .message = arena_printf(v->r->a, "ReplicaSet \"%.*s\" %s", STR_ARG(set), what),
    };
    meta_set_condition(v->r->a, conditions, &spec, v->r->now);
    stamp_updates(conditions, since, v->r->now);
    if (!done && !late && !v->d->paused)
        reconcile_again_at(v->r, due);
}

static void put_status(struct view *v)
{
    struct totals t = { 0 };
    for (size_t i = 0; i < v->old.n; i++)
        add_set(&t, v->old.items[i]);
    if (v->new_set) {
        add_set(&t, v->new_set);
        t.updated = replicaset_of(v->new_set)->status_replicas;
    }
    struct jnode *status = jnode_obj(v->r->a);
    jnode_set_i64(status, STR("observedGeneration"), v->d->generation);
    set_count(status, "replicas", t.replicas);
    set_count(status, "updatedReplicas", t.updated);
    set_count(status, "readyReplicas", t.ready);
    set_count(status, "availableReplicas", t.available);
    set_count(status, "unavailableReplicas", num_max_i64(v->d->replicas - t.available, 0));
    set_count(status, "collisionCount", v->d->collision_count);
    struct json stored = kobj_path(v->o, "status.conditions");
    struct jnode *conditions =
        jnode_set(status, STR("conditions"),
                  json_has(stored) ? jnode_thaw(v->r->a, stored) : jnode_arr(v->r->a));
    available_condition(v, conditions, &t);
    progress_condition(v, conditions, &t);
    pods_put_status(v->r, DEPLOYMENTS, v->o, status);
}

static void roll(struct view *v)
{
    struct rollout plan;
    plan_sizes(v, &plan);
    if (!v->new_set && !v->d->paused)
        create_set(v, plan.new_set.want);
    if (v->new_set) {
        resize_set(v, v->new_set, plan.new_set.want);
        raise_revision(v);
        mark_revision(v);
    }
    for (size_t i = 0; i < v->old.n; i++)
        resize_set(v, v->old.items[i], plan.old[i].want);
    clean_history(v);
}

static int reconcile_deployment(struct reconcile *r, struct err *err)
{
    (void)err;
    struct view v = { .r = r };
    v.o = informer_find(r->caches[WATCH_DEPLOYMENTS], r->namespace, r->name);
    if (!v.o)
        return 0;
    v.d = deployment_of(v.o);
    view_take(&v);
    if (!kobj_deleting(v.o))
        roll(&v);
    if (!v.wrote) /* two writes of one object in one pass would be refused */
        put_status(&v);
    pods_vec_fini(&v.old);
    return 0;
}

const struct controller deployment_controller = {
    .name = "deployment",
    .help = "rolls a Deployment's pods from one template to the next",
    .watches = { [WATCH_DEPLOYMENTS] = { .resource = { STR_INIT("apps"), STR_INIT("v1"),
                                                       STR_INIT("deployments") } },
                 [WATCH_SETS] = { .resource = { STR_INIT("apps"), STR_INIT("v1"),
                                                STR_INIT("replicasets") },
                                  .keys = set_keys,
                                  .index = informer_key_owner } },
    .reconcile = reconcile_deployment,
};
