/* SPDX-License-Identifier: Apache-2.0
 * A gang that is bound one by one, of which some binds are refused: the rest is tried again around
 * the bound members, and when its time is over no half of a gang stays. In the core, on virtual
 * time; start_service_test.c does the same with a scheduler that is killed. */
#include <stdio.h>

#include "base/num.h"
#include "scheduler/gang/gang_mirror.h"
#include "scheduler/test/fixture.h"

#define OWNER                                                                                      \
    ",'ownerReferences':[{'apiVersion':'batch/v1','kind':'Job','name':'j','uid':'j','controller':" \
    "true}]"

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
};

static struct world world_new(int nodes)
{
    struct world w = { .s = core_new_default(), .a = arena_new() };
    for (int i = 0; i < nodes; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w.s, name, "", "");
    }
    return w;
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
}

static enum decision_kind step(struct world *w, int64_t second)
{
    arena_reset(w->a);
    core_step(w->s, at_s(second), w->a, &w->d);
    return w->d.kind;
}

/* Until this kind of decision is made in this second; false: it is not. */
static bool until(struct world *w, enum decision_kind kind, int64_t second)
{
    enum decision_kind k;
    while ((k = step(w, second)) != DECISION_NONE) {
        if (k == kind)
            return true;
    }
    return false;
}

static void add_member(struct world *w, const char *name, const char *owner, const char *node)
{
    fixture_member(w->s,
                   (struct fixture_pod){ .name = name, .gpus = 8, .meta = owner, .node = node },
                   "g", "3", at_s(1));
}

static struct gang *gang_g(struct world *w)
{
    return core_gang(w->s, STR("default"), STR("g"));
}

/* The API's answer to the bind of one member. */
static void answer(struct world *w, const char *name, bool bound, int64_t second)
{
    struct spod *p = core_pod(w->s, STR("default"), str_from(name));
    const struct pod_id id = { p->obj->namespace, p->obj->name, p->obj->uid };
    if (!bound) {
        core_forget(w->s, &id, 1, at_s(second));
        return;
    }
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"),
                  core_cluster(w->s)->snap.nodes.items[p->node]->name);
    CHECK(kobj_freeze(&o, root, NULL) == 0);
    core_pod_set(w->s, o, at_s(second));
}

/* Three of eight GPUs each on three nodes; b's bind is refused. */
static struct world bound_in_part(const char *owner)
{
    struct world w = world_new(3);
    add_member(&w, "a", owner, NULL);
    add_member(&w, "b", owner, NULL);
    add_member(&w, "c", owner, NULL);
    CHECK(until(&w, DECISION_BIND, 3));
    CHECK(w.d.starts);
    CHECK_I64(w.d.n, 3);
    answer(&w, "a", true, 4);
    answer(&w, "b", false, 4);
    answer(&w, "c", true, 4);
    return w;
}

/* A pod of somebody else takes the room that b left. */
static void take_room(struct world *w)
{
    const char *nodes[] = { "n0", "n1", "n2" };
    for (int i = 0; i < 3; i++) {
        struct str node = str_from(nodes[i]);
        if (!str_eq(fixture_where(w->s, "a"), node) && !str_eq(fixture_where(w->s, "c"), node))
            fixture_pod(w->s,
                        (struct fixture_pod){
                            .name = "other", .gpus = 8, .node = nodes[i], .spec = ",'priority':9" },
                        at_s(4));
    }
}

static void test_the_rest_is_bound_around(void **state)
{
    (void)state;
    struct world w = bound_in_part(OWNER);
    CHECK(gang_g(&w)->start.by.ns == at_s(64).ns);
    CHECK(until(&w, DECISION_BIND, 6));
    CHECK_I64(w.d.n, 1);
    CHECK(!w.d.starts); /* it is on record already */
    answer(&w, "b", true, 7);
    CHECK(!gang_g(&w)->start.under_way);
    CHECK(!until(&w, DECISION_UNDO, 200));
    world_fini(&w);
}

/* Until binds are answered, nothing is undone; then the refusal counts at once. */
static void test_answers_come_late(void **state)
{
    (void)state;
    struct world w = bound_in_part(OWNER);
    CHECK(until(&w, DECISION_BIND, 6));
    CHECK(!until(&w, DECISION_UNDO, 90));
    answer(&w, "b", false, 91);
    take_room(&w);
    CHECK(until(&w, DECISION_UNDO, 91));
    CHECK_I64(w.d.n_victims, 2);
    world_fini(&w);
}

static void test_no_room_in_its_time(void **state)
{
    (void)state;
    struct world w = bound_in_part(OWNER);
    struct mono due;
    take_room(&w);
    CHECK(!until(&w, DECISION_UNDO, 63));
    CHECK(core_next_due(w.s, &due) && due.ns <= at_s(64).ns);
    CHECK(until(&w, DECISION_UNDO, 64));
    CHECK_I64(w.d.n_victims, 2);
    CHECK_I64(w.d.n_stay, 0);
    CHECK_STR(w.d.message,
              "gang default/g: only 2 of 3 members are bound, and the others found no room within "
              "60s: those are evicted, so that no half of a gang stays");
    struct gang_sight sight;
    gang_look(gang_g(&w), &sight);
    CHECK_STR(str_from(sight.reason), "BoundInPart");
    CHECK(!until(&w, DECISION_UNDO, 65)); /* once */
    core_pod_del(w.s, STR("default"), STR("a"), at_s(66));
    core_pod_del(w.s, STR("default"), STR("c"), at_s(66));
    CHECK(!gang_g(&w)->start.under_way);
    core_pod_del(w.s, STR("default"), STR("other"), at_s(67));
    add_member(&w, "a2", OWNER, NULL);
    add_member(&w, "c2", OWNER, NULL);
    CHECK(!until(&w, DECISION_BIND, 70)); /* it pauses … */
    CHECK(until(&w, DECISION_BIND, 75));  /* … and starts whole */
    CHECK_I64(w.d.n, 3);
    CHECK(w.d.starts);
    world_fini(&w);
}

/* Nobody would make them anew: they are told about, once, and the rest is tried on. */
static void test_members_without_owner_stay(void **state)
{
    (void)state;
    struct world w = bound_in_part("");
    take_room(&w);
    CHECK(until(&w, DECISION_UNDO, 64));
    CHECK_I64(w.d.n_victims, 0);
    CHECK_I64(w.d.n_stay, 2);
    CHECK(!until(&w, DECISION_UNDO, 200));
    core_pod_del(w.s, STR("default"), STR("other"), at_s(201));
    CHECK(until(&w, DECISION_BIND, 220));
    answer(&w, "b", true, 221);
    CHECK(!gang_g(&w)->start.under_way);
    world_fini(&w);
}

static void test_refused_eviction_is_tried_again(void **state)
{
    (void)state;
    struct world w = bound_in_part(OWNER);
    take_room(&w);
    CHECK(until(&w, DECISION_UNDO, 64));
    const struct kobj *o = w.d.victims[0]->obj;
    const struct pod_id id = { o->namespace, o->name, o->uid };
    core_pod_del(w.s, STR("default"), w.d.victims[1]->obj->name, at_s(65));
    core_evict_refused(w.s, &id, at_s(65));
    CHECK(!until(&w, DECISION_UNDO, 100));
    CHECK(until(&w, DECISION_UNDO, 124));
    CHECK_I64(w.d.n_victims, 1);
    world_fini(&w);
}

/* Each time that it is undone, it pauses twice as long. */
static void test_pauses_grow(void **state)
{
    (void)state;
    struct world w = bound_in_part(OWNER);
    struct gang *g = gang_g(&w);
    int64_t now = 64, last = 0;
    take_room(&w);
    for (int i = 0; i < 10; i++, now += 60) {
        CHECK(until(&w, DECISION_UNDO, now));
        int64_t pause = g->start.pause.ns - at_s(now).ns;
        CHECK_I64(pause, i == 0 ? 10 * NS_PER_S : num_min_i64(2 * last, 1280 * NS_PER_S));
        last = pause;
        for (size_t v = 0; v < w.d.n_victims; v++)
            w.d.victims[v]->evicting = false; /* as if refused */
    }
    world_fini(&w);
}

/* It ran whole once: members that are lost later are replaced, and nobody leaves. */
static void test_one_that_ran_is_not_undone(void **state)
{
    (void)state;
    struct world w = world_new(3);
    add_member(&w, "a", OWNER, NULL);
    add_member(&w, "b", OWNER, NULL);
    add_member(&w, "c", OWNER, NULL);
    CHECK(until(&w, DECISION_BIND, 3));
    answer(&w, "a", true, 4);
    answer(&w, "b", true, 4);
    answer(&w, "c", true, 4);
    core_pod_del(w.s, STR("default"), STR("b"), at_s(5));
    take_room(&w);
    add_member(&w, "b2", OWNER, NULL);
    CHECK(!until(&w, DECISION_UNDO, 600));
    world_fini(&w);
}

/* ---- after a restart ---- */

static void
restore(struct world *w, const char *member, const char *uid, int64_t ends, int64_t second)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    char text[256];
    snprintf(text, sizeof text, "{\"members\":[{\"name\":\"%s\",\"uid\":\"%s\"}]}", member, uid);
    CHECK(json_parse(&doc, str_from(text), &json_limits_own, NULL) == 0);
    core_start_restore(w->s, gang_g(w), json_root(doc), at_s(ends), at_s(second));
}

static const char *uid_of(struct world *w, const char *name)
{
    static char uid[64];
    struct spod *p = core_pod(w->s, STR("default"), str_from(name));
    snprintf(uid, sizeof uid, "%.*s", STR_ARG(p->obj->uid));
    return uid;
}

static void test_restart_in_between(void **state)
{
    (void)state;
    struct row {
        const char *what;
        bool a, b, c;        /* are bound */
        const char *of, *id; /* what the record says; NULL: the uid of that pod */
        int64_t ends;
        bool room;
        int64_t undone_at; /* 0: never */
    } rows[] = {
        { "no room", true, false, true, "a", NULL, 50, false, 50 },
        { "its time was over", true, false, true, "a", NULL, 5, false, 12 },
        { "an hour at most", true, false, true, "a", NULL, 90000, false, 3610 },
        { "there is room", true, false, true, "a", NULL, 5, true, 0 },
        { "all are bound", true, true, true, "a", NULL, 50, false, 0 },
        { "none is bound", false, false, false, "a", NULL, 50, true, 0 },
        { "another pod of that name", true, false, true, "a", "old", 50, false, 0 },
        { "it was not bound by us", true, false, true, "b", NULL, 50, false, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct row *r = &rows[i];
        struct world w = world_new(r->room ? 3 : 2);
        add_member(&w, "a", OWNER, r->a ? "n0" : NULL);
        add_member(&w, "c", OWNER, r->c ? "n1" : NULL);
        add_member(&w, "b", OWNER, r->b ? "n1" : NULL); /* over-committed: others did it */
        restore(&w, r->of, r->id ? r->id : uid_of(&w, r->of), r->ends, 10);
        bool undone = false;
        for (int64_t now = 10; now < 4000 && !undone; now++) {
            undone = until(&w, DECISION_UNDO, now);
            if (undone)
                CHECK_I64(now, r->undone_at);
        }
        if (undone != (r->undone_at > 0))
            print_message("%s\n", r->what);
        CHECK(undone == (r->undone_at > 0));
        CHECK(!undone || w.d.n_victims == 2);
        world_fini(&w);
    }
}

/* ---- at random ---- */

#define GANGS 4
#define SIZE 4

struct chance { /* what the API holds: a gang's members have been made anew so often */
    struct world *w;
    unsigned made;
    bool bound[GANGS][SIZE];
};

static void random_name(char out[16], unsigned gang, unsigned member)
{
    snprintf(out, 16, "g%u-%u", gang, member);
}

static void make_member(struct chance *c, unsigned gang, unsigned member, int64_t second)
{
    char name[16], group[16];
    random_name(name, gang, member);
    snprintf(group, sizeof group, "g%u", gang);
    c->bound[gang][member] = false;
    fixture_member(c->w->s, (struct fixture_pod){ .name = name, .gpus = 4, .meta = OWNER }, group,
                   "4", at_s(second));
}

static void answer_binds(struct chance *c, unsigned refusals, int64_t second)
{
    size_t n = c->w->d.n;
    char names[SIZE][16];
    for (size_t i = 0; i < n; i++)
        snprintf(names[i], 16, "%.*s", STR_ARG(c->w->d.items[i].pod->obj->name));
    for (size_t i = 0; i < n; i++) {
        bool bound = check_random_below(100) >= refusals;
        answer(c->w, names[i], bound, second);
        c->bound[names[i][1] - '0'][names[i][3] - '0'] = bound;
    }
}

static void carry_out_undo(struct chance *c, int64_t second)
{
    size_t n = c->w->d.n_victims;
    char names[SIZE][16];
    for (size_t i = 0; i < n; i++)
        snprintf(names[i], 16, "%.*s", STR_ARG(c->w->d.victims[i]->obj->name));
    for (size_t i = 0; i < n; i++) {
        core_pod_del(c->w->s, STR("default"), str_from(names[i]), at_s(second));
        make_member(c, (unsigned)(names[i][1] - '0'), (unsigned)(names[i][3] - '0'), second);
    }
}

/* Whatever is refused, and however often: after a while each gang is bound whole or not at all. */
static void test_no_half_stays(void **state)
{
    (void)state;
    unsigned undone = 0;
    for (int round = 0; round < 6; round++) {
        struct world w = world_new(5); /* ten members of sixteen fit */
        struct chance c = { .w = &w };
        for (unsigned g = 0; g < GANGS; g++)
            for (unsigned m = 0; m < SIZE; m++)
                make_member(&c, g, m, 1);
        for (int64_t now = 2; now < 1500; now++) {
            enum decision_kind k;
            while ((k = step(&w, now)) != DECISION_NONE) {
                if (k == DECISION_BIND)
                    answer_binds(&c, now < 1200 ? 40 : 0, now);
                if (k == DECISION_UNDO)
                    carry_out_undo(&c, now);
                undone += k == DECISION_UNDO;
            }
        }
        unsigned whole = 0;
        for (unsigned g = 0; g < GANGS; g++) {
            unsigned n = 0;
            for (unsigned m = 0; m < SIZE; m++)
                n += c.bound[g][m];
            CHECK(n == 0 || n == SIZE);
            whole += n == SIZE;
        }
        CHECK_I64(whole, 2); /* as many as fit */
        world_fini(&w);
    }
    CHECK(undone > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rest_is_bound_around),
        cmocka_unit_test(test_answers_come_late),
        cmocka_unit_test(test_no_room_in_its_time),
        cmocka_unit_test(test_members_without_owner_stay),
        cmocka_unit_test(test_refused_eviction_is_tried_again),
        cmocka_unit_test(test_pauses_grow),
        cmocka_unit_test(test_one_that_ran_is_not_undone),
        cmocka_unit_test(test_restart_in_between),
        cmocka_unit_test(test_no_half_stays),
    };
    return CHECK_MAIN(tests);
}
