/* SPDX-License-Identifier: Apache-2.0
 * pod_ports — says so when a container failed and a port that it declares is in someone else's
 * hands. Pods share the machine's network, where one port on all addresses belongs to one process.
 * What a program tries to bind nobody tells us; that the port it declared is taken, the kernel
 * does. */
#include "node/executor/executor_internal.h"
#include "node/executor/port_holders.h"

/* The pod whose container leads this session; NULL: a process that is no pod's. */
static const struct local_pod *pod_of_session(const struct executor *x, int64_t session)
{
    const struct map_slot *slot;
    for (size_t at = 0; (slot = map_next(&x->pods, &at));) {
        const struct local_pod *p = slot->value;
        for (size_t i = 0; i < p->n_runs; i++)
            if (p->pids[i] == session)
                return p;
    }
    return NULL;
}

static struct str
holder_text(struct arena *a, const struct local_pod *holder, const struct port_owner *owner)
{
    if (holder)
        return arena_printf(a, "pod %.*s/%.*s", STR_ARG(holder->pod->namespace),
                            STR_ARG(holder->pod->name));
    return arena_printf(a, "process %lld (%s) of this machine", (long long)owner->pid, owner->name);
}

static bool tell(struct local_pod *p, size_t i, const struct port_holder *h)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct port_owner owner = { 0 };
    if (!port_holders_owner(h->inode, &owner))
        return false; /* it ended meanwhile */
    const struct local_pod *holder = pod_of_session(p->x, owner.session);
    if (holder == p)
        return false;
    local_pod_event(
        p, "Warning", "PortTaken",
        arena_printf(a,
                     "Container %.*s ended with code %lld, and %.*s holds its port %u on %s. Pods "
                     "of this node share one network: let each listen on its own address (env "
                     "from fieldRef status.podIP) or on another port, or run the node with "
                     "--pod-network namespace",
                     STR_ARG(local_pod_container(p, i)->name), (long long)p->runs[i].end.code,
                     STR_ARG(holder_text(a, holder, &owner)), h->port,
                     h->everywhere ? "all addresses" : "one address, so that all are not free"));
    return true;
}

void pod_ports_check(struct local_pod *p, size_t i)
{
    struct json ports = json_get(local_pod_container(p, i)->raw, STR("ports"));
    struct port_holders held = { 0 };
    struct json_iter it = json_iter(ports);
    bool told = false;
    if (json_len(ports))
        port_holders_read(&held);
    while (json_next(&it) && !told) {
        int64_t port = json_i64_or(json_get(it.value, STR("containerPort")), 0);
        for (size_t k = 0; k < held.n && !told; k++)
            if (held.items[k].port == port)
                told = tell(p, i, &held.items[k]);
    }
    port_holders_fini(&held);
}
