/* SPDX-License-Identifier: Apache-2.0
 * meta — building metadata, conditions and Events; see meta.h. */
#include "kube/meta.h"

#include <inttypes.h>

#define GENERATE_BASE_MAX 58 /* so that a generated name is 63 bytes at most */

/* Without vowels and look-alikes, so that no word and no misreading comes out. */
static const char suffix_chars[] = "bcdfghjklmnpqrstvwxz2456789";

struct str meta_generate_name(struct arena *a, struct str base, uint64_t random)
{
    char suffix[META_SUFFIX_BYTES];
    for (size_t i = 0; i < META_SUFFIX_BYTES; i++) {
        suffix[i] = suffix_chars[random % (sizeof suffix_chars - 1)];
        random /= sizeof suffix_chars - 1;
    }
    base = str_take(base, GENERATE_BASE_MAX);
    return arena_printf(a, "%.*s%.*s", STR_ARG(base), META_SUFFIX_BYTES, suffix);
}

/* ---- building ---- */

static void set_text(struct jnode *obj, const char *key, struct str text)
{
    if (text.p)
        jnode_set_str(obj, str_from(key), text);
}

struct jnode *meta_object(struct arena *a,
                          const char *api_version,
                          const char *kind,
                          struct str namespace,
                          struct str name)
{
    struct jnode *obj = jnode_obj(a);
    set_text(obj, "apiVersion", str_from(api_version));
    set_text(obj, "kind", str_from(kind));
    struct jnode *meta = jnode_need_obj(obj, STR("metadata"));
    set_text(meta, "name", name);
    if (namespace.n > 0)
        set_text(meta, "namespace", namespace);
    return obj;
}

static void set_in_map(struct jnode *obj, const char *map, struct str key, struct str value)
{
    struct jnode *meta = jnode_need_obj(obj, STR("metadata"));
    jnode_set_str(jnode_need_obj(meta, str_from(map)), key, value);
}

void meta_set_label(struct jnode *obj, struct str key, struct str value)
{
    set_in_map(obj, "labels", key, value);
}

void meta_set_annotation(struct jnode *obj, struct str key, struct str value)
{
    set_in_map(obj, "annotations", key, value);
}

void meta_set_revision(struct jnode *obj, uint64_t revision)
{
    char text[STR_NUMBER_MAX];
    jnode_set_str(jnode_need_obj(obj, STR("metadata")), STR("resourceVersion"),
                  str_from_u64(text, revision));
}

void meta_add_owner(struct arena *a, struct jnode *obj, const struct kobj *owner, bool controller)
{
    struct jnode *meta = jnode_need_obj(obj, STR("metadata"));
    struct jnode *ref = jnode_append(jnode_need_arr(meta, STR("ownerReferences")), jnode_obj(a));
    set_text(ref, "apiVersion", owner->api_version);
    set_text(ref, "kind", owner->kind);
    set_text(ref, "name", owner->name);
    set_text(ref, "uid", owner->uid);
    if (!controller)
        return;
    jnode_set_bool(ref, STR("controller"), true);
    jnode_set_bool(ref, STR("blockOwnerDeletion"), true);
}

bool meta_owned_by(const struct kobj *o, const struct kobj *owner)
{
    struct json list = kobj_meta(o, STR("ownerReferences"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (owner->uid.n > 0 && str_eq(json_str(json_get(it.value, STR("uid"))), owner->uid))
            return true;
    }
    return false;
}

bool meta_controlled_by(const struct kobj *o, const struct kobj *owner)
{
    struct str uid = json_str(json_get(kobj_controller(o), STR("uid")));
    return uid.n > 0 && str_eq(uid, owner->uid);
}

struct jnode *meta_reference(struct arena *a, const struct kobj *o)
{
    struct jnode *ref = jnode_obj(a);
    set_text(ref, "apiVersion", o->api_version);
    set_text(ref, "kind", o->kind);
    set_text(ref, "namespace", o->namespace);
    set_text(ref, "name", o->name);
    set_text(ref, "uid", o->uid);
    set_text(ref, "resourceVersion", json_str(kobj_meta(o, STR("resourceVersion"))));
    return ref;
}

/* ---- times and conditions ---- */

void meta_set_time(struct jnode *o, struct str key, struct wall t)
{
    char text[TIME_TEXT_MAX];
    if (t.ns)
        jnode_set_str(o, key, wall_text(text, t));
}

static struct str text_of(struct jnode *obj, const char *key)
{
    return jnode_text_of_str(jnode_get(obj, str_from(key)));
}

static struct jnode *find_condition(struct jnode *conditions, const char *type)
{
    for (size_t i = 0; i < jnode_len(conditions); i++) {
        struct jnode *c = jnode_at(conditions, i);
        if (str_is(text_of(c, "type"), type))
            return c;
    }
    return NULL;
}

static void set_or_drop(struct jnode *obj, const char *key, struct str text)
{
    if (text.n)
        jnode_set_str(obj, str_from(key), text);
    else
        jnode_del(obj, str_from(key));
}

bool meta_set_condition(struct arena *a,
                        struct jnode *conditions,
                        const struct condition_spec *spec,
                        struct wall now)
{
    struct jnode *c = find_condition(conditions, spec->type);
    bool moved = !str_is(text_of(c, "status"), spec->status);
    if (c && !moved && str_eq(text_of(c, "reason"), spec->reason) &&
        str_eq(text_of(c, "message"), spec->message))
        return false;
    if (!c) {
        c = jnode_append(conditions, jnode_obj(a));
        set_text(c, "type", str_from(spec->type));
    }
    char text[TIME_TEXT_MAX];
    struct str time = wall_text(text, now);
    set_text(c, "status", str_from(spec->status));
    if (spec->probe_time)
        set_text(c, "lastProbeTime", time);
    if (moved)
        set_text(c, "lastTransitionTime", time);
    set_or_drop(c, "reason", spec->reason);
    set_or_drop(c, "message", spec->message);
    return true;
}

/* ---- Events ---- */

struct jnode *event_make(struct arena *a, const struct event_spec *s)
{
    char text[TIME_TEXT_MAX];
    struct str namespace = s->about->namespace.n ? s->about->namespace : STR("default");
    /* client-go names events after the object and a hexadecimal number. */
    struct str about = str_take(s->about->name, 200);
    struct str name = arena_printf(a, "%.*s.%016" PRIx64, STR_ARG(about), s->random);
    struct jnode *e = meta_object(a, "v1", "Event", namespace, name);
    struct jnode *ref = jnode_set(e, STR("involvedObject"), meta_reference(a, s->about));
    if (s->field_path.n)
        set_text(ref, "fieldPath", s->field_path);
    set_text(e, "reason", s->reason);
    set_text(e, "message", s->message);
    struct jnode *source = jnode_need_obj(e, STR("source"));
    set_text(source, "component", s->component);
    if (s->host.n)
        set_text(source, "host", s->host);
    struct str time = wall_text(text, s->now);
    set_text(e, "firstTimestamp", time);
    set_text(e, "lastTimestamp", time);
    jnode_set_i64(e, STR("count"), 1);
    set_text(e, "type", str_from(s->type));
    jnode_set(e, STR("eventTime"), jnode_null(a));
    set_text(e, "reportingComponent", s->component);
    set_text(e, "reportingInstance", s->host.p ? s->host : STR(""));
    return e;
}

struct str event_key(struct arena *a, const struct event_spec *s)
{
    const struct kobj *o = s->about;
    return arena_printf(a, "%.*s/%.*s/%.*s/%.*s/%.*s/%.*s/%.*s/%s/%.*s/%.*s", STR_ARG(s->component),
                        STR_ARG(s->host), STR_ARG(o->kind), STR_ARG(o->namespace), STR_ARG(o->name),
                        STR_ARG(o->uid), STR_ARG(s->field_path), s->type, STR_ARG(s->reason),
                        STR_ARG(s->message));
}

struct jnode *event_count_patch(struct arena *a, int64_t count, struct wall now)
{
    char text[TIME_TEXT_MAX];
    struct jnode *patch = jnode_obj(a);
    jnode_set_i64(patch, STR("count"), count);
    set_text(patch, "lastTimestamp", wall_text(text, now));
    return patch;
}
