/* SPDX-License-Identifier: Apache-2.0
 * tally — see tally.h.
 *
 * A tally may be made in the middle of a transaction. Its sums then hold for the state at that
 * moment, and the undo log knows nothing of them before it: `counted` is itself a word, so that a
 * rollback past that moment says that the sums no longer hold, and the next asker counts anew. */
#include "scheduler/state/tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define LEVELS 256
#define KEY_BYTES_MAX (64u << 10) /* a longer question is answered, but not kept */

VEC_TYPE(tally_vec, struct tally *);

struct tallies {
    struct snapshot *s;
    struct domain_index domains;
    struct tally_vec list;
    struct map by_key;
    struct anchor_index index; /* of those about sets */
    struct buf key;
    uint64_t asks, serial;
    size_t bytes;
};

struct tallies *tallies_new(struct snapshot *s)
{
    struct tallies *ts = MEM_NEW(struct tallies);
    ts->s = s;
    map_init(&ts->by_key);
    anchor_index_init(&ts->index);
    buf_init(&ts->key, KEY_BYTES_MAX);
    return ts;
}

static size_t bytes_of(const struct tally *t)
{
    return sizeof *t + t->domain_cap * (sizeof *t->sum + sizeof *t->nodes) + t->node_cap / 8 +
           LEVELS * sizeof *t->levels + arena_bytes(t->a);
}

static void tally_free(struct tallies *ts, struct tally *t)
{
    ts->bytes -= bytes_of(t);
    ts->list.items[t->place] = ts->list.items[--ts->list.n];
    ts->list.items[t->place]->place = t->place;
    map_del(&ts->by_key, t->key);
    if (t->ask.owner)
        list_remove(&t->of_owner);
    else if (!t->ask.nobody)
        anchor_del(&ts->index, &t->filed);
    ((struct domains *)(uintptr_t)t->domains)->holders--; /* ours: const for readers only */
    kobj_unref(t->ask.wanting);
    kobj_unref(t->ask.tolerating);
    free(t->sum);
    free(t->nodes);
    free(t->counts);
    free(t->levels);
    arena_free(t->a);
    free(t);
}

void tallies_free(struct tallies *ts)
{
    if (!ts)
        return;
    while (ts->list.n)
        tally_free(ts, ts->list.items[0]);
    tally_vec_fini(&ts->list);
    map_fini(&ts->by_key);
    anchor_index_fini(&ts->index);
    buf_fini(&ts->key);
    domain_index_fini(&ts->domains);
    free(ts);
}

const struct domains *tallies_domains(struct tallies *ts, struct str key)
{
    return domains_get(&ts->domains, ts->s, key.p ? key : STR(""));
}

size_t tallies_count(const struct tallies *ts)
{
    return ts->list.n;
}

/* ---- what a question is, as bytes ---- */

static void put_text(struct buf *b, struct str s)
{
    buf_u64(b, s.n);
    buf_char(b, ':');
    buf_str(b, s);
}

static void put_texts(struct buf *b, const struct str *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_text(b, items[i]);
    buf_char(b, ';');
}

static void put_set(struct buf *b, const struct podset *c)
{
    buf_char(b, c->everywhere ? '*' : '.');
    put_texts(b, c->names.items, c->names.n);
    buf_char(b, c->selector.present ? '+' : '-');
    for (size_t i = 0; i < c->selector.n; i++) {
        const struct need *need = &c->selector.needs[i];
        buf_char(b, (char)('0' + (int)need->op));
        put_text(b, need->key);
        put_texts(b, need->values.items, need->values.n);
    }
}

static void put_json(struct buf *b, struct json v)
{
    put_text(b, json_text(v));
}

static void put_ask(struct buf *b, const struct tally_ask *ask)
{
    buf_clear(b);
    buf_char(b, (char)('0' + ask->nobody + 2 * ask->staying + 4 * ask->by_node));
    put_text(b, ask->key);
    put_texts(b, ask->labels, ask->n_labels);
    if (ask->owner)
        buf_put(b, &ask->owner->serial, sizeof ask->owner->serial);
    for (size_t i = 0; i < ask->n_sets; i++)
        put_set(b, &ask->sets[i]);
    if (ask->wanting) {
        struct json spec = kobj_path(ask->wanting, "spec");
        buf_char(b, 'w');
        put_json(b, json_get(spec, STR("nodeSelector")));
        put_json(b, json_path(spec, "affinity.nodeAffinity"));
    }
    if (ask->tolerating) {
        buf_char(b, 't');
        put_json(b, kobj_path(ask->tolerating, "spec.tolerations"));
    }
}

static struct strs copy_texts(struct arena *a, const struct str *items, size_t n)
{
    struct strs out = { ARENA_ARRAY(a, struct str, n), n };
    for (size_t i = 0; i < n; i++)
        out.items[i] = arena_str(a, items[i]);
    return out;
}

static struct label_sel copy_selector(struct arena *a, const struct label_sel *s)
{
    struct label_sel out = { s->present, ARENA_ARRAY(a, struct need, s->n), s->n };
    for (size_t i = 0; i < s->n; i++)
        out.needs[i] =
            (struct need){ arena_str(a, s->needs[i].key), s->needs[i].op,
                           copy_texts(a, s->needs[i].values.items, s->needs[i].values.n) };
    return out;
}

static void copy_ask(struct arena *a, struct tally_ask *out, const struct tally_ask *ask)
{
    struct podset *sets = ARENA_ARRAY(a, struct podset, ask->n_sets);
    *out = *ask;
    for (size_t i = 0; i < ask->n_sets; i++) {
        const struct podset *c = &ask->sets[i];
        sets[i] = (struct podset){ copy_texts(a, c->names.items, c->names.n), c->everywhere,
                                   copy_selector(a, &c->selector) };
    }
    out->sets = sets;
    out->key = arena_str(a, ask->key);
    out->labels = copy_texts(a, ask->labels, ask->n_labels).items;
    out->wanting = ask->wanting ? kobj_ref(ask->wanting) : NULL;
    out->tolerating = ask->tolerating ? kobj_ref(ask->tolerating) : NULL;
}

/* ---- which pods, which nodes ---- */

bool podset_has(const struct podset *c, const struct spod *p)
{
    bool here = c->everywhere;
    for (size_t i = 0; i < c->names.n && !here; i++)
        here = str_eq(c->names.items[i], spod_namespace(p));
    return here && label_sel_matches(&c->selector, &p->labels);
}

static bool is_counted(const struct tally_ask *ask, const struct spod *p)
{
    if (ask->owner)
        return p->relations == ask->owner;
    if (ask->nobody || (ask->staying && p->view->deleting))
        return false;
    for (size_t i = 0; i < ask->n_sets; i++) {
        if (!podset_has(&ask->sets[i], p))
            return false;
    }
    return ask->n_sets > 0;
}

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

bool tally_ask_allows(const struct tally_ask *ask, const struct snode *n)
{
    for (size_t i = 0; i < ask->n_labels; i++) {
        if (!labelset_get(&n->labels, ask->labels[i]).p)
            return false;
    }
    return (!ask->wanting || wants_node(pod_of(ask->wanting), n)) &&
           (!ask->tolerating || tolerates_all(pod_of(ask->tolerating), n->view));
}

/* ---- counting ---- */

static bool counts_on(const struct tally *t, uint32_t node)
{
    return node < t->node_cap && t->counts[node / 64] >> (node % 64) & 1;
}

static size_t level_of(int64_t sum)
{
    return sum < 0 ? 0 : sum < LEVELS - 1 ? (size_t)sum : LEVELS - 1;
}

static void move(struct tallies *ts, struct tally *t, uint32_t domain, int64_t by)
{
    int64_t old = t->sum[domain];
    size_t from = level_of(old), to = level_of(old + by);
    tx_set(ts->s, &t->sum[domain], old + by);
    tx_set(ts->s, &t->total, t->total + by);
    if (from == to || !t->nodes[domain])
        return;
    tx_set(ts->s, &t->levels[from], t->levels[from] - 1);
    tx_set(ts->s, &t->levels[to], t->levels[to] + 1);
}

struct moved_pod {
    struct tallies *ts;
    const struct spod *p;
    uint32_t node;
    int sign;
};

static void move_pod(const struct moved_pod *m, struct tally *t)
{
    uint32_t domain = t->domains->of[m->node];
    if (t->counted && domain != DOMAIN_MISSING && counts_on(t, m->node) &&
        is_counted(&t->ask, m->p))
        move(m->ts, t, domain, m->sign);
}

static void move_candidate(void *arg, struct anchored *filed)
{
    move_pod(arg, CONTAINER_OF(filed, struct tally, filed));
}

void tallies_pod(struct tallies *ts, const struct spod *p, uint32_t node, int sign)
{
    struct moved_pod m = { ts, p, node, sign };
    if (ts->list.n == 0)
        return;
    if (p->relations) {
        LIST_EACH (&p->relations->tallies, at)
            move_pod(&m, LIST_ITEM(at, struct tally, of_owner));
    }
    anchor_visit(&ts->index, spod_namespace(p), &p->labels, move_candidate, &m);
}

static void count_node(struct tally *t, const struct snapshot *s, const struct snode *n)
{
    uint32_t domain = t->domains->of[n->id];
    bool wanted = !t->ask.nobody && (!t->ask.owner || n->n_terms);
    if (domain == DOMAIN_MISSING || !tally_ask_allows(&t->ask, n))
        return;
    t->counts[n->id / 64] |= UINT64_C(1) << (n->id % 64);
    t->n_seen += t->nodes[domain]++ == 0;
    for (int64_t id = wanted ? n->first_pod : -1; id >= 0; id = s->pods.items[id]->next) {
        int64_t one = is_counted(&t->ask, s->pods.items[id]);
        t->sum[domain] += one;
        t->total += one;
    }
}

/* Counts everything into zeroed arrays. */
static void count_all(struct tally *t, const struct snapshot *s)
{
    t->total = 0;
    t->n_seen = 0;
    for (size_t i = 0; i < s->nodes.n; i++) {
        if (s->nodes.items[i]->alive)
            count_node(t, s, s->nodes.items[i]);
    }
    for (uint32_t d = 1; t->levels && d < t->domains->n; d++) {
        if (t->nodes[d])
            t->levels[level_of(t->sum[d])]++;
    }
}

int64_t tally_min(const struct tally *t)
{
    int64_t min = INT32_MAX;
    for (size_t l = 0; t->levels && l + 1 < LEVELS; l++) {
        if (t->levels[l])
            return (int64_t)l;
    }
    for (uint32_t d = 1; d < t->domains->n; d++) {
        if (t->nodes[d] && t->sum[d] < min)
            min = t->sum[d];
    }
    return min;
}

/* ---- asking ---- */

static void *grow_zeroed(void *items, size_t size, size_t from, size_t to)
{
    char *bytes = mem_realloc(items, to * size);
    memset(bytes + from * size, 0, (to - from) * size);
    return bytes;
}

/* Room for all nodes and domains that there are. */
static void make_room(struct tallies *ts, struct tally *t)
{
    size_t domains = t->domains->domain_cap, nodes = (ts->s->cap + 63) / 64 * 64;
    ts->bytes -= bytes_of(t);
    if (domains > t->domain_cap) {
        t->sum = grow_zeroed(t->sum, sizeof *t->sum, t->domain_cap, domains);
        t->nodes = grow_zeroed(t->nodes, sizeof *t->nodes, t->domain_cap, domains);
        t->domain_cap = domains;
    }
    if (nodes > t->node_cap) {
        t->counts = grow_zeroed(t->counts, 8, t->node_cap / 64, nodes / 64);
        t->node_cap = nodes;
    }
    ts->bytes += bytes_of(t);
}

/* Past a rollback that the sums did not survive: nothing in the log is about them. */
static void recount(struct tallies *ts, struct tally *t)
{
    memset(t->sum, 0, t->domain_cap * sizeof *t->sum);
    memset(t->nodes, 0, t->domain_cap * sizeof *t->nodes);
    memset(t->counts, 0, t->node_cap / 8);
    memset(t->levels, 0, LEVELS * sizeof *t->levels);
    count_all(t, ts->s);
    if (ts->s->log.n)
        tx_set(ts->s, &t->counted, 1);
    else
        t->counted = 1; /* no rollback reaches behind this state */
}

static struct domains *domains_for(struct tallies *ts, const struct tally_ask *ask)
{
    struct str key = ask->key.p ? ask->key : STR("");
    return domains_get(&ts->domains, ts->s, ask->by_node ? (struct str){ 0 } : key);
}

/* Counted in the arena, for the asker alone. */
static struct tally *count_once(struct tallies *ts, const struct tally_ask *ask, struct arena *a)
{
    struct tally *t = ARENA_NEW(a, struct tally);
    t->ask = *ask;
    t->domains = domains_for(ts, ask);
    t->node_cap = (ts->s->cap + 63) / 64 * 64;
    t->sum = ARENA_ARRAY(a, int64_t, t->domains->n);
    t->nodes = ARENA_ARRAY(a, uint32_t, t->domains->n);
    t->counts = ARENA_ARRAY(a, uint64_t, t->node_cap / 64);
    count_all(t, ts->s);
    return t;
}

static void file(struct tallies *ts, struct tally *t)
{
    const struct tally_ask *ask = &t->ask;
    if (ask->owner)
        list_push_back(&ask->owner->tallies, &t->of_owner);
    if (ask->owner || ask->nobody)
        return;
    static const struct label_sel any = { .present = true };
    const struct podset *c = ask->n_sets ? &ask->sets[0] : NULL;
    bool one = c && !c->everywhere && c->names.n == 1;
    anchor_add(&ts->index, &t->filed, one ? c->names.items[0] : (struct str){ 0 },
               c ? &c->selector : &any);
}

static struct tally *tally_new(struct tallies *ts, const struct tally_ask *ask)
{
    struct tally *t = MEM_NEW(struct tally);
    struct domains *d = domains_for(ts, ask);
    t->a = arena_new_sized(512);
    t->serial = ++ts->serial;
    copy_ask(t->a, &t->ask, ask);
    t->key = arena_str(t->a, buf_view(&ts->key));
    t->domains = d;
    d->holders++;
    t->levels = mem_alloc_array(LEVELS, sizeof *t->levels);
    ts->bytes += bytes_of(t);
    t->place = ts->list.n;
    tally_vec_push(&ts->list, t);
    map_put(&ts->by_key, t->key, t);
    file(ts, t);
    return t;
}

static bool is_full(const struct tallies *ts)
{
    return ts->list.n >= TALLIES_MAX || (ts->bytes > TALLY_BYTES_MAX && ts->list.n >= TALLIES_MIN);
}

/* False: there is no room, because the log still names the words of the others. */
static bool make_place(struct tallies *ts)
{
    while (is_full(ts) && ts->s->log.n == 0) {
        struct tally *oldest = ts->list.items[0];
        for (size_t i = 1; i < ts->list.n; i++) {
            if (ts->list.items[i]->used < oldest->used)
                oldest = ts->list.items[i];
        }
        tally_free(ts, oldest);
    }
    return !is_full(ts);
}

const struct tally *tally_get(struct tallies *ts, const struct tally_ask *ask, struct arena *a)
{
    put_ask(&ts->key, ask);
    struct tally *t = ts->key.failed ? NULL : map_get(&ts->by_key, buf_view(&ts->key));
    if (!t && (ts->key.failed || !make_place(ts)))
        return count_once(ts, ask, a);
    if (!t)
        t = tally_new(ts, ask);
    t->used = ++ts->asks;
    if (!t->counted) {
        make_room(ts, t);
        recount(ts, t);
    }
    return t;
}

/* ---- nodes ---- */

static void move_pods_of(struct tallies *ts, const struct snode *n, int sign)
{
    for (int64_t id = n->first_pod; id >= 0; id = ts->s->pods.items[id]->next)
        tallies_pod(ts, ts->s->pods.items[id], n->id, sign);
}

static void see_node(struct tallies *ts, struct tally *t, const struct snode *n)
{
    make_room(ts, t);
    uint32_t domain = t->domains->of[n->id];
    if (!t->counted || domain == DOMAIN_MISSING || !tally_ask_allows(&t->ask, n))
        return;
    t->counts[n->id / 64] |= UINT64_C(1) << (n->id % 64);
    if (t->nodes[domain]++)
        return;
    t->n_seen++;
    t->levels[level_of(t->sum[domain])]++;
}

static void unsee_node(struct tally *t, const struct snode *n)
{
    uint32_t domain = t->domains->of[n->id];
    if (!t->counted || !counts_on(t, n->id))
        return;
    t->counts[n->id / 64] &= ~(UINT64_C(1) << (n->id % 64));
    if (--t->nodes[domain])
        return;
    t->n_seen--;
    t->levels[level_of(t->sum[domain])]--;
}

void tallies_node_join(struct tallies *ts, struct snode *n)
{
    domain_index_join(&ts->domains, n);
    for (size_t i = 0; i < ts->list.n; i++)
        see_node(ts, ts->list.items[i], n);
    move_pods_of(ts, n, 1);
    snapshot_commit(ts->s);
}

void tallies_node_leave(struct tallies *ts, struct snode *n)
{
    assert(ts->s->log.n == 0);
    move_pods_of(ts, n, -1);
    for (size_t i = 0; i < ts->list.n; i++)
        unsee_node(ts->list.items[i], n);
    domain_index_leave(&ts->domains, n);
    snapshot_commit(ts->s);
}

void tallies_owner_gone(struct tallies *ts, struct relations *r)
{
    assert(ts->s->log.n == 0);
    LIST_EACH (&r->tallies, at)
        tally_free(ts, LIST_ITEM(at, struct tally, of_owner));
}

/* ---- for tests ---- */

static bool holds(const struct tallies *ts, const struct tally *t, struct arena *a)
{
    struct tally fresh = { .ask = t->ask, .domains = t->domains, .node_cap = t->node_cap };
    fresh.sum = ARENA_ARRAY(a, int64_t, t->domain_cap);
    fresh.nodes = ARENA_ARRAY(a, uint32_t, t->domain_cap);
    fresh.counts = ARENA_ARRAY(a, uint64_t, t->node_cap / 64);
    fresh.levels = ARENA_ARRAY(a, int64_t, LEVELS);
    count_all(&fresh, ts->s);
    return fresh.total == t->total && fresh.n_seen == t->n_seen &&
           memcmp(fresh.sum, t->sum, t->domain_cap * sizeof *t->sum) == 0 &&
           memcmp(fresh.nodes, t->nodes, t->domain_cap * sizeof *t->nodes) == 0 &&
           memcmp(fresh.counts, t->counts, t->node_cap / 8) == 0 &&
           memcmp(fresh.levels, t->levels, LEVELS * sizeof *t->levels) == 0;
}

bool tallies_hold(struct tallies *ts)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < ts->list.n; i++) {
        arena_reset(a);
        if (ts->list.items[i]->counted && !holds(ts, ts->list.items[i], a))
            return false;
    }
    return true;
}
