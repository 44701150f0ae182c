/* SPDX-License-Identifier: Apache-2.0
 * namespace — empties a namespace that is being deleted: pods first, then everything else, then the
 * finalizer of the namespace itself (kubernetes.io/docs: Namespaces; KEP-5080, ordered deletion).
 *
 *     delete all pods ─► look ─► delete all of the rest ─► look ─► /finalize, or again in a second
 */
#include "controllers/garbage/garbage_internal.h"
#include "kube/kind.h"
#include "kube/meta.h"

#define FINALIZER "kubernetes"

static bool is_pods(const struct graph_kind *k)
{
    return k->resource.group.n == 0 && str_is(k->resource.plural, "pods");
}

static void on_look(struct task *t, struct str plural, const struct reply *reply)
{
    if (reply->code >= 400)
        return;
    size_t n = reply->n_items + (reply->remaining > 0 ? (size_t)reply->remaining : 0);
    t->remaining += n;
    if (n)
        t->remaining_text =
            arena_printf(t->a, "%.*s%s%.*s has %zu resource instances", STR_ARG(t->remaining_text),
                         t->remaining_text.n ? ", " : "", STR_ARG(plural), n);
}

static void ask(struct task *t, const struct graph_kind *k, enum verb verb)
{
    struct request r = task_request(k, verb);
    r.namespace = t->o->name;
    r.list.limit = verb == VERB_LIST ? 1 : 0;
    if (verb == VERB_DELETE_COLLECTION)
        r.write.propagation = STR("Background");
    task_call(t, &r, k->resource.plural, verb == VERB_LIST ? on_look : NULL);
}

static void ask_all(struct task *t, enum verb verb, bool pods)
{
    for (size_t i = 0; i < t->g->graph.kinds.n; i++) {
        const struct graph_kind *k = t->g->graph.kinds.items[i];
        if (k->namespaced && is_pods(k) == pods)
            ask(t, k, verb);
    }
}

/* ---- the end ---- */

static void set_condition(struct task *t, struct jnode *list, const char *type, struct str left)
{
    struct condition_spec spec = {
        .type = type,
        .status = left.n ? "True" : "False",
        .reason = left.n ? STR("SomeResourcesRemain") : STR("ContentRemoved"),
        .message = left.n ? arena_printf(t->a, "Some resources are remaining: %.*s", STR_ARG(left))
                          : STR("All content successfully removed"),
    };
    meta_set_condition(t->a, list, &spec, loop_wall(t->g->t->loop));
}

static void send(struct task *t, struct request *r, struct jnode *body)
{
    struct json_doc *doc;
    if (jnode_freeze(&doc, body, NULL) != 0)
        return; /* cannot be: a namespace is small */
    r->name = t->o->name;
    r->body = json_root(doc);
    task_call(t, r, t->o->uid, NULL);
    json_doc_unref(doc);
}

static void say_what_remains(struct task *t)
{
    struct json stored = kobj_path(t->o, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(t->a, stored) : jnode_arr(t->a);
    set_condition(t, list, "NamespaceContentRemaining", t->remaining_text);
    struct jnode *patch = jnode_obj(t->a);
    jnode_set_str(jnode_need_obj(patch, STR("metadata")), STR("uid"), t->o->uid);
    jnode_set(jnode_need_obj(patch, STR("status")), STR("conditions"), list);
    struct request r = task_request(t->kind, VERB_PATCH);
    r.subresource = STR("status");
    r.write.patch = PATCH_MERGE;
    send(t, &r, patch);
}

static void finalize(struct task *t)
{
    if (t->remaining) {
        say_what_remains(t);
        return;
    }
    struct jnode *o = jnode_thaw(t->a, kobj_root(t->o));
    struct jnode *left = jnode_arr(t->a);
    for (struct json_iter it = json_iter(kobj_path(t->o, "spec.finalizers")); json_next(&it);)
        if (!str_is(json_str(it.value), FINALIZER))
            jnode_append(left, jnode_thaw(t->a, it.value));
    jnode_set(jnode_need_obj(o, STR("spec")), STR("finalizers"), left);
    struct request r = task_request(t->kind, VERB_UPDATE);
    r.subresource = STR("finalize");
    send(t, &r, o);
}

/* ---- the steps ---- */

static void look_at_rest(struct task *t)
{
    ask_all(t, VERB_LIST, false);
    t->next = finalize;
}

static void delete_rest(struct task *t)
{
    if (t->remaining) { /* pods that take their time */
        say_what_remains(t);
        return;
    }
    static const struct graph_kind events = {
        .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("events") },
    };
    ask_all(t, VERB_DELETE_COLLECTION, false);
    ask(t, &events, VERB_DELETE_COLLECTION); /* not followed: see garbage.c */
    t->next = look_at_rest;
}

static void look_at_pods(struct task *t)
{
    ask_all(t, VERB_LIST, true);
    t->next = delete_rest;
}

void namespace_empty(struct task *t)
{
    bool held = false;
    for (struct json_iter it = json_iter(kobj_path(t->o, "spec.finalizers")); json_next(&it);)
        held |= str_is(json_str(it.value), FINALIZER);
    if (!held)
        return; /* we did our part; others hold it */
    ask_all(t, VERB_DELETE_COLLECTION, true);
    t->next = look_at_pods;
}
