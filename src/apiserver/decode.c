/* SPDX-License-Identifier: Apache-2.0
 * decode — see decode.h. */
#include "apiserver/decode.h"

#include "apiserver/refuse.h"
#include "apiserver/strategy.h"
#include "kube/default.h"
#include "kube/schema_check.h"

void decode_set_body(struct action *a, struct json_doc *doc)
{
    json_doc_unref(a->body);
    a->body = doc;
    a->r.body = json_root(doc);
    a->dups = STR("");
}

struct expected {
    struct str api_version, kind;
    bool needs_kind; /* custom resources must say what they are */
    const struct schema *schema;
    struct json old; /* what a patch began with: of the same type, checked when it was stored */
};

/* A patch whose result does not decode. */
static enum turn refuse_patched(struct action *a, struct str why)
{
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_INVALID, STR("patch"), jnode_str(a->arena, json_text(a->r.body)), "%.*s",
              STR_ARG(why));
    enum turn t = action_reply(a, 422, status_invalid(STR(""), STR(""), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

/* Custom resources say it by a cause. */
static enum turn refuse_kind(struct action *a, struct str kind, struct str want)
{
    struct causes c = { .a = a->arena };
    struct str name = json_str(json_path(a->r.body, "metadata.name"));
    cause_add(&c, CAUSE_INVALID, STR("kind"), jnode_str(a->arena, kind), "must be %.*s",
              STR_ARG(want));
    enum turn t = action_reply(a, 422, status_invalid(kind, a->r.group, name, &c));
    cause_vec_fini(&c.list);
    return t;
}

static enum turn check_kind(struct action *a, const struct expected *want)
{
    struct str kind = json_str(json_get(a->r.body, STR("kind")));
    struct str version = json_str(json_get(a->r.body, STR("apiVersion")));
    if (want->needs_kind && kind.n == 0)
        return refuse_bad_request(a, "Object 'Kind' is missing in '%.*s'",
                                  STR_ARG(str_take(json_text(a->r.body), 200)));
    if (want->needs_kind && version.n == 0)
        return refuse_bad_request(a, "Object 'apiVersion' is missing in '%.*s'",
                                  STR_ARG(str_take(json_text(a->r.body), 200)));
    if (version.n > 0 && !str_eq(version, want->api_version))
        return refuse_bad_request(a,
                                  "the API version in the data (%.*s) does not match the expected "
                                  "API version (%.*s)",
                                  STR_ARG(version), STR_ARG(want->api_version));
    if (kind.n > 0 && !str_eq(kind, want->kind) && a->r.verb == VERB_PATCH)
        return refuse_patched(
            a, arena_printf(a->arena, "the kind must stay %.*s", STR_ARG(want->kind)));
    if (kind.n > 0 && !str_eq(kind, want->kind) && want->needs_kind)
        return refuse_kind(a, kind, want->kind);
    if (kind.n > 0 && !str_eq(kind, want->kind))
        return refuse_bad_request(a,
                                  "%.*s in version \"%.*s\" cannot be handled as a %.*s: no kind "
                                  "\"%.*s\" is registered for version \"%.*s\"",
                                  STR_ARG(kind), STR_ARG(want->api_version), STR_ARG(want->kind),
                                  STR_ARG(kind), STR_ARG(want->api_version));
    return TURN_GO;
}

static enum turn refuse_decoding(struct action *a, const struct expected *want, struct str why)
{
    if (a->r.verb == VERB_PATCH && a->r.write.patch != PATCH_APPLY)
        return refuse_patched(a, why);
    struct str version = want->api_version;
    ptrdiff_t slash = str_find_char(version, '/');
    if (slash >= 0)
        version = str_skip(version, (size_t)slash + 1);
    return refuse_bad_request(a, "%.*s in version \"%.*s\" cannot be handled as a %.*s: %.*s",
                              STR_ARG(want->kind), STR_ARG(version), STR_ARG(want->kind),
                              STR_ARG(why));
}

static void warn_of_fields(struct action *a, const struct schema_paths *unknown)
{
    for (struct str rest = a->dups; rest.n > 0;) {
        struct str path = str_split(&rest, '\n');
        if (path.n > 0)
            action_warn(a, "duplicate field \"%.*s\"", STR_ARG(path));
    }
    for (size_t i = 0; i < unknown->n; i++)
        action_warn(a, "unknown field \"%.*s\"", STR_ARG(unknown->items[i]));
}

static enum turn check_unknown(struct action *a, const struct expected *want)
{
    struct schema_paths unknown = { .a = a->arena };
    schema_check_unknown(&unknown, want->schema, a->r.body, want->old);
    if (unknown.n == 0 && a->dups.n == 0)
        return TURN_GO;
    if (str_is(a->r.write.field_validation, "Strict"))
        return refuse_decoding(a, want, schema_strict_error(&unknown, a->dups));
    warn_of_fields(a, &unknown);
    return TURN_GO;
}

static enum turn check_fields(struct action *a, const struct expected *want)
{
    struct err err = { 0 };
    bool odd = true;
    bool custom = a->what && a->what->res->custom;
    if (!custom && schema_check_types(want->schema, a->r.body, want->old, &odd, &err) != 0)
        return refuse_decoding(a, want, str_from(err.msg));
    if ((!odd && a->dups.n == 0) || str_is(a->r.write.field_validation, "Ignore"))
        return TURN_GO;
    return check_unknown(a, want);
}

/* null decodes as an empty object; anything but an object is refused. */
static enum turn check_shape(struct action *a, const struct expected *want)
{
    if (json_type(a->r.body) == JSON_NULL || !json_exists(a->r.body)) {
        struct json_doc *doc = NULL;
        if (json_parse(&doc, STR("{}"), &json_limits_own, NULL) == 0)
            decode_set_body(a, doc);
    }
    if (json_type(a->r.body) != JSON_OBJ)
        return refuse_bad_request(a,
                                  "the object provided is unrecognized (must be of type %.*s): "
                                  "couldn't get version/kind; json parse error: not an object",
                                  STR_ARG(want->kind));
    return TURN_GO;
}

static enum turn check(struct action *a, const struct expected *want)
{
    enum turn t = check_shape(a, want);
    if (t == TURN_GO)
        t = check_kind(a, want);
    if (t == TURN_GO && want->schema)
        t = check_fields(a, want);
    return t;
}

enum turn decode_object(struct action *a)
{
    const struct resource *res = a->what->res;
    char version[256];
    struct expected want = { .api_version = resource_api_version(version, sizeof version, res),
                             .kind = res->kind,
                             .needs_kind = res->custom,
                             .schema = res->schema };
    if (a->r.verb == VERB_PATCH && !res->custom)
        want.old = kobj_root(a->old);
    enum turn t = check(a, &want);
    if (t != TURN_GO)
        return t;
    a->obj = jnode_thaw(a->arena, a->r.body);
    if (!jnode_get(a->obj, STR("kind")))
        jnode_set_str(a->obj, STR("kind"), res->kind);
    if (!jnode_get(a->obj, STR("apiVersion")))
        jnode_set_str(a->obj, STR("apiVersion"), want.api_version);
    if (jnode_type(jnode_get(a->obj, STR("metadata"))) == JSON_NULL)
        jnode_del(a->obj, STR("metadata"));
    jnode_need_obj(a->obj, STR("metadata"));
    return TURN_GO;
}

enum turn
decode_other(struct action *a, struct str api_version, struct str kind, struct jnode **out)
{
    struct expected want = { .api_version = api_version,
                             .kind = kind,
                             .schema = schema_find_kind(api_version, kind) };
    enum turn t = check(a, &want);
    if (t == TURN_GO)
        *out = jnode_thaw(a->arena, a->r.body);
    return t;
}
