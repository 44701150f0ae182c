/* SPDX-License-Identifier: Apache-2.0
 * record_file — see record_file.h. */
#include "sim/record_file.h"

#include <stdlib.h>

#include "base/map.h"
#include "io/lines.h"
#include "scheduler/config/config.h"

struct record_file {
    char *path;
    struct lines *lines;
    struct arena *a; /* of the line at hand */
    struct record_line line;
    size_t cut;
};

int record_file_open(struct record_file **out, const char *path, struct err *err)
{
    struct lines *lines;
    if (lines_open(&lines, path, RECORD_LINE_BYTES_MAX, err))
        return -1;
    struct record_file *f = MEM_NEW(struct record_file);
    f->path = str_dup(str_from(path));
    f->lines = lines;
    f->a = arena_new();
    *out = f;
    return 0;
}

void record_file_close(struct record_file *f)
{
    if (!f)
        return;
    record_line_fini(&f->line);
    arena_free(f->a);
    lines_close(f->lines);
    free(f->path);
    free(f);
}

/* 1, 0 or -1 as record_file_next; -1 with ERR_INVALID for a line that is none. */
static int read_one(struct record_file *f, struct err *err)
{
    struct str text;
    int got = lines_next(f->lines, &text, err);
    if (got != 1)
        return got;
    record_line_fini(&f->line);
    arena_reset(f->a);
    return record_parse(&f->line, f->a, text, err) ? -1 : 1;
}

int record_file_next(struct record_file *f, struct record_line **out, struct err *err)
{
    struct err why = { 0 }, ignored = { 0 };
    int got = read_one(f, &why);
    size_t number = lines_number(f->lines);
    if (got < 0 && why.kind == ERR_INVALID) {
        got = read_one(f, &ignored);
        if (got < 0 || (got == 1 && !f->line.is_header)) {
            if (err)
                *err = why;
            return err_wrap(err, "%s: line %zu", f->path, number);
        }
        f->cut++;
    } else if (got < 0) {
        if (err)
            *err = why;
        return -1;
    }
    if (got == 1)
        *out = &f->line;
    return got;
}

size_t record_file_number(const struct record_file *f)
{
    return lines_number(f->lines);
}

size_t record_file_cut(const struct record_file *f)
{
    return f->cut;
}

int record_file_core(struct sched_core **out,
                     const struct record_header *h,
                     struct str config,
                     struct err *err)
{
    struct sched_config c;
    struct str text = config.n ? config : json_text(h->config);
    map_set_process_seed(h->seed);
    if (!text.n) {
        *out = core_new_default();
        return 0;
    }
    if (sched_config_parse(&c, text, err))
        return err_wrap(err, "scheduler configuration");
    *out = core_new(c.profiles, c.n);
    core_set_backoff(*out, c.backoff_min_ns, c.backoff_max_ns);
    core_set_extenders(*out, TAKE(c.extenders));
    c.n = 0; /* the core has the profiles now */
    sched_config_fini(&c);
    return 0;
}
