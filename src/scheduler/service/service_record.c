/* SPDX-License-Identifier: Apache-2.0
 * service_record — the record of all that the core hears and decides, on file (record/record.h):
 * from the first object on, so that a replay begins as this scheduler began. When the file cannot
 * take more, recording ends and scheduling goes on. */
#include <stdlib.h>

#include "base/map.h"
#include "io/append.h"
#include "scheduler/record/record.h"
#include "scheduler/service/service_internal.h"

#define FILE_BYTES_MAX (INT64_C(8) << 30)

struct service_record {
    struct append *file;
    struct buf line;
};

static void end_with(struct scheduler *s, const struct err *why)
{
    LOG_WARN("record.ended", kv_err(why),
             kv_cstr("next", "scheduling goes on unrecorded; what is in the file stays valid"));
    service_record_stop(s);
}

static void put_line(struct scheduler *s)
{
    struct service_record *r = s->record;
    struct err err = { 0 };
    int rc = r->line.failed ? err_set(&err, ERR_TOO_LARGE, "a line is longer than %zu bytes",
                                      RECORD_LINE_BYTES_MAX)
                            : append_put(r->file, buf_view(&r->line), &err);
    if (rc)
        end_with(s, &err);
    else
        buf_clear(&r->line);
}

int service_record_start(struct scheduler *s, const struct scheduler_options *o, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *config = NULL;
    struct append *file;
    if (!o || !o->record)
        return 0;
    if ((o->config.n && record_config(&config, o->config, err)) ||
        append_open(&file, o->record, FILE_BYTES_MAX, err))
        return err_wrap(err, "--record");
    s->record = MEM_NEW(struct service_record);
    s->record->file = file;
    buf_init(&s->record->line, RECORD_LINE_BYTES_MAX);
    const struct record_header h = { .source = RECORD_BY_SCHEDULER,
                                     .mono = loop_now(s->t->loop),
                                     .wall = loop_wall(s->t->loop),
                                     .seed = map_process_seed(),
                                     .config = json_root(config) };
    record_header(&s->record->line, &h);
    put_line(s);
    service_record_flush(s);
    return 0;
}

void service_record_stop(struct scheduler *s)
{
    struct service_record *r = TAKE(s->record);
    if (!r)
        return;
    append_close(r->file);
    buf_fini(&r->line);
    free(r);
}

void service_record_input(struct scheduler *s, const struct core_input *in)
{
    if (!s->record)
        return;
    record_input(&s->record->line, in);
    put_line(s);
}

void service_record_step(struct scheduler *s, const struct decision *d)
{
    if (!s->record)
        return;
    record_step(&s->record->line, s->core, loop_now(s->t->loop), d);
    put_line(s);
}

void service_record_flush(struct scheduler *s)
{
    struct err err = { 0 };
    if (s->record && append_flush(s->record->file, &err))
        end_with(s, &err);
}
