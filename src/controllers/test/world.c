/* SPDX-License-Identifier: Apache-2.0
 * world — see world.h. Objects are kept in order of creation; each watched resource has a queue of
 * events that its informer has not heard of yet. */
#include "controllers/test/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/test/fake_transport.h"
#include "client/workqueue.h"
#include "codec/patch.h"
#include "controllers/runner_internal.h"
#include "kube/pod.h"
#include "testkit/check.h"

#define LOG_BYTES_MAX ((size_t)8 << 20)
#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define PASSES_MAX 3000
#define EPOCH_NS (INT64_C(1700000000) * NS_PER_S)

struct thing { /* a stored object */
    const char *plural;
    struct kobj *o;
};
VEC_TYPE(thing_vec, struct thing);

struct news { /* a watch event on its way */
    enum event_type type;
    struct kobj *o;
};
VEC_TYPE(news_vec, struct news);

struct wrote { /* per key: what the caches must have seen before its next pass */
    struct str key;
    uint64_t revision;
};
VEC_TYPE(wrote_vec, struct wrote);

struct side { /* one watched resource */
    struct world *world;
    const char *plural;
    controller_keys_fn keys;
    struct informer *cache;
    size_t index;
    struct news_vec news;
    size_t heard; /* of news */
    uint64_t seen;
};

struct world {
    const struct controller *c;
    struct loop *loop;
    struct fake_transport *fake;
    struct informers *informers;
    struct side sides[CONTROLLER_WATCHES_MAX];
    size_t n_sides;
    struct workqueue *queue;
    struct thing_vec things;
    struct wrote_vec wrote;
    struct wall now;
    uint64_t revision, uids;
    struct buf log;
    bool breaks;
    size_t writes_left, refused;
};

struct wall world_now(const struct world *w)
{
    return w->now;
}

static struct mono mono_now(const struct world *w)
{
    return (struct mono){ w->now.ns - EPOCH_NS };
}

/* ---- the caches ---- */

static struct side *side_of(const struct world *w, const char *plural)
{
    for (size_t i = 0; i < w->n_sides; i++)
        if (strcmp(w->sides[i].plural, plural) == 0)
            return (struct side *)(uintptr_t)&w->sides[i];
    return NULL;
}

static void on_event(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct side *s = arg;
    struct buf keys;
    buf_init(&keys, TEXT_BYTES_MAX);
    s->keys(&keys, before, after);
    for (struct str rest = buf_view(&keys); rest.p;) {
        struct str key = str_split(&rest, '\n');
        if (key.n)
            workqueue_add(s->world->queue, key);
    }
    buf_fini(&keys);
}

static size_t call_of(const struct world *w, const char *plural)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const char *path = fake_at(w->fake, i)->path;
        if (strncmp(path, plural, strlen(plural)) == 0 && path[strlen(plural)] == '/')
            return i;
    }
    fail_msg("the informer lists or watches");
    return 0;
}

static void list_all(struct world *w, struct side *s)
{
    const char **texts = mem_alloc_array(w->things.n + 1, sizeof *texts);
    size_t n = 0;
    for (size_t i = 0; i < w->things.n; i++)
        if (strcmp(w->things.items[i].plural, s->plural) == 0)
            texts[n++] = str_dup(json_text(kobj_root(w->things.items[i].o)));
    fake_reply_list(w->fake, call_of(w, s->plural),
                    &(struct fake_page){ w->revision, NULL, texts, n });
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)texts[i]);
    free(texts);
    s->seen = w->revision;
}

static void start(struct world *w)
{
    w->queue = workqueue_new();
    w->informers = informers_new(fake_transport_base(w->fake));
    for (size_t i = 0; i < w->n_sides; i++) {
        struct side *s = &w->sides[i];
        const struct controller_watch *watch = &w->c->watches[i];
        s->cache = informers_get(w->informers, watch->resource, (struct str){ 0 });
        if (watch->index)
            s->index = informer_index(s->cache, watch->index);
        informer_on_event(s->cache, on_event, NULL, s);
    }
    informers_start(w->informers);
    for (size_t i = 0; i < w->n_sides; i++)
        list_all(w, &w->sides[i]);
}

static void forget_news(struct side *s)
{
    for (size_t i = s->heard; i < s->news.n; i++)
        kobj_unref(s->news.items[i].o);
    news_vec_fini(&s->news);
    s->heard = 0;
}

static void stop(struct world *w)
{
    informers_free(w->informers);
    workqueue_free(w->queue);
    for (size_t i = 0; i < w->n_sides; i++)
        forget_news(&w->sides[i]);
    for (size_t i = 0; i < w->wrote.n; i++)
        free((void *)(uintptr_t)w->wrote.items[i].key.p);
    wrote_vec_clear(&w->wrote);
}

struct world *world_new(const struct controller *c)
{
    struct world *w = MEM_NEW(struct world);
    *w = (struct world){ .c = c, .loop = loop_new(NULL), .now = { EPOCH_NS }, .revision = 1 };
    w->fake = fake_transport_new(w->loop);
    buf_init(&w->log, LOG_BYTES_MAX);
    for (size_t i = 0; i < CONTROLLER_WATCHES_MAX && c->watches[i].resource.plural.n; i++) {
        const struct controller_watch *watch = &c->watches[i];
        w->sides[i] = (struct side){ .world = w,
                                     .plural = watch->resource.plural.p,
                                     .keys = watch->keys ? watch->keys : controller_key_self };
        w->n_sides = i + 1;
    }
    start(w);
    return w;
}

void world_restart(struct world *w)
{
    stop(w);
    start(w);
}

void world_free(struct world *w)
{
    stop(w);
    wrote_vec_fini(&w->wrote);
    for (size_t i = 0; i < w->things.n; i++)
        kobj_unref(w->things.items[i].o);
    thing_vec_fini(&w->things);
    fake_transport_free(w->fake);
    loop_free(w->loop);
    buf_fini(&w->log);
    free(w);
}

static bool deliver(struct world *w, struct side *s)
{
    if (s->heard == s->news.n)
        return false;
    struct news n = s->news.items[s->heard++];
    char *text = str_dup(json_text(kobj_root(n.o)));
    s->seen = n.o->revision;
    fake_event(w->fake, call_of(w, s->plural), n.type, text);
    free(text);
    kobj_unref(n.o);
    return true;
}

static void deliver_all(struct world *w)
{
    for (size_t i = 0; i < w->n_sides; i++)
        while (deliver(w, &w->sides[i]))
            ;
}

bool world_deliver_one(struct world *w)
{
    size_t first = check_random_below(w->n_sides);
    for (size_t i = 0; i < w->n_sides; i++)
        if (deliver(w, &w->sides[(first + i) % w->n_sides]))
            return true;
    return false;
}

bool world_deliver_of(struct world *w, const char *plural)
{
    return deliver(w, side_of(w, plural));
}

/* ---- objects ---- */

static struct thing *find(const struct world *w, const char *plural, struct str ns, struct str name)
{
    for (size_t i = 0; i < w->things.n; i++) {
        struct thing *t = &w->things.items[i];
        if (strcmp(t->plural, plural) == 0 && str_eq(t->o->namespace, ns) &&
            str_eq(t->o->name, name))
            return t;
    }
    return NULL;
}

static struct thing *find_key(const struct world *w, const char *plural, const char *key)
{
    struct str rest = str_from(key), first = str_split(&rest, '/');
    return rest.p ? find(w, plural, first, rest) : find(w, plural, (struct str){ 0 }, first);
}

static void
announce(struct world *w, const char *plural, enum event_type type, const struct kobj *o)
{
    struct side *s = side_of(w, plural);
    if (s)
        news_vec_push(&s->news, (struct news){ type, kobj_ref(o) });
}

static void set_revision(struct world *w, struct jnode *o)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, ++w->revision);
    jnode_set_str(jnode_need_obj(o, STR("metadata")), STR("resourceVersion"),
                  str_make(text, (size_t)n));
}

static struct kobj *freeze(struct jnode *o)
{
    struct kobj *k = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_freeze(&k, o, &err), err);
    return k;
}

static void remove_thing(struct world *w, struct thing *t)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *o = jnode_thaw(a, kobj_root(t->o));
    set_revision(w, o);
    AUTO(kobj_unrefp) struct kobj *last = freeze(o);
    announce(w, t->plural, EVENT_DELETED, last);
    kobj_unref(t->o);
    size_t i = (size_t)(t - w->things.items);
    memmove(t, t + 1, (w->things.n - i - 1) * sizeof *t);
    w->things.n--;
}

static bool runs(const struct thing *t) /* a pod on a node, whose end takes time */
{
    return strcmp(t->plural, "pods") == 0 && pod_of(t->o)->node_name.n &&
           !pod_finished(pod_of(t->o));
}

/* Stores o in the place of t's object; an object that nothing holds any more goes. */
static void replace(struct world *w, struct thing *t, struct jnode *o)
{
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    AUTO(kobj_unrefp) struct kobj *same = freeze(o);
    if (json_eq(kobj_root(same), kobj_root(t->o)))
        return;
    if (jnode_get(meta, STR("deletionTimestamp")) && kobj_deleting(t->o) &&
        jnode_len(jnode_get(meta, STR("finalizers"))) == 0 &&
        json_len(kobj_path(t->o, "metadata.finalizers")) && !runs(t)) {
        remove_thing(w, t);
        return;
    }
    set_revision(w, o);
    struct kobj *now = freeze(o);
    kobj_unref(t->o);
    t->o = now;
    announce(w, t->plural, EVENT_MODIFIED, now);
}

static const struct kobj *store_new(struct world *w, const char *plural, struct jnode *o)
{
    char text[TIME_TEXT_MAX];
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    int n = snprintf(text, sizeof text, "u%" PRIu64, ++w->uids);
    jnode_set_str(meta, STR("uid"), str_make(text, (size_t)n));
    if (!jnode_get(meta, STR("creationTimestamp")))
        jnode_set_str(meta, STR("creationTimestamp"), wall_text(text, w->now));
    if (strcmp(plural, "pods") == 0 && !jnode_path(o, "status.phase"))
        jnode_set_str(jnode_need_obj(o, STR("status")), STR("phase"), STR("Pending"));
    set_revision(w, o);
    struct kobj *k = freeze(o);
    thing_vec_push(&w->things, (struct thing){ plural, k });
    announce(w, plural, EVENT_ADDED, k);
    return k;
}

const struct kobj *world_create(struct world *w, const char *plural, const char *fmt, ...)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    const struct kobj *o = store_new(w, plural, jnode_thaw(a, json_root(doc)));
    json_doc_unref(doc);
    return o;
}

void world_merge(struct world *w, const char *plural, const char *key, const char *patch)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct thing *t = find_key(w, plural, key);
    CHECK(t != NULL);
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(patch), &json_limits_own, &err), err);
    replace(w, t, patch_merge(a, jnode_thaw(a, kobj_root(t->o)), json_root(doc)));
    json_doc_unref(doc);
}

static void delete_thing(struct world *w, struct thing *t, struct str propagation, bool now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    bool held = json_len(kobj_path(t->o, "metadata.finalizers")) > 0 ||
                str_is(propagation, "Foreground") || (runs(t) && !now);
    if (!held) {
        remove_thing(w, t);
        return;
    }
    if (kobj_deleting(t->o))
        return;
    char text[TIME_TEXT_MAX];
    struct jnode *o = jnode_thaw(a, kobj_root(t->o));
    struct jnode *meta = jnode_get(o, STR("metadata"));
    jnode_set_str(meta, STR("deletionTimestamp"), wall_text(text, w->now));
    if (str_is(propagation, "Foreground"))
        jnode_append(jnode_need_arr(meta, STR("finalizers")),
                     jnode_str(a, STR("foregroundDeletion")));
    replace(w, t, o);
}

void world_delete(struct world *w, const char *plural, const char *key)
{
    struct thing *t = find_key(w, plural, key);
    CHECK(t != NULL);
    delete_thing(w, t, (struct str){ 0 }, false);
}

void world_end_deletion(struct world *w, const char *key)
{
    struct thing *t = find_key(w, "pods", key);
    CHECK(t && kobj_deleting(t->o));
    if (!json_len(kobj_path(t->o, "metadata.finalizers")))
        remove_thing(w, t);
    else if (!pod_finished(pod_of(t->o)))
        world_merge(w, "pods", key, "{\"status\":{\"phase\":\"Failed\"}}");
}

void world_vanish(struct world *w, const char *plural, const char *key)
{
    struct thing *t = find_key(w, plural, key);
    CHECK(t != NULL);
    remove_thing(w, t);
}

/* ---- the controller's writes ---- */

static bool patch_thing(struct world *w, struct thing *t, const struct write *write)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json patch = json_root(write->body);
    struct str uid = json_str(json_path(patch, "metadata.uid"));
    struct str revision = json_str(json_path(patch, "metadata.resourceVersion"));
    uint64_t n;
    if (uid.n && !str_eq(uid, t->o->uid))
        return false;
    if (revision.n && (!str_to_u64(revision, &n) || n != t->o->revision))
        return false;
    struct jnode *o = jnode_thaw(a, kobj_root(t->o));
    if (write->status) {
        struct jnode *status =
            patch_merge(a, jnode_get(o, STR("status")), json_get(patch, STR("status")));
        jnode_set(o, STR("status"), status);
    } else {
        struct json status = kobj_path(t->o, "status");
        o = patch_merge(a, o, patch);
        if (json_has(status))
            jnode_set(o, STR("status"), jnode_thaw(a, status));
    }
    replace(w, t, o);
    return true;
}

static const char *plural_of(const struct world *w, struct str plural)
{
    for (size_t i = 0; i < w->n_sides; i++)
        if (str_is(plural, w->sides[i].plural))
            return w->sides[i].plural;
    fail_msg("a controller writes resources that it watches");
    return NULL;
}

static bool make_thing(struct world *w, const char *plural, const struct write *write)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    if (find(w, plural, write->namespace, write->name))
        return false;
    store_new(w, plural, jnode_thaw(a, json_root(write->body)));
    return true;
}

static bool carry_out(struct world *w, const struct write *write)
{
    static const char *const verbs[] = {
        [VERB_CREATE] = "create", [VERB_PATCH] = "patch", [VERB_DELETE] = "delete"
    };
    if (w->breaks && !w->writes_left)
        return false;
    w->writes_left -= w->breaks;
    const char *plural = plural_of(w, write->resource.plural);
    struct thing *t = find(w, plural, write->namespace, write->name);
    bool ok = true;
    if (write->verb == VERB_GET)
        return !t || !str_eq(write->uid, t->o->uid);
    if (write->verb == VERB_CREATE)
        ok = make_thing(w, plural, write);
    else if (!t || (write->uid.n && !str_eq(write->uid, t->o->uid)))
        ok = write->verb == VERB_DELETE && !t;
    else if (write->verb == VERB_PATCH)
        ok = patch_thing(w, t, write);
    else
        delete_thing(w, t, write->propagation, write->now);
    buf_printf(&w->log, "%s%s %s %.*s%s%.*s%s\n", ok ? "" : "refused: ", verbs[write->verb], plural,
               STR_ARG(write->namespace), write->namespace.n ? "/" : "", STR_ARG(write->name),
               write->status ? " status" : "");
    return ok;
}

static bool send_writes(struct world *w, const struct reconcile_out *out, enum phase phase)
{
    bool all = true;
    for (size_t i = 0; i < out->writes.n; i++)
        if (write_phase(&out->writes.items[i]) == phase && !carry_out(w, &out->writes.items[i])) {
            w->refused++;
            all = false;
        }
    return all;
}

/* ---- passes ---- */

static struct wrote *wrote_of(struct world *w, struct str key)
{
    for (size_t i = 0; i < w->wrote.n; i++)
        if (str_eq(w->wrote.items[i].key, key))
            return &w->wrote.items[i];
    return wrote_vec_push(&w->wrote, (struct wrote){ { str_dup(key), key.n }, 0 });
}

static void catch_up(struct world *w, uint64_t revision)
{
    for (size_t i = 0; i < w->n_sides; i++) {
        struct side *s = &w->sides[i];
        while (s->heard < s->news.n && s->news.items[s->heard].o->revision <= revision)
            deliver(w, s);
    }
}

static void log_events(struct world *w, const struct reconcile_out *out)
{
    for (size_t i = 0; i < out->events.n; i++) {
        const struct event_note *e = &out->events.items[i];
        buf_printf(&w->log, "event %s %.*s\n", e->reason, STR_ARG(e->about->name));
    }
}

static bool pass(struct world *w, struct str key, struct reconcile_out *out)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str rest = key, first = str_split(&rest, '/');
    struct reconcile r = {
        .a = a,
        .namespace = rest.p ? first : (struct str){ 0 },
        .name = rest.p ? rest : first,
        .now = w->now,
        .since = { EPOCH_NS },
        .self = w->c,
        .random = check_random(),
        .out = out,
    };
    for (size_t i = 0; i < w->n_sides; i++) {
        r.caches[i] = w->sides[i].cache;
        r.indexes[i] = w->sides[i].index;
    }
    struct err err = { 0 };
    CHECK_OK(w->c->reconcile(&r, &err), err);
    bool ok = true;
    for (enum phase phase = PHASE_ABSENT; phase < PHASES && ok; phase++)
        ok = send_writes(w, out, phase);
    if (ok)
        log_events(w, out);
    if (out->again.ns)
        workqueue_add_at(w->queue, key, (struct mono){ out->again.ns - EPOCH_NS });
    return ok;
}

bool world_reconcile_one(struct world *w)
{
    struct str key;
    if (!workqueue_take(w->queue, mono_now(w), &key))
        return false;
    catch_up(w, wrote_of(w, key)->revision);
    struct reconcile_out out = { 0 };
    if (pass(w, key, &out))
        workqueue_forget(w->queue, key);
    else
        workqueue_retry(w->queue, key, mono_now(w));
    if (out.writes.n)
        wrote_of(w, key)->revision = w->revision;
    reconcile_out_fini(&out);
    workqueue_done(w->queue, key);
    return true;
}

size_t world_run(struct world *w)
{
    size_t passes = 0;
    do {
        deliver_all(w);
        while (world_reconcile_one(w)) {
            if (++passes > PASSES_MAX)
                fprintf(stderr, "%.*s", STR_ARG(world_log(w)));
            CHECK(passes <= PASSES_MAX); /* else the controller never comes to rest */
            deliver_all(w);
        }
    } while (world_deliver_one(w));
    return passes;
}

void world_advance(struct world *w, int64_t seconds)
{
    struct wall end = { w->now.ns + seconds * NS_PER_S };
    struct mono due;
    world_run(w);
    while (workqueue_next_due(w->queue, &due) && due.ns + EPOCH_NS <= end.ns) {
        w->now.ns = due.ns + EPOCH_NS;
        world_run(w);
    }
    w->now = end;
}

void world_break_after(struct world *w, size_t n)
{
    w->breaks = true;
    w->writes_left = n;
}

void world_heal(struct world *w)
{
    w->breaks = false;
}

/* ---- questions ---- */

const struct kobj *world_get(const struct world *w, const char *plural, const char *key)
{
    const struct thing *t = find_key(w, plural, key);
    return t ? t->o : NULL;
}

const struct kobj *world_at(const struct world *w, const char *plural, size_t i)
{
    for (size_t k = 0; k < w->things.n; k++)
        if (strcmp(w->things.items[k].plural, plural) == 0 && i-- == 0)
            return w->things.items[k].o;
    return NULL;
}

size_t world_count(const struct world *w, const char *plural)
{
    size_t n = 0;
    while (world_at(w, plural, n))
        n++;
    return n;
}

struct str world_log(struct world *w)
{
    return buf_view(&w->log);
}

void world_log_clear(struct world *w)
{
    buf_clear(&w->log);
}

size_t world_refused(const struct world *w)
{
    return w->refused;
}

int64_t world_num(const struct world *w, const char *plural, const char *key, const char *path)
{
    return json_i64_or(kobj_path(world_get(w, plural, key), path), 0);
}

struct str world_text(const struct world *w, const char *plural, const char *key, const char *path)
{
    return json_str(kobj_path(world_get(w, plural, key), path));
}
