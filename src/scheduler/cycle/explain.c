/* SPDX-License-Identifier: Apache-2.0
 * explain — see explain.h. A change is only named after the gang (or its first blocked member, for
 * rules) was tried with it on the snapshot. */
#include "scheduler/cycle/explain.h"

#include <stdlib.h>

#include "base/num.h"
#include "scheduler/devices/mig_advice.h"

#define EXAMPLES_MAX 3
#define ROLES_TRIED_MAX 8 /* of one gang, with a smaller minimum */

static void add_change(struct explanation *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void add_change(struct explanation *out, const char *fmt, ...)
{
    va_list ap;
    if (out->n_changes == EXPLAIN_CHANGES_MAX)
        return;
    va_start(ap, fmt);
    out->changes[out->n_changes++] = arena_vprintf(out->a, fmt, ap);
    va_end(ap);
}

/* ---- reasons ---- */

static struct explain_reason *
reason_slot(struct explanation *out, const char *plugin, struct str text)
{
    for (size_t i = 0; i < out->n_reasons; i++) {
        if (str_eq(out->reasons[i].text, text))
            return &out->reasons[i];
    }
    if (out->n_reasons == EXPLAIN_REASONS_MAX)
        return NULL;
    out->reasons[out->n_reasons] = (struct explain_reason){ .plugin = plugin, .text = text };
    return &out->reasons[out->n_reasons++];
}

static void add_example(struct arena *a, struct explain_reason *r, struct str node)
{
    r->nodes++;
    if (r->nodes <= EXAMPLES_MAX)
        r->examples = arena_printf(a, "%.*s%s%.*s", STR_ARG(r->examples), r->nodes > 1 ? ", " : "",
                                   STR_ARG(node));
    else if (r->nodes == EXAMPLES_MAX + 1)
        r->examples = arena_printf(a, "%.*s, …", STR_ARG(r->examples));
}

static void list_reasons(struct cluster *c,
                         const struct profile *p,
                         const struct evaluation *e,
                         struct arena *a,
                         struct explanation *out)
{
    for (size_t i = 0; i < e->n_nodes; i++) {
        const struct node_answer *answer = &e->nodes[i];
        for (size_t j = 0; answer->plugin >= 0 && j < answer->why->n; j++) {
            struct explain_reason *r =
                reason_slot(out, p->plugins[answer->plugin].plugin->name, answer->why->text[j]);
            if (r)
                add_example(a, r, c->snap.nodes.items[i]->name);
        }
    }
    for (size_t j = 0; e->rejected_by >= 0 && j < e->rejected_why.n; j++) {
        struct explain_reason *r =
            reason_slot(out, p->plugins[e->rejected_by].plugin->name, e->rejected_why.text[j]);
        if (r)
            r->nodes = c->snap.n_alive;
    }
}

/* ---- changes ---- */

/* Without one rule, on how many nodes would the member fit? */
static void try_without_rules(struct cluster *c,
                              const struct spod *pod,
                              const struct explanation *why,
                              struct arena *a,
                              struct explanation *out)
{
    static const struct {
        const char *plugin, *change;
    } rules[] = {
        { "TaintToleration", "tolerate the taints of the rejected nodes" },
        { "NodeAffinity", "drop the node selector or node affinity" },
        { "NodeUnschedulable", "uncordon the rejected nodes" },
        { "NodePorts", "drop the host ports, or free them" },
        { "NUMATopology", "use the NUMA policy best-effort" },
        { "PodTopologySpread", "relax the topology spread constraints (ScheduleAnyway)" },
        { "InterPodAffinity", "relax the pod affinity or anti-affinity" },
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        bool blamed = false;
        for (size_t j = 0; j < why->n_reasons; j++)
            blamed = blamed || strcmp(why->reasons[j].plugin, rules[i].plugin) == 0;
        if (!blamed)
            continue;
        struct profile without = *pod->shape->profile;
        without.plugins[profile_find(&without, str_from(rules[i].plugin))].filters = false;
        struct evaluation e;
        evaluate_as(c, pod, &without, a, &e);
        if (e.n_feasible)
            add_change(out, "%s (%zu node%s would fit then)", rules[i].change, e.n_feasible,
                       e.n_feasible == 1 ? "" : "s");
    }
}

struct shortage {
    uint32_t node;
    size_t kinds; /* how many resources are short */
    double worst; /* the largest share of the request that is missing */
    struct str text;
};

static bool shortage_of(struct cluster *c,
                        const struct spod *p,
                        uint32_t node,
                        struct arena *a,
                        struct shortage *out)
{
    *out = (struct shortage){ .node = node };
    for (size_t i = 0; i < p->n_demands; i++) {
        const struct demand *d = &p->demands[i];
        int64_t missing = d->amount - snapshot_free(&c->snap, d->res, node);
        if (missing <= 0)
            continue;
        double share = (double)missing / (double)d->amount;
        out->kinds++;
        out->worst = share > out->worst ? share : out->worst;
        struct str name = c->snap.res_names[d->res];
        const char *sep = out->text.n ? " and " : "";
        if (d->res == RES_CPU)
            out->text =
                arena_printf(a, "%.*s%s%lldm cpu", STR_ARG(out->text), sep, (long long)missing);
        else if (d->res == RES_MEMORY || d->res == RES_EPHEMERAL)
            out->text = arena_printf(a, "%.*s%s%lldMi %.*s", STR_ARG(out->text), sep,
                                     (long long)num_div_up_i64(missing, 1 << 20), STR_ARG(name));
        else
            out->text = arena_printf(a, "%.*s%s%lld %.*s", STR_ARG(out->text), sep,
                                     (long long)missing, STR_ARG(name));
    }
    return out->kinds > 0;
}

static bool holds_member(const struct plan *plan, uint32_t node)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->items[i].where.node == (int64_t)node)
            return true;
    }
    return false;
}

/* How many members of this shape an empty node like n would hold. */
static int64_t empty_holds(const struct cluster *c, const struct spod *p, uint32_t n)
{
    int64_t fit = c->snap.alloc[RES_PODS][n];
    for (size_t i = 0; i < p->n_demands; i++) {
        const struct demand *d = &p->demands[i];
        fit = num_min_i64(fit, c->snap.alloc[d->res][n] / d->amount);
    }
    return fit;
}

/* The node that lacks the least, of those that would fit when empty; not one this gang holds. */
static void try_room(struct cluster *c,
                     const struct plan *plan,
                     const struct evaluation *e,
                     struct arena *a,
                     struct explanation *out)
{
    const struct spod *pod = plan->failed;
    const struct profile *p = pod->shape->profile;
    struct shortage best = { 0 };
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        struct shortage s;
        int plugin = e->nodes[i].plugin;
        if (plugin < 0 || strcmp(p->plugins[plugin].plugin->name, "NodeResourcesFit") != 0 ||
            holds_member(plan, i) || empty_holds(c, pod, i) < 1 || !shortage_of(c, pod, i, a, &s))
            continue;
        if (!best.kinds || s.worst < best.worst || (s.worst == best.worst && s.kinds < best.kinds))
            best = s;
    }
    if (best.kinds)
        add_change(out, "free %.*s on %.*s", STR_ARG(best.text),
                   STR_ARG(c->snap.nodes.items[best.node]->name));
}

/* Rules that say no whoever leaves: then an equal node would not help either. */
static bool only_lacks_room(const struct profile *p, const struct node_answer *answer)
{
    if (answer->plugin < 0)
        return answer->verdict == SCHED_OK;
    const char *name = p->plugins[answer->plugin].plugin->name;
    return answer->verdict == SCHED_UNSCHEDULABLE &&
           (strcmp(name, "NodeResourcesFit") == 0 || strcmp(name, "GPUDevices") == 0 ||
            strcmp(name, "NUMATopology") == 0);
}

static void try_more_nodes(struct cluster *c,
                           const struct spod *pod,
                           int64_t missing,
                           const struct evaluation *e,
                           struct explanation *out)
{
    int64_t fewest = 0;
    uint32_t like = 0;
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        if (!c->snap.nodes.items[i]->alive || !only_lacks_room(pod->shape->profile, &e->nodes[i]))
            continue;
        int64_t holds = empty_holds(c, pod, i);
        int64_t nodes = holds > 0 ? num_div_up_i64(missing, holds) : 0;
        if (nodes && (!fewest || nodes < fewest)) {
            fewest = nodes;
            like = i;
        }
    }
    if (fewest)
        add_change(out, "add %lld node%s like %.*s", (long long)fewest, fewest == 1 ? "" : "s",
                   STR_ARG(c->snap.nodes.items[like]->name));
}

/* ---- smaller minima ---- */

/* Would it start if role i needed m fewer, or with role 0 the gang itself? The roles' minima are
 * part of the gang's: where nothing is beyond them, both are lowered. */
static bool starts_with_fewer(struct cluster *c, struct gang *g, uint32_t i, int64_t fewer)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct plan plan;
    int64_t min = g->min, sum = gang_sum_of_parts(g);
    if (i)
        g->parts[i].min -= fewer;
    g->min = i && min > sum ? min : min - fewer;
    bool ok = cycle_probe(c, g, a, &plan);
    if (i)
        g->parts[i].min += fewer;
    g->min = min;
    return ok;
}

/* The fewest that must be given up; 0: not even all of them would do. */
static int64_t fewest_less(struct cluster *c, struct gang *g, uint32_t i, int64_t most)
{
    int64_t low = 1, high = most;
    if (most < 1 || !starts_with_fewer(c, g, i, most))
        return 0;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (starts_with_fewer(c, g, i, mid))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* One role with a smaller minimum. */
static void
try_fewer_of_role(struct cluster *c, struct gang *g, uint32_t i, struct explanation *out)
{
    const struct gang_part *p = &g->parts[i];
    bool slack = g->min > gang_sum_of_parts(g);
    int64_t less = fewest_less(c, g, i, p->min);
    if (less && slack)
        add_change(out, "lower the minimum of role %.*s from %lld to %lld", STR_ARG(p->name),
                   (long long)p->min, (long long)(p->min - less));
    else if (less)
        add_change(
            out, "lower the minimum of role %.*s from %lld to %lld, and with it the gang's to %lld",
            STR_ARG(p->name), (long long)p->min, (long long)(p->min - less),
            (long long)(g->min - less));
}

/* A gang would start with fewer members, if its minima said so. */
static void try_fewer(struct cluster *c, struct gang *g, struct explanation *out)
{
    unsigned tried = 0;
    if (!g->dialect || gang_goes_on(g))
        return;
    int64_t beyond = num_max_i64(gang_sum_of_parts(g), 1);
    int64_t less = fewest_less(c, g, 0, g->min - beyond);
    if (less)
        add_change(out, "lower the gang's minimum from %lld to %lld", (long long)g->min,
                   (long long)(g->min - less));
    for (uint32_t i = 1; i < g->n_parts && tried < ROLES_TRIED_MAX; i++) {
        if (gang_lacks(g, i) == 0)
            continue;
        try_fewer_of_role(c, g, i, out);
        tried++;
    }
}

/* Everything below happens beside the members that do fit. */
static void explain_blocked(struct cluster *c,
                            struct gang *g,
                            const struct plan *plan,
                            struct arena *a,
                            struct explanation *out)
{
    struct evaluation e;
    size_t mark = snapshot_mark(&c->snap);
    for (size_t i = 0; i < plan->n; i++)
        snapshot_place(&c->snap, plan->items[i].pod, &plan->items[i].where);
    evaluate_refused(c, plan->failed, a, &e);
    list_reasons(c, plan->failed->shape->profile, &e, a, out);
    size_t lacks = gang_lacks(g, 0);
    size_t missing = lacks > plan->fits ? lacks - plan->fits : 1;
    if (missing == 1)
        try_room(c, plan, &e, a, out);
    struct str cut = mig_advice(a, c, plan->failed, &e);
    if (cut.n)
        add_change(out, "%.*s", STR_ARG(cut));
    try_more_nodes(c, plan->failed, (int64_t)missing, &e, out);
    try_without_rules(c, plan->failed, out, a, out);
    snapshot_rollback(&c->snap, mark);
    try_fewer(c, g, out);
}

void explain_gang(struct cluster *c, struct gang *g, struct arena *a, struct explanation *out)
{
    struct plan plan;
    *out = (struct explanation){ .a = a, .gang = g->key, .message = g->message };
    if (!gang_is_complete(g)) {
        out->message = gang_waiting_text(a, g);
        size_t have = g->n_members + g->n_succeeded;
        if (g->min > 0 && have < gang_needs(g))
            add_change(out, "create %zu more members, or lower the gang's minimum to %zu",
                       gang_needs(g) - have, have);
        const struct gang_part *part = gang_short_part(g);
        if (part)
            add_change(out, "create the missing members with role %.*s, of which it needs %lld",
                       STR_ARG(part->name), (long long)part->min);
        return;
    }
    if (gang_pending(g) == 0)
        return;
    out->fits_now = cycle_try(c, g, a, &plan);
    if (out->fits_now)
        return;
    if (!out->message.n)
        out->message = plan.message;
    if (plan.failed)
        explain_blocked(c, g, &plan, a, out);
}

enum workload explain_workload(const struct spod *pod, struct arena *a, struct str *because)
{
    *because = (struct str){ 0 };
    return pod->shape->profile->workloads ? workload_why(pod->obj, a, because) : WORKLOAD_NONE;
}

struct jnode *explain_json(struct arena *a, const struct explanation *e)
{
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("gang"), e->gang);
    jnode_set_str(root, STR("message"), e->message);
    jnode_set_bool(root, STR("fitsNow"), e->fits_now);
    struct jnode *reasons = jnode_need_arr(root, STR("reasons"));
    for (size_t i = 0; i < e->n_reasons; i++) {
        struct jnode *r = jnode_append(reasons, jnode_obj(a));
        jnode_set_str(r, STR("plugin"), str_from(e->reasons[i].plugin));
        jnode_set_str(r, STR("text"), e->reasons[i].text);
        jnode_set_i64(r, STR("nodes"), (int64_t)e->reasons[i].nodes);
        jnode_set_str(r, STR("examples"), e->reasons[i].examples);
    }
    struct jnode *changes = jnode_need_arr(root, STR("changes"));
    for (size_t i = 0; i < e->n_changes; i++)
        jnode_append(changes, jnode_str(a, e->changes[i]));
    if (!e->because.p)
        return root;
    struct jnode *workload = jnode_need_obj(root, STR("workload"));
    jnode_set_str(workload, STR("kind"), str_from(workload_defaults[e->workload].name));
    jnode_set_str(workload, STR("because"), e->because);
    jnode_set_str(workload, STR("defaults"), str_from(workload_defaults[e->workload].help));
    return root;
}
