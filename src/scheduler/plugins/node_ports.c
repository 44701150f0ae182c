/* SPDX-License-Identifier: Apache-2.0
 * node_ports — rejects nodes where a host port that the pod wants is taken. 0.0.0.0 stands for
 * every address; "::" is just another one, as in kube-scheduler. Pure. */
#include "scheduler/framework.h"

static bool is_any(struct str ip)
{
    return ip.n == 0 || str_is(ip, "0.0.0.0");
}

static bool conflicts(const struct host_port *a, const struct host_port *b)
{
    return a->port == b->port && a->protocol == b->protocol &&
           (is_any(a->ip) || is_any(b->ip) || str_eq(a->ip, b->ip));
}

static bool conflicts_with(const struct pod *want, const struct pod *other)
{
    for (size_t i = 0; i < want->host_ports.n; i++) {
        for (size_t j = 0; j < other->host_ports.n; j++) {
            if (conflicts(&want->host_ports.items[i], &other->host_ports.items[j]))
                return true;
        }
    }
    return false;
}

static enum prepare ports_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)run;
    (void)why;
    return c->shape->view->host_ports.n ? PREPARE_OK : PREPARE_SKIP;
}

static enum verdict ports_filter(const struct sched_cycle *c,
                                 const struct plugin_run *run,
                                 uint32_t node,
                                 struct why *why)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    if (n->n_ports == 0)
        return SCHED_OK;
    for (int64_t id = n->first_pod; id >= 0; id = c->snap->pods.items[id]->next) {
        if (!conflicts_with(c->shape->view, c->snap->pods.items[id]->view))
            continue;
        why_add(why, STR("node(s) didn't have free ports for the requested pod ports"));
        return SCHED_UNSCHEDULABLE;
    }
    return SCHED_OK;
}

const struct sched_plugin node_ports_plugin = {
    .name = "NodePorts",
    .help = "host ports that are taken",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED | WAKE_POD_GONE,
    .prepare = ports_prepare,
    .filter = ports_filter,
};
