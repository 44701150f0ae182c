/* SPDX-License-Identifier: Apache-2.0
 * quota — the queues and how they hang together; see quota.h. Use and limits are in
 * quota_charge.c, the order in quota_order.c. */
#include "scheduler/quota/quota_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"

#define HALF_LIFE_NS (3600 * NS_PER_S)

static bool ticket_less(const void *pa, const void *pb)
{
    const struct quota_ticket *a = pa, *b = pb;
    bool fifo = a->queue->order == QUOTA_FIFO;
    if (!fifo && a->priority != b->priority)
        return a->priority > b->priority;
    if (!fifo && a->tier != b->tier)
        return a->tier > b->tier;
    if (!fifo && a->turn_ns != b->turn_ns)
        return a->turn_ns < b->turn_ns;
    if (a->created_ns != b->created_ns)
        return a->created_ns < b->created_ns;
    return a->seq < b->seq;
}

static void ticket_moved(void *item, size_t pos)
{
    ((struct quota_ticket *)item)->pos = pos;
}

static bool eager_less(const void *pa, const void *pb)
{
    const struct quota_queue *a = pa, *b = pb;
    const struct quota_ticket *x = a->head, *y = b->head;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    switch (a->parent->order) {
    case QUOTA_FAIR_SHARE:
        if (a->over != b->over)
            return b->over;
        if (a->share < b->share || a->share > b->share)
            return a->share < b->share;
        break;
    case QUOTA_INHERIT:
    case QUOTA_PRIORITY:
        if (x->priority != y->priority)
            return x->priority > y->priority;
        if (x->turn_ns != y->turn_ns)
            return x->turn_ns < y->turn_ns;
        break;
    case QUOTA_FIFO:
        break;
    }
    return x->created_ns != y->created_ns ? x->created_ns < y->created_ns : x->seq < y->seq;
}

static void eager_moved(void *item, size_t pos)
{
    ((struct quota_queue *)item)->pos = pos;
}

/* ---- life ---- */

static void set_text(struct str *slot, struct str text)
{
    free((void *)(uintptr_t)slot->p); /* own text */
    *slot = text.p ? str_make(str_dup(text), text.n) : (struct str){ 0 };
}

static void set_defaults(struct quota_queue *q)
{
    q->weight = 1;
    q->priority = 0;
    q->said_order = QUOTA_INHERIT;
    q->max_gangs = q->max_per_user = q->max_per_namespace = QUOTA_ANY;
    q->closed = q->n_implied > 0;
    q->paused = q->kept = false;
    q->reclaim = QUOTA_RECLAIM_ANY;
    q->preempt_min_ns = q->reclaim_min_ns = 0;
    free(q->classes);
    q->classes = NULL;
    q->n_classes = 0;
    for (size_t r = 0; r < QUOTA_RES_MAX; r++) {
        q->nominal[r] = q->borrow[r] = q->lend[r] = q->limit[r] = QUOTA_ANY;
    }
}

struct quota_queue *quota_queue_new(struct quota *t, struct str name)
{
    struct quota_queue *q = MEM_NEW(struct quota_queue);
    q->tree = t;
    set_text(&q->name, name);
    set_defaults(q);
    list_init(&q->children);
    list_init(&q->sibling);
    list_init(&q->stalled);
    heap_init(&q->waiting, ticket_less, ticket_moved);
    heap_init(&q->eager, eager_less, eager_moved);
    q->pos = HEAP_OUT;
    q->order = QUOTA_PRIORITY;
    q->settled_ns = t->now_ns;
    map_init(&q->jobs);
    map_init(&q->users);
    map_init(&q->namespaces);
    if (t->root) {
        q->parent = t->root;
        list_push_back(&t->root->children, &q->sibling);
        map_put(&t->by_name, q->name, q);
    }
    t->linked = false;
    return q;
}

static void forget_in(struct quota_queues *list, const struct quota_queue *q)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i] == q)
            list->items[i--] = quota_queues_pop(list);
    }
}

static void queue_free(struct quota_queue *q)
{
    struct quota *t = q->tree;
    assert(q->n_waiting == 0 && q->claims == 0 && list_empty(&q->children));
    assert(list_empty(&q->stalled) || q != t->root);
    list_remove(&q->sibling);
    LIST_EACH (&q->stalled, at)
        quota_stall(LIST_ITEM(at, struct quota_ticket, stalled), t->root);
    if (q->dirty)
        forget_in(&t->dirty, q);
    if (q->relieved)
        forget_in(&t->relieved, q);
    for (size_t i = 0; i < q->n_classes; i++)
        set_text(&q->classes[i].name, (struct str){ 0 });
    free(q->classes);
    heap_fini(&q->waiting);
    heap_fini(&q->eager);
    map_fini(&q->jobs);
    map_fini(&q->users);
    map_fini(&q->namespaces);
    set_text(&q->name, (struct str){ 0 });
    set_text(&q->about, (struct str){ 0 });
    set_text(&q->parent_name, (struct str){ 0 });
    set_text(&q->wrong, (struct str){ 0 });
    set_text(&q->fault, (struct str){ 0 });
    free(q);
}

struct quota *quota_new(struct snapshot *snap)
{
    struct quota *t = MEM_NEW(struct quota);
    t->snap = snap;
    t->half_life_ns = HALF_LIFE_NS;
    t->history = 1;
    memset(t->of_column, QUOTA_NO_RES, sizeof t->of_column);
    map_init(&t->by_name);
    t->root = quota_queue_new(t, STR("the cluster"));
    t->standard = quota_queue_new(t, QUOTA_DEFAULT);
    return t;
}

void quota_free(struct quota *t)
{
    if (!t)
        return;
    const struct map_slot *slot;
    while (!list_empty(&t->root->children))
        list_remove(t->root->children.next);
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));)
        list_init(&((struct quota_queue *)slot->value)->children);
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));)
        list_init(&((struct quota_queue *)slot->value)->sibling);
    quota_queues_fini(&t->dirty);
    quota_queues_fini(&t->relieved);
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));) {
        struct quota_queue *q = slot->value;
        q->dirty = q->relieved = false;
        queue_free(q);
    }
    t->root->dirty = t->root->relieved = false;
    queue_free(t->root);
    for (size_t r = 0; r < t->n_res; r++)
        set_text(&t->res_names[r], (struct str){ 0 });
    map_fini(&t->by_name);
    free(t);
}

struct quota_queue *quota_find(struct quota *t, struct str name)
{
    return map_get(&t->by_name, name);
}

void quota_set_history(struct quota *t, int64_t half_life_ns, double weight)
{
    t->half_life_ns = half_life_ns > 0 ? half_life_ns : 1;
    t->history = weight > 0 ? weight : 0;
}

/* ---- what objects say ---- */

/* The index of a resource, made on first use; QUOTA_RES_MAX: there are too many. */
static size_t resource_index(struct quota *t, struct str name)
{
    for (size_t r = 0; r < t->n_res; r++) {
        if (str_eq(t->res_names[r], name))
            return r;
    }
    if (t->n_res == QUOTA_RES_MAX)
        return QUOTA_RES_MAX;
    set_text(&t->res_names[t->n_res], name);
    t->n_columns = 0; /* a column may be this one */
    t->capacity_version = 0;
    return t->n_res++;
}

static void blame(struct quota_queue *q, struct str text)
{
    if (!q->wrong.p)
        set_text(&q->wrong, text);
}

static void take_row(struct quota_queue *q, const struct quota_row *row, struct arena *a)
{
    const struct {
        const char *name;
        int64_t value;
    } parts[] = { { "nominal quota", row->nominal },
                  { "borrowing limit", row->borrow },
                  { "lending limit", row->lend },
                  { "limit", row->limit } };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].value < 0)
            blame(q, arena_printf(a, "%s of %.*s is %lld, must not be negative", parts[i].name,
                                  STR_ARG(row->resource), (long long)parts[i].value));
    }
    size_t r = resource_index(q->tree, row->resource);
    if (r == QUOTA_RES_MAX) {
        blame(q, arena_printf(a, "%.*s is one resource too many, all queues together name %d",
                              STR_ARG(row->resource), QUOTA_RES_MAX));
        return;
    }
    q->nominal[r] = num_max_i64(row->nominal, 0);
    q->borrow[r] = num_max_i64(row->borrow, 0);
    q->lend[r] = num_max_i64(row->lend, 0);
    q->limit[r] = num_max_i64(row->limit, 0);
}

static void take_classes(struct quota_queue *q, const struct quota_spec *s)
{
    if (!s->n_classes)
        return;
    q->classes = mem_alloc_array(s->n_classes, sizeof *q->classes);
    q->n_classes = s->n_classes;
    for (size_t i = 0; i < s->n_classes; i++) {
        q->classes[i] = s->classes[i];
        q->classes[i].name = str_make(str_dup(s->classes[i].name), s->classes[i].name.n);
    }
}

static void drop_if_unused(struct quota_queue *q);

/* The parent that this queue's object names, where naming it is enough to make it. */
static void set_parent(struct quota_queue *q, struct str name, bool implies)
{
    struct quota *t = q->tree;
    struct quota_queue *old = q->implies ? quota_find(t, q->parent_name) : NULL;
    struct quota_queue *now = implies && name.n ? quota_find(t, name) : NULL;
    if (implies && name.n && !now && t->by_name.n < QUOTA_QUEUES_MAX)
        now = quota_queue_new(t, name);
    if (now) {
        now->n_implied++;
        now->closed = now->closed || !now->said;
    }
    set_text(&q->parent_name, name.n ? name : (struct str){ 0 });
    q->implies = now != NULL;
    if (!old)
        return;
    old->n_implied--;
    drop_if_unused(old);
}

int quota_set(struct quota *t, const struct quota_spec *s, struct err *err)
{
    struct quota_queue *q = quota_find(t, s->name);
    if (!q && t->by_name.n >= QUOTA_QUEUES_MAX)
        return err_set(err, ERR_TOO_LARGE, "queue %.*s: more than %d queues", STR_ARG(s->name),
                       QUOTA_QUEUES_MAX);
    AUTO(arena_freep) struct arena *a = arena_new();
    if (!q)
        q = quota_queue_new(t, s->name);
    for (size_t i = 0; i < q->n_classes; i++)
        set_text(&q->classes[i].name, (struct str){ 0 });
    set_defaults(q);
    t->n_said += !q->said;
    q->said = true;
    set_text(&q->about, s->about);
    set_text(&q->wrong, s->wrong);
    set_parent(q, s->parent, s->implies);
    q->reclaim = s->reclaim;
    q->preempt_min_ns = s->preempt_min_ns;
    q->reclaim_min_ns = s->reclaim_min_ns;
    q->weight = s->weight > 0 ? s->weight : 1;
    q->priority = s->priority;
    q->said_order = s->order;
    q->max_gangs = s->max_gangs;
    q->max_per_user = s->max_per_user;
    q->max_per_namespace = s->max_per_namespace;
    q->closed = s->closed;
    q->paused = s->paused;
    q->kept = s->kept;
    for (size_t i = 0; i < s->n_rows; i++)
        take_row(q, &s->rows[i], a);
    take_classes(q, s);
    if (s->weight < 0)
        blame(q, arena_printf(a, "the weight is %g, must not be negative", s->weight));
    t->linked = false;
    return 0;
}

/* A queue stays while pods name it; they wait and say that it does not exist. */
static void drop_if_unused(struct quota_queue *q)
{
    struct quota *t = q->tree;
    if (q->said || q->n_implied || q->claims || q->n_waiting || q == t->standard)
        return;
    map_del(&t->by_name, q->name);
    LIST_EACH (&q->children, at) {
        struct quota_queue *child = LIST_ITEM(at, struct quota_queue, sibling);
        list_remove(at);
        list_push_back(&t->root->children, at);
        child->parent = t->root;
    }
    t->linked = false;
    queue_free(q);
}

void quota_del(struct quota *t, struct str name)
{
    struct quota_queue *q = quota_find(t, name);
    if (!q || !q->said)
        return;
    for (size_t i = 0; i < q->n_classes; i++)
        set_text(&q->classes[i].name, (struct str){ 0 });
    set_defaults(q);
    q->said = false;
    t->n_said--;
    set_text(&q->wrong, (struct str){ 0 });
    set_parent(q, (struct str){ 0 }, false);
    t->linked = false;
    drop_if_unused(q);
}

/* ---- links ---- */

static struct quota_queue *said_parent(struct quota_queue *q)
{
    struct quota_queue *p = q->parent_name.n ? quota_find(q->tree, q->parent_name) : NULL;
    return p && (p->said || p->n_implied) ? p : NULL;
}

/* What is wrong with where it hangs: on the way up to a top, a queue that is not there, or this one
 * again, or too many. */
static void find_fault(struct quota_queue *q, struct arena *a)
{
    size_t depth = 1;
    set_text(&q->fault, (struct str){ 0 });
    if (!q->said && !q->n_implied && q != q->tree->standard) {
        set_text(&q->fault,
                 arena_printf(a, "queue %.*s does not exist: create it or correct the name",
                              STR_ARG(q->name)));
        return;
    }
    for (struct quota_queue *at = q; at->parent_name.n; depth++) {
        struct quota_queue *up = said_parent(at);
        if (!up) {
            set_text(&q->fault, arena_printf(a,
                                             "queue %.*s names the parent %.*s, which does not "
                                             "exist: create it or correct the name",
                                             STR_ARG(at->name), STR_ARG(at->parent_name)));
            return;
        }
        if (depth > QUOTA_DEPTH_MAX) {
            set_text(&q->fault,
                     arena_printf(a,
                                  "queue %.*s is its own ancestor, or lies more than %d deep: "
                                  "change a parent",
                                  STR_ARG(q->name), QUOTA_DEPTH_MAX));
            return;
        }
        at = up;
    }
}

static void hang(struct quota_queue *q)
{
    struct quota_queue *parent = q->fault.p ? NULL : said_parent(q);
    q->parent = parent ? parent : q->tree->root;
    list_remove(&q->sibling);
    list_push_back(&q->parent->children, &q->sibling);
}

/* Children before parents. */
static void collect(struct quota_queue *q, struct quota_queues *out)
{
    q->order = q->said_order != QUOTA_INHERIT ? q->said_order
               : q->parent                    ? q->parent->order
                                              : QUOTA_PRIORITY;
    LIST_EACH (&q->children, at)
        collect(LIST_ITEM(at, struct quota_queue, sibling), out); /* QUOTA_DEPTH_MAX deep */
    quota_queues_push(out, q);
}

static bool is_closed_top(const struct quota_queue *q)
{
    return q->closed && q->parent && !q->parent->parent;
}

/* One resource of one queue, from its children's. */
static void derive(struct quota_queue *q, size_t r)
{
    bool root = !q->parent;
    int64_t sum = root                         ? q->tree->capacity[r]
                  : q->nominal[r] == QUOTA_ANY ? 0
                                               : num_min_i64(q->nominal[r], QUOTA_HUGE);
    int64_t taken = q->own[r];
    q->used[r] = q->own[r];
    q->names[r] = q->nominal[r] != QUOTA_ANY;
    LIST_EACH (&q->children, at) {
        const struct quota_queue *c = LIST_ITEM(at, struct quota_queue, sibling);
        sum = quota_sum(sum, root ? -c->kept_own[r] : c->subtree[r] - c->kept_own[r]);
        taken += num_max_i64(0, c->taken[r] - c->kept_own[r]);
        q->used[r] += c->used[r];
        q->names[r] = q->names[r] || c->names[r];
    }
    /* A closed tree that is silent about a resource does not govern it. */
    if (is_closed_top(q) && !q->names[r])
        sum = QUOTA_HUGE;
    q->taken[r] = taken;
    q->subtree[r] = sum;
    q->kept_own[r] = q->lend[r] == QUOTA_ANY ? 0 : num_max_i64(0, sum - q->lend[r]);
}

static void measure_capacity(struct quota *t)
{
    const struct snapshot *s = t->snap;
    for (size_t r = 0; r < t->n_res; r++) {
        uint32_t column = snapshot_find_res(s, t->res_names[r]);
        t->capacity[r] = 0;
        for (size_t n = 0; column != RES_NOBODY && n < s->nodes.n; n++)
            t->capacity[r] = quota_sum(t->capacity[r], s->alloc[column][n]);
    }
    t->capacity_version = s->alloc_version;
}

/* Heaps anew: parents and orders may be others. */
static void reset_line(struct quota_queue *q)
{
    struct heap fresh;
    heap_fini(&q->eager);
    heap_init(&q->eager, eager_less, eager_moved);
    heap_init(&fresh, ticket_less, ticket_moved);
    for (size_t i = 0; i < q->waiting.n; i++)
        heap_push(&fresh, q->waiting.items[i]);
    heap_fini(&q->waiting);
    q->waiting = fresh;
    q->head = heap_peek(&q->waiting);
    q->pos = HEAP_OUT;
    q->n_waiting = q->waiting.n;
    q->gangs = 0;
}

static void find_top(struct quota_queue *q)
{
    q->top = q;
    while (q->top->parent && !is_closed_top(q->top))
        q->top = q->top->parent;
}

static void relink(struct quota *t, struct quota_queues *all)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));)
        find_fault(slot->value, a);
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));)
        hang(slot->value);
    collect(t->root, all);
    for (size_t i = 0; i < all->n; i++)
        reset_line(all->items[i]);
    for (size_t i = 0; i < all->n; i++)
        find_top(all->items[i]);
}

/* Gangs run in a queue where a job of it has pods. */
static void count_gangs(struct quota_queue *q)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&q->jobs, &i));)
        q->gangs += ((struct quota_job *)slot->value)->pods > 0;
}

void quota_link(struct quota *t)
{
    if (t->linked && t->capacity_version == t->snap->alloc_version)
        return;
    struct quota_queues all = { 0 };
    bool anew = !t->linked;
    measure_capacity(t);
    if (anew)
        relink(t, &all);
    else
        collect(t->root, &all);
    for (size_t i = 0; i < all.n; i++) {
        struct quota_queue *q = all.items[i];
        for (size_t r = 0; r < t->n_res; r++)
            derive(q, r);
        if (anew) {
            count_gangs(q);
            LIST_EACH (&q->children, at)
                q->gangs += LIST_ITEM(at, struct quota_queue, sibling)->gangs;
        }
    }
    t->linked = true;
    for (size_t i = 0; i < all.n; i++)
        quota_mark_dirty(all.items[i]);
    quota_mark_relieved(t->root); /* it may have more now */
    for (size_t i = 0; anew && i < all.n; i++) {
        struct quota_queue *q = all.items[i];
        size_t n = q->waiting.n;
        for (struct quota_queue *up = q->parent; n && up; up = up->parent)
            up->n_waiting += n;
    }
    for (size_t i = 0; anew && i < all.n; i++) {
        if (all.items[i]->n_waiting)
            quota_reorder(all.items[i]);
    }
    quota_queues_fini(&all);
}

unsigned quota_column(struct quota *t, uint32_t column)
{
    if (t->n_columns != t->snap->n_res) {
        t->n_columns = t->snap->n_res;
        memset(t->of_column, QUOTA_NO_RES, sizeof t->of_column);
        for (size_t r = 0; r < t->n_res; r++) {
            uint32_t c = snapshot_find_res(t->snap, t->res_names[r]);
            if (c != RES_NOBODY)
                t->of_column[c] = (uint8_t)r;
        }
    }
    return t->of_column[column];
}

/* ---- claims ---- */

static struct quota_tally *tally_get(struct map *m, struct str name)
{
    if (!name.n)
        return NULL;
    struct quota_tally *t = map_get(m, name);
    if (!t) {
        t = MEM_NEW(struct quota_tally);
        set_text(&t->name, name);
        map_put(m, t->name, t);
    }
    t->refs++;
    return t;
}

static void tally_put(struct map *m, struct quota_tally *t)
{
    if (!t || --t->refs)
        return;
    assert(t->gangs == 0);
    map_del(m, t->name);
    set_text(&t->name, (struct str){ 0 });
    free(t);
}

static struct quota_job *job_get(struct quota_queue *q, const struct quota_owner *o)
{
    struct quota_job *j = map_get(&q->jobs, o->gang);
    if (!j) {
        j = MEM_NEW(struct quota_job);
        set_text(&j->key, o->gang);
        j->user = tally_get(&q->users, o->user);
        j->namespace = tally_get(&q->namespaces, o->namespace);
        map_put(&q->jobs, j->key, j);
    }
    j->refs++;
    return j;
}

void quota_join(struct quota *t, const struct quota_owner *o, struct quota_claim *out)
{
    bool named = t->n_said && o->queue.n;
    struct quota_queue *q = named ? quota_find(t, o->queue) : t->standard;
    if (!q)
        q = t->by_name.n < QUOTA_QUEUES_MAX ? quota_queue_new(t, o->queue) : t->standard;
    q->claims++;
    /* Alone in an unsaid default queue nobody counts gangs. */
    *out = (struct quota_claim){ q, t->n_said ? job_get(q, o) : NULL };
}

void quota_leave(struct quota *t, struct quota_claim *c)
{
    struct quota_queue *q = c->queue;
    struct quota_job *j = c->job;
    (void)t;
    if (!q)
        return;
    if (j && --j->refs == 0) {
        assert(j->pods == 0);
        map_del(&q->jobs, j->key);
        tally_put(&q->users, j->user);
        tally_put(&q->namespaces, j->namespace);
        set_text(&j->key, (struct str){ 0 });
        free(j);
    }
    q->claims--;
    *c = (struct quota_claim){ 0 };
    drop_if_unused(q);
}
