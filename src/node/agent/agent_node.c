/* SPDX-License-Identifier: Apache-2.0
 * agent_node — the Node object and its Lease. The Node is created, or brought up to date when an
 * earlier agent made it; a Node that someone declares not ready, or deletes, is announced again. */
#include "base/log.h"
#include "client/calls.h"
#include "kube/lease.h"
#include "kube/node.h"
#include "node/agent/agent_internal.h"

#define LEASE_NAMESPACE STR(LEASE_NODE_NAMESPACE)
#define REGISTER_AGAIN_NS NS_PER_S

/* ---- the Lease ---- */

static void on_lease(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct node_agent *n = x->n;
    (void)err; /* the next beat tries again */
    n->leased = !call_refused(reply) || (reply && reply->code == 409);
    agent_sent_free(x);
}

void agent_on_beat(void *arg)
{
    struct node_agent *n = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall now = loop_wall(n->t->loop);
    struct json_doc *doc = call_body(n->leased ? lease_of_node_renewal(a, n->name, now)
                                               : lease_of_node(a, n->name, now));
    struct sent *x = agent_sent(n, (struct str){ 0 });
    struct call_patch patch = {
        .resource = LEASES, .namespace = LEASE_NAMESPACE, .name = n->name, .patch = json_root(doc)
    };
    struct call_create create = { LEASES, LEASE_NAMESPACE, json_root(doc) };
    x->call = n->leased ? call_merge_patch(n->t, &patch, on_lease, x)
                        : call_create(n->t, &create, on_lease, x);
    json_doc_unref(doc);
}

/* ---- the Node ---- */

static void
registration_failed(struct node_agent *n, const struct reply *reply, const struct err *err)
{
    struct err why = call_error(reply, err);
    LOG_WARN("node.register", kv_str("node", n->name), kv_i64("code", reply ? reply->code : 0),
             kv_err(&why), kv_cstr("next", "retrying in 1s"));
    timer_start(n->again, REGISTER_AGAIN_NS);
}

static void on_status(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct node_agent *n = x->n;
    agent_sent_free(x);
    if (call_refused(reply)) {
        registration_failed(n, reply, err);
        return;
    }
    if (!n->registered)
        LOG_INFO("node.registered", kv_str("node", n->name));
    n->registered = true;
}

static void patch_part(struct node_agent *n, bool status, reply_fn done)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *node = machine_node(a, &n->machine, &n->o, n->name, loop_wall(n->t->loop));
    struct jnode *patch = jnode_obj(a), *meta = jnode_get(node, STR("metadata"));
    if (status) {
        jnode_set(patch, STR("status"), jnode_copy(a, jnode_get(node, STR("status"))));
    } else {
        struct jnode *m = jnode_need_obj(patch, STR("metadata"));
        jnode_set(m, STR("labels"), jnode_copy(a, jnode_get(meta, STR("labels"))));
        struct jnode *notes = jnode_get(meta, STR("annotations"));
        if (notes)
            jnode_set(m, STR("annotations"), jnode_copy(a, notes));
    }
    struct json_doc *doc = call_body(patch);
    struct call_patch p = { .resource = NODES, .name = n->name, .patch = json_root(doc) };
    if (status)
        p.subresource = STR("status");
    struct sent *x = agent_sent(n, (struct str){ 0 });
    x->call = call_merge_patch(n->t, &p, done, x);
    json_doc_unref(doc);
}

static void on_labels(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct node_agent *n = x->n;
    agent_sent_free(x);
    if (call_refused(reply))
        registration_failed(n, reply, err);
    else
        patch_part(n, true, on_status);
}

static void on_created(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct node_agent *n = x->n;
    agent_sent_free(x);
    if (reply && reply->code == 409)
        patch_part(n, false, on_labels); /* an earlier agent's: bring it up to date */
    else if (call_refused(reply))
        registration_failed(n, reply, err);
    else
        patch_part(n, true, on_status); /* a server that drops status on create takes it here */
}

void agent_register(struct node_agent *n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc =
        call_body(machine_node(a, &n->machine, &n->o, n->name, loop_wall(n->t->loop)));
    struct sent *x = agent_sent(n, (struct str){ 0 });
    struct call_create create = { .resource = NODES, .object = json_root(doc) };
    x->call = call_create(n->t, &create, on_created, x);
    json_doc_unref(doc);
    agent_on_beat(n);
}

void agent_on_node(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct node_agent *n = arg;
    if (n->stopping || !n->registered)
        return;
    if (!after && before)
        timer_start(n->again, 0); /* deleted under us */
    else if (after && node_of(after)->ready != CONDITION_TRUE)
        patch_part(n, true, on_status);
}
