/* SPDX-License-Identifier: Apache-2.0
 * Runs every *.yaml of this folder: objects and a clock in, placements and reasons out, on virtual
 * time. README.md has the format. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/yaml.h"
#include "scheduler/config/config.h"
#include "scheduler/core/core.h"
#include "scheduler/core/fields.h"
#include "scheduler/gang/gang_source.h"
#include "testkit/check.h"

#define FILE_BYTES_MAX (1u << 20)
#define FILES_MAX 256
#define EVICTED_MAX 1024

struct scenario {
    const char *file;
    struct sched_core *core;
    struct arena *a; /* of the run; decisions are short */
    struct mono now;
    size_t step;
    size_t failures;
    struct str evicted[EVICTED_MAX]; /* in this step */
    size_t n_evicted;
    struct sched_keeps keeps;
};

static void wrong(struct scenario *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct scenario *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(s->a, fmt, ap);
    va_end(ap);
    print_message("%s, step %zu: %.*s\n", s->file, s->step, STR_ARG(text));
    s->failures++;
}

/* ---- objects ---- */

static void put_queue(struct scenario *s, const struct kobj *o)
{
    struct err err = { 0 };
    if (core_queue_set(s->core, o, s->now, &err))
        wrong(s, "%s", err.msg);
}

static void put_object(struct scenario *s, const struct kobj *whole)
{
    AUTO(kobj_unrefp) struct kobj *o = sched_keeps_cached(&s->keeps, whole);
    if (str_is(o->kind, "Node"))
        core_node_set(s->core, o, s->now);
    else if (str_is(o->kind, "Pod"))
        core_pod_set(s->core, o, s->now);
    else if (str_is(o->kind, "Namespace"))
        core_namespace_set(s->core, o, s->now);
    else if (str_is(o->kind, "PodDisruptionBudget"))
        core_budget_set(s->core, o);
    else if (str_is(o->kind, "Service"))
        core_selecting_set(s->core, SELECTING_SERVICE, o, s->now);
    else if (gang_object_bit(o))
        core_group_set(s->core, gang_object_bit(o), o, s->now);
    else if (core_topology_set(s->core, o, s->now))
        return;
    else if (str_ends(o->kind, STR("Queue")) || str_is(o->kind, "Cohort") ||
             str_ends(o->kind, STR("PriorityClass")))
        put_queue(s, o);
    else
        wrong(s, "unknown kind %.*s", STR_ARG(o->kind));
}

/* The text with each $i replaced by the number. */
static struct str number(struct scenario *s, struct str text, long long i)
{
    struct buf b;
    buf_init(&b, FILE_BYTES_MAX);
    while (text.n) {
        ptrdiff_t at = str_find(text, STR("$i"));
        if (at < 0) {
            buf_str(&b, text);
            break;
        }
        buf_str(&b, str_take(text, (size_t)at));
        buf_i64(&b, i);
        text = str_skip(text, (size_t)at + 2);
    }
    struct str out = arena_str(s->a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static void apply_text(struct scenario *s, struct str text)
{
    static int uid;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    struct jnode *root = jnode_thaw(s->a, json_root(doc));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    if (!jnode_get(meta, STR("uid")))
        jnode_set_str(meta, STR("uid"), arena_printf(s->a, "uid-%d", uid++));
    struct str kind = jnode_text_of_str(jnode_get(root, STR("kind")));
    if (!str_is(kind, "Node") && !str_is(kind, "Namespace") && !jnode_get(meta, STR("namespace")))
        jnode_set_str(meta, STR("namespace"), STR("default"));
    CHECK_OK(kobj_freeze(&o, root, &err), err);
    put_object(s, o);
}

static void apply(struct scenario *s, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        int64_t count = json_i64_or(json_get(it.value, STR("count")), 0);
        if (!count) {
            apply_text(s, json_text(it.value));
            continue;
        }
        struct str text = json_text(json_get(it.value, STR("object")));
        for (long long i = 0; i < count; i++)
            apply_text(s, number(s, text, i));
    }
}

static void delete_all(struct scenario *s, struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(it.value);
        struct str kind = str_split(&name, '/');
        if (str_is(kind, "pod"))
            core_pod_del(s->core, STR("default"), name, s->now);
        else if (str_is(kind, "node"))
            core_node_del(s->core, name, s->now);
        else
            wrong(s, "delete: %.*s is neither pod/ nor node/", STR_ARG(kind));
    }
}

/* ---- expectations ---- */

static struct spod *pod(struct scenario *s, struct str name)
{
    struct str namespace = str_find_char(name, '/') < 0 ? STR("default") : str_split(&name, '/');
    struct spod *p = core_pod(s->core, namespace, name);
    if (!p)
        wrong(s, "there is no pod %.*s", STR_ARG(name));
    return p;
}

static struct str node_name(struct scenario *s, const struct spod *p)
{
    return p->node < 0 ? STR("") : core_cluster(s->core)->snap.nodes.items[p->node]->name;
}

static void expect_bound(struct scenario *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct str want = json_str(it.value);
        struct spod *p = pod(s, it.key);
        struct str got = p ? node_name(s, p) : STR("");
        if (p && !str_eq(got, want) && !(str_is(want, "*") && got.n))
            wrong(s, "%.*s is on \"%.*s\", wanted \"%.*s\"", STR_ARG(it.key), STR_ARG(got),
                  STR_ARG(want));
    }
}

static void expect_waiting(struct scenario *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct spod *p = pod(s, it.key);
        struct str want = json_str(it.value);
        if (!p)
            continue;
        if (p->node >= 0)
            wrong(s, "%.*s is on %.*s, should wait", STR_ARG(it.key), STR_ARG(node_name(s, p)));
        else if (str_find(p->gang->message, want) < 0)
            wrong(s, "%.*s waits because \"%.*s\", wanted \"%.*s\"", STR_ARG(it.key),
                  STR_ARG(p->gang->message), STR_ARG(want));
    }
}

/* When the gang is foretold to start, as durations print: on the scenario's clock; "": unknown. */
static void expect_starts(struct scenario *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct spod *p = pod(s, it.key);
        int64_t want = 0, got = p ? p->gang->starts_at.ns : 0;
        if (!p)
            continue;
        if (duration_parse(json_str(it.value), &want))
            want += NS_PER_S;
        if (got / NS_PER_S != want / NS_PER_S)
            wrong(s, "%.*s is to start at %lld s, wanted \"%.*s\"", STR_ARG(it.key),
                  got ? (long long)(got / NS_PER_S - 1) : -1LL, STR_ARG(json_str(it.value)));
    }
}

/* Annotations that the Binding of the pod carried. */
static void expect_notes(struct scenario *s, struct json map, struct str key)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct spod *p = pod(s, it.key);
        if (!p)
            continue;
        struct placement where = spod_placement(p);
        struct str got = jnode_text_of_str(jnode_get(placement_annotations(s->a, &where), key));
        if (!str_eq(got, json_str(it.value)))
            wrong(s, "%.*s: %.*s is \"%.*s\", wanted \"%.*s\"", STR_ARG(it.key), STR_ARG(key),
                  STR_ARG(got), STR_ARG(json_str(it.value)));
    }
}

static void expect_late(struct scenario *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct spod *p = pod(s, it.key);
        if (p && str_find(p->gang->late, json_str(it.value)) < 0)
            wrong(s, "the time-out of %.*s: \"%.*s\", wanted \"%.*s\"", STR_ARG(it.key),
                  STR_ARG(p->gang->late), STR_ARG(json_str(it.value)));
    }
}

static void expect_placed(struct scenario *s, struct json v)
{
    size_t got = core_count(s->core).placed;
    if (json_has(v) && (int64_t)got != json_i64_or(v, -1))
        wrong(s, "%zu pods are placed, wanted %.*s", got, STR_ARG(json_text(v)));
}

/* How many different nodes hold pods. */
static void expect_nodes_used(struct scenario *s, struct json v)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    int64_t used = 0;
    for (size_t i = 0; i < snap->nodes.n; i++)
        used += snap->nodes.items[i]->first_pod >= 0;
    if (json_has(v) && used != json_i64_or(v, -1))
        wrong(s, "%lld nodes hold pods, wanted %.*s", (long long)used, STR_ARG(json_text(v)));
}

static void expect_change(struct scenario *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct spod *p = pod(s, it.key);
        struct explanation e;
        bool found = false;
        if (!p)
            continue;
        core_why(s->core, p, s->a, &e);
        for (size_t i = 0; i < e.n_changes; i++)
            found = found || str_find(e.changes[i], json_str(it.value)) >= 0;
        if (!found)
            wrong(s, "%.*s: no change \"%.*s\" is named", STR_ARG(it.key),
                  STR_ARG(json_str(it.value)));
    }
}

/* Exactly these pods, in any order; absent: none. */
static void expect_evicted(struct scenario *s, struct json list)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n_evicted; i++) {
        bool wanted = false;
        for (struct json_iter it = json_iter(list); json_next(&it);)
            wanted = wanted || str_eq(json_str(it.value), s->evicted[i]);
        if (!wanted)
            wrong(s, "%.*s was evicted", STR_ARG(s->evicted[i]));
        found += wanted;
    }
    if (found != json_len(list))
        wrong(s, "%zu pods were evicted, wanted %.*s", found, STR_ARG(json_text(list)));
}

/* Is everything that is wanted there? Of lists, entry by entry; of a "message", a part will do. */
static bool holds(struct json got, struct json want, bool part)
{
    if (json_type(want) == JSON_STR && part)
        return str_find(json_str(got), json_str(want)) >= 0;
    if (json_type(want) != JSON_OBJ && json_type(want) != JSON_ARR)
        return json_eq(got, want);
    if (json_type(got) != json_type(want) ||
        (json_type(want) == JSON_ARR && json_len(got) != json_len(want)))
        return false;
    struct json_iter g = json_iter(got);
    for (struct json_iter it = json_iter(want); json_next(&it);) {
        bool there = json_type(want) == JSON_ARR ? json_next(&g) : true;
        struct json of = json_type(want) == JSON_ARR ? g.value : json_get(got, it.key);
        if (!there || !holds(of, it.value, str_is(it.key, "message")))
            return false;
    }
    return true;
}

static void
expect_status(struct scenario *s, struct str gang, struct jnode *status, struct json want)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (!status) {
        if (json_has(want))
            wrong(s, "%.*s is told nothing", STR_ARG(gang));
        return;
    }
    CHECK_OK(jnode_freeze(&doc, status, &err), err);
    if (!holds(json_root(doc), want, false))
        wrong(s, "the status of %.*s is %.*s, wanted %.*s", STR_ARG(gang),
              STR_ARG(json_text(json_root(doc))), STR_ARG(json_text(want)));
}

/* What the gang's PodGroup of ours shows (mirror), or what its own group object is told (told). */
static void expect_shown(struct scenario *s, struct json map, bool own)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct gang *g = core_gang(s->core, STR("default"), it.key);
        struct gang_moment now = { { s->now.ns }, s->now };
        struct json none = { 0 };
        struct gang_sight sight;
        if (!g || (own && !g->source)) {
            wrong(s, "there is no gang %.*s", STR_ARG(it.key));
            continue;
        }
        gang_look(g, &sight);
        expect_status(s, it.key,
                      own ? gang_source_status(s->a, g, &sight, none, now.wall)
                          : gang_mirror_status(s->a, g, core_cluster(s->core), none, now),
                      it.value);
    }
}

static void expect(struct scenario *s, struct json e)
{
    expect_shown(s, json_get(e, STR("mirror")), false);
    expect_shown(s, json_get(e, STR("told")), true);
    expect_evicted(s, json_get(e, STR("evicted")));
    expect_bound(s, json_get(e, STR("bound")));
    expect_waiting(s, json_get(e, STR("waiting")));
    expect_late(s, json_get(e, STR("late")));
    expect_starts(s, json_get(e, STR("starts")));
    expect_notes(s, json_get(e, STR("devices")), STR(NAME_DEVICES));
    expect_notes(s, json_get(e, STR("cells")), STR(NAME_NUMA_CELLS));
    expect_placed(s, json_get(e, STR("placed")));
    expect_nodes_used(s, json_get(e, STR("nodesUsed")));
    expect_change(s, json_get(e, STR("wouldStartIf")));
}

/* ---- running ---- */

/* Members of a gang that fails because its time-out passed are gone at once. */
static void fail_late(struct scenario *s, const struct decision *d)
{
    size_t first = s->n_evicted;
    if (!d->fails)
        return;
    LIST_EACH (&d->gang->members, at)
        s->evicted[s->n_evicted++] =
            arena_str(s->a, LIST_ITEM(at, struct spod, in_gang)->obj->name);
    for (size_t i = first; i < s->n_evicted; i++)
        core_pod_del(s->core, STR("default"), s->evicted[i], s->now);
}

/* Victims end at once. */
static void evict(struct scenario *s, const struct decision *d)
{
    size_t first = s->n_evicted;
    for (size_t i = 0; i < d->n_victims && s->n_evicted < EVICTED_MAX; i++)
        s->evicted[s->n_evicted++] = arena_str(s->a, d->victims[i]->obj->name);
    for (size_t i = first; i < s->n_evicted; i++)
        core_pod_del(s->core, STR("default"), s->evicted[i], s->now);
}

static void run_step(struct scenario *s, struct json step)
{
    int64_t ns = 0;
    struct decision d;
    s->n_evicted = 0;
    if (!duration_parse(json_str(json_get(step, STR("at"))), &ns))
        wrong(s, "at: needs a duration such as 5s");
    s->now = (struct mono){ ns + NS_PER_S };
    apply(s, json_get(step, STR("apply")));
    delete_all(s, json_get(step, STR("delete")));
    do {
        core_step(s->core, s->now, s->a, &d);
        evict(s, &d);
        fail_late(s, &d);
    } while (d.kind != DECISION_NONE);
    expect(s, json_get(step, STR("expect")));
}

static struct sched_core *make_core(struct str config)
{
    struct sched_config c;
    struct err err = { 0 };
    if (!config.n)
        return core_new_default();
    CHECK_OK(sched_config_parse(&c, config, &err), err);
    struct sched_core *core = core_new(c.profiles, c.n);
    c.n = 0;
    sched_config_fini(&c);
    return core;
}

static size_t run_file(const char *folder, const char *file)
{
    static char text[FILE_BYTES_MAX];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(yaml_parse_one(&doc, str_make(text, n), &json_limits_own, &err), err);
    struct json root = json_root(doc);
    struct scenario s = { .file = file, .a = arena_new() };
    s.core = make_core(json_str(json_get(root, STR("config"))));
    core_set_wall(s.core, (struct mono){ NS_PER_S }, (struct wall){ NS_PER_S });
    for (struct json_iter it = json_iter(json_get(root, STR("steps"))); json_next(&it);) {
        s.step++;
        run_step(&s, it.value);
    }
    print_message("%-40s %zu steps, %zu failures\n", file, s.step, s.failures);
    core_free(s.core);
    arena_free(s.a);
    sched_keeps_fini(&s.keeps);
    return s.failures + (s.step == 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_all(void **state)
{
    (void)state;
    const char *folder = GANGLION_SOURCE_ROOT "/tests/scenario";
    char *names[FILES_MAX];
    size_t n = 0, failures = 0;
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    for (struct dirent *e; n < FILES_MAX && (e = readdir(d));) {
        if (str_ends(str_from(e->d_name), STR(".yaml")))
            names[n++] = str_dup(str_from(e->d_name));
    }
    closedir(d);
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        failures += run_file(folder, names[i]);
        free(names[i]);
    }
    CHECK(n > 0);
    CHECK_I64(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return CHECK_MAIN(tests);
}
