/* SPDX-License-Identifier: Apache-2.0
 * agent — see agent.h. */
#include "node/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "io/file.h"
#include "kube/meta.h"
#include "node/agent/agent_internal.h"
#include "node/metrics.h"

#define BEAT_NS (10 * NS_PER_S)
#define LOG_BYTES_DEFAULT (INT64_C(10) << 20)
#define LOG_FILES_DEFAULT 5
#define GANGS_MAX 64 /* common starts in one batch; further gangs' members start one by one */

/* ---- calls ---- */

struct sent *agent_sent(struct node_agent *n, struct str uid)
{
    struct sent *x = MEM_NEW(struct sent);
    x->n = n;
    snprintf(x->uid, sizeof x->uid, "%.*s", STR_ARG(uid));
    list_push_back(&n->sents, &x->link);
    return x;
}

void agent_sent_free(struct sent *x)
{
    list_remove(&x->link);
    free(x);
}

void agent_event(struct node_agent *n,
                 const struct kobj *about,
                 const char *type,
                 const char *reason,
                 struct str message)
{
    struct recorder_note note = {
        .about = about, .type = type, .reason = reason, .message = message
    };
    if (!n->stopping)
        recorder_event(n->recorder, &note, loop_wall(n->t->loop));
}

/* ---- what the executor tells ---- */

static void on_turned(void *arg, struct local_pod *p)
{
    struct node_agent *n = arg;
    struct tracked *t = local_pod_owner(p);
    if (t && !n->stopping)
        tracked_turned(t);
}

static void on_renew(void *arg, struct local_pod *p)
{
    struct node_agent *n = arg;
    struct tracked *t = local_pod_owner(p);
    if (t && !n->stopping)
        tracked_renew(t);
}

static void on_executor_event(void *arg,
                              const struct kobj *pod,
                              const char *type,
                              const char *reason,
                              struct str message)
{
    agent_event(arg, pod, type, reason, message);
}

static void tell_stopped(void *arg)
{
    struct node_agent *n = arg;
    n->stopped(n->stopped_arg);
}

static void on_removed(void *arg)
{
    struct node_agent *n = arg;
    if (n->stopping && n->stopped && !executor_count(n->executor))
        loop_defer(n->t->loop, tell_stopped, n);
}

/* ---- pods of the API ---- */

static void on_pod(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct node_agent *n = arg;
    if (before && (!after || !str_eq(before->uid, after->uid))) {
        struct tracked *t = map_get(&n->tracked, before->uid);
        if (t && t->p)
            local_pod_remove(t->p);
        tracked_free(t);
    }
    if (!after)
        return;
    struct tracked *t = map_get(&n->tracked, after->uid);
    if (t) {
        tracked_update(t, after);
        return;
    }
    t = tracked_new(n, after);
    t->fresh = true;
    tracked_vec_push(&n->fresh, t);
}

/* Members of one gang that are new here start together; with them those that an earlier agent
 * prepared and did not release. One that runs already keeps nobody waiting. */
struct gang_batch {
    struct str namespace, name;
    struct gang_start *start;
};

static struct gang_start *
gang_of(struct node_agent *n, struct gang_batch *gangs, size_t *n_gangs, const struct tracked *t)
{
    const struct gang_claim *claim = pod_of(t->latest)->gang;
    if (!claim || !t->p)
        return NULL;
    struct str name = claim->name;
    for (size_t i = 0; i < *n_gangs; i++)
        if (str_eq(gangs[i].name, name) && str_eq(gangs[i].namespace, t->latest->namespace))
            return gangs[i].start;
    if (*n_gangs == GANGS_MAX)
        return NULL;
    gangs[*n_gangs] =
        (struct gang_batch){ t->latest->namespace, name, gang_start_new(n->executor) };
    return gangs[(*n_gangs)++].start;
}

static void on_batch(void *arg)
{
    struct node_agent *n = arg;
    struct gang_batch gangs[GANGS_MAX] = { 0 };
    size_t n_gangs = 0;
    for (size_t i = 0; i < n->fresh.n; i++) {
        struct tracked *t = n->fresh.items[i];
        if (!t)
            continue;
        t->fresh = false;
        tracked_begin(t);
        struct gang_start *g = gang_of(n, gangs, &n_gangs, t);
        if (g)
            gang_start_join(g, t->p);
    }
    tracked_vec_clear(&n->fresh);
    for (size_t i = 0; i < n_gangs; i++)
        gang_start_complete(gangs[i].start);
    if (!n->swept && informer_synced(n->pods)) {
        n->swept = true;
        executor_sweep(n->executor);
    }
}

/* ---- life ---- */

static void copy_options(struct node_agent *n, const struct node_options *o)
{
    struct arena *a = n->arena;
    n->o = *o;
    n->o.data_dir = arena_str(a, str_from(o->data_dir)).p;
    struct node_image_command *images = ARENA_ARRAY(a, struct node_image_command, o->n_images + 1);
    for (size_t i = 0; i < o->n_images; i++) {
        struct str *argv = ARENA_ARRAY(a, struct str, o->images[i].n + 1);
        for (size_t k = 0; k < o->images[i].n; k++)
            argv[k] = arena_str(a, o->images[i].argv[k]);
        images[i] =
            (struct node_image_command){ arena_str(a, o->images[i].image), argv, o->images[i].n };
    }
    n->o.images = images;
    if (n->o.log_bytes <= 0)
        n->o.log_bytes = LOG_BYTES_DEFAULT;
    if (n->o.log_files <= 0)
        n->o.log_files = LOG_FILES_DEFAULT;
}

/* The folder's absolute path: shims and mounts have other working directories. */
static int open_data_dir(struct node_agent *n, struct err *err)
{
    if (file_make_dirs(n->o.data_dir, 0700, err) < 0) /* Secrets lie there */
        return -1;
    char *absolute = realpath(n->o.data_dir, NULL);
    if (!absolute)
        return err_set(err, ERR_IO, "%s cannot be resolved", n->o.data_dir);
    n->o.data_dir = arena_str(n->arena, str_from(absolute)).p;
    free(absolute);
    struct str lock = arena_printf(n->arena, "%s/node.lock", n->o.data_dir);
    return file_lock(&n->lock, lock.p, err);
}

static int choose_name(struct node_agent *n, struct err *err)
{
    n->name = n->o.name.n ? arena_str(n->arena, n->o.name) : n->machine.host;
    struct meta_wrong w = meta_dns_subdomain(n->name);
    if (w.n)
        return err_set(err, ERR_INVALID,
                       "the host name \"%.*s\" cannot name a node: give another "
                       "(--node-name)",
                       STR_ARG(n->name));
    return 0;
}

static int open_executor(struct node_agent *n, struct err *err)
{
    static const struct executor_hooks hooks = {
        .turned = on_turned,
        .renew = on_renew,
        .event = on_executor_event,
        .removed = on_removed,
    };
    n->meter = node_meter_new(n->o.metrics, n->name);
    struct executor_options o = {
        .dir = arena_printf(n->arena, "%s/pods", n->o.data_dir).p,
        .node_name = n->name,
        .host_ip = STR("127.0.0.1"),
        .machine = &n->machine,
        .images = n->o.images,
        .n_images = n->o.n_images,
        .log_bytes = n->o.log_bytes,
        .log_files = n->o.log_files,
        .meter = n->meter,
        .own_networks = n->o.pod_network == NODE_NETWORK_NAMESPACE,
    };
    n->executor = executor_new(n->t->loop, &o, &hooks, n, err);
    return n->executor ? 0 : -1;
}

static void on_again(void *arg)
{
    agent_register(arg);
}

static void watch(struct node_agent *n)
{
    struct str by_node = arena_printf(n->arena, "spec.nodeName=%.*s", STR_ARG(n->name));
    struct str by_name = arena_printf(n->arena, "metadata.name=%.*s", STR_ARG(n->name));
    n->informers = informers_new(n->t);
    n->pods = informers_get(n->informers, PODS, by_node);
    informer_on_event(n->pods, on_pod, on_batch, n);
    n->nodes = informers_get(n->informers, NODES, by_name);
    informer_on_event(n->nodes, agent_on_node, NULL, n);
    informers_start(n->informers);
}

struct node_agent *
node_agent_new(struct transport *t, const struct node_options *o, struct err *err)
{
    struct node_agent *n = MEM_NEW(struct node_agent);
    n->t = t;
    n->arena = arena_new();
    n->lock = -1;
    map_init(&n->tracked);
    map_init(&n->shown);
    list_init(&n->sents);
    list_init(&n->readers);
    copy_options(n, o);
    if (open_data_dir(n, err) < 0) {
        node_agent_free(n);
        return NULL;
    }
    machine_read(&n->machine, n->arena, n->o.data_dir);
    machine_override(&n->machine, &n->o);
    if (n->o.pod_network == NODE_NETWORK_NAMESPACE && !machine_makes_networks()) {
        LOG_WARN("node.no_pod_networks",
                 kv_cstr("why", "CAP_NET_ADMIN and CAP_SYS_ADMIN are needed"),
                 kv_cstr("next", "pods share the machine's network"));
        n->o.pod_network = NODE_NETWORK_HOST;
    }
    if (choose_name(n, err) < 0 || open_executor(n, err) < 0) {
        node_agent_free(n);
        return NULL;
    }
    n->recorder = recorder_new(t, "kubelet");
    n->beat = timer_new(t->loop, agent_on_beat, n);
    n->again = timer_new(t->loop, on_again, n);
    n->tidy = timer_new(t->loop, agent_volumes_tidy, n);
    timer_start_every(n->beat, BEAT_NS);
    agent_register(n);
    watch(n);
    return n;
}

/* Ends everything that speaks with the API; local pods stay. */
static void stop_api(struct node_agent *n)
{
    const struct map_slot *slot;
    n->stopping = true;
    agent_logs_end(n);
    for (size_t i = 0; (slot = map_next(&n->tracked, &i));)
        agent_volumes_end(slot->value);
    LIST_EACH (&n->sents, node) {
        struct sent *x = LIST_ITEM(node, struct sent, link);
        n->t->ops->cancel(x->call);
        agent_sent_free(x);
    }
    informers_free(n->informers);
    n->informers = NULL;
    timer_free(n->beat);
    timer_free(n->again);
    timer_free(n->tidy);
    n->beat = n->again = n->tidy = NULL;
}

/* Any order will do; the map must not change while it is walked. */
static struct tracked *any_tracked(const struct node_agent *n)
{
    size_t i = 0;
    const struct map_slot *slot = map_next(&n->tracked, &i);
    return slot ? slot->value : NULL;
}

void node_agent_stop(struct node_agent *n, enum node_stop how, loop_fn done, void *arg)
{
    if (!n->stopping)
        stop_api(n);
    for (struct tracked *t; how == NODE_STOP_END_PODS && (t = any_tracked(n)) != NULL;) {
        struct local_pod *p = t->p;
        tracked_free(t);
        if (p)
            local_pod_remove(p);
    }
    n->stopped = done; /* only now: pods without a shim are removed at once, in the loop above */
    n->stopped_arg = arg;
    if (how == NODE_STOP_KEEP_PODS || !executor_count(n->executor))
        loop_defer(n->t->loop, tell_stopped, n);
}

void node_agent_free(struct node_agent *n)
{
    if (!n)
        return;
    if (!n->stopping)
        stop_api(n);
    for (struct tracked *t; (t = any_tracked(n)) != NULL;)
        tracked_free(t);
    executor_free(n->executor);
    node_meter_free(n->meter);
    if (n->recorder)
        recorder_free(n->recorder);
    tracked_vec_fini(&n->fresh);
    map_fini(&n->tracked);
    map_fini(&n->shown);
    if (n->lock >= 0)
        close(n->lock);
    arena_free(n->arena);
    free(n);
}

bool node_agent_registered(const struct node_agent *n)
{
    return n->registered;
}

size_t node_agent_pods(const struct node_agent *n)
{
    return executor_count(n->executor);
}

void node_agent_measure(struct node_agent *n)
{
    struct node_tally t = executor_tally(n->executor);
    node_meter_measure(n->meter, &t);
}
