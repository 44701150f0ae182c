/* SPDX-License-Identifier: Apache-2.0
 * pod_requests — what a pod asks for, by the rules of kube-scheduler 1.36 (the function PodRequests
 * of k8s.io/component-helpers, observed). Everything is summed exactly and rounded up once. */
#include "kube/pod.h"

#define DEFAULT_CPU_NANO ((__int128)100 * 1000000)            /* 100m */
#define DEFAULT_MEM_NANO ((__int128)(200 << 20) * 1000000000) /* 200Mi */

struct summing {
    struct arena *a;
    bool default_cpu, default_mem;       /* where a container names none */
    bool infeasible;                     /* a resize that cannot be: spec does not count */
    struct json statuses, init_statuses; /* absent: spec only */
};

static struct json status_of(struct json statuses, struct str name)
{
    for (struct json_iter it = json_iter(statuses); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), name))
            return it.value;
    }
    return (struct json){ 0 };
}

static struct exacts
container_requests(struct summing *s, struct json container, struct json status)
{
    struct exacts out = { 0 };
    struct json actuated = json_get(status, STR("resources"));
    if (!json_has(actuated) || !s->infeasible)
        exacts_add(s->a, &out, json_path(container, "resources.requests"));
    if (json_has(actuated)) {
        struct exacts other = { 0 };
        exacts_add(s->a, &other, json_get(actuated, STR("requests")));
        exacts_max(s->a, &out, &other);
        other = (struct exacts){ 0 };
        exacts_add(s->a, &other, json_get(status, STR("allocatedResources")));
        exacts_max(s->a, &out, &other);
    }
    if (s->default_cpu && !exacts_find(&out, STR("cpu")))
        exacts_need(s->a, &out, STR("cpu"))->nano = DEFAULT_CPU_NANO;
    if (s->default_mem && !exacts_find(&out, STR("memory")))
        exacts_need(s->a, &out, STR("memory"))->nano = DEFAULT_MEM_NANO;
    return out;
}

static struct exacts sum_containers(struct summing *s, struct json spec)
{
    struct exacts sum = { 0 }, sidecars = { 0 }, peak = { 0 };
    struct json list = json_get(spec, STR("containers"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        struct exacts one = container_requests(s, it.value, status_of(s->statuses, name));
        exacts_add_all(s->a, &sum, &one);
    }
    list = json_get(spec, STR("initContainers"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        bool sidecar = str_is(json_str(json_get(it.value, STR("restartPolicy"))), "Always");
        struct json status = { 0 };
        if (sidecar)
            status = status_of(s->init_statuses, json_str(json_get(it.value, STR("name"))));
        struct exacts one = container_requests(s, it.value, status);
        if (sidecar) {
            exacts_add_all(s->a, &sum, &one);
            exacts_add_all(s->a, &sidecars, &one);
            exacts_max(s->a, &peak, &sidecars);
        } else {
            exacts_add_all(s->a, &one, &sidecars);
            exacts_max(s->a, &peak, &one);
        }
    }
    exacts_max(s->a, &sum, &peak);
    return sum;
}

/* Resources that spec.resources may name. */
static bool pod_level_resource(struct str name)
{
    return str_is(name, "cpu") || str_is(name, "memory") || str_starts(name, STR("hugepages-"));
}

static void override_by_pod_level(struct arena *a, struct exacts *sum, struct json requests)
{
    for (struct json_iter it = json_iter(requests); json_next(&it);) {
        __int128 nano;
        if (!pod_level_resource(it.key) || !exact_parse(it.value, &nano))
            continue;
        struct exact *x = exacts_need(a, sum, it.key);
        if (x)
            x->nano = nano;
    }
}

static bool resize_infeasible(struct json status)
{
    struct json pending = condition_in(status, STR("PodResizePending"));
    return str_is(json_str(json_get(pending, STR("reason"))), "Infeasible");
}

static struct exacts sum_pod(struct summing *s, struct json spec, struct json pod_level)
{
    struct exacts sum = sum_containers(s, spec);
    override_by_pod_level(s->a, &sum, pod_level);
    exacts_add(s->a, &sum, json_get(spec, STR("overhead")));
    return sum;
}

static bool names_pod_level(struct json pod_level)
{
    for (struct json_iter it = json_iter(pod_level); json_next(&it);) {
        if (pod_level_resource(it.key))
            return true;
    }
    return false;
}

struct amounts pod_requests(struct arena *a, struct json pod, unsigned flags)
{
    struct json spec = json_get(pod, STR("spec"));
    struct json pod_level = { 0 };
    if (!(flags & POD_REQUESTS_NO_POD_LEVEL))
        pod_level = json_path(spec, "resources.requests");
    struct summing s = { .a = a };
    if (!(flags & POD_REQUESTS_NO_STATUS)) {
        struct json status = json_get(pod, STR("status"));
        s.statuses = json_get(status, STR("containerStatuses"));
        s.init_statuses = json_get(status, STR("initContainerStatuses"));
        s.infeasible = resize_infeasible(status);
    }
    if (flags & POD_REQUESTS_NONZERO) {
        /* With pod-level requests a default fills in only what the pod's total lacks. */
        bool by_pod = names_pod_level(pod_level);
        struct exacts plain = { 0 };
        if (by_pod)
            plain = sum_pod(&s, spec, pod_level);
        s.default_cpu = !by_pod || !exacts_find(&plain, STR("cpu"));
        s.default_mem = !by_pod || !exacts_find(&plain, STR("memory"));
    }
    struct exacts sum = sum_pod(&s, spec, pod_level);
    return exacts_round_up(a, &sum);
}
