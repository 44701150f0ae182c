/* SPDX-License-Identifier: Apache-2.0
 * auth — see auth.h. Tokens are 256 random bits; a lookup compares them in constant time. */
#include "apiserver/auth.h"

#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/refuse.h"
#include "codec/base64.h"
#include "io/clock.h"

#define TOKEN_BYTES 32
#define GROUPS_MAX 64 /* of an impersonated user or a certificate */

struct token {
    struct list node;
    struct wall expires;
    char *text, *user, *uid;
};

struct auth_tokens {
    struct list all; /* struct token */
    size_t n;
};

struct auth_tokens *auth_tokens_new(void)
{
    struct auth_tokens *t = MEM_NEW(struct auth_tokens);
    list_init(&t->all);
    return t;
}

static void token_free(struct auth_tokens *all, struct token *t)
{
    list_remove(&t->node);
    all->n--;
    free(t->text);
    free(t->user);
    free(t->uid);
    free(t);
}

void auth_tokens_free(struct auth_tokens *t)
{
    if (!t)
        return;
    LIST_EACH (&t->all, n) {
        token_free(t, LIST_ITEM(n, struct token, node));
    }
    free(t);
}

/* Equal without telling by the time where the first difference is. */
static bool same_secret(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    unsigned char differ = 0;
    for (size_t i = 0; i < a.n; i++)
        differ |= (unsigned char)(a.p[i] ^ b.p[i]);
    return differ == 0;
}

static void drop_expired(struct apiserver *s)
{
    struct wall now = api_now(s);
    LIST_EACH (&s->tokens->all, n) {
        struct token *t = LIST_ITEM(n, struct token, node);
        if (t->expires.ns <= now.ns)
            token_free(s->tokens, t);
    }
}

/* In the form of a JWT, because clients read the expiry out of it. The last part is the secret; the
 * server compares the whole and verifies nothing else. */
static char *token_text(struct str user, struct wall expires)
{
    uint8_t random[TOKEN_BYTES];
    clock_random(random, sizeof random);
    struct buf claims, b;
    buf_init(&claims, 1024);
    buf_init(&b, 4096);
    buf_printf(&claims, "{\"iss\":\"https://kubernetes.default.svc\",\"sub\":");
    json_write_str(&claims, user);
    buf_printf(&claims, ",\"exp\":%lld}", (long long)(expires.ns / NS_PER_S));
    base64_encode(&b, STR("{\"alg\":\"opaque\"}"), BASE64_URL_RAW);
    buf_char(&b, '.');
    base64_encode(&b, buf_view(&claims), BASE64_URL_RAW);
    buf_char(&b, '.');
    base64_encode(&b, str_make(random, sizeof random), BASE64_URL_RAW);
    char *text = str_dup(buf_view(&b));
    buf_fini(&claims);
    buf_fini(&b);
    return text;
}

int auth_token_make(struct apiserver *s,
                    struct arena *a,
                    const struct auth_claim *claim,
                    struct str *out,
                    struct err *err)
{
    drop_expired(s);
    if (s->tokens->n >= AUTH_TOKENS_MAX)
        return err_set(err, ERR_BUSY, "there are %d tokens already", AUTH_TOKENS_MAX);
    struct token *t = MEM_NEW(struct token);
    *t = (struct token){ .expires = claim->expires,
                         .text = token_text(claim->user, claim->expires),
                         .user = str_dup(claim->user),
                         .uid = str_dup(claim->uid) };
    list_push_back(&s->tokens->all, &t->node);
    s->tokens->n++;
    *out = arena_str(a, str_from(t->text));
    return 0;
}

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

/* A token counts as long as its account exists under the same uid. */
static bool
account_lives(struct apiserver *s, struct str namespace, struct str name, struct str uid)
{
    struct store_table *t = store_table(s->store, STR(""), STR("serviceaccounts"));
    const struct kobj *o = store_get(t, namespace, name);
    return o && str_eq(o->uid, uid);
}

bool auth_token_user(struct apiserver *s, struct arena *a, struct str token, struct user *out)
{
    if (same_secret(token, str_from(s->token))) {
        struct str *groups = ARENA_ARRAY(a, struct str, 2);
        groups[0] = STR("system:masters");
        groups[1] = STR("system:authenticated");
        *out = (struct user){ .name = STR("kubernetes-admin") };
        set_groups(out, groups, 2);
        return true;
    }
    drop_expired(s);
    LIST_EACH (&s->tokens->all, n) {
        struct token *t = LIST_ITEM(n, struct token, node);
        if (!same_secret(token, str_from(t->text)))
            continue;
        struct str rest = str_skip(str_from(t->user), strlen("system:serviceaccount:"));
        struct str namespace = str_split(&rest, ':');
        if (!account_lives(s, namespace, rest, str_from(t->uid)))
            return false;
        auth_service_account(a, namespace, rest, out);
        out->uid = arena_str(a, str_from(t->uid));
        return true;
    }
    return false;
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

static enum turn impersonate(struct action *a, const struct http_request *req)
{
    struct str name = http_header(req, STR("impersonate-user"));
    if (name.n == 0) {
        if (http_header(req, STR("impersonate-group")).p)
            return refuse_bad_request(a, "requested groups without impersonating a user");
        return TURN_GO;
    }
    struct authz_question q = { .verb = STR("impersonate"),
                                .resource = STR("users"),
                                .name = name };
    struct str prefix = STR("system:serviceaccount:");
    bool account = str_starts(name, prefix);
    if (account) {
        struct str rest = str_skip(name, prefix.n);
        q.namespace = str_split(&rest, ':');
        q.resource = STR("serviceaccounts");
        q.name = rest;
    }
    if (!authz_allows(a->s, &a->user, &q))
        return refuse_impersonation(a, req);
    struct str *groups = ARENA_ARRAY(a->arena, struct str, GROUPS_MAX + 4);
    size_t n = 0;
    for (size_t i = 0; i < req->n_headers && n < GROUPS_MAX; i++) {
        if (str_is(req->headers[i].name, "impersonate-group"))
            groups[n++] = arena_str(a->arena, req->headers[i].value);
    }
    if (account && n == 0) {
        auth_service_account(a->arena, arena_str(a->arena, q.namespace),
                             arena_str(a->arena, q.name), &a->user);
        return TURN_GO;
    }
    groups[n++] = STR("system:authenticated");
    a->user = (struct user){ .name = arena_str(a->arena, name) };
    set_groups(&a->user, groups, n);
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
    return impersonate(a, req);
}
