/* SPDX-License-Identifier: Apache-2.0
 * dynamic_resources — ResourceClaims (resource.k8s.io/v1): a node passes when all claims of the pod
 * can have their devices there (scheduler/claims/dra.h). What they then take is written when the
 * pod is placed, inside the gang's transaction, and lands in the API with the Binding. Pure. */
#include "scheduler/claims/dra_score.h"
#include "scheduler/framework.h"
#include "scheduler/plugins.h"

struct dra_args {
    int64_t binding_timeout_ns;
};

static int dra_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    struct dra_args *out = args;
    struct str text = json_str(json_get(in, STR("bindingTimeout")));
    (void)a;
    out->binding_timeout_ns = DRA_BINDING_TIMEOUT_NS;
    if (!text.n)
        return 0;
    if (duration_parse(text, &out->binding_timeout_ns) && out->binding_timeout_ns >= NS_PER_S)
        return 0;
    return err_set(err, ERR_INVALID, "bindingTimeout: must be a duration of a second at least");
}

int64_t dynamic_resources_timeout_ns(const void *args)
{
    return ((const struct dra_args *)args)->binding_timeout_ns;
}

static enum prepare dra_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    struct str reason = { 0 };
    const struct dra_claims *claims = &c->pod->claims;
    if (claims->n == 0 && !claims->missing.p) {
        run->scores = false;
        return PREPARE_SKIP;
    }
    if (snapshot_mark(c->snap) == 0)
        dra_refresh(c->snap->dra);
    run->state = dra_search_new(c->snap->dra, c->pod, c->a, &reason);
    if (run->state)
        return PREPARE_OK;
    why_add(why, reason);
    return PREPARE_REJECT;
}

static enum verdict dra_filter(const struct sched_cycle *c,
                               const struct plugin_run *run,
                               uint32_t node,
                               struct why *why)
{
    struct str reason;
    if (dra_search_fits(run->state, c->snap->nodes.items[node], &reason))
        return SCHED_OK;
    why_add(why, reason);
    return SCHED_UNSCHEDULABLE;
}

static int64_t dra_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    return dra_search_score(run->state, c->snap->nodes.items[node]);
}

/* Beside the GPUs that it got by index. */
static bool dra_reserve(const struct sched_cycle *c,
                        const struct plugin_run *run,
                        uint32_t node,
                        struct placement *p)
{
    (void)run;
    struct str ignored;
    uint64_t given = p->shared;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        given |= p->devices[k];
    if (!c->pod || !c->pod->claims.n || !given)
        return true;
    struct dra_search *search = dra_search_new(c->snap->dra, c->pod, c->a, &ignored);
    if (search)
        dra_search_beside(search, p);
    return search && dra_search_fits(search, c->snap->nodes.items[node], NULL);
}

const struct sched_plugin dynamic_resources_plugin = {
    .name = "DynamicResources",
    .help = "devices by ResourceClaim",
    .scope = SCOPE_CLUSTER,
    .default_weight = 2,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE | WAKE_OBJECTS,
    .args_size = sizeof(struct dra_args),
    .configure = dra_configure,
    .prepare = dra_prepare,
    .filter = dra_filter,
    .score = dra_score,
    .reserve = dra_reserve,
};
