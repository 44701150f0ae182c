/* SPDX-License-Identifier: Apache-2.0
 * node_affinity — nodeSelector, required and preferred node affinity, and the affinity that the
 * configuration adds to every pod (addedAffinity). Terms that look at the host name or at
 * metadata.name tell nodes of one class apart, so they narrow the scope to the node. Pure. */
#include "scheduler/framework.h"

struct affinity_args {
    bool has_required;
    struct node_terms required, preferred;
};

struct affinity_state {
    struct strs *names; /* per term: the nodes it names; NULL: no restriction */
    size_t n_names;
};

/* ---- configuration ---- */

static const struct {
    struct str text;
    enum need_op op;
} ops[] = {
    { STR_INIT("In"), NEED_IN },         { STR_INIT("NotIn"), NEED_NOT_IN },
    { STR_INIT("Exists"), NEED_EXISTS }, { STR_INIT("DoesNotExist"), NEED_ABSENT },
    { STR_INIT("Gt"), NEED_GT },         { STR_INIT("Lt"), NEED_LT },
};

static enum need_op op_of(struct str s)
{
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        if (str_eq(ops[i].text, s))
            return ops[i].op;
    }
    return NEED_INVALID;
}

static struct need *decode_needs(struct arena *a, struct json list, size_t *n)
{
    struct need *out = ARENA_ARRAY(a, struct need, json_len(list));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct json values = json_get(it.value, STR("values"));
        struct need *need = &out[(*n)++];
        need->key = arena_str(a, json_str(json_get(it.value, STR("key"))));
        need->op = op_of(json_str(json_get(it.value, STR("operator"))));
        need->values.items = ARENA_ARRAY(a, struct str, json_len(values));
        for (struct json_iter v = json_iter(values); json_next(&v);)
            need->values.items[need->values.n++] = arena_str(a, json_str(v.value));
    }
    return out;
}

static void decode_term(struct arena *a, struct json v, struct node_term *t)
{
    t->labels = decode_needs(a, json_get(v, STR("matchExpressions")), &t->n_labels);
    t->fields = decode_needs(a, json_get(v, STR("matchFields")), &t->n_fields);
}

static int affinity_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    (void)err;
    struct affinity_args *out = args;
    struct json required =
        json_path(in, "addedAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    struct json terms = json_get(required, STR("nodeSelectorTerms"));
    struct json preferred =
        json_path(in, "addedAffinity.preferredDuringSchedulingIgnoredDuringExecution");
    out->has_required = json_has(required);
    out->required.items = ARENA_ARRAY(a, struct node_term, json_len(terms));
    for (struct json_iter it = json_iter(terms); json_next(&it);)
        decode_term(a, it.value, &out->required.items[out->required.n++]);
    out->preferred.items = ARENA_ARRAY(a, struct node_term, json_len(preferred));
    for (struct json_iter it = json_iter(preferred); json_next(&it);) {
        struct node_term *t = &out->preferred.items[out->preferred.n++];
        decode_term(a, json_get(it.value, STR("preference")), t);
        t->weight = json_i64_or(json_get(it.value, STR("weight")), 0);
    }
    return 0;
}

/* ---- hooks ---- */

static bool looks_at_host(const struct node_terms *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->items[i].n_fields)
            return true;
        for (size_t j = 0; j < t->items[i].n_labels; j++) {
            if (str_is(t->items[i].labels[j].key, "kubernetes.io/hostname"))
                return true;
        }
    }
    return false;
}

static bool in_strs(const struct strs *s, struct str v)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->items[i], v))
            return true;
    }
    return false;
}

/* The nodes that one term names by metadata.name In; false: it names none. */
static bool term_names(struct arena *a, const struct node_term *t, struct strs *out)
{
    bool named = false;
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct need *f = &t->fields[i];
        if (!str_is(f->key, "metadata.name") || f->op != NEED_IN)
            continue;
        if (!named) {
            out->items = ARENA_ARRAY(a, struct str, f->values.n);
            for (size_t j = 0; j < f->values.n; j++)
                out->items[out->n++] = f->values.items[j];
            named = true;
            continue;
        }
        size_t kept = 0; /* requirements of one term hold together: keep what both name */
        for (size_t j = 0; j < out->n; j++) {
            if (in_strs(&f->values, out->items[j]))
                out->items[kept++] = out->items[j];
        }
        out->n = kept;
    }
    return named;
}

/* Terms are alternatives: only if each names nodes is the pod confined to their union. */
static enum prepare restrict_names(struct sched_cycle *c,
                                   struct plugin_run *run,
                                   const struct node_terms *t,
                                   struct why *why)
{
    struct affinity_state *st = run->state;
    struct strs *names = ARENA_ARRAY(c->a, struct strs, t->n);
    size_t total = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!term_names(c->a, &t->items[i], &names[i]))
            return PREPARE_OK;
        total += names[i].n;
    }
    if (t->n && total == 0) {
        why_add(why, STR("pod affinity terms conflict"));
        return PREPARE_REJECT;
    }
    st->names = names;
    st->n_names = t->n;
    run->admits = t->n > 0;
    return PREPARE_OK;
}

static enum prepare affinity_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    const struct affinity_args *args = run->args;
    const struct affinity *aff = c->shape->view->affinity;
    const bool required = aff && aff->has_node_required;
    const bool selector = json_type(c->shape->view->node_selector) == JSON_OBJ;
    run->state = ARENA_NEW(c->a, struct affinity_state);
    if ((aff && (looks_at_host(&aff->node_required) || looks_at_host(&aff->node_preferred))) ||
        looks_at_host(&args->required) || looks_at_host(&args->preferred) ||
        json_exists(json_get(c->shape->view->node_selector, STR("kubernetes.io/hostname"))))
        run->scope = SCOPE_NODE;
    run->scores = run->scores && ((aff && aff->node_preferred.n) || args->preferred.n);
    if (!required && !selector && !args->has_required)
        return PREPARE_SKIP;
    return required ? restrict_names(c, run, &aff->node_required, why) : PREPARE_OK;
}

static bool
affinity_admits(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct affinity_state *st = run->state;
    for (size_t i = 0; i < st->n_names; i++) {
        if (in_strs(&st->names[i], c->snap->nodes.items[node]->name))
            return true;
    }
    return false;
}

static enum verdict affinity_filter(const struct sched_cycle *c,
                                    const struct plugin_run *run,
                                    uint32_t node,
                                    struct why *why)
{
    const struct affinity_args *args = run->args;
    const struct snode *n = c->snap->nodes.items[node];
    const struct affinity *aff = c->shape->view->affinity;
    if (args->has_required && !match_node_terms(&args->required, &n->labels, n->name)) {
        why_add(why, STR("node(s) didn't match scheduler-enforced node affinity"));
        return SCHED_UNRESOLVABLE;
    }
    if (match_node_selector(c->shape->view->node_selector, &n->labels) &&
        (!aff || !aff->has_node_required ||
         match_node_terms(&aff->node_required, &n->labels, n->name)))
        return SCHED_OK;
    why_add(why, STR("node(s) didn't match Pod's node affinity/selector"));
    return SCHED_UNRESOLVABLE;
}

static int64_t sum_preferred(const struct node_terms *t, const struct snode *n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (match_node_term(&t->items[i], &n->labels, n->name))
            sum += t->items[i].weight;
    }
    return sum;
}

static int64_t
affinity_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct affinity_args *args = run->args;
    const struct snode *n = c->snap->nodes.items[node];
    const struct affinity *aff = c->shape->view->affinity;
    return sum_preferred(&args->preferred, n) + (aff ? sum_preferred(&aff->node_preferred, n) : 0);
}

const struct sched_plugin node_affinity_plugin = {
    .name = "NodeAffinity",
    .help = "nodeSelector and node affinity",
    .scope = SCOPE_CLASS,
    .normalize = NORMALIZE_MAX,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED,
    .default_weight = 2,
    .args_size = sizeof(struct affinity_args),
    .configure = affinity_configure,
    .prepare = affinity_prepare,
    .admits = affinity_admits,
    .filter = affinity_filter,
    .score = affinity_score,
};
