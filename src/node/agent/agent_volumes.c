/* SPDX-License-Identifier: Apache-2.0
 * agent_volumes — keeps the volumes of running pods as the API says. Each ConfigMap and Secret that
 * some running pod shows in a volume is watched alone, once for all pods that show it; an immutable
 * one is read and not watched any further. A change brings the volumes of its pods up to date, as
 * does a change of a pod's own labels and annotations for downwardAPI files. */
#include <stdlib.h>

#include "node/agent/agent_internal.h"

struct shown { /* a ConfigMap or Secret in somebody's volume */
    struct node_agent *n;
    bool secret;
    struct str key;              /* "secrets/NAMESPACE/NAME"; owned */
    struct str namespace, name;  /* inside key */
    struct informers *informers; /* of this object alone; NULL: it can change no more */
    struct informer *informer;
    const struct kobj *object; /* a reference; NULL: there is none */
    bool known;                /* it was looked up */
    size_t users;
};

static bool immutable(const struct kobj *o)
{
    return o && json_bool(json_get(kobj_root(o), STR("immutable")), false);
}

/* ---- what a pod's volumes show ---- */

static struct json find_shown(void *arg, bool secret, struct str name)
{
    struct tracked *t = arg;
    for (size_t i = 0; i < t->shown.n; i++)
        if (t->shown.items[i]->secret == secret && str_eq(t->shown.items[i]->name, name))
            return kobj_root(t->shown.items[i]->object);
    return (struct json){ 0 };
}

static bool all_known(const struct tracked *t)
{
    for (size_t i = 0; i < t->shown.n; i++)
        if (!t->shown.items[i]->known)
            return false;
    return true;
}

static void project(struct tracked *t)
{
    struct podspec_trouble why;
    AUTO(arena_freep) struct arena *a = arena_new();
    if (!t->p || !local_pod_prepared(t->p) || !all_known(t))
        return;
    if (local_pod_project(t->p, a, find_shown, t, &why) < 0)
        agent_event(t->n, t->latest, "Warning", "FailedMount", why.message);
}

static bool shows(const struct tracked *t, const struct shown *s)
{
    for (size_t i = 0; i < t->shown.n; i++)
        if (t->shown.items[i] == s)
            return true;
    return false;
}

/* ---- one object ---- */

static void on_batch(void *arg)
{
    struct shown *s = arg;
    struct node_agent *n = s->n;
    const struct kobj *now = informer_find(s->informer, s->namespace, s->name);
    const struct map_slot *slot;
    if (!informer_synced(s->informer) || (s->known && now == s->object))
        return;
    kobj_unref(s->object);
    s->object = now ? kobj_ref(now) : NULL;
    s->known = true;
    if (immutable(s->object))
        timer_start(n->tidy, 0); /* not here: this is its informer's own callback */
    for (size_t i = 0; (slot = map_next(&n->tracked, &i));)
        if (shows(slot->value, s))
            project(slot->value);
}

static void on_object(void *arg, const struct kobj *before, const struct kobj *after)
{
    (void)arg; /* the batch looks at what there is */
    (void)before;
    (void)after;
}

static void watch_object(struct shown *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str only = arena_printf(a, "metadata.namespace=%.*s,metadata.name=%.*s",
                                   STR_ARG(s->namespace), STR_ARG(s->name));
    s->informers = informers_new(s->n->t);
    s->informer = informers_get(s->informers, agent_ref_resource(s->secret), only);
    informer_on_event(s->informer, on_object, on_batch, s);
    informers_start(s->informers);
}

static void shown_release(struct shown *s)
{
    if (--s->users)
        return;
    map_del(&s->n->shown, s->key);
    informers_free(s->informers);
    kobj_unref(s->object);
    free((void *)(uintptr_t)s->key.p);
    free(s);
}

static struct shown *shown_get(struct node_agent *n, bool secret, struct str ns, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str kind = agent_ref_resource(secret).plural;
    struct str key = arena_printf(a, "%.*s/%.*s/%.*s", STR_ARG(kind), STR_ARG(ns), STR_ARG(name));
    struct shown *s = map_get(&n->shown, key);
    if (!s) {
        s = MEM_NEW(struct shown);
        s->n = n;
        s->secret = secret;
        s->key = str_make(str_dup(key), key.n);
        s->namespace = str_make(s->key.p + kind.n + 1, ns.n);
        s->name = str_make(s->namespace.p + ns.n + 1, name.n);
        map_put(&n->shown, s->key, s);
        watch_object(s);
    }
    s->users++;
    return s;
}

void agent_volumes_tidy(void *arg)
{
    struct node_agent *n = arg;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&n->shown, &i));) {
        struct shown *s = slot->value;
        if (s->informers && s->known && immutable(s->object)) {
            informers_free(s->informers);
            s->informers = NULL;
            s->informer = NULL;
        }
    }
}

/* ---- pods ---- */

static void add_ref(void *arg, bool secret, struct str name)
{
    struct tracked *t = arg;
    for (size_t i = 0; i < t->shown.n; i++)
        if (t->shown.items[i]->secret == secret && str_eq(t->shown.items[i]->name, name))
            return;
    if (t->shown.n < AGENT_REFS_MAX)
        shown_vec_push(&t->shown, shown_get(t->n, secret, t->latest->namespace, name));
}

void agent_volumes_begin(struct tracked *t)
{
    if (t->n->stopping || t->shown.n)
        return;
    agent_refs_of_volumes(t->latest, add_ref, t);
    project(t); /* what is known already may be newer than what was prepared */
}

void agent_volumes_end(struct tracked *t)
{
    for (size_t i = 0; i < t->shown.n; i++)
        shown_release(t->shown.items[i]);
    shown_vec_fini(&t->shown);
}

void agent_volumes_changed(struct tracked *t, const struct kobj *before)
{
    bool same =
        json_eq(kobj_meta(before, STR("labels")), kobj_meta(t->latest, STR("labels"))) &&
        json_eq(kobj_meta(before, STR("annotations")), kobj_meta(t->latest, STR("annotations")));
    if (!same)
        project(t);
}
