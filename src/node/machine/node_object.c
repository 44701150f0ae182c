/* SPDX-License-Identifier: Apache-2.0
 * node_object — the Node that announces a machine: labels, NUMA topology, amounts, conditions. */
#include "kube/meta.h"
#include "kube/names.h"
#include "kube/node_cells.h"
#include "node/machine/machine.h"

#define PODS_DEFAULT 250

static void label(struct arena *a, struct jnode *node, struct str key, int64_t value)
{
    meta_set_label(node, key, arena_printf(a, "%lld", (long long)value));
}

static void cells(struct arena *a, struct jnode *node, const struct machine *m)
{
    struct node_cells all = { .n = (uint32_t)m->n_cells };
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct machine_cell *c = &m->cells[i];
        all.cells[i] = (struct node_cell){ .cpu_milli = 1000 * c->n_cpus,
                                           .mem_bytes = c->mem_bytes,
                                           .cpus = c->cpus };
    }
    for (int64_t g = 0; g < m->gpus && m->n_cells; g++)
        all.cells[m->gpu_cell[g]].devices[DEVICE_NVIDIA] |= UINT64_C(1) << g;
    node_cells_label(a, node, &all);
    node_cells_annotate(node, &all);
}

static void labels(struct arena *a,
                   struct jnode *node,
                   const struct machine *m,
                   const struct node_options *o,
                   struct str name)
{
    meta_set_label(node, STR("kubernetes.io/hostname"), name);
    meta_set_label(node, STR("kubernetes.io/os"), STR("linux"));
    meta_set_label(node, STR("kubernetes.io/arch"), m->arch);
    meta_set_label(node, STR(NAME_EXECUTOR), STR("local"));
    meta_set_label(node, STR("node.ganglion.io/pod-network"),
                   o->pod_network == NODE_NETWORK_NAMESPACE ? STR("namespace") : STR("host"));
    if (m->gpus)
        label(a, node, STR("nvidia.com/gpu.count"), m->gpus);
    if (m->gpus && m->gpu_mem_mib)
        label(a, node, STR("nvidia.com/gpu.memory"), m->gpu_mem_mib);
    cells(a, node, m);
}

static struct jnode *amounts(struct arena *a, const struct machine *m, const struct node_options *o)
{
    struct jnode *r = jnode_obj(a);
    if (m->cpu_milli % 1000)
        jnode_set_str(r, STR("cpu"), arena_printf(a, "%lldm", (long long)m->cpu_milli));
    else
        jnode_set_str(r, STR("cpu"), arena_printf(a, "%lld", (long long)(m->cpu_milli / 1000)));
    jnode_set_str(r, STR("memory"), arena_printf(a, "%lldKi", (long long)(m->mem_bytes / 1024)));
    jnode_set_str(r, STR("ephemeral-storage"),
                  arena_printf(a, "%lldKi", (long long)(m->disk_bytes / 1024)));
    jnode_set_str(
        r, STR("pods"),
        arena_printf(a, "%lld", (long long)(o->max_pods > 0 ? o->max_pods : PODS_DEFAULT)));
    if (m->gpus)
        jnode_set_str(r, STR("nvidia.com/gpu"), arena_printf(a, "%lld", (long long)m->gpus));
    return r;
}

static void conditions(struct arena *a, struct jnode *status, struct wall now)
{
    static const struct {
        const char *type, *status, *reason, *message;
    } rows[] = {
        { "MemoryPressure", "False", "KubeletHasSufficientMemory",
          "kubelet has sufficient memory available" },
        { "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure" },
        { "PIDPressure", "False", "KubeletHasSufficientPID",
          "kubelet has sufficient PID available" },
        { "Ready", "True", "KubeletReady", "the local executor is ready" },
    };
    struct jnode *list = jnode_need_arr(status, STR("conditions"));
    char text[TIME_TEXT_MAX];
    struct str beat = wall_text(text, now);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct condition_spec c = { .type = rows[i].type,
                                    .status = rows[i].status,
                                    .reason = str_from(rows[i].reason),
                                    .message = str_from(rows[i].message) };
        meta_set_condition(a, list, &c, now);
        jnode_set_str(jnode_at(list, i), STR("lastHeartbeatTime"), beat);
    }
}

static void address(struct arena *a, struct jnode *status, const char *type, struct str text)
{
    struct jnode *one = jnode_append(jnode_need_arr(status, STR("addresses")), jnode_obj(a));
    jnode_set_str(one, STR("type"), str_from(type));
    jnode_set_str(one, STR("address"), text);
}

static void node_info(struct jnode *status, const struct machine *m)
{
    struct jnode *i = jnode_need_obj(status, STR("nodeInfo"));
    jnode_set_str(i, STR("machineID"), m->machine_id);
    jnode_set_str(i, STR("systemUUID"), STR(""));
    jnode_set_str(i, STR("bootID"), m->boot_id);
    jnode_set_str(i, STR("kernelVersion"), m->kernel);
    jnode_set_str(i, STR("osImage"), m->os_image);
    jnode_set_str(i, STR("containerRuntimeVersion"), STR("ganglion://" GANGLION_VERSION));
    jnode_set_str(i, STR("kubeletVersion"), STR("v1.36.0"));
    jnode_set_str(i, STR("kubeProxyVersion"), STR(""));
    jnode_set_str(i, STR("operatingSystem"), STR("linux"));
    jnode_set_str(i, STR("architecture"), m->arch);
}

struct jnode *machine_node(struct arena *a,
                           const struct machine *m,
                           const struct node_options *o,
                           struct str name,
                           struct wall now)
{
    struct jnode *node = meta_object(a, "v1", "Node", (struct str){ 0 }, name);
    labels(a, node, m, o, name);
    struct jnode *status = jnode_need_obj(node, STR("status"));
    jnode_set(status, STR("capacity"), amounts(a, m, o));
    jnode_set(status, STR("allocatable"), amounts(a, m, o));
    conditions(a, status, now);
    address(a, status, "InternalIP", STR("127.0.0.1"));
    address(a, status, "Hostname", name);
    node_info(status, m);
    return node;
}
