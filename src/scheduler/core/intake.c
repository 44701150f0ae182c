/* SPDX-License-Identifier: Apache-2.0
 * intake — see intake.h. */
#include "scheduler/core/intake.h"

#include <assert.h>
#include <stdlib.h>

#include "scheduler/cycle/cache.h"
#include "scheduler/devices/devices.h"
#include "scheduler/devices/gpu_sense.h"
#include "scheduler/extender/extender.h"
#include "scheduler/outside/outside.h"
#include "scheduler/preempt/victim.h"
#include "scheduler/state/numa.h"
#include "scheduler/volumes/volumes.h"

#define SHAPE_KEY_BYTES_MAX (256u << 10)
#define DEFAULT_CPU_MILLI 100
#define DEFAULT_MEM_BYTES (INT64_C(200) << 20)

void shapes_init(struct shapes *s)
{
    *s = (struct shapes){ 0 };
    map_init(&s->by_key);
}

void shapes_fini(struct shapes *s)
{
    map_fini(&s->by_key);
}

static size_t drop_caches(struct shapes *s, const struct snapshot *snap, bool all)
{
    size_t bytes = 0;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->by_key, &i));) {
        struct shape *shape = slot->value;
        if (shape->cache && (all || score_cache_is_stale(shape->cache, snap))) {
            score_cache_free(shape->cache);
            shape->cache = NULL;
        }
        bytes += score_cache_bytes(shape->cache);
    }
    return bytes;
}

void shapes_trim(struct shapes *s, const struct snapshot *snap, size_t max_bytes)
{
    if (drop_caches(s, snap, false) > max_bytes)
        drop_caches(s, snap, true);
}

/* ---- demands ---- */

/* The amounts that the scheduler counts, zeroes left out. Array of a->n at most. */
static size_t resolve(struct snapshot *s, const struct amounts *a, struct demand *out)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct amount *m = &a->items[i];
        uint32_t res = snapshot_find_res(s, m->name);
        if (m->value == 0 || res == RES_PODS)
            continue;
        if (res == RES_NOBODY && !res_is_scalar(m->name))
            continue;
        out[n++] = (struct demand){ snapshot_res(s, m->name), m->value };
    }
    return n;
}

/* ---- shapes ---- */

#define MAPPINGS "status.extendedResourceClaimStatus.requestMappings"

static void put_text(struct buf *b, struct json v)
{
    buf_str(b, json_text(v));
    buf_char(b, '\n');
}

static void put_num(struct buf *b, int64_t n)
{
    buf_i64(b, n);
    buf_char(b, ' ');
}

static void put_amounts(struct buf *b, const struct amounts *a)
{
    for (size_t i = 0; i < a->n; i++) {
        buf_str(b, a->items[i].name);
        buf_char(b, '=');
        put_num(b, a->items[i].value);
    }
    buf_char(b, '\n');
}

static void put_images(struct buf *b, const struct containers *c)
{
    for (size_t i = 0; i < c->n; i++) {
        buf_str(b, c->items[i].image);
        buf_char(b, ',');
    }
    buf_char(b, '\n');
}

/* What pod_requests reads of containers. */
static void put_resources(struct buf *b, struct json containers)
{
    for (struct json_iter it = json_iter(containers); json_next(&it);) {
        put_text(b, json_get(it.value, STR("resources")));
        put_text(b, json_get(it.value, STR("restartPolicy")));
    }
    buf_char(b, '\n');
}

/* Parts of GPUs that annotations ask for; those that resources ask for are among the requests. */
static void put_share(struct buf *b, const struct pod *view)
{
    struct gpu_share share;
    struct err err = { 0 };
    if (gpu_share_of(&share, view, &err))
        buf_str(b, str_from(err.msg));
    else if (share.devices)
        buf_printf(b, "%u/%d/%lld/%d\n", share.devices, (int)share.milli, (long long)share.mem_mib,
                   (int)share.mem_milli);
}

static void put_numa(struct buf *b, const struct pod *view)
{
    struct numa_wish w = numa_wish_of(view->annotations);
    put_num(b, (int)w.policy);
    put_num(b, w.cells);
    buf_char(b, w.cpu ? '1' : '0');
    buf_char(b, w.memory ? '1' : '0');
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        buf_char(b, w.devices[k] ? '1' : '0');
    bool memory = numa_memory_is_pinned(view);
    buf_char(b, memory ? '1' : '0');
    buf_char(b, memory && numa_cpus_are_pinned(view) ? '1' : '0');
    if (w.policy == NUMA_NONE)
        return;
    put_num(b, (int)w.spread);
    put_num(b, w.distance_weight);
    buf_char(b, w.memory_intensive ? '1' : '0');
    buf_str(b, w.group);
    buf_char(b, '\n');
}

static enum workload workload_in(const struct profile *p, const struct kobj *obj)
{
    return p->workloads ? workload_of(obj) : WORKLOAD_NONE;
}

/* Places are held for later members of such gangs by what was declared of them, and that is no
 * cell: a default must not make members differ from their places. */
static bool may_hold_places(const struct pod *view)
{
    return view->gang && view->gang->dialect->with_role;
}

/* Everything that plugins of class and node scope look at. Each pod that comes pays for it: no
 * printf. */
/* Pods that run share shapes whatever their nodes, but with none that waits. */
static void put_key(struct buf *b, const struct profile *p, const struct kobj *obj, bool runs)
{
    const struct pod *view = pod_of(obj);
    struct json spec = kobj_path(obj, "spec");
    put_num(b, p->id);
    put_num(b, view->nonzero_cpu_milli);
    put_num(b, view->nonzero_mem_bytes);
    put_num(b, workload_in(p, obj));
    buf_char(b, may_hold_places(view) ? '1' : '0');
    put_numa(b, view);
    buf_char(b, view->has_pod_resources ? '1' : '0');
    buf_str(b, runs ? STR("*") : view->node_name);
    buf_char(b, '\n');
    put_amounts(b, &view->requests);
    put_share(b, view);
    put_text(b, kobj_path(obj, MAPPINGS));
    if (view->has_pod_resources) { /* Fit's score looks below them */
        put_resources(b, json_get(spec, STR("containers")));
        put_resources(b, json_get(spec, STR("initContainers")));
        put_text(b, json_get(spec, STR("overhead")));
    }
    put_text(b, view->node_selector);
    put_text(b, json_path(spec, "affinity.nodeAffinity"));
    put_text(b, json_get(spec, STR("tolerations")));
    for (size_t i = 0; i < view->host_ports.n; i++) {
        const struct host_port *h = &view->host_ports.items[i];
        buf_printf(b, "%lld/%d/%.*s,", (long long)h->port, (int)h->protocol, STR_ARG(h->ip));
    }
    buf_char(b, '\n');
    put_num(b, (int64_t)view->containers.n);
    put_num(b, (int64_t)view->init_containers.n);
    put_images(b, &view->containers);
    put_images(b, &view->init_containers);
    for (struct json_iter it = json_iter(json_get(spec, STR("volumes"))); json_next(&it);)
        buf_str(b, json_str(json_path(it.value, "image.reference")));
    if (p->asks_outside)
        outside_put_key(b, obj);
}

static int64_t amount_or(const struct amounts *a, struct str name, int64_t otherwise)
{
    return amounts_has(a, name) ? amounts_get(a, name) : otherwise;
}

/* What Fit's score adds for the incoming pod: pod-level requests don't count, silent containers
 * count as 100m and 200Mi. */
static void set_score_demands(struct snapshot *s, struct shape *shape)
{
    struct json pod = kobj_root(shape->obj);
    unsigned flags = POD_REQUESTS_NO_POD_LEVEL | POD_REQUESTS_NO_STATUS;
    if (!shape->view->has_pod_resources) {
        shape->score_demands = shape->demands;
        shape->n_score_demands = shape->n_demands;
        shape->score_nz_cpu = shape->nz_cpu;
        shape->score_nz_mem = shape->nz_mem;
        return;
    }
    struct amounts real = pod_requests(shape->a, pod, flags);
    struct amounts nonzero = pod_requests(shape->a, pod, flags | POD_REQUESTS_NONZERO);
    shape->score_demands = ARENA_ARRAY(shape->a, struct demand, real.n);
    shape->n_score_demands = resolve(s, &real, shape->score_demands);
    shape->score_nz_cpu = amount_or(&nonzero, STR("cpu"), DEFAULT_CPU_MILLI);
    shape->score_nz_mem = amount_or(&nonzero, STR("memory"), DEFAULT_MEM_BYTES);
}

/* Of a kind of work that likes one cell, where a cell has something to give, and unless the pod
 * says anything about cells itself. */
static void default_cells(struct shape *shape)
{
    bool minds = shape->cpus_are_pinned || shape->share.devices > 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        minds = minds || shape->devices[k] > 0;
    if (minds && workload_defaults[shape->workload].one_cell && !may_hold_places(shape->view) &&
        !numa_is_said(shape->view->annotations))
        shape->numa = numa_wish_default();
}

static struct shape *
shape_new(struct cluster *c, const struct profile *profile, const struct kobj *obj, struct str key)
{
    struct snapshot *s = &c->snap;
    struct shape *shape = MEM_NEW(struct shape);
    shape->a = arena_new();
    shape->key = arena_str(shape->a, key);
    shape->profile = profile;
    shape->obj = kobj_ref(obj);
    shape->view = pod_of(shape->obj);
    const struct pod *view = shape->view;
    shape->demands = ARENA_ARRAY(shape->a, struct demand, view->requests.n);
    shape->n_demands = resolve(s, &view->requests, shape->demands);
    shape->cpu = amounts_get(&view->requests, STR("cpu"));
    shape->mem = amounts_get(&view->requests, STR("memory"));
    shape->nz_cpu = view->nonzero_cpu_milli;
    shape->nz_mem = view->nonzero_mem_bytes;
    shape->by_claim = kobj_path(shape->obj, MAPPINGS);
    set_score_demands(s, shape);
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (shape_has_by_claim(shape, device_resources[k]))
            continue;
        int64_t n = amounts_get(&view->requests, device_resources[k]);
        shape->devices[k] = n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    }
    shape->workload = workload_in(profile, obj);
    shape->numa = numa_wish_of(view->annotations);
    shape->memory_is_pinned = numa_memory_is_pinned(view);
    shape->cpus_are_pinned = numa_cpus_are_pinned(view);
    struct err err = { 0 };
    if (gpu_share_of(&shape->share, view, &err))
        shape->share_trouble = arena_str(shape->a, str_from(err.msg));
    default_cells(shape);
    gpu_sense_shape(c->gpus, shape);
    return shape;
}

static struct shape *shape_get(struct cluster *c,
                               struct shapes *s,
                               const struct profile *profile,
                               const struct kobj *obj,
                               bool runs)
{
    struct buf key;
    buf_init(&key, SHAPE_KEY_BYTES_MAX);
    put_key(&key, profile, obj, runs);
    if (key.failed) { /* too long to compare: a shape of its own */
        buf_clear(&key);
        buf_printf(&key, "uid %.*s", STR_ARG(obj->uid));
    }
    struct shape *shape = map_get(&s->by_key, buf_view(&key));
    if (!shape) {
        shape = shape_new(c, profile, obj, buf_view(&key));
        map_put(&s->by_key, shape->key, shape);
    }
    buf_fini(&key);
    shape->pods++;
    return shape;
}

static void shape_put(struct shapes *s, struct shape *shape)
{
    if (--shape->pods)
        return;
    map_del(&s->by_key, shape->key);
    score_cache_free(shape->cache);
    kobj_unref(shape->obj);
    arena_free(shape->a);
    free(shape);
}

/* ---- pods ---- */

static struct spod *make(struct cluster *c,
                         struct shapes *s,
                         const struct profile *profile,
                         const struct kobj *obj,
                         bool runs)
{
    struct spod *p = MEM_NEW(struct spod);
    p->obj = kobj_ref(obj);
    p->view = pod_of(p->obj);
    p->labels = labelset_decode(p->view->labels);
    p->shape = shape_get(c, s, profile, obj, runs);
    dra_claims_init(c->snap.dra, &p->claims, obj);
    p->volumes = pod_volumes_new(c->snap.volumes, obj);
    p->demands = p->shape->demands;
    p->n_demands = p->shape->n_demands;
    p->nz_cpu = p->view->nonzero_cpu_milli;
    p->nz_mem = p->view->nonzero_mem_bytes;
    victim_read_wishes(p);
    p->node = SCHED_NO_NODE;
    p->next = p->prev = -1;
    list_init(&p->in_gang);
    return p;
}

struct spod *
spod_new(struct cluster *c, struct shapes *s, const struct profile *profile, const struct kobj *obj)
{
    return make(c, s, profile, obj, false);
}

struct spod *spod_new_running(struct cluster *c,
                              struct shapes *s,
                              const struct profile *profile,
                              const struct kobj *obj)
{
    return make(c, s, profile, obj, true);
}

void spod_free(struct shapes *s, struct spod *p)
{
    if (!p)
        return;
    assert(!p->stay);
    list_remove(&p->in_gang);
    dra_claims_fini(&p->claims);
    pod_volumes_free(p->volumes);
    extender_answer_free(p->extended);
    extender_answer_free(p->offered);
    labelset_fini(&p->labels);
    shape_put(s, p->shape);
    kobj_unref(p->obj);
    arena_free(p->joined_a);
    free(p);
}

struct str spod_gates_text(struct arena *a, const struct kobj *obj)
{
    struct buf b;
    buf_init(&b, 4096);
    for (struct json_iter it = json_iter(kobj_path(obj, "spec.schedulingGates")); json_next(&it);)
        buf_printf(&b, "%s%.*s", b.n ? " " : "",
                   STR_ARG(json_str(json_get(it.value, STR("name")))));
    struct str out = arena_printf(a, "waiting for scheduling gates: [%.*s]", STR_ARG(buf_view(&b)));
    buf_fini(&b);
    return out;
}

/* ---- placements in annotations ---- */

static void read_devices(struct str text, struct placement *out)
{
    while (text.p) {
        struct str part = str_split(&text, ';');
        struct str name = str_trim(str_split(&part, '='));
        enum device_kind kind = device_kind_of(name);
        if (kind != DEVICE_KINDS && part.p)
            out->devices[kind] |= mask_parse(part);
    }
}

void placement_recover(const struct cluster *c,
                       const struct spod *p,
                       const struct snode *n,
                       struct placement *out)
{
    (void)c;
    *out = (struct placement){ .node = n->id };
    struct str cells = kobj_annotation(p->obj, STR(NAME_NUMA_CELLS));
    struct str devices = kobj_annotation(p->obj, STR(NAME_DEVICES));
    if (devices.p)
        read_devices(devices, out);
    if (cells.p) {
        out->exclusive = str_ends(cells, STR(" exclusive"));
        out->cells = (uint32_t)(mask_parse(str_split(&cells, ' ')) & 0xff);
    }
    devices_parts_parse(kobj_annotation(p->obj, STR(NAME_DEVICE_PARTS)), out);
    struct gpu_part part;
    if (!out->shared && gpu_share_on(&p->shape->share, &n->topology, &part)) {
        out->shared = devices_tightest(n, &part, p->shape->share.devices);
        out->part_milli = part.milli;
        out->part_mem_mib = part.mem_mib;
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t free = (uint64_t)n->free[k] & ~out->devices[k];
        int64_t want = (int64_t)p->shape->devices[k] - __builtin_popcountll(out->devices[k]);
        for (; want > 0 && free; want--, free &= free - 1)
            out->devices[k] |= free & -free;
    }
}

struct jnode *placement_annotations(struct arena *a, const struct placement *p)
{
    struct jnode *out = NULL;
    struct buf b;
    buf_init(&b, 4096);
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (p->devices[k])
            buf_printf(&b, "%s%.*s=%.*s", b.n ? ";" : "", STR_ARG(device_resources[k]),
                       STR_ARG(mask_text(a, p->devices[k])));
    }
    if (b.n || p->cells || p->shared)
        out = jnode_obj(a);
    if (p->shared)
        jnode_set_str(out, STR(NAME_DEVICE_PARTS), devices_parts_text(a, p));
    if (b.n)
        jnode_set_str(out, STR(NAME_DEVICES), buf_view(&b));
    if (p->cells)
        jnode_set_str(out, STR(NAME_NUMA_CELLS),
                      arena_printf(a, "%.*s%s", STR_ARG(mask_text(a, p->cells)),
                                   p->exclusive ? " exclusive" : ""));
    buf_fini(&b);
    return out;
}
