/* SPDX-License-Identifier: Apache-2.0
 * oracle_files — see oracle_files.h. */
#include "sim/oracle_files.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "io/lines.h"
#include "scheduler/cycle/oracle.h"

#define LINE_BYTES_MAX (8u << 20)
#define DIFFS_SHOWN 3
#define DIFF_BYTES_SHOWN 600
#define DIFF_BYTES_MAX (1u << 20)
#define TOPICS_MAX 256 /* further ones share the last row */

struct topic {
    struct str name;
    size_t total, matched;
    struct str diffs[DIFFS_SHOWN];
};

struct tally {
    struct arena *a;
    struct topic topics[TOPICS_MAX];
    size_t n;
    struct buf diff; /* of the case at hand */
};

static struct topic *topic_of(struct tally *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->topics[i].name, name))
            return &t->topics[i];
    }
    if (t->n == TOPICS_MAX)
        return &t->topics[TOPICS_MAX - 1];
    t->topics[t->n].name = arena_str(t->a, name);
    return &t->topics[t->n++];
}

static void replay_line(struct tally *t, struct str line, const struct lines *from)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct topic *topic;
    bool same = false;
    buf_clear(&t->diff);
    if (json_parse(&doc, line, &json_limits_own, &err) != 0) {
        topic = topic_of(t, STR("(not JSON)"));
        buf_printf(&t->diff, "line %zu: %s", lines_number(from), err.msg);
    } else {
        struct json root = json_root(doc);
        topic = topic_of(t, json_str(json_get(root, STR("topic"))));
        buf_printf(&t->diff, "%.*s: ", STR_ARG(json_str(json_get(root, STR("id")))));
        same = oracle_replay(root, &t->diff);
    }
    size_t failed = topic->total - topic->matched;
    if (!same && failed < DIFFS_SHOWN)
        topic->diffs[failed] = arena_str(t->a, str_take(buf_view(&t->diff), DIFF_BYTES_SHOWN));
    topic->total++;
    topic->matched += same;
}

static int replay_file(struct tally *t, struct str path, struct err *err)
{
    AUTO(lines_closep) struct lines *l = NULL;
    struct str line;
    int rc;
    if (lines_open(&l, arena_str(t->a, path).p, LINE_BYTES_MAX, err))
        return -1;
    while ((rc = lines_next(l, &line, err)) > 0) {
        if (str_trim(line).n)
            replay_line(t, line, l);
    }
    return rc;
}

static size_t print(FILE *out, const struct tally *t)
{
    size_t passed = 0, failed = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct topic *topic = &t->topics[i];
        size_t wrong = topic->total - topic->matched;
        fprintf(out, "%-28.*s %zu/%zu\n", STR_ARG(topic->name), topic->matched, topic->total);
        for (size_t k = 0; k < wrong && k < DIFFS_SHOWN; k++)
            fprintf(out, "  %.*s\n", STR_ARG(topic->diffs[k]));
        if (wrong > DIFFS_SHOWN)
            fprintf(out, "  and %zu more\n", wrong - DIFFS_SHOWN);
        passed += topic->matched;
        failed += wrong;
    }
    fprintf(out, "%zu passed, %zu failed\n", passed, failed);
    return failed;
}

int sim_oracle_files(FILE *out, const struct str *paths, size_t n, size_t *failed, struct err *err)
{
    struct tally *t = MEM_NEW(struct tally);
    t->a = arena_new();
    buf_init(&t->diff, DIFF_BYTES_MAX);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = replay_file(t, paths[i], err);
    if (rc == 0)
        *failed = print(out, t);
    buf_fini(&t->diff);
    arena_free(t->a);
    free(t);
    return rc;
}
