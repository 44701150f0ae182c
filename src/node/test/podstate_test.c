/* SPDX-License-Identifier: Apache-2.0
 * The decision table of a pod, its back-off and its status document. */
#include "node/pod/podstate.h"

#include <stdio.h>

#include "base/buf.h"
#include "testkit/check.h"

#define T0 (INT64_C(1700000000) * NS_PER_S)

static struct kobj *pod_make(const char *spec, const char *status)
{
    char text[4096];
    struct kobj *o = NULL;
    struct err err = { 0 };
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":"
             "\"d\",\"uid\":\"u\"},\"spec\":{%s},\"status\":{%s}}",
             spec, status);
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_body, &err), err);
    return o;
}

/* One letter a container: '-' none, 'b' begun, 'r' running, 's' running but not started yet,
 * 'u' unhealthy, '0' ended well, '1' ended with code 1, 'l' too, and lacks something to run again;
 * ended one second before now. With hooks:
 * 'p' postStart due, 'q' under way, 'f' failed; 'h' preStop due, 'i' under way, 'j' over, 'k' over
 * and the signal sent one second ago. */
static void runs_of(struct run *runs, const char *letters, int64_t now)
{
    for (size_t i = 0; letters[i]; i++) {
        struct run *r = &runs[i];
        *r = (struct run){ .started_ok = true, .ready = true };
        r->started.ns = now - 10 * NS_PER_S;
        r->phase = letters[i] == '-'                        ? RUN_NONE
                   : letters[i] == 'b'                      ? RUN_BEGUN
                   : letters[i] <= '1' || letters[i] == 'l' ? RUN_ENDED
                                                            : RUN_UP;
        r->started_ok = letters[i] != 's';
        r->fault = letters[i] == 'u' ? RUN_LIVENESS_FAILED : RUN_FINE;
        if (letters[i] == 'f')
            r->fault = RUN_HOOK_FAILED;
        r->fault_grace_s = -1;
        r->post_start = letters[i] == 'p' ? HOOK_DUE : letters[i] == 'q' ? HOOK_RUNNING : HOOK_NONE;
        r->pre_stop = letters[i] == 'h'   ? HOOK_DUE
                      : letters[i] == 'i' ? HOOK_RUNNING
                      : letters[i] == 'j' ? HOOK_OVER
                      : letters[i] == 'k' ? HOOK_OVER
                                          : HOOK_NONE;
        r->term_at.ns = letters[i] == 'k' ? now - NS_PER_S : 0;
        r->end = (struct run_end){ .has = r->phase == RUN_ENDED,
                                   .code = letters[i] == '1' || letters[i] == 'l',
                                   .started = r->started,
                                   .finished = { now - NS_PER_S } };
    }
}

/* The plan's steps as letters: '.' none, 'S' start, 'P' and 'H' its hooks, 'T' SIGTERM,
 * 'K' SIGKILL; then the phase. */
static void plan_text(char out[64], const struct pod_plan *p, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        out[i] = ".SPHTK"[p->steps[i]];
    snprintf(out + i, 64 - i, " %s%s", pod_phase_text(p->phase), p->over ? " over" : "");
}

#define ONE "\"containers\":[{\"name\":\"a\"}]"
#define TWO "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"
#define INIT "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}],"
#define SIDE "\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}],"
#define NEVER "\"restartPolicy\":\"Never\","
#define ON_FAILURE "\"restartPolicy\":\"OnFailure\","
#define ALWAYS "\"restartPolicy\":\"Always\","

struct decision {
    const char *spec, *runs;
    int64_t stop_s; /* since the stop was asked; -1: not */
    const char *want;
};

static const struct decision decisions[] = {
    { ALWAYS ONE, "-", -1, "S Pending" },
    { ALWAYS ONE, "b", -1, ". Pending" },
    { ALWAYS TWO, "r-", -1, ".S Running" },
    { ALWAYS ONE, "0", -1, "S Running" },
    { ALWAYS ONE, "1", -1, "S Running" },
    { ON_FAILURE ONE, "1", -1, "S Running" },
    { ON_FAILURE ONE, "0", -1, ". Succeeded over" },
    { NEVER ONE, "0", -1, ". Succeeded over" },
    { NEVER ONE, "1", -1, ". Failed over" },
    { NEVER TWO, "01", -1, ".. Failed over" },
    { NEVER TWO, "0r", -1, ".. Running" },
    { ALWAYS ONE, "u", -1, "T Running" },
    { NEVER INIT ONE, "---", -1, "S.. Pending" },
    { NEVER INIT ONE, "r--", -1, "... Pending" },
    { NEVER INIT ONE, "0--", -1, ".S. Pending" },
    { NEVER INIT ONE, "00-", -1, "..S Pending" },
    { NEVER INIT ONE, "1--", -1, "... Failed over" },
    { ALWAYS INIT ONE, "1--", -1, "S.. Pending" },
    { ALWAYS INIT ONE, "00r", -1, "... Running" },
    { NEVER SIDE ONE, "--", -1, "S. Pending" },
    { NEVER SIDE ONE, "s-", -1, ".. Pending" },
    { NEVER SIDE ONE, "r-", -1, ".S Pending" },
    { NEVER SIDE ONE, "1r", -1, "S. Running" },
    { NEVER SIDE ONE, "r0", -1, "T. Running" },
    { NEVER SIDE ONE, "00", -1, ".. Succeeded over" },
    { ALWAYS TWO, "rr", 0, "TT Running" },
    { ALWAYS TWO, "rr", 30, "KK Running" },
    { ALWAYS TWO, "0r", 31, ".K Running" },
    { ALWAYS TWO, "01", 5, ".. Failed over" },
    { NEVER SIDE ONE, "rr", 0, ".T Running" },
    { NEVER SIDE ONE, "r0", 0, "T. Running" },
    { NEVER SIDE ONE, "rr", 30, "KK Running" },
    /* What one container lacks holds back no other. */
    { ALWAYS TWO, "l1", -1, ".S Running" },
    { ALWAYS TWO, "lu", -1, ".T Running" },
    { ON_FAILURE TWO, "l0", -1, ".. Running" },
    { NEVER TWO, "lr", -1, ".. Running" },
    { ALWAYS TWO, "lr", 0, ".T Running" },
};

static const struct decision hook_decisions[] = {
    /* A postStart hook holds the pod and the containers behind it. */
    { ALWAYS TWO, "p-", -1, "P. Pending" },
    { ALWAYS TWO, "q-", -1, ".. Pending" },
    { ALWAYS TWO, "r-", -1, ".S Running" },
    { ALWAYS TWO, "f-", -1, "TS Running" },
    { NEVER SIDE ONE, "q-", -1, ".. Pending" },
    { ALWAYS ONE, "p", 0, "T Pending" },
    { ALWAYS ONE, "q", 30, "K Pending" },
    /* A preStop hook comes before the signal and counts in the grace, all but two seconds. */
    { ALWAYS ONE, "h", -1, ". Running" },
    { ALWAYS ONE, "h", 0, "H Running" },
    { ALWAYS ONE, "i", 10, ". Running" },
    { ALWAYS ONE, "j", 10, "T Running" },
    { ALWAYS ONE, "i", 30, "T Running" },
    { ALWAYS ONE, "j", 29, "T Running" },
    { ALWAYS ONE, "j", 31, "T Running" },
    { ALWAYS ONE, "k", 31, ". Running" },
    { ALWAYS ONE, "k", 10, ". Running" },
    { ALWAYS ONE, "h", 30, "K Running" },
    { NEVER SIDE ONE, "hr", 0, ".T Running" },
    { NEVER SIDE ONE, "h0", 0, "H. Running" },
};

static void check_decisions(const struct decision *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct run runs[8];
        struct pod_plan plan;
        char got[64];
        struct kobj *o = pod_make(rows[i].spec, "");
        const char *lacks = strchr(rows[i].runs, 'l');
        runs_of(runs, rows[i].runs, T0);
        struct podstate s = {
            .pod = o,
            .runs = runs,
            .hold = { .waiting = lacks, .container = lacks ? (size_t)(lacks - rows[i].runs) : 0 },
            .n_runs = strlen(rows[i].runs),
            .sandbox = true,
            .now = { T0 },
            .stop_at = { rows[i].stop_s < 0 ? 0 : T0 - rows[i].stop_s * NS_PER_S },
            .grace_s = 30,
        };
        podstate_plan(&s, &plan);
        plan_text(got, &plan, s.n_runs);
        if (strcmp(got, rows[i].want) != 0)
            print_message("row %zu: %s, %s\n", i, rows[i].spec, rows[i].runs);
        CHECK_CSTR(got, rows[i].want);
        kobj_unref(o);
    }
}

static void the_decision_table_holds(void **state)
{
    (void)state;
    check_decisions(decisions, COUNT_OF(decisions));
}

static void hooks_come_in_their_place(void **state)
{
    (void)state;
    check_decisions(hook_decisions, COUNT_OF(hook_decisions));
}

static void back_off_doubles_to_a_limit_and_forgets(void **state)
{
    static const int64_t want[] = { 0, 10, 20, 40, 80, 160, 300, 300 };
    struct run r = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(want); i++)
        CHECK_I64(podstate_backoff_ns((int64_t)i) / NS_PER_S, want[i]);
    podstate_begin(&r);
    CHECK_I64(r.attempt, 0);
    r.phase = RUN_ENDED;
    r.end = (struct run_end){ .has = true, .code = 3, .started = { 1 }, .finished = { 2 } };
    podstate_begin(&r);
    CHECK_I64(r.attempt, 1);
    CHECK_I64(r.crashes, 1);
    CHECK_I64(r.last.code, 3);
    CHECK(!r.end.has);
    r.phase = RUN_ENDED;
    r.crashes = 5;
    r.end = (struct run_end){ .has = true, .started = { 1 }, .finished = { 601 * NS_PER_S } };
    podstate_begin(&r);
    CHECK_I64(r.crashes, 1);
}

static void a_crash_loop_waits_and_says_so(void **state)
{
    struct run run;
    struct pod_plan plan;
    struct arena *a = arena_new();
    struct kobj *o = pod_make(ALWAYS ONE, "");
    (void)state;
    runs_of(&run, "1", T0);
    run.crashes = 2;
    run.attempt = 2;
    struct podstate s = {
        .pod = o, .runs = &run, .n_runs = 1, .sandbox = true, .now = { T0 }, .start_time = { T0 }
    };
    podstate_plan(&s, &plan);
    CHECK_I64(plan.steps[0], POD_STEP_NONE);
    CHECK_I64(plan.wake.ns, T0 + 19 * NS_PER_S);
    struct jnode *status = podstate_status(a, &s, &plan);
    CHECK_STR(jnode_text_of_str(jnode_path(status, "containerStatuses.0.state.waiting.reason")),
              "CrashLoopBackOff");
    int64_t code = 0;
    CHECK(jnode_to_i64(jnode_path(status, "containerStatuses.0.lastState.terminated.exitCode"),
                       &code));
    CHECK_I64(code, 1);
    CHECK_STR(jnode_text_of_str(jnode_path(status, "phase")), "Running");
    kobj_unref(o);
    arena_free(a);
}

static void the_deadline_ends_a_pod(void **state)
{
    struct run run;
    struct pod_plan plan;
    struct kobj *o = pod_make("\"activeDeadlineSeconds\":5," NEVER ONE, "");
    (void)state;
    runs_of(&run, "r", T0);
    struct podstate s = { .pod = o,
                          .runs = &run,
                          .n_runs = 1,
                          .sandbox = true,
                          .now = { T0 },
                          .start_time = { T0 - 4 * NS_PER_S } };
    podstate_plan(&s, &plan);
    CHECK_I64(plan.wake.ns, T0 + NS_PER_S);
    CHECK_I64(plan.phase, POD_RUNNING);
    s.now.ns += NS_PER_S;
    podstate_plan(&s, &plan);
    CHECK_I64(plan.steps[0], POD_STEP_TERM);
    CHECK_I64(plan.phase, POD_RUNNING); /* a final phase only when nothing runs */
    s.now.ns += NS_PER_S;
    run.phase = RUN_ENDED; /* it left in order, but too late */
    run.end = (struct run_end){ .has = true, .started = { T0 }, .finished = s.now };
    podstate_plan(&s, &plan);
    CHECK(plan.over);
    CHECK_I64(plan.phase, POD_FAILED);
    CHECK_STR(plan.reason, "DeadlineExceeded");
    kobj_unref(o);
}

/* What ended before its deadline is not judged again when that passes. */
static void a_deadline_after_the_end_changes_nothing(void **state)
{
    static const struct {
        const char *policy;
        int code;
        enum pod_phase phase;
        const char *reason;
    } rows[] = {
        { NEVER, 0, POD_SUCCEEDED, "" },
        { NEVER, 3, POD_FAILED, "" },
        { ON_FAILURE, 3, POD_FAILED, "DeadlineExceeded" }, /* it waits for its restart */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pod_plan plan;
        struct run run = { .phase = RUN_ENDED };
        char spec[400];
        snprintf(spec, sizeof spec, "\"activeDeadlineSeconds\":5,%s%s", rows[i].policy, ONE);
        struct kobj *o = pod_make(spec, "");
        run.end = (struct run_end){
            .has = true, .code = rows[i].code, .started = { T0 }, .finished = { T0 + 4 * NS_PER_S }
        };
        struct podstate s = { .pod = o,
                              .runs = &run,
                              .n_runs = 1,
                              .sandbox = true,
                              .now = { T0 + 6 * NS_PER_S },
                              .start_time = { T0 } };
        podstate_plan(&s, &plan);
        CHECK(plan.over);
        CHECK_I64(plan.phase, rows[i].phase);
        CHECK(str_is(plan.reason, rows[i].reason));
        kobj_unref(o);
    }
}

static void conditions_say_what_is_missing(void **state)
{
    struct run runs[3];
    struct pod_plan plan;
    struct arena *a = arena_new();
    struct kobj *o = pod_make(NEVER INIT ONE, "\"conditions\":[{\"type\":\"PodScheduled\","
                                              "\"status\":\"True\"}]");
    (void)state;
    runs_of(runs, "0r-", T0);
    struct podstate s = { .pod = o, .runs = runs, .n_runs = 3, .sandbox = true, .now = { T0 } };
    podstate_plan(&s, &plan);
    struct jnode *status = podstate_status(a, &s, &plan);
    struct json_doc *doc = NULL;
    CHECK(jnode_freeze(&doc, status, NULL) == 0);
    struct json c = json_path(json_root(doc), "conditions");
    CHECK_I64(json_len(c), 5);
    CHECK_STR(json_str(json_path(c, "0.type")), "PodScheduled");
    CHECK_STR(json_str(json_path(c, "2.type")), "Initialized");
    CHECK_STR(json_str(json_path(c, "2.message")), "containers with incomplete status: [j]");
    CHECK_STR(json_str(json_path(c, "4.message")), "containers with unready status: [a]");
    CHECK_STR(json_str(json_path(json_root(doc), "containerStatuses.0.state.waiting.reason")),
              "PodInitializing");
    json_doc_unref(doc);
    kobj_unref(o);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_decision_table_holds),
        cmocka_unit_test(hooks_come_in_their_place),
        cmocka_unit_test(back_off_doubles_to_a_limit_and_forgets),
        cmocka_unit_test(a_crash_loop_waits_and_says_so),
        cmocka_unit_test(the_deadline_ends_a_pod),
        cmocka_unit_test(a_deadline_after_the_end_changes_nothing),
        cmocka_unit_test(conditions_say_what_is_missing),
    };
    return CHECK_MAIN(tests);
}
