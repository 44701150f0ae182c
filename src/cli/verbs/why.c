/* SPDX-License-Identifier: Apache-2.0
 * why — why a pod, or the pods of a Job or a gang, do not run, and what would change it: the
 * scheduler's words (condition PodScheduled), its explanation (annotation
 * scheduling.ganglion.io/why on the pod), and what containers wait for. */
#include <stdlib.h>

#include "base/arena.h"
#include "cli/targets.h"
#include "cli/verbs/verbs.h"
#include "kube/names.h"
#include "kube/pod.h"
#include "kube/print.h"
#include "kube/workload.h"

static void put_workload(FILE *out, struct str kind, struct str because, struct str defaults)
{
    fprintf(out, "  workload profile: %.*s (%.*s)", STR_ARG(kind.n ? kind : STR("none")),
            STR_ARG(because));
    fprintf(out, "%s%.*s\n", defaults.n ? "; by default it " : "", STR_ARG(defaults));
}

/* Of a pod that a scheduler with such profiles has placed. */
static void put_placed_workload(FILE *out, struct arena *a, const struct kobj *pod)
{
    struct str because;
    enum workload kind = workload_why(pod, a, &because);
    if (because.p && !str_is(pod_of(pod)->scheduler_name, "default-scheduler"))
        put_workload(out, str_from(workload_defaults[kind].name), because,
                     str_from(workload_defaults[kind].help));
}

static void put_explanation(FILE *out, struct str text)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (!text.n || json_parse(&doc, text, &json_limits_body, NULL) != 0)
        return;
    struct json root = json_root(doc), work = json_get(root, STR("workload"));
    if (json_has(work))
        put_workload(out, json_str(json_get(work, STR("kind"))),
                     json_str(json_get(work, STR("because"))),
                     json_str(json_get(work, STR("defaults"))));
    for (struct json_iter it = json_iter(json_get(root, STR("reasons"))); json_next(&it);) {
        long long nodes = json_i64_or(json_get(it.value, STR("nodes")), 0);
        fprintf(out, "  %lld node%s: %.*s (%.*s)\n", nodes, nodes == 1 ? "" : "s",
                STR_ARG(json_str(json_get(it.value, STR("text")))),
                STR_ARG(json_str(json_get(it.value, STR("plugin")))));
    }
    bool first = true;
    for (struct json_iter it = json_iter(json_get(root, STR("changes"))); json_next(&it);
         first = false)
        fprintf(out, "%s  - %.*s\n", first ? "it would start with any one of:\n" : "",
                STR_ARG(json_str(it.value)));
}

static void put_containers(FILE *out, struct arena *a, const struct kobj *pod)
{
    struct container_statuses list =
        container_statuses_decode(a, kobj_path(pod, "status.containerStatuses"));
    for (size_t i = 0; i < list.n; i++) {
        const struct container_status *s = &list.items[i];
        if (s->state == CONTAINER_RUNNING)
            continue;
        fprintf(out, "  container %.*s: %.*s%s%.*s", STR_ARG(s->name), STR_ARG(s->reason),
                s->message.n ? ": " : "", STR_ARG(s->message));
        if (s->state == CONTAINER_TERMINATED)
            fprintf(out, " (exit code %lld)", (long long)s->exit_code);
        fputc('\n', out);
    }
}

/* ---- claims for volumes ---- */

/* NULL: it is not there, or cannot be read. The caller releases it. */
static struct kobj *
read_named(struct conn *c, const char *group, const char *plural, struct str name)
{
    struct answer got = { 0 };
    const struct resource *r = resource_find(str_from(group), STR("v1"), str_from(plural));
    struct request get = conn_request(c, VERB_GET, r, name);
    if (conn_do(c, &get, &got, NULL) != 0)
        return NULL;
    struct kobj *o = got.object ? kobj_ref(got.object) : NULL;
    answer_fini(&got);
    return o;
}

/* The volume that is kept for the claim, whose controller has yet to bind them; absent: none. */
static struct str volume_kept(struct conn *c, struct arena *a, const struct kobj *claim)
{
    struct answer list = { 0 };
    const struct resource *r = resource_find(STR(""), STR("v1"), STR("persistentvolumes"));
    struct request get = conn_request(c, VERB_LIST, r, (struct str){ 0 });
    struct str name = { 0 };
    if (conn_do(c, &get, &list, NULL) != 0)
        return name;
    for (size_t i = 0; i < list.n_items; i++) {
        struct json ref = kobj_path(list.items[i], "spec.claimRef");
        if (str_eq(json_str(json_get(ref, STR("uid"))), claim->uid))
            name = arena_str(a, list.items[i]->name);
    }
    answer_fini(&list);
    return name;
}

static void put_claim(FILE *out, struct conn *c, struct arena *a, struct str name)
{
    AUTO(kobj_unrefp) struct kobj *claim = read_named(c, "", "persistentvolumeclaims", name);
    struct str class = claim ? json_str(kobj_path(claim, "spec.storageClassName")) : STR("");
    if (!claim || str_is(json_str(kobj_path(claim, "status.phase")), "Bound"))
        return; /* one that is not there is the scheduler's message */
    fprintf(out, "  claim %.*s is not bound", STR_ARG(name));
    AUTO(kobj_unrefp)
    struct kobj *stored = class.n ? read_named(c, "storage.k8s.io", "storageclasses", class) : NULL;
    struct str volume = volume_kept(c, a, claim);
    struct str node = kobj_annotation(claim, STR("volume.kubernetes.io/selected-node"));
    if (volume.n)
        fprintf(out, ": volume %.*s is kept for it, a volume controller has to bind them",
                STR_ARG(volume));
    else if (node.n)
        fprintf(out, ": a driver has to make its volume for node %.*s", STR_ARG(node));
    else if (class.n && !stored)
        fprintf(out, ": storage class %.*s does not exist", STR_ARG(class));
    else if (class.n)
        fprintf(out, " (storage class %.*s)", STR_ARG(class));
    else
        fputs(": it names no storage class", out);
    fputc('\n', out);
}

static void put_claims(FILE *out, struct conn *c, struct arena *a, const struct kobj *pod)
{
    for (struct json_iter it = json_iter(kobj_path(pod, "spec.volumes")); json_next(&it);) {
        struct str name = json_str(json_path(it.value, "persistentVolumeClaim.claimName"));
        if (name.n)
            put_claim(out, c, a, name);
    }
}

static void why_pod(FILE *out, struct conn *c, struct arena *a, const struct kobj *pod)
{
    const struct pod *p = pod_of(pod);
    struct json scheduled = condition_find(kobj_root(pod), STR("PodScheduled"));
    struct str status = print_pod_status(a, pod);
    fprintf(out, "pod/%.*s: %.*s", STR_ARG(pod->name), STR_ARG(status));
    if (p->node_name.n) {
        fprintf(out, " on node %.*s\n", STR_ARG(p->node_name));
        put_placed_workload(out, a, pod);
        put_containers(out, a, pod);
        return;
    }
    struct str message = json_str(json_get(scheduled, STR("message")));
    fprintf(out, ", on no node yet\n  %.*s\n",
            STR_ARG(message.n ? message
                              : STR("no scheduler has looked at it; is spec.schedulerName one "
                                    "that runs?")));
    put_explanation(out, kobj_annotation(pod, STR(NAME_WHY)));
    put_claims(out, c, a, pod);
}

/* Pods of one owner usually wait for the same thing: tell it once. */
static bool same_reason(const struct kobj *x, const struct kobj *y)
{
    struct json a = condition_find(kobj_root(x), STR("PodScheduled"));
    struct json b = condition_find(kobj_root(y), STR("PodScheduled"));
    return !pod_of(x)->node_name.n && !pod_of(y)->node_name.n &&
           str_eq(json_str(json_get(a, STR("message"))), json_str(json_get(b, STR("message"))));
}

static void why_pods(FILE *out, struct conn *c, struct arena *a, struct kobj *const *pods, size_t n)
{
    const struct kobj *last = NULL;
    size_t alike = 0;
    for (size_t i = 0; i < n; i++) {
        if (last && same_reason(last, pods[i])) {
            alike++;
            continue;
        }
        why_pod(out, c, a, pods[i]);
        last = pods[i];
    }
    if (alike)
        fprintf(out, "(%zu more pod%s for the same)\n", alike, alike == 1 ? " waits" : "s wait");
}

/* Of a gang: when the scheduler foretells that it starts. */
static void put_start(FILE *out, const struct kobj *o)
{
    struct str start = json_str(kobj_path(o, "status.predictedStart"));
    if (start.n)
        fprintf(out, "%.*s/%.*s: expected to start at %.*s\n", STR_ARG(o->kind), STR_ARG(o->name),
                STR_ARG(start));
}

static void put_conditions(FILE *out, const struct kobj *o)
{
    for (struct json_iter it = json_iter(kobj_path(o, "status.conditions")); json_next(&it);)
        fprintf(out, "%.*s/%.*s: %.*s=%.*s %.*s\n", STR_ARG(o->kind), STR_ARG(o->name),
                STR_ARG(json_str(json_get(it.value, STR("type")))),
                STR_ARG(json_str(json_get(it.value, STR("status")))),
                STR_ARG(json_str(json_get(it.value, STR("message")))));
}

static int why_owner(struct cli *cli, struct conn *c, const struct kobj *o, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct resource *pods = resource_find((struct str){ 0 }, STR("v1"), STR("pods"));
    struct request r = conn_request(c, VERB_LIST, pods, (struct str){ 0 });
    struct answer list = { 0 };
    if (conn_do(c, &r, &list, err) != 0)
        return -1;
    put_conditions(cli->out, o);
    put_start(cli->out, o);
    struct kobj **mine = ARENA_ARRAY(a, struct kobj *, list.n_items + 1);
    size_t n = 0;
    for (size_t i = 0; i < list.n_items; i++)
        if (target_has_pod(o, list.items[i]))
            mine[n++] = list.items[i];
    if (n == 0)
        fprintf(cli->out, "%.*s/%.*s has no pods\n", STR_ARG(o->kind), STR_ARG(o->name));
    why_pods(cli->out, c, a, mine, n);
    answer_fini(&list);
    return 0;
}

static int why_one(struct cli *cli, struct conn *c, const struct target *t, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct answer got = { 0 };
    struct request r = conn_request(c, VERB_GET, t->resource, t->name);
    int rc = conn_do(c, &r, &got, err);
    if (rc == 0 && str_is(t->resource->plural, "pods"))
        why_pod(cli->out, c, a, got.object);
    else if (rc == 0)
        rc = why_owner(cli, c, got.object, err);
    answer_fini(&got);
    return rc;
}

/* ---- a name without a type ---- */

static const char *const kinds_tried[] = { "pods", "jobs.batch", "deployments.apps",
                                           "replicasets.apps" };

struct guess {
    struct target_vec found;
    struct kobj **members; /* of the gang of that name; in list */
    size_t n_members;
    struct answer list;
};

static int guess_objects(struct guess *g, struct conn *c, struct str name, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(kinds_tried); i++) {
        const struct resource *r = conn_resource(c, str_from(kinds_tried[i]), err);
        struct request get = conn_request(c, VERB_GET, r, name);
        struct answer a = { 0 };
        if (conn_do(c, &get, &a, err) == 0)
            target_vec_push(&g->found, (struct target){ r, name });
        else if (err->kind != ERR_NOT_FOUND)
            return -1;
        answer_fini(&a);
    }
    return 0;
}

static int guess_gang(struct guess *g, struct conn *c, struct str name, struct err *err)
{
    const struct resource *pods = resource_find((struct str){ 0 }, STR("v1"), STR("pods"));
    struct request r = conn_request(c, VERB_LIST, pods, (struct str){ 0 });
    if (conn_do(c, &r, &g->list, err) != 0)
        return -1;
    g->members = mem_alloc_array(g->list.n_items + 1, sizeof(struct kobj *));
    for (size_t i = 0; i < g->list.n_items; i++) {
        const struct gang_claim *claim = pod_of(g->list.items[i])->gang;
        if (claim && str_eq(claim->name, name))
            g->members[g->n_members++] = g->list.items[i];
    }
    return 0;
}

static int refuse_many(const struct guess *g, struct str name, struct err *err)
{
    struct buf b;
    buf_init(&b, 1024);
    for (size_t i = 0; i < g->found.n; i++)
        buf_printf(&b, "%s%.*s/%.*s", i ? ", " : "", STR_ARG(g->found.items[i].resource->singular),
                   STR_ARG(name));
    err_set(err, ERR_INVALID, "\"%.*s\" names several things, say which: %.*s", STR_ARG(name),
            STR_ARG(buf_view(&b)));
    buf_fini(&b);
    return -1;
}

static int
why_guess(struct cli *cli, struct conn *c, struct guess *g, struct str name, struct err *err)
{
    if (guess_objects(g, c, name, err) != 0 || guess_gang(g, c, name, err) != 0)
        return -1;
    if (g->found.n > 1)
        return refuse_many(g, name, err);
    if (g->found.n == 1)
        return why_one(cli, c, &g->found.items[0], err);
    if (g->n_members == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no pod, job, deployment, replicaset or gang \"%.*s\" in namespace %.*s",
                       STR_ARG(name), STR_ARG(conn_namespace(c)));
    AUTO(arena_freep) struct arena *a = arena_new();
    fprintf(cli->out, "gang %.*s: %zu pods\n", STR_ARG(name), g->n_members);
    why_pods(cli->out, c, a, g->members, g->n_members);
    return 0;
}

static int why_name(struct cli *cli, struct conn *c, struct str name, struct err *err)
{
    struct guess g = { 0 };
    int rc = why_guess(cli, c, &g, name, err);
    target_vec_fini(&g.found);
    answer_fini(&g.list);
    free(g.members);
    return rc;
}

static int verb_why(struct cli *cli, struct args *args, struct err *err)
{
    AUTO(conn_closep) struct conn *c = conn_open(args, err);
    struct target_vec targets = { 0 };
    if (!c)
        return -1;
    struct str word = args_operands(args) ? args_operand(args, 0) : (struct str){ 0 };
    if (args_operands(args) == 1 && str_find_char(word, '/') < 0)
        return why_name(cli, c, word, err);
    int rc = targets_parse(&targets, c, args, err);
    for (size_t i = 0; i < targets.n && rc == 0; i++)
        rc = why_one(cli, c, &targets.items[i], err);
    target_vec_fini(&targets);
    return rc;
}

const struct cli_verb why_verb = {
    .name = "why",
    .usage = "NAME | TYPE/NAME",
    .help = "say why pods do not run, and what would change it",
    .details =
        "Names the scheduler's reason for each pod that waits, per reason how many nodes it\n"
        "rejects, and single changes that would let it start. A NAME alone means the pod, job,\n"
        "deployment or replicaset of that name, or the gang.",
    .examples = "  ganglion why job/train\n"
                "  ganglion why train                   # whatever has that name: a gang too",
    .client = true,
    .max_operands = -1,
    .run = verb_why,
};
