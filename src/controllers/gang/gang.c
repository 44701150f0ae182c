/* SPDX-License-Identifier: Apache-2.0
 * gang — no half gang stays: when a running gang loses a member (it failed, was evicted, its node
 * vanished) and fewer than its minimum are left, the others are deleted and their owners make them
 * anew, so that all start together again. Members that nobody would make anew are told.
 *
 *     member lost ─► others get the condition DisruptionTarget=GangRestart ─► they are deleted
 *                ─► the lost one, if it still exists, is marked as dealt with
 *
 * The condition tells the Job controller not to count the healthy ones as failures. Each step can
 * be seen in the objects, so a controller that dies half-way goes on where it stopped. The policy
 * is chosen by an annotation on the pods or the Job; see README.md. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/gang/gang_object.h"
#include "kube/job.h"
#include "kube/meta.h"

#define POLICY_KEY "scheduling.ganglion.io/gang-restart"
#define HANDLED_KEY "scheduling.ganglion.io/gang-restart-handled"
#define HALF "GangMemberLost" /* condition of members that nobody would make anew */
#define LOST "!lost"          /* behind a key: a member vanished, only its last event told us */

enum { WATCH_PODS, WATCH_JOBS, WATCH_GROUPS };

static bool gang_key(const struct kobj *pod, struct buf *key)
{
    const struct gang_claim *claim = pod_of(pod)->gang;
    if (!claim)
        return false;
    buf_printf(key, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(claim->name));
    return true;
}

static bool handled(const struct kobj *pod)
{
    return kobj_annotation(pod, STR(HANDLED_KEY)).n > 0 || pods_gang_restarted(pod);
}

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    if (!gang_key(after ? after : before, keys))
        return;
    const struct pod *p = after ? NULL : pod_of(before);
    if (p && p->node_name.n && p->phase != POD_SUCCEEDED && !handled(before))
        buf_str(keys, STR(LOST));
}

static void no_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    (void)keys; /* Jobs are only looked up */
    (void)before;
    (void)after;
}

/* ---- the gang as it is ---- */

struct gang {
    struct reconcile *r;
    struct str name;
    bool vanished;     /* a member is gone without a trace */
    bool unreplaced;   /* its dialect says that lost members are not made good */
    struct str policy; /* of its PodGroup; absent: none */
    int64_t min, succeeded;
    bool renewed;            /* the Jobs of its members make enough new pods */
    struct pods_vec running; /* on nodes and to stay */
    struct pods_vec marked;  /* to be deleted for the restart */
    struct pods_vec lost;    /* failed or being deleted, and not dealt with */
};

static bool add_member(void *arg, const struct kobj *pod)
{
    struct gang *g = arg;
    const struct pod *p = pod_of(pod);
    g->min = num_max_i64(g->min, p->gang->min);
    g->unreplaced = g->unreplaced || p->gang->unreplaced;
    if (p->phase == POD_SUCCEEDED) {
        g->succeeded++;
    } else if (!p->node_name.n) {
        return true;
    } else if (p->phase == POD_FAILED || p->deleting) {
        if (!handled(pod))
            pods_vec_push(&g->lost, pod);
    } else if (pods_gang_restarted(pod)) {
        pods_vec_push(&g->marked, pod);
    } else {
        pods_vec_push(&g->running, pod);
    }
    return true;
}

static bool was_complete(const struct gang *g)
{
    int64_t had = (int64_t)(g->running.n + g->marked.n + g->lost.n) + g->succeeded;
    return had + g->vanished >= g->min;
}

static bool is_half(const struct gang *g)
{
    int64_t have = (int64_t)g->running.n + g->succeeded;
    return (g->lost.n || g->vanished) && g->running.n && have < g->min && was_complete(g);
}

/* ---- whose it is, and what the owner wants ---- */

static const struct kobj *job_of_member(struct reconcile *r, const struct kobj *pod)
{
    struct json owner = kobj_controller(pod);
    if (!str_is(json_str(json_get(owner, STR("kind"))), "Job"))
        return NULL;
    const struct kobj *job =
        informer_find(r->caches[WATCH_JOBS], r->namespace, json_str(json_get(owner, STR("name"))));
    return job && meta_controlled_by(pod, job) ? job : NULL;
}

/* What the pods say, else the Job, else the PodGroup. */
static struct str policy_of(const struct gang *g, const struct kobj *pod, const struct kobj *job)
{
    struct str policy = kobj_annotation(pod, STR(POLICY_KEY));
    if (!policy.n)
        policy = kobj_annotation(job, STR(POLICY_KEY));
    return policy.n ? policy : g->policy;
}

/* Owners whose members work together, and that make new ones in the place of deleted ones. Jobs are
 * looked at more closely. */
static const char *const together[] = { "ray.io/RayCluster", "kubeflow.org/" };

/* Owners whose members each serve alone, and that delete them one by one in a rolling update: the
 * others are left in peace unless people ask for a common restart. */
static const char *const alone[] = { "apps/ReplicaSet", "apps/StatefulSet",
                                     "ReplicationController" };

/* Is it of a kind ("group/Kind", "Kind" of the core group, "group/" for all of them) in the list?
 */
static bool is_of(struct json owner, const char *const *kinds, size_t n)
{
    struct str group = json_str(json_get(owner, STR("apiVersion")));
    struct str kind = json_str(json_get(owner, STR("kind")));
    bool core = str_find_char(group, '/') < 0;
    group = str_split(&group, '/');
    for (size_t i = 0; i < n; i++) {
        struct str want = str_from(kinds[i]), left = want;
        struct str first = str_split(&left, '/');
        if (left.p ? !core && str_eq(group, first) && (!left.n || str_eq(kind, left))
                   : core && str_eq(kind, want))
            return true;
    }
    return false;
}

/* Jobs that own members: together they must make enough pods anew. */
static int64_t pods_of_jobs(const struct gang *g)
{
    int64_t sum = 0;
    for (size_t i = 0; i < g->running.n; i++) {
        const struct kobj *job = job_of_member(g->r, g->running.items[i]);
        bool counted = false;
        for (size_t k = 0; k < i && job; k++)
            counted = counted || job_of_member(g->r, g->running.items[k]) == job;
        sum += !job ? 1 : counted ? 0 : job_of(job)->parallelism;
    }
    return sum;
}

static bool job_goes_on(const struct kobj *job)
{
    const struct job *j = job_of(job);
    return !kobj_deleting(job) && !j->suspend && !job_finished(j) &&
           condition_of(kobj_root(job), STR("FailureTarget")) != CONDITION_TRUE;
}

enum fate {             /* of a member that runs while too few others do */
            FATE_ALONE, /* it goes on */
            FATE_TOGETHER,
            FATE_FAIL, /* with its Job */
            FATE_TELL, /* nobody would make it anew: people must decide */
};

static enum fate fate_of(const struct gang *g, const struct kobj *pod)
{
    const struct kobj *job = job_of_member(g->r, pod);
    struct json owner = kobj_controller(pod);
    struct str policy = policy_of(g, pod, job);
    bool asked = str_is(policy, "gang");
    if (str_is(policy, "fail"))
        return job ? FATE_FAIL : FATE_TELL;
    if ((policy.n && !asked) || (!policy.n && g->unreplaced))
        return FATE_ALONE; /* "member" and "none" leave the others alone */
    if (str_is(json_str(json_get(owner, STR("kind"))), "Job"))
        return job && job_goes_on(job) && g->renewed ? FATE_TOGETHER : FATE_ALONE;
    if (asked && json_exists(owner))
        return FATE_TOGETHER;
    if (is_of(owner, alone, COUNT_OF(alone)))
        return FATE_ALONE;
    return is_of(owner, together, COUNT_OF(together)) ? FATE_TOGETHER : FATE_TELL;
}

/* ---- the restart ---- */

static void tell(struct gang *g, const struct kobj *about)
{
    const struct kobj *lost = g->lost.n ? g->lost.items[0] : NULL;
    struct str node = lost ? pod_of(lost)->node_name : (struct str){ 0 };
    struct str who =
        lost ? arena_printf(g->r->a, "member %.*s on node %.*s", STR_ARG(lost->name), STR_ARG(node))
             : STR("a member");
    reconcile_warn(g->r, about, "GangRestarted",
                   "Gang %.*s lost %.*s and %zu of at least %lld members are left: restarting them "
                   "together. Restarted members do not count towards backoffLimit. To replace lost "
                   "members only, annotate the pod template with " POLICY_KEY "=member",
                   STR_ARG(g->name), STR_ARG(who), g->running.n, (long long)g->min);
}

static void set_half(struct gang *g, const struct kobj *pod, bool half)
{
    struct json stored = kobj_path(pod, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(g->r->a, stored) : jnode_arr(g->r->a);
    struct condition_spec spec = {
        .type = HALF,
        .status = half ? "True" : "False",
        .reason = half ? STR("MemberLost") : STR("Complete"),
        .message =
            half ? arena_printf(g->r->a,
                                "Gang %.*s lost members: %zu of at least %lld are left, and their "
                                "owner makes no new ones. Create the missing members, or delete "
                                "these to start anew",
                                STR_ARG(g->name), g->running.n, (long long)g->min)
                 : STR("Enough members are there again")
    };
    meta_set_condition(g->r->a, list, &spec, g->r->now);
    struct jnode *status = jnode_obj(g->r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(g->r, PODS, pod, status);
    if (half)
        reconcile_warn(g->r, pod, HALF, "%.*s", STR_ARG(spec.message));
}

static bool is_told(const struct kobj *pod)
{
    return condition_of(kobj_root(pod), STR(HALF)) == CONDITION_TRUE;
}

static size_t mark_running(struct gang *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->running.n; i++) {
        const struct kobj *pod = g->running.items[i];
        enum fate fate = fate_of(g, pod);
        if (fate == FATE_TOGETHER)
            n += pods_disrupt(g->r, pod, PODS_GANG_RESTART,
                              "Gang: another member was lost, all start together again");
        else if (fate == FATE_TELL && !is_told(pod))
            set_half(g, pod, true);
    }
    return n;
}

static void untell(struct gang *g)
{
    for (size_t i = 0; i < g->running.n; i++) {
        if (is_told(g->running.items[i]))
            set_half(g, g->running.items[i], false);
    }
}

static void mark_handled(struct gang *g)
{
    for (size_t i = 0; i < g->lost.n; i++) {
        struct jnode *patch = jnode_obj(g->r->a);
        meta_set_annotation(patch, STR(HANDLED_KEY), STR("true"));
        reconcile_patch(g->r, PODS, g->lost.items[i], patch, false);
    }
}

static void finish(struct gang *g)
{
    for (size_t i = 0; i < g->marked.n; i++)
        reconcile_delete(g->r, PODS, g->marked.items[i], (struct str){ 0 });
    mark_handled(g);
}

/* The Job ends its other pods and fails, as it does at its own limits. */
static void fail_job(struct gang *g, const struct kobj *job)
{
    if (condition_of(kobj_root(job), STR("FailureTarget")) == CONDITION_TRUE)
        return;
    struct json stored = kobj_path(job, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(g->r->a, stored) : jnode_arr(g->r->a);
    struct str why =
        arena_printf(g->r->a, "Gang %.*s lost a member and %zu of at least %lld are left",
                     STR_ARG(g->name), g->running.n, (long long)g->min);
    struct condition_spec spec = { .type = "FailureTarget",
                                   .status = "True",
                                   .reason = STR("GangMemberLost"),
                                   .message = why,
                                   .probe_time = true };
    meta_set_condition(g->r->a, list, &spec, g->r->now);
    struct jnode *status = jnode_obj(g->r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(g->r, GVR("batch", "v1", "jobs"), job, status);
    reconcile_warn(g->r, job, "GangFailed", "%.*s; " POLICY_KEY "=fail: the Job fails",
                   STR_ARG(why));
}

static void look(struct gang *g)
{
    bool half = is_half(g);
    g->renewed = half && pods_of_jobs(g) + g->succeeded >= g->min;
    const struct kobj *first = g->running.n ? g->running.items[0] : NULL;
    const struct kobj *job = first ? job_of_member(g->r, first) : NULL;
    if (half && fate_of(g, first) == FATE_FAIL) {
        fail_job(g, job);
        return;
    }
    if (half && mark_running(g)) {
        if (!g->marked.n) /* once a restart */
            tell(g, job ? job : first);
        return; /* the marks come back as events */
    }
    if ((int64_t)g->running.n + g->succeeded >= g->min)
        untell(g);
    if (g->marked.n)
        finish(g);
}

/* Where the minimum stands in an object, the gang's PodGroup repeats it. */
static void hear_group(struct gang *g)
{
    const struct kobj *o = informer_find(g->r->caches[WATCH_GROUPS], g->r->namespace,
                                         gang_object_mirror_name(g->r->a, g->name));
    if (!o)
        return;
    g->policy = json_str(kobj_path(o, "spec.memberLoss"));
    if (g->min <= 1)
        g->min = num_max_i64(g->min, json_i64_or(kobj_path(o, "status.minMember"), 1));
}

static int reconcile_gang(struct reconcile *r, struct err *err)
{
    (void)err;
    struct gang g = { .r = r, .name = r->name, .min = 1 };
    if (str_ends(r->name, STR(LOST))) {
        g.vanished = true;
        g.name.n -= STR(LOST).n;
    }
    struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(r->namespace), STR_ARG(g.name));
    informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], key, add_member, &g);
    hear_group(&g);
    look(&g);
    pods_vec_fini(&g.running);
    pods_vec_fini(&g.marked);
    pods_vec_fini(&g.lost);
    return 0;
}

const struct controller gang_controller = {
    .name = "gang",
    .help = "restarts a gang together when it lost members and is no longer complete",
    .watches = { [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = pod_keys,
                                  .index = gang_key },
                 [WATCH_JOBS] = { .resource = { STR_INIT("batch"), STR_INIT("v1"),
                                                STR_INIT("jobs") },
                                  .keys = no_keys },
                 [WATCH_GROUPS] = { .resource = { STR_INIT("aiplatform.ganglion.io"),
                                                  STR_INIT("v1alpha1"), STR_INIT("podgroups") },
                                    .keys = no_keys } },
    .reconcile = reconcile_gang,
};
