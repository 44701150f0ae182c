/* SPDX-License-Identifier: Apache-2.0
 * HTTP extenders without HTTP: what is asked, what is believed, and what the core makes of it. */
#include "scheduler/extender/extender_talk.h"

#include "scheduler/config/config.h"
#include "scheduler/preempt/preempt.h"
#include "scheduler/test/fixture.h"

#define HEAD                                                                                       \
    "apiVersion: kubescheduler.config.k8s.io/v1\n"                                                 \
    "kind: KubeSchedulerConfiguration\n"

static struct sched_core *core_with(const char *extenders)
{
    static char text[4096];
    struct sched_config c;
    struct err err = { 0 };
    snprintf(text, sizeof text, HEAD "extenders: [%s]\n", extenders);
    CHECK_OK(sched_config_parse(&c, str_from(text), &err), err);
    struct sched_core *s = core_new(c.profiles, c.n);
    core_set_extenders(s, TAKE(c.extenders));
    c.n = 0;
    sched_config_fini(&c);
    fixture_node(s, "a", "", "");
    fixture_node(s, "b", "", "");
    fixture_node(s, "c", "", "");
    return s;
}

/* The talk about the one pod of a decision. */
static struct talk *talk_about(struct sched_core *s, const struct decision *d, size_t at)
{
    const struct question *q = &d->questions[at];
    const struct kobj *nodes[8];
    for (size_t i = 0; i < q->n; i++)
        nodes[i] = core_cluster(s)->snap.nodes.items[q->nodes[i]]->obj;
    return talk_new(core_extenders(s), q->pod->obj, nodes, q->n);
}

static void answer(struct sched_core *s, struct talk *t, struct mono now)
{
    const struct kobj *pod = talk_pod(t);
    const struct pod_id id = { pod->namespace, pod->name, pod->uid };
    core_answer(s, &id, talk_take(t), now);
}

static bool has(struct str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

/* One pod, one filter: what is said, what becomes of the pod. */
static const struct {
    const char *extender; /* more of its fields */
    int status;
    const char *body, *complaint, *where, *message;
} cases[] = {
    { ", nodeCacheCapable: true", 200, "{\"NodeNames\":[\"b\"]}", "", "b", "" },
    { ", nodeCacheCapable: true", 200, "{\"nodenames\":[\"c\"],\"failedNodes\":{\"a\":\"full\"}}",
      "", "c", "" },
    { "", 200, "{\"Nodes\":{\"items\":[{\"metadata\":{\"name\":\"c\"}}]}}", "", "c", "" },
    { ", nodeCacheCapable: true", 200,
      "{\"NodeNames\":[],\"FailedNodes\":{\"a\":\"no licence\",\"b\":\"no licence\"},"
      "\"FailedAndUnresolvableNodes\":{\"c\":\"wrong rack\"}}",
      "", "", "0/3 nodes are available: 1 wrong rack, 2 no licence." },
    { ", nodeCacheCapable: true", 200, "{}", "", "", "3 node(s) didn't pass extender http://x" },
    { ", nodeCacheCapable: true", 200, "{\"NodeNames\":[\"a\",\"z\"]}",
      "names the node \"z\", which was not in the question", "", "names the node" },
    { ", nodeCacheCapable: true", 200, "{\"FailedNodes\":{\"z\":\"\"}}", "names the node \"z\"", "",
      "names the node" },
    { ", ignorable: true", 200, "{\"NodeNames\":[\"z\"],\"Error\":\"broken\"}", "says: broken", "*",
      "" },
    { "", 200, "{\"Error\":\"broken\"}", "says: broken", "", "says: broken" },
    { "", 500, "oops", "answered with status 500", "", "answered with status 500" },
    { ", ignorable: true", 500, "oops", "answered with status 500", "*", "" },
    { "", 200, "<!DOCTYPE html><html>", "no JSON: <!DOCTYPE html>", "", "no JSON" },
    { "", 200, "[]", "answered with no object", "", "no object" },
    { "", 200, "null", "answered with no object", "", "no object" },
    { "", 0, "timed out", "gave no answer: timed out", "", "gave no answer" },
    { ", ignorable: true", 0, "timed out", "gave no answer", "*", "" },
};

static void run_case(size_t i)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    char text[512];
    struct decision d;
    struct talk_request r;
    struct str complaint;
    snprintf(text, sizeof text, "{urlPrefix: 'http://x/', filterVerb: filter%s}",
             cases[i].extender);
    struct sched_core *s = core_with(text);
    fixture_pod(s, (struct fixture_pod){ .name = "p" }, at_s(1));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_ASK && d.n_questions == 1 && d.questions[0].n == 3);
    struct talk *t = talk_about(s, &d, 0);
    CHECK(talk_next(t, &r) && str_is(r.url, "http://x/filter"));
    struct str body = str_from(cases[i].body);
    talk_hear(t, cases[i].status, body, body, &complaint);
    CHECK(complaint.p ? cases[i].complaint[0] && has(complaint, cases[i].complaint)
                      : !cases[i].complaint[0]);
    CHECK(!talk_next(t, &r));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_NONE); /* it waits for the answer */
    answer(s, t, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    struct str where = fixture_where(s, "p");
    CHECK(strcmp(cases[i].where, "*") == 0 ? where.n > 0 : str_eq(where, str_from(cases[i].where)));
    if (!where.n)
        CHECK(d.kind == DECISION_WAIT && has(d.message, cases[i].message));
    core_free(s);
}

static void test_what_filters_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("case %zu\n", i);
        run_case(i);
    }
}

/* Two extenders: the second filter sees what the first left, both score. */
static void test_filters_chain_and_scores_add(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with(
        "{urlPrefix: 'http://x', filterVerb: f, prioritizeVerb: p, weight: 1, nodeCacheCapable: "
        "true}, {urlPrefix: 'http://y', filterVerb: f, prioritizeVerb: p, weight: 50, "
        "nodeCacheCapable: true}");
    struct decision d;
    struct talk_request r;
    struct str complaint;
    fixture_pod(s, (struct fixture_pod){ .name = "p" }, at_s(1));
    core_step(s, at_s(1), a, &d);
    struct talk *t = talk_about(s, &d, 0);
    CHECK(talk_next(t, &r) && has(r.body, "\"Nodes\":null,\"NodeNames\":[\"a\",\"b\",\"c\"]}"));
    CHECK(has(r.body, "{\"Pod\":{"));
    talk_hear(t, 200, STR("{\"NodeNames\":[\"a\",\"b\"]}"), STR(""), &complaint);
    CHECK(talk_next(t, &r) && str_is(r.url, "http://y/f") && has(r.body, "[\"a\",\"b\"]"));
    talk_hear(t, 200, STR("{\"NodeNames\":[\"a\",\"b\"]}"), STR(""), &complaint);
    CHECK(talk_next(t, &r) && str_is(r.url, "http://x/p"));
    talk_hear(t, 200, STR("[{\"Host\":\"a\",\"Score\":10}]"), STR(""), &complaint);
    CHECK(talk_next(t, &r) && str_is(r.url, "http://y/p"));
    talk_hear(t, 200, STR("[{\"Host\":\"b\",\"Score\":1},{\"host\":\"b\",\"score\":9}]"), STR(""),
              &complaint);
    CHECK(!complaint.p && !talk_next(t, &r));
    struct extender_answer *said = talk_take(t);
    CHECK_I64(extender_answer_find(said, STR("a"))->score, 100);
    CHECK_I64(extender_answer_find(said, STR("b"))->score, 500); /* the first entry counts */
    CHECK(extender_answer_find(said, STR("c"))->verdict == SCHED_UNSCHEDULABLE);
    CHECK(!extender_answer_find(said, STR("z")));
    const struct spod *p = d.questions[0].pod;
    const struct pod_id id = { p->obj->namespace, p->obj->name, p->obj->uid };
    core_answer(s, &id, said, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    CHECK(d.kind == DECISION_BIND && str_is(fixture_where(s, "p"), "b"));
    core_free(s);
}

/* Priorities that lie count nothing, and the pod is placed all the same. */
static void test_scores_that_lie(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[{\"Host\":\"a\",\"Score\":-1}]",
        "[{\"Host\":\"a\",\"Score\":11}]",
        "[{\"Host\":\"a\",\"Score\":9223372036854775808}]",
        "[{\"Host\":\"a\",\"Score\":1e400}]",
        "[{\"Host\":\"a\",\"Score\":NaN}]",
        "[{\"Host\":\"a\",\"Score\":\"5\"}]",
        "[{\"Host\":\"a\",\"Score\":2.5}]",
        "[{\"Host\":\"a\",\"Score\":3},{\"Host\":\"z\",\"Score\":3}]",
        "[7]",
        "{}",
        "<html>",
        "",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct sched_core *s = core_with("{urlPrefix: 'http://x', prioritizeVerb: p, weight: 9}");
        struct decision d;
        struct talk_request r;
        struct str complaint;
        fixture_pod(s, (struct fixture_pod){ .name = "p" }, at_s(1));
        core_step(s, at_s(1), a, &d);
        struct talk *t = talk_about(s, &d, 0);
        CHECK(talk_next(t, &r));
        CHECK(has(r.body, "\"Nodes\":{\"metadata\":{},\"items\":[{\"apiVersion\":\"v1\""));
        talk_hear(t, 200, str_from(bodies[i]), STR(""), &complaint);
        CHECK(complaint.n > 0 && !talk_next(t, &r));
        struct extender_answer *said = talk_take(t);
        CHECK_I64(said->n, 3);
        CHECK(!said->error.p);
        for (size_t k = 0; k < said->n; k++)
            CHECK_I64(said->nodes[k].score, 0);
        extender_answer_free(said);
        talk_free(t);
        core_free(s);
    }
}

/* Only pods that ask for what it manages concern it; our own filter leaves that to it. */
static void test_managed_resources(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s =
        core_with("{urlPrefix: 'http://x', filterVerb: f, managedResources: [{name: "
                  "example.com/fpga, ignoredByScheduler: true}]}");
    struct decision d;
    fixture_pod(s, (struct fixture_pod){ .name = "other" }, at_s(1));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_BIND);
    fixture_pod(
        s, (struct fixture_pod){ .name = "fpga", .cpu = "1", .mem = "1Gi','example.com/fpga':'1" },
        at_s(1));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_ASK && d.questions[0].n == 3); /* no node offers it */
    core_free(s);
}

/* A gang is asked about as a whole; an answer for one member alone starts nothing. */
static void test_a_gang_waits_for_all_answers(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s =
        core_with("{urlPrefix: 'http://x', filterVerb: f, nodeCacheCapable: true}");
    struct decision d;
    struct talk_request r;
    struct str complaint;
    fixture_member(s, (struct fixture_pod){ .name = "m0" }, "g", "2", at_s(1));
    fixture_member(s, (struct fixture_pod){ .name = "m1" }, "g", "2", at_s(1));
    core_step(s, at_s(3), a, &d);
    CHECK(d.kind == DECISION_ASK);
    CHECK_I64(d.n_questions, 2);
    struct talk *t[2] = { talk_about(s, &d, 0), talk_about(s, &d, 1) };
    for (size_t i = 0; i < 2; i++) {
        CHECK(talk_next(t[i], &r));
        talk_hear(t[i], 200, i ? STR("{\"NodeNames\":[\"c\"]}") : STR("{\"NodeNames\":[\"a\"]}"),
                  STR(""), &complaint);
        answer(s, t[i], at_s(4));
        struct decision next;
        core_step(s, at_s(4), a, &next);
        CHECK(next.kind == (i ? DECISION_BIND : DECISION_NONE));
        talk_free(t[i]);
    }
    CHECK(fixture_where(s, "m0").n && fixture_where(s, "m1").n);
    CHECK(!str_eq(fixture_where(s, "m0"), fixture_where(s, "m1")));
    core_free(s);
}

/* Nobody answers: the question comes again. A failed extender is asked again after a back-off. */
static void test_asks_again(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with("{urlPrefix: 'http://x', filterVerb: f, httpTimeout: 1s}");
    struct decision d;
    struct talk_request r;
    struct str complaint;
    fixture_pod(s, (struct fixture_pod){ .name = "p" }, at_s(1));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_ASK);
    core_step(s, at_s(100), a, &d);
    CHECK(d.kind == DECISION_ASK);
    struct talk *t = talk_about(s, &d, 0);
    CHECK(talk_next(t, &r));
    talk_hear(t, 0, STR(""), STR("refused"), &complaint);
    answer(s, t, at_s(100));
    talk_free(t);
    core_step(s, at_s(100), a, &d);
    CHECK(d.kind == DECISION_WAIT && has(d.message, "gave no answer: refused"));
    core_step(s, at_s(111), a, &d);
    CHECK(d.kind == DECISION_ASK);
    core_pod_del(s, STR("default"), STR("p"), at_s(112)); /* with the question open */
    core_step(s, at_s(200), a, &d);
    CHECK(d.kind == DECISION_NONE);
    core_free(s);
}

/* ---- whom a preemption evicts ---- */

#define PRIORITY(n) ",'priority':" #n
#define VICTIM_URL "{urlPrefix: 'http://x', preemptVerb: preempt"

/* Nodes a, b, c of which each is full: "a1" and "a2" on a, and so on, of priorities that make c the
 * cheapest, then b, then a. */
static void fill(struct sched_core *s, const char *cpu)
{
    static const struct fixture_pod pods[] = {
        { .name = "a1", .node = "a", .spec = PRIORITY(30) },
        { .name = "a2", .node = "a", .spec = PRIORITY(30) },
        { .name = "b1", .node = "b", .spec = PRIORITY(20) },
        { .name = "b2", .node = "b", .spec = PRIORITY(20) },
        { .name = "c1", .node = "c", .spec = PRIORITY(10) },
        { .name = "c2", .node = "c", .spec = PRIORITY(10) },
    };
    for (size_t i = 0; i < COUNT_OF(pods); i++) {
        struct fixture_pod p = pods[i];
        p.cpu = cpu;
        fixture_pod(s, p, at_s(0));
    }
}

static struct talk *talk_of_victims(struct sched_core *s, const struct decision *d)
{
    const struct question *q = d->questions;
    struct talk_proposal list[8];
    const struct kobj *pods[8][8];
    CHECK(d->kind == DECISION_ASK && d->n_questions == 1 && q->n_candidates <= 8);
    for (size_t i = 0; i < q->n_candidates; i++) {
        const struct candidate *k = &q->candidates[i];
        for (size_t j = 0; j < k->victims.n; j++)
            pods[i][j] = k->victims.pods[j]->obj;
        list[i] = (struct talk_proposal){ core_cluster(s)->snap.nodes.items[k->node]->obj, pods[i],
                                          preempt_here(k), k->victims.violations };
    }
    return talk_new_victims(core_extenders(s), q->pod->obj, list, q->n_candidates);
}

/* In a text, "$b1" becomes the uid of the pod b1. */
static struct str with_uids(struct arena *a, struct sched_core *s, const char *text)
{
    struct str rest = str_from(text), out = STR("");
    int64_t at;
    while ((at = str_find(rest, STR("$"))) >= 0) {
        const struct spod *p =
            core_pod(s, STR("default"), str_take(str_skip(rest, (size_t)at + 1), 2));
        CHECK(p != NULL);
        out = arena_printf(a, "%.*s%.*s%.*s", STR_ARG(out), (int)at, rest.p, STR_ARG(p->obj->uid));
        rest = str_skip(rest, (size_t)at + 3);
    }
    return arena_printf(a, "%.*s%.*s", STR_ARG(out), STR_ARG(rest));
}

#define META(nodes) "{\"NodeNameToMetaVictims\":{" nodes "}}"
#define LEAVE(node, ...) "\"" node "\":{\"Pods\":[" __VA_ARGS__ "]}"
#define UID(pod) "{\"UID\":\"$" pod "\"}"

/* Each node has two pods of which both would have to leave. */
static const struct {
    const char *extender; /* more of its fields */
    int status;
    const char *body, *complaint;
    const char *victims; /* by name; absent: nobody leaves, and the pod hears message */
    const char *message;
} victim_cases[] = {
    { "", 200, META(LEAVE("b", UID("b1") "," UID("b2"))), "", "b1 b2", "" },
    { ", nodeCacheCapable: true", 200,
      META(LEAVE("a", UID("a1") "," UID("a2")) "," LEAVE("b", UID("b1") "," UID("b2"))), "",
      "b1 b2", "" },
    { "", 200, "{\"nodenametometavictims\":{\"a\":{\"pods\":[{\"uid\":\"$a2\"}]}}}", "", "a2", "" },
    { "", 200,
      META(LEAVE("b", UID("b1")) ","
                                 "\"c\":{\"Pods\":[" UID("c1") "],\"NumPDBViolations\":1}"),
      "", "b1", "" },
    { "", 200, "{}", "", "", "the extenders let nobody leave" },
    { "", 200, META(""), "", "", "the extenders let nobody leave" },
    { "", 200, META(LEAVE("z", UID("a1"))), "names the node \"z\"", "", "names the node" },
    { "", 200, META(LEAVE("a", UID("b1"))), "was not proposed there", "", "was not proposed" },
    { "", 200, META(LEAVE("a", "{\"UID\":\"nobody\"}")), "names the victim \"nobody\"", "",
      "was not proposed" },
    { "", 200, META(LEAVE("a", "{}")), "names the victim \"\"", "", "was not proposed" },
    { "", 200, META(LEAVE("a", "")), "names no victim on node \"a\"", "", "names no victim" },
    { ", ignorable: true", 200, META(LEAVE("a", "") "," LEAVE("b", UID("b2"))), "", "b2", "" },
    { "", 200, META("\"a\":{\"Pods\":[" UID("a1") "],\"NumPDBViolations\":2}"),
      "gives NumPDBViolations 2 for 1 victims", "", "NumPDBViolations" },
    { "", 200, "{\"NodeNameToMetaVictims\":[]}", "no object", "", "no object" },
    { "", 200, "[]", "no object", "", "no object" },
    { "", 500, "oops", "answered with status 500", "", "status 500" },
    { ", ignorable: true", 500, "oops", "answered with status 500", "c1 c2", "" },
    { ", ignorable: true", 200, META(LEAVE("z", UID("a1"))), "names the node", "c1 c2", "" },
};

static bool are_victims(const struct decision *d, const char *names)
{
    struct str list = str_from(names);
    size_t n = 0;
    while (list.n) {
        struct str name = str_split(&list, ' ');
        bool found = false;
        for (size_t i = 0; i < d->n_victims; i++)
            found = found || str_eq(d->victims[i]->obj->name, name);
        if (!found)
            return false;
        n++;
    }
    return n == d->n_victims;
}

static void run_victim_case(size_t i)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    char text[512];
    struct decision d;
    struct talk_request r;
    struct str complaint;
    snprintf(text, sizeof text, VICTIM_URL "%s}", victim_cases[i].extender);
    struct sched_core *s = core_with(text);
    fill(s, "8");
    fixture_pod(s, (struct fixture_pod){ .name = "p", .cpu = "16", .spec = PRIORITY(100) },
                at_s(1));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_ASK && d.questions->n_candidates == 3);
    struct talk *t = talk_of_victims(s, &d);
    CHECK(talk_next(t, &r) && str_is(r.url, "http://x/preempt"));
    bool uids = has(str_from(victim_cases[i].extender), "nodeCacheCapable");
    CHECK(has(r.body, uids ? "\"NodeNameToVictims\":null" : "\"NodeNameToMetaVictims\":null"));
    CHECK(has(r.body, uids ? "\"a\":{\"Pods\":[{\"UID\":" : "\"a\":{\"Pods\":[{\"apiVersion\""));
    talk_hear(t, victim_cases[i].status, with_uids(a, s, victim_cases[i].body), STR(""),
              &complaint);
    CHECK(complaint.p ? victim_cases[i].complaint[0] && has(complaint, victim_cases[i].complaint)
                      : !victim_cases[i].complaint[0]);
    CHECK(!talk_next(t, &r));
    core_step(s, at_s(1), a, &d);
    CHECK(d.kind == DECISION_NONE); /* it waits for the answer */
    answer(s, t, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    CHECK(d.kind == (victim_cases[i].victims[0] ? DECISION_PREEMPT : DECISION_WAIT));
    CHECK(are_victims(&d, victim_cases[i].victims));
    CHECK(has(d.message, victim_cases[i].message));
    core_free(s);
}

static void test_what_extenders_say_about_victims(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(victim_cases); i++) {
        print_message("case %zu\n", i);
        run_victim_case(i);
    }
}

/* The second extender hears what the first one left; what both say counts. */
static void test_victims_are_narrowed_in_turn(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    struct talk_request r;
    struct str complaint;
    struct sched_core *s = core_with(VICTIM_URL ", nodeCacheCapable: true}, {urlPrefix: 'http://y',"
                                                " preemptVerb: v, nodeCacheCapable: true}");
    fill(s, "8");
    fixture_pod(s, (struct fixture_pod){ .name = "p", .cpu = "16", .spec = PRIORITY(100) },
                at_s(1));
    core_step(s, at_s(1), a, &d);
    struct talk *t = talk_of_victims(s, &d);
    CHECK(talk_next(t, &r));
    talk_hear(t, 200,
              with_uids(a, s, META(LEAVE("a", UID("a1")) "," LEAVE("b", UID("b1") "," UID("b2")))),
              STR(""), &complaint);
    CHECK(!complaint.p && talk_next(t, &r) && str_is(r.url, "http://y/v"));
    CHECK(!has(r.body, "\"c\":") && has(r.body, "\"b\":"));
    CHECK(!has(r.body, (const char *)with_uids(a, s, "$a2\"").p));
    talk_hear(t, 200, with_uids(a, s, META(LEAVE("a", UID("a2")))), STR(""), &complaint);
    CHECK(has(complaint, "was not proposed there")); /* the first one let it stay */
    answer(s, t, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    CHECK(d.kind == DECISION_WAIT);
    core_free(s);
}

/* Who is to leave by now is not whom they were asked about: they are asked again. */
static void test_old_agreements_do_not_count(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    struct talk_request r;
    struct str complaint;
    struct sched_core *s = core_with(VICTIM_URL "}");
    fill(s, "8");
    fixture_pod(s, (struct fixture_pod){ .name = "p", .cpu = "16", .spec = PRIORITY(100) },
                at_s(1));
    core_step(s, at_s(1), a, &d);
    struct talk *t = talk_of_victims(s, &d);
    CHECK(talk_next(t, &r));
    talk_hear(t, 200, with_uids(a, s, META(LEAVE("c", UID("c1") "," UID("c2")))), STR(""),
              &complaint);
    core_pod_del(s, STR("default"), STR("c1"), at_s(2));
    fixture_pod(s,
                (struct fixture_pod){ .name = "c3", .node = "c", .cpu = "8", .spec = PRIORITY(10) },
                at_s(2));
    answer(s, t, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    CHECK(d.kind == DECISION_ASK && d.questions->n_candidates == 3);
    core_step(s, at_s(100), a, &d); /* nobody answers: the question comes again */
    CHECK(d.kind == DECISION_ASK);
    core_pod_del(s, STR("default"), STR("p"), at_s(101)); /* with the question open */
    core_step(s, at_s(200), a, &d);
    CHECK(d.kind == DECISION_NONE);
    core_free(s);
}

/* Room came while they were asked: nobody leaves. Filters' answers serve until it is placed. */
static void test_room_that_came_meanwhile(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    struct talk_request r;
    struct str complaint;
    struct sched_core *s = core_with(VICTIM_URL "}");
    fill(s, "8");
    fixture_pod(s, (struct fixture_pod){ .name = "p", .cpu = "16", .spec = PRIORITY(100) },
                at_s(1));
    core_step(s, at_s(1), a, &d);
    struct talk *t = talk_of_victims(s, &d);
    CHECK(talk_next(t, &r));
    talk_hear(t, 200, with_uids(a, s, META(LEAVE("c", UID("c1")))), STR(""), &complaint);
    core_pod_del(s, STR("default"), STR("a1"), at_s(2));
    core_pod_del(s, STR("default"), STR("a2"), at_s(2));
    answer(s, t, at_s(2));
    talk_free(t);
    core_step(s, at_s(2), a, &d);
    CHECK(d.kind == DECISION_BIND && str_is(fixture_where(s, "p"), "a"));
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_filters_say),
        cmocka_unit_test(test_filters_chain_and_scores_add),
        cmocka_unit_test(test_scores_that_lie),
        cmocka_unit_test(test_managed_resources),
        cmocka_unit_test(test_a_gang_waits_for_all_answers),
        cmocka_unit_test(test_asks_again),
        cmocka_unit_test(test_what_extenders_say_about_victims),
        cmocka_unit_test(test_victims_are_narrowed_in_turn),
        cmocka_unit_test(test_old_agreements_do_not_count),
        cmocka_unit_test(test_room_that_came_meanwhile),
    };
    return CHECK_MAIN(tests);
}
