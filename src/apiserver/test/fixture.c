/* SPDX-License-Identifier: Apache-2.0
 * fixture — see fixture.h. */
#include "apiserver/test/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "testkit/check.h"

void fixture_init(struct fixture *f, struct apiserver_options o)
{
    *f = (struct fixture){ 0 };
    struct err err = { 0 };
    f->loop = loop_new(&err);
    CHECK(f->loop != NULL);
    CHECK_OK(apiserver_new(&f->api, f->loop, &o, &err), err);
    f->t = apiserver_transport(f->api, f->loop, STR("tester"), NULL, 0);
}

static void on_closed(void *arg)
{
    loop_stop(((struct fixture *)arg)->loop);
}

void fixture_fini(struct fixture *f)
{
    kobj_unref(f->object);
    f->t->ops->close(f->t);
    apiserver_close(f->api, on_closed, f);
    loop_run(f->loop);
    apiserver_free(f->api);
    loop_free(f->loop);
}

static void keep_list(struct fixture *f, const struct reply *r)
{
    size_t at = 0;
    f->names[0] = 0;
    for (size_t i = 0; i < r->n_items; i++) {
        int n = snprintf(f->names + at, sizeof f->names - at, "%s%.*s", i ? " " : "",
                         STR_ARG(r->items[i]->name));
        at += n > 0 && (size_t)n < sizeof f->names - at ? (size_t)n : 0;
    }
    snprintf(f->cont, sizeof f->cont, "%.*s", STR_ARG(r->cont));
    f->remaining = r->remaining;
    f->revision = r->revision;
}

static void on_reply(void *arg, const struct reply *r, const struct err *err)
{
    struct fixture *f = arg;
    CHECK(err == NULL);
    f->code = r->code;
    kobj_unref(f->object);
    f->object = r->object ? kobj_ref(r->object) : NULL;
    keep_list(f, r);
    struct str warning = r->n_warnings > 0 ? r->warnings[0] : STR("");
    snprintf(f->warning, sizeof f->warning, "%.*s", STR_ARG(warning));
    f->answered = true;
    loop_stop(f->loop);
}

int fixture_call(struct fixture *f, struct request r, const char *body)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (body[0]) {
        CHECK_OK(json_parse(&doc, str_from(body), &json_limits_own, &err), err);
        r.body = json_root(doc);
    }
    if (!r.version.p)
        r.version = STR("v1");
    if (!r.group.p)
        r.group = STR("");
    if (r.write.grace_s == 0)
        r.write.grace_s = -1;
    f->answered = false;
    f->t->ops->start(f->t, &r, on_reply, f);
    json_doc_unref(doc);
    while (!f->answered)
        loop_run(f->loop);
    return f->code;
}

static struct request in_default(enum verb verb, const char *plural, const char *name)
{
    bool cluster = str_is(str_from(plural), "nodes") || str_is(str_from(plural), "namespaces");
    return (struct request){ .verb = verb,
                             .plural = str_from(plural),
                             .namespace = cluster ? STR("") : STR("default"),
                             .name = str_from(name) };
}

int fixture_create(struct fixture *f, const char *plural, const char *body)
{
    return fixture_call(f, in_default(VERB_CREATE, plural, ""), body);
}

int fixture_get(struct fixture *f, const char *plural, const char *name)
{
    return fixture_call(f, in_default(VERB_GET, plural, name), "");
}

int fixture_merge(struct fixture *f, const char *plural, const char *name, const char *patch)
{
    struct request r = in_default(VERB_PATCH, plural, name);
    r.write.patch = PATCH_MERGE;
    return fixture_call(f, r, patch);
}

int fixture_delete(struct fixture *f, const char *plural, const char *name)
{
    return fixture_call(f, in_default(VERB_DELETE, plural, name), "");
}

int fixture_list(struct fixture *f, const char *plural, const char *labels)
{
    struct request r = in_default(VERB_LIST, plural, "");
    r.list.label_selector = str_from(labels);
    return fixture_call(f, r, "");
}

struct str fixture_text(struct fixture *f, const char *path)
{
    struct json v = kobj_path(f->object, path);
    if (json_type(v) == JSON_STR)
        return json_str(v);
    return json_exists(v) ? json_text(v) : STR("");
}

struct str fixture_message(struct fixture *f)
{
    return fixture_text(f, "message");
}
