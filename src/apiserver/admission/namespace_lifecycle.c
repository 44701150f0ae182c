/* SPDX-License-Identifier: Apache-2.0
 * namespace_lifecycle — nothing is created in a namespace that is missing or ending, and some
 * namespaces cannot be deleted. */
#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"

static bool is_immortal(struct str name)
{
    return str_is(name, "default") || str_is(name, "kube-system") || str_is(name, "kube-public");
}

static enum turn refuse_missing(struct action *a)
{
    struct status_spec s = { .code = 404,
                             .reason = "NotFound",
                             .message = arena_printf(a->arena, "namespaces \"%.*s\" not found",
                                                     STR_ARG(a->r.namespace)),
                             .name = a->r.namespace,
                             .kind = STR("namespaces") };
    return action_refuse(a, &s);
}

static enum turn refuse_ending(struct action *a)
{
    struct str resource = refuse_resource_name(a);
    struct jnode *root = jnode_obj(a->arena);
    struct str why =
        arena_printf(a->arena, "namespace %.*s is being terminated", STR_ARG(a->r.namespace));
    jnode_set_str(root, STR("kind"), STR("Status"));
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(root, STR("status"), STR("Failure"));
    jnode_set_str(root, STR("message"),
                  arena_printf(a->arena,
                               "%.*s \"%.*s\" is forbidden: unable to create new content in "
                               "namespace %.*s because it is being terminated",
                               STR_ARG(resource), STR_ARG(a->r.name), STR_ARG(a->r.namespace)));
    jnode_set_str(root, STR("reason"), STR("Forbidden"));
    struct jnode *details = jnode_set(root, STR("details"), jnode_obj(a->arena));
    jnode_set_str(details, STR("name"), a->r.name);
    if (a->r.group.n > 0)
        jnode_set_str(details, STR("group"), a->r.group);
    jnode_set_str(details, STR("kind"), a->r.plural);
    struct jnode *causes = jnode_set(details, STR("causes"), jnode_arr(a->arena));
    struct jnode *cause = jnode_append(causes, jnode_obj(a->arena));
    jnode_set_str(cause, STR("reason"), STR("NamespaceTerminating"));
    jnode_set_str(cause, STR("message"), why);
    jnode_set_str(cause, STR("field"), STR("metadata.namespace"));
    jnode_set_i64(root, STR("code"), 403);
    struct kobj *o = NULL;
    struct err err = { 0 };
    if (kobj_freeze(&o, root, &err) != 0)
        return refuse_err(a, &err);
    return action_reply(a, 403, o);
}

static enum turn check(struct action *a)
{
    const struct resource *r = a->what->res;
    bool is_namespace = r->group.n == 0 && str_is(r->plural, "namespaces");
    if (a->r.verb == VERB_DELETE && is_namespace && is_immortal(a->r.name))
        return refuse_forbidden(a, a->r.name, "this namespace may not be deleted");
    if (!r->namespaced || !a->creates)
        return TURN_GO;
    struct store_table *t = store_table(a->s->store, STR(""), STR("namespaces"));
    const struct kobj *ns = store_get_pending(t, STR(""), a->r.namespace);
    if (!ns)
        return refuse_missing(a);
    return kobj_deleting(ns) ? refuse_ending(a) : TURN_GO;
}

const struct admission admit_namespace_lifecycle = {
    .name = "NamespaceLifecycle",
    .help = "refuses new objects in missing or ending namespaces",
    .on = true,
    .mutate = check, /* before anything else is said about the object */
    .check = check,
};
