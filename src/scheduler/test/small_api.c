/* SPDX-License-Identifier: Apache-2.0
 * small_api — see small_api.h. */
#include "scheduler/test/small_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/test/fake_transport.h"
#include "codec/patch.h"
#include "io/loop.h"
#include "scheduler/service/service.h"
#include "testkit/check.h"

#define QUIET_TURNS 12 /* of 20 ms without a write: nothing will come */

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct scheduler *s;
    const struct small_life *life;
    struct small_api *api;
    int writes;
    bool dead;
};

/* ---- the API ---- */

struct small_api_object *small_api_find(struct small_api *api, const char *path)
{
    for (size_t i = 0; i < api->n; i++) {
        if (strcmp(api->objects[i].path, path) == 0)
            return &api->objects[i];
    }
    return NULL;
}

void small_api_put(struct small_api *api, const char *path, struct json v)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct small_api_object *o = small_api_find(api, path);
    char revision[16];
    if (!o) {
        CHECK(api->n < SMALL_API_OBJECTS_MAX);
        o = &api->objects[api->n++];
        snprintf(o->path, sizeof o->path, "%s", path);
        o->text = NULL;
    }
    struct jnode *root = jnode_thaw(a, v);
    snprintf(revision, sizeof revision, "%d", ++api->revision);
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("resourceVersion"),
                  str_from(revision));
    CHECK(jnode_freeze(&doc, root, NULL) == 0);
    free(o->text);
    o->text = str_dup(json_doc_text(doc));
}

struct json_doc *small_api_parsed(const char *text)
{
    struct json_doc *doc = NULL;
    CHECK(json_parse(&doc, str_from(text), &json_limits_own, NULL) == 0);
    return doc;
}

void small_api_put_text(struct small_api *api, const char *path, const char *text)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(text);
    small_api_put(api, path, json_root(doc));
}

void small_api_node(struct small_api *api, const char *name)
{
    char text[512], path[SMALL_API_PATH_MAX];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"},\"status\":{"
             "\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"10\","
             "\"nvidia.com/gpu\":\"2\"}}}",
             name);
    snprintf(path, sizeof path, "nodes//%s", name);
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(text);
    small_api_put(api, path, json_root(doc));
}

void small_api_fini(struct small_api *api)
{
    for (size_t i = 0; i < api->n; i++)
        free(api->objects[i].text);
}

/* ---- what the scheduler sees ---- */

static void tell(struct world *w, enum event_type type, const char *path, const char *text)
{
    size_t n = strcspn(path, "/");
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (c->is_watch && strncmp(c->path, path, n) == 0 && (c->path[n] == '/' || !c->path[n]))
            fake_event(w->fake, i, type, text);
    }
}

/* "pods/d/low-0/status" without what it is about. */
static void object_path(char out[SMALL_API_PATH_MAX], const struct fake_call *c)
{
    const char *p = c->path;
    int slashes = 0;
    size_t n = 0;
    for (; p[n] && slashes < 3; n++)
        slashes += p[n] == '/';
    n -= slashes == 3;
    snprintf(out, SMALL_API_PATH_MAX, "%.*s", (int)n, p);
}

static void apply_patch(struct world *w, const char *path, struct json patch)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct small_api_object *o = small_api_find(w->api, path);
    AUTO(json_doc_unrefp) struct json_doc *before = small_api_parsed(o->text), *after = NULL;
    struct jnode *root = patch_merge(a, jnode_thaw(a, json_root(before)), patch);
    CHECK(jnode_freeze(&after, root, NULL) == 0);
    small_api_put(w->api, path, json_root(after));
    if (!w->dead)
        tell(w, EVENT_MODIFIED, path, small_api_find(w->api, path)->text);
}

/* "high-0>n0" */
static void apply_bind(struct world *w, struct str binding)
{
    char path[SMALL_API_PATH_MAX], patch[256];
    struct str name = str_split(&binding, '>');
    snprintf(path, sizeof path, "pods/d/%.*s", STR_ARG(name));
    snprintf(patch, sizeof patch, "{\"spec\":{\"nodeName\":\"%.*s\"}}", STR_ARG(binding));
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(patch);
    apply_patch(w, path, json_root(doc));
}

/* All or none: "pods/high-0>n0,high-1>n1/binding". */
static void apply_binds(struct world *w, const char *path)
{
    struct str all = str_from(path);
    str_split(&all, '/');
    while (str_starts(all, STR("/")))
        all = str_skip(all, 1);
    struct str list = str_split(&all, '/');
    while (list.n)
        apply_bind(w, str_split(&list, ','));
}

/* The binding subresource: no pod is bound twice. */
static int bind_one(struct world *w,
                    const char *path,
                    const struct small_api_object *o,
                    const struct fake_call *c)
{
    AUTO(json_doc_unrefp) struct json_doc *pod = small_api_parsed(o->text), *doc = NULL;
    struct str node = json_str(json_path(json_root(c->body), "target.name"));
    char patch[256];
    if (json_str(json_path(json_root(pod), "spec.nodeName")).n)
        return 409;
    snprintf(patch, sizeof patch, "{\"spec\":{\"nodeName\":\"%.*s\"}}", STR_ARG(node));
    doc = small_api_parsed(patch);
    apply_patch(w, path, json_root(doc));
    return 201;
}

static void create(struct small_api *api, const char *path, struct json body, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct jnode *root = jnode_thaw(a, body);
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"),
                  arena_printf(a, "u-%.*s", STR_ARG(name)));
    CHECK(jnode_freeze(&doc, root, NULL) == 0);
    small_api_put(api, path, json_root(doc));
}

/* The write reaches the API. code: what it answers. */
static int carry_out(struct world *w, const struct fake_call *c)
{
    char path[SMALL_API_PATH_MAX];
    object_path(path, c);
    struct small_api_object *o = small_api_find(w->api, path);
    if (c->is_bind) {
        apply_binds(w, c->path);
        return 200;
    }
    if (c->verb == VERB_CREATE && strstr(c->path, "/binding"))
        return o ? bind_one(w, path, o, c) : 404;
    if (c->verb == VERB_CREATE) {
        struct str name = json_str(json_path(json_root(c->body), "metadata.name"));
        int plural = (int)strcspn(c->path, "/");
        snprintf(path, sizeof path, "%.*s/d/%.*s", plural, c->path, STR_ARG(name));
        if (small_api_find(w->api, path))
            return 409;
        create(w->api, path, json_root(c->body), name);
        if (!w->dead)
            tell(w, EVENT_ADDED, path, small_api_find(w->api, path)->text);
        return 201;
    }
    if (!o)
        return 404;
    if (c->verb == VERB_PATCH) {
        apply_patch(w, path, json_root(c->body));
        return 200;
    }
    if (!w->dead)
        tell(w, EVENT_DELETED, path, o->text);
    free(o->text);
    *o = w->api->objects[--w->api->n];
    return 200;
}

/* ---- one life of a scheduler ---- */

static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_briefly(struct world *w, int64_t ms)
{
    struct timer *t = timer_new(w->loop, stop, w->loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(w->loop);
    timer_free(t);
}

static void answer_list(struct world *w, size_t call)
{
    const char *objects[SMALL_API_OBJECTS_MAX];
    const char *path = fake_at(w->fake, call)->path;
    size_t len = strcspn(path, "/"), n = 0;
    for (size_t i = 0; i < w->api->n; i++) {
        const char *p = w->api->objects[i].path;
        if (strncmp(p, path, len) == 0 && p[len] == '/')
            objects[n++] = w->api->objects[i].text;
    }
    const struct fake_page page = { .revision = (uint64_t)w->api->revision,
                                    .objects = objects,
                                    .n = n };
    fake_reply_list(w->fake, call, &page);
}

static bool is_write(const struct fake_call *c)
{
    return !c->is_watch && (c->is_bind || c->verb == VERB_CREATE || c->verb == VERB_PATCH ||
                            c->verb == VERB_DELETE);
}

/* Events and reasons tell people; they are no part of the plan. */
static bool is_talk(const struct fake_call *c)
{
    return strncmp(c->path, "events", 6) == 0;
}

#define STATUS "{\"kind\":\"Status\",\"metadata\":{\"resourceVersion\":\"99\"}}"

void small_api_change(struct small_api *api, const char *path, const char *patch)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(patch);
    CHECK(small_api_find(api, path) != NULL);
    apply_patch(api->watched, path, json_root(doc));
}

/* False: the scheduler is dead. */
static bool answer_write(struct world *w, size_t i)
{
    const struct fake_call *c = fake_at(w->fake, i);
    if (is_talk(c)) {
        fake_reply(w->fake, i, 201, "{\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"}}");
        return true;
    }
    w->writes++;
    w->dead = w->writes == w->life->kill_at;
    if (w->dead && w->life->lost)
        return false;
    char path[SMALL_API_PATH_MAX];
    snprintf(path, sizeof path, "%s", c->path);
    size_t before = w->api->n;
    int code = w->life->refuse ? w->life->refuse(w->life->arg, w->api, c->path) : 0;
    code = code ? code : carry_out(w, c);
    if (!w->dead)
        fake_reply(w->fake, i, code, w->api->n > before ? w->api->objects[before].text : STATUS);
    w->api->watched = w;
    if (code < 400 && w->life->after)
        w->life->after(w->life->arg, w->api, path);
    return !w->dead;
}

/* False: it died. */
static bool answer_all(struct world *w, bool *any)
{
    for (size_t i = 0; i < fake_pending(w->fake);) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (c->is_watch) {
            i++;
            continue;
        }
        *any = *any || (is_write(c) && !is_talk(c));
        if (!is_write(c))
            answer_list(w, i);
        else if (!answer_write(w, i))
            return false;
        i = 0; /* what is pending may have changed */
    }
    return true;
}

int small_api_live(const struct small_life *life)
{
    const struct scheduler_options options = { .config =
                                                   str_from(life->config ? life->config : "") };
    struct err err = { 0 };
    struct world w = { .life = life, .api = life->api };
    w.loop = loop_new(NULL);
    w.fake = fake_transport_new(w.loop);
    if (life->singly)
        fake_bind_singly(w.fake);
    w.s = scheduler_new(fake_transport_base(w.fake), &options, &err);
    CHECK_OK(w.s ? 0 : -1, err);
    scheduler_start(w.s);
    int64_t ends = loop_now(w.loop).ns + life->at_least_ms * NS_PER_MS;
    for (int quiet = 0; quiet < QUIET_TURNS && w.writes < SMALL_API_WRITES_MAX; quiet++) {
        bool any = false;
        run_briefly(&w, 20);
        if (!answer_all(&w, &any))
            break;
        quiet = any || loop_now(w.loop).ns < ends ? 0 : quiet;
    }
    CHECK(w.writes < SMALL_API_WRITES_MAX);
    scheduler_free(w.s);
    fake_transport_free(w.fake);
    loop_free(w.loop);
    return w.writes;
}

int small_api_die_and_come_back(const struct small_life *life, void (*check)(struct small_api *))
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct small_life second = *life;
    small_api_live(life);
    second.kill_at = 0;
    small_api_live(&second);
    check(life->api); /* a failure jumps out, and makes the status of this process */
    _exit(0);
}

struct str
small_api_field(struct small_api *api, const char *path, const char *name, struct arena *a)
{
    struct small_api_object *o = small_api_find(api, path);
    if (!o)
        return (struct str){ 0 };
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(o->text);
    return arena_str(a, json_str(json_path(json_root(doc), name)));
}
