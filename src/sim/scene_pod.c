/* SPDX-License-Identifier: Apache-2.0
 * scene_pod — the lives of a scene's pods.
 *
 *     AWAY ─► WAITING ─► PLACED ─► ENDED ─► AWAY
 *               ▲           │ evicted, or its node went
 *               └─ made anew┘  */
#include "kube/names.h"
#include "sim/scene_internal.h"

static void push(struct scene *s, struct scene_pod *p, enum scene_what what, int64_t at)
{
    const struct scene_event e = { .at = at, .what = what, .pod = p, .remade = p->remade };
    scene_push(s, &e);
}

static void become(struct scene_pod *p, struct kobj *obj) /* takes it over */
{
    kobj_unref(p->obj);
    p->obj = obj;
}

static void tell(struct scene *s, struct scene_pod *p)
{
    scene_hear(s, INPUT_POD, p->obj, false);
}

struct scene_pod *scene_pod_of(struct scene *s, const struct kobj *obj)
{
    return map_get(&s->by_uid, obj->uid);
}

/* ---- coming ---- */

static const struct day_version *first_version(const struct scene_pod *p)
{
    return &p->day->versions.items[0];
}

static bool node_is_dropped(const struct scene *s, struct str node)
{
    for (size_t i = 0; i < s->change->n_drops; i++) {
        if (str_eq(s->change->drops[i], node))
            return true;
    }
    return false;
}

/* It ran when the record began, or another scheduler placed it: it is where it was. */
static bool comes_placed(const struct scene *s, const struct scene_pod *p)
{
    return p->day->bound_obj && (!p->ours || p->day->placed) &&
           !node_is_dropped(s, pod_of(p->day->bound_obj)->node_name);
}

void scene_plan_pods(struct scene *s)
{
    for (size_t i = 0; i < s->day->pods.n; i++) {
        struct scene_pod *p = &s->pods[i];
        const struct day_pod *d = p->day = s->day->pods.items[i];
        p->life = &s->out->lives[i];
        *p->life =
            (struct scene_life){ .waits_from = DAY_NEVER, .started = DAY_NEVER, .left = DAY_NEVER };
        p->ours = core_profile(s->core, pod_of(first_version(p)->obj)->scheduler_name) != NULL;
        if (d->again || (!p->ours && !comes_placed(s, p)))
            continue; /* it comes when, and if, its former self is preempted; nobody places it */
        map_put(&s->by_uid, d->uid, p);
        struct scene_event e = { .at = p->ours ? d->came : d->bound,
                                 .seq = p->ours ? first_version(p)->seq : d->bound_seq,
                                 .what = SCENE_COME,
                                 .pod = p };
        scene_push(s, &e);
        e.what = SCENE_RENEW;
        for (uint32_t v = 1; p->ours && v < d->versions.n; v++) {
            e.at = d->versions.items[v].at;
            e.seq = d->versions.items[v].seq;
            e.version = v;
            scene_push(s, &e);
        }
        bool cancelled = d->gone != DAY_NEVER && d->bound == DAY_NEVER;
        if (cancelled || d->leaves_at)
            push(s, p, SCENE_CANCEL, d->gone);
    }
}

static int64_t milli_of(const struct spod *p)
{
    int64_t milli = 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        milli += 1000 * __builtin_popcountll((uint64_t)p->devices[k]);
    return milli + __builtin_popcountll((uint64_t)p->shared) * p->part_milli;
}

/* It takes its GPUs; the core has it on its node. */
static void take_gpus(struct scene *s, struct scene_pod *p)
{
    const struct spod *held = core_pod(s->core, p->obj->namespace, p->obj->name);
    p->gpu_milli = held && held->node >= 0 ? milli_of(held) : 0;
    s->gpu_used_milli += p->gpu_milli;
}

static void give_gpus(struct scene *s, struct scene_pod *p)
{
    s->gpu_used_milli -= p->gpu_milli;
    p->gpu_milli = 0;
}

static void plan_end(struct scene *s, struct scene_pod *p)
{
    if (p->day->run_ns != DAY_NEVER && !p->day->leaves_at)
        push(s, p, SCENE_END, s->now + p->day->run_ns);
}

static void note_names(struct scene *s, struct scene_pod *p)
{
    const struct spod *held = core_pod(s->core, p->obj->namespace, p->obj->name);
    const struct gang *g = held ? held->gang : NULL;
    if (held && held->quota.queue)
        p->life->queue = arena_str(s->out->a, quota_name(held->quota.queue));
    if (g && g->dialect)
        p->life->gang = arena_str(s->out->a, g->key);
}

void scene_note_reasons(struct scene *s)
{
    for (size_t i = 0; i < s->day->pods.n; i++) {
        struct scene_pod *p = &s->pods[i];
        const struct spod *held =
            p->state == SCENE_WAITING ? core_pod(s->core, p->obj->namespace, p->obj->name) : NULL;
        if (held && held->gang)
            p->life->why = arena_str(s->out->a, held->gang->message);
    }
}

static void come_placed(struct scene *s, struct scene_pod *p)
{
    become(p, kobj_ref(p->day->bound_obj));
    p->state = SCENE_PLACED;
    p->node = arena_str(s->a, pod_of(p->obj)->node_name);
    tell(s, p);
    take_gpus(s, p);
    plan_end(s, p);
}

static void come(struct scene *s, struct scene_pod *p)
{
    if (p->remade == 0 && comes_placed(s, p)) {
        come_placed(s, p);
        return;
    }
    become(p, scene_waiting(p->day->versions.items[p->version].obj, p->remade));
    if (p->remade)
        map_put(&s->by_uid, arena_str(s->a, p->obj->uid), p);
    p->state = SCENE_WAITING;
    if (p->remade)
        scene_claims_adopt(s, p->obj);
    tell(s, p);
    if (p->life->waits_from == DAY_NEVER)
        p->life->waits_from = s->now;
    note_names(s, p);
}

static void renew(struct scene *s, struct scene_pod *p, uint32_t version)
{
    p->version = version; /* also of what is made anew later */
    if (p->state != SCENE_WAITING || p->remade)
        return;
    become(p, scene_waiting(p->day->versions.items[version].obj, 0));
    tell(s, p);
    note_names(s, p);
}

/* ---- running ---- */

void scene_pod_place(struct scene *s, struct scene_pod *p, const struct planned *where)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str node = core_cluster(s->core)->snap.nodes.items[where->where.node]->name;
    struct scene_event e = { .at = s->now, .what = SCENE_BOUND, .pod = p, .remade = p->remade };
    e.obj = scene_bound(p->obj, node, placement_annotations(a, &where->where));
    p->state = SCENE_PLACED;
    p->node = arena_str(s->a, node);
    if (p->life->started == DAY_NEVER)
        p->life->started = s->now;
    take_gpus(s, p);
    scene_claims_place(s, where->pod);
    scene_push(s, &e);
    push(s, p, SCENE_RUN, s->now + SCENE_START_NS);
    plan_end(s, p);
}

static void end(struct scene *s, struct scene_pod *p, bool succeeded)
{
    const struct day_pod *d = p->day;
    become(p, scene_ended(p->obj, succeeded));
    p->state = SCENE_ENDED;
    tell(s, p);
    give_gpus(s, p);
    scene_claims_release(s, p->obj);
    if (d->gone != DAY_NEVER && d->ended != DAY_NEVER)
        push(s, p, SCENE_GO, s->now + (d->gone - d->ended));
}

static void go(struct scene *s, struct scene_pod *p)
{
    scene_hear(s, INPUT_POD, p->obj, true);
    give_gpus(s, p);
    scene_claims_release(s, p->obj);
    become(p, NULL);
    p->state = SCENE_AWAY;
}

static bool is_made_anew(const struct scene_pod *p)
{
    return p->ours && json_exists(kobj_controller(first_version(p)->obj));
}

void scene_pod_evict(struct scene *s, struct scene_pod *p, int64_t after_ns)
{
    if (p->state != SCENE_PLACED)
        return;
    if (p->ours) {
        s->out->evictions++;
        become(p, scene_leaving(p->obj, s->now));
        tell(s, p);
    }
    p->remade++; /* what was planned for it is void */
    push(s, p, SCENE_GO, s->now + after_ns);
    if (is_made_anew(p))
        push(s, p, SCENE_COME, s->now + after_ns + SCENE_AGAIN_NS);
}

void scene_pod_fail(struct scene *s, struct scene_pod *p)
{
    if (p->state == SCENE_WAITING)
        end(s, p, false);
}

static void cancel(struct scene *s, struct scene_pod *p)
{
    if (p->state == SCENE_WAITING && p->life->started == DAY_NEVER)
        p->life->left = s->now;
    if (p->state != SCENE_AWAY)
        go(s, p);
    p->remade = UINT32_MAX; /* nor is it made anew */
}

void scene_pod_event(struct scene *s, const struct scene_event *e)
{
    struct scene_pod *p = e->pod;
    bool is_void = e->remade != p->remade;
    if (e->what == SCENE_CANCEL && p->remade != UINT32_MAX)
        cancel(s, p);
    else if (e->what == SCENE_RENEW && p->remade != UINT32_MAX)
        renew(s, p, e->version);
    else if (e->what == SCENE_COME && !is_void)
        come(s, p);
    else if (e->what == SCENE_BOUND && !is_void && p->state == SCENE_PLACED) {
        become(p, kobj_ref(e->obj));
        scene_claims_bound(s, p->obj);
        tell(s, p);
    } else if (e->what == SCENE_RUN && !is_void && p->state == SCENE_PLACED) {
        become(p, scene_running(p->obj, s->now));
        tell(s, p);
    } else if (e->what == SCENE_END && !is_void && p->state == SCENE_PLACED)
        end(s, p, p->day->ended == DAY_NEVER || p->day->succeeded);
    else if (e->what == SCENE_GO && !is_void && p->obj)
        go(s, p);
}
