/* SPDX-License-Identifier: Apache-2.0
 * service_extended — the special ResourceClaim of a pod that asks by number for devices that only a
 * DeviceClass offers (spec.extendedResourceName). For each pod two writes:
 *
 *     the claim, owned by the pod: a request for each container and resource
 *     ─► pod.status.extendedResourceClaimStatus: which request is whose; the pod is tried with it
 *
 * Its name follows from the pod's uid, so that whoever is killed between the two finds it again.
 * Names and annotation are Kubernetes' (KEP-5004). */
#include <stdlib.h>

#include "base/num.h"
#include "client/calls.h"
#include "kube/meta.h"
#include "scheduler/service/service_internal.h"

#define ANNOTATION "resource.kubernetes.io/extended-resource-claim"

struct extended_claim { /* one pod's */
    struct scheduler *s;
    struct list link; /* in s->extended_claims */
    struct arena *a;
    struct kobj *pod;
    struct jnode *status; /* extendedResourceClaimStatus */
    struct call *call;
};

static void extended_free(struct extended_claim *e)
{
    list_remove(&e->link);
    kobj_unref(e->pod);
    arena_free(e->a);
    free(e);
}

/* ---- what it asks for ---- */

static void put_request(struct jnode *requests,
                        struct str name,
                        struct str class,
                        int64_t count,
                        struct arena *a)
{
    struct jnode *r = jnode_append(requests, jnode_obj(a));
    jnode_set_str(r, STR("name"), name);
    struct jnode *exactly = jnode_need_obj(r, STR("exactly"));
    jnode_set_str(exactly, STR("deviceClassName"), class);
    jnode_set_str(exactly, STR("allocationMode"), STR("ExactCount"));
    jnode_set(exactly, STR("count"), jnode_i64(a, count));
}

static void put_container(struct extended_claim *e,
                          const struct container *c,
                          size_t number,
                          struct jnode *requests)
{
    struct jnode *mappings = jnode_need_arr(e->status, STR("requestMappings"));
    size_t n = 0;
    for (size_t i = 0; i < c->requests.n; i++) {
        const struct amount *m = &c->requests.items[i];
        struct str class = core_extended_class(e->s->core, m->name);
        if (m->value <= 0 || !class.n)
            continue;
        struct str name = arena_printf(e->a, "container-%zu-request-%zu", number, n++);
        put_request(requests, name, class, m->value, e->a);
        struct jnode *o = jnode_append(mappings, jnode_obj(e->a));
        jnode_set_str(o, STR("containerName"), c->name);
        jnode_set_str(o, STR("resourceName"), m->name);
        jnode_set_str(o, STR("requestName"), name);
    }
}

static struct jnode *claim_of_pod(struct extended_claim *e)
{
    const struct pod *view = pod_of(e->pod);
    struct str uid = e->pod->uid;
    struct str base = arena_printf(e->a, "%.*s-extended-resources-", STR_ARG(e->pod->name));
    struct str name = meta_generate_name(e->a, base, num_mix64(str_hash(uid, 0)));
    struct jnode *claim =
        meta_object(e->a, "resource.k8s.io/v1", "ResourceClaim", e->pod->namespace, name);
    struct jnode *devices = jnode_need_obj(jnode_need_obj(claim, STR("spec")), STR("devices"));
    struct jnode *requests = jnode_need_arr(devices, STR("requests"));
    size_t number = 0;
    meta_add_owner(e->a, claim, e->pod, true);
    meta_set_annotation(claim, STR(ANNOTATION), STR("true"));
    for (size_t i = 0; i < view->init_containers.n; i++)
        put_container(e, &view->init_containers.items[i], number++, requests);
    for (size_t i = 0; i < view->containers.n; i++)
        put_container(e, &view->containers.items[i], number++, requests);
    jnode_set_str(e->status, STR("resourceClaimName"), name);
    return claim;
}

/* ---- the two writes ---- */

static void fail(struct extended_claim *e, const struct reply *reply, const struct err *err)
{
    struct err why = call_error(reply, err);
    LOG_WARN("claim.not_made", kv_str("namespace", e->pod->namespace), kv_str("pod", e->pod->name),
             kv_err(&why), kv_cstr("next", "made when the pod is tried again"));
    extended_free(e);
}

static void on_status(void *arg, const struct reply *reply, const struct err *err)
{
    struct extended_claim *e = arg;
    if (call_refused(reply))
        fail(e, reply, err);
    else
        extended_free(e);
}

static void on_made(void *arg, const struct reply *reply, const struct err *err)
{
    struct extended_claim *e = arg;
    bool there = reply && reply->code == 409; /* made by an earlier scheduler */
    if (call_refused(reply) && !there) {
        fail(e, reply, err);
        return;
    }
    struct jnode *root = jnode_obj(e->a);
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"), e->pod->uid);
    jnode_set(jnode_need_obj(root, STR("status")), STR("extendedResourceClaimStatus"), e->status);
    AUTO(json_doc_unrefp) struct json_doc *body = call_body(root);
    const struct call_patch p = { .resource = GVR("", "v1", "pods"),
                                  .namespace = e->pod->namespace,
                                  .name = e->pod->name,
                                  .subresource = STR("status"),
                                  .patch = json_root(body) };
    e->call = call_merge_patch(e->s->t, &p, on_status, e);
}

static void extended_start(struct scheduler *s, const struct spod *p)
{
    struct extended_claim *e = MEM_NEW(struct extended_claim);
    *e = (struct extended_claim){ .s = s, .a = arena_new(), .pod = kobj_ref(p->obj) };
    e->status = jnode_obj(e->a);
    list_push_back(&s->extended_claims, &e->link);
    AUTO(json_doc_unrefp) struct json_doc *body = call_body(claim_of_pod(e));
    const struct call_create c = { .resource = GVR("resource.k8s.io", "v1", "resourceclaims"),
                                   .namespace = p->obj->namespace,
                                   .object = json_root(body) };
    e->call = call_create(s->t, &c, on_made, e);
}

void service_extended(struct scheduler *s, const struct decision *d)
{
    for (size_t i = 0; i < d->n_unclaimed; i++)
        extended_start(s, d->unclaimed[i]);
}

void service_extended_cancel(struct scheduler *s)
{
    while (!list_empty(&s->extended_claims)) {
        struct extended_claim *e = LIST_ITEM(s->extended_claims.next, struct extended_claim, link);
        s->t->ops->cancel(e->call);
        extended_free(e);
    }
}
