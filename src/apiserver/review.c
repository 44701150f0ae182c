/* SPDX-License-Identifier: Apache-2.0
 * review — see review.h. The answer is the question with its status filled in. */
#include "apiserver/review.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/auth.h"
#include "apiserver/authz.h"
#include "apiserver/decode.h"
#include "apiserver/refuse.h"
#include "codec/uuid.h"
#include "io/clock.h"
#include "kube/default.h"

#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_DEFAULT 3600
#define TOKEN_SECONDS_MAX (UINT32_C(1) << 31)

static enum turn reply_created(struct action *a, struct jnode *root)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    if (kobj_freeze(&o, root, &err) != 0)
        return refuse_err(a, &err);
    return action_reply(a, 201, o);
}

static void put_groups(struct action *a, struct jnode *info, const struct user *u)
{
    struct jnode *groups = jnode_set(info, STR("groups"), jnode_arr(a->arena));
    for (size_t i = 0; i < u->n_groups; i++)
        jnode_append(groups, jnode_str(a->arena, u->groups[i]));
}

static void put_user(struct action *a, struct jnode *info, const struct user *u)
{
    jnode_set_str(info, STR("username"), u->name);
    if (u->uid.n > 0)
        jnode_set_str(info, STR("uid"), u->uid);
    put_groups(a, info, u);
}

static enum turn self(struct action *a)
{
    char now[TIME_TEXT_MAX];
    jnode_set_str(jnode_need_obj(a->obj, STR("metadata")), STR("creationTimestamp"),
                  wall_text(now, api_now(a->s)));
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    struct jnode *info = jnode_set(status, STR("userInfo"), jnode_obj(a->arena));
    put_user(a, info, &a->user);
    if (str_starts(a->user.name, STR("system:serviceaccount:"))) {
        struct jnode *extra = jnode_set(info, STR("extra"), jnode_obj(a->arena));
        struct jnode *ids = jnode_set(extra, STR("authentication.kubernetes.io/credential-id"),
                                      jnode_arr(a->arena));
        jnode_append(ids,
                     jnode_str(a->arena, arena_printf(a->arena, "JTI=%.*s", STR_ARG(a->user.uid))));
    }
    return reply_created(a, a->obj);
}

static enum turn of_token(struct action *a)
{
    struct str token = jnode_text_of_str(jnode_path(a->obj, "spec.token"));
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    struct user u;
    if (auth_token_user(a->s, a->arena, token, &u)) {
        jnode_set_bool(status, STR("authenticated"), true);
        put_user(a, jnode_set(status, STR("user"), jnode_obj(a->arena)), &u);
    } else {
        jnode_set(status, STR("user"), jnode_obj(a->arena));
        jnode_set_str(status, STR("error"), STR("invalid bearer token"));
    }
    return reply_created(a, a->obj);
}

/* The user that a SubjectAccessReview names, or the caller. */
static struct user subject_of(struct action *a)
{
    struct jnode *spec = jnode_get(a->obj, STR("spec"));
    if (str_starts(a->r.plural, STR("self")))
        return a->user;
    struct jnode *groups = jnode_get(spec, STR("groups"));
    size_t n = jnode_len(groups);
    struct str *names = ARENA_ARRAY(a->arena, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = jnode_text_of_str(jnode_at(groups, i));
    return (struct user){ .name = jnode_text_of_str(jnode_get(spec, STR("user"))),
                          .groups = names,
                          .n_groups = n };
}

static struct authz_question question_of(struct action *a)
{
    struct jnode *r = jnode_path(a->obj, "spec.resourceAttributes");
    struct jnode *p = jnode_path(a->obj, "spec.nonResourceAttributes");
    if (!r)
        return (struct authz_question){
            .verb = jnode_text_of_str(jnode_get(p, STR("verb"))),
            .path = arena_printf(a->arena, "%.*s",
                                 STR_ARG(jnode_text_of_str(jnode_get(p, STR("path")))))
        };
    return (struct authz_question){
        .verb = jnode_text_of_str(jnode_get(r, STR("verb"))),
        .group = jnode_text_of_str(jnode_get(r, STR("group"))),
        .resource = jnode_text_of_str(jnode_get(r, STR("resource"))),
        .subresource = jnode_text_of_str(jnode_get(r, STR("subresource"))),
        .namespace = jnode_text_of_str(jnode_get(r, STR("namespace"))),
        .name = jnode_text_of_str(jnode_get(r, STR("name"))),
    };
}

static enum turn access(struct action *a)
{
    struct user u = subject_of(a);
    struct authz_question q = question_of(a);
    struct str why = { 0 };
    bool yes = authz_explain(a->s, &u, &q, a->arena, &why);
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    jnode_set_bool(status, STR("allowed"), yes);
    if (yes && why.n > 0)
        jnode_set_str(status, STR("reason"), why);
    return reply_created(a, a->obj);
}

static enum turn rules(struct action *a)
{
    struct str namespace = jnode_text_of_str(jnode_path(a->obj, "spec.namespace"));
    struct jnode *status = jnode_set(a->obj, STR("status"), jnode_obj(a->arena));
    struct jnode *resources = jnode_set(status, STR("resourceRules"), jnode_arr(a->arena));
    struct jnode *paths = jnode_set(status, STR("nonResourceRules"), jnode_arr(a->arena));
    struct authz_rule_lists lists = { a->arena, resources, paths };
    authz_rules(a->s, &a->user, namespace, &lists);
    jnode_set_bool(status, STR("incomplete"), false);
    return reply_created(a, a->obj);
}

static enum turn normal(struct action *a)
{
    default_object(a->arena, a->what->res, a->obj);
    return TURN_GO;
}

const action_step_fn review_self_steps[] = { authz_check, decode_object, normal, self, NULL };
const action_step_fn review_of_token_steps[] = {
    authz_check, decode_object, normal, of_token, NULL,
};
const action_step_fn review_access_steps[] = { authz_check, decode_object, normal, access, NULL };
const action_step_fn review_rules_steps[] = { authz_check, decode_object, normal, rules, NULL };

/* ---- tokens ---- */

static enum turn check_seconds(struct action *a, int64_t seconds)
{
    const char *why = NULL;
    if (seconds < TOKEN_SECONDS_MIN)
        why = "may not specify a duration less than 10 minutes";
    else if (seconds > TOKEN_SECONDS_MAX)
        why = "may not specify a duration larger than 2^32 seconds";
    if (!why)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_INVALID, STR("spec.expirationSeconds"), jnode_i64(a->arena, seconds), "%s",
              why);
    enum turn t = action_reply(
        a, 422, status_invalid(STR("TokenRequest"), STR("authentication.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

struct made {
    struct str token;
    struct wall now, expires;
};

static struct jnode *token_spec(struct action *a, struct jnode *body, int64_t seconds)
{
    struct jnode *spec = jnode_obj(a->arena);
    struct jnode *audiences = jnode_path(body, "spec.audiences");
    struct jnode *list = jnode_set(spec, STR("audiences"), jnode_arr(a->arena));
    for (size_t i = 0; i < jnode_len(audiences); i++)
        jnode_append(list, jnode_str(a->arena, jnode_text_of_str(jnode_at(audiences, i))));
    if (jnode_len(audiences) == 0)
        jnode_append(list, jnode_str(a->arena, STR("https://kubernetes.default.svc")));
    jnode_set_i64(spec, STR("expirationSeconds"), seconds);
    struct jnode *bound = jnode_path(body, "spec.boundObjectRef");
    jnode_set(spec, STR("boundObjectRef"),
              bound ? jnode_copy(a->arena, bound) : jnode_null(a->arena));
    return spec;
}

static struct jnode *
token_answer(struct action *a, const struct kobj *account, struct jnode *body, const struct made *m)
{
    char text[TIME_TEXT_MAX];
    struct jnode *root = jnode_obj(a->arena);
    jnode_set_str(root, STR("kind"), STR("TokenRequest"));
    jnode_set_str(root, STR("apiVersion"), STR("authentication.k8s.io/v1"));
    struct jnode *meta = jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(meta, STR("name"), a->r.name);
    jnode_set_str(meta, STR("namespace"), a->r.namespace);
    jnode_set_str(meta, STR("uid"), account->uid);
    jnode_set_str(meta, STR("creationTimestamp"), wall_text(text, m->now));
    int64_t seconds = (m->expires.ns - m->now.ns) / NS_PER_S;
    jnode_set(root, STR("spec"), token_spec(a, body, seconds));
    struct jnode *status = jnode_set(root, STR("status"), jnode_obj(a->arena));
    jnode_set_str(status, STR("token"), m->token);
    jnode_set_str(status, STR("expirationTimestamp"), wall_text(text, m->expires));
    return root;
}

static enum turn make_token(struct action *a)
{
    const struct kobj *account = store_get(a->what->table, a->r.namespace, a->r.name);
    if (!account)
        return refuse_not_found(a, a->r.name);
    struct jnode *body = NULL;
    enum turn t = decode_other(a, STR("authentication.k8s.io/v1"), STR("TokenRequest"), &body);
    int64_t seconds = TOKEN_SECONDS_DEFAULT;
    jnode_to_i64(jnode_path(body, "spec.expirationSeconds"), &seconds);
    if (t == TURN_GO)
        t = check_seconds(a, seconds);
    if (t != TURN_GO)
        return t;
    struct user u;
    auth_service_account(a->arena, a->r.namespace, a->r.name, &u);
    struct wall now = api_now(a->s), expires = { now.ns + seconds * NS_PER_S };
    struct str token;
    struct err err = { 0 };
    struct auth_claim claim = { u.name, account->uid, expires };
    if (auth_token_make(a->s, a->arena, &claim, &token, &err) != 0)
        return refuse_err(a, &err);
    return reply_created(a, token_answer(a, account, body, &(struct made){ token, now, expires }));
}

const action_step_fn review_token_steps[] = { authz_check, make_token, NULL };
