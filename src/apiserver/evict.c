/* SPDX-License-Identifier: Apache-2.0
 * evict — see evict.h. The budget's decrement and the pod's deletion are one transaction. */
#include "apiserver/evict.h"

#include "apiserver/admit.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/decode.h"
#include "apiserver/deletion.h"
#include "apiserver/refuse.h"
#include "apiserver/write.h"
#include "codec/selector.h"
#include "kube/meta.h"

struct budgets {
    const struct kobj *pod, *first; /* borrowed from the snapshot's table */
    size_t n;
};

static bool find_budget(void *arg, const struct kobj *o)
{
    struct budgets *b = arg;
    AUTO(selector_freep) struct selector *s = NULL;
    if (selector_from_json(&s, kobj_path(o, "spec.selector"), NULL) == 0 &&
        selector_matches(s, kobj_meta(b->pod, STR("labels")))) {
        if (b->n++ == 0)
            b->first = o;
    }
    return true;
}

static enum turn refuse_budget(struct action *a, const struct kobj *budget)
{
    (void)budget;
    struct jnode *root = jnode_obj(a->arena);
    const char *text = "Cannot evict pod as it would violate the pod's disruption budget.";
    jnode_set_str(root, STR("kind"), STR("Status"));
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(root, STR("status"), STR("Failure"));
    jnode_set_str(root, STR("message"), str_from(text));
    jnode_set_str(root, STR("reason"), STR("TooManyRequests"));
    struct jnode *details = jnode_set(root, STR("details"), jnode_obj(a->arena));
    struct jnode *causes = jnode_set(details, STR("causes"), jnode_arr(a->arena));
    struct jnode *cause = jnode_append(causes, jnode_obj(a->arena));
    int64_t healthy = json_i64_or(kobj_path(budget, "status.currentHealthy"), 0);
    int64_t want = json_i64_or(kobj_path(budget, "status.desiredHealthy"), 0);
    jnode_set_str(cause, STR("reason"), STR("DisruptionBudget"));
    jnode_set_str(cause, STR("message"),
                  arena_printf(a->arena,
                               "The disruption budget %.*s needs %lld healthy pods and has %lld "
                               "currently",
                               STR_ARG(budget->name), (long long)want, (long long)healthy));
    jnode_set_i64(root, STR("code"), 429);
    struct kobj *o = NULL;
    struct err err = { 0 };
    if (kobj_freeze(&o, root, &err) != 0)
        return refuse_err(a, &err);
    return action_reply(a, 429, o);
}

static void spend_budget(struct action *a, struct store_table *t, const struct kobj *budget)
{
    a->extra_table = t;
    a->extra = jnode_thaw(a->arena, kobj_root(budget));
    struct jnode *status = jnode_need_obj(a->extra, STR("status"));
    int64_t allowed = json_i64_or(kobj_path(budget, "status.disruptionsAllowed"), 0);
    jnode_set_i64(status, STR("disruptionsAllowed"), allowed - 1);
    char now[TIME_TEXT_MAX];
    jnode_set_str(jnode_need_obj(status, STR("disruptedPods")), a->r.name,
                  wall_text(now, api_now(a->s)));
}

/* Pods that do not run yet or any more are nobody's loss. */
static bool ignores_budget(const struct kobj *pod)
{
    struct str phase = json_str(kobj_path(pod, "status.phase"));
    return str_is(phase, "Succeeded") || str_is(phase, "Failed") || str_is(phase, "Pending") ||
           kobj_deleting(pod);
}

static enum turn check_budgets(struct action *a)
{
    if (ignores_budget(a->old))
        return TURN_GO;
    struct store_table *t = store_table(a->s->store, STR("policy"), STR("poddisruptionbudgets"));
    struct budgets b = { .pod = a->old };
    AUTO(store_snapshot_unrefp) struct store_snapshot *now = store_snapshot_pending(t);
    store_snapshot_walk(now, &(struct store_range){ .namespace = a->r.namespace }, find_budget, &b);
    if (b.n == 0)
        return TURN_GO;
    if (b.n > 1)
        return refuse_internal(a, "This pod has more than one PodDisruptionBudget, which the "
                                  "eviction subresource does not support.");
    if (json_i64_or(kobj_path(b.first, "status.disruptionsAllowed"), 0) <= 0)
        return refuse_budget(a, b.first);
    kobj_unref(a->extra_old);
    a->extra_old = kobj_ref(b.first); /* the tree below borrows from it */
    spend_budget(a, t, b.first);
    return TURN_GO;
}

static enum turn decode_eviction(struct action *a)
{
    struct str version = json_str(json_get(a->r.body, STR("apiVersion")));
    if (json_type(a->r.body) != JSON_OBJ)
        return refuse_bad_request(a, "the body of an eviction must be an Eviction");
    (void)version; /* policy/v1 and v1beta1 are the same here */
    struct str name = json_str(json_path(a->r.body, "metadata.name"));
    if (name.n > 0 && !str_eq(name, a->r.name))
        return refuse_bad_request(a, "name in URL does not match name in Eviction object");
    a->r.body = json_get(a->r.body, STR("deleteOptions"));
    return deletion_options(a);
}

static enum turn prepare(struct action *a)
{
    if (!deletion_prepare(a))
        return action_success(a, 201, NULL);
    struct condition_spec spec = {
        .type = "DisruptionTarget",
        .status = "True",
        .reason = STR("EvictionByEvictionAPI"),
        .message = STR("Eviction API: evicting"),
    };
    struct jnode *list = jnode_need_arr(jnode_need_obj(a->obj, STR("status")), STR("conditions"));
    meta_set_condition(a->arena, list, &spec, api_now(a->s));
    return TURN_GO;
}

static enum turn reply(struct action *a)
{
    return action_success(a, 201, NULL);
}

const action_step_fn evict_steps[] = {
    authz_check, decode_eviction, write_load_old, check_budgets, prepare, write_commit, reply, NULL,
};
