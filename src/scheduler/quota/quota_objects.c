/* SPDX-License-Identifier: Apache-2.0
 * quota_objects — see quota_objects.h. */
#include "scheduler/quota/quota_objects.h"

#include "base/time.h"
#include "kube/quantities.h"

#define ROWS_MAX 64 /* resources of one queue that are read */

static void fault(struct quota_spec *out, struct str text)
{
    if (!out->wrong.p)
        out->wrong = text;
}

/* The row of a resource, made on first use; NULL over ROWS_MAX. */
static struct quota_row *row_of(struct quota_spec *out, struct str resource)
{
    struct quota_row *rows = (struct quota_row *)(uintptr_t)out->rows; /* ours, in the arena */
    for (size_t i = 0; i < out->n_rows; i++) {
        if (str_eq(rows[i].resource, resource))
            return &rows[i];
    }
    if (out->n_rows == ROWS_MAX)
        return NULL;
    rows[out->n_rows] = (struct quota_row){ resource, QUOTA_ANY, QUOTA_ANY, QUOTA_ANY, QUOTA_ANY };
    return &rows[out->n_rows++];
}

/* A quantity into *amount; what is absent changes nothing, nonsense becomes the queue's fault. */
static void take(struct quota_spec *out,
                 struct arena *a,
                 struct json value,
                 struct str resource,
                 int64_t *amount)
{
    int64_t parts = str_is(resource, "cpu") ? 1000 : 1;
    if (json_type(value) == JSON_ABSENT || json_type(value) == JSON_NULL)
        return;
    if (!amount_parse(value, parts, amount))
        fault(out, arena_printf(a, "%.*s of %.*s is no quantity such as 4, 500m or 64Gi",
                                STR_ARG(json_text(value)), STR_ARG(resource)));
}

/* Sums over flavors: which nodes a flavor means is for node selectors to say. */
static void take_sum(struct quota_spec *out,
                     struct arena *a,
                     struct json value,
                     struct str resource,
                     int64_t *amount)
{
    int64_t one = QUOTA_ANY;
    take(out, a, value, resource, &one);
    if (one == QUOTA_ANY)
        return;
    if (*amount == QUOTA_ANY || __builtin_add_overflow(*amount, one, amount))
        *amount = one;
}

static int64_t count_or_any(struct json v)
{
    return json_i64_or(v, QUOTA_ANY);
}

static double number_or(struct json v, double otherwise)
{
    double n;
    return json_f64(v, &n) ? n : otherwise;
}

/* ---- AIJobQueue ---- */

static enum quota_order order_named(struct str s, struct arena *a, struct quota_spec *out)
{
    if (str_is(s, "fair-share"))
        return QUOTA_FAIR_SHARE;
    if (str_is(s, "priority"))
        return QUOTA_PRIORITY;
    if (str_is(s, "fifo"))
        return QUOTA_FIFO;
    if (s.n)
        fault(out, arena_printf(a,
                                "scheduling.algorithm is \"%.*s\", not fair-share, priority or "
                                "fifo",
                                STR_ARG(s)));
    return QUOTA_INHERIT;
}

static void read_classes(struct json list, struct arena *a, struct quota_spec *out)
{
    struct quota_class *classes = ARENA_ARRAY(a, struct quota_class, ROWS_MAX);
    for (struct json_iter it = json_iter(list); json_next(&it) && out->n_classes < ROWS_MAX;)
        classes[out->n_classes++] =
            (struct quota_class){ json_str(json_get(it.value, STR("name"))),
                                  json_i64_or(json_get(it.value, STR("weight")), 0) };
    out->classes = classes;
}

/* nominal, borrow, lend and limit of one row, by the names that this form uses. */
static void
take_amounts(struct quota_spec *out, struct arena *a, struct str resource, struct json v)
{
    struct quota_row *row = row_of(out, resource);
    if (!row)
        return;
    take(out, a, json_get(v, STR("nominal")), resource, &row->nominal);
    take(out, a, json_get(v, STR("borrowLimit")), resource, &row->borrow);
    take(out, a, json_get(v, STR("lendLimit")), resource, &row->lend);
    take(out, a, json_get(v, STR("limit")), resource, &row->limit);
}

static void read_job_queue(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    struct json spec = kobj_path(o, "spec"), quota = json_get(spec, STR("resourceQuota"));
    static const struct {
        struct str key, resource;
    } limits[] = { { STR_INIT("maxGPUs"), STR_INIT("nvidia.com/gpu") },
                   { STR_INIT("maxCPUs"), STR_INIT("cpu") },
                   { STR_INIT("maxMemory"), STR_INIT("memory") } };
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct json v = json_get(quota, limits[i].key);
        struct quota_row *row =
            json_type(v) == JSON_ABSENT ? NULL : row_of(out, limits[i].resource);
        if (row)
            take(out, a, v, limits[i].resource, &row->limit);
    }
    for (struct json_iter it = json_iter(json_get(spec, STR("resources"))); json_next(&it);)
        take_amounts(out, a, it.key, it.value);
    out->parent = json_str(json_get(spec, STR("parent")));
    out->weight = number_or(json_get(spec, STR("weight")), 1);
    out->priority = json_i64_or(json_get(spec, STR("priority")), 0);
    out->paused = json_bool(json_get(spec, STR("suspended")), false);
    out->max_gangs = count_or_any(json_get(spec, STR("maxConcurrentJobs")));
    out->max_per_user = count_or_any(json_path(spec, "concurrencyLimits.maxConcurrentPerUser"));
    out->max_per_namespace =
        count_or_any(json_path(spec, "concurrencyLimits.maxConcurrentPerNamespace"));
    out->order = order_named(json_str(json_path(spec, "scheduling.algorithm")), a, out);
    out->kept = str_is(json_str(json_path(spec, "scheduling.preemption")), "disabled");
    read_classes(json_get(spec, STR("priorityClasses")), a, out);
}

/* ---- Kueue ---- */

/* What a ClusterQueue asks for and does not get, and what comes instead. */
static const struct {
    const char *path, *value; /* NULL: any */
    const char *instead;
} kueue_ignored[] = {
    { "spec.queueingStrategy", "StrictFIFO",
      "queueingStrategy StrictFIFO (a gang that does not fit lets others pass; after a minute room "
      "is held for the oldest)" },
    { "spec.stopPolicy", "HoldAndDrain", "stopPolicy HoldAndDrain (as Hold: what runs stays)" },
    { "spec.admissionChecks.0", NULL, "admissionChecks" },
    { "spec.admissionChecksStrategy.admissionChecks.0", NULL, "admissionChecksStrategy" },
    { "spec.preemption.borrowWithinCohort.policy", "LowerPriority",
      "preemption.borrowWithinCohort (who borrows evicts by pod priority only)" },
    { "spec.namespaceSelector.matchLabels", NULL, "namespaceSelector" },
    { "spec.namespaceSelector.matchExpressions.0", NULL, "namespaceSelector" },
    { "spec.concurrentAdmissionPolicy", NULL, "concurrentAdmissionPolicy" },
};

/* Volcano's. */
static const char *const volcano_ignored[] = { "spec.affinity", "spec.extendClusters",
                                               "spec.dequeueStrategy" };

static void ignore(struct quota_spec *out, struct arena *a, struct str text)
{
    if (str_find(out->ignored, text) >= 0)
        return;
    out->ignored =
        out->ignored.n ? arena_printf(a, "%.*s; %.*s", STR_ARG(out->ignored), STR_ARG(text)) : text;
}

static void find_ignored(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    for (size_t i = 0; i < COUNT_OF(kueue_ignored); i++) {
        struct json v = kobj_path(o, kueue_ignored[i].path);
        const char *value = kueue_ignored[i].value;
        if (json_has(v) && (!value || str_is(json_str(v), value)))
            ignore(out, a, str_from(kueue_ignored[i].instead));
    }
}

static void read_flavors(struct json groups, struct arena *a, struct quota_spec *out)
{
    for (struct json_iter g = json_iter(groups); json_next(&g);) {
        if (json_len(json_get(g.value, STR("flavors"))) > 1)
            ignore(out, a,
                   STR("flavors (amounts of several are summed; which nodes, say node "
                       "selectors of pods)"));
        for (struct json_iter f = json_iter(json_get(g.value, STR("flavors"))); json_next(&f);) {
            for (struct json_iter r = json_iter(json_get(f.value, STR("resources")));
                 json_next(&r);) {
                struct str name = json_str(json_get(r.value, STR("name")));
                struct quota_row *row = row_of(out, name);
                if (!row)
                    continue;
                take_sum(out, a, json_get(r.value, STR("nominalQuota")), name, &row->nominal);
                take_sum(out, a, json_get(r.value, STR("borrowingLimit")), name, &row->borrow);
                take_sum(out, a, json_get(r.value, STR("lendingLimit")), name, &row->lend);
            }
        }
    }
}

static struct str first_of(struct json o, const char *a, const char *b)
{
    struct str s = json_str(json_path(o, a));
    return s.n ? s : json_str(json_path(o, b));
}

static double kueue_weight(struct json spec)
{
    int64_t milli = 1000;
    struct json w = json_path(spec, "fairSharing.weight");
    if (json_type(w) != JSON_ABSENT && !amount_parse(w, 1000, &milli))
        return 1;
    return milli > 0 ? (double)milli / 1000 : 0.001; /* Kueue's 0: after everybody else */
}

/* Cohorts and ClusterQueues may share names. */
static struct str cohort_name(struct arena *a, struct str name)
{
    return name.n ? arena_printf(a, "cohort %.*s", STR_ARG(name)) : name;
}

static bool is_stopped(struct json spec)
{
    struct str stop = json_str(json_get(spec, STR("stopPolicy")));
    return stop.n && !str_is(stop, "None");
}

/* v1beta1 says cohort and parent where v1beta2 says cohortName and parentName. */
static void read_kueue(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    struct json spec = kobj_path(o, "spec");
    bool cohort = str_is(o->kind, "Cohort");
    struct str parent =
        cohort ? first_of(spec, "parentName", "parent") : first_of(spec, "cohortName", "cohort");
    struct str reclaim = json_str(json_path(spec, "preemption.reclaimWithinCohort"));
    read_flavors(json_get(spec, STR("resourceGroups")), a, out);
    out->closed = true; /* only as a top does it say anything */
    out->weight = kueue_weight(spec);
    out->paused = is_stopped(spec);
    out->order = QUOTA_FAIR_SHARE;
    out->parent = cohort_name(a, parent);
    out->implies = true;
    out->reclaim = str_is(reclaim, "Any")             ? QUOTA_RECLAIM_ANY
                   : str_is(reclaim, "LowerPriority") ? QUOTA_RECLAIM_LOWER
                                                      : QUOTA_RECLAIM_NEVER;
    if (cohort)
        out->name = cohort_name(a, o->name);
    find_ignored(o, a, out);
}

/* A LocalQueue that holds is a queue of its own: its pods wait there. */
static void read_local(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    struct json spec = kobj_path(o, "spec");
    out->name = arena_printf(a, "%.*s/%.*s", STR_ARG(o->namespace), STR_ARG(o->name));
    out->parent = json_str(json_get(spec, STR("clusterQueue")));
    out->paused = is_stopped(spec);
    if (str_is(json_str(json_get(spec, STR("stopPolicy"))), "HoldAndDrain"))
        ignore(out, a, STR("stopPolicy HoldAndDrain (as Hold: what runs stays)"));
}

/* ---- KAI ---- */

/* "1h30m"; 0: not said. */
static int64_t kai_time(struct json spec, struct str key, struct arena *a, struct quota_spec *out)
{
    struct str text = json_str(json_get(spec, key));
    int64_t ns = 0;
    if (text.n && (!duration_parse(text, &ns) || ns < 0)) {
        fault(out, arena_printf(a, "%.*s is \"%.*s\", not a duration such as 10m", STR_ARG(key),
                                STR_ARG(text)));
        return 0;
    }
    return ns;
}

static void read_kai(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    struct json spec = kobj_path(o, "spec");
    static const struct {
        struct str key, resource;
        int64_t unit; /* of ours in one of KAI's: milli-CPUs, MB, devices */
    } resources[] = { { STR_INIT("cpu"), STR_INIT("cpu"), 1 },
                      { STR_INIT("memory"), STR_INIT("memory"), 1000000 },
                      { STR_INIT("gpu"), STR_INIT("nvidia.com/gpu"), 1 } };
    out->weight = 1;
    for (size_t i = 0; i < COUNT_OF(resources); i++) {
        struct json r = json_get(json_get(spec, STR("resources")), resources[i].key);
        struct quota_row *row =
            json_type(r) == JSON_ABSENT ? NULL : row_of(out, resources[i].resource);
        double quota = number_or(json_get(r, STR("quota")), 0);
        double limit = number_or(json_get(r, STR("limit")), -1);
        double weight = number_or(json_get(r, STR("overQuotaWeight")), 1);
        if (!row)
            continue;
        if (limit >= 0 && limit < 9e15)
            row->limit = (int64_t)(limit * (double)resources[i].unit);
        row->nominal = quota < 0 || quota >= 9e15 ? INT64_MAX / 8
                                                  : (int64_t)(quota * (double)resources[i].unit);
        if (str_is(resources[i].key, "gpu"))
            out->weight = weight > 0 ? weight : 0.001;
    }
    out->parent = json_str(json_get(spec, STR("parentQueue")));
    out->priority = json_i64_or(json_get(spec, STR("priority")), 100);
    out->order = QUOTA_FAIR_SHARE;
    out->preempt_min_ns = kai_time(spec, STR("preemptMinRuntime"), a, out);
    out->reclaim_min_ns = kai_time(spec, STR("reclaimMinRuntime"), a, out);
}

/* ---- Volcano ---- */

static void read_volcano(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    struct json spec = kobj_path(o, "spec");
    for (struct json_iter it = json_iter(json_get(spec, STR("capability"))); json_next(&it);) {
        struct quota_row *row = row_of(out, it.key);
        if (row)
            take(out, a, it.value, it.key, &row->limit);
    }
    for (struct json_iter it = json_iter(json_get(spec, STR("deserved"))); json_next(&it);) {
        struct quota_row *row = row_of(out, it.key);
        if (row)
            take(out, a, it.value, it.key, &row->nominal);
    }
    /* What is guaranteed is part of what is deserved, and lent to nobody. */
    for (struct json_iter it = json_iter(json_path(spec, "guarantee.resource")); json_next(&it);) {
        struct quota_row *row = row_of(out, it.key);
        int64_t kept = QUOTA_ANY;
        if (!row)
            continue;
        take(out, a, it.value, it.key, &kept);
        if (kept == QUOTA_ANY)
            continue;
        if (row->nominal == QUOTA_ANY || row->nominal < kept)
            row->nominal = kept;
        row->lend = row->nominal - kept;
    }
    struct str state = json_str(kobj_path(o, "status.state"));
    struct str parent = json_str(json_get(spec, STR("parent")));
    out->parent = str_is(parent, "root") ? (struct str){ 0 } : parent;
    out->weight = number_or(json_get(spec, STR("weight")), 1);
    out->priority = json_i64_or(json_get(spec, STR("priority")), 0);
    out->kept = !json_bool(json_get(spec, STR("reclaimable")), true);
    out->paused = str_is(state, "Closed") || str_is(state, "Closing");
    for (size_t i = 0; i < COUNT_OF(volcano_ignored); i++) {
        if (json_has(kobj_path(o, volcano_ignored[i])))
            ignore(out, a, str_from(volcano_ignored[i]));
    }
    out->order = QUOTA_FAIR_SHARE;
}

/* ---- the table ---- */

const struct quota_kind quota_kinds[] = {
    { STR_INIT("aiplatform.ganglion.io"), STR_INIT("AIJobQueue"), read_job_queue },
    { STR_INIT("aiplatform.example.com"), STR_INIT("AIJobQueue"), read_job_queue },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("ClusterQueue"), read_kueue },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("Cohort"), read_kueue },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("LocalQueue"), read_local },
    { STR_INIT("scheduling.run.ai"), STR_INIT("Queue"), read_kai },
    { STR_INIT("scheduling.volcano.sh"), STR_INIT("Queue"), read_volcano },
};

const size_t quota_kinds_count = COUNT_OF(quota_kinds);

static struct str group_of(const struct kobj *o)
{
    ptrdiff_t slash = str_find_char(o->api_version, '/');
    return slash < 0 ? STR("") : str_take(o->api_version, (size_t)slash);
}

bool quota_object_read(const struct kobj *o, struct arena *a, struct quota_spec *out)
{
    for (size_t i = 0; i < quota_kinds_count; i++) {
        const struct quota_kind *k = &quota_kinds[i];
        if (!str_eq(k->kind, o->kind) || !str_eq(k->group, group_of(o)))
            continue;
        *out = (struct quota_spec){ .name = o->name,
                                    .about = o->kind,
                                    .rows = ARENA_ARRAY(a, struct quota_row, ROWS_MAX),
                                    .weight = 1,
                                    .max_gangs = QUOTA_ANY,
                                    .max_per_user = QUOTA_ANY,
                                    .max_per_namespace = QUOTA_ANY };
        k->read(o, a, out);
        return true;
    }
    return false;
}

static bool is_kueue(const struct kobj *o, const char *kind)
{
    return str_is(o->kind, kind) && str_is(group_of(o), "kueue.x-k8s.io");
}

struct str quota_local_target(const struct kobj *o)
{
    return is_kueue(o, "LocalQueue") ? json_str(kobj_path(o, "spec.clusterQueue"))
                                     : (struct str){ 0 };
}

struct str quota_class_key(struct arena *a, struct str name)
{
    return arena_printf(a, "class %.*s", STR_ARG(name));
}

bool quota_work_priority(const struct kobj *o, struct arena *a, struct str *key, int64_t *out)
{
    bool class = str_is(o->kind, "PriorityClass");
    if ((!class && !is_kueue(o, "WorkloadPriorityClass")) || !json_i64(kobj_path(o, "value"), out))
        return false;
    *key = class ? quota_class_key(a, o->name) : o->name;
    return true;
}
