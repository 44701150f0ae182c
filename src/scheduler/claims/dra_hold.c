/* SPDX-License-Identifier: Apache-2.0
 * dra_hold — claims as they come and change, and what pods on nodes hold by them; see dra.h. */
#include <stdlib.h>

#include "base/time.h"

#include "scheduler/claims/dra_internal.h"

#define IDLE_AGAIN_NS (10 * NS_PER_S)
#define SWEEP_FROM 256 /* allocations of ours before unused ones are looked for */

/* ---- claims ---- */

void dra_claim_free(struct dra_claim *c)
{
    dra_failed_clear(c);
    dra_names_fini(&c->failed);
    if (c->api)
        dra_allocation_free(c->api);
    kobj_unref(c->obj);
    arena_free(c->a);
    dra_text_free(c->key);
    free(c);
}

static struct dra_claim *claim_of(struct dra *d, struct str namespace, struct str name)
{
    struct buf b;
    struct str key = dra_key(&b, namespace, name);
    struct dra_claim *c = map_get(&d->claims, key);
    if (!c) {
        c = MEM_NEW(struct dra_claim);
        c->key = dra_text_copy(key);
        map_put(&d->claims, c->key, c);
    }
    buf_fini(&b);
    return c;
}

/* Outside transactions. */
static void hold(struct dra *d, struct dra_claim *c, struct dra_allocation *al)
{
    dra_refresh(d);
    if (c->allocation)
        dra_charge(NULL, dra_allocation_of(c), -1);
    c->allocation = (int64_t)(uintptr_t)al;
    if (!al)
        return;
    dra_claim_resolve(d, al);
    dra_charge(NULL, al, 1);
}

/* Nothing is on its way to the API any more. */
static void forget_writes(struct dra_claim *c)
{
    c->on_wire = 0;
    c->sent = false;
    c->answered = 0;
    c->wrote = NULL;
}

/* Ours was sent: is it known now what came of it? Then what no pod uses goes. As long as one write
 * is on its way it may still land, whatever came of others. */
static void settle(struct dra *d, struct dra_claim *c)
{
    bool known = c->api || (c->answered && c->obj && c->obj->revision >= c->answered);
    if (!c->sent || c->on_wire || !known)
        return;
    forget_writes(c);
    if (!c->api && c->placed == 0)
        hold(d, c, NULL);
}

/* The API says that it holds nothing; but a write of ours may be underway. */
static void lose_api(struct dra *d, struct dra_claim *c)
{
    hold(d, c, (struct dra_allocation *)(uintptr_t)(c->on_wire ? c->wrote : NULL));
}

void dra_claim_set(struct dra *d, const struct kobj *obj)
{
    struct dra_claim *c = claim_of(d, obj->namespace, obj->name);
    struct dra_allocation *before = c->api;
    if (c->obj && !str_eq(c->obj->uid, obj->uid)) { /* another one of this name */
        forget_writes(c);
        hold(d, c, NULL);
    }
    bool was_api = before && dra_allocation_of(c) == before;
    struct kobj *old = c->obj;
    c->obj = kobj_ref(obj);
    dra_claim_parse(c);
    c->unfit = c->unfit && c->api;
    if (c->api)
        hold(d, c, c->api); /* the API's word ends ours */
    else if (was_api)
        lose_api(d, c);
    dra_allocation_free(before);
    kobj_unref(old);
    settle(d, c);
}

static void claim_drop(struct dra *d, struct dra_claim *c)
{
    if (c->obj || c->users)
        return;
    map_del(&d->claims, c->key);
    dra_claim_free(c);
}

void dra_claim_del(struct dra *d, const struct kobj *obj)
{
    struct dra_claim *c = claim_of(d, obj->namespace, obj->name);
    forget_writes(c);
    hold(d, c, NULL);
    dra_allocation_free(c->api);
    c->api = NULL;
    kobj_unref(c->obj);
    c->obj = NULL;
    c->n_requests = c->n_constraints = 0;
    claim_drop(d, c);
}

/* ---- pods ---- */

/* The claim that a pod's entry means: named, or generated for it; absent: not generated yet. */
static struct str claim_name(const struct kobj *pod, struct json entry)
{
    struct str name = json_str(json_get(entry, STR("resourceClaimName")));
    struct str own = json_str(json_get(entry, STR("name")));
    if (name.n)
        return name;
    for (struct json_iter it = json_iter(kobj_path(pod, "status.resourceClaimStatuses"));
         json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), own))
            return json_str(json_get(it.value, STR("resourceClaimName")));
    }
    return (struct str){ 0 };
}

/* The template made nothing, on purpose: the status names the entry without a claim. */
static bool needs_none(const struct kobj *pod, struct json entry)
{
    struct str own = json_str(json_get(entry, STR("name")));
    for (struct json_iter it = json_iter(kobj_path(pod, "status.resourceClaimStatuses"));
         json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), own))
            return true;
    }
    return false;
}

static bool has_claim(const struct dra_claims *c, const struct dra_claim *claim)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i] == claim)
            return true;
    }
    return false;
}

static void use_claim(struct dra *d, struct dra_claims *out, struct str namespace, struct str name)
{
    struct dra_claim *c = claim_of(d, namespace, name);
    if (has_claim(out, c))
        return;
    c->users++;
    out->items[out->n++] = c;
}

void dra_claims_init(struct dra *d, struct dra_claims *out, const struct kobj *pod)
{
    *out = (struct dra_claims){ .dra = d };
    struct json list = kobj_path(pod, "spec.resourceClaims");
    struct str extended =
        json_str(kobj_path(pod, "status.extendedResourceClaimStatus.resourceClaimName"));
    if (json_len(list) == 0 && !extended.n)
        return;
    out->items = mem_alloc_array(DRA_POD_CLAIMS_MAX + 1, sizeof(struct dra_claim *));
    for (struct json_iter it = json_iter(list); json_next(&it) && out->n < DRA_POD_CLAIMS_MAX;) {
        struct str name = claim_name(pod, it.value);
        if (name.n)
            use_claim(d, out, pod->namespace, name);
        else if (!needs_none(pod, it.value) && !out->missing.p)
            out->missing = dra_text_copy(json_str(json_get(it.value, STR("name"))));
    }
    if (extended.n)
        use_claim(d, out, pod->namespace, extended);
}

void dra_claims_fini(struct dra_claims *c)
{
    for (size_t i = 0; i < c->n; i++) {
        c->items[i]->users--;
        claim_drop(c->dra, c->items[i]);
    }
    free(c->items);
    dra_text_free(c->missing);
    *c = (struct dra_claims){ 0 };
}

/* Frees allocations of ours that no claim has. Only while the undo log is empty. */
static void sweep(struct dra *d)
{
    const struct map_slot *slot;
    size_t left = 0;
    if (d->made.n < SWEEP_FROM || d->made.n < 2 * d->claims.n)
        return;
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        const struct dra_claim *c = slot->value;
        if (c->allocation)
            ((struct dra_allocation *)(uintptr_t)c->allocation)->kept = true;
        if (c->wrote)
            ((struct dra_allocation *)(uintptr_t)c->wrote)->kept = true;
    }
    for (size_t i = 0; i < d->made.n; i++) {
        struct dra_allocation *al = d->made.items[i];
        if (!al->kept) {
            dra_allocation_free(al);
            continue;
        }
        al->kept = false;
        d->made.items[left++] = al;
    }
    d->made.n = left;
}

/* Gives unallocated claims of the pod their devices on the node. */
static void allocate(struct snapshot *s, const struct spod *pod, const struct placement *p)
{
    const struct snode *node = s->nodes.items[p->node];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str reason;
    size_t n, from = 0;
    struct dra_search *search = dra_search_new(s->dra, pod, a, &reason);
    if (search)
        dra_search_beside(search, p);
    if (!search || !dra_search_fits(search, node, NULL))
        return; /* placed on trial without asking: it holds nothing */
    const struct dra_pick *picks = dra_search_picks(search, &n);
    while (from < n) {
        struct dra_claim *c = picks[from].claim;
        size_t to = from;
        while (to < n && picks[to].claim == c)
            to++;
        struct dra_allocation *al =
            dra_allocation_new(s->dra, c, picks + from, to - from, node->name);
        dra_allocations_push(&s->dra->made, al);
        tx_set(s, &c->allocation, (int64_t)(uintptr_t)al);
        dra_charge(s, al, 1);
        from = to;
    }
}

void dra_place(struct snapshot *s, const struct spod *pod, const struct placement *p, bool make)
{
    if (pod->claims.n == 0)
        return;
    if (s->log.n == 0) {
        dra_refresh(s->dra);
        sweep(s->dra);
    }
    for (size_t i = 0; s->dra->supposing && i < pod->claims.n; i++)
        dra_suppose_back(s, pod->claims.items[i], pod);
    if (make)
        allocate(s, pod, p);
    for (size_t i = 0; i < pod->claims.n; i++)
        tx_set(s, &pod->claims.items[i]->placed, pod->claims.items[i]->placed + 1);
}

void dra_remove(struct snapshot *s, const struct spod *pod)
{
    for (size_t i = 0; i < pod->claims.n; i++) {
        struct dra_claim *c = pod->claims.items[i];
        tx_set(s, &c->placed, c->placed - 1);
        if (s->dra->supposing) {
            dra_suppose_gone(s, c, pod);
            continue;
        }
        if (c->placed > 0 || !c->allocation || c->api || c->sent)
            continue;
        dra_charge(s, dra_allocation_of(c), -1);
        tx_set(s, &c->allocation, 0);
    }
}

/* ---- held, not used ---- */

static bool is_for_waiting_pods(const struct dra_claim *c, const struct dra_waiting *who)
{
    for (struct json_iter it = json_iter(kobj_path(c->obj, "status.reservedFor"));
         json_next(&it);) {
        bool pod = str_is(json_str(json_get(it.value, STR("resource"))), "pods");
        if (!pod || !who->has(who->arg, json_str(json_get(it.value, STR("uid")))))
            return false;
    }
    return true;
}

struct dra_idle *
dra_idle_claims(const struct spod *pod, const struct dra_waiting *who, struct arena *a, size_t *n)
{
    struct dra_idle *out = ARENA_ARRAY(a, struct dra_idle, pod->claims.n + 1);
    *n = 0;
    for (size_t i = 0; i < pod->claims.n; i++) {
        struct dra_claim *c = pod->claims.items[i];
        if (!c->api || c->sent || c->placed || kobj_deleting(c->obj) ||
            (c->idle_told && who->now_ns < c->idle_told + IDLE_AGAIN_NS) ||
            !is_for_waiting_pods(c, who))
            continue;
        c->idle_told = who->now_ns;
        out[(*n)++] =
            (struct dra_idle){ { c->obj->namespace, c->obj->name, c->obj->uid }, c->obj->revision };
    }
    return out;
}

/* ---- between us and the API ---- */

void dra_sent(const struct spod *pod)
{
    for (size_t i = 0; i < pod->claims.n; i++) {
        struct dra_claim *c = pod->claims.items[i];
        if (!c->allocation || c->api)
            continue;
        c->sent = true;
        c->answered = 0;
        c->on_wire++;
        c->wrote = dra_allocation_of(c);
    }
}

bool dra_answered(struct dra *d, const struct claim_id *id, uint64_t revision)
{
    struct buf b;
    struct dra_claim *c = map_get(&d->claims, dra_key(&b, id->namespace, id->name));
    buf_fini(&b);
    if (!c || !c->sent || !c->obj || !str_eq(c->obj->uid, id->uid))
        return false;
    if (!revision) {
        forget_writes(c);
        if (c->placed == 0)
            hold(d, c, NULL);
        return true;
    }
    c->on_wire -= c->on_wire > 0;
    c->answered = revision > c->answered ? revision : c->answered;
    settle(d, c);
    return !c->sent;
}
