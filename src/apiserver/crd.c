/* SPDX-License-Identifier: Apache-2.0
 * crd — see crd.h. A definition is accepted in the write that brings it; a watch of the store keeps
 * the registry equal to the definitions that are durable. */
#include "apiserver/crd.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/watcher.h"
#include "base/log.h"
#include "kube/meta.h"
#include "kube/print.h"
#include "kube/structural.h"

#define CRD_VERSIONS_MAX 16
#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"
#define CRD_NAMES_MAX 32 /* short names, categories */

struct crd_version {
    struct str name;
    struct json spec; /* the entry of spec.versions, in the definition */
    struct structural *types;
    struct resource res;
    bool served;
};

struct crd {
    uint32_t refs;
    struct kobj *definition; /* counted */
    struct arena *arena;     /* columns, names */
    struct str storage;      /* "group/version" */
    struct crd_version versions[CRD_VERSIONS_MAX];
    size_t n;
};

struct crd *crd_ref(struct crd *c)
{
    c->refs++;
    return c;
}

void crd_unref(struct crd *c)
{
    if (!c || --c->refs > 0)
        return;
    for (size_t i = 0; i < c->n; i++)
        structural_free(c->versions[i].types);
    kobj_unref(c->definition);
    arena_free(c->arena);
    free(c);
}

/* ---- compiling ---- */

static const struct str *string_list(struct arena *a, struct json list, size_t *n)
{
    struct str *out = ARENA_ARRAY(a, struct str, CRD_NAMES_MAX);
    *n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it) && *n < CRD_NAMES_MAX;)
        out[(*n)++] = json_str(it.value);
    return out;
}

static void compile_subresources(struct crd *c, struct crd_version *v)
{
    const char **out = ARENA_ARRAY(c->arena, const char *, 3);
    size_t n = 0;
    struct json subs = json_get(v->spec, STR("subresources"));
    if (json_has(json_get(subs, STR("status"))))
        out[n++] = "status";
    if (json_has(json_get(subs, STR("scale"))))
        out[n++] = "scale";
    v->res.subresources = out;
}

static int compile_version(struct crd *c, struct crd_version *v, struct err *err)
{
    struct json spec = kobj_path(c->definition, "spec");
    struct json names = json_get(spec, STR("names"));
    struct json schema = json_path(v->spec, "schema.openAPIV3Schema");
    if (json_has(schema) && structural_new(&v->types, schema, err) != 0)
        return -1;
    v->res = (struct resource){
        .group = json_str(json_get(spec, STR("group"))),
        .version = v->name,
        .plural = json_str(json_get(names, STR("plural"))),
        .singular = json_str(json_get(names, STR("singular"))),
        .kind = json_str(json_get(names, STR("kind"))),
        .list_kind = json_str(json_get(names, STR("listKind"))),
        .namespaced = str_is(json_str(json_get(spec, STR("scope"))), "Namespaced"),
        .verbs = (1u << (VERB_DELETE_COLLECTION + 1)) - 1,
        .schema = v->types ? structural_schema(v->types) : NULL,
        .custom = true,
    };
    v->res.short_names =
        string_list(c->arena, json_get(names, STR("shortNames")), &v->res.n_short_names);
    v->res.categories =
        string_list(c->arena, json_get(names, STR("categories")), &v->res.n_categories);
    print_custom_columns(c->arena, v->spec, &v->res);
    compile_subresources(c, v);
    return 0;
}

static int compile(struct crd **out, const struct kobj *definition, struct err *err)
{
    struct crd *c = MEM_NEW(struct crd);
    c->refs = 1;
    c->definition = kobj_ref(definition);
    c->arena = arena_new();
    struct str group = json_str(kobj_path(definition, "spec.group"));
    for (struct json_iter it = json_iter(kobj_path(definition, "spec.versions"));
         json_next(&it) && c->n < CRD_VERSIONS_MAX;) {
        struct crd_version *v = &c->versions[c->n++];
        v->spec = it.value;
        v->name = json_str(json_get(it.value, STR("name")));
        v->served = json_bool(json_get(it.value, STR("served")), false);
        if (json_bool(json_get(it.value, STR("storage")), false))
            c->storage = arena_printf(c->arena, "%.*s/%.*s", STR_ARG(group), STR_ARG(v->name));
        if (compile_version(c, v, err) != 0) {
            crd_unref(c);
            return -1;
        }
    }
    *out = c;
    return 0;
}

/* ---- the registry follows the definitions ---- */

static bool is_of(const struct served *w, const struct kobj *definition)
{
    return w->crd && str_eq(w->crd->definition->name, definition->name);
}

static void withdraw(struct apiserver *s, const struct kobj *definition)
{
    for (size_t i = 0; i < s->registry.all.n;) {
        struct served *w = s->registry.all.items[i];
        if (!is_of(w, definition)) {
            i++;
            continue;
        }
        watcher_end_of(s, w);
        registry_remove(&s->registry, w);
    }
}

static bool is_established(const struct kobj *definition)
{
    for (struct json_iter it = json_iter(kobj_path(definition, "status.conditions"));
         json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("type"))), "Established"))
            return str_is(json_str(json_get(it.value, STR("status"))), "True");
    }
    return false;
}

static void offer(struct apiserver *s, const struct kobj *definition)
{
    struct err err = { 0 };
    struct crd *c = NULL;
    withdraw(s, definition);
    if (!is_established(definition))
        return;
    if (compile(&c, definition, &err) != 0) {
        LOG_WARN("apiserver.crd_refused", kv_str("name", definition->name), kv_err(&err),
                 kv_cstr("next", "its resources are not served"));
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        const struct resource *res = &c->versions[i].res;
        if (c->versions[i].served &&
            !registry_find(&s->registry, res->group, res->version, res->plural))
            registry_add(&s->registry, res, c);
    }
    crd_unref(c);
}

static bool add_object(void *arg, const struct kobj *o)
{
    kobj_vec_push(arg, kobj_ref(o));
    return true;
}

/* The objects of a deleted definition go with it. */
static void delete_objects(struct apiserver *s, const struct kobj *definition)
{
    struct store_table *t = store_table(s->store, json_str(kobj_path(definition, "spec.group")),
                                        json_str(kobj_path(definition, "spec.names.plural")));
    struct kobj_vec all = { 0 };
    struct store_snapshot *now = store_snapshot_pending(t);
    store_snapshot_walk(now, NULL, add_object, &all);
    store_snapshot_unref(now);
    for (size_t i = 0; i < all.n; i++) {
        const struct kobj *o = all.items[i];
        AUTO(arena_freep) struct arena *a = arena_new();
        struct jnode *root = jnode_thaw(a, kobj_root(o));
        meta_set_revision(root, store_next_revision(s->store));
        struct kobj *last = NULL;
        if (kobj_freeze(&last, root, NULL) == 0) {
            struct store_op op = {
                .table = t, .namespace = o->namespace, .name = o->name, .deleted = last
            };
            store_commit(s->store, &op, 1, NULL, NULL, NULL);
            kobj_unref(last);
        }
        kobj_unref(all.items[i]);
    }
    kobj_vec_fini(&all);
}

/* An ending definition: its objects go, then our finalizer, and with the last one itself. */
static void finish_deletion(struct apiserver *s, const struct kobj *definition)
{
    withdraw(s, definition);
    delete_objects(s, definition);
    struct store_table *t =
        store_table(s->store, STR("apiextensions.k8s.io"), STR("customresourcedefinitions"));
    const struct kobj *newest = store_get_pending(t, STR(""), definition->name);
    if (!newest)
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(newest));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    struct jnode *list = jnode_need_arr(meta, STR("finalizers"));
    bool had = false;
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_is(jnode_text_of_str(jnode_at(list, i)), CRD_FINALIZER)) {
            jnode_remove_at(list, i--);
            had = true;
        }
    }
    if (!had)
        return;
    bool last = jnode_len(list) == 0;
    meta_set_revision(root, store_next_revision(s->store));
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    if (kobj_freeze(&o, root, NULL) != 0)
        return;
    struct store_op op = {
        .table = t, .name = o->name, .object = last ? NULL : o, .deleted = last ? o : NULL
    };
    store_commit(s->store, &op, 1, NULL, NULL, NULL);
}

static void on_changed(void *arg)
{
    struct apiserver *s = arg;
    struct store_event ev;
    struct err err = { 0 };
    while (store_watch_next(s->crd_watch, &ev, &err)) {
        if (ev.type == EVENT_DELETED) {
            withdraw(s, ev.object);
        } else if (kobj_deleting(ev.object)) {
            AUTO(kobj_unrefp) struct kobj *o = kobj_ref(ev.object);
            finish_deletion(s, o);
        } else {
            offer(s, ev.object);
        }
    }
    assert(err.kind == ERR_NONE); /* it reads at every publication, so the window cannot pass it */
}

static bool load_one(void *arg, const struct kobj *o)
{
    if (kobj_deleting(o))
        finish_deletion(arg, o);
    else
        offer(arg, o);
    return true;
}

int crd_start(struct apiserver *s, struct err *err)
{
    struct store_table *t =
        store_table(s->store, STR("apiextensions.k8s.io"), STR("customresourcedefinitions"));
    struct store_snapshot *now = store_snapshot(t);
    uint64_t revision = store_snapshot_revision(now);
    store_snapshot_walk(now, NULL, load_one, s);
    store_snapshot_unref(now);
    return store_watch_new(&s->crd_watch, t, revision, on_changed, s, err);
}

void crd_stop(struct apiserver *s)
{
    store_watch_free(TAKE(s->crd_watch));
}

/* ---- questions ---- */

struct str crd_storage_version(const struct crd *c)
{
    return c->storage;
}

static const struct crd_version *version_of(const struct served *what)
{
    if (!what->crd)
        return NULL;
    for (size_t i = 0; i < what->crd->n; i++) {
        if (&what->crd->versions[i].res == what->res)
            return &what->crd->versions[i];
    }
    return NULL;
}

struct json crd_selectable(const struct served *what)
{
    const struct crd_version *v = version_of(what);
    return v ? json_get(v->spec, STR("selectableFields")) : (struct json){ 0 };
}

static void scale_path(struct json scale, const char *key, struct str *out)
{
    struct str path = json_str(json_get(scale, str_from(key)));
    *out = path.n > 0 && path.p[0] == '.' ? str_skip(path, 1) : path;
}

const struct openapi_custom *
crd_openapi(struct apiserver *s, struct arena *a, struct str group, struct str version, size_t *n)
{
    struct openapi_custom *out = ARENA_ARRAY(a, struct openapi_custom, s->registry.all.n + 1);
    *n = 0;
    for (size_t i = 0; i < s->registry.all.n; i++) {
        const struct served *w = s->registry.all.items[i];
        const struct crd_version *v = version_of(w);
        if (!v || !str_eq(w->res->group, group) || !str_eq(w->res->version, version))
            continue;
        out[(*n)++] =
            (struct openapi_custom){ w->res, json_path(v->spec, "schema.openAPIV3Schema") };
    }
    return out;
}

void crd_warn_deprecated(struct action *a)
{
    const struct crd_version *v = version_of(a->what);
    if (!v || !json_bool(json_get(v->spec, STR("deprecated")), false))
        return;
    struct str own = json_str(json_get(v->spec, STR("deprecationWarning")));
    const struct resource *r = a->what->res;
    struct str better = crd_storage_version(a->what->crd);
    if (own.n > 0)
        action_warn(a, "%.*s", STR_ARG(own));
    else if (!str_ends(better, r->version))
        action_warn(a, "%.*s/%.*s %.*s is deprecated; use %.*s %.*s", STR_ARG(r->group),
                    STR_ARG(r->version), STR_ARG(r->kind), STR_ARG(better), STR_ARG(r->kind));
    else
        action_warn(a, "%.*s/%.*s %.*s is deprecated", STR_ARG(r->group), STR_ARG(r->version),
                    STR_ARG(r->kind));
}

void crd_scale_paths(const struct served *what,
                     struct str *spec,
                     struct str *status,
                     struct str *selector)
{
    const struct crd_version *v = version_of(what);
    struct json scale = v ? json_path(v->spec, "subresources.scale") : (struct json){ 0 };
    if (!json_has(scale))
        return;
    scale_path(scale, "specReplicasPath", spec);
    scale_path(scale, "statusReplicasPath", status);
    scale_path(scale, "labelSelectorPath", selector);
}

/* ---- accepting a definition ---- */

static void fill_names(struct action *a)
{
    struct jnode *names = jnode_need_obj(jnode_need_obj(a->obj, STR("spec")), STR("names"));
    struct str kind = jnode_text_of_str(jnode_get(names, STR("kind")));
    if (jnode_text_of_str(jnode_get(names, STR("singular"))).n == 0 && kind.n > 0) {
        char *lower = arena_alloc(a->arena, kind.n + 1);
        for (size_t i = 0; i < kind.n; i++)
            lower[i] = kind.p[i] >= 'A' && kind.p[i] <= 'Z' ? (char)(kind.p[i] + 32) : kind.p[i];
        jnode_set_str(names, STR("singular"), str_make(lower, kind.n));
    }
    if (jnode_text_of_str(jnode_get(names, STR("listKind"))).n == 0 && kind.n > 0)
        jnode_set_str(names, STR("listKind"), arena_printf(a->arena, "%.*sList", STR_ARG(kind)));
    struct jnode *conversion =
        jnode_need_obj(jnode_need_obj(a->obj, STR("spec")), STR("conversion"));
    if (!jnode_get(conversion, STR("strategy")))
        jnode_set_str(conversion, STR("strategy"), STR("None"));
}

static void store_versions(struct action *a, struct jnode *status)
{
    struct jnode *stored = jnode_need_arr(status, STR("storedVersions"));
    struct jnode *versions = jnode_path(a->obj, "spec.versions");
    for (size_t i = 0; i < jnode_len(versions); i++) {
        struct jnode *v = jnode_at(versions, i);
        struct str name = jnode_text_of_str(jnode_get(v, STR("name")));
        bool known = !jnode_is_true(jnode_get(v, STR("storage")));
        for (size_t k = 0; k < jnode_len(stored) && !known; k++)
            known = str_eq(jnode_text_of_str(jnode_at(stored, k)), name);
        if (!known)
            jnode_append(stored, jnode_str(a->arena, name));
    }
}

/* A name of ours that another definition of the group has. */
struct conflict {
    struct str own, group, kind, list_kind, singular;
    struct str name;    /* the taken one; absent: none */
    const char *reason; /* "ListKindConflict", … */
};

static bool check_other(void *arg, const struct kobj *o)
{
    struct conflict *c = arg;
    struct json names = kobj_path(o, "status.acceptedNames");
    if (str_eq(o->name, c->own) || !str_eq(json_str(kobj_path(o, "spec.group")), c->group))
        return true;
    const struct {
        const char *key;
        struct str want;
        const char *reason;
    } rows[] = { { "listKind", c->list_kind, "ListKindConflict" },
                 { "kind", c->kind, "KindConflict" },
                 { "singular", c->singular, "SingularConflict" } };
    for (size_t i = 0; i < COUNT_OF(rows) && !c->name.p; i++) {
        if (rows[i].want.n > 0 &&
            str_eq(json_str(json_get(names, str_from(rows[i].key))), rows[i].want)) {
            c->name = rows[i].want;
            c->reason = rows[i].reason;
        }
    }
    return !c->name.p;
}

static struct conflict find_conflict(struct action *a)
{
    struct jnode *names = jnode_path(a->obj, "spec.names");
    struct conflict c = {
        .own = a->r.name,
        .group = jnode_text_of_str(jnode_path(a->obj, "spec.group")),
        .kind = jnode_text_of_str(jnode_get(names, STR("kind"))),
        .list_kind = jnode_text_of_str(jnode_get(names, STR("listKind"))),
        .singular = jnode_text_of_str(jnode_get(names, STR("singular"))),
    };
    struct store_snapshot *now = store_snapshot_pending(a->what->table);
    store_snapshot_walk(now, NULL, check_other, &c);
    store_snapshot_unref(now);
    return c;
}

static void refuse_names(struct action *a, struct jnode *status, const struct conflict *c)
{
    struct jnode *accepted = jnode_set(status, STR("acceptedNames"), jnode_obj(a->arena));
    jnode_set_str(accepted, STR("plural"),
                  jnode_text_of_str(jnode_path(a->obj, "spec.names.plural")));
    jnode_set_str(accepted, STR("kind"), STR(""));
    struct jnode *conditions = jnode_need_arr(status, STR("conditions"));
    struct condition_spec names = {
        .type = "NamesAccepted",
        .status = "False",
        .reason = str_from(c->reason),
        .message = arena_printf(a->arena, "\"%.*s\" is already in use", STR_ARG(c->name)),
    };
    struct condition_spec established = { .type = "Established",
                                          .status = "False",
                                          .reason = STR("NotAccepted"),
                                          .message = STR("not all names are accepted") };
    meta_set_condition(a->arena, conditions, &names, api_now(a->s));
    meta_set_condition(a->arena, conditions, &established, api_now(a->s));
}

static void accept_names(struct action *a, struct jnode *status)
{
    struct jnode *names = jnode_path(a->obj, "spec.names");
    jnode_set(status, STR("acceptedNames"), jnode_copy(a->arena, names));
    struct jnode *conditions = jnode_need_arr(status, STR("conditions"));
    struct condition_spec accepted = { .type = "NamesAccepted",
                                       .status = "True",
                                       .reason = STR("NoConflicts"),
                                       .message = STR("no conflicts found") };
    struct condition_spec established = {
        .type = "Established",
        .status = "True",
        .reason = STR("InitialNamesAccepted"),
        .message = STR("the initial names have been accepted"),
    };
    meta_set_condition(a->arena, conditions, &accepted, api_now(a->s));
    meta_set_condition(a->arena, conditions, &established, api_now(a->s));
}

static void accept(struct action *a)
{
    fill_names(a);
    struct jnode *status = jnode_need_obj(a->obj, STR("status"));
    struct conflict c = find_conflict(a);
    if (c.name.p)
        refuse_names(a, status, &c);
    else
        accept_names(a, status);
    store_versions(a, status);
}

void crd_prepare_delete(struct action *a)
{
    struct jnode *meta = jnode_need_obj(a->obj, STR("metadata"));
    struct jnode *list = jnode_need_arr(meta, STR("finalizers"));
    bool had = false;
    for (size_t i = 0; i < jnode_len(list); i++)
        had |= str_is(jnode_text_of_str(jnode_at(list, i)), CRD_FINALIZER);
    if (had || kobj_deleting(a->old))
        return;
    jnode_append(list, jnode_str(a->arena, STR(CRD_FINALIZER)));
    struct jnode *status = jnode_need_obj(a->obj, STR("status"));
    struct condition_spec ending = {
        .type = "Terminating",
        .status = "True",
        .reason = STR("InstanceDeletionPending"),
        .message = STR("CustomResourceDefinition marked for deletion; CustomResource deletion will "
                       "begin soon"),
    };
    meta_set_condition(a->arena, jnode_need_arr(status, STR("conditions")), &ending, api_now(a->s));
}

enum turn crd_prepare_create(struct action *a)
{
    fill_names(a);
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    jnode_set(status, STR("conditions"), jnode_null(a->arena));
    struct jnode *names = jnode_set(status, STR("acceptedNames"), jnode_obj(a->arena));
    jnode_set_str(names, STR("plural"), STR(""));
    jnode_set_str(names, STR("kind"), STR(""));
    store_versions(a, status);
    a->then = accept;
    return TURN_GO;
}

enum turn crd_prepare_update(struct action *a)
{
    if (!str_is(a->r.subresource, "status"))
        accept(a);
    return TURN_GO;
}
