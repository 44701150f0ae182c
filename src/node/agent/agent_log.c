/* SPDX-License-Identifier: Apache-2.0
 * agent_log — log requests from other threads: each is carried to the agent's loop, served in
 * pieces as long as its reader keeps up, and, when it follows, looked at again every 100 ms. */
#include <stdlib.h>

#include "node/agent/agent_internal.h"
#include "node/executor/podlogs.h"

#define UNSENT_MAX ((size_t)1 << 20)
#define FOLLOW_NS (100 * NS_PER_MS)
#define PIECES_MAX 16 /* in one go */
#define READERS_MAX 256

struct log_reader {
    struct list link;
    struct node_agent *n;
    struct arena *arena; /* of the query's texts */
    struct node_log_query q;
    struct node_log_sink sink;
    void *arg;
    struct podlogs *logs;
    struct timer *timer;
};

static void reader_end(struct log_reader *r, const struct err *err)
{
    r->sink.end(r->arg, err);
    list_remove(&r->link);
    podlogs_close(r->logs);
    timer_free(r->timer);
    arena_free(r->arena);
    free(r);
}

static void pump(void *arg)
{
    struct log_reader *r = arg;
    enum podlogs_more more = PODLOGS_MORE;
    struct buf piece;
    bool open = true;
    buf_init(&piece, 4 * PODLOGS_PIECE);
    for (int i = 0; i < PIECES_MAX && more == PODLOGS_MORE && open; i++) {
        if (r->sink.unsent(r->arg) > UNSENT_MAX)
            break;
        buf_clear(&piece);
        more = podlogs_read(r->logs, &piece);
        open = !piece.n || r->sink.write(r->arg, buf_view(&piece));
    }
    buf_fini(&piece);
    if (!open || more == PODLOGS_END)
        reader_end(r, NULL);
    else
        timer_start(r->timer, more == PODLOGS_MORE ? NS_PER_MS : FOLLOW_NS);
}

static struct wall since_of(const struct log_reader *r)
{
    struct wall since = { 0 };
    if (r->q.since_s >= 0)
        since.ns = loop_wall(r->n->t->loop).ns - r->q.since_s * NS_PER_S;
    else if (r->q.since_time.n)
        wall_parse(r->q.since_time, &since);
    return since;
}

static size_t count_readers(const struct node_agent *n)
{
    size_t count = 0;
    LIST_EACH (&n->readers, node)
        count++;
    return count;
}

static int reader_open(struct log_reader *r, struct err *err)
{
    struct local_pod *p = executor_find(r->n->executor, r->q.uid);
    if (r->n->stopping || count_readers(r->n) > READERS_MAX)
        return err_set(err, ERR_BUSY, "the node serves no more log readers now");
    if (!p)
        return err_set(err, ERR_NOT_FOUND, "pod \"%.*s\" has no logs on this node",
                       STR_ARG(r->q.pod));
    struct podlogs_query q = { .dir = local_pod_dir(p),
                               .container = r->q.container,
                               .previous = r->q.previous,
                               .timestamps = r->q.timestamps,
                               .follow = r->q.follow,
                               .tail_lines = r->q.tail_lines,
                               .limit_bytes = r->q.limit_bytes,
                               .since = since_of(r) };
    r->logs = podlogs_open(&q, err);
    return r->logs ? 0 : err_wrap(err, "pod \"%.*s\"", STR_ARG(r->q.pod));
}

static void on_request(void *arg)
{
    struct log_reader *r = arg;
    struct err err = { 0 };
    list_push_back(&r->n->readers, &r->link);
    r->timer = timer_new(r->n->t->loop, pump, r);
    if (reader_open(r, &err) < 0)
        reader_end(r, &err);
    else
        pump(r);
}

void node_agent_logs(struct node_agent *n,
                     const struct node_log_query *q,
                     const struct node_log_sink *sink,
                     void *arg)
{
    struct log_reader *r = MEM_NEW(struct log_reader);
    struct arena *a = arena_new();
    r->n = n;
    r->arena = a;
    r->sink = *sink;
    r->arg = arg;
    r->q = *q;
    r->q.namespace = arena_str(a, q->namespace);
    r->q.pod = arena_str(a, q->pod);
    r->q.uid = arena_str(a, q->uid);
    r->q.container = arena_str(a, q->container);
    r->q.since_time = arena_str(a, q->since_time);
    list_init(&r->link);
    loop_post(n->t->loop, on_request, r);
}

void agent_logs_end(struct node_agent *n)
{
    LIST_EACH (&n->readers, node)
        reader_end(LIST_ITEM(node, struct log_reader, link), NULL);
}
