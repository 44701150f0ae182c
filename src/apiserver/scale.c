/* SPDX-License-Identifier: Apache-2.0
 * scale — see scale.h. */
#include "apiserver/scale.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/crd.h"
#include "apiserver/decode.h"
#include "apiserver/patching.h"
#include "apiserver/refuse.h"
#include "apiserver/write.h"
#include "codec/patch.h"
#include "codec/selector.h"
#include "kube/meta.h"
#include "kube/validate.h"

struct scale_paths {
    struct str spec, status, selector; /* without the leading dot; selector absent: none */
};

static struct scale_paths paths_of(const struct served *what)
{
    struct scale_paths p = { STR("spec.replicas"), STR("status.replicas"), STR("spec.selector") };
    if (what->crd)
        crd_scale_paths(what, &p.spec, &p.status, &p.selector);
    return p;
}

static struct json at_path(const struct kobj *o, struct arena *a, struct str path)
{
    struct str text = arena_str(a, path);
    return text.n > 0 ? kobj_path(o, text.p) : (struct json){ 0 };
}

static struct str selector_text(struct action *a, struct json v)
{
    if (json_type(v) == JSON_STR)
        return json_str(v);
    AUTO(selector_freep) struct selector *s = NULL;
    if (json_type(v) != JSON_OBJ || selector_from_json(&s, v, NULL) != 0)
        return STR("");
    struct buf b;
    buf_init(&b, SELECTOR_TEXT_MAX);
    selector_write(&b, s);
    struct str out = arena_str(a->arena, buf_view(&b));
    buf_fini(&b);
    return out;
}

static struct jnode *scale_of(struct action *a, const struct kobj *o)
{
    static const char *const kept[] = { "name", "namespace", "uid", "resourceVersion",
                                        "creationTimestamp" };
    struct scale_paths p = paths_of(a->what);
    struct jnode *root = jnode_obj(a->arena);
    jnode_set_str(root, STR("kind"), STR("Scale"));
    jnode_set_str(root, STR("apiVersion"), STR("autoscaling/v1"));
    struct jnode *meta = jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct json v = json_get(kobj_path(o, "metadata"), str_from(kept[i]));
        if (json_has(v))
            jnode_set(meta, str_from(kept[i]), jnode_thaw(a->arena, v));
    }
    struct jnode *spec = jnode_set(root, STR("spec"), jnode_obj(a->arena));
    int64_t want = json_i64_or(at_path(o, a->arena, p.spec), 0);
    if (want != 0)
        jnode_set_i64(spec, STR("replicas"), want);
    struct jnode *status = jnode_set(root, STR("status"), jnode_obj(a->arena));
    jnode_set_i64(status, STR("replicas"), json_i64_or(at_path(o, a->arena, p.status), 0));
    struct str selector = selector_text(a, at_path(o, a->arena, p.selector));
    if (selector.n > 0)
        jnode_set_str(status, STR("selector"), selector);
    return root;
}

static enum turn reply_scale(struct action *a, const struct kobj *o)
{
    struct kobj *scale = NULL;
    struct err err = { 0 };
    if (kobj_freeze(&scale, scale_of(a, o), &err) != 0)
        return refuse_err(a, &err);
    return action_reply(a, 200, scale);
}

static enum turn get(struct action *a)
{
    const struct kobj *o = store_get(a->what->table, a->r.namespace, a->r.name);
    return o ? reply_scale(a, o) : refuse_not_found(a, a->r.name);
}

const action_step_fn scale_get_steps[] = { authz_check, get, NULL };

static void set_path(struct jnode *root, struct str path, int64_t value)
{
    while (path.p) {
        struct str key = str_split(&path, '.');
        if (path.p)
            root = jnode_need_obj(root, key);
        else
            jnode_set_i64(root, key, value);
    }
}

static enum turn refuse_replicas(struct action *a, struct jnode *scale)
{
    struct causes c = { .a = a->arena };
    enum turn t;
    if (a->what->res->custom) {
        cause_add(&c, CAUSE_INVALID, STR(".spec.replicas"), jnode_path(scale, "spec.replicas"),
                  "should be a non-negative integer");
        t = refuse_invalid(a, a->r.name, &c);
    } else {
        validate_scale(scale, &c);
        t = action_reply(a, 422, status_invalid(STR("Scale"), STR("autoscaling"), a->r.name, &c));
    }
    cause_vec_fini(&c.list);
    return t;
}

static enum turn change(struct action *a)
{
    struct jnode *scale = NULL;
    enum turn t = decode_other(a, STR("autoscaling/v1"), STR("Scale"), &scale);
    if (t != TURN_GO)
        return t;
    int64_t replicas = 0;
    jnode_to_i64(jnode_path(scale, "spec.replicas"), &replicas);
    if (replicas < 0)
        return refuse_replicas(a, scale);
    a->obj = scale;
    t = write_check_preconditions(a);
    if (t != TURN_GO)
        return t;
    a->obj = jnode_thaw(a->arena, kobj_root(a->old));
    set_path(a->obj, paths_of(a->what).spec, replicas);
    write_count_generation(a);
    return TURN_GO;
}

/* Server-side apply of a Scale is an apply of the one field to the object itself. */
static enum turn apply_scale(struct action *a)
{
    struct jnode *given = jnode_thaw(a->arena, a->r.body);
    int64_t replicas = 0;
    jnode_to_i64(jnode_path(given, "spec.replicas"), &replicas);
    char version[256];
    struct jnode *root = meta_object(a->arena, "", "", a->r.namespace, a->r.name);
    jnode_set_str(root, STR("apiVersion"),
                  resource_api_version(version, sizeof version, a->what->res));
    jnode_set_str(root, STR("kind"), a->what->res->kind);
    set_path(root, paths_of(a->what).spec, replicas);
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (jnode_freeze(&doc, root, &err) != 0)
        return refuse_err(a, &err);
    decode_set_body(a, doc);
    enum turn t = patching_apply(a);
    if (t != TURN_GO)
        return t;
    a->obj = jnode_thaw(a->arena, a->r.body);
    write_count_generation(a);
    return TURN_GO;
}

static enum turn apply_patch(struct action *a)
{
    if (a->r.write.patch == PATCH_APPLY)
        return apply_scale(a);
    struct jnode *scale = scale_of(a, a->old);
    struct err err = { 0 };
    if (a->r.write.patch == PATCH_JSON) {
        if (patch_json(a->arena, &scale, a->r.body, &err) != 0)
            return refuse_bad_request(a, "%s", err.msg);
    } else {
        scale = patch_merge(a->arena, scale, a->r.body);
    }
    struct json_doc *doc = NULL;
    if (jnode_freeze(&doc, scale, &err) != 0)
        return refuse_err(a, &err);
    decode_set_body(a, doc); /* the tree borrowed from the patch until here */
    return change(a);
}

static enum turn reply_changed(struct action *a)
{
    AUTO(kobj_unrefp) struct kobj *o = TAKE(a->result);
    return reply_scale(a, o);
}

const action_step_fn scale_put_steps[] = {
    authz_check, write_load_old, change, write_commit, reply_changed, NULL,
};
const action_step_fn scale_patch_steps[] = {
    authz_check, write_load_old, apply_patch, write_commit, reply_changed, NULL,
};
