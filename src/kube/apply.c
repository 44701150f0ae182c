/* SPDX-License-Identifier: Apache-2.0
 * apply — ownership of fields. The rules, with live and merged as the object before and after:
 *
 *   apply:   owned(manager) = paths of the configuration
 *            out of merged go paths that the manager owned before and nobody owns now
 *            conflicts       = owned(other) ∩ (added ∪ modified); forced: others lose them
 *   update:  owned(manager) = (owned before − removed) ∪ added ∪ modified
 *   always:  owned(other)   = owned before − added − modified − removed
 *
 * Fields that the server sets (names, uid, …) are never owned. */
#include "kube/apply.h"

#include "kube/managed.h"
#include "kube/typed.h"

/* ---- helpers ---- */

/* Sorted, as every level of a set. */
static const struct fieldset_entry server_meta_entries[] = {
    { STR_INIT("f:clusterName"), true, NULL },
    { STR_INIT("f:creationTimestamp"), true, NULL },
    { STR_INIT("f:generation"), true, NULL },
    { STR_INIT("f:managedFields"), true, NULL },
    { STR_INIT("f:name"), true, NULL },
    { STR_INIT("f:namespace"), true, NULL },
    { STR_INIT("f:resourceVersion"), true, NULL },
    { STR_INIT("f:selfLink"), true, NULL },
    { STR_INIT("f:uid"), true, NULL },
};
static const struct fieldset server_meta = { server_meta_entries, COUNT_OF(server_meta_entries) };
static const struct fieldset_entry server_entries[] = {
    { STR_INIT("f:apiVersion"), true, NULL },
    { STR_INIT("f:kind"), true, NULL },
    { STR_INIT("f:metadata"), true, &server_meta },
};
static const struct fieldset server_fields = { server_entries, COUNT_OF(server_entries) };

/* x without one top-level field and all below it. */
static const struct fieldset *
without_top(struct arena *a, const struct fieldset *x, struct str name)
{
    if (!x || name.n == 0)
        return x;
    struct str elem = arena_printf(a, "f:%.*s", STR_ARG(name));
    struct fieldset_entry *kept = ARENA_ARRAY(a, struct fieldset_entry, x->n);
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        if (!str_eq(x->entries[i].elem, elem))
            kept[n++] = x->entries[i];
    return fieldset_make(a, kept, n);
}

static const struct fieldset *
ownable(struct arena *a, const struct apply_writer *w, const struct fieldset *x)
{
    x = fieldset_difference(a, x, &server_fields);
    return without_top(a, x, w->ignored);
}

static struct manager identity(const struct apply_writer *w, const char *operation)
{
    return (struct manager){
        .name = w->manager,
        .operation = str_from(operation),
        .api_version = w->api_version,
        .subresource = w->subresource,
    };
}

static void stamp(struct arena *a, struct manager *m, struct wall now)
{
    char text[TIME_TEXT_MAX];
    m->time = arena_str(a, wall_text(text, now));
}

/* The object without its managed fields, for comparing; itself when it has none. */
static struct jnode *bare(struct arena *a, struct jnode *object)
{
    if (!jnode_path(object, "metadata.managedFields"))
        return object;
    struct jnode *copy = jnode_copy(a, object);
    jnode_del(jnode_get(copy, STR("metadata")), STR("managedFields"));
    return copy;
}

/* The same as a copy that may be changed. */
static struct jnode *bare_copy(struct arena *a, struct jnode *object)
{
    struct jnode *b = bare(a, object);
    return b == object ? jnode_copy(a, object) : b;
}

/* ---- conflicts ---- */

struct conflict_walk {
    struct causes *causes;
    struct str message;
};

static void add_conflict(void *arg, const struct str *path, size_t n)
{
    struct conflict_walk *w = arg;
    struct cause cause = {
        .type = CAUSE_MANAGER_CONFLICT,
        .field = fieldset_path_text(w->causes->a, path, n),
        .message = w->message,
    };
    cause_vec_push(&w->causes->list, cause);
}

static size_t find_conflicts(struct managers *all,
                             const struct manager *self,
                             const struct fieldset *changed,
                             struct causes *out)
{
    size_t before = out->list.n;
    for (size_t i = 0; i < all->n; i++) {
        const struct manager *other = &all->items[i];
        if (other == self)
            continue;
        struct str who = managed_text(out->a, other);
        struct conflict_walk walk = { out,
                                      arena_printf(out->a, "conflict with %.*s", STR_ARG(who)) };
        fieldset_each(fieldset_intersection(all->a, other->fields, changed), add_conflict, &walk);
    }
    return out->list.n - before;
}

struct str apply_conflict_message(const struct causes *conflicts)
{
    size_t n = conflicts->list.n;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_printf(&b, "Apply failed with %zu conflict%s:", n, n == 1 ? "" : "s");
    struct str last = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct cause *c = &conflicts->list.items[i];
        if (n == 1) {
            buf_printf(&b, " %.*s: %.*s", STR_ARG(c->message), STR_ARG(c->field));
            break;
        }
        if (!str_eq(last, c->message)) /* "conflict with …" → "conflicts with …:" */
            buf_printf(&b, "%sconflicts%.*s:", i ? "\n" : " ", STR_ARG(str_skip(c->message, 8)));
        buf_printf(&b, "\n- %.*s", STR_ARG(c->field));
        last = c->message;
    }
    struct str text = arena_str(conflicts->a, buf_view(&b));
    buf_fini(&b);
    return text;
}

/* ---- apply ---- */

static const struct fieldset *changed_fields(struct arena *a, const struct typed_delta *d)
{
    return fieldset_union(a, d->added, d->modified);
}

/* Everybody but self loses what changed. */
static void disown(struct managers *all, const struct manager *self, const struct typed_delta *d)
{
    const struct fieldset *lost = fieldset_union(all->a, changed_fields(all->a, d), d->removed);
    for (size_t i = 0; i < all->n; i++)
        if (&all->items[i] != self)
            all->items[i].fields = fieldset_difference(all->a, all->items[i].fields, lost);
}

static const struct fieldset *owned_by_all(const struct managers *all)
{
    const struct fieldset *x = NULL;
    for (size_t i = 0; i < all->n; i++)
        x = fieldset_union(all->a, x, all->items[i].fields);
    return x;
}

/* Takes out what the manager owned and nobody owns now. */
static void prune(struct managers *all,
                  const struct schema *s,
                  const struct fieldset *before,
                  struct jnode *merged)
{
    const struct fieldset *was = typed_name_parents(all->a, s, before);
    const struct fieldset *now = typed_name_parents(all->a, s, owned_by_all(all));
    typed_remove(all->a, s, merged, fieldset_difference(all->a, was, now));
}

int apply_merge(struct arena *a,
                const struct apply_request *q,
                struct causes *conflicts,
                struct jnode **out,
                struct err *err)
{
    const struct schema *s = q->by.schema;
    struct jnode *config = jnode_thaw(a, q->applied);
    const struct fieldset *paths;
    if (typed_fields(a, s, config, &paths, err) < 0)
        return -1;
    struct managers all = { .a = a };
    managed_read(&all, q->live);
    struct jnode *base = q->live ? bare_copy(a, q->live) : jnode_obj(a);
    struct jnode *merged = typed_merge(a, s, base, config);

    struct manager who = identity(&q->by, "Apply");
    struct manager *self = managed_need(&all, &who);
    const struct fieldset *before = self->fields;
    self->fields = ownable(a, &q->by, paths);
    if (before)
        prune(&all, s, before, merged);

    struct typed_delta d;
    typed_compare(a, s, base, merged, &d);
    if (!q->force && find_conflicts(&all, self, changed_fields(a, &d), conflicts) > 0) {
        struct str text = apply_conflict_message(conflicts);
        return err_set(err, ERR_CONFLICT, "%.*s", STR_ARG(text));
    }
    disown(&all, self, &d);
    if (d.added || d.modified || d.removed)
        stamp(a, self, q->by.now);
    managed_write(&all, merged, APPLY_UPDATERS_MAX);
    *out = merged;
    return 0;
}

/* ---- other writes ---- */

/* [] and [{}] say: forget all managers. */
static bool forgets(struct jnode *after)
{
    struct jnode *list = jnode_path(after, "metadata.managedFields");
    if (jnode_type(list) != JSON_ARR)
        return false;
    return jnode_len(list) == 0 || (jnode_len(list) == 1 && jnode_len(jnode_at(list, 0)) == 0);
}

void apply_track_update(struct arena *a,
                        const struct apply_writer *w,
                        struct jnode *before,
                        struct jnode *after)
{
    struct managers all = { .a = a };
    bool forget = forgets(after);
    managed_read(&all, after);
    if (all.n == 0 && !forget)
        managed_read(&all, before);
    struct typed_delta d;
    typed_compare(a, w->schema, before ? bare(a, before) : jnode_obj(a), bare(a, after), &d);

    const struct fieldset *taken = ownable(a, w, changed_fields(a, &d));
    disown(&all, NULL, &d);
    if (taken) {
        struct manager who = identity(w, "Update");
        struct manager *self = managed_need(&all, &who);
        self->fields = fieldset_union(a, self->fields, taken);
        stamp(a, self, w->now);
    }
    managed_write(&all, after, APPLY_UPDATERS_MAX);
}

static void drop_times(struct jnode *object)
{
    struct jnode *list = jnode_path(object, "metadata.managedFields");
    for (size_t i = 0; i < jnode_len(list); i++)
        jnode_del(jnode_at(list, i), STR("time"));
}

/* Tells most objects apart without a copy. */
static bool same_outside_metadata(struct jnode *x, struct jnode *y)
{
    if (jnode_len(x) != jnode_len(y))
        return false;
    for (size_t i = 0; i < jnode_len(x); i++) {
        struct str key = jnode_key_at(x, i);
        if (!str_is(key, "metadata") && !jnode_eq(jnode_value_at(x, i), jnode_get(y, key)))
            return false;
    }
    return true;
}

bool apply_same_but_times(struct arena *a, struct jnode *x, struct jnode *y)
{
    if (!same_outside_metadata(x, y))
        return false;
    struct jnode *cx = jnode_copy(a, x), *cy = jnode_copy(a, y);
    drop_times(cx);
    drop_times(cy);
    return jnode_eq(cx, cy);
}
