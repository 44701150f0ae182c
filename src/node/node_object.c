/* SPDX-License-Identifier: Apache-2.0
 * node_object — the Node that announces a machine: labels, NUMA topology, amounts, conditions. */
#include "base/buf.h"
#include "kube/meta.h"
#include "kube/names.h"
#include "node/machine.h"

#define PODS_DEFAULT 250

static void label(struct arena *a, struct jnode *node, struct str key, int64_t value)
{
    meta_set_label(node, key, arena_printf(a, "%lld", (long long)value));
}

/* A label's value has no commas and 63 bytes at most: only plain ranges fit. */
static bool fits_label(struct str s)
{
    return meta_label_value(s).n == 0;
}

static void cell_labels(struct arena *a, struct jnode *node, const struct machine *m)
{
    if (!m->n_cells)
        return;
    label(a, node, STR("numa.kubenexus.io/node-count"), (int64_t)m->n_cells);
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct machine_cell *c = &m->cells[i];
        if (fits_label(c->cpus))
            meta_set_label(node, arena_printf(a, "numa.kubenexus.io/node-%zu-cpus", i), c->cpus);
        label(a, node, arena_printf(a, "numa.kubenexus.io/node-%zu-memory", i), c->mem_bytes);
    }
}

/* The annotation that scheduler/topology.h reads before any label. */
static void topology(struct jnode *node, const struct machine *m)
{
    struct buf b;
    if (!m->n_cells)
        return;
    buf_init(&b, 65536);
    buf_str(&b, STR("{\"cells\":["));
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct machine_cell *c = &m->cells[i];
        bool first = true;
        buf_printf(&b, "%s{\"resources\":{\"cpu\":\"%lld\",\"memory\":\"%lld\"}", i ? "," : "",
                   (long long)c->n_cpus, (long long)c->mem_bytes);
        buf_str(&b, STR(",\"devices\":{\"nvidia.com/gpu\":["));
        for (int64_t g = 0; g < m->gpus; g++) {
            if (m->gpu_cell[g] != (int64_t)i)
                continue;
            buf_printf(&b, "%s%lld", first ? "" : ",", (long long)g);
            first = false;
        }
        buf_str(&b, STR("]}}"));
    }
    buf_str(&b, STR("]}"));
    meta_set_annotation(node, STR(NAME_TOPOLOGY), buf_view(&b));
    buf_fini(&b);
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
    cell_labels(a, node, m);
    topology(node, m);
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
