/* SPDX-License-Identifier: Apache-2.0
 * The tree of queues: borrowing and lending by table, dominant shares, order, nonsense, and the
 * properties that sums hold and that a rollback restores every word. */
#include <math.h>

#include "scheduler/quota/quota.h"
#include "scheduler/quota/quota_internal.h"
#include "scheduler/test/fixture.h"

#define ANY QUOTA_ANY

struct world {
    struct snapshot snap;
    struct quota *t;
    struct arena *a;
};

static void world_init(struct world *w, int gpus)
{
    *w = (struct world){ .a = arena_new() };
    snapshot_init(&w->snap);
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n'},"
                                    "'status':{'allocatable':{'cpu':'100','gpu/x':'%d'}}}",
                                    gpus);
    snapshot_node_set(&w->snap, o);
    w->t = quota_new(&w->snap);
}

static void world_fini(struct world *w)
{
    snapshot_commit(&w->snap);
    quota_free(w->t);
    snapshot_fini(&w->snap);
    arena_free(w->a);
}

struct q { /* one queue with one row about gpu/x */
    const char *name, *parent;
    int64_t nominal, borrow, lend, limit;
    bool closed;
    enum quota_order order;
    double weight;
    int64_t max_gangs, max_per_user;
};

static void set_queue(struct world *w, struct q q)
{
    struct quota_row row = { STR("gpu/x"), q.nominal, q.borrow, q.lend, q.limit };
    struct quota_spec s = { .name = str_from(q.name),
                            .parent = str_from(q.parent),
                            .rows = &row,
                            .n_rows = 1,
                            .closed = q.closed,
                            .order = q.order,
                            .weight = q.weight,
                            .max_gangs = q.max_gangs ? q.max_gangs : ANY,
                            .max_per_user = q.max_per_user ? q.max_per_user : ANY,
                            .max_per_namespace = ANY };
    struct err err = { 0 };
    CHECK_OK(quota_set(w->t, &s, &err), err);
}

static struct quota_claim join(struct world *w, const char *queue, const char *gang)
{
    struct quota_owner o = { str_from(queue), str_from(gang), STR("ann"), STR("ns") };
    struct quota_claim c;
    quota_join(w->t, &o, &c);
    return c;
}

static void charge(struct world *w, const struct quota_claim *c, int64_t gpus)
{
    struct demand d = { snapshot_res(&w->snap, STR("gpu/x")), gpus < 0 ? -gpus : gpus };
    quota_charge(c, &d, 1, gpus < 0 ? -1 : 1);
}

static bool fits(struct world *w, const struct quota_claim *c, int64_t gpus, struct str *why)
{
    struct quota_ask ask = { 0 };
    struct demand d = { snapshot_res(&w->snap, STR("gpu/x")), gpus };
    quota_ask_add(w->t, &ask, &d, 1);
    return quota_fits(w->t, c, &ask, w->a, why);
}

/* The largest ask that fits. */
static int64_t room(struct world *w, const struct quota_claim *c)
{
    int64_t n = 0;
    while (n < 1000 && fits(w, c, n + 1, NULL))
        n++;
    return n;
}

/* ---- borrow and lend ---- */

/* Two children of one closed tree, a and b, and what a may still use. */
static const struct {
    const char *story;
    int64_t nominal_a, borrow_a, limit_a; /* of a, which lends all */
    int64_t lend_b;                       /* of b: nominal 8 */
    int64_t use_a, use_b, room_a;
} lending[] = {
    { "its own", 8, ANY, ANY, ANY, 0, 8, 8 },
    { "all that is idle", 8, ANY, ANY, ANY, 0, 0, 16 },
    { "no more than it may borrow", 8, 4, ANY, ANY, 0, 0, 12 },
    { "borrows nothing", 8, 0, ANY, ANY, 0, 0, 8 },
    { "no more than the other lends", 8, ANY, ANY, 3, 0, 0, 11 },
    { "what is kept is not lent though idle", 8, ANY, ANY, 0, 0, 0, 8 },
    { "use of what is kept does not burden others", 8, ANY, ANY, 3, 0, 5, 11 },
    { "use beyond it does", 8, ANY, ANY, 3, 0, 7, 9 },
    { "a hard limit stops borrowing", 8, ANY, 10, ANY, 0, 0, 10 },
    { "a limit below nominal", 8, ANY, 2, ANY, 1, 0, 1 },
    { "borrowed already", 8, 4, ANY, ANY, 10, 0, 2 },
    { "the other borrowed ours", 8, ANY, ANY, ANY, 0, 12, 4 },
    { "nothing of its own, all borrowed", 0, ANY, ANY, ANY, 0, 3, 5 },
};

static void test_borrow_and_lend(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lending); i++) {
        struct world w;
        world_init(&w, 1000);
        set_queue(&w, (struct q){ "top", NULL, 0, ANY, ANY, ANY, .closed = true });
        set_queue(&w, (struct q){ "a", "top", lending[i].nominal_a, lending[i].borrow_a, ANY,
                                  lending[i].limit_a });
        set_queue(&w, (struct q){ "b", "top", 8, ANY, lending[i].lend_b, ANY });
        struct quota_claim a = join(&w, "a", "ga"), b = join(&w, "b", "gb");
        if (lending[i].use_a)
            charge(&w, &a, lending[i].use_a);
        if (lending[i].use_b)
            charge(&w, &b, lending[i].use_b);
        if (room(&w, &a) != lending[i].room_a)
            print_error("%s\n", lending[i].story);
        CHECK_I64(room(&w, &a), lending[i].room_a);
        snapshot_rollback(&w.snap, 0);
        quota_leave(w.t, &a);
        quota_leave(w.t, &b);
        world_fini(&w);
    }
}

/* Trees that are not closed use what is idle in the cluster, but for what others keep. */
static void test_open_trees_use_the_cluster(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 40);
    set_queue(&w, (struct q){ "a", NULL, 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "b", NULL, 20, ANY, 12, ANY }); /* keeps 8 */
    struct quota_claim a = join(&w, "a", "ga"), b = join(&w, "b", "gb");
    CHECK_I64(room(&w, &a), 32);
    charge(&w, &b, 8);
    CHECK_I64(room(&w, &a), 32);
    charge(&w, &b, 4);
    CHECK_I64(room(&w, &a), 28);
    struct str why;
    CHECK(!fits(&w, &a, 29, &why));
    CHECK(str_find(why, STR("queue a may use 28 more gpu/x, the gang asks for 29")) >= 0);
    CHECK(str_find(why, STR("the cluster has 40")) >= 0);
    snapshot_rollback(&w.snap, 0);
    quota_leave(w.t, &a);
    quota_leave(w.t, &b);
    world_fini(&w);
}

static void test_reasons_name_queue_numbers_and_remedy(void **state)
{
    (void)state;
    struct world w;
    struct str why;
    world_init(&w, 100);
    set_queue(&w, (struct q){ "top", NULL, 0, ANY, ANY, ANY, .closed = true });
    set_queue(&w, (struct q){ "a", "top", 8, 2, ANY, ANY });
    set_queue(&w, (struct q){ "b", "top", 8, ANY, ANY, 9, .max_gangs = 1 });
    struct quota_claim a = join(&w, "a", "ga"), b = join(&w, "b", "gb");
    charge(&w, &a, 6);
    CHECK(!fits(&w, &a, 5, &why));
    CHECK_STR(why,
              "queue a may use 4 more gpu/x, the gang asks for 5: queue a has 8 and may borrow "
              "2, it uses 6; it would fit with a borrowing limit larger by 1");
    charge(&w, &b, 3);
    CHECK(!fits(&w, &b, 7, &why));
    CHECK_STR(why, "queue b may use 6 more gpu/x, the gang asks for 7: queue b is limited to 9 and "
                   "uses 3; it would fit when 1 become free there, or with a limit larger by that");
    struct quota_claim second = join(&w, "b", "gb2");
    CHECK(!fits(&w, &second, 1, &why));
    CHECK_STR(why,
              "queue b lets 1 gangs run at once, and as many do: one must end, or the limit be "
              "raised");
    CHECK(fits(&w, &b, 1, NULL)); /* the running one may grow */
    snapshot_rollback(&w.snap, 0);
    CHECK(fits(&w, &second, 1, NULL));
    quota_leave(w.t, &a);
    quota_leave(w.t, &b);
    quota_leave(w.t, &second);
    world_fini(&w);
}

static void set_spec(struct world *w, struct quota_spec spec)
{
    struct err err = { 0 };
    spec.max_gangs = spec.max_per_user = spec.max_per_namespace = QUOTA_ANY;
    CHECK_OK(quota_set(w->t, &spec, &err), err);
}

/* A cohort is there while somebody names it, whatever is said and taken back in between. */
static void test_a_parent_that_is_named_exists(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 100);
    const struct quota_row eight = { STR_INIT("gpu/x"), 8, ANY, ANY, ANY };
    const struct quota_spec a = { .name = STR("a"),
                                  .parent = STR("c"),
                                  .rows = &eight,
                                  .n_rows = 1,
                                  .closed = true,
                                  .implies = true };
    struct quota_spec b = a;
    b.name = STR("b");
    set_spec(&w, a);
    set_spec(&w, b);
    struct quota_claim in_a = join(&w, "a", "ga");
    CHECK_I64(room(&w, &in_a), 16);
    set_spec(&w,
             (struct quota_spec){ .name = STR("c"), .rows = &eight, .n_rows = 1, .closed = true });
    CHECK_I64(room(&w, &in_a), 24); /* an object says more of it */
    quota_del(w.t, STR("c"));
    CHECK_I64(room(&w, &in_a), 16);
    b.parent = STR("d");
    set_spec(&w, b);
    CHECK_I64(room(&w, &in_a), 8);
    quota_del(w.t, STR("b"));
    CHECK(!quota_find(w.t, STR("d")) && quota_find(w.t, STR("c")));
    quota_leave(w.t, &in_a);
    quota_del(w.t, STR("a"));
    CHECK(!quota_find(w.t, STR("c")));
    world_fini(&w);
}

static void test_promised_run_times(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 100);
    set_spec(&w,
             (struct quota_spec){ .name = STR("top"), .preempt_min_ns = 5, .reclaim_min_ns = 7 });
    set_spec(&w,
             (struct quota_spec){ .name = STR("a"), .parent = STR("top"), .reclaim_min_ns = 3 });
    set_spec(&w, (struct quota_spec){ .name = STR("a1"), .parent = STR("a") });
    set_spec(&w, (struct quota_spec){ .name = STR("b"), .parent = STR("top") });
    const struct quota_queue *a1 = quota_find(w.t, STR("a1")), *b = quota_find(w.t, STR("b"));
    CHECK_I64(quota_min_runtime(w.t, a1, a1), 5); /* its own: from the top */
    CHECK_I64(quota_min_runtime(w.t, a1, b), 3);
    CHECK_I64(quota_min_runtime(w.t, b, a1), 0); /* not beyond what both share */
    world_fini(&w);
}

static void test_limit_per_user(void **state)
{
    (void)state;
    struct world w;
    struct str why;
    world_init(&w, 100);
    set_queue(&w, (struct q){ "a", NULL, 8, ANY, ANY, ANY, .max_per_user = 2 });
    struct quota_claim c[3] = { join(&w, "a", "g0"), join(&w, "a", "g1"), join(&w, "a", "g2") };
    charge(&w, &c[0], 1);
    charge(&w, &c[0], 1); /* two pods of one gang count once */
    CHECK(fits(&w, &c[1], 1, &why));
    charge(&w, &c[1], 1);
    CHECK(!fits(&w, &c[2], 1, &why));
    CHECK(str_find(why, STR("2 gangs of user ann")) >= 0);
    charge(&w, &c[0], -1);
    CHECK(!fits(&w, &c[2], 1, &why));
    charge(&w, &c[0], -1);
    CHECK(fits(&w, &c[2], 1, &why));
    charge(&w, &c[1], -1);
    snapshot_commit(&w.snap);
    for (int i = 0; i < 3; i++)
        quota_leave(w.t, &c[i]);
    world_fini(&w);
}

/* ---- nonsense ---- */

static void test_nonsense_waits_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *queue, *part;
    } rows[] = {
        { "loop1", "queue loop1 is its own ancestor" },
        { "loop2", "queue loop2 is its own ancestor" },
        { "under", "is its own ancestor" },
        { "self", "queue self is its own ancestor" },
        { "orphan", "queue orphan names the parent nowhere, which does not exist" },
        { "negative", "nominal quota of gpu/x is -3, must not be negative" },
        { "absent", "queue absent does not exist: create it or correct the name" },
        { "d9", "more than 8 deep" },
    };
    struct world w;
    world_init(&w, 100);
    set_queue(&w, (struct q){ "loop1", "loop2", 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "loop2", "loop1", 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "under", "loop1", 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "self", "self", 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "orphan", "nowhere", 8, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "negative", NULL, -3, ANY, ANY, ANY });
    for (int i = 0; i < 10; i++) {
        char name[8], parent[8];
        snprintf(name, sizeof name, "d%d", i);
        snprintf(parent, sizeof parent, "d%d", i - 1);
        set_queue(&w, (struct q){ name, i ? parent : NULL, 8, ANY, ANY, ANY });
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str why = { 0 };
        struct quota_claim c = join(&w, rows[i].queue, "g");
        CHECK(!fits(&w, &c, 1, &why));
        if (str_find(why, str_from(rows[i].part)) < 0)
            print_error("%.*s\n", STR_ARG(why));
        CHECK(str_find(why, str_from(rows[i].part)) >= 0);
        quota_leave(w.t, &c);
    }
    struct quota_claim c = join(&w, "d7", "g");
    CHECK(fits(&w, &c, 1, NULL));
    quota_del(w.t, STR("d3")); /* a parent goes: what hung below waits */
    struct str why;
    CHECK(!fits(&w, &c, 1, &why));
    CHECK(str_find(why, STR("names the parent d3, which does not exist")) >= 0);
    quota_leave(w.t, &c);
    CHECK(quota_find(w.t, STR("absent")) == NULL);
    world_fini(&w);
}

/* ---- order ---- */

struct line { /* tickets that take turns until nobody is left */
    struct quota_ticket tickets[32];
    size_t n;
    char served[512];
};

static void queue_up(struct world *w, struct line *l, const char *queue, int64_t priority)
{
    struct quota_ticket *k = &l->tickets[l->n++];
    *k = (struct quota_ticket){ .queue = quota_find(w->t, str_from(queue)),
                                .priority = priority,
                                .created_ns = (int64_t)l->n,
                                .seq = l->n,
                                .pos = HEAP_OUT };
    quota_wait(k);
}

/* Serves everybody; each gets 4 devices and keeps them. */
static void serve(struct world *w, struct line *l)
{
    struct quota_ticket *k;
    l->served[0] = 0;
    for (int i = 0; (k = quota_next(w->t, 0)); i++) {
        char one[64];
        struct quota_claim c = { k->queue, NULL };
        charge(w, &c, 4);
        quota_unwait(k);
        snprintf(one, sizeof one, "%s%.*s", i ? " " : "", STR_ARG(quota_name(k->queue)));
        strncat(l->served, one, sizeof l->served - strlen(l->served) - 1);
    }
}

static void test_fair_share_by_weight(void **state)
{
    (void)state;
    struct world w;
    struct line l = { 0 };
    world_init(&w, 64);
    quota_set_history(w.t, NS_PER_S, 0);
    set_queue(&w, (struct q){ "top", NULL, 64, ANY, ANY, ANY, .order = QUOTA_FAIR_SHARE });
    set_queue(&w, (struct q){ "one", "top", 0, ANY, ANY, ANY, .weight = 1 });
    set_queue(&w, (struct q){ "two", "top", 0, ANY, ANY, ANY, .weight = 2 });
    for (int i = 0; i < 6; i++)
        queue_up(&w, &l, i % 2 ? "two" : "one", 0);
    serve(&w, &l);
    CHECK_CSTR(l.served, "one two two one two one");
    snapshot_rollback(&w.snap, 0);
    world_fini(&w);
}

static void test_below_nominal_goes_first(void **state)
{
    (void)state;
    struct world w;
    struct line l = { 0 };
    world_init(&w, 64);
    set_queue(&w, (struct q){ "top", NULL, 64, ANY, ANY, ANY, .order = QUOTA_FAIR_SHARE });
    set_queue(&w, (struct q){ "rich", "top", 12, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "poor", "top", 0, ANY, ANY, ANY });
    for (int i = 0; i < 8; i++)
        queue_up(&w, &l, i % 2 ? "poor" : "rich", 0);
    serve(&w, &l);
    CHECK_CSTR(l.served, "rich poor rich rich rich poor poor poor");
    snapshot_rollback(&w.snap, 0);
    world_fini(&w);
}

static void test_priority_and_fifo(void **state)
{
    (void)state;
    static const struct {
        enum quota_order order;
        const char *served;
    } rows[] = { { QUOTA_PRIORITY, "b a b a" }, { QUOTA_FIFO, "a b a b" } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        struct line l = { 0 };
        world_init(&w, 64);
        set_queue(&w, (struct q){ "top", NULL, 64, ANY, ANY, ANY, .order = rows[i].order });
        set_queue(&w, (struct q){ "a", "top", 0, ANY, ANY, ANY });
        set_queue(&w, (struct q){ "b", "top", 0, ANY, ANY, ANY });
        queue_up(&w, &l, "a", 1);
        queue_up(&w, &l, "b", 7);
        queue_up(&w, &l, "a", 5);
        queue_up(&w, &l, "b", 5);
        serve(&w, &l);
        CHECK_CSTR(l.served, rows[i].served);
        snapshot_rollback(&w.snap, 0);
        world_fini(&w);
    }
}

/* Who used much in the past waits for who did not, until it has faded. */
static void test_past_use_counts_and_fades(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 64);
    quota_set_history(w.t, 100 * NS_PER_S, 1);
    set_queue(&w, (struct q){ "top", NULL, 64, ANY, ANY, ANY, .order = QUOTA_FAIR_SHARE });
    set_queue(&w, (struct q){ "a", "top", 0, ANY, ANY, ANY });
    set_queue(&w, (struct q){ "b", "top", 0, ANY, ANY, ANY });
    struct quota_claim c = join(&w, "a", "g");
    quota_next(w.t, 1);
    charge(&w, &c, 32);
    snapshot_commit(&w.snap);
    quota_next(w.t, 1);
    quota_next(w.t, 100 * NS_PER_S + 1);
    charge(&w, &c, -32);
    snapshot_commit(&w.snap);
    quota_next(w.t, 100 * NS_PER_S + 1);
    double share = quota_share(w.t, c.queue);
    CHECK(fabs(share - 0.25) < 1e-9); /* half of 32 of 64, after one half-life */
    quota_next(w.t, 200 * NS_PER_S + 1);
    CHECK(fabs(quota_share(w.t, c.queue) - 0.125) < 1e-9);
    CHECK(quota_share(w.t, quota_find(w.t, STR("b"))) < 1e-12);
    quota_leave(w.t, &c);
    world_fini(&w);
}

static void test_reclaim(void **state)
{
    (void)state;
    static const struct {
        int64_t used_by, used_from, ask;
        bool may;
    } rows[] = {
        { 0, 16, 8, true },  /* its own, lent to the other */
        { 0, 16, 9, false }, /* more than its own */
        { 4, 12, 4, true },
        { 4, 8, 4, false }, /* the other borrows nothing */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        world_init(&w, 16);
        set_queue(&w, (struct q){ "left", NULL, 8, ANY, ANY, ANY });
        set_queue(&w, (struct q){ "right", NULL, 8, ANY, ANY, ANY });
        set_queue(&w, (struct q){ "deep", "left", 0, ANY, ANY, ANY });
        struct quota_claim to = join(&w, "deep", "g"), from = join(&w, "right", "h");
        struct quota_ask ask = { { rows[i].ask } };
        if (rows[i].used_by)
            charge(&w, &to, rows[i].used_by);
        charge(&w, &from, rows[i].used_from);
        CHECK_I64(quota_may_reclaim(w.t, to.queue, from.queue, &ask), rows[i].may);
        CHECK(!quota_may_reclaim(w.t, to.queue, to.queue, &ask));
        CHECK(!quota_may_reclaim(w.t, to.queue, to.queue->parent, &ask));
        snapshot_rollback(&w.snap, 0);
        quota_leave(w.t, &to);
        quota_leave(w.t, &from);
        world_fini(&w);
    }
}

/* ---- properties ---- */

#define QUEUES 24
#define CLAIMS 80

static void check_sums(const struct quota *t)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));) {
        const struct quota_queue *q = slot->value;
        int64_t used = q->own[0], taken = q->own[0], gangs = 0;
        for (struct list *at = q->children.next; at != &q->children; at = at->next) {
            const struct quota_queue *c = LIST_ITEM(at, struct quota_queue, sibling);
            int64_t beyond = c->taken[0] - c->kept_own[0];
            used += c->used[0];
            taken += beyond > 0 ? beyond : 0;
            gangs += c->gangs;
        }
        CHECK_I64(q->used[0], used);
        CHECK_I64(q->taken[0], taken);
        CHECK(q->gangs >= gangs);
    }
}

static void random_queues(struct world *w)
{
    for (int i = 0; i < QUEUES; i++) {
        char name[8], parent[8];
        bool top = i < 3 || check_random_below(4) == 0;
        snprintf(name, sizeof name, "q%d", i);
        snprintf(parent, sizeof parent, "q%d", (int)check_random_below((uint64_t)(i ? i : 1)));
        set_queue(
            w, (struct q){ .name = name,
                           .parent = top ? NULL : parent,
                           .nominal = (int64_t)check_random_below(20),
                           .borrow = check_random_below(2) ? ANY : (int64_t)check_random_below(9),
                           .lend = check_random_below(2) ? ANY : (int64_t)check_random_below(9),
                           .limit = check_random_below(3) ? ANY : (int64_t)check_random_below(40),
                           .closed = check_random_below(2),
                           .order = (enum quota_order)check_random_below(4) });
    }
}

/* Only what fits is charged: no queue ever goes beyond what bounds it, sums hold, and half of the
 * transactions are rolled back to the very same words. */
static void test_random_charges(void **state)
{
    (void)state;
    struct world w;
    struct quota_claim claims[CLAIMS];
    int64_t held[CLAIMS] = { 0 };
    world_init(&w, 200);
    random_queues(&w);
    for (int i = 0; i < CLAIMS; i++) {
        char queue[8], gang[8];
        snprintf(queue, sizeof queue, "q%d", (int)check_random_below(QUEUES));
        snprintf(gang, sizeof gang, "g%d", i);
        claims[i] = join(&w, queue, gang);
    }
    size_t charged = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        int64_t before[CLAIMS];
        memcpy(before, held, sizeof held);
        quota_next(w.t, round * NS_PER_S);
        uint64_t hash = quota_hash(w.t);
        for (int k = 0; k < 6; k++) {
            size_t i = check_random_below(CLAIMS);
            int64_t n = 1 + (int64_t)check_random_below(5);
            if (held[i]) {
                charge(&w, &claims[i], -held[i]);
                held[i] = 0;
            } else if (fits(&w, &claims[i], n, NULL)) {
                charge(&w, &claims[i], n);
                held[i] = n;
                charged++;
                const struct quota_queue *q = claims[i].queue;
                for (; q->parent; q = q->parent)
                    CHECK(q->used[0] <= q->limit[0]);
            } else {
                refused++;
            }
        }
        if (check_random_below(2)) {
            snapshot_rollback(&w.snap, 0);
            memcpy(held, before, sizeof held);
            CHECK(quota_hash(w.t) == hash);
        }
        snapshot_commit(&w.snap);
        check_sums(w.t);
        if (round % 500 == 0) { /* objects change under running gangs */
            random_queues(&w);
            quota_next(w.t, round * NS_PER_S);
            check_sums(w.t);
        }
    }
    CHECK(charged > 1000 && refused > 1000);
    for (int i = 0; i < CLAIMS; i++) {
        if (held[i])
            charge(&w, &claims[i], -held[i]);
        snapshot_commit(&w.snap);
        quota_leave(w.t, &claims[i]);
    }
    CHECK_I64(w.t->root->used[0], 0);
    CHECK_I64(w.t->root->gangs, 0);
    world_fini(&w);
}

/* The heaps against the plain rule: no sibling with somebody waiting stands before the chosen. */
static void test_random_order(void **state)
{
    (void)state;
    struct world w;
    static struct quota_ticket k[200];
    world_init(&w, 200);
    random_queues(&w);
    struct quota_claim use = join(&w, "q1", "user");
    for (int i = 0; i < 200; i++)
        k[i].pos = HEAP_OUT;
    for (int round = 0; round < 5000; round++) {
        size_t i = check_random_below(200);
        char queue[8];
        snprintf(queue, sizeof queue, "q%d", (int)check_random_below(QUEUES));
        if (k[i].pos != HEAP_OUT) {
            quota_unwait(&k[i]);
        } else {
            k[i] = (struct quota_ticket){ quota_find(w.t, str_from(queue)),
                                          (int64_t)check_random_below(3),
                                          QUOTA_BRONZE,
                                          0,
                                          (int64_t)check_random_below(50),
                                          (uint64_t)round,
                                          HEAP_OUT };
            quota_wait(&k[i]);
        }
        if (round % 700 == 0)
            random_queues(&w);
        struct quota_ticket *next = quota_next(w.t, round * NS_PER_S);
        CHECK((next != NULL) == (w.t->root->n_waiting > 0));
        if (!next)
            continue;
        for (int j = 0; j < 200; j++) { /* within its queue nobody stands before it */
            if (k[j].pos != HEAP_OUT && k[j].queue == next->queue)
                CHECK(k[j].queue->order == QUOTA_FIFO ? k[j].created_ns >= next->created_ns
                                                      : k[j].priority <= next->priority);
        }
    }
    for (int i = 0; i < 200; i++) {
        if (k[i].pos != HEAP_OUT)
            quota_unwait(&k[i]);
    }
    CHECK(quota_next(w.t, 0) == NULL);
    quota_leave(w.t, &use);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borrow_and_lend),
        cmocka_unit_test(test_open_trees_use_the_cluster),
        cmocka_unit_test(test_reasons_name_queue_numbers_and_remedy),
        cmocka_unit_test(test_a_parent_that_is_named_exists),
        cmocka_unit_test(test_promised_run_times),
        cmocka_unit_test(test_limit_per_user),
        cmocka_unit_test(test_nonsense_waits_with_a_reason),
        cmocka_unit_test(test_fair_share_by_weight),
        cmocka_unit_test(test_below_nominal_goes_first),
        cmocka_unit_test(test_priority_and_fifo),
        cmocka_unit_test(test_past_use_counts_and_fades),
        cmocka_unit_test(test_reclaim),
        cmocka_unit_test(test_random_charges),
        cmocka_unit_test(test_random_order),
    };
    return CHECK_MAIN(tests);
}
