/* SPDX-License-Identifier: Apache-2.0
 * resource_quota — a creation counts against the ResourceQuotas of its namespace. Only what a quota
 * controller has measured (status.hard and status.used) is enforced; the new usage is written in
 * the same transaction as the object, so concurrent creations cannot pass the limit together. */
#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"
#include "codec/quantity.h"

#define QUOTA_TEXT_MAX 64

struct claim { /* what the new object asks of one resource of a quota */
    struct quantity amount;
    bool counts;       /* false: the quota's resource does not concern it */
    struct str silent; /* a container that does not say how much; absent: none */
};

/* ---- what is asked for ---- */

static struct claim container_claim(struct jnode *spec, const char *kind, struct str name)
{
    struct claim c = { .counts = true };
    struct jnode *list = jnode_get(spec, STR("containers"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *container = jnode_at(list, i);
        struct jnode *v = jnode_get(jnode_path(container, kind), name);
        struct quantity q;
        if (!v || quantity_parse(&q, jnode_text_of_str(v), NULL) != 0)
            c.silent = jnode_text_of_str(jnode_get(container, STR("name")));
        else
            quantity_add(&c.amount, &q);
    }
    return c;
}

static struct claim pod_claim(struct jnode *spec, struct str key)
{
    struct str requests = STR("requests."), limits = STR("limits.");
    if (str_starts(key, requests))
        return container_claim(spec, "resources.requests", str_skip(key, requests.n));
    if (str_starts(key, limits))
        return container_claim(spec, "resources.limits", str_skip(key, limits.n));
    if (str_is(key, "cpu") || str_is(key, "memory"))
        return container_claim(spec, "resources.requests", key);
    return (struct claim){ 0 };
}

static struct claim claim_of(struct action *a, struct str key)
{
    struct claim one = { .amount = quantity_from_units(1, QUANTITY_DECIMAL_SI), .counts = true };
    struct str resource = refuse_resource_name(a);
    struct str count = STR("count/");
    if (str_starts(key, count))
        return str_eq(str_skip(key, count.n), resource) ? one : (struct claim){ 0 };
    if (str_eq(key, resource))
        return one;
    return admit_is_pod(a) ? pod_claim(jnode_get(a->obj, STR("spec")), key) : (struct claim){ 0 };
}

/* ---- one quota ---- */

struct tally {
    struct action *a;
    enum turn turn;
    const struct kobj *quota; /* counted: the first quota that the object uses */
    struct jnode *changed;    /* its new form */
};

static struct str quantity_text(struct action *a, const struct quantity *q)
{
    struct buf b;
    buf_init(&b, QUOTA_TEXT_MAX);
    quantity_write(&b, q);
    struct str s = arena_str(a->arena, buf_view(&b));
    buf_fini(&b);
    return s;
}

static enum turn
refuse_exceeded(struct action *a, const struct kobj *quota, struct str key, const struct claim *c)
{
    struct str used = json_str(json_get(kobj_path(quota, "status.used"), key));
    struct str hard = json_str(json_get(kobj_path(quota, "status.hard"), key));
    struct str want = quantity_text(a, &c->amount);
    return refuse_forbidden(a, a->r.name,
                            "exceeded quota: %.*s, requested: %.*s=%.*s, used: %.*s=%.*s, limited: "
                            "%.*s=%.*s",
                            STR_ARG(quota->name), STR_ARG(key), STR_ARG(want), STR_ARG(key),
                            STR_ARG(used), STR_ARG(key), STR_ARG(hard));
}

static enum turn
count_key(struct tally *t, const struct kobj *quota, struct str key, struct str hard_text)
{
    struct action *a = t->a;
    struct claim c = claim_of(a, key);
    struct quantity used, hard;
    struct json used_text = json_get(kobj_path(quota, "status.used"), key);
    if (!c.counts || quantity_parse(&hard, hard_text, NULL) != 0 ||
        quantity_parse(&used, json_str(used_text), NULL) != 0)
        return TURN_GO;
    if (c.silent.n > 0)
        return refuse_forbidden(a, a->r.name, "failed quota: %.*s: must specify %.*s for: %.*s",
                                STR_ARG(quota->name), STR_ARG(key), STR_ARG(c.silent));
    quantity_add(&used, &c.amount);
    if (quantity_cmp(&used, &hard) > 0)
        return refuse_exceeded(a, quota, key, &c);
    if (!t->changed) {
        t->quota = kobj_ref(quota);
        t->changed = jnode_thaw(a->arena, kobj_root(quota));
    }
    if (t->quota->revision == quota->revision)
        jnode_set_str(jnode_need_obj(jnode_need_obj(t->changed, STR("status")), STR("used")), key,
                      quantity_text(a, &used));
    return TURN_GO;
}

static bool count_one(void *arg, const struct kobj *quota)
{
    struct tally *t = arg;
    for (struct json_iter it = json_iter(kobj_path(quota, "status.hard"));
         json_next(&it) && t->turn == TURN_GO;)
        t->turn = count_key(t, quota, it.key, json_str(it.value));
    return t->turn == TURN_GO;
}

static enum turn check(struct action *a)
{
    if (!a->creates || a->r.namespace.n == 0)
        return TURN_GO;
    struct store_table *table = store_table(a->s->store, STR(""), STR("resourcequotas"));
    if (store_count(table) == 0)
        return TURN_GO;
    struct tally t = { .a = a, .turn = TURN_GO };
    AUTO(store_snapshot_unrefp) struct store_snapshot *now = store_snapshot_pending(table);
    store_snapshot_walk(now, &(struct store_range){ .namespace = a->r.namespace }, count_one, &t);
    if (t.turn == TURN_GO && t.changed) {
        a->extra_table = table;
        a->extra = t.changed;
    }
    kobj_unref(a->extra_old); /* what the tree borrows from */
    a->extra_old = t.quota;
    return t.turn;
}

const struct admission admit_resource_quota = {
    .name = "ResourceQuota",
    .help = "creations count against the quotas of their namespace",
    .on = true,
    .check = check,
};
