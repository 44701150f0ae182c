/* SPDX-License-Identifier: Apache-2.0
 * sim_record — `ganglion sim record`: what happens on a control plane, recorded from beside it. */
#include <signal.h>

#include "base/map.h"
#include "cli/conn.h"
#include "cmd/cmd.h"
#include "io/append.h"
#include "scheduler/record/record.h"
#include "sim/attach.h"

#define FLUSH_NS NS_PER_S
#define FILE_BYTES_MAX (INT64_C(64) << 30)

struct recording {
    struct cli *cli;
    struct conn *conn;
    struct append *file;
    struct buf line;
    size_t inputs;
    struct err err;
};

static void stop(void *arg)
{
    struct recording *r = arg;
    loop_stop(conn_loop(r->conn));
}

static void put_line(struct recording *r)
{
    if (r->err.kind)
        return;
    int rc = r->line.failed ? err_set(&r->err, ERR_TOO_LARGE, "a line is longer than %zu bytes",
                                      RECORD_LINE_BYTES_MAX)
                            : append_put(r->file, buf_view(&r->line), &r->err);
    if (rc)
        stop(r);
    buf_clear(&r->line);
}

static void on_flush(void *arg)
{
    struct recording *r = arg;
    if (!r->err.kind && append_flush(r->file, &r->err))
        stop(r);
}

static void on_input(void *arg, const struct core_input *in)
{
    struct recording *r = arg;
    const struct decision none = { 0 };
    if (in->kind == INPUT_STEP) {
        record_step(&r->line, NULL, in->now, &none);
        fprintf(r->cli->err, "recording %.*s: %zu objects so far; Ctrl-C ends it\n",
                STR_ARG(conn_server(r->conn)), r->inputs);
    } else {
        record_input(&r->line, in);
        r->inputs++;
    }
    put_line(r);
}

static int begin(struct recording *r, const char *path, struct err *err)
{
    struct loop *l = conn_loop(r->conn);
    const struct record_header h = { .source = RECORD_BY_WATCH,
                                     .mono = loop_now(l),
                                     .wall = loop_wall(l),
                                     .seed = map_process_seed() };
    if (append_open(&r->file, path, FILE_BYTES_MAX, err))
        return -1;
    record_header(&r->line, &h);
    put_line(r);
    return 0;
}

static void record(struct recording *r, int64_t for_ns)
{
    struct loop *l = conn_loop(r->conn);
    struct timer *flush = timer_new(l, on_flush, r), *end = timer_new(l, stop, r);
    struct loop_signal *interrupt = loop_on_signal(l, SIGINT, stop, r, &r->err);
    struct loop_signal *terminate = loop_on_signal(l, SIGTERM, stop, r, &r->err);
    struct attach *attach = attach_new(conn_transport(r->conn), on_input, r);
    timer_start_every(flush, FLUSH_NS);
    if (for_ns)
        timer_start(end, for_ns);
    loop_run(l);
    attach_free(attach);
    loop_signal_free(interrupt);
    loop_signal_free(terminate);
    timer_free(flush);
    timer_free(end);
    on_flush(r);
}

static int verb_sim_record(struct cli *cli, struct args *args, struct err *err)
{
    struct recording r = { .cli = cli };
    struct str length = args_text(args, "for");
    int64_t for_ns = 0;
    if (args_operands(args) != 1)
        return err_set(err, ERR_INVALID, "to which file? usage: ganglion sim record FILE");
    if (length.n && (!duration_parse(length, &for_ns) || for_ns <= 0))
        return err_set(err, ERR_INVALID, "--for: wants a duration such as 90s or 24h");
    r.conn = conn_open(args, err);
    if (!r.conn)
        return -1;
    buf_init(&r.line, RECORD_LINE_BYTES_MAX);
    int rc = begin(&r, args_operand(args, 0).p, err);
    if (rc == 0)
        record(&r, for_ns);
    if (rc == 0 && r.err.kind) {
        *err = r.err;
        rc = -1;
    } else if (rc == 0) {
        fprintf(cli->out, "%zu inputs, %lld bytes\n", r.inputs, (long long)append_bytes(r.file));
    }
    append_close(r.file);
    buf_fini(&r.line);
    conn_close(r.conn);
    return rc;
}

static const struct option rows[] = {
    { .name = "for", .value = "DURATION", .help = "so long; default: until Ctrl-C" },
};

const struct cli_verb sim_record_verb = {
    .name = "sim record",
    .usage = "FILE [--for DURATION]",
    .help = "record nodes, pods and queues of a control plane, for sim whatif",
    .details =
        "Watches what a scheduler would watch, on any Kubernetes API, and adds it to FILE (mode\n"
        "0600). Decisions are not visible from outside: to replay those of Ganglion's own "
        "scheduler,\n"
        "bit for bit, record with `ganglion up --record FILE`.",
    .examples = "  ganglion sim record day.jsonl --for 24h",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .max_operands = 1,
    .run = verb_sim_record,
};
