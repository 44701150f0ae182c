/* SPDX-License-Identifier: Apache-2.0
 * prepare — see prepare.h. Hooks run after defaulting, so optional members are there. */
#include "apiserver/prepare.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/crd.h"
#include "apiserver/prepare_service.h"
#include "apiserver/refuse.h"
#include "kube/default.h"
#include "kube/meta.h"

/* ---- pods ---- */

struct qos {
    bool any;        /* some request or limit of cpu or memory */
    bool guaranteed; /* every container limits both, and requests as much */
};

static void qos_of_container(struct jnode *container, struct qos *q)
{
    static const char *const names[] = { "cpu", "memory" };
    struct jnode *limits = jnode_path(container, "resources.limits");
    struct jnode *requests = jnode_path(container, "resources.requests");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct jnode *limit = jnode_get(limits, str_from(names[i]));
        struct jnode *request = jnode_get(requests, str_from(names[i]));
        q->any |= limit || request;
        if (!limit || (request && !jnode_eq(limit, request)))
            q->guaranteed = false;
    }
}

static const char *qos_class(struct jnode *spec)
{
    struct qos q = { .guaranteed = true };
    static const char *const lists[] = { "containers", "initContainers" };
    for (size_t k = 0; k < COUNT_OF(lists); k++) {
        struct jnode *list = jnode_get(spec, str_from(lists[k]));
        for (size_t i = 0; i < jnode_len(list); i++)
            qos_of_container(jnode_at(list, i), &q);
    }
    if (!q.any)
        return "BestEffort";
    return q.guaranteed ? "Guaranteed" : "Burstable";
}

static enum turn pod_create(struct action *a)
{
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    jnode_set_str(status, STR("phase"), STR("Pending"));
    struct jnode *spec = jnode_get(a->obj, STR("spec"));
    jnode_set_str(status, STR("qosClass"), str_from(qos_class(spec)));
    if (jnode_len(jnode_get(spec, STR("schedulingGates"))) > 0) {
        struct jnode *c =
            jnode_append(jnode_need_arr(status, STR("conditions")), jnode_obj(a->arena));
        jnode_set_str(c, STR("type"), STR("PodScheduled"));
        jnode_set_str(c, STR("status"), STR("False"));
        jnode_set(c, STR("lastProbeTime"), jnode_null(a->arena));
        char now[TIME_TEXT_MAX];
        jnode_set_str(c, STR("lastTransitionTime"), wall_text(now, api_now(a->s)));
        jnode_set_str(c, STR("reason"), STR("SchedulingGated"));
        jnode_set_str(c, STR("message"),
                      STR("Scheduling is blocked due to non-empty scheduling gates"));
    }
    return TURN_GO;
}

/* The class of service and the address list are the server's. */
static enum turn pod_update(struct action *a)
{
    if (!str_is(a->r.subresource, "status"))
        return TURN_GO;
    struct jnode *status = jnode_need_obj(a->obj, STR("status"));
    struct str qos = json_str(kobj_path(a->old, "status.qosClass"));
    if (qos.n > 0)
        jnode_set_str(status, STR("qosClass"), qos);
    struct str ip = jnode_text_of_str(jnode_get(status, STR("podIP")));
    struct str first = jnode_text_of_str(jnode_path(status, "podIPs.0.ip"));
    if (ip.n > 0 && !str_eq(ip, first)) {
        struct jnode *list = jnode_set(status, STR("podIPs"), jnode_arr(a->arena));
        jnode_set_str(jnode_append(list, jnode_obj(a->arena)), STR("ip"), ip);
    }
    return TURN_GO;
}

/* ---- jobs ---- */

static enum turn job_create(struct action *a)
{
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    if (jnode_is_true(jnode_get(spec, STR("manualSelector"))))
        return TURN_GO;
    jnode_set_bool(spec, STR("manualSelector"), false);
    struct str uid = jnode_text_of_str(jnode_path(a->obj, "metadata.uid"));
    struct jnode *selector = jnode_get(spec, STR("selector"));
    if (selector && jnode_len(selector) > 0)
        return TURN_GO; /* validation refuses it */
    selector = jnode_set(spec, STR("selector"), jnode_obj(a->arena));
    jnode_set_str(jnode_need_obj(selector, STR("matchLabels")),
                  STR("batch.kubernetes.io/controller-uid"), uid);
    struct jnode *template = jnode_need_obj(spec, STR("template"));
    struct jnode *labels = jnode_need_obj(jnode_need_obj(template, STR("metadata")), STR("labels"));
    jnode_set_str(labels, STR("batch.kubernetes.io/controller-uid"), uid);
    jnode_set_str(labels, STR("batch.kubernetes.io/job-name"), a->r.name);
    jnode_set_str(labels, STR("controller-uid"), uid);
    jnode_set_str(labels, STR("job-name"), a->r.name);
    return TURN_GO;
}

/* ---- namespaces ---- */

static enum turn namespace_update(struct action *a)
{
    meta_set_label(a->obj, STR("kubernetes.io/metadata.name"), a->r.name);
    if (a->old && !str_is(a->r.subresource, "finalize")) {
        struct json finalizers = kobj_path(a->old, "spec.finalizers");
        struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
        if (json_len(finalizers) > 0)
            jnode_set(spec, STR("finalizers"), jnode_thaw(a->arena, finalizers));
        else
            jnode_del(spec, STR("finalizers"));
    }
    return TURN_GO;
}

static enum turn namespace_create(struct action *a)
{
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    struct jnode *list = jnode_need_arr(spec, STR("finalizers"));
    bool has = false;
    for (size_t i = 0; i < jnode_len(list); i++)
        has |= str_is(jnode_text_of_str(jnode_at(list, i)), "kubernetes");
    if (!has)
        jnode_append(list, jnode_str(a->arena, STR("kubernetes")));
    jnode_set_str(jnode_need_obj(a->obj, STR("status")), STR("phase"), STR("Active"));
    return namespace_update(a);
}

static enum turn claim_create(struct action *a)
{
    jnode_set_str(jnode_need_obj(a->obj, STR("status")), STR("phase"), STR("Pending"));
    return TURN_GO;
}

static enum turn accept(struct action *a)
{
    (void)a;
    return TURN_GO;
}

typedef enum turn (*prepare_fn)(struct action *a);

static const struct {
    const char *group, *plural;
    prepare_fn create, update;
} hooks[] = {
    { "", "namespaces", namespace_create, namespace_update },
    { "", "persistentvolumeclaims", claim_create, accept },
    { "", "pods", pod_create, pod_update },
    { "", "services", prepare_service_create, prepare_service_update },
    { "apiextensions.k8s.io", "customresourcedefinitions", crd_prepare_create, crd_prepare_update },
    { "batch", "jobs", job_create, accept },
};

static enum turn run(struct action *a, bool create)
{
    const struct resource *r = a->what->res;
    if (r->custom)
        return TURN_GO;
    for (size_t i = 0; i < COUNT_OF(hooks); i++) {
        if (str_is(r->plural, hooks[i].plural) && str_is(r->group, hooks[i].group))
            return create ? hooks[i].create(a) : hooks[i].update(a);
    }
    return TURN_GO;
}

enum turn prepare_create(struct action *a)
{
    return run(a, true);
}

enum turn prepare_update(struct action *a)
{
    return run(a, false);
}
