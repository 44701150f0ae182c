/* SPDX-License-Identifier: Apache-2.0
 * rollout — the arithmetic of a rolling update. Pure. */
#include "controllers/deployment/rollout.h"
#include "base/num.h"

static int64_t old_wanted(const struct rollout *r)
{
    int64_t sum = 0;
    for (size_t i = 0; i < r->n_old; i++)
        sum += r->old[i].want;
    return sum;
}

static void grow_new(struct rollout *r)
{
    int64_t total = r->new_set.want + old_wanted(r);
    int64_t room = r->replicas + r->max_surge - total;
    int64_t missing = r->replicas - r->new_set.want;
    if (missing < 0)
        r->new_set.want = r->replicas; /* the Deployment was scaled down */
    else if (room > 0)
        r->new_set.want += num_min_i64(room, missing);
}

/* Pods of old sets that are not available can go without harm. */
static int64_t shrink_unhealthy(struct rollout *r, int64_t budget)
{
    for (size_t i = 0; i < r->n_old && budget > 0; i++) {
        struct rollout_set *s = &r->old[i];
        int64_t unhealthy = num_clamp_i64(s->want - s->available, 0, budget);
        s->want -= unhealthy;
        budget -= unhealthy;
    }
    return budget;
}

static void shrink_old(struct rollout *r)
{
    int64_t floor = r->replicas - r->max_unavailable;
    int64_t total = r->new_set.want + old_wanted(r);
    int64_t new_unavailable = num_max_i64(r->new_set.want - r->new_set.available, 0);
    int64_t budget = total - floor - new_unavailable;
    if (budget <= 0)
        return;
    shrink_unhealthy(r, budget);
    int64_t available = r->new_set.available;
    for (size_t i = 0; i < r->n_old; i++)
        available += num_min_i64(r->old[i].available, r->old[i].want);
    int64_t spare = available - floor;
    for (size_t i = 0; i < r->n_old && spare > 0; i++) {
        int64_t n = num_min_i64(spare, r->old[i].want);
        r->old[i].want -= n;
        spare -= n;
    }
}

void rollout_step(struct rollout *r)
{
    grow_new(r);
    shrink_old(r);
}
