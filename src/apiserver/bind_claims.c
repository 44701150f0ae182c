/* SPDX-License-Identifier: Apache-2.0
 * bind_claims — see bind_claims.h. The checks are made against the newest pending state, so two
 * schedulers cannot both allocate one claim. */
#include "apiserver/bind_claims.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"

#define RESERVED_MAX 256 /* consumers of a claim, as Kubernetes */
#define FINALIZER "resource.kubernetes.io/delete-protection"

/* The write of this claim that is in ops already; NULL: none. */
static struct store_op *
find_op(struct store_op *ops, size_t n, const struct store_table *table, const struct claim_use *u)
{
    for (size_t i = 0; i < n; i++) {
        if (ops[i].table == table && str_eq(ops[i].namespace, u->namespace) &&
            str_eq(ops[i].name, u->name))
            return &ops[i];
    }
    return NULL;
}

static struct str
trouble(struct action *a, const struct claim_use *u, const struct kobj *claim, bool earlier)
{
    if (!claim || !str_eq(claim->uid, u->uid))
        return arena_printf(a->arena, "resourceclaim \"%.*s\" is not there any more",
                            STR_ARG(u->name));
    if (kobj_deleting(claim))
        return arena_printf(a->arena, "resourceclaim \"%.*s\" is being deleted", STR_ARG(u->name));
    bool allocated = json_has(kobj_path(claim, "status.allocation"));
    if (allocated && u->allocation.p && !earlier)
        return arena_printf(a->arena, "resourceclaim \"%.*s\" was allocated by another scheduler",
                            STR_ARG(u->name));
    if (!allocated && !u->allocation.p)
        return arena_printf(a->arena, "resourceclaim \"%.*s\" lost its allocation",
                            STR_ARG(u->name));
    if (json_len(kobj_path(claim, "status.reservedFor")) >= RESERVED_MAX)
        return arena_printf(a->arena, "resourceclaim \"%.*s\" is in use by %d pods",
                            STR_ARG(u->name), RESERVED_MAX);
    return (struct str){ 0 };
}

static void reserve(struct jnode *status, const struct binding *b, struct arena *a)
{
    struct jnode *list = jnode_need_arr(status, STR("reservedFor"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_eq(jnode_text_of_str(jnode_get(jnode_at(list, i), STR("uid"))), b->uid))
            return;
    }
    struct jnode *o = jnode_append(list, jnode_obj(a));
    jnode_set_str(o, STR("resource"), STR("pods"));
    jnode_set_str(o, STR("name"), b->pod);
    jnode_set_str(o, STR("uid"), b->uid);
}

static void protect(struct jnode *meta, struct arena *a)
{
    struct jnode *list = jnode_need_arr(meta, STR("finalizers"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_is(jnode_text_of_str(jnode_at(list, i)), FINALIZER))
            return;
    }
    jnode_append(list, jnode_str(a, STR(FINALIZER)));
}

/* The claim with its allocation and the pod; a new reference in *out. */
static int reserved_form(struct action *a,
                         const struct binding *b,
                         const struct claim_use *u,
                         const struct kobj *claim,
                         struct kobj **out)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct jnode *root = jnode_thaw(a->arena, kobj_root(claim));
    struct jnode *status = jnode_need_obj(root, STR("status"));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    if (u->allocation.p && !jnode_get(status, STR("allocation"))) {
        if (json_parse(&doc, u->allocation, &json_limits_own, &err)) {
            refuse_err(a, &err);
            return -1;
        }
        jnode_set(status, STR("allocation"), jnode_thaw(a->arena, json_root(doc)));
    }
    reserve(status, b, a->arena);
    protect(meta, a->arena);
    jnode_set_str(
        meta, STR("resourceVersion"),
        arena_printf(a->arena, "%llu", (unsigned long long)store_next_revision(a->s->store)));
    if (kobj_freeze(out, root, &err) == 0)
        return 0;
    refuse_err(a, &err);
    return -1;
}

static void keep(struct action *a, struct store_op *op, struct kobj *o)
{
    kobj_vec_push(&a->items, o);
    op->namespace = o->namespace;
    op->name = o->name;
    op->object = o;
}

enum turn bind_claims(struct action *a,
                      const struct binding *b,
                      struct store_op *ops,
                      size_t *n,
                      struct str *why)
{
    struct store_table *table =
        store_table(a->s->store, STR("resource.k8s.io"), STR("resourceclaims"));
    *why = (struct str){ 0 };
    for (size_t i = 0; i < b->n_claims; i++) {
        const struct claim_use *u = &b->claims[i];
        struct store_op *op = find_op(ops, *n, table, u);
        const struct kobj *claim =
            op ? op->object : store_get_pending(table, u->namespace, u->name);
        struct kobj *next = NULL;
        *why = trouble(a, u, claim, op != NULL);
        if (why->p)
            return TURN_GO;
        if (reserved_form(a, b, u, claim, &next))
            return TURN_END;
        if (!op) {
            op = &ops[(*n)++];
            *op = (struct store_op){ .table = table };
        }
        keep(a, op, next);
    }
    return TURN_GO;
}
