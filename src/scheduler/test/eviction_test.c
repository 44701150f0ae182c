/* SPDX-License-Identifier: Apache-2.0
 * An eviction for a gang is several writes. The scheduler is killed at each of them, before or
 * after the API carried it out, and started anew on what the API has then: in the end the gang
 * runs, its victims are gone whole, and nobody else was touched.
 *
 * The API is a small one of our own: objects as texts, merge patches, deletes that end at once. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/test/fake_transport.h"
#include "codec/patch.h"
#include "io/loop.h"
#include "scheduler/service/service.h"
#include "testkit/check.h"

#define OBJECTS_MAX 16
#define PATH_MAX_BYTES 256
#define WRITES_MAX 60
#define QUIET_TURNS 12 /* of 20 ms without a write: nothing will come */

struct stored {
    char path[PATH_MAX_BYTES]; /* "pods/d/low-0" */
    char *text;
};

struct api {
    struct stored objects[OBJECTS_MAX];
    size_t n;
    int revision;
};

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct scheduler *s;
    struct api *api;
    int writes, kill_at; /* kill_at 0: never */
    bool lost;           /* the write at which it is killed never reached the API */
    bool dead;
};

/* ---- the API ---- */

static struct stored *find_object(struct api *api, const char *path)
{
    for (size_t i = 0; i < api->n; i++) {
        if (strcmp(api->objects[i].path, path) == 0)
            return &api->objects[i];
    }
    return NULL;
}

static void put_object(struct api *api, const char *path, struct json v)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct stored *o = find_object(api, path);
    char revision[16];
    if (!o) {
        CHECK(api->n < OBJECTS_MAX);
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

static struct json_doc *parsed(const char *text)
{
    struct json_doc *doc = NULL;
    CHECK(json_parse(&doc, str_from(text), &json_limits_own, NULL) == 0);
    return doc;
}

static void add_pod(struct api *api, const char *name, const char *gang, const char *node)
{
    char text[1024], path[PATH_MAX_BYTES];
    bool cheap = strcmp(gang, "cheap") == 0;
    int priority = cheap ? -1 : strcmp(gang, "high") ? 0 : 9;
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\","
        "\"uid\":\"u-%s\",\"labels\":{\"scheduling.ganglion.io/pod-group\":\"%s\","
        "\"scheduling.ganglion.io/min-available\":\"%d\"}},\"spec\":{%s%s%s\"priority\":%d,"
        "\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\",\"resources\":{"
        "\"requests\":{\"nvidia.com/gpu\":\"2\"}}}]}}",
        name, name, gang, cheap ? 1 : 2, node ? "\"nodeName\":\"" : "", node ? node : "",
        node ? "\"," : "", priority);
    snprintf(path, sizeof path, "pods/d/%s", name);
    AUTO(json_doc_unrefp) struct json_doc *doc = parsed(text);
    put_object(api, path, json_root(doc));
}

static void add_node(struct api *api, const char *name)
{
    char text[512], path[PATH_MAX_BYTES];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"},\"status\":{"
             "\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"10\","
             "\"nvidia.com/gpu\":\"2\"}}}",
             name);
    snprintf(path, sizeof path, "nodes//%s", name);
    AUTO(json_doc_unrefp) struct json_doc *doc = parsed(text);
    put_object(api, path, json_root(doc));
}

/* Who looks at this anew when half of gang low is gone evicts "cheap" for the other half. */
static void api_init(struct api *api)
{
    *api = (struct api){ .revision = 10 };
    add_node(api, "n0");
    add_node(api, "n1");
    add_node(api, "n2");
    add_pod(api, "low-0", "low", "n1");
    add_pod(api, "low-1", "low", "n2");
    add_pod(api, "high-0", "high", NULL);
    add_pod(api, "high-1", "high", NULL);
    add_pod(api, "cheap", "cheap", "n0");
}

static void api_fini(struct api *api)
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
static void object_path(char out[PATH_MAX_BYTES], const struct fake_call *c)
{
    const char *p = c->path;
    int slashes = 0;
    size_t n = 0;
    for (; p[n] && slashes < 3; n++)
        slashes += p[n] == '/';
    n -= slashes == 3;
    snprintf(out, PATH_MAX_BYTES, "%.*s", (int)n, p);
}

static void apply_patch(struct world *w, const char *path, struct json patch)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct stored *o = find_object(w->api, path);
    AUTO(json_doc_unrefp) struct json_doc *before = parsed(o->text), *after = NULL;
    struct jnode *root = patch_merge(a, jnode_thaw(a, json_root(before)), patch);
    CHECK(jnode_freeze(&after, root, NULL) == 0);
    put_object(w->api, path, json_root(after));
    if (!w->dead)
        tell(w, EVENT_MODIFIED, path, find_object(w->api, path)->text);
}

/* "high-0>n0" */
static void apply_bind(struct world *w, struct str binding)
{
    char path[PATH_MAX_BYTES], patch[256];
    struct str name = str_split(&binding, '>');
    snprintf(path, sizeof path, "pods/d/%.*s", STR_ARG(name));
    snprintf(patch, sizeof patch, "{\"spec\":{\"nodeName\":\"%.*s\"}}", STR_ARG(binding));
    AUTO(json_doc_unrefp) struct json_doc *doc = parsed(patch);
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

/* The write reaches the API. code: what it answers. */
static int carry_out(struct world *w, const struct fake_call *c)
{
    char path[PATH_MAX_BYTES];
    object_path(path, c);
    struct stored *o = find_object(w->api, path);
    if (c->is_bind) {
        apply_binds(w, c->path);
        return 200;
    }
    if (c->verb == VERB_CREATE) {
        struct str name = json_str(json_path(json_root(c->body), "metadata.name"));
        snprintf(path, sizeof path, "podgroups/d/%.*s", STR_ARG(name));
        put_object(w->api, path, json_root(c->body));
        if (!w->dead)
            tell(w, EVENT_ADDED, path, find_object(w->api, path)->text);
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
    const char *objects[OBJECTS_MAX];
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

/* False: the scheduler is dead. */
static bool answer_write(struct world *w, size_t i)
{
    const struct fake_call *c = fake_at(w->fake, i);
    if (is_talk(c)) {
        fake_reply(w->fake, i, 201, "{\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"}}");
        return true;
    }
    w->writes++;
    w->dead = w->writes == w->kill_at;
    if (w->dead && w->lost)
        return false;
    int code = carry_out(w, c);
    if (!w->dead)
        fake_reply(w->fake, i, code,
                   "{\"kind\":\"Status\",\"metadata\":{\"resourceVersion\":\"99\"}}");
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

/* How many writes it made before it was quiet, or killed. */
static int live(struct api *api, int kill_at, bool lost)
{
    const struct scheduler_options options = { .config = STR("") };
    struct err err = { 0 };
    struct world w = { .api = api, .kill_at = kill_at, .lost = lost };
    w.loop = loop_new(NULL);
    w.fake = fake_transport_new(w.loop);
    w.s = scheduler_new(fake_transport_base(w.fake), &options, &err);
    CHECK_OK(w.s ? 0 : -1, err);
    scheduler_start(w.s);
    for (int quiet = 0; quiet < QUIET_TURNS && w.writes < WRITES_MAX; quiet++) {
        bool any = false;
        run_briefly(&w, 20);
        if (!answer_all(&w, &any))
            break;
        quiet = any ? 0 : quiet;
    }
    CHECK(w.writes < WRITES_MAX);
    scheduler_free(w.s);
    fake_transport_free(w.fake);
    loop_free(w.loop);
    return w.writes;
}

/* ---- what must be ---- */

static struct str field(struct api *api, const char *path, const char *name, struct arena *a)
{
    struct stored *o = find_object(api, path);
    if (!o)
        return (struct str){ 0 };
    AUTO(json_doc_unrefp) struct json_doc *doc = parsed(o->text);
    return arena_str(a, json_str(json_path(json_root(doc), name)));
}

static void check_end(struct api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK(!find_object(api, "pods/d/low-0"));
    CHECK(!find_object(api, "pods/d/low-1"));
    CHECK_STR(field(api, "pods/d/cheap", "spec.nodeName", a), "n0");
    struct str x = field(api, "pods/d/high-0", "spec.nodeName", a);
    struct str y = field(api, "pods/d/high-1", "spec.nodeName", a);
    CHECK(x.n && y.n && !str_eq(x, y));
    CHECK(!field(api, "podgroups/d/high", "status.eviction.until", a).n); /* it is over */
}

/* Killed right after it, the API knows whom the scheduler was going to evict, and all are there. */
static void test_the_record_comes_first(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct api api;
    bool recorded = false;
    for (int n = 1; !recorded; n++) {
        CHECK(n < WRITES_MAX);
        api_init(&api);
        live(&api, n, false);
        recorded = field(&api, "podgroups/d/high", "status.eviction.until", a).n > 0;
        CHECK(find_object(&api, "pods/d/low-0") && find_object(&api, "pods/d/low-1"));
        CHECK(!field(&api, "pods/d/low-0", "status.conditions.0.type", a).n);
        if (recorded)
            CHECK_STR(field(&api, "podgroups/d/high", "status.eviction.victims.1.namespace", a),
                      "d");
        api_fini(&api);
    }
}

/* In a process of its own: most of a life is waiting. */
static pid_t die_and_come_back(int kill_at, bool lost)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct api api;
    api_init(&api);
    live(&api, kill_at, lost);
    live(&api, 0, false);
    check_end(&api); /* a failure jumps out, and makes the status of this process */
    _exit(0);
}

static void test_killed_at_each_write(void **state)
{
    (void)state;
    struct api api;
    pid_t lives[2 * WRITES_MAX];
    api_init(&api);
    int writes = live(&api, 0, false);
    check_end(&api);
    api_fini(&api);
    CHECK(writes >= 7); /* mirror and record, two marks, two deletes, a bind */
    for (int i = 0; i < 2 * writes; i++)
        lives[i] = die_and_come_back(1 + i / 2, i % 2);
    for (int i = 0; i < 2 * writes; i++) {
        int status = -1;
        CHECK(waitpid(lives[i], &status, 0) == lives[i]);
        if (status)
            print_message("killed at write %d, which %s\n", 1 + i / 2,
                          i % 2 ? "was lost" : "arrived");
        CHECK_I64(status, 0);
    }
    print_message("killed at each of %d writes\n", writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_record_comes_first),
        cmocka_unit_test(test_killed_at_each_write),
    };
    return CHECK_MAIN(tests);
}
