/* SPDX-License-Identifier: Apache-2.0
 * grants — see grants.h. A rule is taken apart into single questions (a verb, a group, a resource,
 * a name), each of which one rule of the caller's own must allow; "*" is only in "*". */
#include "apiserver/grants.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/refuse.h"
#include "codec/jnode.h"

#define QUESTIONS_MAX 10000 /* of one role: they are asked on the server's loop */
#define RULE_TEXT_MAX 1000  /* of a refused rule, in the message */

struct grants {
    struct json own; /* rules of the caller */
    size_t asked;
};

static bool holds(struct grants *g, const struct authz_question *q)
{
    if (++g->asked > QUESTIONS_MAX)
        return false;
    for (struct json_iter it = json_iter(g->own); json_next(&it);) {
        if (authz_rule_allows(it.value, q))
            return true;
    }
    return false;
}

static bool holds_names(struct grants *g, struct authz_question q, struct json names)
{
    struct json_iter it = json_iter(names);
    if (json_len(names) == 0)
        return holds(g, &q);
    while (json_next(&it)) {
        q.name = json_str(it.value);
        if (!holds(g, &q))
            return false;
    }
    return true;
}

static bool holds_resources(struct grants *g, struct authz_question q, struct json rule)
{
    for (struct json_iter it = json_iter(json_get(rule, STR("resources"))); json_next(&it);) {
        q.subresource = json_str(it.value);
        q.resource = str_split(&q.subresource, '/');
        if (!holds_names(g, q, json_get(rule, STR("resourceNames"))))
            return false;
    }
    return true;
}

static bool holds_verb(struct grants *g, struct str verb, struct json rule)
{
    struct authz_question q = { .verb = verb };
    for (struct json_iter it = json_iter(json_get(rule, STR("apiGroups"))); json_next(&it);) {
        q.group = json_str(it.value);
        if (!holds_resources(g, q, rule))
            return false;
    }
    for (struct json_iter it = json_iter(json_get(rule, STR("nonResourceURLs"))); json_next(&it);) {
        q.path = json_str(it.value);
        if (!holds(g, &q))
            return false;
    }
    return true;
}

static bool holds_rule(struct grants *g, struct json rule)
{
    for (struct json_iter it = json_iter(json_get(rule, STR("verbs"))); json_next(&it);) {
        if (!holds_verb(g, json_str(it.value), rule))
            return false;
    }
    return true;
}

/* A document of what the caller holds where the write takes effect. */
static struct json_doc *own_rules(struct action *a)
{
    struct jnode *rules = jnode_arr(a->arena);
    struct json_doc *doc = NULL;
    struct authz_rule_lists lists = { a->arena, rules, rules };
    authz_rules(a->s, &a->user, a->r.namespace, &lists);
    return jnode_freeze(&doc, rules, NULL) == 0 ? doc : NULL; /* NULL holds nothing */
}

static struct str names_of(struct arena *a, const struct user *u)
{
    struct str all = STR("");
    for (size_t i = 0; i < u->n_groups; i++)
        all = arena_printf(a, "%.*s%s\"%.*s\"", STR_ARG(all), i ? " " : "", STR_ARG(u->groups[i]));
    return all;
}

/* Does the caller hold all of these rules? */
static enum turn check_rules(struct action *a, struct json rules)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = own_rules(a);
    struct grants g = { .own = json_root(doc) };
    for (struct json_iter it = json_iter(rules); json_next(&it);) {
        if (holds_rule(&g, it.value))
            continue;
        return refuse_forbidden(a, a->r.name,
                                "user \"%.*s\" (groups=[%.*s]) is attempting to grant RBAC "
                                "permissions not currently held:\n%.*s%s",
                                STR_ARG(a->user.name), STR_ARG(names_of(a->arena, &a->user)),
                                STR_ARG(str_take(json_text(it.value), RULE_TEXT_MAX)),
                                g.asked > QUESTIONS_MAX ? "\nor too many at once: split the role"
                                                        : "");
    }
    return TURN_GO;
}

static bool is_allowed(struct action *a, const char *verb, struct str resource, struct str name)
{
    const struct authz_question q = { .verb = str_from(verb),
                                      .group = a->r.group,
                                      .resource = resource,
                                      .namespace = a->r.namespace,
                                      .name = name };
    return authz_allows(a->s, &a->user, &q);
}

/* Is this the same before and after? */
static bool stays(struct action *a, struct jnode *old, struct str key)
{
    return old && jnode_eq(jnode_get(a->obj, key), jnode_get(old, key));
}

static enum turn check_role(struct action *a, struct jnode *old)
{
    struct jnode *rules = jnode_get(a->obj, STR("rules"));
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    if (!rules || stays(a, old, STR("rules")) || is_allowed(a, "escalate", a->r.plural, a->r.name))
        return TURN_GO;
    if (jnode_freeze(&doc, rules, &err) != 0)
        return refuse_err(a, &err);
    return check_rules(a, json_root(doc));
}

static enum turn check_binding(struct action *a, struct jnode *old)
{
    struct jnode *ref = jnode_get(a->obj, STR("roleRef"));
    struct str name = jnode_text_of_str(jnode_get(ref, STR("name")));
    bool cluster = str_is(jnode_text_of_str(jnode_get(ref, STR("kind"))), "ClusterRole");
    struct str plural = cluster ? STR("clusterroles") : STR("roles");
    bool same = stays(a, old, STR("roleRef")) && stays(a, old, STR("subjects"));
    if (same || is_allowed(a, "bind", plural, name))
        return TURN_GO;
    const struct kobj *role = store_get(store_table(a->s->store, a->r.group, plural),
                                        cluster ? STR("") : a->r.namespace, name);
    if (!role)
        return refuse_forbidden(a, a->r.name, "there is no %.*s \"%.*s\" to bind", STR_ARG(plural),
                                STR_ARG(name));
    return check_rules(a, kobj_path(role, "rules"));
}

enum turn grants_check(struct action *a)
{
    bool role = str_is(a->r.plural, "roles") || str_is(a->r.plural, "clusterroles");
    if (!str_is(a->r.group, "rbac.authorization.k8s.io") || a->s->loading)
        return TURN_GO;
    struct jnode *old = a->old ? jnode_thaw(a->arena, kobj_root(a->old)) : NULL;
    return role ? check_role(a, old) : check_binding(a, old);
}
