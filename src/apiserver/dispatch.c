/* SPDX-License-Identifier: Apache-2.0
 * dispatch — which steps a call takes: one table by verb and subresource. */
#include "apiserver/action.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/bind.h"
#include "apiserver/crd.h"
#include "apiserver/deletion.h"
#include "apiserver/evict.h"
#include "apiserver/read.h"
#include "apiserver/refuse.h"
#include "apiserver/review.h"
#include "apiserver/scale.h"
#include "apiserver/small.h"
#include "apiserver/watcher.h"
#include "apiserver/write.h"

static const struct {
    enum verb verb;
    const char *sub;
    const action_step_fn *steps;
} rows[] = {
    { VERB_GET, "", read_get_steps },
    { VERB_LIST, "", read_list_steps },
    { VERB_WATCH, "", watcher_steps },
    { VERB_CREATE, "", write_create_steps },
    { VERB_UPDATE, "", write_update_steps },
    { VERB_PATCH, "", write_patch_steps },
    { VERB_DELETE, "", deletion_one_steps },
    { VERB_DELETE_COLLECTION, "", deletion_many_steps },
    { VERB_GET, "status", read_get_steps },
    { VERB_UPDATE, "status", write_update_steps },
    { VERB_PATCH, "status", write_patch_steps },
    { VERB_GET, "scale", scale_get_steps },
    { VERB_UPDATE, "scale", scale_put_steps },
    { VERB_PATCH, "scale", scale_patch_steps },
    { VERB_CREATE, "binding", bind_steps },
    { VERB_CREATE, "eviction", evict_steps },
    { VERB_UPDATE, "finalize", small_finalize_steps },
    { VERB_CREATE, "token", review_token_steps },
    { VERB_GET, "ephemeralcontainers", read_get_steps },
    { VERB_UPDATE, "ephemeralcontainers", write_update_steps },
    { VERB_PATCH, "ephemeralcontainers", write_patch_steps },
    { VERB_GET, "resize", read_get_steps },
    { VERB_UPDATE, "resize", write_update_steps },
    { VERB_PATCH, "resize", write_patch_steps },
    { VERB_GET, "approval", read_get_steps },
    { VERB_UPDATE, "approval", write_update_steps },
    { VERB_PATCH, "approval", write_patch_steps },
};

/* Kinds that are only asked, never stored. */
static const struct {
    const char *group, *plural;
    const action_step_fn *steps;
} questions[] = {
    { "", "bindings", bind_steps },
    { "authentication.k8s.io", "selfsubjectreviews", review_self_steps },
    { "authentication.k8s.io", "tokenreviews", review_of_token_steps },
    { "authorization.k8s.io", "localsubjectaccessreviews", review_access_steps },
    { "authorization.k8s.io", "selfsubjectaccessreviews", review_access_steps },
    { "authorization.k8s.io", "selfsubjectrulesreviews", review_rules_steps },
    { "authorization.k8s.io", "subjectaccessreviews", review_access_steps },
};

static const action_step_fn *steps_of(const struct action *a)
{
    const struct resource *res = a->what->res;
    if (a->r.verb == VERB_CREATE && a->r.subresource.n == 0) {
        for (size_t i = 0; i < COUNT_OF(questions); i++) {
            if (str_is(res->plural, questions[i].plural) && str_is(res->group, questions[i].group))
                return questions[i].steps;
        }
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].verb == a->r.verb && str_is(a->r.subresource, rows[i].sub))
            return rows[i].steps;
    }
    return NULL;
}

static enum turn check_scope(struct action *a)
{
    bool namespaced = a->what->res->namespaced;
    if (!namespaced && a->r.namespace.n > 0)
        return refuse_unknown(a);
    if (namespaced && a->r.namespace.n == 0) {
        if (a->r.verb == VERB_CREATE || a->r.verb == VERB_DELETE_COLLECTION)
            return a->what->res->custom ? refuse_unknown(a) : refuse_method(a);
        if (a->r.name.n > 0)
            return refuse_unknown(a);
    }
    return TURN_GO;
}

enum turn action_allowed(struct action *a)
{
    const struct resource *res = a->what->res;
    char sub[128];
    if (a->r.subresource.n >= sizeof sub)
        return refuse_unknown(a);
    memcpy(sub, a->r.subresource.p ? a->r.subresource.p : "", a->r.subresource.n);
    sub[a->r.subresource.n] = 0;
    if (sub[0] && !resource_has_sub(res, sub))
        return res->custom ? refuse_not_found(a, a->r.name) : refuse_unknown(a);
    enum turn t = check_scope(a);
    if (t != TURN_GO)
        return t;
    bool collection = a->r.verb == VERB_UPDATE || a->r.verb == VERB_PATCH;
    if (!steps_of(a) || (!sub[0] && !(res->verbs & VERB_BIT(a->r.verb))) ||
        (collection && a->r.name.n == 0) ||
        (a->r.verb == VERB_CREATE && !sub[0] && a->r.name.n > 0))
        return refuse_method(a);
    return TURN_GO;
}

void action_run(struct action *a, action_done_fn done, void *arg)
{
    if (a->what->crd)
        crd_warn_deprecated(a);
    action_start(a, steps_of(a), done, arg);
}
