/* SPDX-License-Identifier: Apache-2.0
 * relations — see relations.h. */
#include "scheduler/state/relations.h"

/* matchLabelKeys add "key In (the pod's own value)"; keys that the pod lacks are skipped. */
static void add_own_values(struct arena *a,
                           struct label_sel *sel,
                           const struct strs *keys,
                           const struct labelset *labels)
{
    for (size_t i = 0; i < keys->n; i++) {
        struct str value = labelset_get(labels, keys->items[i]);
        if (!value.p)
            continue;
        struct str *one = ARENA_NEW(a, struct str);
        *one = value;
        label_sel_add(a, sel, (struct need){ keys->items[i], NEED_IN, { one, 1 } });
    }
}

static struct term *
compile_terms(struct arena *a, const struct pod_terms *in, struct str namespace, size_t *n)
{
    struct term *out = ARENA_ARRAY(a, struct term, in->n);
    for (size_t i = 0; i < in->n; i++) {
        const struct pod_term *t = &in->items[i];
        out[i] = (struct term){
            .selector = label_sel_compile(a, t->selector),
            .namespaces = label_sel_compile(a, t->namespace_selector),
            .names = t->namespaces,
            .topology_key = t->topology_key,
            .weight = t->weight,
        };
        if (out[i].names.n || out[i].namespaces.present)
            continue;
        struct str *own = ARENA_NEW(a, struct str);
        *own = namespace;
        out[i].names = (struct strs){ own, 1 };
    }
    *n = in->n;
    return out;
}

static void
compile_spreads(struct relations *r, const struct pod *view, const struct labelset *labels)
{
    r->spreads = ARENA_ARRAY(r->a, struct spread_rule, view->spreads.n);
    for (size_t i = 0; i < view->spreads.n; i++) {
        const struct spread *s = &view->spreads.items[i];
        struct spread_rule *rule = &r->spreads[r->n_spreads++];
        *rule = (struct spread_rule){
            .selector = label_sel_compile(r->a, s->selector),
            .topology_key = s->topology_key,
            .max_skew = s->max_skew,
            .min_domains = s->min_domains,
            .hard = s->hard,
            .ignore_affinity = s->ignore_affinity,
            .honor_taints = s->honor_taints,
        };
        add_own_values(r->a, &rule->selector, &s->match_label_keys, labels);
    }
}

struct relations *relations_new(const struct kobj *obj, const struct labelset *labels)
{
    const struct pod *view = pod_of(obj);
    const struct affinity *aff = view->affinity;
    bool terms = aff && (aff->pod_required.n || aff->pod_preferred.n || aff->anti_required.n ||
                         aff->anti_preferred.n);
    if (!terms && !view->spreads.n)
        return NULL;
    struct arena *a = arena_new();
    struct relations *r = ARENA_NEW(a, struct relations);
    r->a = a;
    r->terms = terms;
    compile_spreads(r, view, labels);
    if (!terms)
        return r;
    struct str ns = obj->namespace;
    r->required = compile_terms(a, &aff->pod_required, ns, &r->n_required);
    r->preferred = compile_terms(a, &aff->pod_preferred, ns, &r->n_preferred);
    r->anti_required = compile_terms(a, &aff->anti_required, ns, &r->n_anti_required);
    r->anti_preferred = compile_terms(a, &aff->anti_preferred, ns, &r->n_anti_preferred);
    return r;
}

void relations_free(struct relations *r)
{
    if (r)
        arena_free(r->a); /* r itself lives in it */
}
