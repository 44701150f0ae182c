/* SPDX-License-Identifier: Apache-2.0
 * volume_binding — the claims of a pod: bound ones must be reached from the node, and those that
 * wait for their first consumer must find a volume there, or one must be possible to make
 * (../volumes/volumes.h). What they then get is promised when the pod is placed, inside the gang's
 * transaction, and the API says so before the pod is bound (../service/service_volumes.c).
 *
 * Scores only if its arguments have a `shape`, by how much of the volumes it would use; in
 * kube-scheduler that is the feature StorageCapacityScoring, which is off by default. Pure. */
#include <math.h>

#include "scheduler/framework.h"
#include "scheduler/plugins.h"
#include "scheduler/plugins/score_shape.h"
#include "scheduler/volumes/volumes.h"

#define TIMEOUT_S 600

struct volume_args {
    int64_t timeout_s;
    struct score_shape shape;
};

static int volume_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    struct volume_args *out = args;
    (void)a;
    out->timeout_s = json_i64_or(json_get(in, STR("bindTimeoutSeconds")), TIMEOUT_S);
    return score_shape_read(&out->shape, json_get(in, STR("shape")), err);
}

int64_t volume_binding_timeout_ns(const void *args)
{
    return ((const struct volume_args *)args)->timeout_s * NS_PER_S;
}

static enum prepare volume_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    struct str reason = { 0 };
    if (!c->pod->volumes) {
        run->scores = false;
        return PREPARE_SKIP;
    }
    struct volume_search *s = volume_search_new(c->pod, c->a, &reason);
    if (!s) {
        why_add(why, reason);
        return PREPARE_REJECT;
    }
    run->state = s;
    run->scores = run->scores && !volume_search_is_empty(s);
    return volume_search_is_empty(s) ? PREPARE_SKIP : PREPARE_OK;
}

static enum verdict volume_filter(const struct sched_cycle *c,
                                  const struct plugin_run *run,
                                  uint32_t node,
                                  struct why *why)
{
    static const struct {
        unsigned bit;
        const char *text;
    } reasons[] = {
        { VOLUMES_ELSEWHERE, "node(s) didn't match PersistentVolume's node affinity" },
        { VOLUMES_NONE, "node(s) didn't find available persistent volumes to bind" },
        { VOLUMES_NO_SPACE, "node(s) did not have enough free storage" },
        { VOLUMES_LOST, "node(s) unavailable due to one or more pvc(s) bound to non-existent "
                        "pv(s)" },
    };
    unsigned not = volume_search_fits(run->state, c->snap->nodes.items[node]);
    for (size_t i = 0; i < COUNT_OF(reasons) && not ; i++) {
        if (not &reasons[i].bit)
            why_add(why, str_from(reasons[i].text));
    }
    return not ? SCHED_UNRESOLVABLE : SCHED_OK;
}

static enum prepare
volume_prescore(struct sched_cycle *c, struct plugin_run *run, const uint32_t *nodes, size_t n)
{
    const struct volume_args *args = run->args;
    (void)c;
    (void)nodes;
    (void)n;
    return args->shape.n ? PREPARE_OK : PREPARE_SKIP;
}

static int64_t
volume_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct volume_args *args = run->args;
    size_t n;
    int64_t sum = 0;
    volume_search_fits(run->state, c->snap->nodes.items[node]);
    const struct volume_use *uses = volume_search_uses(run->state, &n);
    for (size_t i = 0; i < n; i++) {
        const struct volume_use *u = &uses[i];
        bool full = u->capacity == 0 || u->requested > u->capacity;
        __int128 used = full ? 100 : (__int128)u->requested * 100 / u->capacity;
        sum += score_shape_at(&args->shape, (int64_t)used);
    }
    return n ? (int64_t)round((double)sum / (double)n) : 0;
}

const struct sched_plugin volume_binding_plugin = {
    .name = "VolumeBinding",
    .help = "PersistentVolumeClaims: bound volumes in reach, others found or made there",
    .scope = SCOPE_CLUSTER,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_STORAGE,
    .default_weight = 1,
    .args_size = sizeof(struct volume_args),
    .configure = volume_configure,
    .prepare = volume_prepare,
    .filter = volume_filter,
    .prescore = volume_prescore,
    .score = volume_score,
};
