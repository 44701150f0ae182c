/* SPDX-License-Identifier: Apache-2.0
 * get — shows objects; with -w, goes on showing what changes. */
#include "base/arena.h"
#include "cli/output.h"
#include "cli/sort.h"
#include "cli/targets.h"
#include "cli/verbs/verbs.h"

struct get {
    struct cli *cli;
    struct conn *conn;
    const struct args *args;
    struct output output;
    bool all;
    bool another; /* a table of another type follows one that was shown */
    size_t shown;
};

static struct request request_for(struct get *g, const struct target *t)
{
    struct request r =
        conn_request(g->conn, t->name.n ? VERB_GET : VERB_LIST, t->resource, t->name);
    if (g->all)
        r.namespace = (struct str){ 0 };
    r.list.label_selector = args_text(g->args, "selector");
    r.list.field_selector = args_text(g->args, "field-selector");
    return r;
}

static int get_one(struct get *g, const struct target *t, uint64_t *revision, struct err *err)
{
    struct request r = request_for(g, t);
    struct answer a = { 0 };
    if (conn_do(g->conn, &r, &a, err) != 0)
        return -1;
    g->output.single = t->name.n > 0;
    struct str by = args_text(g->args, "sort-by");
    if (by.n && sort_objects(a.items, a.n_items, by, err) != 0) {
        answer_fini(&a);
        return -1;
    }
    int rc = 0;
    if (g->another && g->shown && (t->name.n || a.n_items) && g->output.format <= OUTPUT_COLUMNS)
        fputc('\n', g->cli->out);
    if (t->name.n)
        rc = output_objects(&g->output, t->resource, &a.object, 1, err);
    else if (a.n_items || g->output.format > OUTPUT_COLUMNS)
        rc = output_objects(&g->output, t->resource, a.items, a.n_items, err);
    g->shown += t->name.n ? 1 : a.n_items;
    *revision = t->name.n ? a.object->revision : a.revision;
    answer_fini(&a);
    return rc;
}

/* ---- -w ---- */

struct watching {
    struct get *g;
    const struct resource *resource;
    struct err *err;
    int rc;
};

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct watching *w = arg;
    for (size_t i = 0; i < n; i++)
        if (events[i].type <= EVENT_DELETED)
            output_objects(&w->g->output, w->resource, &events[i].object, 1, NULL);
    fflush(w->g->cli->out);
}

static void on_end(void *arg, const struct err *err)
{
    struct watching *w = arg;
    if (err && w->err) {
        *w->err = *err;
        w->rc = -1;
    }
    loop_stop(conn_loop(w->g->conn));
}

static int watch(struct get *g, const struct target *t, uint64_t revision, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct watching w = { .g = g, .resource = t->resource, .err = err };
    struct request r = request_for(g, t);
    r.verb = VERB_WATCH;
    r.name = (struct str){ 0 };
    if (t->name.n)
        r.list.field_selector = arena_printf(a, "metadata.name=%.*s", STR_ARG(t->name));
    r.list.resource_version = arena_printf(a, "%llu", (unsigned long long)revision);
    g->output.no_headers = true;
    g->output.single = true;
    fflush(g->cli->out); /* a reader of a pipe must not wait for the first change */
    struct transport *tr = conn_transport(g->conn);
    tr->ops->watch(tr, &r, on_events, on_end, &w);
    loop_run(conn_loop(g->conn));
    return w.rc;
}

static bool several_types(const struct target_vec *targets)
{
    for (size_t i = 1; i < targets->n; i++)
        if (targets->items[i].resource != targets->items[0].resource)
            return true;
    return false;
}

/* Shows each target; one that does not exist does not hide the others. Returns 0, -1, or
 * EXIT_FAILED when some were missing and said so. */
static int get_each(struct get *g, const struct target_vec *targets, uint64_t *rev, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < targets->n; i++) {
        const struct target *t = &targets->items[i];
        bool again = i && t->resource == targets->items[i - 1].resource;
        g->output.no_headers = args_flag(g->args, "no-headers") || (again && g->shown);
        g->output.prefix_kind = several_types(targets);
        g->another = i && !again;
        if (get_one(g, t, rev, err) == 0)
            continue;
        if (err->kind != ERR_NOT_FOUND || targets->n == 1)
            return -1;
        fprintf(g->cli->err, "ganglion get: %s\n", err->msg);
        rc = EXIT_FAILED;
    }
    return rc;
}

static void say_nothing_found(struct get *g)
{
    struct str namespace = conn_namespace(g->conn);
    if (g->all)
        fputs("No resources found.\n", g->cli->err);
    else
        fprintf(g->cli->err, "No resources found in %.*s namespace.\n", STR_ARG(namespace));
}

static int get_all(struct get *g, struct err *err)
{
    struct target_vec targets = { 0 };
    uint64_t revision = 0;
    int rc = targets_parse(&targets, g->conn, g->args, err);
    bool watches = args_flag(g->args, "watch");
    if (rc == 0 && watches && targets.n != 1)
        rc = err_set(err, ERR_INVALID, "-w watches one type or one object");
    if (rc == 0)
        rc = get_each(g, &targets, &revision, err);
    if (rc == 0 && watches)
        rc = watch(g, &targets.items[0], revision, err);
    else if (rc == 0 && g->shown == 0 && g->output.format <= OUTPUT_COLUMNS)
        say_nothing_found(g);
    target_vec_fini(&targets);
    return rc;
}

static int verb_get(struct cli *cli, struct args *args, struct err *err)
{
    struct get g = { .cli = cli, .args = args, .all = args_flag(args, "all-namespaces") };
    g.output.out = cli->out;
    g.output.namespaces = g.all;
    if (output_parse(&g.output, args_text(args, "output"), err) != 0)
        return -1;
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    g.conn = c;
    return c ? get_all(&g, err) : -1;
}

static const struct option rows[] = {
    { .name = "output",
      .letter = 'o',
      .type = OPTION_TEXT,
      .value = "FORMAT",
      .fallback = "",
      .help = "wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=NAME:.path,…" },
    { .name = "selector",
      .letter = 'l',
      .type = OPTION_TEXT,
      .value = "LABELS",
      .fallback = "",
      .help = "only objects with these labels: app=web,tier!=db" },
    { .name = "field-selector",
      .type = OPTION_TEXT,
      .value = "FIELDS",
      .fallback = "",
      .help = "only objects with these fields: status.phase=Pending" },
    { .name = "sort-by",
      .type = OPTION_TEXT,
      .value = "PATH",
      .fallback = "",
      .help = "in the order of this field: .metadata.creationTimestamp" },
    { .name = "all-namespaces",
      .letter = 'A',
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "in every namespace" },
    { .name = "watch",
      .letter = 'w',
      .type = OPTION_FLAG,
      .fallback = "false",
      .help = "go on showing what changes" },
    { .name = "no-headers", .type = OPTION_FLAG, .fallback = "false", .help = "rows only" },
};

const struct cli_verb get_verb = {
    .name = "get",
    .usage = "TYPE [NAME…] | TYPE/NAME…",
    .help = "show objects",
    .examples = "  ganglion get nodes\n"
                "  ganglion get pods -A -o wide\n"
                "  ganglion get job/train -o yaml\n"
                "  ganglion get pods --sort-by=.spec.nodeName\n"
                "  ganglion get pods -o jsonpath='{.items[*].metadata.name}'\n"
                "  ganglion get pods -o custom-columns=POD:.metadata.name,NODE:.spec.nodeName",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = -1,
    .run = verb_get,
};
