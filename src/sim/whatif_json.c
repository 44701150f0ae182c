/* SPDX-License-Identifier: Apache-2.0
 * whatif_json — the answer to a what-if for scripts. Times are seconds. */
#include "sim/whatif.h"

static void put_seconds(struct arena *a, struct jnode *o, const char *key, int64_t ns)
{
    struct jnode *v = ns == DAY_NEVER
                          ? jnode_null(a)
                          : jnode_num(a, arena_printf(a, "%.3f", (double)ns / (double)NS_PER_S));
    jnode_set(o, str_from(key), v);
}

static void put_time(struct jnode *o, const char *key, int64_t ns)
{
    char text[TIME_TEXT_MAX];
    jnode_set_str(o, str_from(key), wall_text(text, (struct wall){ ns }));
}

static void
put_side(struct arena *a, struct jnode *root, const char *key, const struct whatif_side *s)
{
    struct jnode *o = jnode_need_obj(root, str_from(key));
    double busy = s->gpu_offered > 0 ? s->gpu_used / s->gpu_offered : 0;
    jnode_set_i64(o, STR("podsStarted"), (int64_t)s->started);
    jnode_set_i64(o, STR("podsWaiting"), (int64_t)s->waiting);
    jnode_set_i64(o, STR("gangsStarted"), (int64_t)s->gangs_started);
    jnode_set_i64(o, STR("evictions"), (int64_t)s->evictions);
    jnode_set(o, STR("gpuHours"), jnode_num(a, arena_printf(a, "%.3f", s->gpu_used / 3600)));
    jnode_set(o, STR("gpuUtilisation"), jnode_num(a, arena_printf(a, "%.4f", busy)));
}

static void put_wait(struct arena *a, struct jnode *queue, const char *key, struct whatif_wait w)
{
    struct jnode *o = jnode_need_obj(queue, str_from(key));
    put_seconds(a, o, "p50", w.p50);
    put_seconds(a, o, "p99", w.p99);
}

static void put_queues(struct arena *a, struct jnode *root, const struct whatif *w)
{
    struct jnode *list = jnode_need_arr(root, STR("queues"));
    for (size_t i = 0; i < w->n_queues; i++) {
        const struct whatif_queue *q = &w->queues[i];
        struct jnode *o = jnode_append(list, jnode_obj(a));
        if (q->name.n)
            jnode_set_str(o, STR("queue"), q->name);
        jnode_set_i64(o, STR("pods"), (int64_t)q->pods);
        put_wait(a, o, "was", q->was);
        put_wait(a, o, "would", q->would);
    }
}

static void put_gangs(struct arena *a, struct jnode *root, const struct whatif *w)
{
    struct jnode *list = jnode_need_arr(root, STR("gangsThatDiffer"));
    for (size_t i = 0; i < w->n_differ; i++) {
        const struct whatif_gang *g = &w->differ[i];
        struct jnode *o = jnode_append(list, jnode_obj(a));
        jnode_set_str(o, STR("gang"), g->key);
        jnode_set_i64(o, STR("pods"), (int64_t)g->pods);
        put_seconds(a, o, "was", g->was);
        put_seconds(a, o, "would", g->would);
    }
}

static void put_waiting(struct arena *a, struct jnode *root, const struct whatif *w)
{
    struct jnode *list = jnode_need_arr(root, STR("gangsThatWouldWait"));
    for (size_t i = 0; i < w->n_waiting; i++) {
        struct jnode *o = jnode_append(list, jnode_obj(a));
        jnode_set_str(o, STR("gang"), w->waiting[i].key);
        jnode_set_i64(o, STR("pods"), (int64_t)w->waiting[i].pods);
        jnode_set_str(o, STR("why"), w->waiting[i].why);
    }
}

struct jnode *whatif_json(struct arena *a, const struct whatif *w, struct str change)
{
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("change"), change);
    put_time(root, "from", w->begin);
    put_time(root, "until", w->end);
    jnode_set_i64(root, STR("pods"), (int64_t)w->pods);
    jnode_set_i64(root, STR("gangs"), (int64_t)w->gangs);
    put_side(a, root, "was", &w->was);
    put_side(a, root, "would", &w->would);
    struct jnode *pods = jnode_need_obj(root, STR("podsThatDiffer"));
    jnode_set_i64(pods, STR("earlier"), (int64_t)w->earlier);
    jnode_set_i64(pods, STR("later"), (int64_t)w->later);
    jnode_set_i64(pods, STR("onlyWould"), (int64_t)w->only_would);
    jnode_set_i64(pods, STR("onlyWas"), (int64_t)w->only_was);
    jnode_set_i64(pods, STR("displaced"), (int64_t)w->displaced);
    jnode_set_i64(pods, STR("stranded"), (int64_t)w->stranded);
    put_queues(a, root, w);
    put_gangs(a, root, w);
    put_waiting(a, root, w);
    struct jnode *trust = jnode_need_obj(root, STR("likeTheRecord"));
    jnode_set_i64(trust, STR("pods"), (int64_t)w->recorded);
    jnode_set_i64(trust, STR("within1s"), (int64_t)w->alike);
    return root;
}
