/* SPDX-License-Identifier: Apache-2.0
 * config_fields — see config_fields.h. */
#include "scheduler/config_fields.h"

#include "base/time.h"

enum shape_of {
    WANT_TEXT,
    WANT_BOOL,
    WANT_NUMBER,
    WANT_DURATION,
    WANT_OBJECT,
    WANT_LIST,
    WANT_FRACTION
};

struct row {
    const char *name;
    enum shape_of want;
    int64_t min, max; /* of numbers */
};

static const struct row file_rows[] = {
    { "apiVersion", WANT_TEXT, 0, 0 },
    { "clientConnection", WANT_OBJECT, 0, 0 },
    { "delayCacheUntilActive", WANT_BOOL, 0, 0 },
    { "enableContentionProfiling", WANT_BOOL, 0, 0 },
    { "enableProfiling", WANT_BOOL, 0, 0 },
    { "extenders", WANT_LIST, 0, 0 },
    { "kind", WANT_TEXT, 0, 0 },
    { "leaderElection", WANT_OBJECT, 0, 0 },
    { "parallelism", WANT_NUMBER, 1, INT32_MAX },
    { "percentageOfNodesToScore", WANT_NUMBER, 0, 100 },
    { "podInitialBackoffSeconds", WANT_NUMBER, 1, 3600 },
    { "podMaxBackoffSeconds", WANT_NUMBER, 1, 3600 },
    { "profiles", WANT_LIST, 0, 0 },
};

static const struct row leader_rows[] = {
    { "leaderElect", WANT_BOOL, 0, 0 },
    { "leaseDuration", WANT_DURATION, 1, INT64_MAX },
    { "renewDeadline", WANT_DURATION, 1, INT64_MAX },
    { "resourceLock", WANT_TEXT, 0, 0 },
    { "resourceName", WANT_TEXT, 0, 0 },
    { "resourceNamespace", WANT_TEXT, 0, 0 },
    { "retryPeriod", WANT_DURATION, 1, INT64_MAX },
};

static const struct row client_rows[] = {
    { "acceptContentTypes", WANT_TEXT, 0, 0 },
    { "burst", WANT_NUMBER, 0, INT32_MAX },
    { "contentType", WANT_TEXT, 0, 0 },
    { "kubeconfig", WANT_TEXT, 0, 0 },
    { "qps", WANT_FRACTION, 0, 0 },
};

static const struct row profile_rows[] = {
    { "percentageOfNodesToScore", WANT_NUMBER, 0, 100 },
    { "pluginConfig", WANT_LIST, 0, 0 },
    { "plugins", WANT_OBJECT, 0, 0 },
    { "schedulerName", WANT_TEXT, 0, 0 },
};

static const struct row type_rows[] = {
    /* what every args object may say about itself */
    { "apiVersion", WANT_TEXT, 0, 0 },
    { "kind", WANT_TEXT, 0, 0 },
};

static const struct row preemption_rows[] = {
    { "minCandidateNodesAbsolute", WANT_NUMBER, 0, INT32_MAX },
    { "minCandidateNodesPercentage", WANT_NUMBER, 0, 100 },
};

static const struct row volume_rows[] = {
    { "bindTimeoutSeconds", WANT_NUMBER, 0, INT32_MAX },
    { "shape", WANT_LIST, 0, 0 },
};

static const struct row coscheduling_rows[] = {
    { "podGroupBackoffSeconds", WANT_NUMBER, 0, INT32_MAX },
    { "permitWaitingTimeSeconds", WANT_NUMBER, 0, INT32_MAX },
};

static const struct {
    const char *plugin;
    const struct row *rows;
    size_t n;
} args_of[] = {
    { "Coscheduling", coscheduling_rows, COUNT_OF(coscheduling_rows) },
    { "DefaultPreemption", preemption_rows, COUNT_OF(preemption_rows) },
    { "VolumeBinding", volume_rows, COUNT_OF(volume_rows) },
};

/* ---- one field ---- */

static const struct row *row_of(const struct row *rows, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static int check_range(const struct row *r, int64_t v, struct json given, struct err *err)
{
    if (v >= r->min && v <= r->max)
        return 0;
    if (r->want == WANT_DURATION)
        return err_set(err, ERR_INVALID, "%s: must be greater than zero, not %.*s", r->name,
                       STR_ARG(json_text(given)));
    if (r->max == INT32_MAX)
        return err_set(err, ERR_INVALID, "%s: must be %lld or more, not %.*s", r->name,
                       (long long)r->min, STR_ARG(json_text(given)));
    return err_set(err, ERR_INVALID, "%s: must be %lld to %lld, not %.*s", r->name,
                   (long long)r->min, (long long)r->max, STR_ARG(json_text(given)));
}

static int check_value(const struct row *r, struct json v, struct err *err)
{
    static const char *const words[] = {
        [WANT_TEXT] = "a text",           [WANT_BOOL] = "true or false",
        [WANT_NUMBER] = "a whole number", [WANT_DURATION] = "a duration such as \"15s\"",
        [WANT_OBJECT] = "an object",      [WANT_LIST] = "a list",
        [WANT_FRACTION] = "a number",
    };
    enum json_type type = json_type(v);
    int64_t n = 0;
    bool ok = true;
    switch (r->want) {
    case WANT_TEXT:
        ok = type == JSON_STR;
        break;
    case WANT_BOOL:
        ok = type == JSON_BOOL;
        break;
    case WANT_NUMBER:
        ok = json_i64(v, &n);
        break;
    case WANT_DURATION:
        ok = type == JSON_STR && duration_parse(json_str(v), &n);
        break;
    case WANT_OBJECT:
        ok = type == JSON_OBJ;
        break;
    case WANT_LIST:
        ok = type == JSON_ARR;
        break;
    case WANT_FRACTION:
        ok = type == JSON_NUM;
        break;
    }
    if (!ok)
        return err_set(err, ERR_INVALID, "%s: must be %s, not %.*s", r->name, words[r->want],
                       STR_ARG(str_take(json_text(v), 60)));
    bool ranged = r->want == WANT_NUMBER || r->want == WANT_DURATION;
    return ranged ? check_range(r, n, v, err) : 0;
}

static int check_all(struct json v, const struct row *rows, size_t n, struct err *err)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        const struct row *r = row_of(rows, n, it.key);
        if (!r)
            return err_set(err, ERR_INVALID, "unknown field \"%.*s\"", STR_ARG(it.key));
        if (json_type(it.value) != JSON_NULL && check_value(r, it.value, err))
            return -1;
    }
    return 0;
}

/* ---- the file ---- */

static int64_t duration_of(struct json v, const char *name, int64_t otherwise)
{
    int64_t ns;
    return duration_parse(json_str(json_get(v, str_from(name))), &ns) ? ns : otherwise;
}

/* lease > renew > 1.2 × retry, as leader election needs it. */
static int check_leader(struct json v, struct err *err)
{
    if (check_all(v, leader_rows, COUNT_OF(leader_rows), err))
        return err_wrap(err, "leaderElection");
    int64_t lease = duration_of(v, "leaseDuration", 15 * NS_PER_S);
    int64_t renew = duration_of(v, "renewDeadline", 10 * NS_PER_S);
    int64_t retry = duration_of(v, "retryPeriod", 2 * NS_PER_S);
    if (lease <= renew)
        return err_set(err, ERR_INVALID,
                       "leaderElection.leaseDuration: must be greater than renewDeadline");
    if (renew / 6 <= retry / 5)
        return err_set(err, ERR_INVALID,
                       "leaderElection.renewDeadline: must be greater than 1.2 times retryPeriod");
    struct json lock = json_get(v, STR("resourceLock"));
    if (json_has(lock) && !str_is(json_str(lock), "leases"))
        return err_set(err, ERR_INVALID, "leaderElection.resourceLock: must be \"leases\"");
    return 0;
}

int config_check_file(struct json root, struct err *err)
{
    if (check_all(root, file_rows, COUNT_OF(file_rows), err) ||
        check_leader(json_get(root, STR("leaderElection")), err))
        return -1;
    if (check_all(json_get(root, STR("clientConnection")), client_rows, COUNT_OF(client_rows), err))
        return err_wrap(err, "clientConnection");
    return 0;
}

int config_check_profile(struct json profile, struct err *err)
{
    return check_all(profile, profile_rows, COUNT_OF(profile_rows), err);
}

/* ---- arguments ---- */

static int check_args(struct json args, const struct row *rows, size_t n, struct err *err)
{
    for (struct json_iter it = json_iter(args); json_next(&it);) {
        const struct row *r = row_of(rows, n, it.key);
        r = r ? r : row_of(type_rows, COUNT_OF(type_rows), it.key);
        if (!r)
            return err_set(err, ERR_INVALID, "unknown field \"%.*s\"", STR_ARG(it.key));
        if (json_type(it.value) != JSON_NULL && check_value(r, it.value, err))
            return -1;
    }
    return 0;
}

static int read_preemption(struct profile *out, struct json args, struct err *err)
{
    struct preempt_args p = out->preempt;
    p.min_candidates_percent =
        json_i64_or(json_get(args, STR("minCandidateNodesPercentage")), p.min_candidates_percent);
    p.min_candidates =
        json_i64_or(json_get(args, STR("minCandidateNodesAbsolute")), p.min_candidates);
    if (!p.min_candidates_percent && !p.min_candidates)
        return err_set(err, ERR_INVALID,
                       "minCandidateNodesPercentage and minCandidateNodesAbsolute cannot both be "
                       "zero");
    out->preempt = p;
    return 0;
}

int config_read_args(struct profile *out, struct str plugin, struct json args, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(args_of); i++) {
        if (!str_is(plugin, args_of[i].plugin))
            continue;
        if (check_args(args, args_of[i].rows, args_of[i].n, err))
            return -1;
        return str_is(plugin, "DefaultPreemption") ? read_preemption(out, args, err) : 0;
    }
    return 1;
}
