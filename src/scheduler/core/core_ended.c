/* SPDX-License-Identifier: Apache-2.0
 * core_ended — members that ended. A finished pod takes no room, so the snapshot forgets it; its
 * gang must not: a Job whose remaining completions are fewer than the gang's minimum would wait for
 * ever if those that succeeded did not count. They count while the API shows them, so a scheduler
 * that starts anew knows the same. */
#include <stdlib.h>

#include "scheduler/core/core_internal.h"

struct ended {
    struct list in_gang;
    struct gang *g;
    struct str key, role; /* own texts; key: "namespace/name" */
    bool succeeded;
};

static struct str own(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static void ended_free(struct ended *e)
{
    list_remove(&e->in_gang);
    gang_count_ended(e->g, e->role, e->succeeded, -1);
    free((void *)(uintptr_t)e->key.p); /* own texts */
    free((void *)(uintptr_t)e->role.p);
    free(e);
}

static struct ended *find(const struct sched_core *s, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    return map_get(&s->ended, arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name)));
}

void core_ended_add(struct sched_core *s, const struct kobj *pod, struct mono now)
{
    const struct pod *view = pod_of(pod);
    const struct profile *profile = core_profile(s, view->scheduler_name);
    if (!view->gang || !profile || !profile->gangs || find(s, pod->namespace, pod->name))
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct ended *e = MEM_NEW(struct ended);
    const struct gang_claim *claim = core_claim_of(s, pod, a);
    struct gang *g = core_gang_of(s, pod, profile);
    *e = (struct ended){ .g = g,
                         .key = own(kobj_key(a, pod)),
                         .role = own(gang_role_of(a, g, view->labels, claim->role)),
                         .succeeded = view->phase == POD_SUCCEEDED };
    map_put(&s->ended, e->key, e);
    list_push_back(&e->g->ended, &e->in_gang);
    gang_count_ended(e->g, e->role, e->succeeded, 1);
    if (e->g->n_members)
        core_gang_changed(s, e->g, now);
}

void core_ended_drop(struct sched_core *s, struct str namespace, struct str name, struct mono now)
{
    struct ended *e = s->ended.n ? find(s, namespace, name) : NULL;
    if (!e)
        return;
    struct gang *g = e->g;
    map_del(&s->ended, e->key);
    ended_free(e);
    if (g->n_members)
        core_gang_changed(s, g, now);
    else
        core_gang_gone(s, g);
}

void core_ended_fini(struct sched_core *s)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->ended, &i));) {
        struct gang *g = ((struct ended *)slot->value)->g;
        ended_free(slot->value);
        core_gang_gone(s, g);
    }
    map_fini(&s->ended);
}
