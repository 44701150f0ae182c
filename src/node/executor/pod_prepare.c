/* SPDX-License-Identifier: Apache-2.0
 * pod_prepare — what a pod needs before its shim starts: its folder, volumes, cgroup and spec; and
 * what the API changes in its volumes while it runs. */
#include <stdio.h>

#include "io/file.h"
#include "node/executor/executor_internal.h"
#include "node/executor/podvolumes.h"

static void warn_paused(struct local_pod *p, uint64_t paused)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        if (!(paused & UINT64_C(1) << i))
            continue;
        AUTO(arena_freep) struct arena *a = arena_new();
        const struct container *c = local_pod_container(p, i);
        local_pod_event(
            p, "Warning", "BuiltInPause",
            arena_printf(a,
                         "Container %.*s names no command, and the local node does not pull image "
                         "\"%.*s\": it runs the built-in pause instead",
                         STR_ARG(c->name), STR_ARG(c->image)));
    }
}

static int write_spec(struct local_pod *p, const struct buf *spec, struct err *err)
{
    char path[700];
    snprintf(path, sizeof path, "%s/spec", p->dir);
    if (pod_disk_write_meta(p, err) < 0)
        return -1;
    return file_write_atomic(path, buf_view(spec), 0600, err);
}

static struct podspec
spec_of(const struct local_pod *p, struct str *cells, podspec_find_fn find, void *find_arg)
{
    const struct executor_options *o = &p->x->o;
    for (size_t i = 0; i < o->machine->n_cells; i++)
        cells[i] = o->machine->cells[i].cpus;
    return (struct podspec){
        .pod = p->pod,
        .pod_ip = str_from(p->ip),
        .host_ip = o->host_ip,
        .node_name = o->node_name,
        .dir = str_from(p->dir),
        .cpu_milli = o->machine->cpu_milli,
        .mem_bytes = o->machine->mem_bytes,
        .cell_cpus = cells,
        .n_cells = o->machine->n_cells,
        .images = o->images,
        .n_images = o->n_images,
        .log_bytes = o->log_bytes,
        .log_files = o->log_files,
        .find = find,
        .find_arg = find_arg,
    };
}

int local_pod_prepare(struct local_pod *p,
                      struct arena *a,
                      podspec_find_fn find,
                      void *find_arg,
                      struct podspec_trouble *trouble)
{
    struct str cells[MACHINE_CELLS_MAX], procs[CGROUPS_DIRS_MAX];
    struct podspec s = spec_of(p, cells, find, find_arg);
    if (p->own_network)
        s.link = addresses_link(a, p->address);
    struct err err = { 0 };
    struct buf spec;
    uint64_t paused = 0;
    if (file_make_dirs(p->dir, 0755, &err) < 0) {
        *trouble = (struct podspec_trouble){ .reason = STR("CreatePodSandboxError"),
                                             .message = arena_str(a, str_from(err.msg)),
                                             .container = SIZE_MAX };
        return -1;
    }
    if (podvolumes_make(a, &s, trouble) < 0)
        return -1;
    s.cgroups = procs;
    s.n_cgroups = pod_cgroup_make(p, a, procs);
    buf_init(&spec, PODSPEC_BYTES_MAX);
    int rc = podspec_write(&spec, a, &s, &paused, trouble);
    if (rc == 0 && write_spec(p, &spec, &err) < 0) {
        *trouble = (struct podspec_trouble){ .reason = STR("CreatePodSandboxError"),
                                             .message = arena_str(a, str_from(err.msg)),
                                             .container = SIZE_MAX };
        rc = -1;
    }
    buf_fini(&spec);
    if (rc < 0)
        return -1;
    p->prepared = true;
    p->hold = (struct pod_hold){ 0 };
    warn_paused(p, paused);
    local_pod_turn_soon(p);
    return 0;
}

static int renew(struct local_pod *p,
                 struct arena *a,
                 const struct podspec *s,
                 size_t i,
                 struct podspec_trouble *trouble)
{
    struct err err = { 0 };
    struct str name = local_pod_container(p, i)->name;
    struct buf spec;
    buf_init(&spec, PODSPEC_BYTES_MAX);
    int rc = podspec_write_container(&spec, a, s, i, trouble);
    const char *path = arena_printf(a, "%s/spec.%.*s", p->dir, STR_ARG(name)).p;
    if (rc == 0 && file_write_atomic(path, buf_view(&spec), 0600, &err) < 0) {
        *trouble = (struct podspec_trouble){ .reason = STR("CreateContainerError"),
                                             .message = arena_str(a, str_from(err.msg)),
                                             .container = i };
        rc = -1;
    }
    buf_fini(&spec);
    return rc;
}

int local_pod_renew(struct local_pod *p,
                    struct arena *a,
                    podspec_find_fn find,
                    void *find_arg,
                    struct podspec_trouble *trouble)
{
    struct str cells[MACHINE_CELLS_MAX], procs[CGROUPS_DIRS_MAX];
    struct podspec s = spec_of(p, cells, find, find_arg);
    struct podspec_trouble more, *why = trouble;
    s.cgroups = procs;
    s.n_cgroups = pod_cgroup_make(p, a, procs);
    for (size_t i = 0; i < p->n_runs; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (!(p->stale & bit))
            continue;
        if (renew(p, a, &s, i, why) < 0) {
            why = &more;
            continue;
        }
        p->stale &= ~bit;
        p->fresh |= bit;
    }
    p->hold = (struct pod_hold){ 0 };
    local_pod_turn_soon(p);
    return p->stale ? -1 : 0;
}

int local_pod_project(struct local_pod *p,
                      struct arena *a,
                      podspec_find_fn find,
                      void *find_arg,
                      struct podspec_trouble *trouble)
{
    struct str cells[MACHINE_CELLS_MAX];
    struct podspec s = spec_of(p, cells, find, find_arg);
    return podvolumes_refresh(a, &s, trouble);
}
