/* SPDX-License-Identifier: Apache-2.0
 * review — see review.h. The answer is the question with its status filled in. */
#include "apiserver/review.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/auth.h"
#include "apiserver/authz.h"
#include "apiserver/decode.h"
#include "apiserver/refuse.h"
#include "apiserver/token.h"
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
    if (a->user.credential.n > 0) {
        struct jnode *extra = jnode_set(info, STR("extra"), jnode_obj(a->arena));
        struct jnode *ids = jnode_set(extra, STR("authentication.kubernetes.io/credential-id"),
                                      jnode_arr(a->arena));
        jnode_append(ids, jnode_str(a->arena, a->user.credential));
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

static struct jnode *token_spec(struct action *a, struct jnode *body, int64_t seconds)
{
    struct jnode *spec = jnode_obj(a->arena);
    struct jnode *audiences = jnode_path(body, "spec.audiences");
    struct jnode *list = jnode_set(spec, STR("audiences"), jnode_arr(a->arena));
    for (size_t i = 0; i < jnode_len(audiences); i++)
        jnode_append(list, jnode_str(a->arena, jnode_text_of_str(jnode_at(audiences, i))));
    if (jnode_len(audiences) == 0)
        jnode_append(list, jnode_str(a->arena, STR(TOKEN_ISSUER)));
    jnode_set_i64(spec, STR("expirationSeconds"), seconds);
    struct jnode *bound = jnode_path(body, "spec.boundObjectRef");
    jnode_set(spec, STR("boundObjectRef"),
              bound ? jnode_copy(a->arena, bound) : jnode_null(a->arena));
    return spec;
}

static struct jnode *token_answer(struct action *a,
                                  const struct kobj *account,
                                  struct jnode *spec,
                                  const struct token_claims *c,
                                  struct str token)
{
    char text[TIME_TEXT_MAX];
    struct jnode *root = jnode_obj(a->arena);
    jnode_set_str(root, STR("kind"), STR("TokenRequest"));
    jnode_set_str(root, STR("apiVersion"), STR("authentication.k8s.io/v1"));
    struct jnode *meta = jnode_set(root, STR("metadata"), jnode_obj(a->arena));
    jnode_set_str(meta, STR("name"), a->r.name);
    jnode_set_str(meta, STR("namespace"), a->r.namespace);
    jnode_set_str(meta, STR("uid"), account->uid);
    jnode_set_str(meta, STR("creationTimestamp"), wall_text(text, c->issued));
    jnode_set(root, STR("spec"), spec);
    struct jnode *status = jnode_set(root, STR("status"), jnode_obj(a->arena));
    jnode_set_str(status, STR("token"), token);
    jnode_set_str(status, STR("expirationTimestamp"), wall_text(text, c->expires));
    return root;
}

static enum turn refuse_no_such(struct action *a, const char *plural, struct str name)
{
    struct status_spec s = {
        .code = 404,
        .reason = "NotFound",
        .message = arena_printf(a->arena, "%s \"%.*s\" not found", plural, STR_ARG(name)),
        .name = name,
        .kind = str_from(plural),
    };
    return action_refuse(a, &s);
}

/* What the token shall end with: fills in bound, or refuses. */
static enum turn bind_token(struct action *a, struct jnode *ref, struct token_claims *c)
{
    struct str kind = jnode_text_of_str(jnode_get(ref, STR("kind")));
    struct str name = jnode_text_of_str(jnode_get(ref, STR("name")));
    struct str uid = jnode_text_of_str(jnode_get(ref, STR("uid")));
    if (jnode_type(ref) != JSON_OBJ)
        return TURN_GO;
    bool pod = str_is(kind, "Pod"), secret = str_is(kind, "Secret"), node = str_is(kind, "Node");
    if (!pod && !secret && !node)
        return refuse_bad_request(a, "cannot bind token to object of type %.*s", STR_ARG(kind));
    const char *plural = pod ? "pods" : secret ? "secrets" : "nodes";
    struct store_table *t = store_table(a->s->store, STR(""), str_from(plural));
    const struct kobj *o = store_get(t, node ? STR("") : a->r.namespace, name);
    if (!o)
        return refuse_no_such(a, plural, name);
    if (uid.n > 0 && !str_eq(uid, o->uid))
        return refuse_conflict(
            a, name,
            "the UID in the bound object reference (%.*s) does not match the UID "
            "in record. The object might have been deleted and then recreated",
            STR_ARG(uid));
    if (pod && !str_eq(json_str(kobj_path(o, "spec.serviceAccountName")), a->r.name))
        return refuse_bad_request(a,
                                  "cannot bind token for serviceaccount \"%.*s\" to pod running "
                                  "with different serviceaccount name.",
                                  STR_ARG(a->r.name));
    c->bound = pod ? STR("pod") : secret ? STR("secret") : STR("node");
    c->bound_name = o->name;
    c->bound_uid = o->uid;
    return TURN_GO;
}

static struct str new_id(struct arena *a)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    clock_random(random, sizeof random);
    return arena_str(a, uuid_text(text, random));
}

static struct str
sign(struct action *a, const struct kobj *account, struct jnode *spec, struct token_claims *c)
{
    struct jnode *list = jnode_get(spec, STR("audiences"));
    struct str *audiences = ARENA_ARRAY(a->arena, struct str, jnode_len(list));
    for (size_t i = 0; i < jnode_len(list); i++)
        audiences[i] = jnode_text_of_str(jnode_at(list, i));
    c->namespace = a->r.namespace;
    c->account = a->r.name;
    c->uid = account->uid;
    c->audiences = audiences;
    c->n_audiences = jnode_len(list);
    c->id = new_id(a->arena);
    struct buf b;
    buf_init(&b, TOKEN_BYTES_MAX);
    token_write(&b, str_from(a->s->token_key), c);
    struct str text = b.failed ? STR("") : arena_str(a->arena, buf_view(&b));
    buf_fini(&b);
    return text;
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
    struct token_claims c = { .issued = api_now(a->s) };
    if (t == TURN_GO)
        t = check_seconds(a, seconds);
    if (t == TURN_GO)
        t = bind_token(a, jnode_path(body, "spec.boundObjectRef"), &c);
    if (t != TURN_GO)
        return t;
    c.expires.ns = c.issued.ns + seconds * NS_PER_S;
    struct jnode *spec = token_spec(a, body, seconds);
    if (jnode_len(jnode_get(spec, STR("audiences"))) > TOKEN_AUDIENCES_MAX)
        return refuse_bad_request(a, "spec.audiences: more than %d", TOKEN_AUDIENCES_MAX);
    struct str token = sign(a, account, spec, &c);
    if (token.n == 0)
        return refuse_bad_request(a, "spec.audiences: the token would be longer than %zu bytes",
                                  TOKEN_BYTES_MAX);
    return reply_created(a, token_answer(a, account, spec, &c, token));
}

const action_step_fn review_token_steps[] = { authz_check, make_token, NULL };
