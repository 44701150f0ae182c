/* SPDX-License-Identifier: Apache-2.0
 * core_together — gangs of which their own group objects say that they start together:
 * Koordinator's PodGroups with the annotation groups, or their pods. The pod's claim and its object
 * make one of the joint gang (kube/gang/gang_together.c), as if the pod had said all of it. When
 * the object changes, its pods come anew; those that are being bound, once they are. */
#include "scheduler/core/core_internal.h"

static struct str note(const struct kobj *o, struct gang_key k)
{
    return k.in == GANG_NOWHERE ? (struct str){ 0 } : kobj_annotation(o, k.key);
}

/* The minimum that the object itself says. */
static int64_t own_min(const struct kobj *o, const struct gang_claim *c, struct arena *a)
{
    struct gang_spec said;
    for (size_t i = 0; i < gang_object_kinds_count; i++) {
        const struct gang_object_kind *k = &gang_object_kinds[i];
        if ((k->bit & c->dialect->objects) && gang_object_read(k, o, c->part, a, &said))
            return said.min;
    }
    return 0;
}

static struct gang_claim *copy(struct arena *a, const struct gang_claim *c)
{
    struct gang_claim *out = ARENA_NEW(a, struct gang_claim);
    struct str *texts[] = { &out->name,  &out->object,  &out->part, &out->role,
                            &out->roles, &out->ignored, &out->wrong };
    *out = *c;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i]->p)
            *texts[i] = arena_str(a, *texts[i]);
    }
    return out;
}

/* An object may say of this claim that its gang starts with others. */
static bool may_be_together(const struct gang_claim *c)
{
    return c && c->dialect->objects && c->dialect->together.in != GANG_NOWHERE;
}

const struct gang_claim *
core_claim_of(const struct sched_core *s, const struct kobj *pod, struct arena *a)
{
    const struct gang_claim *c = pod_of(pod)->gang;
    if (!may_be_together(c))
        return c;
    const struct kobj *o = core_group(s, c->dialect->objects, pod->namespace, c->object);
    struct str list = note(o, c->dialect->together);
    if (o && !list.n)
        list = note(pod, c->dialect->together);
    if (!list.n)
        return c;
    struct gang_claim *out = copy(a, c);
    if (!out->min)
        out->min = own_min(o, c, a);
    gang_match_parse(note(o, c->dialect->match), &out->match);
    if (str_is(note(o, c->dialect->mode), "NonStrict"))
        out->late = GANG_WAITS;
    gang_claim_together(a, out, pod->namespace, list);
    if (str_eq(out->name, c->name) && !out->wrong.p)
        return c;          /* a list of itself */
    out->object = STR(""); /* no single object speaks for all of them */
    return out;
}

void core_claim_keep(const struct sched_core *s, struct spod *p)
{
    if (!may_be_together(p->view->gang))
        return;
    struct arena *a = arena_new();
    const struct gang_claim *c = core_claim_of(s, p->obj, a);
    bool own = c != p->view->gang;
    arena_free(p->joined_a);
    p->joined = own ? c : NULL;
    p->joined_a = own ? a : NULL;
    if (!own)
        arena_free(a);
}

bool core_claim_moved(const struct sched_core *s, const struct spod *p)
{
    if (!p->gang || !may_be_together(p->view->gang))
        return false;
    AUTO(arena_freep) struct arena *a = arena_new();
    return !gang_claim_same(core_claim_of(s, p->obj, a), spod_claim(p));
}

VEC_TYPE(moved_pods, struct spod *);

void core_claims_anew(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now)
{
    AUTO(moved_pods_fini) struct moved_pods moved = { 0 };
    struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));) {
        const struct gang_claim *c = p->view->gang;
        if (c && !p->assumed && (c->dialect->objects & bit) && str_eq(c->object, obj->name) &&
            str_eq(p->obj->namespace, obj->namespace) && core_claim_moved(s, p))
            moved_pods_push(&moved, p);
    }
    for (size_t i = 0; i < moved.n; i++)
        core_pod_anew(s, moved.items[i], now);
}
