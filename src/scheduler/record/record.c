/* SPDX-License-Identifier: Apache-2.0
 * record — see record.h. What is written here is read by record_parse.c. */
#include "scheduler/record/record.h"

#include <inttypes.h>

#include "scheduler/core/intake.h"
#include "scheduler/preempt/preempt.h"

static const char *const decision_names[] = {
    [DECISION_NONE] = "none", [DECISION_BIND] = "bind",       [DECISION_WAIT] = "wait",
    [DECISION_LATE] = "late", [DECISION_ASK] = "ask",         [DECISION_PREEMPT] = "preempt",
    [DECISION_UNDO] = "undo", [DECISION_RELIEVE] = "relieve",
};

static void put_line(struct buf *out, struct jnode *root)
{
    if (jnode_text_bytes(root) >= RECORD_LINE_BYTES_MAX) {
        out->failed = true;
        return;
    }
    jnode_write(out, root);
    buf_char(out, '\n');
}

static struct jnode *line_new(struct arena *a, enum input_kind kind, struct mono now)
{
    struct jnode *root = jnode_obj(a);
    jnode_set_i64(root, STR("t"), now.ns);
    jnode_set_str(root, STR("in"), str_from(input_names[kind]));
    return root;
}

void record_header(struct buf *out, const struct record_header *h)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_obj(a);
    jnode_set_i64(root, STR("ganglionRecord"), RECORD_VERSION);
    jnode_set_str(root, STR("source"),
                  h->source == RECORD_BY_WATCH ? STR("watch") : STR("scheduler"));
    jnode_set_i64(root, STR("mono"), h->mono.ns);
    jnode_set_i64(root, STR("wall"), h->wall.ns);
    jnode_set_str(root, STR("seed"), arena_printf(a, "%" PRIu64, h->seed));
    if (json_exists(h->config))
        jnode_set(root, STR("config"), jnode_thaw(a, h->config));
    put_line(out, root);
}

/* ---- inputs ---- */

static struct jnode *
identity(struct arena *a, struct str namespace, struct str name, struct str uid)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("namespace"), namespace);
    jnode_set_str(o, STR("name"), name);
    jnode_set_str(o, STR("uid"), uid);
    return o;
}

static void put_offers(struct arena *a, struct jnode *answer, const struct extender_answer *x)
{
    struct jnode *list = jnode_need_arr(answer, STR("offers"));
    for (size_t i = 0; i < x->n_offers; i++) {
        const struct extender_offer *o = &x->offers[i];
        struct jnode *e = jnode_append(list, jnode_obj(a));
        jnode_set_str(e, STR("node"), o->node);
        jnode_set_i64(e, STR("violations"), o->violations);
        struct jnode *pods = jnode_need_arr(e, STR("pods"));
        for (size_t k = 0; k < o->n; k++) {
            struct jnode *pod = jnode_append(pods, jnode_obj(a));
            jnode_set_str(pod, STR("uid"), o->pods[k].uid);
            jnode_set_bool(pod, STR("leaves"), o->pods[k].leaves);
        }
    }
}

static struct jnode *answer_node(struct arena *a, const struct extender_answer *x)
{
    struct jnode *o = jnode_obj(a);
    struct jnode *list = jnode_need_arr(o, STR("nodes"));
    for (size_t i = 0; i < x->n; i++) {
        const struct extender_node *n = &x->nodes[i];
        struct jnode *e = jnode_append(list, jnode_obj(a));
        jnode_set_str(e, STR("name"), n->name);
        jnode_set_i64(e, STR("verdict"), (int64_t)n->verdict);
        jnode_set_i64(e, STR("score"), n->score);
        if (n->why.p)
            jnode_set_str(e, STR("why"), n->why);
    }
    if (x->of_victims)
        put_offers(a, o, x);
    if (x->error.p)
        jnode_set_str(o, STR("error"), x->error);
    return o;
}

static void put_object(struct arena *a, struct jnode *root, const struct core_input *in)
{
    if (in->gone)
        jnode_set_bool(root, STR("gone"), true);
    jnode_set(root, STR("obj"), record_strip(a, in->kind, in->obj));
}

static void put_pods(struct arena *a, struct jnode *root, const struct core_input *in)
{
    struct jnode *list = jnode_need_arr(root, STR("pods"));
    for (size_t i = 0; i < in->n_pods; i++)
        jnode_append(list, identity(a, in->pods[i].namespace, in->pods[i].name, in->pods[i].uid));
    if (in->kind == INPUT_ANSWER)
        jnode_set(root, STR("answer"), answer_node(a, in->answer));
}

static void put_rest(struct arena *a, struct jnode *root, const struct core_input *in)
{
    if (in->kind == INPUT_CLOCK) {
        jnode_set_i64(root, STR("wall"), in->wall.ns);
    } else if (in->kind == INPUT_CLAIM_ANSWER) {
        jnode_set(root, STR("claim"),
                  identity(a, in->claim.namespace, in->claim.name, in->claim.uid));
        jnode_set_i64(root, STR("revision"), (int64_t)in->revision);
    } else if (in->kind >= INPUT_PLACES && in->kind <= INPUT_START) {
        jnode_set_str(root, STR("gang"), in->gang);
        jnode_set(root, STR("places"), jnode_thaw(a, in->places));
        jnode_set_i64(root, STR("until"), in->until.ns);
    }
}

void record_input(struct buf *out, const struct core_input *in)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = line_new(a, in->kind, in->now);
    if (in->kind < INPUT_OBJECT_KINDS)
        put_object(a, root, in);
    else if (in->kind <= INPUT_WHY)
        put_pods(a, root, in);
    else
        put_rest(a, root, in);
    put_line(out, root);
}

/* ---- decisions ---- */

static struct str node_name(struct sched_core *s, int64_t node)
{
    return node < 0 ? (struct str){ 0 } : core_cluster(s)->snap.nodes.items[node]->name;
}

static void put_claims(struct arena *a, struct jnode *entry, const struct spod *p)
{
    size_t n;
    const struct dra_write *writes = dra_writes(p, a, &n);
    for (size_t i = 0; i < n; i++) {
        struct jnode *list = jnode_need_arr(entry, STR("claims"));
        struct jnode *claim =
            jnode_append(list, identity(a, writes[i].namespace, writes[i].name, writes[i].uid));
        if (writes[i].allocation)
            jnode_set(claim, STR("allocation"), jnode_thaw(a, json_root(writes[i].allocation)));
    }
}

static void
put_plan(struct arena *a, struct jnode *root, struct sched_core *s, const struct decision *d)
{
    struct jnode *list = d->n ? jnode_need_arr(root, STR("pods")) : NULL;
    for (size_t i = 0; i < d->n; i++) {
        const struct planned *p = &d->items[i];
        struct jnode *entry = jnode_append(list, jnode_obj(a));
        jnode_set_str(entry, STR("pod"), spod_text(a, p->pod));
        jnode_set_str(entry, STR("node"), node_name(s, p->where.node));
        struct jnode *annotations = placement_annotations(a, &p->where);
        if (annotations)
            jnode_set(entry, STR("annotations"), annotations);
        if (d->kind == DECISION_BIND)
            put_claims(a, entry, p->pod);
    }
}

struct pod_list {
    const char *key;
    struct spod *const *items;
    size_t n;
};

static void put_keys(struct arena *a, struct jnode *root, struct pod_list l)
{
    for (size_t i = 0; i < l.n; i++)
        jnode_append(jnode_need_arr(root, str_from(l.key)), jnode_str(a, spod_text(a, l.items[i])));
}

static void
put_candidates(struct arena *a, struct jnode *entry, struct sched_core *s, const struct question *q)
{
    for (size_t i = 0; i < q->n_candidates; i++) {
        const struct candidate *k = &q->candidates[i];
        struct jnode *e = jnode_append(jnode_need_arr(entry, STR("candidates")), jnode_obj(a));
        jnode_set_str(e, STR("node"), node_name(s, k->node));
        put_keys(a, e, (struct pod_list){ "victims", k->victims.pods, preempt_here(k) });
    }
}

static void
put_questions(struct arena *a, struct jnode *root, struct sched_core *s, const struct decision *d)
{
    for (size_t i = 0; i < d->n_questions; i++) {
        const struct question *q = &d->questions[i];
        struct jnode *entry = jnode_append(jnode_need_arr(root, STR("questions")), jnode_obj(a));
        jnode_set_str(entry, STR("pod"), spod_text(a, q->pod));
        if (q->n_candidates) {
            put_candidates(a, entry, s, q);
            continue;
        }
        struct jnode *nodes = jnode_need_arr(entry, STR("nodes"));
        for (size_t j = 0; j < q->n; j++)
            jnode_append(nodes, jnode_str(a, node_name(s, q->nodes[j])));
    }
}

struct jnode *record_decision(struct arena *a, struct sched_core *s, const struct decision *d)
{
    if (d->kind == DECISION_NONE)
        return NULL;
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("kind"), str_from(decision_names[d->kind]));
    if (d->gang)
        jnode_set_str(root, STR("gang"), d->gang->key);
    if (d->message.n)
        jnode_set_str(root, STR("message"), d->message);
    put_plan(a, root, s, d);
    put_keys(a, root, (struct pod_list){ "victims", d->victims, d->n_victims });
    put_keys(a, root, (struct pod_list){ "stay", d->stay, d->n_stay });
    put_keys(a, root, (struct pod_list){ "displaced", d->displaced, d->n_displaced });
    put_questions(a, root, s, d);
    jnode_set_i64(root, STR("attempts"), d->attempts);
    jnode_set_i64(root, STR("since"), d->since.ns);
    if (d->fails)
        jnode_set_bool(root, STR("fails"), true);
    if (d->reserves)
        jnode_set_bool(root, STR("reserves"), true);
    if (d->starts)
        jnode_set_bool(root, STR("starts"), true);
    return root;
}

void record_step(struct buf *out, struct sched_core *s, struct mono now, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = line_new(a, INPUT_STEP, now);
    struct jnode *decision = record_decision(a, s, d);
    if (decision)
        jnode_set(root, STR("decision"), decision);
    put_line(out, root);
}
