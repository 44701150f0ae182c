/* SPDX-License-Identifier: Apache-2.0
 * auth — see auth.h. The administrator's token is 256 random bits, compared in constant time. */
#include "apiserver/auth.h"

#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/refuse.h"
#include "apiserver/token.h"
#include "io/secret.h"

#define GROUPS_MAX 64 /* of a certificate */

static void set_groups(struct user *u, struct str *groups, size_t n)
{
    u->groups = groups;
    u->n_groups = n;
}

void auth_service_account(struct arena *a, struct str namespace, struct str name, struct user *out)
{
    struct str *groups = ARENA_ARRAY(a, struct str, 3);
    groups[0] = STR("system:serviceaccounts");
    groups[1] = arena_printf(a, "system:serviceaccounts:%.*s", STR_ARG(namespace));
    groups[2] = STR("system:authenticated");
    *out = (struct user){ .name = arena_printf(a, "system:serviceaccount:%.*s:%.*s",
                                               STR_ARG(namespace), STR_ARG(name)) };
    set_groups(out, groups, 3);
}

static bool lives(struct apiserver *s,
                  const char *plural,
                  struct str namespace,
                  struct str name,
                  struct str uid)
{
    struct store_table *t = store_table(s->store, STR(""), str_from(plural));
    const struct kobj *o = store_get(t, namespace, name);
    return o && str_eq(o->uid, uid);
}

/* A token counts as long as its account, and what it is bound to, exist under the same uid. */
static bool still_counts(struct apiserver *s, const struct token_claims *c)
{
    static const struct {
        const char *bound, *plural;
        bool namespaced;
    } kinds[] = { { "pod", "pods", true },
                  { "secret", "secrets", true },
                  { "node", "nodes", false } };
    if (!lives(s, "serviceaccounts", c->namespace, c->account, c->uid))
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct str namespace = kinds[i].namespaced ? c->namespace : STR("");
        if (str_is(c->bound, kinds[i].bound))
            return lives(s, kinds[i].plural, namespace, c->bound_name, c->bound_uid);
    }
    return c->bound.n == 0;
}

bool auth_token_user(struct apiserver *s, struct arena *a, struct str token, struct user *out)
{
    if (secret_equal(token, str_from(s->token))) {
        struct str *groups = ARENA_ARRAY(a, struct str, 2);
        groups[0] = STR("system:masters");
        groups[1] = STR("system:authenticated");
        *out = (struct user){ .name = STR("kubernetes-admin") };
        set_groups(out, groups, 2);
        return true;
    }
    struct token_claims c;
    if (token_read(&c, a, str_from(s->token_key), token, api_now(s), NULL) != 0 ||
        !token_is_for(&c, STR(TOKEN_ISSUER)) || !still_counts(s, &c))
        return false;
    auth_service_account(a, c.namespace, c.account, out);
    out->uid = c.uid;
    out->credential = arena_printf(a, "JTI=%.*s", STR_ARG(c.id));
    return true;
}

bool auth_is_anonymous(const struct user *u)
{
    return str_is(u->name, "system:anonymous");
}

static void anonymous(struct arena *a, struct user *out)
{
    struct str *groups = ARENA_ARRAY(a, struct str, 1);
    groups[0] = STR("system:unauthenticated");
    *out = (struct user){ .name = STR("system:anonymous") };
    set_groups(out, groups, 1);
}

static void from_certificate(struct arena *a, const struct http_request *req, struct user *out)
{
    size_t n = req->n_client_orgs < GROUPS_MAX ? req->n_client_orgs : GROUPS_MAX;
    struct str *groups = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        groups[i] = arena_str(a, req->client_orgs[i]);
    groups[n] = STR("system:authenticated");
    *out = (struct user){ .name = arena_str(a, req->client_cn) };
    set_groups(out, groups, n + 1);
}

/* What the caller lacks is named after the call that he made. */
static enum turn refuse_impersonation(struct action *a, const struct http_request *req)
{
    struct authz_question q = {
        .verb =
            arena_printf(a->arena, "impersonate-on:user-info:%.*s", STR_ARG(verb_name(a->r.verb))),
        .group = a->r.group,
        .resource = a->r.plural,
        .subresource = a->r.subresource,
        .namespace = a->r.namespace,
        .name = a->r.name,
    };
    if (a->r.plural.n == 0)
        q.path = arena_str(a->arena, req->path);
    return authz_refuse(a, &q);
}

static bool
may_become(struct action *a, const char *resource, struct str namespace, struct str name)
{
    const struct authz_question q = { .verb = STR("impersonate"),
                                      .resource = str_from(resource),
                                      .namespace = namespace,
                                      .name = name };
    return authz_allows(a->s, &a->user, &q);
}

/* The groups that are asked for, each of which takes a right of its own, and the one that everybody
 * is in. False: the caller may not. */
static bool take_groups(struct action *a, const struct http_request *req, struct user *to)
{
    struct str *groups = ARENA_ARRAY(a->arena, struct str, req->n_headers + 1);
    size_t n = 0;
    bool complete = false;
    for (size_t i = 0; i < req->n_headers; i++) {
        struct str group = req->headers[i].value;
        if (!str_is(req->headers[i].name, "impersonate-group"))
            continue;
        if (!may_become(a, "groups", STR(""), group))
            return false;
        groups[n++] = arena_str(a->arena, group);
        complete |=
            str_is(group, "system:authenticated") || str_is(group, "system:unauthenticated");
    }
    if (!complete)
        groups[n++] =
            auth_is_anonymous(to) ? STR("system:unauthenticated") : STR("system:authenticated");
    set_groups(to, groups, n);
    return true;
}

enum turn auth_impersonate(struct action *a, const struct http_request *req)
{
    struct user to = { .name = arena_str(a->arena, http_header(req, STR("impersonate-user"))) };
    bool groups = http_header(req, STR("impersonate-group")).p != NULL;
    if (to.name.n == 0 && groups)
        return refuse_bad_request(a, "requested groups without impersonating a user");
    if (to.name.n == 0)
        return TURN_GO;
    struct str prefix = STR("system:serviceaccount:"), namespace = STR(""), name = to.name;
    bool account = str_starts(name, prefix);
    if (account) {
        name = str_skip(name, prefix.n);
        namespace = str_split(&name, ':');
    }
    if (!may_become(a, account ? "serviceaccounts" : "users", namespace, name) ||
        !take_groups(a, req, &to))
        return refuse_impersonation(a, req);
    if (account && !groups)
        auth_service_account(a->arena, namespace, name, &to);
    a->user = to;
    return TURN_GO;
}

enum turn auth_identify(struct action *a, const struct http_request *req)
{
    struct str header = http_header(req, STR("authorization"));
    struct str scheme = STR("Bearer ");
    if (header.n > scheme.n && str_eq_nocase(str_take(header, scheme.n), scheme)) {
        if (!auth_token_user(a->s, a->arena, str_trim(str_skip(header, scheme.n)), &a->user)) {
            struct status_spec s = { .code = 401,
                                     .reason = "Unauthorized",
                                     .message = STR("Unauthorized") };
            return action_refuse(a, &s);
        }
    } else if (req->client_cn.n > 0) {
        from_certificate(a->arena, req, &a->user);
    } else {
        anonymous(a->arena, &a->user);
    }
    return TURN_GO;
}
