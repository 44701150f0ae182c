/* SPDX-License-Identifier: Apache-2.0
 * garbage — see garbage.h.
 *
 *     event ─► graph ─► keys ─► queue ─► judge (pure) ─► calls ─► answers ─► done, or again
 *
 * The caches of different resources are not in step: a missing owner is looked for with a live GET
 * before anything is deleted. */
#include "controllers/garbage/garbage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "controllers/garbage/garbage_internal.h"
#include "controllers/garbage/judge.h"
#include "kube/kind.h"

#define NEEDED_VERBS (VERB_BIT(VERB_LIST) | VERB_BIT(VERB_WATCH) | VERB_BIT(VERB_DELETE))
#define KEY_BYTES_MAX 1024

/* ---- keys ---- */

void garbage_enqueue(struct garbage *g, const struct graph_kind *k, const struct kobj *o)
{
    struct buf key;
    buf_init(&key, KEY_BYTES_MAX);
    buf_u64(&key, k->number);
    buf_char(&key, '/');
    buf_str(&key, o->namespace);
    buf_char(&key, '/');
    buf_str(&key, o->name);
    workqueue_add(g->queue, buf_view(&key));
    buf_fini(&key);
}

static const struct kobj *find_key(struct garbage *g, struct str key, struct graph_kind **kind)
{
    struct str name = key, number = str_split(&name, '/'), namespace = str_split(&name, '/');
    uint64_t n;
    if (!str_to_u64(number, &n) || n >= g->graph.kinds.n)
        return NULL;
    *kind = g->graph.kinds.items[n];
    return informer_find((*kind)->cache, namespace, name);
}

/* ---- what is known to be gone ---- */

bool garbage_is_absent(const struct garbage *g, struct str uid)
{
    for (size_t i = 0; i < GARBAGE_ABSENT_MAX && g->absent[i]; i++)
        if (str_is(uid, g->absent[i]))
            return true;
    return false;
}

void garbage_note_absent(struct garbage *g, struct str uid)
{
    if (garbage_is_absent(g, uid))
        return;
    char **place = &g->absent[g->n_absent++ % GARBAGE_ABSENT_MAX];
    free(*place);
    *place = str_dup(uid);
}

/* ---- events ---- */

static void enqueue_dependent(void *arg, struct graph_kind *k, const struct kobj *o)
{
    garbage_enqueue(arg, k, o);
}

/* Owners that are being deleted wait for news of their dependents. */
static void enqueue_waiting_owners(struct garbage *g, const struct kobj *o)
{
    for (struct json_iter it = json_iter(graph_owners(o)); json_next(&it);) {
        struct graph_kind *k;
        const struct kobj *owner = graph_owner(&g->graph, o, it.value, &k);
        if (owner && kobj_deleting(owner))
            garbage_enqueue(g, k, owner);
    }
}

static void follow_definition(struct garbage *g, const struct kobj *crd);

static void on_gone(struct garbage *g, const struct kobj *o)
{
    garbage_note_absent(g, o->uid);
    graph_each_dependent(&g->graph, o->uid, enqueue_dependent, g);
    enqueue_waiting_owners(g, o);
}

static bool wants_look(const struct garbage *g, const struct graph_kind *k, const struct kobj *o)
{
    if (json_len(graph_owners(o)) > 0)
        return true;
    return kobj_deleting(o) && (k == g->namespaces || graph_has_finalizer(o, "orphan") ||
                                graph_has_finalizer(o, "foregroundDeletion"));
}

static void on_event(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct graph_kind *k = arg;
    struct garbage *g = k->user;
    graph_follow(&g->graph, k, before, after);
    if (before && (!after || !str_eq(before->uid, after->uid)))
        on_gone(g, before);
    if (!after)
        return;
    bool same_owners = before && json_eq(graph_owners(before), graph_owners(after));
    if (before && !same_owners)
        enqueue_waiting_owners(g, before);
    bool news = !before || !same_owners || (kobj_deleting(after) && !kobj_deleting(before)) ||
                !json_eq(kobj_meta(before, STR("finalizers")), kobj_meta(after, STR("finalizers")));
    if (news && wants_look(g, k, after))
        garbage_enqueue(g, k, after);
    if (kobj_deleting(after)) /* foreground: its dependents now have an owner that waits */
        graph_each_dependent(&g->graph, after->uid, enqueue_dependent, g);
    if (k == g->definitions)
        follow_definition(g, after);
}

static void on_batch(void *arg)
{
    garbage_kick(((struct graph_kind *)arg)->user);
}

/* ---- kinds ---- */

static bool is_resource(struct gvr r, const char *group, const char *plural)
{
    return str_is(r.group, group) && str_is(r.plural, plural);
}

static struct graph_kind *follow(struct garbage *g, struct gvr r, struct str kind, bool namespaced)
{
    struct graph_kind *k = graph_add_kind(&g->graph, g->informers, r, kind);
    if (!k)
        return NULL;
    k->namespaced = namespaced;
    k->user = g;
    if (is_resource(r, "", "namespaces"))
        g->namespaces = k;
    if (is_resource(r, "apiextensions.k8s.io", "customresourcedefinitions"))
        g->definitions = k;
    informer_on_event(k->cache, on_event, on_batch, k);
    return k;
}

static void follow_definition(struct garbage *g, const struct kobj *crd)
{
    struct json spec = kobj_path(crd, "spec");
    bool namespaced = str_is(json_str(json_get(spec, STR("scope"))), "Namespaced");
    for (struct json_iter it = json_iter(json_get(spec, STR("versions"))); json_next(&it);) {
        if (!json_bool(json_get(it.value, STR("served")), false))
            continue;
        struct gvr r = { json_str(json_get(spec, STR("group"))),
                         json_str(json_get(it.value, STR("name"))),
                         json_str(json_path(spec, "names.plural")) };
        if (follow(g, r, json_str(json_path(spec, "names.kind")), namespaced))
            informers_start(g->informers);
        return; /* any served version shows all objects */
    }
}

/* Events own nothing and are owned by nobody; they age. */
static bool is_collected(const struct resource *r)
{
    return (r->verbs & NEEDED_VERBS) == NEEDED_VERBS && !str_is(r->plural, "events");
}

static void follow_builtin(struct garbage *g)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_builtin(i);
        if (!is_collected(r))
            continue;
        struct gvr gvr = { r->group, r->version, r->plural };
        follow(g, gvr, r->kind, r->namespaced);
    }
}

/* ---- a task ---- */

static void on_owner(struct task *t, struct str uid, const struct reply *reply)
{
    if (reply->code == 404 || (reply->code < 400 && !str_eq(reply->object->uid, uid))) {
        garbage_note_absent(t->g, uid);
        t->again = true;
    }
    /* It is there: the cache will hear of it, and of its end. */
}

static void verify_owners(struct task *t)
{
    for (struct json_iter it = json_iter(graph_owners(t->o)); json_next(&it);) {
        struct graph_kind *k;
        struct str uid = json_str(json_get(it.value, STR("uid")));
        if (graph_owner(&t->g->graph, t->o, it.value, &k) || !k || garbage_is_absent(t->g, uid))
            continue;
        struct request r = task_request(k, VERB_GET);
        r.namespace = k->namespaced ? t->o->namespace : (struct str){ 0 };
        r.name = json_str(json_get(it.value, STR("name")));
        task_call(t, &r, uid, on_owner);
    }
}

static bool waits(const struct kobj *owner)
{
    return kobj_deleting(owner) && graph_has_finalizer(owner, "foregroundDeletion");
}

static bool is_stale(void *arg, struct json ref)
{
    struct task *t = arg;
    struct graph_kind *k;
    const struct kobj *owner = graph_owner(&t->g->graph, t->o, ref, &k);
    if (owner)
        return waits(owner);
    return k && garbage_is_absent(t->g, json_str(json_get(ref, STR("uid"))));
}

static bool is_this(void *arg, struct json ref)
{
    return str_eq(json_str(json_get(ref, STR("uid"))), ((struct task *)arg)->o->uid);
}

static void orphan_one(void *arg, struct graph_kind *k, const struct kobj *o)
{
    task_strip_owners(arg, k, o, is_this, arg);
}

static void delete_one(void *arg, struct graph_kind *k, const struct kobj *o)
{
    struct task *t = arg;
    if (!kobj_deleting(o))
        garbage_enqueue(t->g, k, o); /* judged on its own: perhaps it has other owners */
}

struct census {
    struct task *t;
    struct garbage_case *c;
};

static void count_dependent(void *arg, struct graph_kind *k, const struct kobj *o)
{
    struct census *n = arg;
    (void)k;
    n->c->dependents++;
    for (struct json_iter it = json_iter(graph_owners(o)); json_next(&it);)
        n->c->blocking += is_this(n->t, it.value) &&
                          json_bool(json_get(it.value, STR("blockOwnerDeletion")), false);
}

static struct garbage_case look(struct task *t)
{
    struct garbage_case c = {
        .deleting = kobj_deleting(t->o),
        .foreground = graph_has_finalizer(t->o, "foregroundDeletion"),
        .orphan = graph_has_finalizer(t->o, "orphan"),
    };
    for (struct json_iter it = json_iter(graph_owners(t->o)); json_next(&it);) {
        struct graph_kind *k;
        const struct kobj *owner = graph_owner(&t->g->graph, t->o, it.value, &k);
        if (owner && waits(owner))
            c.waiting++;
        else if (owner || !k || (k->namespaced && !t->o->namespace.n))
            c.solid++; /* what we cannot judge stays */
        else if (garbage_is_absent(t->g, json_str(json_get(it.value, STR("uid")))))
            c.absent++;
        else
            c.unproven++;
    }
    struct census n = { t, &c };
    graph_each_dependent(&t->g->graph, t->o->uid, count_dependent, &n);
    return c;
}

static void act(struct task *t, enum garbage_action action)
{
    const struct garbage *g = t->g;
    switch (action) {
    case GARBAGE_KEEP:
        break;
    case GARBAGE_VERIFY:
        verify_owners(t);
        break;
    case GARBAGE_DELETE:
        task_delete(t, t->kind, t->o,
                    graph_has_finalizer(t->o, "orphan") ? "Orphan" : "Background");
        break;
    case GARBAGE_DELETE_FOREGROUND:
        task_delete(t, t->kind, t->o, "Foreground");
        break;
    case GARBAGE_STRIP:
        task_strip_owners(t, t->kind, t->o, is_stale, t);
        break;
    case GARBAGE_DELETE_DEPENDENTS:
        graph_each_dependent(&g->graph, t->o->uid, delete_one, t);
        break;
    case GARBAGE_RELEASE_FOREGROUND:
        task_drop_finalizer(t, "foregroundDeletion");
        break;
    case GARBAGE_ORPHAN_DEPENDENTS:
        graph_each_dependent(&g->graph, t->o->uid, orphan_one, t);
        break;
    case GARBAGE_RELEASE_ORPHAN:
        task_drop_finalizer(t, "orphan");
        break;
    }
}

void task_end(struct task *t)
{
    struct garbage *g = t->g;
    struct mono now = loop_now(g->t->loop);
    while (t->next && !t->failed) {
        void (*next)(struct task *) = t->next;
        t->next = NULL;
        t->left = 1; /* while it starts calls */
        next(t);
        if (--t->left > 0)
            return;
    }
    if (t->failed)
        workqueue_retry(g->queue, t->key, now);
    else
        workqueue_forget(g->queue, t->key);
    if (t->again)
        workqueue_add(g->queue, t->key);
    if (t->remaining)
        workqueue_add_at(g->queue, t->key, (struct mono){ now.ns + NS_PER_S });
    workqueue_done(g->queue, t->key);
    list_remove(&t->link);
    g->in_work--;
    arena_free(t->a);
    kobj_unref(t->o);
    free(t);
    garbage_kick(g);
}

static void task_start(struct garbage *g, struct str key)
{
    struct graph_kind *kind;
    const struct kobj *o = find_key(g, key, &kind);
    if (!o) {
        workqueue_forget(g->queue, key);
        workqueue_done(g->queue, key);
        return;
    }
    struct task *t = MEM_NEW(struct task);
    *t = (struct task){ .g = g, .key = key, .a = arena_new(), .kind = kind, .o = kobj_ref(o) };
    list_init(&t->calls);
    list_push_back(&g->tasks, &t->link);
    g->in_work++;
    t->left = 1;
    if (kind == g->namespaces && kobj_deleting(o)) {
        namespace_empty(t);
    } else {
        struct garbage_case c = look(t);
        act(t, garbage_judge(&c));
    }
    if (--t->left == 0)
        task_end(t);
}

/* ---- turns ---- */

static void on_timer(void *arg)
{
    struct garbage *g = arg;
    struct mono now = loop_now(g->t->loop), due;
    struct str key;
    g->scheduled = false;
    if (!informers_synced(g->informers))
        return; /* a batch kicks us */
    while (g->in_work < GARBAGE_KEYS_IN_WORK && workqueue_take(g->queue, now, &key))
        task_start(g, key);
    if (g->in_work < GARBAGE_KEYS_IN_WORK && !g->scheduled && workqueue_next_due(g->queue, &due))
        timer_start(g->timer, num_max_i64(due.ns - now.ns, 0));
}

void garbage_kick(struct garbage *g)
{
    if (g->scheduled || !g->timer)
        return;
    g->scheduled = true;
    timer_start(g->timer, 0);
}

/* ---- life cycle ---- */

struct garbage *garbage_new(struct transport *t, struct informers *shared)
{
    struct garbage *g = MEM_NEW(struct garbage);
    g->t = t;
    g->own_informers = !shared;
    g->informers = shared ? shared : informers_new(t);
    g->queue = workqueue_new();
    g->timer = timer_new(t->loop, on_timer, g);
    list_init(&g->tasks);
    follow_builtin(g);
    informers_start(g->informers);
    return g;
}

void garbage_free(struct garbage *g)
{
    if (!g)
        return;
    tasks_cancel(g);
    if (g->own_informers)
        informers_free(g->informers);
    graph_fini(&g->graph);
    timer_free(g->timer);
    workqueue_free(g->queue);
    for (size_t i = 0; i < GARBAGE_ABSENT_MAX; i++)
        free(g->absent[i]);
    free(g);
}
