/* SPDX-License-Identifier: Apache-2.0
 * deployment — decoding of Deployments; see deployment.h. */
#include "kube/deployment.h"

#include "base/num.h"
#include "kube/lens.h"

static const struct field deployment_fields[] = {
    FIELD_I64_OPT(struct deployment, replicas, "spec.replicas"),
    FIELD_I64(struct deployment, min_ready_s, "spec.minReadySeconds"),
    FIELD_I64_OPT(struct deployment, revision_history, "spec.revisionHistoryLimit"),
    FIELD_I64_OPT(struct deployment, progress_deadline_s, "spec.progressDeadlineSeconds"),
    FIELD_BOOL(struct deployment, paused, "spec.paused"),
    FIELD_JSON(struct deployment, max_surge, "spec.strategy.rollingUpdate.maxSurge"),
    FIELD_JSON(struct deployment, max_unavailable, "spec.strategy.rollingUpdate.maxUnavailable"),
    FIELD_JSON(struct deployment, selector, "spec.selector"),
    FIELD_JSON(struct deployment, template, "spec.template"),
    FIELD_I64(struct deployment, generation, "metadata.generation"),
    FIELD_I64(struct deployment, observed_generation, "status.observedGeneration"),
    FIELD_I64(struct deployment, status_replicas, "status.replicas"),
    FIELD_I64(struct deployment, updated, "status.updatedReplicas"),
    FIELD_I64(struct deployment, ready, "status.readyReplicas"),
    FIELD_I64(struct deployment, available, "status.availableReplicas"),
    FIELD_I64_OPT(struct deployment, collision_count, "status.collisionCount"),
};

static void deployment_decode(void *out, const struct kobj *o, struct arena *a)
{
    struct deployment *d = out;
    d->replicas = 1;
    d->revision_history = 10;
    d->progress_deadline_s = 600;
    field_decode(d, deployment_fields, COUNT_OF(deployment_fields), kobj_root(o), a);
    d->recreate = str_is(json_str(kobj_path(o, "spec.strategy.type")), "Recreate");
}

const struct deployment *deployment_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct deployment), deployment_decode);
}

int64_t deployment_share(struct json v, int64_t total, bool round_up, int64_t otherwise)
{
    int64_t n;
    if (json_i64(v, &n))
        return n;
    struct str text = json_str(v);
    int64_t product;
    if (!str_ends(text, STR("%")) || !str_to_i64(str_take(text, text.n - 1), &n) || n < 0 ||
        total < 0 || !num_mul_i64(&product, n, total))
        return otherwise;
    return round_up ? num_div_up_i64(product, 100) : product / 100;
}
