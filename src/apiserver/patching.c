/* SPDX-License-Identifier: Apache-2.0
 * patching — see patching.h. */
#include "apiserver/patching.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/decode.h"
#include "apiserver/refuse.h"
#include "apiserver/strategy.h"
#include "codec/patch.h"
#include "kube/strategic.h"

static enum turn use_result(struct action *a, struct jnode *root)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (jnode_freeze(&doc, root, &err) != 0)
        return refuse_err(a, &err);
    decode_set_body(a, doc);
    return TURN_GO;
}

/* Kubernetes does not say which operation failed. */
static enum turn refuse_patch(struct action *a)
{
    struct status_spec s = {
        .code = 422,
        .reason = "Invalid",
        .message = STR("the server rejected our request due to an error in our request"),
    };
    return action_refuse(a, &s);
}

static enum turn json_patch(struct action *a)
{
    if (json_type(a->r.body) != JSON_ARR)
        return refuse_bad_request(a, "error decoding patch: json: cannot unmarshal into Go value "
                                     "of type jsonpatch.Patch");
    struct jnode *root = jnode_thaw(a->arena, kobj_root(a->old));
    struct err err = { 0 };
    if (patch_json(a->arena, &root, a->r.body, &err) != 0)
        return refuse_patch(a);
    return use_result(a, root);
}

static enum turn merge_patch(struct action *a)
{
    if (json_type(a->r.body) != JSON_OBJ)
        return refuse_bad_request(a, "error decoding patch: json: cannot unmarshal into Go value "
                                     "of type map[string]interface {}");
    struct jnode *root = jnode_thaw(a->arena, kobj_root(a->old));
    return use_result(a, patch_merge(a->arena, root, a->r.body));
}

static enum turn strategic_patch(struct action *a)
{
    if (!a->what->res->schema || a->what->res->custom)
        return refuse_media(a, "application/json-patch+json, application/merge-patch+json, "
                               "application/apply-patch+yaml");
    if (json_type(a->r.body) != JSON_OBJ)
        return refuse_bad_request(a, "error decoding patch: json: cannot unmarshal into Go value "
                                     "of type map[string]interface {}");
    struct jnode *root = jnode_thaw(a->arena, kobj_root(a->old));
    struct err err = { 0 };
    if (strategic_merge(a->arena, a->what->res->schema, &root, a->r.body, &err) != 0)
        return refuse_bad_request(a, "%s", err.msg);
    return use_result(a, root);
}

/* ---- server-side apply ---- */

static enum turn check_applied(struct action *a)
{
    if (a->r.write.field_manager.n == 0) {
        struct causes c = { .a = a->arena };
        cause_add(&c, CAUSE_REQUIRED, STR("fieldManager"), NULL, "is required for apply patch");
        enum turn t = action_reply(
            a, 422, status_invalid(STR("PatchOptions"), STR("meta.k8s.io"), STR(""), &c));
        cause_vec_fini(&c.list);
        return t;
    }
    struct json meta = json_get(a->r.body, STR("metadata"));
    if (json_type(a->r.body) != JSON_OBJ)
        return refuse_bad_request(a, "error decoding YAML: the applied configuration must be an "
                                     "object");
    if (json_has(json_get(meta, STR("managedFields"))))
        return refuse_bad_request(a, "metadata.managedFields must be nil");
    struct str name = json_str(json_get(meta, STR("name")));
    if (name.n > 0 && !str_eq(name, a->r.name))
        return refuse_bad_request(a,
                                  "the name of the object (%.*s) does not match the name on the "
                                  "URL (%.*s)",
                                  STR_ARG(name), STR_ARG(a->r.name));
    char version[256];
    struct str want = resource_api_version(version, sizeof version, a->what->res);
    struct str given = json_str(json_get(a->r.body, STR("apiVersion")));
    struct str kind = json_str(json_get(a->r.body, STR("kind")));
    if (!str_eq(given, want) || !str_eq(kind, a->what->res->kind))
        return refuse_bad_request(a,
                                  "failed to create manager for existing fields: expected "
                                  "%.*s, Kind=%.*s, got %.*s, Kind=%.*s",
                                  STR_ARG(want), STR_ARG(a->what->res->kind), STR_ARG(given),
                                  STR_ARG(kind));
    return TURN_GO;
}

static enum turn
refuse_apply(struct action *a, const struct causes *conflicts, const struct err *err)
{
    if (err->kind != ERR_CONFLICT)
        return refuse_internal(a, "%s", err->msg);
    struct status_spec s = { .code = 409,
                             .reason = "Conflict",
                             .message = apply_conflict_message(conflicts),
                             .causes = conflicts };
    return action_refuse(a, &s);
}

struct apply_writer patching_writer(struct action *a)
{
    char version[256];
    struct str api = resource_api_version(version, sizeof version, a->what->res);
    struct str manager = a->r.write.field_manager;
    if (manager.n == 0) {
        struct str rest = a->user_agent;
        manager = str_split(&rest, '/');
    }
    struct apply_writer w = { .schema = a->what->res->schema,
                              .manager = manager.n > 0 ? manager : STR("unknown"),
                              .api_version = arena_str(a->arena, api),
                              .subresource = a->r.subresource,
                              .now = api_now(a->s) };
    if (a->what->rules->flags & STRATEGY_STATUS)
        w.ignored = str_is(a->r.subresource, "status") ? STR("spec") : STR("status");
    return w;
}

static enum turn apply_patch(struct action *a)
{
    enum turn t = check_applied(a);
    if (t != TURN_GO)
        return t;
    struct apply_request q = {
        .by = patching_writer(a),
        .live = a->old ? jnode_thaw(a->arena, kobj_root(a->old)) : NULL,
        .applied = a->r.body,
        .force = a->r.write.force,
    };
    struct causes conflicts = { .a = a->arena };
    struct jnode *merged = NULL;
    struct err err = { 0 };
    int rc = apply_merge(a->arena, &q, &conflicts, &merged, &err);
    t = rc == 0 ? use_result(a, merged) : refuse_apply(a, &conflicts, &err);
    cause_vec_fini(&conflicts.list);
    return t;
}

enum turn patching_apply(struct action *a)
{
    switch (a->r.write.patch) {
    case PATCH_JSON:
        return json_patch(a);
    case PATCH_MERGE:
        return merge_patch(a);
    case PATCH_STRATEGIC:
        return strategic_patch(a);
    case PATCH_APPLY:
        return apply_patch(a);
    case PATCH_NONE:
        break;
    }
    return refuse_media(a, "application/json-patch+json, application/merge-patch+json, "
                           "application/apply-patch+yaml");
}
