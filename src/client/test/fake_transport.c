/* SPDX-License-Identifier: Apache-2.0
 * fake_transport — see the header. Answers are delivered inside the fake_… call. */
#include "client/test/fake_transport.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "client/bind_each.h"

struct call {
    struct fake_transport *f;
    struct fake_call seen;
    struct bind_each *binds; /* of one that binds singly; it is in no list */
    reply_fn done;
    events_fn events;
    watch_end_fn end;
    void *arg;
};
VEC_TYPE(call_vec, struct call *);

struct fake_transport {
    struct transport base;
    struct call_vec calls;
};

static void forget(struct fake_transport *f, size_t i)
{
    memmove(&f->calls.items[i], &f->calls.items[i + 1],
            (f->calls.n - i - 1) * sizeof f->calls.items[0]);
    f->calls.n--;
}

static void call_destroy(struct call *c)
{
    json_doc_unref(c->seen.body);
    free(c);
}

static struct call *keep(struct transport *t, const struct request *r, void *arg)
{
    struct fake_transport *f = CONTAINER_OF(t, struct fake_transport, base);
    struct call *c = MEM_NEW(struct call);
    c->f = f;
    c->arg = arg;
    c->seen.verb = r->verb;
    snprintf(c->seen.path, sizeof c->seen.path, "%.*s/%.*s/%.*s/%.*s", STR_ARG(r->plural),
             STR_ARG(r->namespace), STR_ARG(r->name), STR_ARG(r->subresource));
    snprintf(c->seen.query, sizeof c->seen.query, "rv=%.*s limit=%lld continue=%.*s field=%.*s",
             STR_ARG(r->list.resource_version), (long long)r->list.limit, STR_ARG(r->list.cont),
             STR_ARG(r->list.field_selector));
    if (json_exists(r->body))
        json_parse(&c->seen.body, json_text(r->body), &json_limits_own, NULL);
    call_vec_push(&f->calls, c);
    return c;
}

static struct call *
fake_start(struct transport *t, const struct request *r, reply_fn done, void *arg)
{
    struct call *c = keep(t, r, arg);
    c->done = done;
    return c;
}

static struct call *fake_watch(struct transport *t,
                               const struct request *r,
                               events_fn events,
                               watch_end_fn end,
                               void *arg)
{
    struct call *c = keep(t, r, arg);
    c->seen.is_watch = true;
    c->events = events;
    c->end = end;
    return c;
}

static struct call *
fake_bind_all(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg)
{
    struct request r = { .verb = VERB_CREATE,
                         .plural = STR("pods"),
                         .subresource = STR("binding") };
    struct buf names;
    buf_init(&names, sizeof((struct fake_call *)0)->path);
    for (size_t i = 0; i < n; i++)
        buf_printf(&names, "%s%.*s>%.*s", i ? "," : "", STR_ARG(b[i].pod), STR_ARG(b[i].node));
    r.name = buf_view(&names);
    struct call *c = keep(t, &r, arg);
    c->seen.is_bind = true;
    c->done = done;
    buf_fini(&names);
    return c;
}

static void on_singly_bound(void *arg, const struct reply *reply, const struct err *err)
{
    struct call *c = arg;
    c->done(c->arg, reply, err);
    call_destroy(c);
}

static struct call *
fake_bind_each(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg)
{
    struct call *c = MEM_NEW(struct call);
    c->f = CONTAINER_OF(t, struct fake_transport, base);
    c->done = done;
    c->arg = arg;
    c->binds = bind_each_start(t, b, n, on_singly_bound, c);
    return c;
}

static void fake_cancel(struct call *c)
{
    if (c->binds)
        bind_each_cancel(c->binds);
    for (size_t i = 0; i < c->f->calls.n; i++)
        if (c->f->calls.items[i] == c)
            forget(c->f, i);
    call_destroy(c);
}

static void fake_close(struct transport *t)
{
    fake_transport_free(CONTAINER_OF(t, struct fake_transport, base));
}

static const struct transport_ops fake_ops = {
    .start = fake_start,
    .watch = fake_watch,
    .bind_all = fake_bind_all,
    .cancel = fake_cancel,
    .close = fake_close,
};

static const struct transport_ops fake_ops_singly = {
    .start = fake_start,
    .watch = fake_watch,
    .bind_all = fake_bind_each,
    .binds_singly = true,
    .cancel = fake_cancel,
    .close = fake_close,
};

void fake_bind_singly(struct fake_transport *f)
{
    f->base.ops = &fake_ops_singly;
}

struct fake_transport *fake_transport_new(struct loop *l)
{
    struct fake_transport *f = MEM_NEW(struct fake_transport);
    f->base = (struct transport){ &fake_ops, l };
    return f;
}

struct transport *fake_transport_base(struct fake_transport *f)
{
    return &f->base;
}

void fake_transport_free(struct fake_transport *f)
{
    for (size_t i = 0; i < f->calls.n; i++)
        call_destroy(f->calls.items[i]);
    call_vec_fini(&f->calls);
    free(f);
}

size_t fake_pending(const struct fake_transport *f)
{
    return f->calls.n;
}

const struct fake_call *fake_at(const struct fake_transport *f, size_t i)
{
    assert(i < f->calls.n);
    return &f->calls.items[i]->seen;
}

static struct call *take(struct fake_transport *f, size_t i)
{
    assert(i < f->calls.n);
    struct call *c = f->calls.items[i];
    forget(f, i);
    return c;
}

static struct kobj *object_of(const char *text)
{
    struct kobj *o = NULL;
    int rc = kobj_parse(&o, str_from(text), &json_limits_own, NULL);
    assert(rc == 0);
    (void)rc;
    return o;
}

void fake_reply(struct fake_transport *f, size_t i, int code, const char *object)
{
    struct call *c = take(f, i);
    AUTO(kobj_unrefp) struct kobj *o = object_of(object);
    struct reply r = { .code = code, .object = o, .remaining = -1 };
    c->done(c->arg, &r, NULL);
    call_destroy(c);
}

void fake_reply_list(struct fake_transport *f, size_t i, const struct fake_page *page)
{
    size_t n = page->n;
    struct call *c = take(f, i);
    struct kobj **items = mem_alloc_array(n + 1, sizeof *items);
    for (size_t k = 0; k < n; k++)
        items[k] = object_of(page->objects[k]);
    struct reply r = { .code = 200,
                       .items = items,
                       .n_items = n,
                       .revision = page->revision,
                       .cont = str_from(page->cont),
                       .remaining = -1 };
    c->done(c->arg, &r, NULL);
    for (size_t k = 0; k < n; k++)
        kobj_unref(items[k]);
    free(items);
    call_destroy(c);
}

void fake_fail(struct fake_transport *f, size_t i, enum err_kind kind)
{
    struct call *c = take(f, i);
    struct err err;
    err_set(&err, kind, "the test says so");
    c->done(c->arg, NULL, &err);
    call_destroy(c);
}

void fake_event(struct fake_transport *f, size_t i, enum event_type type, const char *object)
{
    struct call *c = f->calls.items[i];
    AUTO(kobj_unrefp) struct kobj *o = object_of(object);
    struct watch_event ev = { .type = type, .revision = o->revision, .object = o };
    c->events(c->arg, &ev, 1);
}

void fake_end_watch(struct fake_transport *f, size_t i, enum err_kind kind)
{
    struct call *c = take(f, i);
    struct err err;
    err_set(&err, kind, "the test says so");
    c->end(c->arg, kind == ERR_NONE ? NULL : &err);
    call_destroy(c);
}
