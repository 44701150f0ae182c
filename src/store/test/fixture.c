/* SPDX-License-Identifier: Apache-2.0
 * fixture — see fixture.h. */
#include "store/test/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/file.h"
#include "testkit/check.h"

void fixture_init(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    struct err err = { 0 };
    f->loop = loop_new(&err);
    CHECK(f->loop != NULL);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%.30s/ganglion-store-XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(f->dir) != NULL);
    snprintf(f->path, sizeof f->path, "%s/store.db", f->dir);
}

int fixture_try_open(struct fixture *f, struct store_options o, struct err *err)
{
    if (store_open(&f->store, f->loop, &o, err) != 0)
        return -1;
    f->pods = store_table(f->store, STR(""), STR("pods"));
    f->nodes = store_table(f->store, STR(""), STR("nodes"));
    return 0;
}

void fixture_open(struct fixture *f, struct store_options o)
{
    struct err err = { 0 };
    CHECK_OK(fixture_try_open(f, o, &err), err);
}

void fixture_close(struct fixture *f)
{
    store_close(TAKE(f->store));
}

void fixture_fini(struct fixture *f)
{
    fixture_close(f);
    loop_free(f->loop);
    struct err err = { 0 };
    CHECK_OK(file_remove_tree(f->dir, &err), err);
}

struct kobj *fixture_pod(const char *ns, const char *name, uint64_t revision, const char *value)
{
    struct buf b;
    buf_init(&b, 8 << 20);
    buf_printf(&b,
               "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"%s\","
               "\"name\":\"%s\",\"resourceVersion\":\"%llu\"},\"spec\":{\"value\":\"%s\"}}",
               ns, name, (unsigned long long)revision, value);
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, buf_view(&b), &json_limits_own, &err), err);
    buf_fini(&b);
    return o;
}

static void on_done(void *arg, const struct err *err)
{
    struct fixture *f = arg;
    f->outcomes++;
    if (err) {
        f->failures++;
        f->last = *err;
    }
    loop_stop(f->loop);
}

int fixture_put(struct fixture *f, const char *name, const char *value)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_pod("ns", name, store_next_revision(f->store), value);
    struct store_op op = {
        .table = f->pods, .namespace = STR("ns"), .name = str_from(name), .object = o
    };
    return store_commit(f->store, &op, 1, on_done, f, &f->last);
}

int fixture_del(struct fixture *f, const char *name)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_pod("ns", name, store_next_revision(f->store), "gone");
    struct store_op op = {
        .table = f->pods, .namespace = STR("ns"), .name = str_from(name), .deleted = o
    };
    return store_commit(f->store, &op, 1, on_done, f, &f->last);
}

void fixture_wait(struct fixture *f, int n)
{
    while (f->outcomes < n)
        loop_run(f->loop);
}

struct str fixture_value(struct fixture *f, const char *name)
{
    const struct kobj *o = store_get(f->pods, STR("ns"), str_from(name));
    return o ? json_str(kobj_path(o, "spec.value")) : STR("");
}
