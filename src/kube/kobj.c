/* SPDX-License-Identifier: Apache-2.0
 * kobj — making, counting and asking API objects; see kobj.h. */
#include "kube/kobj.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/lens.h"

/* A text member that may be missing or null, but not of another type. */
static int text_member(struct str *out, struct json obj, const char *name, struct err *err)
{
    struct json v = json_get(obj, str_from(name));
    if (!json_has(v)) {
        *out = (struct str){ 0 };
        return 0;
    }
    if (json_type(v) != JSON_STR)
        return err_set(err, ERR_INVALID, "%s must be a string", name);
    *out = json_str(v);
    return 0;
}

static int fill(struct kobj *o, struct err *err)
{
    struct json root = json_root(o->doc);
    if (json_type(root) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "an API object must be a JSON object");
    struct json meta = json_get(root, STR("metadata"));
    if (json_has(meta) && json_type(meta) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "metadata must be an object");
    o->metadata_at = json_has(meta) ? meta.at : 0;
    struct str revision = { 0 };
    if (text_member(&o->api_version, root, "apiVersion", err) < 0 ||
        text_member(&o->kind, root, "kind", err) < 0)
        return -1;
    if (text_member(&o->namespace, meta, "namespace", err) < 0 ||
        text_member(&o->name, meta, "name", err) < 0 ||
        text_member(&o->uid, meta, "uid", err) < 0 ||
        text_member(&revision, meta, "resourceVersion", err) < 0)
        return err_wrap(err, "metadata");
    if (!str_to_u64(revision, &o->revision))
        o->revision = 0;
    return 0;
}

int kobj_new(struct kobj **out, struct json_doc *doc, struct err *err)
{
    assert(doc);
    AUTO(kobj_unrefp) struct kobj *o = MEM_NEW(struct kobj);
    atomic_init(&o->refs, 1);
    atomic_init(&o->lens, NULL);
    o->doc = doc;
    if (fill(o, err) < 0)
        return -1;
    *out = TAKE(o);
    return 0;
}

/* The form to keep. Nobody but server-side apply reads managedFields, and its tape is a third of an
 * object. */
static struct json_doc *at_rest(struct json_doc *doc)
{
    struct json managed = json_path(json_root(doc), "metadata.managedFields");
    return json_pack(json_exists(managed) ? json_fold(doc, managed) : doc);
}

int kobj_parse(struct kobj **out, struct str text, const struct json_limits *lim, struct err *err)
{
    struct json_doc *doc = NULL;
    if (json_parse(&doc, text, lim, err) < 0)
        return -1;
    return kobj_new(out, at_rest(doc), err);
}

int kobj_keep(struct kobj **out,
              struct json_keep *k,
              struct json v,
              struct json front,
              struct err *err)
{
    struct json_doc *doc = json_keep(k, v, front);
    return kobj_new(out, json_keep_is_all(k) ? at_rest(doc) : doc, err);
}

int kobj_freeze(struct kobj **out, struct jnode *root, struct err *err)
{
    struct json_doc *doc = NULL;
    if (jnode_freeze(&doc, root, err) < 0)
        return -1;
    bool untouched = json_exists(jnode_source(root)); /* then others hold the document too */
    return kobj_new(out, untouched ? doc : at_rest(doc), err);
}

/* The count is the one thing that changes behind a const object. */
static struct kobj *unconst(const struct kobj *o)
{
    return (struct kobj *)(uintptr_t)o;
}

struct kobj *kobj_ref(const struct kobj *o)
{
    struct kobj *m = unconst(o);
    if (m)
        atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void kobj_unref(const struct kobj *o)
{
    struct kobj *m = unconst(o);
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    lens_free(atomic_load_explicit(&m->lens, memory_order_relaxed));
    json_doc_unref(m->doc);
    free(m);
}

size_t kobj_bytes(const struct kobj *o)
{
    return sizeof *o + json_doc_bytes(o->doc) +
           lens_bytes(atomic_load_explicit(&o->lens, memory_order_acquire));
}

struct json kobj_metadata(const struct kobj *o)
{
    if (!o || !o->metadata_at)
        return (struct json){ 0 };
    return (struct json){ o->doc, o->metadata_at };
}

struct json kobj_meta(const struct kobj *o, struct str key)
{
    return json_get(kobj_metadata(o), key);
}

struct json kobj_path(const struct kobj *o, const char *path)
{
    return json_path(kobj_root(o), path);
}

struct str kobj_label(const struct kobj *o, struct str key)
{
    return json_str(json_get(kobj_meta(o, STR("labels")), key));
}

struct str kobj_annotation(const struct kobj *o, struct str key)
{
    return json_str(json_get(kobj_meta(o, STR("annotations")), key));
}

struct wall kobj_created(const struct kobj *o)
{
    struct wall t = { 0 };
    if (!wall_parse(json_str(kobj_meta(o, STR("creationTimestamp"))), &t))
        t.ns = 0;
    return t;
}

bool kobj_deleting(const struct kobj *o)
{
    return json_has(kobj_meta(o, STR("deletionTimestamp")));
}

struct json kobj_controller(const struct kobj *o)
{
    struct json owners = kobj_meta(o, STR("ownerReferences"));
    for (struct json_iter it = json_iter(owners); json_next(&it);) {
        if (json_bool(json_get(it.value, STR("controller")), false))
            return it.value;
    }
    return (struct json){ 0 };
}

struct str kobj_key(struct arena *a, const struct kobj *o)
{
    if (o->namespace.n == 0)
        return arena_str(a, o->name);
    return arena_printf(a, "%.*s/%.*s", STR_ARG(o->namespace), STR_ARG(o->name));
}
