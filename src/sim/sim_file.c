/* SPDX-License-Identifier: Apache-2.0
 * sim_file — see sim_file.h. */
#include "sim/sim_file.h"

#include <stdio.h>

#include "codec/yaml.h"
#include "kube/meta.h"

#define MIB (INT64_C(1) << 20)
static const struct json_limits limits = { .bytes = 4 << 20, .depth = 16, .nodes = 500000 };

struct group_config {
    struct str shape, prefix, gpu_model, gpu_topology;
    struct config_strs names, taints;
    struct config_lists labels;
    int64_t count, cells, cpus, mem_bytes, gpus, gpu_mem_bytes, pods;
};

#define G struct group_config
static const struct config_field fields[] = {
    CONFIG_STR(G,
               shape,
               "shape",
               "gpu8",
               "what the node starts from: gpu8, gpu8-claims, gpu4, cpu or small"),
    CONFIG_I64(G, count, "count", "1", "how many such nodes", 0, SIM_NODES_MAX),
    CONFIG_STR(G, prefix, "prefix", "sim-", "of their names; a number from 0 follows"),
    CONFIG_STRS(G, names, "names", NULL, "their names, instead of count and prefix"),
    CONFIG_I64(G, cells, "cells", NULL, "NUMA cells; otherwise the shape's", 1, 8),
    CONFIG_I64(G, cpus, "cpus", NULL, "CPUs; otherwise the shape's", 1, 4096),
    CONFIG_BYTES(G, mem_bytes, "memory", NULL, "memory; otherwise the shape's"),
    CONFIG_I64(G, gpus, "gpus", NULL, "GPUs; otherwise the shape's", 0, 64),
    CONFIG_STR(G, gpu_model, "gpu-model", NULL, "product name of the GPUs"),
    CONFIG_BYTES(G, gpu_mem_bytes, "gpu-memory", NULL, "memory of one GPU"),
    CONFIG_CHOICE(G,
                  gpu_topology,
                  "gpu-topology",
                  NULL,
                  "how the GPUs are joined",
                  "nvswitch,nvlink,pcie"),
    CONFIG_I64(G, pods, "pods", NULL, "most pods on the node; otherwise the shape's", 1, 100000),
    CONFIG_LISTS(G, labels, "labels", NULL, "labels beside those of the shape: a mapping"),
    CONFIG_STRS(G, taints, "taints", NULL, "taints, each as KEY=VALUE:EFFECT or KEY:EFFECT"),
};
#undef G
const struct config_table sim_group_table = { fields, COUNT_OF(fields) };

static int rule_err(struct err *err, const char *field, struct str value, struct meta_wrong w)
{
    return err_set(err, ERR_INVALID, "%s: \"%.*s\": %s", field, STR_ARG(str_take(value, 80)),
                   w.texts[0]);
}

/* ---- the parts of a group ---- */

static void
shape_gpus(struct sim_shape *s, struct arena *a, const struct group_config *g, bool had_gpus)
{
    if (!had_gpus) {
        s->gpu_model = sim_shapes[0].gpu_model;
        s->gpu_mem_mib = sim_shapes[0].gpu_mem_mib;
        s->gpu_topology = "pcie";
    }
    if (g->gpu_model.n)
        s->gpu_model = arena_str(a, g->gpu_model).p;
    if (g->gpu_topology.n)
        s->gpu_topology = arena_str(a, g->gpu_topology).p;
    if (g->gpu_mem_bytes >= 0)
        s->gpu_mem_mib = g->gpu_mem_bytes / MIB;
}

static int read_shape(const struct sim_shape **out,
                      struct arena *a,
                      const struct group_config *g,
                      struct err *err)
{
    const struct sim_shape *base = sim_shape_named(g->shape, err);
    if (!base)
        return err_wrap(err, "shape");
    struct sim_shape *s = ARENA_NEW(a, struct sim_shape);
    *s = *base;
    s->cells = g->cells >= 0 ? g->cells : s->cells;
    s->cpus = g->cpus >= 0 ? g->cpus : s->cpus;
    s->mem_bytes = g->mem_bytes >= 0 ? g->mem_bytes : s->mem_bytes;
    s->gpus = g->gpus >= 0 ? g->gpus : s->gpus;
    s->pods = g->pods >= 0 ? g->pods : s->pods;
    if (s->cpus < s->cells)
        return err_set(err, ERR_INVALID, "cpus: %lld CPUs are fewer than %lld cells",
                       (long long)s->cpus, (long long)s->cells);
    shape_gpus(s, a, g, base->gpus > 0);
    struct meta_wrong w = meta_label_value(str_from(s->gpu_model));
    if (w.n) /* it becomes a label */
        return rule_err(err, "gpu-model", g->gpu_model, w);
    *out = s;
    return 0;
}

static int
read_labels(struct sim_group *out, struct arena *a, const struct config_lists *in, struct err *err)
{
    struct sim_label *labels = ARENA_ARRAY(a, struct sim_label, in->n + 1);
    for (size_t i = 0; i < in->n; i++) {
        struct str key = in->items[i].name, value = { 0 };
        if (in->items[i].values.n != 1)
            return err_set(err, ERR_INVALID, "labels.%.*s: wants one text", STR_ARG(key));
        value = in->items[i].values.items[0];
        struct meta_wrong w = meta_qualified_name(key);
        if (w.n)
            return rule_err(err, "labels", key, w);
        w = meta_label_value(value);
        if (w.n)
            return rule_err(err, "labels", value, w);
        labels[i] = (struct sim_label){ key, value };
    }
    out->labels = labels;
    out->n_labels = in->n;
    return 0;
}

static bool is_effect(struct str s)
{
    return str_is(s, "NoSchedule") || str_is(s, "PreferNoSchedule") || str_is(s, "NoExecute");
}

static int read_taint(struct sim_taint *out, struct str text, struct err *err)
{
    struct str effect = text, what = str_split(&effect, ':');
    struct str value = what, key = str_split(&value, '=');
    if (!is_effect(effect))
        return err_set(err, ERR_INVALID,
                       "taints: \"%.*s\" is not KEY=VALUE:EFFECT with the effect NoSchedule, "
                       "PreferNoSchedule or NoExecute",
                       STR_ARG(str_take(text, 80)));
    struct meta_wrong w = meta_qualified_name(key);
    if (w.n)
        return rule_err(err, "taints", key, w);
    w = meta_label_value(value);
    if (w.n)
        return rule_err(err, "taints", value, w);
    *out = (struct sim_taint){ key, value, effect };
    return 0;
}

static int read_names(struct sim_group *out, const struct group_config *g, struct err *err)
{
    char first[300];
    int n = snprintf(first, sizeof first, "%.*s0", STR_ARG(str_take(g->prefix, 256)));
    struct meta_wrong w = meta_dns_subdomain(str_make(first, (size_t)n));
    if (w.n)
        return rule_err(err, "prefix", g->prefix, w);
    for (size_t i = 0; i < g->names.n; i++) {
        w = meta_dns_subdomain(g->names.items[i]);
        if (w.n)
            return rule_err(err, "names", g->names.items[i], w);
    }
    out->prefix = g->prefix;
    out->names = g->names.items;
    out->n = g->names.n ? (int64_t)g->names.n : g->count;
    return 0;
}

static int read_group(struct sim_group *out, struct arena *a, struct json v, struct err *err)
{
    struct group_config g = {
        .cells = -1, .cpus = -1, .mem_bytes = -1, .gpus = -1, .gpu_mem_bytes = -1, .pods = -1
    };
    config_defaults(&g, &sim_group_table, a);
    if (config_read_json(&g, &sim_group_table, a, v, err) != 0 || read_names(out, &g, err) != 0 ||
        read_shape(&out->shape, a, &g, err) != 0 || read_labels(out, a, &g.labels, err) != 0)
        return -1;
    struct sim_taint *taints = ARENA_ARRAY(a, struct sim_taint, g.taints.n + 1);
    for (size_t i = 0; i < g.taints.n; i++)
        if (read_taint(&taints[i], g.taints.items[i], err) != 0)
            return -1;
    out->taints = taints;
    out->n_taints = g.taints.n;
    return 0;
}

/* ---- the file ---- */

static int read_groups(struct sim_groups *out, struct arena *a, struct json root, struct err *err)
{
    struct json list = json_get(root, STR("nodes"));
    for (struct json_iter it = json_iter(root); json_next(&it);)
        if (!str_is(it.key, "nodes"))
            return err_set(err, ERR_INVALID, "unknown key \"%.*s\"; the file holds \"nodes\"",
                           STR_ARG(str_take(it.key, 80)));
    if (json_type(list) != JSON_ARR || json_len(list) > SIM_GROUPS_MAX)
        return err_set(err, ERR_INVALID, "nodes: wants a list of at most %d groups",
                       SIM_GROUPS_MAX);
    struct sim_groups groups = { ARENA_ARRAY(a, struct sim_group, json_len(list) + 1), 0 };
    int64_t total = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct sim_group *g = &groups.items[groups.n];
        *g = (struct sim_group){ 0 };
        if (read_group(g, a, it.value, err) != 0)
            return err_wrap(err, "nodes[%zu]", groups.n);
        groups.n++;
        total += g->n;
    }
    if (total > SIM_NODES_MAX)
        return err_set(err, ERR_INVALID, "nodes: %lld nodes are more than %d", (long long)total,
                       SIM_NODES_MAX);
    *out = groups;
    return 0;
}

int sim_file_parse(struct sim_groups *out, struct arena *a, struct str text, struct err *err)
{
    struct yaml_docs docs = { 0 };
    if (yaml_parse(&docs, text, &limits, err) != 0)
        return -1;
    int rc = 0;
    if (docs.n != 1 || json_type(json_root(docs.items[0])) != JSON_OBJ)
        rc = err_set(err, ERR_INVALID, "the file is one mapping with the key \"nodes\"");
    else
        rc = read_groups(out, a, json_root(docs.items[0]), err);
    yaml_docs_unref(&docs);
    return rc;
}
