/* SPDX-License-Identifier: Apache-2.0
 * config_fields — see config_fields.h. */
#include "scheduler/config/config_fields.h"

#include "base/time.h"
#include "scheduler/config/config_rows.h"

#define PATH_BYTES_MAX 160
#define GIVEN_BYTES_MAX 40

struct path { /* where we are in the file; a chain up to the root */
    const struct path *up;
    struct str key;
    int64_t at; /* of a list; -1: a member */
};

/* ---- words ---- */

static void put_path(struct buf *out, const struct path *p)
{
    if (!p)
        return;
    put_path(out, p->up);
    if (p->at >= 0)
        buf_printf(out, "[%lld]", (long long)p->at);
    else
        buf_printf(out, "%s%.*s", out->n ? "." : "", STR_ARG(p->key));
}

static int wrong(const struct path *p, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int wrong(const struct path *p, struct err *err, const char *fmt, ...)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct buf path;
    va_list ap;
    va_start(ap, fmt);
    struct str what = arena_vprintf(a, fmt, ap);
    va_end(ap);
    buf_init(&path, PATH_BYTES_MAX);
    put_path(&path, p);
    err_set(err, ERR_INVALID, "%.*s%s%.*s", STR_ARG(buf_view(&path)), path.n ? ": " : "",
            STR_ARG(what));
    buf_fini(&path);
    return -1;
}

static struct str given(struct json v)
{
    return str_take(json_text(v), GIVEN_BYTES_MAX);
}

/* ---- one value ---- */

static int check_range(const struct path *p,
                       const struct config_row *r,
                       int64_t n,
                       struct json v,
                       struct err *err)
{
    if (n >= r->min && n <= r->max)
        return 0;
    if (r->want == WANT_DURATION)
        return wrong(p, err, "must be greater than zero, not %.*s", STR_ARG(given(v)));
    if (r->max == INT32_MAX)
        return wrong(p, err, "must be %lld or more, not %.*s", (long long)r->min,
                     STR_ARG(given(v)));
    return wrong(p, err, "must be %lld to %lld, not %.*s", (long long)r->min, (long long)r->max,
                 STR_ARG(given(v)));
}

static bool is_one_of(struct str text, const char *words)
{
    struct str rest = str_from(words);
    while (rest.n) {
        if (str_eq(str_split(&rest, ' '), text))
            return true;
    }
    return false;
}

static bool has_type(const struct config_row *r, struct json v, int64_t *n)
{
    switch (r->want) {
    case WANT_TEXT:
        return json_type(v) == JSON_STR;
    case WANT_BOOL:
        return json_type(v) == JSON_BOOL;
    case WANT_NUMBER:
        return json_i64(v, n);
    case WANT_FRACTION:
        return json_type(v) == JSON_NUM;
    case WANT_DURATION:
        return json_type(v) == JSON_STR && duration_parse(json_str(v), n);
    case WANT_OBJECT:
    case WANT_ARGS:
        return json_type(v) == JSON_OBJ;
    case WANT_LIST:
        return json_type(v) == JSON_ARR;
    }
    return false;
}

static int
check_value(const struct path *p, const struct config_row *r, struct json v, struct err *err)
{
    static const char *const words[] = {
        [WANT_TEXT] = "a text",           [WANT_BOOL] = "true or false",
        [WANT_NUMBER] = "a whole number", [WANT_DURATION] = "a duration such as \"15s\"",
        [WANT_OBJECT] = "an object",      [WANT_LIST] = "a list",
        [WANT_FRACTION] = "a number",     [WANT_ARGS] = "an object",
    };
    int64_t n = 0;
    if (!has_type(r, v, &n))
        return wrong(p, err, "must be %s, not %.*s", words[r->want], STR_ARG(given(v)));
    if (r->one_of && !is_one_of(json_str(v), r->one_of))
        return wrong(p, err, "must be one of %s, not %.*s", r->one_of, STR_ARG(given(v)));
    bool ranged = r->want == WANT_NUMBER || r->want == WANT_DURATION;
    return ranged ? check_range(p, r, n, v, err) : 0;
}

/* ---- objects and lists ---- */

static const struct config_row *row_of(const struct config_table *t, struct str name)
{
    for (const struct config_row *r = t->rows; r->name; r++) {
        if (str_is(name, r->name))
            return r;
    }
    return NULL;
}

static int
check_object(const struct path *p, const struct config_table *t, struct json v, struct err *err);

static int
check_list(const struct path *p, const struct config_row *r, struct json v, struct err *err)
{
    static const struct config_row text = { .want = WANT_TEXT }, object = { .want = WANT_OBJECT };
    struct path at = { .up = p };
    for (struct json_iter it = json_iter(v); json_next(&it); at.at++) {
        if (check_value(&at, r->of ? &object : &text, it.value, err) ||
            (r->of && check_object(&at, r->of, it.value, err)))
            return -1;
    }
    return 0;
}

/* Below what has the right type itself. */
static int check_inside(const struct path *p,
                        const struct config_row *r,
                        struct json v,
                        struct json around,
                        struct err *err)
{
    if (r->want == WANT_LIST)
        return check_list(p, r, v, err);
    const struct config_table *t = r->of;
    if (r->want == WANT_ARGS)
        t = config_args_table(json_str(json_get(around, STR("name"))));
    return t ? check_object(p, t, v, err) : 0;
}

static int
check_object(const struct path *p, const struct config_table *t, struct json v, struct err *err)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        const struct config_row *r = row_of(t, it.key);
        struct path at = { .up = p, .key = it.key, .at = -1 };
        if (!r)
            return wrong(p, err, "unknown field \"%.*s\"",
                         STR_ARG(str_take(it.key, GIVEN_BYTES_MAX)));
        if (json_type(it.value) == JSON_NULL)
            continue;
        if (check_value(&at, r, it.value, err) || check_inside(&at, r, it.value, v, err))
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
    int64_t lease = duration_of(v, "leaseDuration", 15 * NS_PER_S);
    int64_t renew = duration_of(v, "renewDeadline", 10 * NS_PER_S);
    int64_t retry = duration_of(v, "retryPeriod", 2 * NS_PER_S);
    if (lease <= renew)
        return err_set(err, ERR_INVALID,
                       "leaderElection.leaseDuration: must be greater than renewDeadline");
    if (renew / 6 <= retry / 5)
        return err_set(err, ERR_INVALID,
                       "leaderElection.renewDeadline: must be greater than 1.2 times retryPeriod");
    return 0;
}

int config_check_file(struct json root, struct err *err)
{
    if (check_object(NULL, &config_file_table, root, err))
        return -1;
    return check_leader(json_get(root, STR("leaderElection")), err);
}

int config_read_preemption(struct profile *out, struct json args, struct err *err)
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

void config_read_provisioning(struct profile *out, struct json args)
{
    struct str class = json_str(json_get(args, STR("provisioningClassName")));
    int64_t ns;
    if (duration_parse(json_str(json_get(args, STR("wait"))), &ns))
        out->nodes.wait_ns = ns;
    if (class.n)
        out->nodes.class = arena_str(out->a, class);
}

void config_read_consolidation(struct profile *out, struct json args)
{
    struct consolidation *c = &out->consolidation;
    int64_t ns;
    if (duration_parse(json_str(json_get(args, STR("period"))), &ns))
        c->period_ns = ns;
    c->max_moves = json_i64_or(json_get(args, STR("maxMoves")), c->max_moves);
}
