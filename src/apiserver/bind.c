/* SPDX-License-Identifier: Apache-2.0
 * bind — see bind.h. nodeName, annotations, the PodScheduled condition and the claims of the
 * pod (bind_claims.h) land in one write. */
#include "apiserver/bind.h"

#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/bind_claims.h"
#include "apiserver/decode.h"
#include "apiserver/refuse.h"
#include "apiserver/write.h"
#include "kube/meta.h"
#include "kube/validate.h"

/* 409 about "pods/binding", as Kubernetes words it. */
static enum turn refuse_binding(struct action *a, struct str pod, struct str why)
{
    struct status_spec s = {
        .code = 409,
        .reason = "Conflict",
        .message =
            arena_printf(a->arena, "Operation cannot be fulfilled on pods/binding \"%.*s\": %.*s",
                         STR_ARG(pod), STR_ARG(why)),
        .name = pod,
        .kind = STR("pods/binding"),
    };
    return action_refuse(a, &s);
}

static enum turn refuse_uid(struct action *a, const struct binding *b, const struct kobj *pod)
{
    struct status_spec s = {
        .code = 409,
        .reason = "Conflict",
        .message = arena_printf(a->arena,
                                "Operation cannot be fulfilled on pods \"%.*s\": Precondition "
                                "failed: UID in precondition: %.*s, UID in object meta: %.*s",
                                STR_ARG(b->pod), STR_ARG(b->uid), STR_ARG(pod->uid)),
        .name = b->pod,
        .kind = STR("pods"),
    };
    return action_refuse(a, &s);
}

static enum turn check_pod(struct action *a, const struct binding *b, const struct kobj *pod)
{
    a->r.plural = STR("pods");
    if (!pod)
        return refuse_not_found(a, b->pod);
    if (b->uid.n > 0 && !str_eq(b->uid, pod->uid))
        return refuse_uid(a, b, pod);
    if (kobj_deleting(pod))
        return refuse_binding(
            a, b->pod,
            arena_printf(a->arena, "pod %.*s is being deleted, cannot be assigned to a host",
                         STR_ARG(b->pod)));
    struct str node = json_str(kobj_path(pod, "spec.nodeName"));
    if (node.n > 0)
        return refuse_binding(a, b->pod,
                              arena_printf(a->arena,
                                           "pod %.*s is already assigned to node \"%.*s\"",
                                           STR_ARG(b->pod), STR_ARG(node)));
    if (json_len(kobj_path(pod, "spec.schedulingGates")) > 0)
        return refuse_binding(a, b->pod,
                              arena_printf(a->arena, "pod %.*s has non-empty .spec.schedulingGates",
                                           STR_ARG(b->pod)));
    return TURN_GO;
}

static struct jnode *bound_form(struct action *a, const struct binding *b, const struct kobj *pod)
{
    struct jnode *root = jnode_thaw(a->arena, kobj_root(pod));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), b->node);
    for (size_t i = 0; i < jnode_len(b->annotations); i++)
        meta_set_annotation(root, jnode_key_at(b->annotations, i),
                            jnode_text_of_str(jnode_value_at(b->annotations, i)));
    struct jnode *list = jnode_need_arr(jnode_need_obj(root, STR("status")), STR("conditions"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_is(jnode_text_of_str(jnode_get(jnode_at(list, i), STR("type"))), "PodScheduled"))
            jnode_remove_at(list, i--);
    }
    struct jnode *c = jnode_append(list, jnode_obj(a->arena));
    char now[TIME_TEXT_MAX];
    jnode_set_str(c, STR("type"), STR("PodScheduled"));
    jnode_set_str(c, STR("status"), STR("True"));
    jnode_set(c, STR("lastProbeTime"), jnode_null(a->arena));
    jnode_set_str(c, STR("lastTransitionTime"), wall_text(now, api_now(a->s)));
    return root;
}

/* ---- one pod ---- */

/* 500 with all causes in its message: what Kubernetes answers to a wrong Binding. */
static enum turn refuse_causes(struct action *a, const struct causes *c)
{
    struct str text = { 0 };
    for (size_t i = 0; i < c->list.n; i++) {
        const struct cause *one = &c->list.items[i];
        text = arena_printf(a->arena, "%.*s%s%.*s: %.*s", STR_ARG(text), i ? ", " : "",
                            STR_ARG(one->field), STR_ARG(one->message));
    }
    bool many = c->list.n > 1;
    return refuse_internal(a, "%s%.*s%s", many ? "[" : "", STR_ARG(text), many ? "]" : "");
}

static enum turn check_binding(struct action *a, struct jnode *binding)
{
    struct causes c = { .a = a->arena };
    validate_binding(binding, &c);
    enum turn t = c.list.n > 0 ? refuse_causes(a, &c) : TURN_GO;
    cause_vec_fini(&c.list);
    return t;
}

static enum turn decode_binding(struct action *a)
{
    struct jnode *body = NULL;
    enum turn t = decode_other(a, STR("v1"), STR("Binding"), &body);
    if (t != TURN_GO)
        return t;
    struct str name = jnode_text_of_str(jnode_path(body, "metadata.name"));
    if (a->r.name.n > 0 && name.n > 0 && !str_eq(a->r.name, name))
        return refuse_bad_request(a, "name in URL does not match name in Binding object");
    struct str namespace = jnode_text_of_str(jnode_path(body, "metadata.namespace"));
    if (namespace.n > 0 && !str_eq(namespace, a->r.namespace))
        return refuse_bad_request(a, "the namespace of the provided object does not match the "
                                     "namespace sent on the request");
    t = check_binding(a, body);
    if (t != TURN_GO)
        return t;
    struct binding *b = ARENA_NEW(a->arena, struct binding);
    *b = (struct binding){ .namespace = a->r.namespace,
                           .pod = a->r.name.n > 0 ? a->r.name : name,
                           .uid = jnode_text_of_str(jnode_path(body, "metadata.uid")),
                           .node = jnode_text_of_str(jnode_path(body, "target.name")),
                           .annotations = jnode_path(body, "metadata.annotations") };
    struct bindings *all = ARENA_NEW(a->arena, struct bindings);
    *all = (struct bindings){ b, 1 };
    a->bindings = all;
    return TURN_GO;
}

/* ---- all or none ---- */

/* Adds the writes of one binding to ops[0 … *n). */
static enum turn
make_ops(struct action *a, const struct binding *b, struct store_op *ops, size_t *n)
{
    struct store_table *pods = store_table(a->s->store, STR(""), STR("pods"));
    const struct kobj *pod = store_get_pending(pods, b->namespace, b->pod);
    struct str why;
    enum turn t = check_pod(a, b, pod);
    if (t == TURN_GO)
        t = bind_claims(a, b, ops, n, &why);
    if (t != TURN_GO)
        return t;
    if (why.p)
        return refuse_binding(a, b->pod, why);
    struct jnode *root = bound_form(a, b, pod);
    struct str revision =
        arena_printf(a->arena, "%llu", (unsigned long long)store_next_revision(a->s->store));
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("resourceVersion"), revision);
    struct err err = { 0 };
    struct kobj *o = NULL;
    if (kobj_freeze(&o, root, &err) != 0)
        return refuse_err(a, &err);
    kobj_vec_push(&a->items, o);
    ops[(*n)++] =
        (struct store_op){ .table = pods, .namespace = o->namespace, .name = o->name, .object = o };
    return TURN_GO;
}

static size_t count_writes(const struct bindings *all)
{
    size_t n = all->n;
    for (size_t i = 0; i < all->n; i++)
        n += all->items[i].n_claims;
    return n;
}

static void drop_items(struct action *a)
{
    for (size_t i = 0; i < a->items.n; i++)
        kobj_unref(a->items.items[i]);
    a->items.n = 0;
}

static enum turn commit_all(struct action *a)
{
    if (a->commit == ACTION_DURABLE) {
        a->reply.revision = a->items.items[a->items.n - 1]->revision;
        drop_items(a);
        return action_success(a, 201, NULL);
    }
    if (a->commit == ACTION_FAILED)
        return refuse_err(a, &a->commit_err);
    const struct bindings *all = a->bindings;
    struct store_op *ops = mem_alloc_array(count_writes(all) + 1, sizeof *ops);
    size_t n = 0;
    enum turn t = TURN_GO;
    for (size_t i = 0; i < all->n && t == TURN_GO; i++)
        t = make_ops(a, &all->items[i], ops, &n);
    struct err err = { 0 };
    if (t == TURN_GO && (a->r.write.dry_run || all->n == 0)) {
        drop_items(a);
        t = action_success(a, 201, NULL);
    } else if (t == TURN_GO) {
        t = TURN_WAIT;
        if (store_commit(a->s->store, ops, n, action_committed, a, &err) != 0)
            t = refuse_err(a, &err);
    }
    if (t == TURN_END)
        drop_items(a);
    free(ops);
    return t;
}

const action_step_fn bind_steps[] = { authz_check, decode_binding, commit_all, NULL };
const action_step_fn bind_gang_steps[] = { authz_check, commit_all, NULL };
