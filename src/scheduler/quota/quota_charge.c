/* SPDX-License-Identifier: Apache-2.0
 * quota_charge — what queues use, and whether they may use more; see quota.h.
 *
 * `taken` of a queue is what it and its children take of `subtree`. A child keeps `kept_own` for
 * itself; only what it takes beyond that burdens its parent. So a charge climbs as far as it
 * changes something, and what is still available to a queue is: its kept part that is free, and
 * what its parent has available, at most up to its borrow limit. */
#include "scheduler/quota/quota_internal.h"

#include <assert.h>

#include "base/num.h"

struct quota_kin quota_kin_of(const struct quota_claim *c)
{
    const struct quota_job *j = c->job;
    return (struct quota_kin){ c->queue, j ? j->user : NULL, j ? j->namespace : NULL };
}

/* log: NULL, nothing is to be undone. */
static void add(struct snapshot *log, int64_t *word, int64_t delta)
{
    if (!log)
        *word += delta;
    else if (delta)
        tx_set(log, word, *word + delta);
}

static void charge_one(struct snapshot *log, struct quota_queue *q, size_t r, int64_t delta)
{
    int64_t up = delta; /* what changes in `taken`, on the way up */
    add(log, &q->own[r], delta);
    for (struct quota_queue *at = q; at; at = at->parent) {
        int64_t before = num_max_i64(0, at->taken[r] - at->kept_own[r]);
        add(log, &at->used[r], delta);
        add(log, &at->taken[r], up);
        up = num_max_i64(0, at->taken[r] - at->kept_own[r]) - before;
    }
}

static void charge_gang(struct snapshot *log, struct quota_queue *q, struct quota_job *j, int sign)
{
    add(log, &j->pods, sign);
    if (j->pods != (sign > 0 ? 1 : 0))
        return; /* neither its first pod nor its last */
    for (struct quota_queue *at = q; at; at = at->parent)
        add(log, &at->gangs, sign);
    if (j->user)
        add(log, &j->user->gangs, sign);
    if (j->namespace)
        add(log, &j->namespace->gangs, sign);
}

static void charge(struct snapshot *log,
                   const struct quota_claim *c,
                   const struct demand *d,
                   size_t n,
                   int sign)
{
    struct quota *t = c->queue->tree;
    for (size_t i = 0; t->n_res && i < n; i++) {
        unsigned r = quota_column(t, d[i].res);
        if (r != QUOTA_NO_RES)
            charge_one(log, c->queue, r, sign * d[i].amount);
    }
    if (c->job)
        charge_gang(log, c->queue, c->job, sign);
}

void quota_charge(const struct quota_claim *c, const struct demand *d, size_t n, int sign)
{
    if (!c->queue)
        return;
    struct quota *t = c->queue->tree;
    if (t->n_said) {
        quota_link(t);
        t->gave = t->gave || sign < 0;
        for (struct quota_queue *at = c->queue; at; at = at->parent)
            quota_mark_dirty(at);
    }
    charge(t->snap, c, d, n, sign);
}

void quota_suppose(const struct quota_claim *c, const struct demand *d, size_t n, int sign)
{
    if (c->queue)
        charge(NULL, c, d, n, sign);
}

void quota_ask_add(struct quota *t, struct quota_ask *ask, const struct demand *d, size_t n)
{
    for (size_t i = 0; t->n_res && i < n; i++) {
        unsigned r = quota_column(t, d[i].res);
        if (r != QUOTA_NO_RES)
            ask->amount[r] = quota_sum(ask->amount[r], d[i].amount);
    }
}

/* ---- may it? ---- */

enum bound { BOUND_QUOTA, BOUND_BORROW, BOUND_LIMIT };

struct verdict_of { /* of one resource */
    int64_t room;
    enum bound bound;
    const struct quota_queue *at; /* the queue that sets the bound */
};

/* From q up to the last queue that counts. */
static size_t path_of(const struct quota_queue *q, const struct quota_queue **path)
{
    const struct quota_queue *top = q->top;
    size_t n = 0;
    for (; n < QUOTA_DEPTH_MAX + 2; q = q->parent) {
        path[n++] = q;
        if (q == top)
            break;
    }
    return n;
}

bool quota_concerns(const struct quota_claim *c, const struct quota_claim *other)
{
    if (!c->queue || !other->queue)
        return false;
    const struct quota_queue *top = c->queue->top;
    return top == other->queue->top || !top->parent;
}

static struct verdict_of room_of(const struct quota_queue *q, size_t r)
{
    const struct quota_queue *path[QUOTA_DEPTH_MAX + 2];
    size_t n = path_of(q, path);
    const struct quota_queue *top = path[n - 1];
    struct verdict_of v = { top->subtree[r] - top->taken[r], BOUND_QUOTA, top };
    for (size_t i = n - 1; i-- > 0;) {
        const struct quota_queue *at = path[i];
        int64_t lent = at->subtree[r] - at->kept_own[r];
        int64_t beyond = num_max_i64(0, at->taken[r] - at->kept_own[r]);
        int64_t most = quota_sum(lent - beyond, num_min_i64(at->borrow[r], QUOTA_HUGE));
        if (at->borrow[r] != QUOTA_ANY && most < v.room)
            v = (struct verdict_of){ most, BOUND_BORROW, at };
        v.room = quota_sum(v.room, num_max_i64(0, at->kept_own[r] - at->taken[r]));
    }
    for (size_t i = 0; i < n; i++) {
        int64_t left = num_min_i64(path[i]->limit[r], QUOTA_HUGE) - path[i]->used[r];
        if (left < v.room)
            v = (struct verdict_of){ left, BOUND_LIMIT, path[i] };
    }
    return v;
}

static struct str amount_text(const struct quota *t, size_t r, int64_t amount, struct arena *a)
{
    if (str_is(t->res_names[r], "cpu"))
        return arena_printf(a, "%lldm", (long long)amount);
    if (amount >= 1 << 20 &&
        (str_is(t->res_names[r], "memory") || str_is(t->res_names[r], "ephemeral-storage")))
        return arena_printf(a, "%lldMi", (long long)(amount >> 20));
    return arena_printf(a, "%lld", (long long)amount);
}

static struct str refusal(const struct quota_queue *q,
                          size_t r,
                          const struct verdict_of *v,
                          int64_t ask,
                          struct arena *a)
{
    const struct quota *t = q->tree;
    const struct quota_queue *at = v->at;
    int64_t missing = ask - v->room;
    struct str name = t->res_names[r];
    struct str head = arena_printf(
        a, "queue %.*s may use %.*s more %.*s, the gang asks for %.*s: ", STR_ARG(q->name),
        STR_ARG(amount_text(t, r, num_max_i64(0, v->room), a)), STR_ARG(name),
        STR_ARG(amount_text(t, r, ask, a)));
    struct str used = amount_text(t, r, at->used[r], a);
    struct str more = amount_text(t, r, missing, a);
    switch (v->bound) {
    case BOUND_QUOTA:
        if (!at->parent)
            return arena_printf(a, "%.*sthe cluster has %.*s, queues use %.*s and keep the rest",
                                STR_ARG(head), STR_ARG(amount_text(t, r, t->capacity[r], a)),
                                STR_ARG(used));
        return arena_printf(
            a,
            "%.*s%s%.*s has %.*s in all and uses %.*s; it would fit when %.*s "
            "become free there, or with a nominal quota larger by that",
            STR_ARG(head), at == q ? "it" : "queue ", STR_ARG(at == q ? STR("") : at->name),
            STR_ARG(amount_text(t, r, at->subtree[r], a)), STR_ARG(used), STR_ARG(more));
    case BOUND_BORROW:
        return arena_printf(
            a,
            "%.*squeue %.*s has %.*s and may borrow %.*s, it uses %.*s; it would "
            "fit with a borrowing limit larger by %.*s",
            STR_ARG(head), STR_ARG(at->name), STR_ARG(amount_text(t, r, at->subtree[r], a)),
            STR_ARG(amount_text(t, r, at->borrow[r], a)), STR_ARG(used), STR_ARG(more));
    case BOUND_LIMIT:
        break;
    }
    return arena_printf(a,
                        "%.*squeue %.*s is limited to %.*s and uses %.*s; it would fit when "
                        "%.*s become free there, or with a limit larger by that",
                        STR_ARG(head), STR_ARG(at->name),
                        STR_ARG(amount_text(t, r, at->limit[r], a)), STR_ARG(used), STR_ARG(more));
}

struct no { /* of a refusal: who says it, and why when somebody asks */
    const struct quota_queue *at;
    struct arena *a;
    struct str *why; /* NULL: nobody asks */
};

static bool deny_count(struct no *no,
                       const struct quota_queue *at,
                       const char *whom,
                       struct str whose,
                       int64_t most)
{
    no->at = at;
    if (no->why)
        *no->why = arena_printf(no->a,
                                "queue %.*s lets %lld gangs%s%.*s run at once, and as many do: one "
                                "must end, or the limit be raised",
                                STR_ARG(at->name), (long long)most, whom, STR_ARG(whose));
    return false;
}

/* Limits on how many gangs run; one that runs already is counted. */
static bool counts_allow(const struct quota_claim *c, struct no *no)
{
    const struct quota_queue *q = c->queue;
    const struct quota_job *j = c->job;
    if (!j || j->pods > 0)
        return true;
    for (const struct quota_queue *at = q; at; at = at->parent) {
        if (at->gangs >= at->max_gangs)
            return deny_count(no, at, "", STR(""), at->max_gangs);
    }
    if (j->user && j->user->gangs >= q->max_per_user)
        return deny_count(no, q, " of user ", j->user->name, q->max_per_user);
    if (j->namespace && j->namespace->gangs >= q->max_per_namespace)
        return deny_count(no, q, " of namespace ", j->namespace->name, q->max_per_namespace);
    return true;
}

/* Nothing on the way up is wrong, or stopped. */
static bool is_open(const struct quota_queue *q, struct no *no)
{
    for (const struct quota_queue *at = q; at; at = at->parent) {
        struct str problem = quota_problem(at);
        if (!problem.p && !at->paused)
            continue;
        no->at = at;
        if (no->why && problem.p)
            *no->why = arena_printf(no->a, "queue %.*s cannot start anything: %.*s",
                                    STR_ARG(q->name), STR_ARG(problem));
        else if (no->why)
            *no->why = arena_printf(no->a, "queue %.*s is stopped: resume it", STR_ARG(at->name));
        return false;
    }
    return true;
}

static bool
fits(struct quota *t, const struct quota_claim *c, const struct quota_ask *ask, struct no *no)
{
    const struct quota_queue *q = c->queue;
    if (!q || !t->n_said)
        return true;
    quota_link(t);
    if (!is_open(q, no) || !counts_allow(c, no))
        return false;
    for (size_t r = 0; r < t->n_res; r++) {
        if (ask->amount[r] <= 0)
            continue;
        struct verdict_of v = room_of(q, r);
        if (v.room >= ask->amount[r])
            continue;
        no->at = v.at;
        if (no->why)
            *no->why = refusal(q, r, &v, ask->amount[r], no->a);
        return false;
    }
    return true;
}

bool quota_has_rules(const struct quota *t)
{
    return t->n_said > 0;
}

bool quota_fits(struct quota *t,
                const struct quota_claim *c,
                const struct quota_ask *ask,
                struct arena *a,
                struct str *why)
{
    struct no no = { .a = a, .why = why };
    return fits(t, c, ask, &no);
}

struct quota_queue *
quota_bound(struct quota *t, const struct quota_claim *c, const struct quota_ask *ask)
{
    struct no no = { 0 };
    fits(t, c, ask, &no);
    return (struct quota_queue *)(uintptr_t)no.at; /* the tree is the caller's to change */
}

/* ---- who may take from whom ---- */

bool quota_over_nominal(struct quota *t, const struct quota_queue *q, const struct quota_ask *ask)
{
    quota_link(t);
    for (size_t r = 0; r < t->n_res; r++) {
        if ((!ask || ask->amount[r] > 0) && q->used[r] > q->subtree[r])
            return true;
    }
    return false;
}

static unsigned depth_of(const struct quota_queue *q)
{
    unsigned n = 0;
    for (; q->parent; q = q->parent)
        n++;
    return n;
}

/* The branches below the lowest common queue. False: one lies above the other, the same branch. */
static bool part(const struct quota_queue **to, const struct quota_queue **from)
{
    const struct quota_queue *x = *to, *y = *from;
    unsigned dx = depth_of(x), dy = depth_of(y);
    for (; dx > dy; dx--)
        x = x->parent;
    for (; dy > dx; dy--)
        y = y->parent;
    if (x == y)
        return false;
    while (x->parent != y->parent) {
        x = x->parent;
        y = y->parent;
    }
    *to = x;
    *from = y;
    return true;
}

bool quota_may_reclaim(struct quota *t,
                       const struct quota_queue *to,
                       const struct quota_queue *from,
                       const struct quota_ask *ask)
{
    quota_link(t);
    const struct quota_queue *x = to, *y = from;
    if (from->kept || to->reclaim == QUOTA_RECLAIM_NEVER || !part(&x, &y))
        return false;
    for (size_t r = 0; r < t->n_res; r++) {
        if (ask->amount[r] > 0 && quota_sum(x->used[r], ask->amount[r]) > x->subtree[r])
            return false;
    }
    return quota_over_nominal(t, y, ask);
}

enum quota_reclaim quota_reclaim_of(const struct quota_queue *to)
{
    return to->reclaim;
}

int64_t
quota_min_runtime(struct quota *t, const struct quota_queue *from, const struct quota_queue *to)
{
    quota_link(t);
    const struct quota_queue *x = to, *y = from;
    bool other = part(&x, &y);
    for (const struct quota_queue *at = from; at; at = at->parent) {
        int64_t ns = other ? at->reclaim_min_ns : at->preempt_min_ns;
        if (ns)
            return ns;
        if (other && at == y)
            break;
    }
    return 0;
}

bool quota_protects(struct quota *t,
                    const struct quota_queue *from,
                    const struct quota_queue *to,
                    const struct quota_ask *ask)
{
    bool named = false;
    quota_link(t);
    if (!from->said || !to->said || !part(&to, &from))
        return false;
    for (size_t r = 0; r < t->n_res; r++)
        named = named || ask->amount[r] > 0;
    return named && !quota_over_nominal(t, from, ask);
}

size_t quota_usage(struct quota *t, const struct quota_queue *q, struct quota_usage *out)
{
    quota_link(t);
    for (size_t r = 0; r < t->n_res; r++)
        out[r] = (struct quota_usage){ t->res_names[r], q->subtree[r], q->used[r],
                                       num_max_i64(0, q->used[r] - q->subtree[r]) };
    return t->n_res;
}

static uint64_t hash_words(uint64_t h, const int64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = num_mix64(h ^ (uint64_t)words[i]);
    return h;
}

/* Sums over queues, so that the order of the table does not matter. */
uint64_t quota_hash(const struct quota *t)
{
    uint64_t sum = hash_words(1, t->root->used, QUOTA_RES_MAX);
    const struct map_slot *slot, *js;
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));) {
        const struct quota_queue *q = slot->value;
        uint64_t h = str_hash(q->name, 1);
        h = hash_words(h, q->own, QUOTA_RES_MAX);
        h = hash_words(h, q->used, QUOTA_RES_MAX);
        h = hash_words(h, q->taken, QUOTA_RES_MAX);
        h = hash_words(h, &q->gangs, 1);
        for (size_t k = 0; (js = map_next(&q->jobs, &k));) {
            const struct quota_job *j = js->value;
            h += num_mix64(str_hash(j->key, 2) ^ (uint64_t)j->pods);
        }
        sum += h;
    }
    return sum;
}
