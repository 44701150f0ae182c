/* SPDX-License-Identifier: Apache-2.0
 * pod_topology_spread — keeps the pods that a selector matches evenly spread over the values of a
 * node label: hard rules reject, soft ones score. Without rules of its own, a pod of a Service or a
 * replicated owner is spread softly over hosts and zones. Rules and words as in kube-scheduler 1.36
 * (counts, eligible nodes, missing labels, the global minimum). Pure. */
#include <math.h>

#include "scheduler/framework.h"
#include "scheduler/state/tally.h"

#define HOSTNAME STR("kubernetes.io/hostname")
#define NO_COUNT INT32_MAX /* of a minimum over no domain */
#define RULES_MAX 64       /* of one pod; "64" in the message below */

struct spread_args {
    struct spread_rule *defaults;
    size_t n_defaults;
    bool system; /* the built-in defaults, which don't need every label on a node */
};

struct counted { /* matching pods per domain of one rule */
    const struct tally *tally;
    const int64_t *count;         /* its sums, or a copy that a dry run changed */
    const struct domains *labels; /* of the rule's topology key: which nodes have it at all */
};

struct spread_set { /* the hard or the soft rules of this pod */
    struct spread_rule *rules;
    struct counted *counted; /* per rule */
    size_t n;
};

struct spread_state {
    struct spread_set hard, soft;
    bool all_labels;     /* soft: nodes that lack a label are ignored */
    int64_t *self, *min; /* hard, per rule: the pod matches its own selector; global minimum */
    double *weights;     /* soft, per rule */
    bool *ignored;       /* soft, per feasible node */
};

/* ---- configuration ---- */

static int decode_default(struct spread_rule *out, struct json v, struct arena *a, struct err *err)
{
    struct str when = json_str(json_get(v, STR("whenUnsatisfiable")));
    out->topology_key = arena_str(a, json_str(json_get(v, STR("topologyKey"))));
    out->max_skew = json_i64_or(json_get(v, STR("maxSkew")), 0);
    out->min_domains = 1;
    out->hard = str_is(when, "DoNotSchedule");
    if (!out->topology_key.n || out->max_skew < 1 ||
        (!out->hard && !str_is(when, "ScheduleAnyway")))
        return err_set(err, ERR_INVALID,
                       "defaultConstraints: each needs maxSkew, topologyKey and "
                       "whenUnsatisfiable DoNotSchedule or ScheduleAnyway");
    return 0;
}

static int spread_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    struct spread_args *out = args;
    struct json list = json_get(in, STR("defaultConstraints"));
    struct str type = json_str(json_get(in, STR("defaultingType")));
    if (!type.p || str_is(type, "System")) {
        if (json_len(list))
            return err_set(err, ERR_INVALID, "defaultConstraints need defaultingType List");
        out->system = true;
        out->defaults = ARENA_ARRAY(a, struct spread_rule, 2);
        out->defaults[0] =
            (struct spread_rule){ .topology_key = HOSTNAME, .max_skew = 3, .min_domains = 1 };
        out->defaults[1] = (struct spread_rule){ .topology_key = STR("topology.kubernetes.io/zone"),
                                                 .max_skew = 5,
                                                 .min_domains = 1 };
        out->n_defaults = 2;
        return 0;
    }
    if (!str_is(type, "List"))
        return err_set(err, ERR_INVALID, "defaultingType: \"%.*s\" is not System or List",
                       STR_ARG(type));
    out->defaults = ARENA_ARRAY(a, struct spread_rule, json_len(list));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (decode_default(&out->defaults[out->n_defaults++], it.value, a, err))
            return -1;
    }
    return 0;
}

/* ---- the default selector: Services that select the pod, and its replicated owner ---- */

static void add_needs(struct arena *a, struct label_sel *out, const struct label_sel *more)
{
    for (size_t i = 0; i < more->n; i++)
        label_sel_add(a, out, more->needs[i]);
}

struct selected { /* by Services */
    const struct sched_cycle *c;
    struct label_sel *by;
};

static void add_service(void *arg, struct anchored *filed)
{
    const struct selected *s = arg;
    const struct selecting_entry *e = CONTAINER_OF(filed, struct selecting_entry, filed);
    if (str_eq(e->obj->namespace, spod_namespace(s->c->pod)) &&
        label_sel_matches(&e->selector, &s->c->pod->labels))
        add_needs(s->c->a, s->by, &e->selector);
}

static void add_services(const struct sched_cycle *c, struct label_sel *out)
{
    struct selected s = { c, out };
    anchor_visit(&c->cluster->services, spod_namespace(c->pod), &c->pod->labels, add_service, &s);
}

static void add_owner(const struct sched_cycle *c, struct label_sel *out)
{
    static const struct {
        struct str api, kind;
        enum selecting selecting;
    } owners[] = {
        { STR_INIT("v1"), STR_INIT("ReplicationController"), SELECTING_RC },
        { STR_INIT("apps/v1"), STR_INIT("ReplicaSet"), SELECTING_RS },
        { STR_INIT("apps/v1"), STR_INIT("StatefulSet"), SELECTING_STS },
    };
    struct json owner = kobj_controller(c->pod->obj);
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        if (!str_eq(json_str(json_get(owner, STR("kind"))), owners[i].kind) ||
            !str_eq(json_str(json_get(owner, STR("apiVersion"))), owners[i].api))
            continue;
        const struct kobj *obj =
            cluster_selecting(c->cluster, owners[i].selecting, spod_namespace(c->pod),
                              json_str(json_get(owner, STR("name"))));
        struct json sel = kobj_path(obj, "spec.selector");
        struct label_sel compiled = owners[i].selecting == SELECTING_RC
                                        ? label_sel_of_map(c->a, sel)
                                        : label_sel_compile(c->a, sel);
        add_needs(c->a, out, &compiled);
    }
}

static void default_rules(struct sched_cycle *c,
                          const struct spread_args *args,
                          struct spread_rule **rules,
                          size_t *n)
{
    bool packs = workload_defaults[c->shape->workload].room == WORKLOAD_PACKS;
    if (!args->n_defaults || (args->system && packs))
        return;
    struct label_sel sel = { .present = true };
    add_services(c, &sel);
    add_owner(c, &sel);
    if (sel.n == 0)
        return;
    *rules = ARENA_ARRAY(c->a, struct spread_rule, args->n_defaults);
    for (size_t i = 0; i < args->n_defaults; i++) {
        (*rules)[i] = args->defaults[i];
        (*rules)[i].selector = sel;
    }
    *n = args->n_defaults;
}

/* ---- counting ---- */

static bool is_host(const struct spread_rule *rule)
{
    return str_eq(rule->topology_key, HOSTNAME);
}

static bool has_all_domains(const struct spread_set *set, uint32_t node)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->counted[i].labels->of[node] == DOMAIN_MISSING)
            return false;
    }
    return true;
}

/* nodeAffinityPolicy and nodeTaintsPolicy: which nodes count for the rule. */
static void
ask_nodes(const struct sched_cycle *c, const struct spread_rule *rule, struct tally_ask *q)
{
    const struct pod *view = c->shape->view;
    bool picky =
        json_len(view->node_selector) || (view->affinity && view->affinity->has_node_required);
    q->wanting = picky && !rule->ignore_affinity ? c->shape->obj : NULL;
    q->tolerating = rule->honor_taints ? c->shape->obj : NULL;
}

/* The question of one rule. Of a soft rule about hosts only the node itself counts, whatever the
 * rule says about nodes; an empty selector counts nobody. */
static struct tally_ask
ask_of(const struct sched_cycle *c, const struct spread_rule *rule, const struct strs *labels)
{
    struct podset *wanted = ARENA_NEW(c->a, struct podset);
    struct str *own = ARENA_NEW(c->a, struct str);
    *own = spod_namespace(c->pod);
    *wanted = (struct podset){ .names = { own, 1 }, .selector = rule->selector };
    struct tally_ask q = { .sets = wanted, .n_sets = 1, .staying = true };
    q.nobody = label_sel_is_empty(&rule->selector);
    if (is_host(rule) && !rule->hard) {
        q.by_node = true;
        return q;
    }
    q.key = rule->topology_key;
    q.labels = labels->items;
    q.n_labels = labels->n;
    ask_nodes(c, rule, &q);
    return q;
}

/* all_labels: only nodes that have the labels of all rules count. */
static struct spread_set pick_rules(struct sched_cycle *c,
                                    const struct spread_rule *rules,
                                    size_t n,
                                    bool hard,
                                    bool all_labels)
{
    struct tallies *ts = c->snap->tallies;
    struct spread_set set = { ARENA_ARRAY(c->a, struct spread_rule, n),
                              ARENA_ARRAY(c->a, struct counted, n), 0 };
    struct strs labels = { ARENA_ARRAY(c->a, struct str, n), 0 };
    for (size_t i = 0; i < n; i++) {
        if (rules[i].hard == hard)
            set.rules[set.n++] = rules[i];
    }
    for (size_t i = 0; i < set.n && all_labels; i++)
        labels.items[labels.n++] = set.rules[i].topology_key;
    for (size_t i = 0; i < set.n; i++) {
        struct tally_ask q = ask_of(c, &set.rules[i], &labels);
        const struct tally *t = tally_get(ts, &q, c->a);
        set.counted[i] = (struct counted){ t, t->sum, NULL };
    }
    for (size_t i = 0; i < set.n; i++) /* after the tallies, which may drop idle labels */
        set.counted[i].labels = tallies_domains(ts, set.rules[i].topology_key);
    return set;
}

static void uncount(struct sched_cycle *c, struct counted *k, uint32_t node)
{
    uint32_t domain = k->tally->domains->of[node], n = k->tally->domains->n;
    if (k->count == k->tally->sum) {
        int64_t *copy = ARENA_ARRAY(c->a, int64_t, n);
        memcpy(copy, k->tally->sum, n * sizeof *copy);
        k->count = copy;
    }
    ((int64_t *)(uintptr_t)k->count)[domain]--; /* the copy, const for readers only */
}

/* What kube-scheduler's counts say when a dry run takes a pod off: one less for every pod that the
 * selector matches, though pods that terminate, and all pods of an empty selector, were not
 * counted before. */
static void uncount_lifted(struct sched_cycle *c, struct spread_set *set)
{
    for (size_t i = 0; i < c->cluster->lifted.n; i++) {
        const struct lifted *l = &c->cluster->lifted.items[i];
        const struct snode *n = c->snap->nodes.items[l->node];
        if (l->back || !has_all_domains(set, l->node) ||
            !str_eq(spod_namespace(l->pod), spod_namespace(c->pod)))
            continue;
        for (size_t r = 0; r < set->n; r++) {
            const struct label_sel *sel = &set->rules[r].selector;
            struct tally_ask q = { 0 };
            ask_nodes(c, &set->rules[r], &q);
            if ((l->pod->view->deleting || label_sel_is_empty(sel)) &&
                label_sel_matches(sel, &l->pod->labels) && tally_ask_allows(&q, n))
                uncount(c, &set->counted[r], l->node);
        }
    }
}

static int64_t minimum(const struct counted *k, int64_t min_domains)
{
    const struct tally *t = k->tally;
    int64_t min = NO_COUNT;
    if ((int64_t)t->n_seen < min_domains)
        return 0;
    if (k->count == t->sum)
        return tally_min(t);
    for (uint32_t d = 0; d < t->domains->n; d++) {
        if (t->nodes[d] && k->count[d] < min)
            min = k->count[d];
    }
    return min;
}

static enum prepare prepare_hard(struct sched_cycle *c, struct spread_state *st)
{
    uncount_lifted(c, &st->hard);
    st->self = ARENA_ARRAY(c->a, int64_t, st->hard.n);
    st->min = ARENA_ARRAY(c->a, int64_t, st->hard.n);
    for (size_t i = 0; i < st->hard.n; i++) {
        st->self[i] = label_sel_matches(&st->hard.rules[i].selector, &c->pod->labels);
        st->min[i] = minimum(&st->hard.counted[i], st->hard.rules[i].min_domains);
    }
    return PREPARE_OK;
}

static enum prepare spread_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    const struct spread_args *args = run->args;
    const struct relations *rel = c->pod->relations;
    bool own = rel && rel->n_spreads;
    struct spread_rule *rules = own ? rel->spreads : NULL;
    size_t n = own ? rel->n_spreads : 0;
    if (!own)
        default_rules(c, args, &rules, &n);
    if (n == 0) {
        run->scores = false;
        return PREPARE_SKIP;
    }
    if (n > RULES_MAX) {
        why_add(why, STR("pod has more than 64 topology spread constraints"));
        run->scores = false;
        return PREPARE_REJECT;
    }
    struct spread_state *st = ARENA_NEW(c->a, struct spread_state);
    st->all_labels = own || !args->system;
    st->hard = pick_rules(c, rules, n, true, true);
    st->soft = pick_rules(c, rules, n, false, st->all_labels);
    run->state = st;
    run->scores = run->scores && st->soft.n;
    return st->hard.n ? prepare_hard(c, st) : PREPARE_SKIP;
}

/* ---- filter ---- */

static enum verdict spread_filter(const struct sched_cycle *c,
                                  const struct plugin_run *run,
                                  uint32_t node,
                                  struct why *why)
{
    (void)c;
    const struct spread_state *st = run->state;
    for (size_t i = 0; i < st->hard.n; i++) {
        const struct spread_rule *rule = &st->hard.rules[i];
        const struct counted *k = &st->hard.counted[i];
        uint32_t domain = k->labels->of[node];
        if (domain == DOMAIN_MISSING) {
            why_add(why, STR("node(s) didn't match pod topology spread constraints (missing "
                             "required label)"));
            return SCHED_UNRESOLVABLE;
        }
        if (k->count[domain] + st->self[i] - st->min[i] > rule->max_skew) {
            why_add(why, STR("node(s) didn't match pod topology spread constraints"));
            return SCHED_UNSCHEDULABLE;
        }
    }
    return SCHED_OK;
}

/* ---- score ---- */

/* How many different values of the rule's label the nodes have; none is a value too. */
static size_t count_values(struct sched_cycle *c,
                           const struct spread_state *st,
                           size_t rule,
                           const uint32_t *nodes,
                           size_t n)
{
    const struct domains *d = st->soft.counted[rule].labels;
    bool *seen = ARENA_ARRAY(c->a, bool, d->n);
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t domain = d->of[nodes[i]];
        found += !st->ignored[i] && !seen[domain];
        seen[domain] = seen[domain] || !st->ignored[i];
    }
    return found;
}

/* How much each rule weighs: ln(values + 2), where each host that is not ignored is a value. */
static enum prepare
spread_prescore(struct sched_cycle *c, struct plugin_run *run, const uint32_t *nodes, size_t n)
{
    struct spread_state *st = run->state;
    size_t hosts = 0;
    st->weights = ARENA_ARRAY(c->a, double, st->soft.n);
    st->ignored = ARENA_ARRAY(c->a, bool, n);
    for (size_t i = 0; i < n; i++) {
        st->ignored[i] = st->all_labels && !has_all_domains(&st->soft, nodes[i]);
        hosts += st->ignored[i] ? 0 : sched_stands_for(c, i);
    }
    for (size_t r = 0; r < st->soft.n; r++) {
        size_t size = is_host(&st->soft.rules[r]) ? hosts : count_values(c, st, r, nodes, n);
        st->weights[r] = log((double)size + 2);
    }
    return PREPARE_OK;
}

static int64_t
spread_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)c;
    const struct spread_state *st = run->state;
    if (st->all_labels && !has_all_domains(&st->soft, node))
        return 0;
    double score = 0;
    for (size_t r = 0; r < st->soft.n; r++) {
        const struct counted *k = &st->soft.counted[r];
        if (k->labels->of[node] == DOMAIN_MISSING)
            continue;
        int64_t count = k->count[k->tally->domains->of[node]];
        score += (double)count * st->weights[r] + (double)(st->soft.rules[r].max_skew - 1);
    }
    return (int64_t)round(score);
}

static void spread_normalize(const struct sched_cycle *c,
                             const struct plugin_run *run,
                             const uint32_t *nodes,
                             int64_t *scores,
                             size_t n)
{
    (void)c;
    (void)nodes;
    const struct spread_state *st = run->state;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        if (st->ignored[i])
            continue;
        min = scores[i] < min ? scores[i] : min;
        max = scores[i] > max ? scores[i] : max;
    }
    for (size_t i = 0; i < n; i++) {
        if (st->ignored[i])
            scores[i] = 0;
        else if (max == 0)
            scores[i] = SCHED_SCORE_MAX;
        else
            scores[i] = SCHED_SCORE_MAX * (max + min - scores[i]) / max;
    }
}

static bool reads_sum(struct sched_readings *out, const struct counted *k)
{
    const struct tally *t = k->tally;
    return t->serial && k->count == t->sum &&
           sched_reads(out, (struct sched_reading){ READ_SUM, t->domains, t->sum, t->serial });
}

static bool spread_readings(const struct plugin_run *run, struct sched_readings *out)
{
    const struct spread_state *st = run->state;
    bool ok = true;
    for (size_t i = 0; run->filters && i < st->hard.n && ok; i++)
        ok = reads_sum(out, &st->hard.counted[i]);
    for (size_t i = 0; run->scores && i < st->soft.n && ok; i++) {
        const struct counted *k = &st->soft.counted[i];
        bool host = is_host(&st->soft.rules[i]);
        ok = sched_reads(out, (struct sched_reading){ host ? READ_LABEL : READ_DOMAIN, k->labels,
                                                      NULL, 0 }) &&
             (!host || reads_sum(out, k));
    }
    return ok;
}

const struct sched_plugin pod_topology_spread_plugin = {
    .name = "PodTopologySpread",
    .help = "spreads pods over zones, hosts and other labels",
    .scope = SCOPE_CLUSTER,
    .normalize = NORMALIZE_OWN,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE | WAKE_POD_PLACED | WAKE_OBJECTS,
    .default_weight = 2,
    .args_size = sizeof(struct spread_args),
    .configure = spread_configure,
    .prepare = spread_prepare,
    .filter = spread_filter,
    .prescore = spread_prescore,
    .score = spread_score,
    .normalize_own = spread_normalize,
    .readings = spread_readings,
};
