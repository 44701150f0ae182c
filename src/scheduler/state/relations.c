/* SPDX-License-Identifier: Apache-2.0
 * relations — see relations.h. */
#include "scheduler/state/relations.h"

#include <stdlib.h>

#include "base/buf.h"
#include "scheduler/state/tally.h"

#define RELATIONS_KEY_BYTES_MAX (256u << 10)

struct relation_pool *relation_pool_new(void)
{
    struct relation_pool *pool = MEM_NEW(struct relation_pool);
    map_init(&pool->by_key);
    anchor_index_init(&pool->terms);
    return pool;
}

void relation_pool_free(struct relation_pool *pool)
{
    map_fini(&pool->by_key);
    anchor_index_fini(&pool->terms);
    free(pool);
}

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

/* ---- terms as others meet them ---- */

static void own(struct relation_pool *pool,
                struct relations *r,
                enum owned_kind kind,
                const struct term *terms,
                size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct owned *o = &r->owned[r->n_owned++];
        const struct term *t = &terms[i];
        bool one = !t->namespaces.present && t->names.n == 1;
        o->by = r;
        o->term = t;
        o->kind = kind;
        anchor_add(&pool->terms, &o->filed, one ? t->names.items[0] : (struct str){ 0 },
                   &t->selector);
    }
}

static void own_all(struct relation_pool *pool, struct relations *r)
{
    size_t n = r->n_required + r->n_preferred + r->n_anti_required + r->n_anti_preferred;
    r->owned = ARENA_ARRAY(r->a, struct owned, n);
    own(pool, r, OWNED_REQUIRED, r->required, r->n_required);
    own(pool, r, OWNED_PREFERRED, r->preferred, r->n_preferred);
    own(pool, r, OWNED_ANTI_REQUIRED, r->anti_required, r->n_anti_required);
    own(pool, r, OWNED_ANTI_PREFERRED, r->anti_preferred, r->n_anti_preferred);
}

/* ---- one for all that say the same ---- */

static bool has_terms(const struct affinity *aff)
{
    return aff && (aff->pod_required.n || aff->pod_preferred.n || aff->anti_required.n ||
                   aff->anti_preferred.n);
}

static void put_text(struct buf *b, struct str s)
{
    buf_u64(b, s.n);
    buf_char(b, ':');
    buf_str(b, s);
}

/* Some term is about the pod's own namespace, because it names none. */
static bool means_own(const struct pod_terms *terms)
{
    for (size_t i = 0; i < terms->n; i++) {
        if (!terms->items[i].namespaces.n &&
            json_type(terms->items[i].namespace_selector) != JSON_OBJ)
            return true;
    }
    return false;
}

static bool needs_namespace(const struct affinity *aff)
{
    return aff && (means_own(&aff->pod_required) || means_own(&aff->pod_preferred) ||
                   means_own(&aff->anti_required) || means_own(&aff->anti_preferred));
}

static void put_key(struct buf *b, const struct kobj *obj, const struct labelset *labels)
{
    const struct pod *view = pod_of(obj);
    struct json spec = kobj_path(obj, "spec");
    put_text(b, needs_namespace(view->affinity) ? obj->namespace : STR(""));
    put_text(b, json_text(json_path(spec, "affinity.podAffinity")));
    put_text(b, json_text(json_path(spec, "affinity.podAntiAffinity")));
    put_text(b, json_text(json_get(spec, STR("topologySpreadConstraints"))));
    for (size_t i = 0; i < view->spreads.n; i++) {
        const struct strs *keys = &view->spreads.items[i].match_label_keys;
        for (size_t j = 0; j < keys->n; j++) {
            struct str value = labelset_get(labels, keys->items[j]);
            buf_char(b, value.p ? '=' : '-');
            put_text(b, value);
        }
    }
}

static struct relations *relations_new(struct relation_pool *pool,
                                       const struct kobj *obj,
                                       const struct labelset *labels,
                                       struct str key)
{
    const struct affinity *aff = pod_of(obj)->affinity;
    struct arena *a = arena_new_sized(1024);
    struct relations *r = ARENA_NEW(a, struct relations);
    r->a = a;
    r->key = arena_str(a, key);
    r->obj = kobj_ref(obj);
    r->serial = ++pool->serial;
    r->terms = has_terms(aff);
    list_init(&r->tallies);
    compile_spreads(r, pod_of(obj), labels);
    map_put(&pool->by_key, r->key, r);
    if (!r->terms)
        return r;
    struct str ns = r->obj->namespace;
    r->required = compile_terms(a, &aff->pod_required, ns, &r->n_required);
    r->preferred = compile_terms(a, &aff->pod_preferred, ns, &r->n_preferred);
    r->anti_required = compile_terms(a, &aff->anti_required, ns, &r->n_anti_required);
    r->anti_preferred = compile_terms(a, &aff->anti_preferred, ns, &r->n_anti_preferred);
    own_all(pool, r);
    return r;
}

struct relations *
relations_get(struct relation_pool *pool, const struct kobj *obj, const struct labelset *labels)
{
    const struct pod *view = pod_of(obj);
    if (!has_terms(view->affinity) && !view->spreads.n)
        return NULL;
    struct buf key;
    buf_init(&key, RELATIONS_KEY_BYTES_MAX);
    put_key(&key, obj, labels);
    if (key.failed) { /* too long to compare: shared with nobody */
        buf_clear(&key);
        buf_printf(&key, "#%llu", (unsigned long long)pool->serial);
    }
    struct relations *r = map_get(&pool->by_key, buf_view(&key));
    if (!r)
        r = relations_new(pool, obj, labels, buf_view(&key));
    buf_fini(&key);
    r->pods++;
    return r;
}

void relations_put(struct relation_pool *pool, struct tallies *ts, struct relations *r)
{
    if (!r || --r->pods)
        return;
    tallies_owner_gone(ts, r);
    for (size_t i = 0; i < r->n_owned; i++)
        anchor_del(&pool->terms, &r->owned[i].filed);
    map_del(&pool->by_key, r->key);
    kobj_unref(r->obj);
    arena_free(r->a); /* r itself lives in it */
}
