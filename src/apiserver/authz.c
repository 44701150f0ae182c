/* SPDX-License-Identifier: Apache-2.0
 * authz — see authz.h. Bindings and roles are read from the store at each question; only users
 * outside system:masters cost anything. What every authenticated or anonymous user may do in a
 * Kubernetes cluster by its bootstrap roles is a table here. */
#include "apiserver/authz.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"

static bool in_group(const struct user *u, const char *name)
{
    for (size_t i = 0; i < u->n_groups; i++) {
        if (str_is(u->groups[i], name))
            return true;
    }
    return false;
}

static bool list_has(struct json list, struct str word)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str item = json_str(it.value);
        if (str_is(item, "*") || str_eq(item, word))
            return true;
    }
    return false;
}

/* ---- rules ---- */

static bool path_matches(struct json list, struct str path)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str item = json_str(it.value);
        if (str_eq(item, path) || str_is(item, "*"))
            return true;
        if (str_ends(item, STR("*")) && str_starts(path, str_take(item, item.n - 1)))
            return true;
    }
    return false;
}

static bool resource_matches(struct json list, const struct authz_question *q)
{
    char both[512];
    struct buf b;
    buf_init(&b, sizeof both);
    buf_str(&b, q->resource);
    if (q->subresource.n > 0) {
        buf_char(&b, '/');
        buf_str(&b, q->subresource);
    }
    bool yes = !b.failed && list_has(list, buf_view(&b));
    buf_clear(&b);
    buf_str(&b, STR("*/"));
    buf_str(&b, q->subresource);
    yes = yes || (q->subresource.n > 0 && !b.failed && list_has(list, buf_view(&b)));
    buf_fini(&b);
    return yes;
}

bool authz_rule_allows(struct json rule, const struct authz_question *q)
{
    if (!list_has(json_get(rule, STR("verbs")), q->verb))
        return false;
    if (q->path.p)
        return path_matches(json_get(rule, STR("nonResourceURLs")), q->path);
    if (!list_has(json_get(rule, STR("apiGroups")), q->group) ||
        !resource_matches(json_get(rule, STR("resources")), q))
        return false;
    struct json names = json_get(rule, STR("resourceNames"));
    return json_len(names) == 0 || list_has(names, q->name);
}

static bool role_allows(struct apiserver *s,
                        struct json ref,
                        struct str namespace,
                        const struct authz_question *q)
{
    bool cluster = str_is(json_str(json_get(ref, STR("kind"))), "ClusterRole");
    struct store_table *t = store_table(s->store, STR("rbac.authorization.k8s.io"),
                                        cluster ? STR("clusterroles") : STR("roles"));
    const struct kobj *role =
        store_get(t, cluster ? STR("") : namespace, json_str(json_get(ref, STR("name"))));
    for (struct json_iter it = json_iter(kobj_path(role, "rules")); json_next(&it);) {
        if (authz_rule_allows(it.value, q))
            return true;
    }
    return false;
}

static bool subject_is(struct json subject, const struct user *u, struct str namespace)
{
    struct str kind = json_str(json_get(subject, STR("kind")));
    struct str name = json_str(json_get(subject, STR("name")));
    if (str_is(kind, "User"))
        return str_eq(name, u->name);
    if (str_is(kind, "Group")) {
        for (size_t i = 0; i < u->n_groups; i++) {
            if (str_eq(u->groups[i], name))
                return true;
        }
        return false;
    }
    struct str own = json_str(json_get(subject, STR("namespace")));
    struct str rest = u->name;
    struct str prefix = STR("system:serviceaccount:");
    if (!str_starts(rest, prefix))
        return false;
    rest = str_skip(rest, prefix.n);
    struct str user_ns = str_split(&rest, ':');
    return str_eq(user_ns, own.n ? own : namespace) && str_eq(rest, name);
}

/* ---- bindings ---- */

/* Visits the bindings that name the user; false stops. subject: the entry that names it. */
typedef bool (*binding_fn)(void *arg, const struct kobj *binding, struct json subject);

struct walk {
    const struct user *u;
    binding_fn fn;
    void *arg;
    bool stopped;
};

static bool try_binding(void *arg, const struct kobj *o)
{
    struct walk *w = arg;
    for (struct json_iter it = json_iter(kobj_path(o, "subjects")); json_next(&it);) {
        if (!subject_is(it.value, w->u, o->namespace))
            continue;
        w->stopped = !w->fn(w->arg, o, it.value);
        break;
    }
    return !w->stopped;
}

static void each_binding(struct apiserver *s, struct str namespace, struct walk *w)
{
    struct str group = STR("rbac.authorization.k8s.io");
    struct store_snapshot *now =
        store_snapshot(store_table(s->store, group, STR("clusterrolebindings")));
    store_snapshot_walk(now, NULL, try_binding, w);
    store_snapshot_unref(now);
    if (w->stopped || namespace.n == 0)
        return;
    now = store_snapshot(store_table(s->store, group, STR("rolebindings")));
    store_snapshot_walk(now, &(struct store_range){ .namespace = namespace }, try_binding, w);
    store_snapshot_unref(now);
}

struct search {
    struct apiserver *s;
    const struct authz_question *q;
    struct arena *a; /* NULL: no explanation wanted */
    struct str why;
    bool yes;
};

static struct str scoped(struct arena *a, struct str name, struct str namespace)
{
    if (namespace.n == 0)
        return name;
    return arena_printf(a, "%.*s/%.*s", STR_ARG(name), STR_ARG(namespace));
}

static bool search_one(void *arg, const struct kobj *o, struct json subject)
{
    struct search *f = arg;
    struct json ref = kobj_path(o, "roleRef");
    if (!role_allows(f->s, ref, o->namespace, f->q))
        return true;
    f->yes = true;
    if (f->a) {
        struct str kind = json_str(json_get(subject, STR("kind")));
        struct str binding = scoped(f->a, o->name, o->namespace);
        struct str who = scoped(f->a, json_str(json_get(subject, STR("name"))),
                                json_str(json_get(subject, STR("namespace"))));
        f->why = arena_printf(
            f->a, "RBAC: allowed by %.*s \"%.*s\" of %.*s \"%.*s\" to %.*s \"%.*s\"",
            STR_ARG(o->kind), STR_ARG(binding), STR_ARG(json_str(json_get(ref, STR("kind")))),
            STR_ARG(json_str(json_get(ref, STR("name")))), STR_ARG(kind), STR_ARG(who));
    }
    return false;
}

static bool bindings_allow(struct apiserver *s,
                           const struct user *u,
                           const struct authz_question *q,
                           struct arena *a,
                           struct str *why)
{
    struct search f = { .s = s, .q = q, .a = a };
    struct walk w = { .u = u, .fn = search_one, .arg = &f };
    each_binding(s, q->namespace, &w);
    if (why && f.yes)
        *why = f.why;
    return f.yes;
}

struct collector {
    struct apiserver *s;
    struct arena *a;
    struct jnode *resources, *paths;
};

static bool collect_rules(void *arg, const struct kobj *o, struct json subject)
{
    (void)subject;
    struct collector *c = arg;
    struct json ref = kobj_path(o, "roleRef");
    bool cluster = str_is(json_str(json_get(ref, STR("kind"))), "ClusterRole");
    struct store_table *t = store_table(c->s->store, STR("rbac.authorization.k8s.io"),
                                        cluster ? STR("clusterroles") : STR("roles"));
    const struct kobj *role =
        store_get(t, cluster ? STR("") : o->namespace, json_str(json_get(ref, STR("name"))));
    for (struct json_iter it = json_iter(kobj_path(role, "rules")); json_next(&it);) {
        bool path = json_has(json_get(it.value, STR("nonResourceURLs")));
        jnode_append(path ? c->paths : c->resources, jnode_thaw(c->a, it.value));
    }
    return true;
}

static void add_rule(struct arena *a, struct jnode *list, const char *text)
{
    struct json_doc *doc = NULL;
    if (json_parse(&doc, str_from(text), &json_limits_own, NULL) != 0)
        return;
    struct jnode *rule = jnode_obj(a);
    for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);) {
        struct jnode *values = jnode_set(rule, it.key, jnode_arr(a));
        for (struct json_iter v = json_iter(it.value); json_next(&v);)
            jnode_append(values, jnode_str(a, json_str(v.value)));
    }
    jnode_append(list, rule);
    json_doc_unref(doc);
}

void authz_rules(struct apiserver *s,
                 const struct user *u,
                 struct str namespace,
                 const struct authz_rule_lists *out)
{
    struct arena *a = out->a;
    struct jnode *resources = out->resources, *paths = out->paths;
    struct collector c = { s, a, resources, paths };
    struct walk w = { .u = u, .fn = collect_rules, .arg = &c };
    if (in_group(u, "system:masters")) {
        add_rule(a, resources, "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}");
        add_rule(a, paths, "{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}");
    }
    each_binding(s, namespace, &w);
    add_rule(a, resources,
             "{\"verbs\":[\"create\"],\"apiGroups\":[\"authorization.k8s.io\"],\"resources\":["
             "\"selfsubjectaccessreviews\",\"selfsubjectrulesreviews\"]}");
    add_rule(a, resources,
             "{\"verbs\":[\"create\"],\"apiGroups\":[\"authentication.k8s.io\"],\"resources\":["
             "\"selfsubjectreviews\"]}");
    add_rule(a, paths,
             "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\",\"/api/*\",\"/apis\","
             "\"/apis/*\",\"/healthz\",\"/livez\",\"/openapi\",\"/openapi/*\",\"/readyz\","
             "\"/version\",\"/version/\"]}");
}

/* ---- what everybody may ---- */

static bool public_path(struct str path)
{
    static const char *const paths[] = { "/healthz", "/livez", "/readyz", "/version", "/version/" };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (str_is(path, paths[i]))
            return true;
    }
    return false;
}

static bool discovery_path(struct str path)
{
    static const char *const roots[] = { "/api", "/apis", "/openapi", "/.well-known" };
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        struct str root = str_from(roots[i]);
        if (str_starts(path, root) && (path.n == root.n || path.p[root.n] == '/'))
            return true;
    }
    return public_path(path);
}

static bool self_review(const struct authz_question *q)
{
    return str_is(q->verb, "create") && ((str_is(q->group, "authorization.k8s.io") &&
                                          (str_is(q->resource, "selfsubjectaccessreviews") ||
                                           str_is(q->resource, "selfsubjectrulesreviews"))) ||
                                         (str_is(q->group, "authentication.k8s.io") &&
                                          str_is(q->resource, "selfsubjectreviews")));
}

bool authz_explain(struct apiserver *s,
                   const struct user *u,
                   const struct authz_question *q,
                   struct arena *a,
                   struct str *why)
{
    if (in_group(u, "system:masters"))
        return true;
    bool known = in_group(u, "system:authenticated");
    if (q->path.p && str_is(q->verb, "get") &&
        (known ? discovery_path(q->path) : public_path(q->path)))
        return true;
    if (known && !q->path.p && self_review(q))
        return true;
    return bindings_allow(s, u, q, a, why);
}

bool authz_allows(struct apiserver *s, const struct user *u, const struct authz_question *q)
{
    return authz_explain(s, u, q, NULL, NULL);
}

enum turn authz_refuse(struct action *a, const struct authz_question *q)
{
    struct arena *m = a->arena;
    if (q->path.p) {
        struct status_spec s = {
            .code = 403,
            .reason = "Forbidden",
            .message = arena_printf(m, "forbidden: User \"%.*s\" cannot %.*s path \"%.*s\"",
                                    STR_ARG(a->user.name), STR_ARG(q->verb), STR_ARG(q->path)),
        };
        return action_refuse(a, &s);
    }
    struct str resource = q->resource;
    if (q->subresource.n > 0)
        resource = arena_printf(m, "%.*s/%.*s", STR_ARG(resource), STR_ARG(q->subresource));
    struct str where = q->namespace.n > 0
                           ? arena_printf(m, "in the namespace \"%.*s\"", STR_ARG(q->namespace))
                           : STR("at the cluster scope");
    return refuse_forbidden(
        a, a->r.name, "User \"%.*s\" cannot %.*s resource \"%.*s\" in API group \"%.*s\" %.*s",
        STR_ARG(a->user.name), STR_ARG(q->verb), STR_ARG(resource), STR_ARG(q->group),
        STR_ARG(where));
}

enum turn authz_check_verb(struct action *a, struct str verb)
{
    struct authz_question q = { .verb = verb,
                                .group = a->r.group,
                                .resource = a->r.plural,
                                .subresource = a->r.subresource,
                                .namespace = a->r.namespace,
                                .name = a->r.name };
    if (authz_allows(a->s, &a->user, &q))
        return TURN_GO;
    return authz_refuse(a, &q);
}

enum turn authz_check(struct action *a)
{
    return a->authorized ? TURN_GO : authz_check_verb(a, verb_name(a->r.verb));
}
