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

static bool has_port(const struct pod *p, const struct host_port *port)
{
    for (size_t i = 0; i < p->host_ports.n; i++) {
        const struct host_port *own = &p->host_ports.items[i];
        if (own->port == port->port && own->protocol == port->protocol && str_eq(own->ip, port->ip))
            return true;
    }
    return false;
}

/* kube-scheduler keeps the ports of a node as a set: when a dry run takes one of several holders of
 * a port off, the port counts as free, until a holder is put back. */
static bool
is_freed(const struct sched_cycle *c, const struct spod *holder, const struct host_port *port)
{
    const struct lifted_pods *list = &c->cluster->lifted;
    bool freed = false;
    for (size_t i = 0; i < list->n; i++) {
        const struct lifted *l = &list->items[i];
        if (l->pod == holder)
            return false;
        freed =
            freed || (!l->back && (int64_t)l->node == holder->node && has_port(l->pod->view, port));
    }
    return freed;
}

static bool conflicts_with(const struct sched_cycle *c, const struct spod *other)
{
    const struct pod *want = c->shape->view, *have = other->view;
    for (size_t i = 0; i < want->host_ports.n; i++) {
        for (size_t j = 0; j < have->host_ports.n; j++) {
            if (conflicts(&want->host_ports.items[i], &have->host_ports.items[j]) &&
                !is_freed(c, other, &have->host_ports.items[j]))
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
        if (!conflicts_with(c, c->snap->pods.items[id]))
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
