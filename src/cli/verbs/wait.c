/* SPDX-License-Identifier: Apache-2.0
 * wait — until objects have a condition, a field has a value, or they are gone. */
#include <unistd.h>

#include "cli/targets.h"
#include "cli/verbs/verbs.h"
#include "codec/jsonpath.h"
#include "io/clock.h"

#define POLL_NS (100 * NS_PER_MS)
#define PATIENCE_NS (2 * NS_PER_S) /* then a person is told what we wait for */

struct goal {
    enum { GOAL_CONDITION, GOAL_GONE, GOAL_FIELD } kind;
    struct str what;  /* condition type, or path */
    struct str value; /* absent: of a field, any */
    struct jsonpath *path;
};

static int goal_parse(struct goal *g, struct str text, struct err *err)
{
    struct str rest = text, kind = str_split(&rest, '=');
    if (str_is(kind, "delete") && !rest.p) {
        *g = (struct goal){ .kind = GOAL_GONE };
        return 0;
    }
    struct str what = rest.p ? str_split(&rest, '=') : (struct str){ 0 };
    if (str_is(kind, "condition") && what.n) {
        *g = (struct goal){ GOAL_CONDITION, what, rest.p ? rest : STR("True"), NULL };
        return 0;
    }
    if (str_is(kind, "jsonpath") && what.n) {
        *g = (struct goal){ GOAL_FIELD, what, rest, NULL };
        return jsonpath_parse_path(&g->path, what, err);
    }
    return err_set(err, ERR_INVALID,
                   "--for is condition=NAME[=STATUS], jsonpath={.path}[=VALUE] or delete, not "
                   "\"%.*s\"",
                   STR_ARG(text));
}

static bool field_is(const struct kobj *o, const struct goal *g)
{
    struct jsonpath_values found = { 0 };
    bool is = false;
    if (jsonpath_find(g->path, kobj_root(o), JSONPATH_MISSING_OK, &found, NULL) == 0 && found.n) {
        struct json v = found.items[0];
        struct str text = json_type(v) == JSON_STR ? json_str(v) : json_text(v);
        is = !g->value.p || str_eq(text, g->value);
    }
    jsonpath_values_fini(&found);
    return is;
}

static bool condition_is(const struct kobj *o, const struct goal *g)
{
    for (struct json_iter it = json_iter(kobj_path(o, "status.conditions")); json_next(&it);)
        if (str_eq_nocase(json_str(json_get(it.value, STR("type"))), g->what) &&
            str_eq_nocase(json_str(json_get(it.value, STR("status"))), g->value))
            return true;
    return false;
}

/* 1: reached, 0: not yet, -1: failed. */
static int look(struct conn *c, const struct target *t, const struct goal *g, struct err *err)
{
    struct request r = conn_request(c, VERB_GET, t->resource, t->name);
    struct answer a = { 0 };
    if (conn_do(c, &r, &a, err) != 0)
        return g->kind == GOAL_GONE && err->kind == ERR_NOT_FOUND ? 1 : -1;
    bool reached = (g->kind == GOAL_CONDITION && condition_is(a.object, g)) ||
                   (g->kind == GOAL_FIELD && field_is(a.object, g));
    answer_fini(&a);
    return reached;
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static int wait_one(struct conn *c,
                    const struct target *t,
                    const struct goal *g,
                    int64_t deadline_ns,
                    struct err *err)
{
    struct timer *timer = timer_new(conn_loop(c), stop, conn_loop(c));
    int64_t say_at = isatty(STDERR_FILENO) ? clock_mono().ns + PATIENCE_NS : INT64_MAX;
    int got = look(c, t, g, err);
    while (got == 0 && clock_mono().ns < deadline_ns) {
        if (clock_mono().ns > say_at) {
            fprintf(stderr, "waiting for %.*s/%.*s …\n", STR_ARG(t->resource->singular),
                    STR_ARG(t->name));
            say_at = INT64_MAX;
        }
        timer_start(timer, POLL_NS);
        loop_run(conn_loop(c));
        got = look(c, t, g, err);
    }
    timer_free(timer);
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_TIMEOUT, "timed out waiting for %.*s/%.*s",
                       STR_ARG(t->resource->singular), STR_ARG(t->name));
    return 0;
}

static int wait_all(struct cli *cli,
                    struct conn *c,
                    const struct args *args,
                    const struct goal *g,
                    struct err *err)
{
    struct target_vec targets = { 0 };
    int rc = targets_parse(&targets, c, args, err);
    int64_t ns = 30 * NS_PER_S;
    if (rc == 0 && !duration_parse(args_text(args, "timeout"), &ns))
        rc = err_set(err, ERR_INVALID, "--timeout wants a duration such as 30s or 2m");
    int64_t deadline = clock_mono().ns + ns;
    for (size_t i = 0; i < targets.n && rc == 0; i++) {
        const struct target *t = &targets.items[i];
        if (!t->name.n)
            rc = err_set(err, ERR_INVALID, "wait wants names: TYPE/NAME");
        else
            rc = wait_one(c, t, g, deadline, err);
        if (rc == 0)
            fprintf(cli->out, "%.*s/%.*s condition met\n", STR_ARG(t->resource->singular),
                    STR_ARG(t->name));
    }
    target_vec_fini(&targets);
    return rc;
}

static int verb_wait(struct cli *cli, struct args *args, struct err *err)
{
    struct goal g = { 0 };
    if (goal_parse(&g, args_text(args, "for"), err) != 0)
        return -1;
    AUTO(jsonpath_freep) struct jsonpath *path = g.path;
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    struct err local = { 0 };
    if (!c)
        return -1;
    if (wait_all(cli, c, args, &g, &local) == 0)
        return 0;
    if (local.kind == ERR_TIMEOUT) {
        fprintf(cli->err, "ganglion wait: %s\n", local.msg);
        return EXIT_TIMED_OUT;
    }
    *err = local;
    return -1;
}

static const struct option rows[] = {
    { .name = "for",
      .type = OPTION_TEXT,
      .value = "GOAL",
      .fallback = "condition=Ready",
      .help = "condition=NAME[=STATUS], jsonpath={.path}[=VALUE], or delete" },
    { .name = "timeout",
      .type = OPTION_TEXT,
      .value = "DURATION",
      .fallback = "30s",
      .help = "then exit code 3" },
};

const struct cli_verb wait_verb = {
    .name = "wait",
    .usage = "TYPE/NAME… --for GOAL",
    .help = "wait until objects are as they should be",
    .examples = "  ganglion wait job/train --for condition=Complete --timeout 5m\n"
                "  ganglion wait pod/web-0 --for jsonpath={.status.phase}=Running",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = -1,
    .run = verb_wait,
};
