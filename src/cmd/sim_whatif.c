/* SPDX-License-Identifier: Apache-2.0
 * sim_whatif — `ganglion sim whatif`: a recorded day, or the present, decided with a change. */
#include "cli/conn.h"
#include "cli/output.h"
#include "cmd/cmd.h"
#include "codec/yaml.h"
#include "io/clock.h"
#include "io/file.h"
#include "scheduler/config/config.h"
#include "sim/attach.h"
#include "sim/whatif.h"
#include "sim/whatif_change.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define GANGS_SHOWN 20
#define WAITING_SHOWN 5
#define ATTACH_TIMEOUT_NS (60 * NS_PER_S)

/* ---- the day: of a file, or of now ---- */

struct present {
    struct conn *conn;
    struct attach *attach;
    struct day *day;
    bool late;
};

static void on_input(void *arg, const struct core_input *in)
{
    struct present *p = arg;
    day_hear(p->day, in);
    if (in->kind == INPUT_STEP)
        loop_stop(conn_loop(p->conn));
}

static void on_timeout(void *arg)
{
    struct present *p = arg;
    p->late = true;
    loop_stop(conn_loop(p->conn));
}

static int read_present(struct day **out, const struct args *args, struct err *err)
{
    AUTO(conn_closep) struct conn *conn = conn_open(args, err);
    AUTO(day_freep) struct day *day = day_new();
    if (!conn)
        return -1;
    struct present p = { .conn = conn, .day = day };
    struct loop *l = conn_loop(conn);
    const struct record_header h = {
        .source = RECORD_BY_WATCH, .mono = loop_now(l), .wall = loop_wall(l), .seed = 1
    };
    day_begin(day, &h);
    struct timer *t = timer_new(l, on_timeout, &p);
    timer_start(t, ATTACH_TIMEOUT_NS);
    p.attach = attach_new(conn_transport(conn), on_input, &p);
    loop_run(l);
    attach_free(p.attach);
    timer_free(t);
    if (p.late)
        return err_set(err, ERR_TIMEOUT, "%.*s: not everything could be listed within 60 s",
                       STR_ARG(conn_server(conn)));
    day_finish(day);
    *out = TAKE(day);
    return 0;
}

static int read_the_day(struct day **out, const struct args *args, struct err *err)
{
    bool now = args_flag(args, "now");
    if (now != (args_operands(args) == 0))
        return err_set(err, ERR_INVALID,
                       "of which day? usage: ganglion sim whatif FILE …, or --now for the present");
    return now ? read_present(out, args, err) : day_read(out, args_operand(args, 0).p, err);
}

/* ---- the change ---- */

typedef int (*change_fn)(struct whatif_change *w, struct str text, struct err *err);

static int apply_words(struct whatif_change *w,
                       const struct args *args,
                       const char *option,
                       change_fn fn,
                       struct err *err)
{
    for (size_t i = 0; i < args_count(args, option); i++) {
        if (fn(w, args_text_at(args, option, i), err))
            return err_wrap(err, "--%s", option);
    }
    return 0;
}

static int apply_files(struct whatif_change *w,
                       const struct args *args,
                       const char *option,
                       change_fn fn,
                       struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < args_count(args, option); i++) {
        struct str path = args_text_at(args, option, i), text;
        if (file_read_text(&text, a, path, FILE_BYTES_MAX, err) || fn(w, text, err))
            return err_wrap(err, "--%s %.*s", option, STR_ARG(path));
    }
    return 0;
}

static int set_config(struct whatif_change *w, struct str text, struct err *err)
{
    struct sched_config c;
    if (sched_config_parse(&c, text, err))
        return -1;
    sched_config_fini(&c);
    whatif_set_config(w, text);
    return 0;
}

static int read_change(struct whatif_change *w, const struct args *args, struct err *err)
{
    if (apply_words(w, args, "remove-node", whatif_remove_node, err) ||
        apply_words(w, args, "add-nodes", whatif_add_nodes, err) ||
        apply_files(w, args, "nodes", whatif_add_node_file, err) ||
        apply_files(w, args, "queues", whatif_add_queue_file, err) ||
        apply_files(w, args, "config", set_config, err))
        return -1;
    return 0;
}

/* ---- the answer ---- */

static struct str number(struct arena *a, size_t n)
{
    return arena_printf(a, "%zu", n);
}

static struct str seconds(struct arena *a, int64_t ns)
{
    char text[TIME_TEXT_MAX];
    if (ns == DAY_NEVER)
        return STR("never");
    if (ns < 10 * NS_PER_S)
        return arena_printf(a, "%.1fs", (double)ns / (double)NS_PER_S);
    return arena_str(a, duration_human(text, ns));
}

static struct str busy(struct arena *a, const struct whatif_side *s)
{
    double share = s->gpu_offered > 0 ? 100 * s->gpu_used / s->gpu_offered : 0;
    return arena_printf(a, "%.1f%%", share);
}

static void row(struct text_table *t, const char *what, struct str was, struct str would)
{
    const struct str cells[] = { str_from(what), was, would };
    text_table_row(t, cells);
}

static void print_sides(FILE *out, struct arena *a, const struct whatif *w)
{
    struct text_table t = { .a = a, .columns = 3 };
    row(&t, "", STR("WAS"), STR("WOULD BE"));
    row(&t, "pods started", number(a, w->was.started), number(a, w->would.started));
    row(&t, "pods waiting at the end", number(a, w->was.waiting), number(a, w->would.waiting));
    row(&t, "gangs started", number(a, w->was.gangs_started), number(a, w->would.gangs_started));
    row(&t, "pods preempted", number(a, w->was.evictions), number(a, w->would.evictions));
    row(&t, "GPUs in use", busy(a, &w->was), busy(a, &w->would));
    size_t n = w->n_queues == 2 ? 1 : w->n_queues; /* of one queue all has been said */
    for (size_t i = 0; i < n; i++) {
        const struct whatif_queue *q = &w->queues[i];
        struct str of = q->name.n ? arena_printf(a, " in %.*s", STR_ARG(q->name)) : STR("");
        row(&t, arena_printf(a, "wait p50%.*s", STR_ARG(of)).p, seconds(a, q->was.p50),
            seconds(a, q->would.p50));
        row(&t, arena_printf(a, "wait p99%.*s", STR_ARG(of)).p, seconds(a, q->was.p99),
            seconds(a, q->would.p99));
    }
    text_table_print(&t, out);
}

static void print_gangs(FILE *out, struct arena *a, const struct whatif *w)
{
    struct text_table t = { .a = a, .columns = 4 };
    const struct str head[] = { STR("GANG"), STR("PODS"), STR("STARTED AFTER"),
                                STR("WOULD START AFTER") };
    text_table_row(&t, head);
    for (size_t i = 0; i < w->n_differ && i < GANGS_SHOWN; i++) {
        const struct whatif_gang *g = &w->differ[i];
        const struct str cells[] = { g->key, number(a, g->pods), seconds(a, g->was),
                                     seconds(a, g->would) };
        text_table_row(&t, cells);
    }
    fputc('\n', out);
    text_table_print(&t, out);
    if (w->n_differ > GANGS_SHOWN)
        fprintf(out, "and %zu more; -o json lists all\n", w->n_differ - GANGS_SHOWN);
}

static void print_waiting(FILE *out, const struct whatif *w)
{
    fprintf(out, "\nstill waiting:\n");
    for (size_t i = 0; i < w->n_waiting && i < WAITING_SHOWN; i++)
        fprintf(out, "  %.*s\n", STR_ARG(w->waiting[i].why));
    if (w->n_waiting > WAITING_SHOWN)
        fprintf(out, "  and %zu more; -o json lists all\n", w->n_waiting - WAITING_SHOWN);
}

static void print_text(FILE *out, struct arena *a, const struct whatif *w, struct str change)
{
    fprintf(out, "what if: %.*s\n", STR_ARG(change));
    fprintf(out, "%.*s, pods that came to wait: %zu, gangs: %zu\n\n",
            STR_ARG(seconds(a, w->end - w->begin)), w->pods, w->gangs);
    print_sides(out, a, w);
    if (w->n_differ)
        print_gangs(out, a, w);
    if (w->n_waiting)
        print_waiting(out, w);
    fprintf(out,
            "\npods: %zu start earlier, %zu later, %zu that did not start would, %zu that did "
            "would not\n",
            w->earlier, w->later, w->only_would, w->only_was);
    if (w->displaced)
        fprintf(out, "pods that lose their node: %zu; that find no other: %zu\n", w->displaced,
                w->stranded);
    if (w->recorded)
        fprintf(out, "(unchanged, %zu of %zu recorded starts come out within a second)\n", w->alike,
                w->recorded);
}

static int print_document(FILE *out, struct jnode *root, bool yaml, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct buf b;
    if (jnode_freeze(&doc, root, err))
        return -1;
    buf_init(&b, ANSWER_BYTES_MAX);
    if (yaml)
        yaml_write(&b, json_root(doc), YAML_AS_IS);
    else
        json_write_pretty(&b, json_root(doc), 4);
    fprintf(out, "%.*s%s", STR_ARG(buf_view(&b)), yaml ? "" : "\n");
    buf_fini(&b);
    return 0;
}

static int answer(struct cli *cli, const struct args *args, const struct day *day, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(whatif_change_freep) struct whatif_change *change = whatif_change_new(day);
    struct str format = args_text(args, "output");
    struct whatif w;
    int64_t more;
    if (!duration_parse(args_text(args, "for"), &more) || more < 0 || more > INT64_C(1) << 60)
        return err_set(err, ERR_INVALID, "--for: wants a duration such as 90s or 12h");
    if (read_change(change, args, err))
        return -1;
    const struct scene_change c = whatif_change_get(change);
    if (whatif_run(&w, day, &c, day->end + more, err))
        return -1;
    int rc = 0;
    if (format.n)
        rc = print_document(cli->out, whatif_json(a, &w, whatif_change_words(change)),
                            str_is(format, "yaml"), err);
    else
        print_text(cli->out, a, &w, whatif_change_words(change));
    whatif_fini(&w);
    return rc;
}

static int verb_sim_whatif(struct cli *cli, struct args *args, struct err *err)
{
    AUTO(day_freep) struct day *day = NULL;
    struct str format = args_text(args, "output");
    if (format.n && !str_is(format, "json") && !str_is(format, "yaml"))
        return err_set(err, ERR_INVALID, "-o is json or yaml, not %.*s", STR_ARG(format));
    return read_the_day(&day, args, err) ? -1 : answer(cli, args, day, err);
}

static const struct option rows[] = {
    { .name = "now", .type = OPTION_FLAG, .help = "ask about the present state, not about a file" },
    { .name = "add-nodes",
      .value = "N[:LIKE]",
      .repeats = true,
      .help = "add nodes: of a shape (gpu8), like a node (its name), or like a node whose GPU "
              "model has the word (h100)" },
    { .name = "nodes",
      .value = "FILE",
      .repeats = true,
      .help = "add node groups as for up --sim-nodes, or manifests of nodes; those that exist are "
              "replaced" },
    { .name = "remove-node", .value = "NAME", .repeats = true, .help = "without this node" },
    { .name = "queues",
      .value = "FILE",
      .repeats = true,
      .help = "manifests of queues, topologies and group objects; those that exist are replaced" },
    { .name = "config", .value = "FILE", .help = "another KubeSchedulerConfiguration" },
    { .name = "for",
      .value = "DURATION",
      .fallback = "1m",
      .help = "go on so long after the end of the record, or from now" },
    { .name = "output", .letter = 'o', .value = "json|yaml", .help = "for scripts" },
};

const struct cli_verb sim_whatif_verb = {
    .name = "sim whatif",
    .usage = "(FILE | --now) [changes]",
    .help = "decide a recorded day, or the present, with other nodes, queues or policies",
    .details =
        "Runs the scheduler's core twice on virtual time, once unchanged and once with the "
        "changes,\n"
        "and prints what is different: which gangs start, how long each queue waits, how many "
        "GPUs\n"
        "are in use. Pods come as recorded and run as long as they did; nothing is written to the\n"
        "API. FILE comes from `ganglion up --record` or `ganglion sim record`.",
    .examples =
        "  ganglion sim whatif day.jsonl --add-nodes 2:h100     # would two more have helped?\n"
        "  ganglion sim whatif day.jsonl --remove-node gpu-7    # who would have waited?\n"
        "  ganglion sim whatif --now --add-nodes 2:gpu8         # which waiting gangs would "
        "start?\n"
        "  ganglion sim whatif day.jsonl --queues queues.yaml -o json",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = 1,
    .run = verb_sim_whatif,
};
