/* SPDX-License-Identifier: Apache-2.0
 * score_shape — see score_shape.h. */
#include "scheduler/plugins/score_shape.h"

#include "scheduler/framework.h"

int score_shape_read(struct score_shape *out, struct json list, struct err *err)
{
    out->n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (out->n == SCORE_SHAPE_MAX)
            return err_set(err, ERR_TOO_LARGE, "shape has more than %d points", SCORE_SHAPE_MAX);
        struct score_point p = {
            .utilization = json_i64_or(json_get(it.value, STR("utilization")), 0),
            .score = json_i64_or(json_get(it.value, STR("score")), 0),
        };
        if (p.utilization < 0 || p.utilization > 100 || p.score < 0 || p.score > 10)
            return err_set(err, ERR_INVALID,
                           "shape: utilization must be 0 to 100 and score 0 to 10");
        if (out->n && p.utilization <= out->points[out->n - 1].utilization)
            return err_set(err, ERR_INVALID, "shape: utilization values must rise");
        p.score *= SCHED_SCORE_MAX / 10;
        out->points[out->n++] = p;
    }
    return 0;
}

int64_t score_shape_at(const struct score_shape *s, int64_t utilization)
{
    const struct score_point *p = s->points;
    for (size_t i = 0; i < s->n; i++) {
        if (utilization > p[i].utilization)
            continue;
        if (i == 0)
            return p[0].score;
        return p[i - 1].score + (p[i].score - p[i - 1].score) *
                                    (utilization - p[i - 1].utilization) /
                                    (p[i].utilization - p[i - 1].utilization);
    }
    return s->n ? p[s->n - 1].score : 0;
}
