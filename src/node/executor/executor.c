/* SPDX-License-Identifier: Apache-2.0
 * executor — the set of pods and their folders. */
#include "node/executor/executor.h"

#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "io/clock.h"
#include "io/file.h"
#include "node/executor/executor_internal.h"

/* Addresses that folders remember are not given to new pods before their own pods are back. */
static void pass_addresses(struct executor *x)
{
    DIR *d = opendir(x->o.dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[1000];
        struct local_pod p = { .dir = path };
        snprintf(path, sizeof path, "%s/%s", x->o.dir, e->d_name);
        if (e->d_name[0] != '.' && pod_disk_read_meta(&p) && p.address >= x->addresses.next)
            x->addresses.next = p.address + 1;
    }
    if (d)
        closedir(d);
}

struct executor *executor_new(struct loop *l,
                              const struct executor_options *o,
                              const struct executor_hooks *hooks,
                              void *arg,
                              struct err *err)
{
    if (file_make_dirs(o->dir, 0755, err) < 0)
        return NULL;
    int program = shim_program_open(err);
    if (program < 0)
        return NULL;
    struct executor *x = MEM_NEW(struct executor);
    x->loop = l;
    x->o = *o;
    x->hooks = *hooks;
    x->arg = arg;
    x->program = program;
    x->clock_offset_ns = clock_offset();
    x->fetches = probe_fetches_new(l);
    map_init(&x->pods);
    pass_addresses(x);
    pod_cgroup_find(x);
    return x;
}

void executor_free(struct executor *x)
{
    const struct map_slot *slot;
    if (!x)
        return;
    for (size_t i = 0; (slot = map_next(&x->pods, &i));)
        local_pod_free(slot->value);
    map_fini(&x->pods);
    probe_fetches_free(x->fetches);
    close(x->program);
    arena_free(x->arena);
    free(x);
}

size_t executor_count(const struct executor *x)
{
    return x->pods.n;
}

static void tally_run(struct node_tally *t, const struct local_pod *p, const struct run *r)
{
    if (!p->settled) {
        t->unknown++;
        return;
    }
    switch (r->phase) {
    case RUN_NONE:
        break;
    case RUN_BEGUN:
        t->created++;
        break;
    case RUN_UP:
        t->running++;
        break;
    case RUN_ENDED:
        t->exited++;
        break;
    }
}

struct node_tally executor_tally(const struct executor *x)
{
    struct node_tally t = { 0 };
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&x->pods, &i));) {
        const struct local_pod *p = slot->value;
        t.pods += p->client != NULL;
        for (size_t k = 0; k < p->n_runs; k++)
            tally_run(&t, p, &p->runs[k]);
    }
    return t;
}

struct local_pod *executor_find(const struct executor *x, struct str uid)
{
    return map_get(&x->pods, uid);
}

static char *dir_of(const struct executor *x, struct str uid)
{
    char path[700];
    int n = snprintf(path, sizeof path, "%s/%.*s", x->o.dir, STR_ARG(uid));
    return mem_dup(path, n > 0 && (size_t)n < sizeof path ? (size_t)n : 0);
}

static bool has_spec(const char *dir)
{
    char path[720];
    snprintf(path, sizeof path, "%s/spec", dir);
    return file_exists(path);
}

bool executor_remembers(const struct executor *x, struct str uid)
{
    char *dir = dir_of(x, uid);
    bool there = has_spec(dir);
    free(dir);
    return there;
}

/* A device of that name belongs to another ganglion of this machine: its address does too. */
static uint32_t free_link(struct addresses *all)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    uint32_t n = addresses_give(all);
    for (int i = 0; n && i < ADDRESSES_MAX && if_nametoindex(addresses_link(a, n).p); i++) {
        addresses_free(all, n);
        n = addresses_give(all);
    }
    return n;
}

/* Pods of the host's network share the host's address. */
static bool give_address(struct local_pod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct addresses *all = &p->x->addresses;
    if (pod_of(p->pod)->host_network) {
        p->address = 0;
        snprintf(p->ip, sizeof p->ip, "%.*s", STR_ARG(p->x->o.host_ip));
        return true;
    }
    if (!addresses_take(all, p->address))
        p->address = p->x->o.own_networks ? free_link(all) : addresses_give(all);
    p->own_network = p->x->o.own_networks && p->address;
    snprintf(p->ip, sizeof p->ip, "%s", addresses_text(a, p->address).p);
    return p->address != 0;
}

struct local_pod *executor_add(struct executor *x, const struct kobj *pod, void *owner)
{
    struct local_pod *p = MEM_NEW(struct local_pod);
    const struct pod *view = pod_of(pod);
    p->x = x;
    p->pod = kobj_ref(pod);
    p->owner = owner;
    p->dir = dir_of(x, pod->uid);
    p->uid = str_skip(str_from(p->dir), strlen(p->dir) - pod->uid.n);
    p->n_runs = view->init_containers.n + view->containers.n;
    if (p->n_runs > PODSTATE_RUNS_MAX)
        p->n_runs = PODSTATE_RUNS_MAX; /* podspec_write refuses it */
    p->start_time = loop_wall(x->loop);
    p->seen = loop_now(x->loop);
    p->prepared = has_spec(p->dir) && pod_disk_read_meta(p);
    p->ran = p->prepared; /* or may have: an earlier agent counted it */
    if (!give_address(p)) {
        LOG_ERROR("node.no_address", kv_str("pod", pod->name), kv_cstr("next", "it waits"));
        local_pod_free(p);
        return NULL;
    }
    if (view->deleting)
        p->stop_at = local_pod_now(p);
    map_put(&x->pods, p->uid, p);
    local_pod_join(p);
    return p;
}

/* Folders are named by uids; anything else in there is not ours. */
static bool like_uid(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'))
            return false;
    }
    return name.n == 36;
}

void executor_sweep(struct executor *x)
{
    DIR *d = opendir(x->o.dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        struct str name = str_from(e->d_name);
        struct err err = { 0 };
        if (!like_uid(name) || map_get(&x->pods, name))
            continue;
        char *dir = dir_of(x, name);
        shim_client_kill(dir);
        if (file_remove_tree(dir, &err) < 0)
            LOG_WARN("node.sweep", kv_err(&err), kv_cstr("next", "the next start tries again"));
        free(dir);
    }
    if (d)
        closedir(d);
}
