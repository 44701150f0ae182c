/* SPDX-License-Identifier: Apache-2.0
 * pod_topology_spread — keeps the pods that a selector matches evenly spread over the values of a
 * node label: hard rules reject, soft ones score. Without rules of its own, a pod of a Service or a
 * replicated owner is spread softly over hosts and zones. Rules and words as in kube-scheduler 1.36
 * (counts, eligible nodes, missing labels, the global minimum). Pure. */
#include <math.h>

#include "scheduler/framework.h"

#define HOSTNAME STR("kubernetes.io/hostname")
#define NO_COUNT INT32_MAX /* of a minimum over no domain */

struct spread_args {
    struct spread_rule *defaults;
    size_t n_defaults;
    bool system; /* the built-in defaults, which don't need every label on a node */
};

struct counted { /* matching pods per domain of one rule */
    const struct domains *domains;
    int64_t *count;
    bool *seen; /* this domain has an eligible node */
    size_t n_seen;
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

static void add_services(const struct sched_cycle *c, struct label_sel *out)
{
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&c->cluster->selecting, &i));) {
        const struct selecting_entry *e = s->value;
        struct json map = kobj_path(e->obj, "spec.selector");
        if (e->kind != SELECTING_SERVICE || json_type(map) != JSON_OBJ ||
            !str_eq(e->obj->namespace, spod_namespace(c->pod)))
            continue;
        if (!match_node_selector(map, &c->pod->labels))
            continue;
        struct label_sel sel = label_sel_of_map(c->a, map);
        add_needs(c->a, out, &sel);
    }
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
    if (!args->n_defaults)
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

static bool tolerates_all(const struct pod *pod, const struct node *node)
{
    for (size_t i = 0; i < node->taints.n; i++) {
        const struct taint *t = &node->taints.items[i];
        bool ok = t->effect != TAINT_NO_SCHEDULE && t->effect != TAINT_NO_EXECUTE;
        for (size_t j = 0; !ok && j < pod->tolerations.n; j++)
            ok = pod_tolerates(&pod->tolerations.items[j], t->key, t->value, t->effect);
        if (!ok)
            return false;
    }
    return true;
}

static bool wants_node(const struct pod *pod, const struct snode *n)
{
    return match_node_selector(pod->node_selector, &n->labels) &&
           (!pod->affinity || !pod->affinity->has_node_required ||
            match_node_terms(&pod->affinity->node_required, &n->labels, n->name));
}

/* nodeAffinityPolicy and nodeTaintsPolicy: does this node count for the rule? */
static bool
is_included(const struct sched_cycle *c, const struct spread_rule *rule, const struct snode *n)
{
    if (!rule->ignore_affinity && !wants_node(c->shape->view, n))
        return false;
    return !rule->honor_taints || tolerates_all(c->shape->view, n->view);
}

static int64_t
count_matching(const struct sched_cycle *c, const struct snode *n, const struct label_sel *sel)
{
    int64_t count = 0;
    if (label_sel_is_empty(sel))
        return 0;
    for (int64_t id = n->first_pod; id >= 0; id = c->snap->pods.items[id]->next) {
        const struct spod *p = c->snap->pods.items[id];
        count += !p->view->deleting && str_eq(spod_namespace(p), spod_namespace(c->pod)) &&
                 label_sel_matches(sel, &p->labels);
    }
    return count;
}

static void see(struct counted *k, uint32_t domain)
{
    k->n_seen += !k->seen[domain];
    k->seen[domain] = true;
}

static struct spread_set
pick_rules(struct sched_cycle *c, const struct spread_rule *rules, size_t n, bool hard)
{
    struct spread_set set = { ARENA_ARRAY(c->a, struct spread_rule, n),
                              ARENA_ARRAY(c->a, struct counted, n), 0 };
    for (size_t i = 0; i < n; i++) {
        if (rules[i].hard != hard)
            continue;
        const struct domains *d = domains_get(c->cluster->domains, c->snap, rules[i].topology_key);
        set.counted[set.n] = (struct counted){ d, ARENA_ARRAY(c->a, int64_t, d->n),
                                               ARENA_ARRAY(c->a, bool, d->n), 0 };
        set.rules[set.n++] = rules[i];
    }
    return set;
}

static bool has_all_domains(const struct spread_set *set, uint32_t node)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->counted[i].domains->of[node] == DOMAIN_MISSING)
            return false;
    }
    return true;
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
            if ((l->pod->view->deleting || label_sel_is_empty(sel)) &&
                label_sel_matches(sel, &l->pod->labels) && is_included(c, &set->rules[r], n))
                set->counted[r].count[set->counted[r].domains->of[l->node]]--;
        }
    }
}

static void count_hard(struct sched_cycle *c, struct spread_set *set)
{
    for (uint32_t i = 0; i < c->snap->nodes.n; i++) {
        const struct snode *n = c->snap->nodes.items[i];
        if (!n->alive || !has_all_domains(set, i))
            continue;
        for (size_t r = 0; r < set->n; r++) {
            struct counted *k = &set->counted[r];
            if (!is_included(c, &set->rules[r], n))
                continue;
            see(k, k->domains->of[i]);
            k->count[k->domains->of[i]] += count_matching(c, n, &set->rules[r].selector);
        }
    }
    uncount_lifted(c, set);
}

static int64_t minimum(const struct counted *k, int64_t min_domains)
{
    int64_t min = NO_COUNT;
    if ((int64_t)k->n_seen < min_domains)
        return 0;
    for (uint32_t d = 0; d < k->domains->n; d++) {
        if (k->seen[d] && k->count[d] < min)
            min = k->count[d];
    }
    return min;
}

static enum prepare spread_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
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
    struct spread_state *st = ARENA_NEW(c->a, struct spread_state);
    st->hard = pick_rules(c, rules, n, true);
    st->soft = pick_rules(c, rules, n, false);
    st->all_labels = own || !args->system;
    run->state = st;
    run->scores = run->scores && st->soft.n;
    if (st->hard.n == 0)
        return PREPARE_SKIP;
    count_hard(c, &st->hard);
    st->self = ARENA_ARRAY(c->a, int64_t, st->hard.n);
    st->min = ARENA_ARRAY(c->a, int64_t, st->hard.n);
    for (size_t i = 0; i < st->hard.n; i++) {
        st->self[i] = label_sel_matches(&st->hard.rules[i].selector, &c->pod->labels);
        st->min[i] = minimum(&st->hard.counted[i], st->hard.rules[i].min_domains);
    }
    return PREPARE_OK;
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
        uint32_t domain = k->domains->of[node];
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

static bool is_host(const struct spread_rule *rule)
{
    return str_eq(rule->topology_key, HOSTNAME);
}

/* The domains of the feasible nodes, and how much each rule weighs: ln(domains + 2). */
static void find_domains(struct spread_state *st, const uint32_t *nodes, size_t n)
{
    size_t ignored = 0;
    for (size_t i = 0; i < n; i++) {
        st->ignored[i] = st->all_labels && !has_all_domains(&st->soft, nodes[i]);
        ignored += st->ignored[i];
        for (size_t r = 0; r < st->soft.n && !st->ignored[i]; r++) {
            struct counted *k = &st->soft.counted[r];
            if (!is_host(&st->soft.rules[r]))
                see(k, k->domains->of[nodes[i]]);
        }
    }
    for (size_t r = 0; r < st->soft.n; r++) {
        size_t size = is_host(&st->soft.rules[r]) ? n - ignored : st->soft.counted[r].n_seen;
        st->weights[r] = log((double)size + 2);
    }
}

static void count_soft(struct sched_cycle *c, struct spread_state *st)
{
    for (uint32_t i = 0; i < c->snap->nodes.n; i++) {
        const struct snode *n = c->snap->nodes.items[i];
        if (!n->alive || (st->all_labels && !has_all_domains(&st->soft, i)))
            continue;
        for (size_t r = 0; r < st->soft.n; r++) {
            const struct spread_rule *rule = &st->soft.rules[r];
            struct counted *k = &st->soft.counted[r];
            if (k->seen[k->domains->of[i]] && is_included(c, rule, n))
                k->count[k->domains->of[i]] += count_matching(c, n, &rule->selector);
        }
    }
}

static enum prepare
spread_prescore(struct sched_cycle *c, struct plugin_run *run, const uint32_t *nodes, size_t n)
{
    struct spread_state *st = run->state;
    for (size_t r = 0; r < st->soft.n; r++) {
        struct counted *k = &st->soft.counted[r];
        k->n_seen = 0;
        memset(k->count, 0, k->domains->n * sizeof *k->count);
        memset(k->seen, 0, k->domains->n * sizeof *k->seen);
    }
    st->weights = ARENA_ARRAY(c->a, double, st->soft.n);
    st->ignored = ARENA_ARRAY(c->a, bool, n);
    find_domains(st, nodes, n);
    count_soft(c, st);
    return PREPARE_OK;
}

static int64_t
spread_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct spread_state *st = run->state;
    const struct snode *n = c->snap->nodes.items[node];
    if (st->all_labels && !has_all_domains(&st->soft, node))
        return 0;
    double score = 0;
    for (size_t r = 0; r < st->soft.n; r++) {
        const struct spread_rule *rule = &st->soft.rules[r];
        const struct counted *k = &st->soft.counted[r];
        uint32_t domain = k->domains->of[node];
        if (domain == DOMAIN_MISSING)
            continue;
        int64_t count = is_host(rule) ? count_matching(c, n, &rule->selector) : k->count[domain];
        score += (double)count * st->weights[r] + (double)(rule->max_skew - 1);
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
};
