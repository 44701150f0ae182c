/* SPDX-License-Identifier: Apache-2.0
 * config — see config.h. */
#include "scheduler/config/config.h"

#include <stdlib.h>

#include "codec/jnode.h"
#include "codec/yaml.h"
#include "scheduler/config/config_fields.h"
#include "scheduler/core/queue.h"
#include "scheduler/outside/outside.h"

#define WARNINGS_BYTES_MAX 16384
#define API_VERSION "kubescheduler.config.k8s.io/v1"

/* Plugins that others have and we do without a plugin of that name. */
static const struct {
    const char *name;
    const char *warning; /* NULL: nothing is missing */
} foreign[] = {
    { "BackfillScoring", NULL }, /* the plugin Backfill holds room by time */
    { "Consolidation", NULL },   /* profile->consolidation */
    { "Coscheduling", NULL },    /* the queue holds gangs and the cycle places them whole */
    { "DefaultBinder", NULL },
    { "DefaultPreemption", NULL }, /* profile->preempts */
    { "GangPreemption", NULL },    /* the same: gangs and pods preempt alike */
    { "KubeAttention", "is not built yet" },
    { "NetworkFabricScore", "is not built yet" },
    { "PrioritySort", NULL },
    { "ProvisioningRequest", NULL }, /* profile->nodes */
    { "ProfileClassifier", NULL },   /* profile->workloads */
    { "ResourceFragmentationScore", "is not built yet; GPUDevices packs GPUs" },
    { "ResourceReservation", NULL }, /* decided pods hold their room from that moment */
    { "SchedulingGates", NULL },
    { "TenantHardwareAffinityScore", "is not built yet" },
    { "TopologyScoring", "is done by PodTopologySpread" },
    { "VRAMScheduler", "is not built yet" },
    { "WorkloadAwareScoring", NULL }, /* the same */
};

enum point { POINT_ALL, POINT_FILTER, POINT_SCORE, POINT_RESERVE, POINT_POST_FILTER, POINT_OTHER };

static const struct {
    const char *name;
    enum point point;
} points[] = {
    { "multiPoint", POINT_ALL }, /* first: single points refine it */
    { "bind", POINT_OTHER },       { "filter", POINT_FILTER },          { "permit", POINT_OTHER },
    { "postBind", POINT_OTHER },   { "postFilter", POINT_POST_FILTER }, { "preBind", POINT_OTHER },
    { "preEnqueue", POINT_OTHER }, { "preFilter", POINT_FILTER },       { "preScore", POINT_SCORE },
    { "queueSort", POINT_OTHER },  { "reserve", POINT_RESERVE },        { "score", POINT_SCORE },
};

/* ---- unknown names ---- */

#define NAMES_MAX 96
#define KNOWN_BYTES_MAX 72 /* of names; what stands around them fits the rest of an error */
#define NEAR_NAME_MAX 32   /* longer names are compared by their beginning */

struct near_name {
    const char *name;
    size_t distance;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters one has to insert, delete or replace (Levenshtein), whatever their case. */
static size_t distance(struct str a, struct str b)
{
    size_t row[NEAR_NAME_MAX + 1];
    a = str_take(a, NEAR_NAME_MAX);
    b = str_take(b, NEAR_NAME_MAX);
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.n; j++) {
            bool same = str_eq_nocase(str_make(a.p + i, 1), str_make(b.p + j, 1));
            size_t cost = least(corner + !same, least(row[j], row[j + 1]) + 1);
            corner = row[j + 1];
            row[j + 1] = cost;
        }
    }
    return row[b.n];
}

static int compare_near(const void *a, const void *b)
{
    const struct near_name *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Names the nearest ones, as many as an error holds; none is cut. */
static int unknown_plugin(const struct outside *others, struct str name, struct err *err)
{
    struct near_name list[NAMES_MAX];
    size_t n = 0, told = 0;
    for (size_t i = 0; i < sched_plugins_count; i++)
        list[n++].name = sched_plugins[i]->name;
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        list[n++].name = foreign[i].name;
    for (size_t i = 0; i < outside_count(others); i++)
        list[n++].name = outside_plugin(others, i)->name;
    for (size_t i = 0; i < n; i++)
        list[i].distance = distance(name, str_from(list[i].name));
    qsort(list, n, sizeof list[0], compare_near);
    struct buf known;
    buf_init(&known, 1024);
    for (; told < n && known.n + strlen(list[told].name) < KNOWN_BYTES_MAX; told++)
        buf_printf(&known, "%s%s", told ? ", " : "", list[told].name);
    err_set(err, ERR_INVALID,
            "unknown plugin \"%.*s\"; known, the nearest first: %.*s and %zu more",
            STR_ARG(str_take(name, NEAR_NAME_MAX)), STR_ARG(buf_view(&known)), n - told);
    buf_fini(&known);
    return -1;
}

/* 0 when the name is one of the foreign ones. */
static int check_foreign(struct sched_config *c, struct str name, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        if (!str_is(name, foreign[i].name))
            continue;
        struct buf line;
        buf_init(&line, 256);
        buf_printf(&line, "plugin %s %s\n", foreign[i].name,
                   foreign[i].warning ? foreign[i].warning : "");
        if (foreign[i].warning && str_find(buf_view(&c->warnings), buf_view(&line)) < 0)
            buf_str(&c->warnings, buf_view(&line));
        buf_fini(&line);
        return 0;
    }
    return unknown_plugin(c->outside, name, err);
}

/* ---- one extension point ---- */

/* These are no rows of the table: they are what happens after all filters. */
static void set_post_filter(struct profile *p, enum point point, struct str name, bool on)
{
    bool named = str_is(name, "DefaultPreemption") || str_is(name, "GangPreemption");
    bool all = !on && str_is(name, "*");
    if ((point == POINT_ALL || point == POINT_POST_FILTER) && (named || all))
        p->preempts = on;
    if ((point == POINT_ALL || point == POINT_POST_FILTER) &&
        (all || str_is(name, "Consolidation")))
        p->consolidation.on = on;
    if ((point == POINT_ALL || point == POINT_POST_FILTER) &&
        (all || str_is(name, "ProvisioningRequest")))
        p->nodes.on = on;
}

/* Nor are these: they stand for the defaults of kinds of work. */
static void set_workloads(struct profile *p, enum point point, struct str name, bool on)
{
    bool named = str_is(name, "ProfileClassifier") || str_is(name, "WorkloadAwareScoring");
    if (named || (!on && point == POINT_ALL && str_is(name, "*")))
        p->workloads = on;
}

static void set_points(struct profile_plugin *e, enum point point, bool on)
{
    if (point == POINT_ALL || point == POINT_FILTER)
        e->filters = on && e->plugin->filter;
    if (point == POINT_ALL || point == POINT_RESERVE)
        e->reserves = on && e->plugin->reserve;
    if (point == POINT_ALL || point == POINT_SCORE)
        e->scores = on && e->plugin->score;
}

static int disable(struct sched_config *c,
                   struct profile *p,
                   enum point point,
                   struct json list,
                   struct err *err)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        set_post_filter(p, point, name, false);
        set_workloads(p, point, name, false);
        if (str_is(name, "*")) {
            for (size_t i = 0; i < p->n; i++)
                set_points(&p->plugins[i], point, false);
            continue;
        }
        int at = profile_find(p, name);
        if (at >= 0)
            set_points(&p->plugins[at], point, false);
        else if (check_foreign(c, name, err))
            return -1;
    }
    return 0;
}

static int enable(struct sched_config *c,
                  struct profile *p,
                  enum point point,
                  struct json list,
                  struct err *err)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        int at = profile_find(p, name);
        set_post_filter(p, point, name, true);
        set_workloads(p, point, name, true);
        if (at < 0) {
            if (check_foreign(c, name, err))
                return -1;
            continue;
        }
        struct profile_plugin *e = &p->plugins[at];
        int64_t weight = json_i64_or(json_get(it.value, STR("weight")), 0);
        set_points(e, point, true);
        if (point == POINT_ALL || point == POINT_SCORE) {
            if (weight)
                e->weight = weight;
            else if (e->weight == 0)
                e->weight = 1;
        }
    }
    return 0;
}

static int read_plugins(struct sched_config *c, struct profile *p, struct json v, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        struct json at = json_get(v, str_from(points[i].name));
        if (disable(c, p, points[i].point, json_get(at, STR("disabled")), err) ||
            enable(c, p, points[i].point, json_get(at, STR("enabled")), err))
            return err_wrap(err, "plugins.%s", points[i].name);
    }
    return 0;
}

static bool is_repeated(struct json list, struct str name)
{
    size_t n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);)
        n += str_eq(json_str(json_get(it.value, STR("name"))), name);
    return n > 1;
}

static int read_args(struct sched_config *c, struct profile *p, struct json list, struct err *err)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        struct json args = json_get(it.value, STR("args"));
        int at = profile_find(p, name);
        if (is_repeated(list, name))
            return err_set(err, ERR_INVALID, "pluginConfig: \"%.*s\" stands there twice",
                           STR_ARG(name));
        if (at < 0) {
            if (check_foreign(c, name, err))
                return err_wrap(err, "pluginConfig");
            if (str_is(name, "Consolidation"))
                config_read_consolidation(p, args);
            if (str_is(name, "ProvisioningRequest"))
                config_read_provisioning(p, args);
            if (str_is(name, "DefaultPreemption") && config_read_preemption(p, args, err))
                return err_wrap(err, "pluginConfig of %.*s", STR_ARG(name));
            continue;
        }
        if (!p->plugins[at].plugin->outside && profile_configure(p, (size_t)at, args, err))
            return -1;
    }
    return 0;
}

static struct json args_of(struct json list, const char *plugin)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("name"))), plugin))
            return json_get(it.value, STR("args"));
    }
    return (struct json){ 0 };
}

/* Those of others that the profile enabled, with their arguments. */
static int
start_outside(struct sched_config *c, struct profile *p, struct json list, struct err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct profile_plugin *e = &p->plugins[i];
        struct json args = args_of(list, e->plugin->name);
        if (!e->plugin->outside)
            continue;
        if (!e->filters && !e->scores && json_exists(args))
            buf_printf(&c->warnings, "pluginConfig of %s, which no point of the profile enables\n",
                       e->plugin->name);
        else if ((e->filters || e->scores) && profile_configure(p, i, args, err))
            return -1;
    }
    return 0;
}

/* ---- profiles ---- */

static bool has_profile(const struct sched_config *c, struct str name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->profiles[i]->name, name))
            return true;
    }
    return false;
}

static int read_profile(struct sched_config *c, struct json v, struct err *err)
{
    struct str name = json_str(json_get(v, STR("schedulerName")));
    if (!name.n)
        name = STR("default-scheduler");
    if (has_profile(c, name))
        return err_set(err, ERR_INVALID, "two profiles are called \"%.*s\"", STR_ARG(name));
    if (c->n == CONFIG_PROFILES_MAX - 8) /* the built-in ones need room too */
        return err_set(err, ERR_TOO_LARGE, "more than %d profiles", CONFIG_PROFILES_MAX - 8);
    struct profile *p = c->profiles[c->n++] = profile_new(name);
    for (size_t i = 0; i < outside_count(c->outside); i++) {
        if (profile_add(p, outside_plugin(c->outside, i), err))
            return -1;
    }
    if (read_plugins(c, p, json_get(v, STR("plugins")), err) ||
        read_args(c, p, json_get(v, STR("pluginConfig")), err) ||
        start_outside(c, p, json_get(v, STR("pluginConfig")), err))
        return err_wrap(err, "profile \"%.*s\"", STR_ARG(name));
    return 0;
}

/* Of a profile, else of the file; 0 and absent: all. */
static void read_sample(struct sched_config *c, struct json root)
{
    const char *key = "percentageOfNodesToScore";
    int64_t all = json_i64_or(json_get(root, str_from(key)), 0);
    size_t i = 0;
    for (struct json_iter it = json_iter(json_get(root, STR("profiles"))); json_next(&it); i++)
        c->profiles[i]->sample_percent =
            json_i64_or(json_get(it.value, str_from(key)), all); /* the ranges were checked */
    for (; i < c->n; i++)
        c->profiles[i]->sample_percent = all;
}

static void read_backoff(struct json root, const char *key, int64_t *ns)
{
    int64_t s;
    if (json_i64(json_get(root, str_from(key)), &s)) /* its range was checked */
        *ns = s * NS_PER_S;
}

/* The arguments that the file gives NodeResourcesFit of a profile. */
static struct json fit_args(struct json root, struct str profile)
{
    for (struct json_iter it = json_iter(json_get(root, STR("profiles"))); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("schedulerName")));
        if (str_eq(name.n ? name : STR("default-scheduler"), profile))
            return args_of(json_get(it.value, STR("pluginConfig")), "NodeResourcesFit");
    }
    return (struct json){ 0 };
}

/* Extenders concern every profile; resources that they manage alone are none of NodeResourcesFit's
 * business. */
static int extend(struct profile *p, const struct extenders *x, struct json args, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct profile_plugin *e = &p->plugins[profile_find(p, STR("Extenders"))];
    e->filters = e->scores = true;
    e->weight = 1;
    if (!x->ignored.n)
        return 0;
    struct jnode *root = json_has(args) ? jnode_thaw(a, args) : jnode_obj(a);
    struct jnode *list = jnode_need_arr(root, STR("ignoredResources"));
    for (size_t i = 0; i < x->ignored.n; i++)
        jnode_append(list, jnode_str(a, x->ignored.items[i]));
    if (jnode_freeze(&doc, root, err))
        return -1;
    return profile_configure(p, (size_t)profile_find(p, STR("NodeResourcesFit")), json_root(doc),
                             err);
}

static int read_all(struct sched_config *c, struct json root, struct err *err)
{
    if (!str_is(json_str(json_get(root, STR("kind"))), "KubeSchedulerConfiguration") ||
        !str_is(json_str(json_get(root, STR("apiVersion"))), API_VERSION))
        return err_set(err, ERR_INVALID, "not a KubeSchedulerConfiguration of " API_VERSION);
    if (config_check_file(root, err))
        return -1;
    read_backoff(root, "podInitialBackoffSeconds", &c->backoff_min_ns);
    read_backoff(root, "podMaxBackoffSeconds", &c->backoff_max_ns);
    if (c->backoff_max_ns < c->backoff_min_ns)
        return err_set(err, ERR_INVALID,
                       "podMaxBackoffSeconds is smaller than podInitialBackoffSeconds");
    if (extenders_parse(&c->extenders, json_get(root, STR("extenders")), err))
        return -1;
    for (struct json_iter it = json_iter(json_get(root, STR("profiles"))); json_next(&it);) {
        if (read_profile(c, it.value, err))
            return -1;
    }
    for (size_t i = 0; profile_builtin_names[i]; i++) {
        if (!has_profile(c, str_from(profile_builtin_names[i])))
            c->profiles[c->n++] = profile_new(str_from(profile_builtin_names[i]));
    }
    read_sample(c, root);
    for (size_t i = 0; i < c->n && c->extenders; i++) {
        if (extend(c->profiles[i], c->extenders, fit_args(root, c->profiles[i]->name), err))
            return -1;
    }
    return 0;
}

int sched_config_parse(struct sched_config *out, struct str text, struct err *err)
{
    return sched_config_parse_with(out, text, NULL, err);
}

int sched_config_parse_with(struct sched_config *out,
                            struct str text,
                            const struct outside *outside,
                            struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct sched_config c = { .outside = outside,
                              .backoff_min_ns = QUEUE_BACKOFF_MIN_NS,
                              .backoff_max_ns = QUEUE_BACKOFF_MAX_NS };
    if (yaml_parse_one(&doc, text, &json_limits_body, err))
        return -1;
    buf_init(&c.warnings, WARNINGS_BYTES_MAX);
    if (read_all(&c, json_root(doc), err)) {
        sched_config_fini(&c);
        return -1;
    }
    *out = c;
    return 0;
}

void sched_config_fini(struct sched_config *c)
{
    for (size_t i = 0; i < c->n; i++)
        profile_free(c->profiles[i]);
    extenders_free(c->extenders);
    buf_fini(&c->warnings);
    c->extenders = NULL;
    c->n = 0;
}
