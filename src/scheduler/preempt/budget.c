/* SPDX-License-Identifier: Apache-2.0
 * budget — see budget.h. */
#include "scheduler/preempt/budget.h"

#include <stdlib.h>

struct budget {
    struct kobj *obj;
    struct arena *a; /* key, selector */
    struct str key;  /* "namespace/name" */
    struct label_sel selector;
    int64_t allowed;
};

struct budget_ledger {
    const struct budget **budgets;
    int64_t *left;
    size_t n;
};

static void budget_free(struct budget *b)
{
    if (!b)
        return;
    kobj_unref(b->obj);
    arena_free(b->a);
    free(b);
}

void cluster_budget_set(struct cluster *c, const struct kobj *obj)
{
    struct budget *b = MEM_NEW(struct budget);
    b->a = arena_new();
    b->obj = kobj_ref(obj);
    b->key = arena_printf(b->a, "%.*s/%.*s", STR_ARG(obj->namespace), STR_ARG(obj->name));
    b->selector = label_sel_compile(b->a, kobj_path(b->obj, "spec.selector"));
    b->allowed = json_i64_or(kobj_path(b->obj, "status.disruptionsAllowed"), 0);
    budget_free(map_put(&c->budgets, b->key, b));
}

void cluster_budget_del(struct cluster *c, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str key = arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name));
    budget_free(map_del(&c->budgets, key));
}

void cluster_budgets_fini(struct cluster *c)
{
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&c->budgets, &i));)
        budget_free(s->value);
    map_fini(&c->budgets);
}

struct budget_ledger *budget_ledger_new(const struct cluster *c, struct arena *a)
{
    struct budget_ledger *l = ARENA_NEW(a, struct budget_ledger);
    const struct map_slot *s;
    l->budgets = ARENA_ARRAY(a, const struct budget *, c->budgets.n);
    l->left = ARENA_ARRAY(a, int64_t, c->budgets.n);
    for (size_t i = 0; (s = map_next(&c->budgets, &i));)
        l->budgets[l->n++] = s->value;
    budget_ledger_reset(l);
    return l;
}

void budget_ledger_reset(struct budget_ledger *l)
{
    for (size_t i = 0; i < l->n; i++)
        l->left[i] = l->budgets[i]->allowed;
}

static bool covers(const struct budget *b, const struct spod *pod)
{
    if (!str_eq(b->obj->namespace, spod_namespace(pod)) || b->selector.n == 0 ||
        !label_sel_matches(&b->selector, &pod->labels))
        return false;
    struct json disrupted = kobj_path(b->obj, "status.disruptedPods");
    return !json_has(json_get(disrupted, pod->obj->name));
}

bool budget_take(struct budget_ledger *l, const struct spod *pod)
{
    bool ok = true;
    if (pod->labels.n == 0)
        return true;
    for (size_t i = 0; i < l->n; i++) {
        if (covers(l->budgets[i], pod) && --l->left[i] < 0)
            ok = false;
    }
    return ok;
}
