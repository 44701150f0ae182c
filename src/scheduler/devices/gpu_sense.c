/* SPDX-License-Identifier: Apache-2.0
 * gpu_sense — see gpu_sense.h. */
#include "scheduler/devices/gpu_sense.h"

#include "scheduler/devices/devices.h"

#define USUAL_MEM_MIB 81920 /* of a device, when no node said */

/* Labels that name a node's GPU model, and that pods select it by. */
static const struct str model_labels[] = { STR_INIT("nvidia.com/gpu.product"),
                                           STR_INIT("gpu.kubenexus.io/model") };

struct gpu_sense {
    struct gpu_policy *policy;
    struct str models[GPU_MODELS_MAX]; /* own text; [0] is "not said" */
    uint32_t n_models;
    uint64_t seen_version; /* of the snapshot's nodes */
    int64_t supply[GPU_MODELS_MAX], devices, mem_mib;
};

struct gpu_sense *gpu_sense_new(void)
{
    struct gpu_sense *g = MEM_NEW(struct gpu_sense);
    g->policy = gpu_policy_new(&gpu_weights_default);
    g->n_models = 1;
    g->mem_mib = USUAL_MEM_MIB;
    return g;
}

void gpu_sense_free(struct gpu_sense *g)
{
    if (!g)
        return;
    gpu_policy_free(g->policy);
    for (uint32_t i = 1; i < g->n_models; i++)
        free((void *)(uintptr_t)g->models[i].p); /* own text */
    free(g);
}

/* ---- models ---- */

/* Models beyond the last number share it. */
static uint32_t model_number(struct gpu_sense *g, struct str name)
{
    if (!name.n)
        return 0;
    for (uint32_t i = 1; i < g->n_models; i++) {
        if (str_eq(g->models[i], name))
            return i;
    }
    if (g->n_models == GPU_MODELS_MAX)
        return GPU_MODELS_MAX - 1;
    g->models[g->n_models] = (struct str){ str_dup(name), name.n };
    return g->n_models++;
}

static uint32_t model_of(struct gpu_sense *g, const struct node *node)
{
    for (size_t i = 0; i < COUNT_OF(model_labels); i++) {
        struct str name = node_label(node, model_labels[i]);
        if (name.n)
            return model_number(g, name);
    }
    return 0;
}

/* The models of one required term; all when it names none. */
static uint64_t models_of_term(struct gpu_sense *g, struct json term)
{
    uint64_t models = GPU_ANY_MODEL;
    for (struct json_iter it = json_iter(json_get(term, STR("matchExpressions")));
         json_next(&it);) {
        struct str key = json_str(json_get(it.value, STR("key"))), op;
        uint64_t named = 0;
        op = json_str(json_get(it.value, STR("operator")));
        if (!str_is(op, "In") || (!str_eq(key, model_labels[0]) && !str_eq(key, model_labels[1])))
            continue;
        struct json_iter v = json_iter(json_get(it.value, STR("values")));
        while (json_next(&v))
            named |= UINT64_C(1) << model_number(g, json_str(v.value));
        models &= named;
    }
    return models;
}

static uint64_t models_of(struct gpu_sense *g, const struct shape *shape)
{
    uint64_t models = GPU_ANY_MODEL, any = 0;
    for (size_t i = 0; i < COUNT_OF(model_labels); i++) {
        struct str name = json_str(json_get(shape->view->node_selector, model_labels[i]));
        if (name.n)
            models &= UINT64_C(1) << model_number(g, name);
    }
    struct json terms =
        kobj_path(shape->obj, "spec.affinity.nodeAffinity."
                              "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    bool some = false;
    for (struct json_iter it = json_iter(terms); json_next(&it); some = true)
        any |= models_of_term(g, it.value);
    return some ? models & any : models;
}

/* ---- pods ---- */

void gpu_sense_shape(struct gpu_sense *g, struct shape *shape)
{
    struct gpu_ask *ask = &shape->gpu_ask;
    const struct gpu_share *share = &shape->share;
    *ask = (struct gpu_ask){ .cpu_milli = shape->cpu,
                             .mem_mib = shape->mem >> 20,
                             .models = GPU_ANY_MODEL };
    if (shape->devices[DEVICE_NVIDIA]) {
        ask->count = shape->devices[DEVICE_NVIDIA];
        ask->milli = GPU_WHOLE;
    } else if (share->devices) {
        struct topology usual = { .gpu_mem_mib = g->mem_mib, .gpu_replicas = 10 };
        struct gpu_part part;
        ask->count = share->devices;
        ask->milli = gpu_share_on(share, &usual, &part) ? part.milli : GPU_WHOLE;
    }
    if (ask->count)
        ask->models = models_of(g, shape);
}

void gpu_sense_arrived(struct gpu_sense *g, const struct shape *shape)
{
    gpu_policy_learn(g->policy, &shape->gpu_ask);
}

/* ---- nodes ---- */

static void count_supply(struct gpu_sense *g, struct snapshot *s)
{
    int64_t supply[GPU_MODELS_MAX] = { 0 };
    g->devices = 0;
    for (size_t i = 0; i < s->nodes.n; i++) {
        struct snode *n = s->nodes.items[i];
        if (i + 16 < s->nodes.n)
            __builtin_prefetch(&s->nodes.items[i + 16]->topology.n_devices);
        uint32_t devices = s->class_of[i] != CLASS_GONE ? n->topology.n_devices[DEVICE_NVIDIA] : 0;
        if (!devices)
            continue;
        n->gpu_model = model_of(g, n->view);
        supply[n->gpu_model] += devices;
        g->devices += devices;
        g->mem_mib = n->topology.gpu_mem_mib ? n->topology.gpu_mem_mib : g->mem_mib;
    }
    for (uint32_t m = 0; m < GPU_MODELS_MAX; m++) {
        if (supply[m] != g->supply[m])
            gpu_policy_supply(g->policy, m, supply[m] - g->supply[m]);
        g->supply[m] = supply[m];
    }
}

void gpu_sense_refresh(struct gpu_sense *g, struct snapshot *s)
{
    if (g->seen_version != s->static_version) {
        count_supply(g, s);
        g->seen_version = s->static_version;
    }
    if (g->devices && gpu_policy_refresh(g->policy, false))
        s->score_version++;
}

bool gpu_sense_matters(const struct gpu_sense *g)
{
    return g->devices > 0;
}

struct gpu_choice gpu_sense_choose(const struct gpu_sense *g,
                                   const struct snapshot *s,
                                   const struct shape *shape,
                                   uint32_t node)
{
    const struct snode *n = s->nodes.items[node];
    int32_t milli[GPU_ROOM_MAX];
    struct gpu_ask ask = shape->gpu_ask;
    struct gpu_part part;
    struct gpu_room room = { .cpu_milli = snapshot_free(s, RES_CPU, node),
                             .mem_mib = snapshot_free(s, RES_MEMORY, node) >> 20,
                             .model = n->gpu_model,
                             .milli = milli };
    room.n = n->topology.n_devices[DEVICE_NVIDIA];
    for (uint32_t i = 0; i < room.n; i++)
        milli[i] = devices_left(n, i);
    if (shape->share.devices && gpu_share_on(&shape->share, &n->topology, &part))
        ask.milli = part.milli;
    return gpu_policy_choose(g->policy, &ask, &room);
}
