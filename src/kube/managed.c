/* SPDX-License-Identifier: Apache-2.0
 * managed — reading, ordering and writing the entries of managedFields. */
#include "kube/managed.h"

#include <stdlib.h>

#define OP_UPDATE "Update"
#define ANCIENT "ancient-changes"

static struct str text_of(struct jnode *entry, struct str key)
{
    return jnode_text_of_str(jnode_get(entry, key));
}

static struct manager *push(struct managers *m, struct manager who)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 8;
        struct manager *items = ARENA_ARRAY(m->a, struct manager, cap);
        for (size_t i = 0; i < m->n; i++)
            items[i] = m->items[i];
        m->items = items;
        m->cap = cap;
    }
    m->items[m->n] = who;
    return &m->items[m->n++];
}

void managed_read(struct managers *out, struct jnode *object)
{
    struct jnode *list = jnode_path(object, "metadata.managedFields");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *entry = jnode_at(list, i);
        struct manager who = {
            .name = text_of(entry, STR("manager")),
            .operation = text_of(entry, STR("operation")),
            .api_version = text_of(entry, STR("apiVersion")),
            .subresource = text_of(entry, STR("subresource")),
            .time = text_of(entry, STR("time")),
            .fields = fieldset_read(out->a, jnode_get(entry, STR("fieldsV1"))),
        };
        if (!who.operation.p)
            continue;
        struct manager *same = managed_find(out, &who);
        if (same)
            same->fields = fieldset_union(out->a, same->fields, who.fields);
        else
            push(out, who);
    }
}

struct manager *managed_find(struct managers *m, const struct manager *who)
{
    for (size_t i = 0; i < m->n; i++) {
        struct manager *x = &m->items[i];
        if (str_eq(x->name, who->name) && str_eq(x->operation, who->operation) &&
            str_eq(x->api_version, who->api_version) && str_eq(x->subresource, who->subresource))
            return x;
    }
    return NULL;
}

struct manager *managed_need(struct managers *m, const struct manager *who)
{
    struct manager *x = managed_find(m, who);
    if (x)
        return x;
    struct manager fresh = *who;
    fresh.fields = NULL;
    fresh.time = (struct str){ 0 };
    return push(m, fresh);
}

struct str managed_text(struct arena *a, const struct manager *who)
{
    struct buf b;
    buf_init(&b, 65536);
    json_write_str(&b, who->name);
    if (who->subresource.n > 0) {
        buf_str(&b, STR(" with subresource "));
        json_write_str(&b, who->subresource);
    }
    if (str_is(who->operation, OP_UPDATE))
        buf_printf(&b, " using %.*s", STR_ARG(who->api_version));
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

/* ---- writing ---- */

/* RFC 3339 times in UTC sort as text; no time sorts first. */
static int manager_cmp(const void *a, const void *b)
{
    const struct manager *x = a, *y = b;
    int order = str_cmp(x->operation, y->operation);
    if (order == 0)
        order = str_cmp(x->time, y->time);
    if (order == 0)
        order = str_cmp(x->name, y->name);
    if (order == 0)
        order = str_cmp(x->api_version, y->api_version);
    return order == 0 ? str_cmp(x->subresource, y->subresource) : order;
}

static void drop_empty(struct managers *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].fields)
            m->items[kept++] = m->items[i];
    m->n = kept;
}

static size_t count_updaters(const struct managers *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += str_is(m->items[i].operation, OP_UPDATE);
    return n;
}

/* Moves the oldest updater's fields into the bucket of its version. False: none is left to move. */
static bool unite_oldest(struct managers *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct manager old = m->items[i];
        if (!str_is(old.operation, OP_UPDATE) || str_is(old.name, ANCIENT))
            continue;
        struct manager bucket = old;
        bucket.name = STR(ANCIENT);
        bucket.subresource = (struct str){ 0 };
        m->items[i].fields = NULL;
        struct manager *to = managed_need(m, &bucket);
        to->fields = fieldset_union(m->a, to->fields, old.fields);
        if (str_cmp(old.time, to->time) > 0)
            to->time = old.time;
        drop_empty(m);
        return true;
    }
    return false;
}

static struct jnode *write_entry(struct arena *a, const struct manager *who)
{
    struct jnode *entry = jnode_obj(a);
    jnode_set_str(entry, STR("manager"), who->name);
    jnode_set_str(entry, STR("operation"), who->operation);
    jnode_set_str(entry, STR("apiVersion"), who->api_version);
    if (who->time.n > 0)
        jnode_set_str(entry, STR("time"), who->time);
    jnode_set_str(entry, STR("fieldsType"), STR("FieldsV1"));
    jnode_set(entry, STR("fieldsV1"), fieldset_write(a, who->fields));
    if (who->subresource.n > 0)
        jnode_set_str(entry, STR("subresource"), who->subresource);
    return entry;
}

void managed_write(struct managers *m, struct jnode *object, size_t max_updaters)
{
    drop_empty(m);
    if (m->n > 1)
        qsort(m->items, m->n, sizeof *m->items, manager_cmp);
    while (count_updaters(m) > max_updaters && unite_oldest(m)) {
    }
    if (m->n > 1)
        qsort(m->items, m->n, sizeof *m->items, manager_cmp);
    struct jnode *meta = jnode_need_obj(object, STR("metadata"));
    if (m->n == 0) {
        jnode_del(meta, STR("managedFields"));
        return;
    }
    struct jnode *list = jnode_set(meta, STR("managedFields"), jnode_arr(m->a));
    for (size_t i = 0; i < m->n; i++)
        jnode_append(list, write_entry(m->a, &m->items[i]));
}
