/* SPDX-License-Identifier: Apache-2.0
 * extender_talk — see extender_talk.h. Filters and priorities are here, victims in talk_victims.c.
 */
#include "scheduler/extender/extender_talk.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/json.h"
#include "scheduler/extender/talk_internal.h"

#define SCALE (SCHED_SCORE_MAX / EXTENDER_SCORE_MAX)
#define REASON_BYTES_MAX 256 /* of one node */

static const struct json_limits answer_limits = { .bytes = TALK_ANSWER_BYTES_MAX,
                                                  .depth = 100,
                                                  .nodes = 16u << 20 };

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return str_cmp(x->said.name, y->said.name);
}

struct talk *talk_begin(const struct extenders *x, const struct kobj *pod)
{
    struct talk *t = MEM_NEW(struct talk);
    t->x = x;
    t->pod = kobj_ref(pod);
    t->a = arena_new();
    t->answer = extender_answer_new();
    buf_init(&t->url, 4096);
    buf_init(&t->body, TALK_QUESTION_BYTES_MAX);
    return t;
}

struct talk *talk_new(const struct extenders *x,
                      const struct kobj *pod,
                      const struct kobj *const *nodes,
                      size_t n)
{
    struct talk *t = talk_begin(x, pod);
    t->nodes = ARENA_ARRAY(t->a, struct seen, n);
    for (size_t i = 0; i < n; i++) {
        struct seen *s = &t->nodes[i];
        s->obj = kobj_ref(nodes[i]);
        s->said = (struct extender_node){ .name = s->obj->name, .verdict = SCHED_OK };
    }
    t->n = t->left = n;
    qsort(t->nodes, n, sizeof *t->nodes, compare_seen);
    return t;
}

void talk_free(struct talk *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        kobj_unref(t->nodes[i].obj);
    talk_forget_victims(t);
    kobj_unref(t->pod);
    buf_fini(&t->url);
    buf_fini(&t->body);
    extender_answer_free(t->answer);
    arena_free(t->a);
    free(t);
}

const struct kobj *talk_pod(const struct talk *t)
{
    return t->pod;
}

/* ---- asking ---- */

static struct str verb_of(const struct extender *e, enum part part)
{
    if (part == PART_VICTIMS)
        return e->preempt;
    return part == PART_FILTER ? e->filter : e->prioritize;
}

static void put_nodes(struct talk *t, bool names)
{
    bool first = true;
    for (size_t i = 0; i < t->n; i++) {
        if (t->nodes[i].said.verdict != SCHED_OK)
            continue;
        if (!first)
            buf_char(&t->body, ',');
        first = false;
        if (names)
            json_write_str(&t->body, t->nodes[i].said.name);
        else
            json_write(&t->body, kobj_root(t->nodes[i].obj));
    }
}

static void put_question(struct talk *t, const struct extender *e)
{
    buf_clear(&t->url);
    buf_clear(&t->body);
    buf_printf(&t->url, "%.*s/%.*s", STR_ARG(e->url), STR_ARG(verb_of(e, t->part)));
    buf_str(&t->body, STR("{\"Pod\":"));
    json_write(&t->body, kobj_root(t->pod));
    if (t->part == PART_VICTIMS) {
        talk_put_victims(t, e->node_cache_capable);
        return;
    }
    buf_str(&t->body, e->node_cache_capable ? STR(",\"Nodes\":null,\"NodeNames\":[")
                                            : STR(",\"Nodes\":{\"metadata\":{},\"items\":["));
    put_nodes(t, e->node_cache_capable);
    buf_str(&t->body, e->node_cache_capable ? STR("]}") : STR("]},\"NodeNames\":null}"));
}

/* There is something that this part could decide: filters while a node is left, priorities where
 * there is a choice, victims while somebody may leave. */
static bool is_open(const struct talk *t)
{
    if (t->answer->error.p || (t->part == PART_VICTIMS && !t->proposed))
        return false;
    return t->left >= (t->part == PART_PRIORITIZE ? 2u : 1u);
}

static const struct extender *whom(struct talk *t)
{
    for (; t->part != PART_OVER; t->part++, t->at = 0) {
        while (is_open(t) && t->at < t->x->n) {
            const struct extender *e = &t->x->items[t->at++];
            if (verb_of(e, t->part).n && extender_concerns(e, pod_of(t->pod)))
                return e;
        }
    }
    return NULL;
}

bool talk_next(struct talk *t, struct talk_request *out)
{
    t->asked = whom(t);
    if (!t->asked)
        return false;
    put_question(t, t->asked);
    *out = (struct talk_request){ t->asked, buf_view(&t->url), buf_view(&t->body) };
    return true;
}

/* ---- what comes back ---- */

static int
parse(struct json_doc **out, int status, struct str body, struct str trouble, struct err *err)
{
    if (status == 0)
        return err_set(err, ERR_IO, "gave no answer: %.*s", STR_ARG(str_take(trouble, 120)));
    if (status != 200)
        return err_set(err, ERR_IO, "answered with status %d", status);
    if (json_parse(out, body, &answer_limits, NULL))
        return err_set(err, ERR_INVALID, "answered with what is no JSON: %.*s",
                       STR_ARG(str_take(str_trim(body), SHOWN_BYTES_MAX)));
    return 0;
}

static struct seen *find(struct talk *t, struct str name)
{
    struct seen key = { .said = { .name = name } };
    return t->n ? bsearch(&key, t->nodes, t->n, sizeof key, compare_seen) : NULL;
}

/* One that was asked about. */
static struct seen *find_asked(struct talk *t, struct str name, struct err *err)
{
    struct seen *s = find(t, name);
    if (s && s->said.verdict == SCHED_OK)
        return s;
    err_set(err, ERR_INVALID, "names the node \"%.*s\", which was not in the question",
            STR_ARG(str_take(name, SHOWN_BYTES_MAX)));
    return NULL;
}

/* ---- filter ---- */

static int mark_passing(struct talk *t, struct json answer, struct err *err)
{
    struct json names = extender_field(answer, "NodeNames");
    struct json items = extender_field(extender_field(answer, "Nodes"), "items");
    bool by_name = t->asked->node_cache_capable && json_has(names);
    for (struct json_iter it = json_iter(by_name ? names : items); json_next(&it);) {
        struct str name =
            by_name ? json_str(it.value) : json_str(json_path(it.value, "metadata.name"));
        struct seen *s = find_asked(t, name, err);
        if (!s)
            return -1;
        s->named = true;
    }
    return 0;
}

/* Checks first, so that a lying answer changes nothing. */
static int check_failed(struct talk *t, struct json map, struct err *err)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        if (!find_asked(t, it.key, err))
            return -1;
    }
    return 0;
}

static void put_failed(struct talk *t, struct json map, enum verdict verdict)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct seen *s = find(t, it.key);
        assert(s); /* check_failed */
        struct str why = str_take(json_str(it.value), REASON_BYTES_MAX);
        if (s->named)
            continue; /* it passes, whatever else is said */
        s->said.verdict = verdict;
        if (why.n)
            s->said.why = arena_str(t->a, why);
    }
}

static int hear_filter(struct talk *t, struct json answer, struct err *err)
{
    struct json failed = extender_field(answer, "FailedNodes");
    struct json never = extender_field(answer, "FailedAndUnresolvableNodes");
    struct str error = json_str(extender_field(answer, "Error"));
    for (size_t i = 0; i < t->n; i++)
        t->nodes[i].named = false;
    if (json_type(answer) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "answered with no object");
    if (error.n)
        return err_set(err, ERR_IO, "says: %.*s", STR_ARG(str_take(error, 160)));
    if (mark_passing(t, answer, err) || check_failed(t, failed, err) || check_failed(t, never, err))
        return -1;
    struct str silent =
        arena_printf(t->a, "node(s) didn't pass extender %.*s", STR_ARG(t->asked->url));
    put_failed(t, failed, SCHED_UNSCHEDULABLE);
    put_failed(t, never, SCHED_UNRESOLVABLE);
    t->left = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct extender_node *said = &t->nodes[i].said;
        bool passed = said->verdict == SCHED_OK;
        if (passed && !t->nodes[i].named)
            said->verdict = SCHED_UNSCHEDULABLE;
        if (said->verdict != SCHED_OK && !said->why.p)
            said->why = silent;
        t->left += said->verdict == SCHED_OK;
    }
    return 0;
}

/* ---- prioritize ---- */

static int check_score(struct talk *t, struct json entry, struct err *err)
{
    struct json score = extender_field(entry, "Score");
    int64_t n;
    if (!find_asked(t, json_str(extender_field(entry, "Host")), err))
        return -1;
    if (!json_i64(score, &n) || n < 0 || n > EXTENDER_SCORE_MAX)
        return err_set(err, ERR_INVALID, "gives the score %.*s, which is not 0 to %d",
                       STR_ARG(str_take(json_text(score), 40)), EXTENDER_SCORE_MAX);
    return 0;
}

static int hear_scores(struct talk *t, struct json list, struct err *err)
{
    if (json_type(list) != JSON_ARR)
        return err_set(err, ERR_INVALID, "answered with no list of priorities");
    for (size_t i = 0; i < t->n; i++)
        t->nodes[i].named = false;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (check_score(t, it.value, err))
            return -1;
    }
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct seen *s = find(t, json_str(extender_field(it.value, "Host")));
        assert(s); /* check_score */
        if (s->named)
            continue; /* the first counts */
        s->named = true;
        s->said.score +=
            json_i64_or(extender_field(it.value, "Score"), 0) * t->asked->weight * SCALE;
    }
    return 0;
}

void talk_hear(struct talk *t,
               int status,
               struct str body,
               struct str trouble,
               struct str *complaint)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    *complaint = (struct str){ 0 };
    int rc = parse(&doc, status, body, trouble, &err);
    if (rc == 0 && t->part == PART_FILTER)
        rc = hear_filter(t, json_root(doc), &err);
    else if (rc == 0 && t->part == PART_VICTIMS)
        rc = talk_hear_victims(t, json_root(doc), &err);
    else if (rc == 0)
        rc = hear_scores(t, json_root(doc), &err);
    if (rc == 0)
        return;
    *complaint = arena_printf(t->a, "extender %.*s %s", STR_ARG(buf_view(&t->url)), err.msg);
    if (t->part != PART_PRIORITIZE && !t->asked->ignorable)
        t->answer->error = arena_str(t->answer->a, *complaint);
}

struct extender_answer *talk_take(struct talk *t)
{
    struct extender_answer *out = t->answer;
    t->answer = NULL;
    out->nodes = ARENA_ARRAY(out->a, struct extender_node, t->n);
    for (size_t i = 0; i < t->n; i++) {
        const struct extender_node *from = &t->nodes[i].said;
        struct extender_node *to = &out->nodes[out->n++];
        *to = *from;
        to->name = arena_str(out->a, from->name);
        to->why = from->why.p ? arena_str(out->a, from->why) : from->why;
    }
    return out;
}

/* ---- bind ---- */

struct str talk_bind_body(struct arena *a, const struct kobj *pod, struct str node)
{
    const struct {
        const char *name;
        struct str value;
    } fields[] = { { "PodName", pod->name },
                   { "PodNamespace", pod->namespace },
                   { "PodUID", pod->uid },
                   { "Node", node } };
    struct buf b;
    buf_init(&b, 8192);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        buf_printf(&b, "%c\"%s\":", i ? ',' : '{', fields[i].name);
        json_write_str(&b, fields[i].value);
    }
    buf_char(&b, '}');
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

int talk_bind_heard(int status, struct str body, struct str trouble, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (parse(&doc, status, body, trouble, err))
        return err_wrap(err, "the extender that binds");
    struct str error = json_str(extender_field(json_root(doc), "Error"));
    if (error.n)
        return err_set(err, ERR_IO, "the extender that binds says: %.*s",
                       STR_ARG(str_take(error, 160)));
    return 0;
}
