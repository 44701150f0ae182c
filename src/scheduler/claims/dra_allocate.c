/* SPDX-License-Identifier: Apache-2.0
 * dra_allocate — the search: gives every request of every unallocated claim of a pod its devices on
 * one node, with backtracking over devices and alternatives. Deterministic: devices are tried in
 * the order of pools, slices and devices, those local to the node first; alternatives in theirs.
 *
 * Within one request devices are chosen in rising order, so that equal sets are tried once. A pick
 * changes the devices' words while the search goes on below it and is always taken back; whoever
 * wants the result writes it through the undo log. DRA_STEPS bounds the work; when it ends the
 * search, the reason says so, because "not found" is not "impossible". */
#include "scheduler/claims/dra_internal.h"
#include "scheduler/claims/dra_score.h"

struct todo { /* one request */
    struct dra_claim *claim;
    const struct dra_request *request;
    size_t first_pick; /* of this claim, set while searching */
};

struct dra_search {
    struct dra *d;
    const struct spod *pod;
    struct arena *a;
    struct todo *todo;
    size_t n_todo;
    /* on one node */
    const struct snode *node;
    const struct placement *beside; /* NULL: the pod has no GPUs by index yet */
    struct dra_devices devices;
    struct dra_pick *picks;
    size_t n_picks, max_picks;
    size_t steps, want;  /* want: devices in all, by the first alternatives */
    bool spares, spared; /* devices that failed for the claim are left out; there were some */
    struct str failed;   /* a selector's error: ends the search */
};

/* ---- preparing ---- */

static struct str missing_claim(const struct spod *pod, struct arena *a)
{
    return arena_printf(a, "pod \"%.*s\": the ResourceClaim for \"%.*s\" is not created yet",
                        STR_ARG(spod_text(a, pod)), STR_ARG(pod->claims.missing));
}

static struct str name_of(const struct dra_claim *c)
{
    ptrdiff_t slash = str_find_char(c->key, '/');
    return str_skip(c->key, (size_t)slash + 1);
}

/* Why the claim cannot be used now; absent: it can. */
static struct str
claim_trouble(struct dra *d, const struct dra_claim *c, const struct spod *pod, struct arena *a)
{
    if (!c->obj)
        return arena_printf(a, "resourceclaim.resource.k8s.io \"%.*s\" not found",
                            STR_ARG(name_of(c)));
    if (kobj_deleting(c->obj))
        return arena_printf(a, "resourceclaim \"%.*s\" is being deleted", STR_ARG(name_of(c)));
    if (c->unfit)
        return arena_printf(a, "resourceclaim \"%.*s\": its devices could not be made ready",
                            STR_ARG(name_of(c)));
    struct json owner = kobj_controller(c->obj);
    if (str_is(json_str(json_get(owner, STR("kind"))), "Pod") &&
        !str_eq(json_str(json_get(owner, STR("uid"))), pod->obj->uid))
        return arena_printf(a, "ResourceClaim %.*s was not created for pod %.*s (pod is not owner)",
                            STR_ARG(c->key), STR_ARG(spod_text(a, pod)));
    if (json_len(kobj_path(c->obj, "status.reservedFor")) >= DRA_RESERVED_MAX &&
        !dra_is_reserved_for(c, pod->obj))
        return STR("resourceclaim in use");
    for (size_t r = 0; r < c->n_requests && !c->allocation; r++) {
        for (size_t i = 0; i < c->requests[r].n_asks; i++) {
            const struct dra_ask *ask = &c->requests[r].asks[i];
            if (!map_get(&d->classes, ask->class_name))
                return arena_printf(a, "request %.*s: device class %.*s does not exist",
                                    STR_ARG(ask->name), STR_ARG(ask->class_name));
        }
    }
    return (struct str){ 0 };
}

struct dra_search *
dra_search_new(struct dra *d, const struct spod *pod, struct arena *a, struct str *reason)
{
    size_t n = 0;
    if (pod->claims.missing.p) {
        *reason = missing_claim(pod, a);
        return NULL;
    }
    for (size_t i = 0; i < pod->claims.n; i++) {
        *reason = claim_trouble(d, pod->claims.items[i], pod, a);
        if (reason->p)
            return NULL;
        n += pod->claims.items[i]->n_requests;
    }
    struct dra_search *s = ARENA_NEW(a, struct dra_search);
    *s = (struct dra_search){ .d = d, .pod = pod, .a = a };
    s->todo = ARENA_ARRAY(a, struct todo, n + 1);
    for (size_t i = 0; i < pod->claims.n; i++) {
        struct dra_claim *c = pod->claims.items[i];
        for (size_t r = 0; r < c->n_requests && !c->allocation; r++)
            s->todo[s->n_todo++] = (struct todo){ .claim = c, .request = &c->requests[r] };
        s->max_picks += c->allocation ? 0 : DRA_RESULTS_MAX;
    }
    s->picks = ARENA_ARRAY(a, struct dra_pick, s->max_picks + 1);
    for (size_t i = 0; i < s->n_todo; i++)
        s->want += s->todo[i].request->n_asks ? (size_t)s->todo[i].request->asks[0].count : 0;
    return s;
}

/* ---- does a device suit an ask? ---- */

static bool selected_by(struct dra_search *s, struct json selectors, struct dra_device *dev)
{
    for (struct json_iter it = json_iter(selectors); json_next(&it);) {
        struct str expression = json_str(json_path(it.value, "cel.expression")), why;
        int rc = dra_matches(s->d, expression, dev, &why);
        if (rc < 0)
            s->failed = arena_printf(s->a, "selector failed on device %.*s/%.*s: %.*s",
                                     STR_ARG(dev->pool->key), STR_ARG(dev->name), STR_ARG(why));
        if (rc != 1)
            return false;
    }
    return true;
}

static bool suits(struct dra_search *s, const struct dra_ask *ask, struct dra_device *dev)
{
    const struct kobj *class = map_get(&s->d->classes, ask->class_name);
    return selected_by(s, kobj_path(class, "spec.selectors"), dev) &&
           selected_by(s, ask->selectors, dev) && dra_tolerates(dev, ask->tolerations);
}

/* ---- picking ---- */

static bool counters_have(const struct dra_device *dev)
{
    if (dev->sharers > 0)
        return true; /* counted when the first one came */
    for (size_t i = 0; i < dev->n_uses; i++) {
        const struct dra_use *u = &dev->uses[i];
        if (!u->counter || u->counter->used + u->milli > u->counter->milli)
            return false;
    }
    return true;
}

static bool concerns(const struct dra_constraint *c, const struct dra_pick *p)
{
    if (json_len(c->requests) == 0)
        return true;
    for (struct json_iter it = json_iter(c->requests); json_next(&it);) {
        struct str name = json_str(it.value);
        if (str_eq(name, p->request->name) || str_eq(name, p->ask->name))
            return true;
    }
    return false;
}

/* The newest pick against the earlier ones of its claim. */
static bool keeps(const struct dra_search *s, const struct dra_constraint *c)
{
    const struct dra_pick *last = &s->picks[s->n_picks - 1];
    if (!concerns(c, last))
        return true;
    const struct dra_attribute *mine = dra_attribute(last->device, c->attribute);
    if (!mine)
        return false;
    for (size_t i = 0; i + 1 < s->n_picks; i++) {
        const struct dra_pick *p = &s->picks[i];
        if (p->claim != last->claim || !concerns(c, p))
            continue;
        if (json_eq(dra_attribute(p->device, c->attribute)->value, mine->value) == c->distinct)
            return false;
    }
    return true;
}

static bool keeps_all(const struct dra_search *s)
{
    const struct dra_claim *claim = s->picks[s->n_picks - 1].claim;
    for (size_t i = 0; i < claim->n_constraints; i++) {
        if (!keeps(s, &claim->constraints[i]))
            return false;
    }
    return true;
}

static void charge(struct dra_pick *p, int sign)
{
    struct dra_device *dev = p->device;
    if (p->ask->admin)
        return;
    *(dev->multi ? &dev->sharers : &dev->holders) += sign;
    for (size_t i = 0; i < p->n_taken; i++)
        dra_capacity(dev, p->taken[i].name)->used += sign * p->taken[i].milli;
    bool counts = !dev->multi || dev->sharers == (sign > 0 ? 1 : 0);
    for (size_t i = 0; i < dev->n_uses && counts; i++)
        dev->uses[i].counter->used += sign * dev->uses[i].milli;
}

static size_t picks_of(const struct dra_search *s, const struct dra_claim *c)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_picks; i++)
        n += s->picks[i].claim == c;
    return n;
}

/* Somebody else has it. One that was shared is nobody's alone when its driver allows one user only
 * from now on. */
static bool is_taken(const struct dra_device *dev, const struct dra_ask *ask)
{
    return !ask->admin && (dev->holders > 0 || (!dev->multi && dev->sharers > 0));
}

/* Takes the device; false: it cannot be had. */
static bool
pick(struct dra_search *s, const struct todo *t, const struct dra_ask *ask, struct dra_device *dev)
{
    struct dra_pick p = { .claim = t->claim, .ask = ask, .request = t->request, .device = dev };
    if (picks_of(s, t->claim) >= DRA_RESULTS_MAX)
        return false;
    if (is_taken(dev, ask) ||
        (!ask->admin && (!counters_have(dev) || !dra_gpu_is_free(dev, s->node, s->beside))))
        return false;
    if (!ask->admin && !dra_consume(dev, ask->capacity, s->a, &p.taken, &p.n_taken))
        return false;
    s->picks[s->n_picks++] = p;
    if (!keeps_all(s)) {
        s->n_picks--;
        return false;
    }
    charge(&s->picks[s->n_picks - 1], 1);
    return true;
}

static void unpick(struct dra_search *s)
{
    charge(&s->picks[--s->n_picks], -1);
}

/* ---- the search ---- */

static bool over(struct dra_search *s)
{
    return ++s->steps > DRA_STEPS || s->failed.p;
}

static bool solve(struct dra_search *s, size_t todo);

static bool is_spared(struct dra_search *s, const struct dra_claim *c, const struct dra_device *dev)
{
    if (!s->spares || !dra_has_failed(c, dev))
        return false;
    s->spared = true;
    return true;
}

/* Are there `left` devices from this place on that may do? Else the subsets of fewer need not be
 * tried. */
static bool are_enough(struct dra_search *s, const struct dra_ask *ask, int64_t left, size_t from)
{
    for (size_t i = from; i < s->devices.n && left > 0 && !s->failed.p; i++)
        left -= !is_taken(s->devices.items[i], ask) && suits(s, ask, s->devices.items[i]);
    return left == 0;
}

/* `left` more devices for the ask, from place `from` on, then the rest of the requests. */
static bool
choose(struct dra_search *s, size_t todo, const struct dra_ask *ask, int64_t left, size_t from)
{
    if (left == 0)
        return solve(s, todo + 1);
    if (!are_enough(s, ask, left, from))
        return false;
    for (size_t i = from; i < s->devices.n && !over(s); i++) {
        struct dra_device *dev = s->devices.items[i];
        if (is_taken(dev, ask) /* cheaper to ask than the selectors */ ||
            is_spared(s, s->todo[todo].claim, dev) || !suits(s, ask, dev) ||
            !pick(s, &s->todo[todo], ask, dev))
            continue;
        if (choose(s, todo, ask, left - 1, i + 1))
            return true;
        unpick(s);
    }
    return false;
}

/* Every device that suits, at least one; all must be free. */
static bool choose_all(struct dra_search *s, size_t todo, const struct dra_ask *ask)
{
    size_t before = s->n_picks;
    bool ok = true;
    for (size_t i = 0; i < s->devices.n && ok && !over(s); i++) {
        struct dra_device *dev = s->devices.items[i];
        ok = !suits(s, ask, dev) || pick(s, &s->todo[todo], ask, dev);
    }
    if (ok && !s->failed.p && s->steps <= DRA_STEPS && s->n_picks > before && solve(s, todo + 1))
        return true;
    while (s->n_picks > before)
        unpick(s);
    return false;
}

static bool solve(struct dra_search *s, size_t todo)
{
    if (todo == s->n_todo)
        return s->beside || dra_gpus_suffice(s->picks, s->n_picks, s->node, s->pod->shape);
    const struct dra_request *r = s->todo[todo].request;
    for (size_t i = 0; i < r->n_asks && !s->failed.p && s->steps <= DRA_STEPS; i++) {
        const struct dra_ask *ask = &r->asks[i];
        if (ask->all ? choose_all(s, todo, ask)
                     : ask->count > 0 && choose(s, todo, ask, ask->count, 0))
            return true;
    }
    return false;
}

/* What has an allocation already must be usable on the node. */
static bool held_claims_reach(const struct dra_search *s)
{
    for (size_t i = 0; i < s->pod->claims.n; i++) {
        const struct dra_allocation *al = dra_allocation_of(s->pod->claims.items[i]);
        if (al && al->terms && !match_node_terms(al->terms, &s->node->labels, s->node->name))
            return false;
    }
    return true;
}

static void say(struct str *reason, struct str text)
{
    if (reason)
        *reason = text;
}

bool dra_search_fits(struct dra_search *s, const struct snode *node, struct str *reason)
{
    s->node = node;
    s->n_picks = s->steps = 0;
    s->failed = (struct str){ 0 };
    if (!held_claims_reach(s)) {
        say(reason, STR("resourceclaim not available on the node"));
        return false;
    }
    if (s->n_todo == 0)
        return true;
    s->devices = dra_reachable(s->d, node);
    dra_order(&s->devices, s->a, node, s->want);
    s->spares = true;
    s->spared = false;
    bool ok = solve(s, 0);
    s->spares = false;
    if (!ok && s->spared && !s->failed.p)
        ok = solve(s, 0);                   /* better those than none */
    for (size_t i = s->n_picks; i > 0; i--) /* the picks stay readable */
        charge(&s->picks[i - 1], -1);
    if (ok)
        return true;
    if (s->failed.p)
        say(reason, s->failed);
    else if (s->steps > DRA_STEPS)
        say(reason,
            arena_printf(s->a, "cannot allocate all claims (the search ended after %d steps)",
                         DRA_STEPS));
    else
        say(reason, STR("cannot allocate all claims"));
    return false;
}

void dra_search_beside(struct dra_search *s, const struct placement *p)
{
    s->beside = p;
}

const struct dra_pick *dra_search_picks(const struct dra_search *s, size_t *n)
{
    *n = s->n_picks;
    return s->picks;
}

/* ---- score ---- */

#define SHARE 1000 /* of losses */

/* Only what the picks are tells nodes apart. */
static bool is_plain(const struct dra_search *s)
{
    for (size_t i = 0; i < s->n_todo; i++) {
        if (s->todo[i].request->n_asks > 1 || s->todo[i].claim->failed.n)
            return false;
    }
    return s->want < 2;
}

/* Of 1000, how far down the lists of alternatives the picks are. */
static int64_t rank_loss(const struct dra_search *s)
{
    int64_t loss = 0, lists = 0;
    for (size_t i = 0; i < s->n_picks; i++) {
        const struct dra_pick *p = &s->picks[i];
        if (p->request->n_asks < 2)
            continue;
        loss += (int64_t)SHARE * (p->ask - p->request->asks) / (int64_t)(p->request->n_asks - 1);
        lists++;
    }
    return lists ? loss / lists : 0;
}

/* How much slower than on the best kind of node they reach one another. */
static int64_t distance_loss(const struct dra_search *s, const struct snode *node)
{
    uint64_t mask = 0;
    uint32_t n = (uint32_t)s->n_picks;
    uint32_t best = n > 1 ? links_fastest(&s->d->snap->links, n) : 0;
    for (size_t i = 0; i < s->n_picks; i++) {
        const struct dra_device *dev = s->picks[i].device;
        mask |= dev->gpu_index >= 0 ? UINT64_C(1) << dev->gpu_index : 0;
    }
    bool known = best && node->links && (uint32_t)__builtin_popcountll(mask) == n;
    uint32_t ring = known ? links_ring(node->links, mask) : LINKS_HOST_GBPS;
    return best && ring < best ? SHARE - (int64_t)SHARE * ring / best : 0;
}

/* Of 1000, what of the node's devices stays free: little is good, others keep whole nodes. */
static int64_t free_share(const struct dra_devices *devices, size_t taken)
{
    int64_t left = 0;
    for (size_t i = 0; i < devices->n; i++) {
        const struct dra_device *dev = devices->items[i];
        left += dev->holders ? 0 : dra_left_of(dev);
    }
    left -= (int64_t)SHARE * (int64_t)taken;
    return left > 0 ? left / (int64_t)devices->n : 0;
}

int64_t dra_search_score(struct dra_search *s, const struct snode *node)
{
    if (s->n_todo == 0)
        return 100;
    if (is_plain(s)) {
        struct dra_devices all = dra_reachable(s->d, node);
        return 100 - free_share(&all, s->want) / 10;
    }
    if (!dra_search_fits(s, node, NULL))
        return 0;
    for (size_t i = 0; i < s->n_picks; i++) {
        if (dra_has_failed(s->picks[i].claim, s->picks[i].device))
            return 0;
    }
    return 100 - (60 * rank_loss(s) + 20 * distance_loss(s, node) +
                  20 * free_share(&s->devices, s->n_picks)) /
                     SHARE;
}
