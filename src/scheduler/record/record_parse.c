/* SPDX-License-Identifier: Apache-2.0
 * record_parse — lines of a record back into what a core hears. A file may come from anybody: what
 * is not as record.c writes it is refused, with the name of the member. */
#include <stdlib.h>

#include "scheduler/record/record.h"

#define CONTEXT_BYTES 64
/* So that sums do not overflow: a machine that runs for 36 years, the year 2116. */
#define MONO_MAX (INT64_C(1) << 60)
#define WALL_MAX (INT64_C(1) << 62)

static int wrong(struct err *err, const char *member, const char *wants)
{
    return err_set(err, ERR_INVALID, "%s: wants %s", member, wants);
}

static int need_i64(int64_t *out, struct json root, const char *member, struct err *err)
{
    return json_i64(json_get(root, str_from(member)), out) ? 0 : wrong(err, member, "an integer");
}

static int need_ns(int64_t *out, struct json root, const char *member, int64_t max, struct err *err)
{
    if (json_i64(json_get(root, str_from(member)), out) && *out >= 0 && *out <= max)
        return 0;
    return wrong(err, member, "nanoseconds");
}

static int need_str(struct str *out, struct json v, const char *member, struct err *err)
{
    *out = json_str(json_get(v, str_from(member)));
    return out->p ? 0 : wrong(err, member, "a string");
}

/* ---- the header ---- */

static int parse_header(struct record_header *h, struct json root, struct err *err)
{
    int64_t version;
    struct str source, seed;
    *h = (struct record_header){ .config = json_get(root, STR("config")) };
    if (need_i64(&version, root, "ganglionRecord", err))
        return -1;
    if (version != RECORD_VERSION)
        return err_set(err, ERR_INVALID, "ganglionRecord: version %lld; this program reads %d",
                       (long long)version, RECORD_VERSION);
    if (need_str(&source, root, "source", err) ||
        need_ns(&h->mono.ns, root, "mono", MONO_MAX, err) ||
        need_ns(&h->wall.ns, root, "wall", WALL_MAX, err) || need_str(&seed, root, "seed", err))
        return -1;
    if (!str_is(source, "scheduler") && !str_is(source, "watch"))
        return wrong(err, "source", "scheduler or watch");
    h->source = str_is(source, "watch") ? RECORD_BY_WATCH : RECORD_BY_SCHEDULER;
    if (!str_to_u64(seed, &h->seed))
        return wrong(err, "seed", "an unsigned number as text");
    if (json_exists(h->config) && json_type(h->config) != JSON_OBJ)
        return wrong(err, "config", "an object");
    return 0;
}

/* ---- objects ---- */

static bool is_namespaced(enum input_kind kind)
{
    return kind == INPUT_POD || kind == INPUT_CLAIM || kind == INPUT_BUDGET ||
           kind == INPUT_GROUP || (kind >= INPUT_SERVICE && kind <= INPUT_CONTROLLER);
}

static int parse_object(struct record_line *l, struct json root, struct err *err)
{
    struct json obj = json_get(root, STR("obj"));
    if (json_type(obj) != JSON_OBJ)
        return wrong(err, "obj", "an object");
    if (kobj_parse(&l->obj, json_text(obj), &json_limits_own, err))
        return err_wrap(err, "obj");
    bool namespaced = is_namespaced(l->input.kind);
    if (l->obj->name.n && l->obj->kind.n && (!namespaced || l->obj->namespace.n)) {
        l->input.obj = l->obj;
        l->input.gone = json_bool(json_get(root, STR("gone")), false);
        return 0;
    }
    kobj_unref(TAKE(l->obj));
    return wrong(err, "obj", "kind, metadata.name and, where it has one, metadata.namespace");
}

/* ---- what came of decisions ---- */

static int parse_identity(struct pod_id *out, struct json v, struct err *err)
{
    return need_str(&out->namespace, v, "namespace", err) || need_str(&out->name, v, "name", err) ||
                   need_str(&out->uid, v, "uid", err)
               ? -1
               : 0;
}

/* -1: it is not as record.c writes it; they stand in order of their nodes. */
static int parse_offer(struct arena *a, struct extender_offer *o, struct json v)
{
    struct json pods = json_get(v, STR("pods"));
    struct str node = json_str(json_get(v, STR("node")));
    if (!node.p || !json_i64(json_get(v, STR("violations")), &o->violations))
        return -1;
    o->node = arena_str(a, node);
    o->pods = ARENA_ARRAY(a, struct extender_victim, json_len(pods) + 1);
    for (struct json_iter it = json_iter(pods); json_next(&it); o->n++) {
        struct str uid = json_str(json_get(it.value, STR("uid")));
        if (!uid.p)
            return -1;
        o->pods[o->n] =
            (struct extender_victim){ arena_str(a, uid),
                                      json_bool(json_get(it.value, STR("leaves")), false) };
    }
    return 0;
}

static int parse_offers(struct extender_answer *x, struct json list)
{
    x->of_victims = json_type(list) == JSON_ARR;
    x->offers = ARENA_ARRAY(x->a, struct extender_offer, json_len(list) + 1);
    for (struct json_iter it = json_iter(list); json_next(&it); x->n_offers++) {
        struct extender_offer *o = &x->offers[x->n_offers];
        if (parse_offer(x->a, o, it.value) || (x->n_offers && str_cmp(o[-1].node, o->node) >= 0))
            return -1;
    }
    return 0;
}

static int parse_answer(struct core_input *in, struct json v, struct err *err)
{
    struct json list = json_get(v, STR("nodes"));
    struct extender_answer *x = extender_answer_new();
    x->nodes = ARENA_ARRAY(x->a, struct extender_node, json_len(list) + 1);
    for (struct json_iter it = json_iter(list); json_next(&it); x->n++) {
        struct extender_node *n = &x->nodes[x->n];
        int64_t verdict = json_i64_or(json_get(it.value, STR("verdict")), -1);
        struct str name = json_str(json_get(it.value, STR("name")));
        struct str why = json_str(json_get(it.value, STR("why")));
        if (!name.p || verdict < SCHED_OK || verdict > SCHED_UNRESOLVABLE) {
            extender_answer_free(x);
            return wrong(err, "answer.nodes", "name and verdict in each");
        }
        *n = (struct extender_node){ .name = arena_str(x->a, name),
                                     .verdict = (enum verdict)verdict,
                                     .score = json_i64_or(json_get(it.value, STR("score")), 0) };
        if (why.p)
            n->why = arena_str(x->a, why);
    }
    struct str error = json_str(json_get(v, STR("error")));
    if (error.p)
        x->error = arena_str(x->a, error);
    if (parse_offers(x, json_get(v, STR("offers")))) {
        extender_answer_free(x);
        return wrong(err, "answer.offers",
                     "node, violations and pods (uid, leaves) in each, by node");
    }
    in->answer = x;
    return 0;
}

static int parse_pods(struct record_line *l, struct arena *a, struct json root, struct err *err)
{
    struct json list = json_get(root, STR("pods"));
    size_t n = json_len(list), i = 0;
    if (json_type(list) != JSON_ARR || n == 0 || n > RECORD_PODS_MAX)
        return wrong(err, "pods", "a list of pods");
    struct pod_id *ids = ARENA_ARRAY(a, struct pod_id, n);
    for (struct json_iter it = json_iter(list); json_next(&it); i++) {
        if (parse_identity(&ids[i], it.value, err))
            return err_wrap(err, "pods[%zu]", i);
    }
    l->input.pods = ids;
    l->input.n_pods = n;
    if (l->input.kind != INPUT_ANSWER)
        return 0;
    return parse_answer(&l->input, json_get(root, STR("answer")), err);
}

/* ---- the rest ---- */

static int parse_claim_answer(struct core_input *in, struct json root, struct err *err)
{
    struct pod_id id;
    int64_t revision;
    if (need_i64(&revision, root, "revision", err) ||
        parse_identity(&id, json_get(root, STR("claim")), err))
        return -1;
    in->claim = (struct claim_id){ id.namespace, id.name, id.uid };
    in->revision = (uint64_t)revision;
    return 0;
}

static int parse_rest(struct record_line *l, struct json root, struct err *err)
{
    struct core_input *in = &l->input;
    if (in->kind == INPUT_CLOCK)
        return need_ns(&in->wall.ns, root, "wall", WALL_MAX, err);
    if (in->kind == INPUT_CLAIM_ANSWER)
        return parse_claim_answer(in, root, err);
    if (in->kind >= INPUT_PLACES && in->kind <= INPUT_START) {
        bool list = in->kind == INPUT_PLACES;
        in->places = json_get(root, STR("places"));
        if (json_type(in->places) != (list ? JSON_ARR : JSON_OBJ))
            return wrong(err, "places", list ? "a list" : "an object");
        if (need_str(&in->gang, root, "gang", err) || need_i64(&in->until.ns, root, "until", err))
            return -1;
        /* Before the machine started, when its end is past long since. */
        bool sane = in->until.ns >= -MONO_MAX && in->until.ns <= MONO_MAX;
        return sane ? 0 : wrong(err, "until", "nanoseconds");
    }
    if (in->kind == INPUT_STEP)
        l->decision = json_get(root, STR("decision"));
    return 0;
}

static int parse_input(struct record_line *l, struct arena *a, struct json root, struct err *err)
{
    struct str word;
    struct core_input *in = &l->input;
    unsigned kind = 0;
    if (need_ns(&in->now.ns, root, "t", MONO_MAX, err) || need_str(&word, root, "in", err))
        return -1;
    while (kind < INPUT_KINDS && !str_is(word, input_names[kind]))
        kind++;
    if (kind == INPUT_KINDS)
        return err_set(err, ERR_INVALID, "in: there is no input \"%.*s\"",
                       (int)(word.n < CONTEXT_BYTES ? word.n : CONTEXT_BYTES), word.p);
    in->kind = (enum input_kind)kind;
    if (kind < INPUT_OBJECT_KINDS)
        return parse_object(l, root, err);
    return kind <= INPUT_WHY ? parse_pods(l, a, root, err) : parse_rest(l, root, err);
}

int record_parse(struct record_line *out, struct arena *a, struct str line, struct err *err)
{
    static const struct json_limits limits = { .bytes = RECORD_LINE_BYTES_MAX,
                                               .depth = JSON_DEPTH_MAX,
                                               .nodes = 20u << 20 };
    struct record_line l = { 0 };
    if (json_parse(&l.doc, line, &limits, err))
        return -1;
    struct json root = json_root(l.doc);
    l.is_header = json_exists(json_get(root, STR("ganglionRecord")));
    int rc = l.is_header ? parse_header(&l.header, root, err) : parse_input(&l, a, root, err);
    if (rc) {
        json_doc_unref(l.doc);
        return -1;
    }
    *out = l;
    return 0;
}

void record_line_fini(struct record_line *l)
{
    extender_answer_free(l->input.answer);
    kobj_unref(l->obj);
    json_doc_unref(l->doc);
    *l = (struct record_line){ 0 };
}
