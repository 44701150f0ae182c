/* SPDX-License-Identifier: Apache-2.0
 * agent_refs — the ConfigMaps and Secrets that a pod names, looked up before it is prepared. All
 * are asked for at once; the last answer continues with the pod. */
#include "client/calls.h"
#include "node/agent/agent_internal.h"

static void need_ref(void *arg, bool secret, struct str name)
{
    struct tracked *t = arg;
    for (size_t i = 0; i < t->n_refs; i++)
        if (t->refs[i].secret == secret && str_eq(t->refs[i].name, name))
            return;
    if (t->n_refs < AGENT_REFS_MAX)
        t->refs[t->n_refs++] = (struct pod_ref){ .secret = secret, .name = name };
}

static void
need_both(struct json o, const char *map, const char *secret, agent_ref_fn fn, void *arg)
{
    struct json m = json_get(o, str_from(map)), s = json_get(o, str_from(secret));
    struct str map_name = json_str(json_get(m, STR("name")));
    struct str secret_name = json_str(json_get(s, STR("secretName")));
    if (!secret_name.n)
        secret_name = json_str(json_get(s, STR("name")));
    if (map_name.n)
        fn(arg, false, map_name);
    if (secret_name.n)
        fn(arg, true, secret_name);
}

void agent_refs_of_volumes(const struct kobj *pod, agent_ref_fn fn, void *arg)
{
    struct json_iter it = json_iter(kobj_path(pod, "spec.volumes")), inner;
    while (json_next(&it)) {
        need_both(it.value, "configMap", "secret", fn, arg);
        for (inner = json_iter(json_path(it.value, "projected.sources")); json_next(&inner);)
            need_both(inner.value, "configMap", "secret", fn, arg);
    }
}

static void refs_of_containers(struct tracked *t, struct json list)
{
    struct json_iter it = json_iter(list), inner;
    while (json_next(&it)) {
        for (inner = json_iter(json_get(it.value, STR("env"))); json_next(&inner);)
            need_both(json_get(inner.value, STR("valueFrom")), "configMapKeyRef", "secretKeyRef",
                      need_ref, t);
        for (inner = json_iter(json_get(it.value, STR("envFrom"))); json_next(&inner);)
            need_both(inner.value, "configMapRef", "secretRef", need_ref, t);
    }
}

void agent_refs_drop(struct tracked *t)
{
    for (size_t i = 0; i < t->n_refs; i++)
        kobj_unref(t->refs[i].object);
    t->n_refs = t->n_waiting = 0;
    kobj_unref(t->asked);
    t->asked = NULL;
}

struct json agent_refs_find(void *arg, bool secret, struct str name)
{
    struct tracked *t = arg;
    for (size_t i = 0; i < t->n_refs; i++)
        if (t->refs[i].secret == secret && str_eq(t->refs[i].name, name))
            return kobj_root(t->refs[i].object);
    return (struct json){ 0 };
}

static void on_ref(void *arg, const struct reply *reply, const struct err *err)
{
    size_t i;
    struct tracked *t = agent_answered(arg, &i);
    (void)err; /* what could not be read counts as missing; it is asked again later */
    if (!t || i >= t->n_refs || !t->n_waiting)
        return;
    if (!call_refused(reply))
        t->refs[i].object = kobj_ref(reply->object);
    if (--t->n_waiting == 0 && t->p)
        tracked_prepare(t);
}

void agent_refs_look_up(struct tracked *t)
{
    static const char *const lists[] = { "spec.initContainers", "spec.containers" };
    agent_refs_drop(t);
    t->asked = kobj_ref(t->latest);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        refs_of_containers(t, kobj_path(t->asked, lists[i]));
    agent_refs_of_volumes(t->asked, need_ref, t);
    t->n_waiting = t->n_refs;
    if (!t->n_refs) {
        tracked_prepare(t);
        return;
    }
    for (size_t i = 0; i < t->n_refs; i++) {
        struct sent *x = agent_sent(t->n, t->uid);
        x->index = i;
        struct call_get get = { agent_ref_resource(t->refs[i].secret), t->asked->namespace,
                                t->refs[i].name };
        x->call = call_get(t->n->t, &get, on_ref, x);
    }
}

struct gvr agent_ref_resource(bool secret)
{
    return secret ? GVR("", "v1", "secrets") : GVR("", "v1", "configmaps");
}
