/* SPDX-License-Identifier: Apache-2.0
 * Preemption for devices by claim: who leaves gives back what only he uses, and what the API still
 * says about him is waited for, not evicted for twice. */
#include "scheduler/preempt/preempt.h"
#include "scheduler/test/dra_fixture.h"

#define REQUEST(count) "{'name':'r','exactly':{'deviceClassName':'gpu','count':" count "}}"

/* The claim as the API has it: these devices, reserved for these pods (JSON lists). */
static void put_held(struct sched_core *s, const char *name, const char *devices, const char *users)
{
    put(s, DRA_CLAIM,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
            "'namespace':'default','name':'%s','uid':'claim-%s'},'spec':{'devices':{"
            "'requests':[" REQUEST(
                "1") "]}},'status':{'allocation':{'devices':{"
                     "'results':[%s]},'nodeSelector':{'nodeSelectorTerms':[{'matchFields':[{"
                     "'key':'metadata.name','operator':'In','values':['n0']}]}]}},"
                     "'reservedFor':[%s]}}",
            name, name, devices, users));
}

static const char *device(int i)
{
    static char text[4][160];
    snprintf(text[i], sizeof text[i],
             "{'request':'r','driver':'gpu.example.com','pool':'n0','device':'gpu-%d'}", i);
    return text[i];
}

static struct fixture_pod user_of(const char *name, const char *claim, int priority)
{
    static char spec[200];
    snprintf(spec, sizeof spec,
             ",'priority':%d,'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]", priority,
             claim);
    return (struct fixture_pod){ .name = name, .spec = spec };
}

static void put_user(struct sched_core *s, const char *name, const char *claim, int priority)
{
    fixture_pod(s, user_of(name, claim, priority), at_s(0));
}

static const char *reserved(struct sched_core *s, const char *pod)
{
    static char text[200];
    const struct spod *p = core_pod(s, STR("default"), str_from(pod));
    snprintf(text, sizeof text, "{'resource':'pods','name':'%s','uid':'%.*s'}", pod,
             STR_ARG(p->obj->uid));
    return text;
}

/* A pod that runs on n0 and has GPU number i by a claim of its own name. */
static void put_holder(struct sched_core *s, const char *name, int i, int priority)
{
    struct fixture_pod p = user_of(name, name, priority);
    p.node = "n0";
    fixture_pod(s, p, at_s(0));
    put_held(s, name, device(i), reserved(s, name));
}

/* The next decision: "bind", or the victims' names, or "wait". */
static struct str step(struct sched_core *s, struct arena *a)
{
    static int64_t now;
    struct decision d;
    uint64_t before = snapshot_hash(&core_cluster(s)->snap);
    core_step(s, at_s(now += 11), a, &d); /* beyond back-off, before promised room expires */
    if (d.kind == DECISION_BIND)
        return STR("bind");
    CHECK(snapshot_hash(&core_cluster(s)->snap) == before); /* dry runs leave no trace */
    if (d.kind != DECISION_PREEMPT)
        return d.kind == DECISION_WAIT ? STR("wait") : STR("nothing");
    struct str out = STR("evict");
    for (size_t i = 0; i < d.n_victims; i++) {
        d.victims[i]->evicting = true;
        out = arena_printf(a, "%.*s %.*s", STR_ARG(out), STR_ARG(d.victims[i]->obj->name));
    }
    return out;
}

static bool evicts_nobody(struct str step)
{
    return str_is(step, "nothing") || str_is(step, "wait") || str_is(step, "evict");
}

static struct sched_core *core_with_gpus(int n)
{
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, n);
    return s;
}

static void gone(struct sched_core *s, const char *pod)
{
    core_pod_del(s, STR("default"), str_from(pod), at_s(0));
}

static void the_fewest_and_lowest_leave(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(3);
    put_holder(s, "low", 0, 1);
    put_holder(s, "middle", 1, 5);
    put_holder(s, "lower", 2, 2);
    put_claim(s, "c", REQUEST("2"), "");
    put_user(s, "high", "c", 10);
    CHECK_STR(step(s, a), "evict lower low");
    core_free(s);
}

static void equals_stay(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(1);
    put_holder(s, "a", 0, 10);
    put_claim(s, "c", REQUEST("1"), "");
    put_user(s, "b", "c", 10);
    CHECK_STR(step(s, a), "wait");
    core_free(s);
}

/* Two pods share the claim, one of them may not be evicted; or somebody else has it too. */
static void what_others_use_too_is_not_freed(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "", ",{'apiGroup':'scheduling.k8s.io','resource':'podgroups','name':'g','uid':'g'}",
        ",{'resource':'pods','name':'unseen','uid':'unseen'}"
    };
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct sched_core *s = core_with_gpus(1);
        char users[600];
        int priority = i ? 1 : 50;
        put_holder(s, "a", 0, 1);
        struct fixture_pod p = user_of("b", "a", priority);
        p.node = "n0";
        fixture_pod(s, p, at_s(0));
        snprintf(users, sizeof users, "%s", reserved(s, "a"));
        snprintf(users + strlen(users), sizeof users - strlen(users), ",%s%s", reserved(s, "b"),
                 foreign[i]);
        put_held(s, "a", device(0), users);
        put_claim(s, "c", REQUEST("1"), "");
        put_user(s, "high", "c", 10);
        CHECK_STR(step(s, a), "wait");
        core_free(s);
    }
}

static void all_users_of_one_claim_leave(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(1);
    char users[400];
    put_holder(s, "a", 0, 1);
    struct fixture_pod p = user_of("b", "a", 2);
    p.node = "n0";
    fixture_pod(s, p, at_s(0));
    snprintf(users, sizeof users, "%s", reserved(s, "a"));
    snprintf(users + strlen(users), sizeof users - strlen(users), ",%s", reserved(s, "b"));
    put_held(s, "a", device(0), users);
    put_claim(s, "c", REQUEST("1"), "");
    put_user(s, "high", "c", 10);
    CHECK_STR(step(s, a), "evict b a");
    core_free(s);
}

/* The victim is gone, its claim not yet released: nobody else is evicted meanwhile. */
static void the_release_is_waited_for(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(2);
    put_holder(s, "low", 0, 1);
    put_holder(s, "other", 1, 2);
    put_claim(s, "c", REQUEST("1"), "");
    put_user(s, "high", "c", 10);
    CHECK_STR(step(s, a), "evict low");
    gone(s, "low");
    CHECK(evicts_nobody(step(s, a)));
    put_claim(s, "low", REQUEST("1"), "");
    CHECK_STR(step(s, a), "bind");
    core_free(s);
}

/* A claim whose pods are gone is about to be released: that is enough, nobody need leave. */
static void what_is_released_soon_counts_as_free(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(2);
    put_holder(s, "low", 0, 1);
    put_held(s, "idle", device(1), "{'resource':'pods','name':'old','uid':'old'}");
    put_claim(s, "c", REQUEST("1"), "");
    put_user(s, "high", "c", 10);
    CHECK_STR(step(s, a), "evict");
    put_claim(s, "idle", REQUEST("1"), "");
    CHECK_STR(step(s, a), "bind");
    CHECK(core_pod(s, STR("default"), STR("low")) != NULL);
    core_free(s);
}

/* What was sent and not confirmed yet is known by us alone. */
static void those_on_their_way_leave_too(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(1);
    put_claim(s, "low", REQUEST("1"), "");
    put_user(s, "low", "low", 1);
    CHECK_STR(step(s, a), "bind");
    dra_sent(core_pod(s, STR("default"), STR("low")));
    put_claim(s, "c", REQUEST("1"), "");
    put_user(s, "high", "c", 10);
    CHECK_STR(step(s, a), "evict low");
    core_free(s);
}

static void gangs_evict_for_devices(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_gpus(4);
    static const char *const names[] = { "h0", "h1", "h2", "h3" };
    for (int i = 0; i < 4; i++)
        put_holder(s, names[i], i, i + 1);
    for (int i = 0; i < 2; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        put_claim(s, name, REQUEST("1"), "");
        fixture_member(s, user_of(name, name, 10), "g", "2", at_s(0));
    }
    CHECK_STR(step(s, a), "evict h1 h0");
    gone(s, "h0");
    gone(s, "h1");
    CHECK(evicts_nobody(step(s, a)));
    put_claim(s, "h0", REQUEST("1"), "");
    put_claim(s, "h1", REQUEST("1"), "");
    CHECK_STR(step(s, a), "bind");
    core_free(s);
}

/* Random holders, alone or in pairs, and one who wants devices: he is placed in the room of his
 * victims, and not without any one of them leaving. */
static void victims_are_minimal(void **state)
{
    (void)state;
    size_t evicted = 0;
    for (int round = 0; round < 150; round++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct sched_core *s = core_with_gpus(4);
        struct decision d;
        char request[100];
        for (int i = 0; i < 4; i++) {
            char name[8];
            snprintf(name, sizeof name, "h%d", i);
            if (check_random_below(4))
                put_holder(s, name, i, (int)check_random_below(4) * 5);
        }
        int want = 1 + (int)check_random_below(3);
        snprintf(request, sizeof request,
                 "{'name':'r','exactly':{'deviceClassName':'gpu','count':%d}}", want);
        put_claim(s, "c", request,
                  check_random_below(2) && want < 3
                      ? ",'constraints':[{'matchAttribute':'gpu.example.com/model'}]"
                      : "");
        put_user(s, "high", "c", 10);
        core_step(s, at_s(1), a, &d);
        size_t n = d.kind == DECISION_PREEMPT ? d.n_victims : 0;
        evicted += n;
        struct snapshot *snap = &core_cluster(s)->snap;
        const struct spod *high = core_pod(s, STR("default"), STR("high"));
        for (size_t spared = 0; n && spared <= n; spared++) { /* n: nobody is */
            struct node_answer answer;
            uint64_t before = snapshot_hash(snap);
            dra_suppose(snap->dra, true);
            for (size_t i = 0; i < n; i++) {
                if (i != spared)
                    snapshot_remove(snap, d.victims[i]);
            }
            evaluate_node(core_cluster(s), high, 0, a, &answer);
            CHECK((answer.verdict == SCHED_OK) == (spared == n));
            snapshot_rollback(snap, 0);
            dra_suppose(snap->dra, false);
            CHECK(snapshot_hash(snap) == before);
        }
        core_free(s);
    }
    CHECK(evicted > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fewest_and_lowest_leave),
        cmocka_unit_test(equals_stay),
        cmocka_unit_test(what_others_use_too_is_not_freed),
        cmocka_unit_test(all_users_of_one_claim_leave),
        cmocka_unit_test(the_release_is_waited_for),
        cmocka_unit_test(what_is_released_soon_counts_as_free),
        cmocka_unit_test(those_on_their_way_leave_too),
        cmocka_unit_test(gangs_evict_for_devices),
        cmocka_unit_test(victims_are_minimal),
    };
    return CHECK_MAIN(tests);
}
