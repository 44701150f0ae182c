/* SPDX-License-Identifier: Apache-2.0
 * snapshot — nodes, columns and the undo log; see snapshot.h. Classes are in snapshot_class.c. */
#include "scheduler/state/relations.h"
#include "scheduler/state/snapshot_internal.h"
#include "scheduler/state/tally.h"

#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/volumes/volumes.h"

static const struct str fixed_names[RES_FIXED] = {
    [RES_CPU] = STR_INIT("cpu"),
    [RES_MEMORY] = STR_INIT("memory"),
    [RES_EPHEMERAL] = STR_INIT("ephemeral-storage"),
    [RES_PODS] = STR_INIT("pods"),
    [RES_NOBODY] = STR_INIT("(too many resource names)"),
};

static void set_name(struct snapshot *s, uint32_t r, struct str name)
{
    static const struct str prefix = STR_INIT("Insufficient ");
    char *text = mem_alloc(prefix.n + name.n);
    memcpy(text, prefix.p, prefix.n);
    memcpy(text + prefix.n, name.p, name.n);
    s->res_lacks[r] = str_make(text, prefix.n + name.n);
    s->res_names[r] = str_make(text + prefix.n, name.n);
}

void snapshot_init(struct snapshot *s)
{
    *s = (struct snapshot){ .static_version = 1, .alloc_version = 1, .journal_end = 1 };
    map_init(&s->by_name);
    map_init(&s->reports);
    s->journal = mem_alloc_array(SCHED_JOURNAL, sizeof *s->journal);
    for (uint32_t r = 0; r < RES_FIXED; r++)
        set_name(s, r, fixed_names[r]);
    s->n_res = RES_FIXED;
    node_classes_push(&s->classes, (struct node_class){ .members = 1 }); /* CLASS_GONE */
    s->tallies = tallies_new(s);
    s->relations = relation_pool_new();
}

static void snode_free(struct snode *n)
{
    if (!n)
        return;
    labelset_fini(&n->labels);
    kobj_unref(n->obj);
    free(n->cells);
    free(n->shares);
    free(n);
}

void snapshot_fini(struct snapshot *s)
{
    tallies_free(s->tallies);
    relation_pool_free(s->relations);
    for (size_t i = 0; i < s->nodes.n; i++)
        snode_free(s->nodes.items[i]);
    snode_vec_fini(&s->nodes);
    for (uint32_t r = 0; r < s->n_res; r++) {
        free(s->alloc[r]);
        free(s->used[r]);
        free((void *)(uintptr_t)s->res_lacks[r].p); /* our text; the name is a part of it */
    }
    free(s->nz_cpu);
    free(s->nz_mem);
    free(s->class_of);
    free(s->least_priority);
    snapshot_classes_fini(s);
    spod_ptrs_fini(&s->pods);
    id_vec_fini(&s->free_nodes);
    id_vec_fini(&s->free_pods);
    links_pool_fini(&s->links);
    map_fini(&s->by_name);
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->reports, &i));)
        kobj_unref(slot->value);
    map_fini(&s->reports);
    free(s->journal);
    tx_log_fini(&s->log);
}

/* ---- columns ---- */

static int64_t *grow_column(int64_t *column, size_t from, size_t to)
{
    column = mem_realloc(column, to * sizeof *column);
    memset(column + from, 0, (to - from) * sizeof *column);
    return column;
}

static void grow_nodes(struct snapshot *s)
{
    assert(s->log.n == 0); /* the log holds addresses into the columns */
    size_t cap = s->cap ? s->cap * 2 : 64;
    for (uint32_t r = 0; r < s->n_res; r++) {
        s->alloc[r] = grow_column(s->alloc[r], s->cap, cap);
        s->used[r] = grow_column(s->used[r], s->cap, cap);
    }
    s->nz_cpu = grow_column(s->nz_cpu, s->cap, cap);
    s->nz_mem = grow_column(s->nz_mem, s->cap, cap);
    s->class_of = mem_realloc(s->class_of, cap * sizeof *s->class_of);
    s->least_priority = grow_column(s->least_priority, s->cap, cap);
    s->cap = cap;
}

bool res_is_scalar(struct str name)
{
    return str_starts(name, STR("hugepages-")) || str_starts(name, STR("attachable-volumes-")) ||
           (str_find_char(name, '/') >= 0 && !str_starts(name, STR("requests.")));
}

bool res_is_extended(struct str name)
{
    return str_find_char(name, '/') >= 0 && str_find(name, STR("kubernetes.io/")) < 0 &&
           !str_starts(name, STR("requests."));
}

uint32_t snapshot_find_res(const struct snapshot *s, struct str name)
{
    for (uint32_t r = 0; r < s->n_res; r++) {
        if (str_eq(s->res_names[r], name))
            return r;
    }
    return RES_NOBODY;
}

uint32_t snapshot_res(struct snapshot *s, struct str name)
{
    uint32_t found = snapshot_find_res(s, name);
    if (found != RES_NOBODY || s->n_res == SCHED_RESOURCES_MAX)
        return found;
    s->static_version++; /* plugins look columns up when caches are filled */
    uint32_t r = s->n_res++;
    set_name(s, r, name);
    if (s->cap) {
        s->alloc[r] = mem_alloc_array(s->cap, sizeof(int64_t));
        s->used[r] = mem_alloc_array(s->cap, sizeof(int64_t));
    }
    return r;
}

/* ---- nodes ---- */

static struct snode *node_new(struct snapshot *s)
{
    struct snode *n;
    if (s->free_nodes.n) {
        n = s->nodes.items[id_vec_pop(&s->free_nodes)];
    } else {
        if (s->nodes.n == s->cap)
            grow_nodes(s);
        n = MEM_NEW(struct snode);
        n->id = (uint32_t)s->nodes.n;
        snode_vec_push(&s->nodes, n);
    }
    n->alive = true;
    n->first_pod = -1;
    n->n_ports = n->n_terms = 0;
    s->least_priority[n->id] = INT64_MAX;
    list_init(&n->nominated);
    list_init(&n->in_kept);
    s->n_alive++;
    return n;
}

/* Labels and taints: what decides in which domains its pods count. */
static bool same_domains(const struct snode *n, const struct node *view, const struct labelset *l)
{
    const struct node *old = n->view;
    if (!labelset_equal(&n->labels, l) || old->taints.n != view->taints.n)
        return false;
    for (size_t i = 0; i < view->taints.n; i++) {
        const struct taint *a = &old->taints.items[i], *b = &view->taints.items[i];
        if (!str_eq(a->key, b->key) || !str_eq(a->value, b->value) || a->effect != b->effect)
            return false;
    }
    return true;
}

static bool same_images(const struct node *old, const struct node *view)
{
    if (old->images.n != view->images.n)
        return false;
    for (size_t i = 0; i < view->images.n; i++) {
        const struct node_image *a = &old->images.items[i], *b = &view->images.items[i];
        if (a->size_bytes != b->size_bytes || a->names.n != b->names.n)
            return false;
        for (size_t j = 0; j < a->names.n; j++) {
            if (!str_eq(a->names.items[j], b->names.items[j]))
                return false;
        }
    }
    return true;
}

static bool same_annotations(const struct node *a, const struct node *b)
{
    return str_eq(json_text(a->annotations), json_text(b->annotations));
}

/* True when an amount changed. */
static bool set_allocatable(struct snapshot *s, struct snode *n)
{
    int64_t before[SCHED_RESOURCES_MAX] = { 0 };
    uint32_t n_res = s->n_res;
    bool changed = false;
    for (uint32_t r = 0; r < n_res; r++) {
        before[r] = s->alloc[r][n->id];
        s->alloc[r][n->id] = 0;
    }
    for (size_t i = 0; i < n->view->allocatable.n; i++) {
        const struct amount *a = &n->view->allocatable.items[i];
        uint32_t r = snapshot_res(s, a->name);
        if (r != RES_NOBODY)
            s->alloc[r][n->id] = a->value;
    }
    for (uint32_t r = 0; r < s->n_res; r++)
        changed = changed || s->alloc[r][n->id] != before[r];
    s->alloc_version += changed;
    return changed;
}

static bool is_managed(const struct topology *t)
{
    return t->manager == NODE_MANAGER_RESTRICTED || t->manager == NODE_MANAGER_SINGLE;
}

/* Devices and cells anew, keeping what the pods here hold. */
static void set_topology(struct snapshot *s, struct snode *n, const struct topology *t)
{
    uint32_t gpus = t->n_devices[DEVICE_NVIDIA];
    struct cell *cells = t->n_cells ? mem_alloc_array(t->n_cells, sizeof *cells) : NULL;
    free(n->cells);
    free(n->shares);
    n->cells = cells;
    n->shares = gpus ? mem_alloc_array(gpus, sizeof *n->shares) : NULL;
    s->n_managed += (size_t)is_managed(t) - (size_t)is_managed(&n->topology);
    n->topology = *t;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        n->free[k] = (int64_t)topology_mask(t, (enum device_kind)k) & ~n->claimed[k];
    for (int64_t id = n->first_pod; id >= 0; id = s->pods.items[id]->next)
        snapshot_charge_devices(s, n, s->pods.items[id], 1);
}

/* What the node says about the present state of its cells. True: it changed. */
static bool set_reported(struct snode *n, const struct node_cells *from)
{
    bool changed = false;
    for (uint32_t c = 0; c < n->topology.n_cells; c++) {
        struct cell *cell = &n->cells[c];
        struct cell before = *cell;
        cell->cpu_left = from->cells[c].cpu_left;
        cell->mem_left = from->cells[c].mem_left;
        cell->pressed = from->pressed >> c & 1;
        changed = changed || memcmp(&before, cell, sizeof before) != 0;
    }
    return changed;
}

/* The node's NodeResourceTopology; absent: none. */
static struct json report_of(const struct snapshot *s, struct str node)
{
    const struct kobj *report = map_get(&s->reports, node);
    return report ? kobj_root(report) : (struct json){ 0 };
}

void snapshot_report_set(struct snapshot *s, const struct kobj *report)
{
    struct kobj *held = kobj_ref(report);
    kobj_unref(map_del(&s->reports, report->name));
    map_put(&s->reports, held->name, held);
}

void snapshot_report_del(struct snapshot *s, struct str name)
{
    kobj_unref(map_del(&s->reports, name));
}

struct snode *snapshot_node_set(struct snapshot *s, const struct kobj *obj)
{
    snapshot_commit(s);
    struct snode *n = map_get(&s->by_name, obj->name);
    const struct node *view = node_of(obj);
    struct labelset labels = labelset_decode(view->labels);
    struct node_cells cells;
    struct topology topology;
    node_cells_read(&cells, view, report_of(s, obj->name));
    topology_read(&topology, view, &cells);
    bool fresh = !n;
    if (fresh) {
        if (s->nodes.n == SCHED_NODES_MAX && !s->free_nodes.n) {
            labelset_fini(&labels);
            return NULL;
        }
        n = node_new(s);
    }
    const struct links *links = links_read(&s->links, &topology, view);
    bool moved = fresh || !same_domains(n, view, &labels);
    bool changed = moved || n->view->unschedulable != view->unschedulable ||
                   !same_images(n->view, view) || links != n->links ||
                   memcmp(&topology, &n->topology, sizeof topology) != 0;
    if (moved && !fresh)
        tallies_node_leave(s->tallies, n);
    bool renoted = s->notes_matter && !fresh && !same_annotations(n->view, view);
    struct kobj *old = n->obj;
    struct labelset old_labels = n->labels;
    n->obj = kobj_ref(obj);
    n->view = view;
    n->name = obj->name;
    n->labels = labels;
    map_put(&s->by_name, n->name, n);
    if (moved)
        tallies_node_join(s->tallies, n);
    bool resized = set_allocatable(s, n);
    if (changed) {
        if (!fresh)
            snapshot_class_leave(s, n);
        snapshot_class_join(s, n);
        n->links = links;
        set_topology(s, n, &topology);
        snapshot_commit(s);
        s->static_version++;
    }
    if (s->dra) /* tests of parts have none */
        dra_node_changed(s->dra, n);
    resized = set_reported(n, &cells) || resized;
    if (changed || resized || renoted) /* a heartbeat alone changes nothing here */
        snapshot_touch(s, n->id);
    snapshot_commit(s);
    labelset_fini(&old_labels);
    kobj_unref(old);
    return n;
}

void snapshot_node_del(struct snapshot *s, struct snode *n)
{
    assert(n->alive && n->first_pod < 0);
    snapshot_commit(s);
    s->n_managed -= is_managed(&n->topology);
    tallies_node_leave(s->tallies, n);
    map_del(&s->by_name, n->name);
    snapshot_class_leave(s, n);
    for (uint32_t r = 0; r < s->n_res; r++)
        s->alloc[r][n->id] = s->used[r][n->id] = 0;
    s->nz_cpu[n->id] = s->nz_mem[n->id] = 0;
    labelset_fini(&n->labels);
    kobj_unref(n->obj);
    free(n->cells);
    free(n->shares);
    *n = (struct snode){ .id = n->id, .first_pod = -1 };
    id_vec_push(&s->free_nodes, n->id);
    s->n_alive--;
    s->static_version++;
    s->alloc_version++;
    snapshot_touch(s, n->id);
    snapshot_commit(s);
}

struct snode *snapshot_node(const struct snapshot *s, struct str name)
{
    return map_get(&s->by_name, name);
}

/* ---- transactions ---- */

static void journal_push(struct snapshot *s, uint32_t node)
{
    s->journal[s->journal_end++ & (SCHED_JOURNAL - 1)] = node;
}

void snapshot_quiet(struct snapshot *s, bool on)
{
    assert(s->quiet != on);
    s->quiet = on;
}

void snapshot_touch(struct snapshot *s, uint32_t node)
{
    if (s->quiet)
        return;
    tx_log_push(&s->log, (struct tx_entry){ NULL, node });
    journal_push(s, node);
}

void snapshot_rollback(struct snapshot *s, size_t mark)
{
    assert(mark <= s->log.n);
    while (s->log.n > mark) {
        struct tx_entry e = tx_log_pop(&s->log);
        if (e.addr)
            *e.addr = e.old;
        else
            journal_push(s, (uint32_t)e.old);
    }
}

void snapshot_commit(struct snapshot *s)
{
    tx_log_clear(&s->log);
}

static uint64_t hash_words(uint64_t h, const int64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = num_mix64(h ^ (uint64_t)words[i]);
    return h;
}

uint64_t snapshot_hash(const struct snapshot *s)
{
    uint64_t h = (uint64_t)s->n_terms ^ dra_hash(s->dra) ^ volumes_hash(s->volumes);
    size_t n = s->nodes.n;
    for (uint32_t r = 0; r < s->n_res && n; r++) {
        h = hash_words(h, s->alloc[r], n);
        h = hash_words(h, s->used[r], n);
    }
    if (n) {
        h = hash_words(h, s->nz_cpu, n);
        h = hash_words(h, s->nz_mem, n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct snode *node = s->nodes.items[i];
        h = hash_words(h, node->free, DEVICE_KINDS);
        h = hash_words(h, node->claimed, DEVICE_KINDS);
        h = hash_words(h, (const int64_t[]){ node->first_pod, node->n_ports, node->n_terms }, 3);
        if (node->shares)
            h = hash_words(h, &node->shares->milli,
                           node->topology.n_devices[DEVICE_NVIDIA] * sizeof *node->shares /
                               sizeof(int64_t));
        if (node->cells)
            h = hash_words(h, &node->cells->cpu_used,
                           node->topology.n_cells * sizeof *node->cells / sizeof(int64_t));
    }
    for (size_t i = 0; i < s->pods.n; i++) {
        const struct spod *p = s->pods.items[i];
        if (p)
            h = hash_words(h, &p->node, 7 + DEVICE_KINDS);
    }
    return h;
}
