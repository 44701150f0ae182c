/* SPDX-License-Identifier: Apache-2.0
 * shape — the shapes that --sim-nodes knows, and their Node objects: capacity, NUMA and GPU labels
 * as KubeNexus and NVIDIA's feature discovery publish them. */
#include "sim/shape.h"

#include "base/buf.h"
#include "base/num.h"
#include "kube/meta.h"
#include "kube/names.h"
#include "kube/node_cells.h"

#define GIB (INT64_C(1) << 30)

const struct sim_shape sim_shapes[] = {
    { "gpu8", "2 NUMA cells, 128 CPUs, 1 TiB, 8 GPUs behind an NVSwitch", 2, 128, 1024 * GIB, 8,
      "NVIDIA-H100-80GB-HBM3", 81559, "nvswitch", 250, false },
    { "gpu8-claims", "the same, its GPUs by ResourceClaim", 2, 128, 1024 * GIB, 8,
      "NVIDIA-H100-80GB-HBM3", 81559, "nvswitch", 250, true },
    { "gpu4", "2 NUMA cells, 64 CPUs, 512 GiB, 4 GPUs with NVLink", 2, 64, 512 * GIB, 4,
      "NVIDIA-A100-SXM4-80GB", 81920, "nvlink", 250, false },
    { "cpu", "2 NUMA cells, 64 CPUs, 256 GiB, no GPU", 2, 64, 256 * GIB, 0, NULL, 0, NULL, 250,
      false },
    { "small", "1 NUMA cell, 4 CPUs, 16 GiB, no GPU", 1, 4, 16 * GIB, 0, NULL, 0, NULL, 110,
      false },
};
const size_t sim_shapes_count = COUNT_OF(sim_shapes);

const struct sim_shape *sim_shape_find(struct str name)
{
    for (size_t i = 0; i < sim_shapes_count; i++)
        if (str_is(name, sim_shapes[i].name))
            return &sim_shapes[i];
    return &sim_shapes[0];
}

const struct sim_shape *sim_shape_named(struct str name, struct err *err)
{
    const struct sim_shape *found = sim_shape_find(name);
    if (str_is(name, found->name))
        return found;
    struct buf list;
    buf_init(&list, 128);
    for (size_t i = 0; i < sim_shapes_count; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", sim_shapes[i].name);
    err_set(err, ERR_INVALID, "no node shape \"%.*s\"; there are %.*s", STR_ARG(name),
            STR_ARG(buf_view(&list)));
    buf_fini(&list);
    return NULL;
}

int sim_shape_parse(struct str text, int64_t *n, const struct sim_shape **shape, struct err *err)
{
    struct str name = text, count = str_split(&name, ':');
    int64_t nodes;
    if (!str_to_i64(count, &nodes) || nodes < 0 || nodes > SIM_NODES_MAX)
        return err_set(err, ERR_INVALID,
                       "--sim-nodes wants a number from 0 to %d, perhaps with a shape "
                       "(\"16:gpu8\"), not \"%.*s\"",
                       SIM_NODES_MAX, STR_ARG(text));
    const struct sim_shape *found = name.p ? sim_shape_named(name, err) : &sim_shapes[0];
    if (!found)
        return -1;
    *n = nodes;
    *shape = found;
    return 0;
}

static void label(struct jnode *node, struct arena *a, struct str key, int64_t value)
{
    meta_set_label(node, key, arena_printf(a, "%lld", (long long)value));
}

static void cell_labels(struct arena *a, struct jnode *node, const struct sim_shape *s)
{
    int64_t n = num_clamp_i64(s->cells, 1, NODE_CELLS_MAX), cpus = s->cpus / n;
    struct node_cells all = { .n = (uint32_t)n };
    for (int64_t c = 0; c < n; c++) {
        all.cells[c].mem_bytes = s->mem_bytes / n;
        all.cells[c].cpus =
            arena_printf(a, "%lld-%lld", (long long)(c * cpus), (long long)((c + 1) * cpus - 1));
        for (int64_t d = 0; d < n; d++)
            all.distance[c][d] = c == d ? 10 : 21;
    }
    for (int64_t g = 0; g < s->gpus && g < NODE_DEVICES_MAX; g++)
        all.cells[g * n / s->gpus].devices[DEVICE_NVIDIA] |= UINT64_C(1) << g;
    node_cells_label(a, node, &all);
}

static void gpu_labels(struct arena *a, struct jnode *node, const struct sim_shape *s)
{
    if (!s->gpus)
        return;
    meta_set_label(node, STR("nvidia.com/gpu.product"), str_from(s->gpu_model));
    label(node, a, STR("nvidia.com/gpu.count"), s->gpus);
    label(node, a, STR("nvidia.com/gpu.memory"), s->gpu_mem_mib);
    meta_set_label(node, STR("gpu.kubenexus.io/model"), str_from(s->gpu_model));
    label(node, a, STR("gpu.kubenexus.io/count"), s->gpus);
    meta_set_label(node, STR("gpu.kubenexus.io/topology"), str_from(s->gpu_topology));
}

static void host_labels(struct jnode *node, struct str name)
{
    meta_set_label(node, STR("kubernetes.io/hostname"), name);
    meta_set_label(node, STR("kubernetes.io/os"), STR("linux"));
    meta_set_label(node, STR("kubernetes.io/arch"), STR("amd64"));
    meta_set_label(node, STR(NAME_EXECUTOR), STR("simulated"));
}

static struct jnode *resources(struct arena *a, const struct sim_shape *s)
{
    struct jnode *r = jnode_obj(a);
    jnode_set_str(r, STR("cpu"), arena_printf(a, "%lld", (long long)s->cpus));
    bool whole = s->mem_bytes % GIB == 0;
    jnode_set_str(r, STR("memory"),
                  arena_printf(a, "%lld%s", (long long)(whole ? s->mem_bytes / GIB : s->mem_bytes),
                               whole ? "Gi" : ""));
    jnode_set_str(r, STR("ephemeral-storage"), STR("1Ti"));
    jnode_set_str(r, STR("pods"), arena_printf(a, "%lld", (long long)s->pods));
    if (s->gpus && !s->claims)
        jnode_set_str(r, STR("nvidia.com/gpu"), arena_printf(a, "%lld", (long long)s->gpus));
    return r;
}

static void conditions(struct arena *a, struct jnode *status, struct wall now)
{
    static const struct {
        const char *type, *status, *reason, *message;
    } rows[] = {
        { "MemoryPressure", "False", "KubeletHasSufficientMemory", "simulated" },
        { "DiskPressure", "False", "KubeletHasNoDiskPressure", "simulated" },
        { "PIDPressure", "False", "KubeletHasSufficientPID", "simulated" },
        { "Ready", "True", "KubeletReady", "simulated node is ready" },
    };
    struct jnode *list = jnode_need_arr(status, STR("conditions"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct condition_spec c = {
            .type = rows[i].type,
            .status = rows[i].status,
            .reason = str_from(rows[i].reason),
            .message = str_from(rows[i].message),
        };
        meta_set_condition(a, list, &c, now);
    }
}

struct jnode *
sim_node_object(struct arena *a, const struct sim_shape *s, struct str name, struct wall now)
{
    struct jnode *node = meta_object(a, "v1", "Node", (struct str){ 0 }, name);
    host_labels(node, name);
    cell_labels(a, node, s);
    gpu_labels(a, node, s);
    struct jnode *status = jnode_need_obj(node, STR("status"));
    jnode_set(status, STR("capacity"), resources(a, s));
    jnode_set(status, STR("allocatable"), resources(a, s));
    conditions(a, status, now);
    struct jnode *address = jnode_append(jnode_need_arr(status, STR("addresses")), jnode_obj(a));
    jnode_set_str(address, STR("type"), STR("Hostname"));
    jnode_set_str(address, STR("address"), name);
    struct jnode *machine = jnode_need_obj(status, STR("nodeInfo"));
    static const char *const empty[] = { "machineID", "systemUUID", "bootID", "kernelVersion" };
    for (size_t i = 0; i < COUNT_OF(empty); i++)
        jnode_set_str(machine, str_from(empty[i]), STR(""));
    jnode_set_str(machine, STR("osImage"), STR("simulated"));
    jnode_set_str(machine, STR("containerRuntimeVersion"), STR("ganglion-sim://" GANGLION_VERSION));
    jnode_set_str(machine, STR("kubeletVersion"), STR("v1.36.0"));
    jnode_set_str(machine, STR("kubeProxyVersion"), STR(""));
    jnode_set_str(machine, STR("operatingSystem"), STR("linux"));
    jnode_set_str(machine, STR("architecture"), STR("amd64"));
    return node;
}
