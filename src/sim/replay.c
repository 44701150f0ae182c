/* SPDX-License-Identifier: Apache-2.0
 * replay — see replay.h. */
#include "sim/replay.h"

#include "sim/record_file.h"

#define SHOWN 3
#define SHOWN_BYTES 600
#define DECISION_BYTES_MAX RECORD_LINE_BYTES_MAX

struct replay {
    struct replay_result *r;
    FILE *out;
    struct record_file *file;
    struct sched_core *core; /* NULL before the first header */
    struct arena *a;         /* of a step */
    struct buf text;         /* of its decision */
    struct mono first, last; /* of this run */
};

static void run_ended(struct replay *p)
{
    p->r->virtual_ns += p->last.ns - p->first.ns;
    core_free(TAKE(p->core));
}

static int run_begins(struct replay *p, const struct record_header *h, struct err *err)
{
    if (h->source != RECORD_BY_SCHEDULER)
        return err_set(err, ERR_INVALID,
                       "line %zu: recorded beside a scheduler, without its decisions; record with "
                       "`ganglion up --record FILE`, or ask `ganglion sim whatif`",
                       record_file_number(p->file));
    run_ended(p);
    p->r->runs++;
    p->first = p->last = h->mono;
    return record_file_core(&p->core, h, (struct str){ 0 }, err);
}

static void show(const struct replay *p, const char *who, struct str text)
{
    bool whole = text.n <= SHOWN_BYTES;
    fprintf(p->out, "  %-8s %.*s%s\n", who, (int)(whole ? text.n : SHOWN_BYTES), text.p,
            whole ? "" : " …");
}

static void step(struct replay *p, const struct record_line *l)
{
    struct decision d;
    struct str recorded = json_exists(l->decision) ? json_text(l->decision) : STR("none");
    arena_reset(p->a);
    buf_clear(&p->text);
    core_step(p->core, l->input.now, p->a, &d);
    if (d.kind == DECISION_NONE)
        buf_str(&p->text, STR("none"));
    else
        jnode_write(&p->text, record_decision(p->a, p->core, &d));
    p->r->decisions += json_exists(l->decision);
    if (str_eq(recorded, buf_view(&p->text)))
        return;
    if (p->r->differ++ >= SHOWN)
        return;
    fprintf(p->out, "line %zu differs\n", record_file_number(p->file));
    show(p, "recorded", recorded);
    show(p, "replayed", buf_view(&p->text));
}

static int take_line(struct replay *p, struct record_line *l, struct err *err)
{
    if (l->is_header)
        return run_begins(p, &l->header, err);
    if (!p->core)
        return err_set(err, ERR_INVALID, "line 1: a record begins with {\"ganglionRecord\":…");
    if (l->input.now.ns < p->last.ns)
        return err_set(err, ERR_INVALID, "line %zu: t goes back", record_file_number(p->file));
    p->last = l->input.now;
    if (l->input.kind == INPUT_STEP) {
        step(p, l);
        return 0;
    }
    struct core_input in = l->input;
    p->r->inputs++;
    if (l->input.answer)
        in.answer = TAKE(l->input.answer);
    core_hear(p->core, &in, NULL); /* what was wrong with a queue then is wrong now */
    return 0;
}

int replay_file(struct replay_result *result, FILE *out, const char *path, struct err *err)
{
    AUTO(record_file_closep) struct record_file *file = NULL;
    struct replay p = { .r = result, .out = out };
    struct record_line *line;
    int got;
    *result = (struct replay_result){ 0 };
    if (record_file_open(&file, path, err))
        return -1;
    p.file = file;
    p.a = arena_new();
    buf_init(&p.text, DECISION_BYTES_MAX);
    while ((got = record_file_next(file, &line, err)) == 1) {
        got = take_line(&p, line, err);
        if (got)
            break;
    }
    run_ended(&p);
    result->cut = record_file_cut(file);
    buf_fini(&p.text);
    arena_free(p.a);
    if (got == 0 && result->runs == 0)
        return err_set(err, ERR_INVALID, "%s: empty: it has no header", path);
    return got;
}
