/* SPDX-License-Identifier: Apache-2.0
 * limit_ranger — LimitRanges of a namespace: what containers get that ask for nothing, and how much
 * a container or pod may ask for. */
#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/refuse.h"
#include "codec/quantity.h"
#include "kube/meta.h"

#define NOTES_BYTES_MAX 16384

/* ---- defaults ---- */

/* Puts what is missing in resources.KIND; appends the names of what was put. */
static void fill(struct action *a,
                 struct jnode *container,
                 const char *kind,
                 struct json defaults,
                 struct buf *added)
{
    for (struct json_iter it = json_iter(defaults); json_next(&it);) {
        struct jnode *resources = jnode_need_obj(container, STR("resources"));
        struct jnode *have = jnode_need_obj(resources, str_from(kind));
        if (jnode_get(have, it.key))
            continue;
        jnode_set(have, it.key, jnode_thaw(a->arena, it.value));
        if (added->n > 0)
            buf_str(added, STR(", "));
        buf_str(added, it.key);
    }
}

static void note(struct buf *notes, const struct buf *added, const char *what, struct str name)
{
    if (added->n == 0)
        return;
    if (notes->n > 0)
        buf_str(notes, STR("; "));
    buf_printf(notes, "%.*s %s for container %.*s", (int)added->n, added->p, what, STR_ARG(name));
}

static void
fill_container(struct action *a, struct jnode *container, struct json limit, struct buf *notes)
{
    struct buf requests, limits;
    buf_init(&requests, NOTES_BYTES_MAX);
    buf_init(&limits, NOTES_BYTES_MAX);
    struct str name = jnode_text_of_str(jnode_get(container, STR("name")));
    fill(a, container, "requests", json_get(limit, STR("defaultRequest")), &requests);
    fill(a, container, "limits", json_get(limit, STR("default")), &limits);
    note(notes, &requests, "request", name);
    note(notes, &limits, "limit", name);
    buf_fini(&requests);
    buf_fini(&limits);
}

/* ---- bounds ---- */

static bool amount(struct jnode *container,
                   const char *kind,
                   struct str name,
                   struct quantity *out,
                   struct str *text)
{
    struct jnode *v =
        jnode_get(jnode_get(jnode_get(container, STR("resources")), str_from(kind)), name);
    *text = jnode_text_of_str(v);
    return text->n > 0 && quantity_parse(out, *text, NULL) == 0;
}

static enum turn
check_bound(struct action *a, struct jnode *container, struct json bounds, bool max)
{
    for (struct json_iter it = json_iter(bounds); json_next(&it);) {
        struct quantity bound, got;
        struct str text;
        if (quantity_parse(&bound, json_str(it.value), NULL) != 0)
            continue;
        const char *kind = max ? "limits" : "requests";
        bool has = amount(container, kind, it.key, &got, &text);
        if (!has && !max)
            has = amount(container, "limits", it.key, &got, &text);
        const char *side = max ? "maximum" : "minimum";
        if (!has)
            return refuse_forbidden(
                a, a->r.name, "%s %.*s usage per Container is %.*s.  No %s is specified", side,
                STR_ARG(it.key), STR_ARG(json_str(it.value)), max ? "limit" : "request");
        int c = quantity_cmp(&got, &bound);
        if (max ? c > 0 : c < 0)
            return refuse_forbidden(a, a->r.name,
                                    "%s %.*s usage per Container is %.*s, but %s is %.*s", side,
                                    STR_ARG(it.key), STR_ARG(json_str(it.value)),
                                    max ? "limit" : "request", STR_ARG(text));
    }
    return TURN_GO;
}

/* ---- the walk over ranges and containers ---- */

struct ranging {
    struct action *a;
    struct buf *notes; /* NULL: check bounds */
    enum turn turn;
};

static void range_container(struct ranging *r, struct jnode *container, struct json limit)
{
    if (r->notes) {
        fill_container(r->a, container, limit, r->notes);
        return;
    }
    r->turn = check_bound(r->a, container, json_get(limit, STR("min")), false);
    if (r->turn == TURN_GO)
        r->turn = check_bound(r->a, container, json_get(limit, STR("max")), true);
}

static bool range_one(void *arg, const struct kobj *o)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct ranging *r = arg;
    struct jnode *spec = jnode_get(r->a->obj, STR("spec"));
    for (struct json_iter it = json_iter(kobj_path(o, "spec.limits")); json_next(&it);) {
        if (!str_is(json_str(json_get(it.value, STR("type"))), "Container"))
            continue;
        for (size_t k = 0; k < COUNT_OF(lists); k++) {
            struct jnode *list = jnode_get(spec, str_from(lists[k]));
            for (size_t i = 0; i < jnode_len(list) && r->turn == TURN_GO; i++)
                range_container(r, jnode_at(list, i), it.value);
        }
    }
    return r->turn == TURN_GO;
}

static enum turn range(struct action *a, struct buf *notes)
{
    struct ranging r = { .a = a, .notes = notes, .turn = TURN_GO };
    struct store_table *t = store_table(a->s->store, STR(""), STR("limitranges"));
    if (store_count(t) == 0)
        return TURN_GO;
    AUTO(store_snapshot_unrefp) struct store_snapshot *now = store_snapshot_pending(t);
    store_snapshot_walk(now, &(struct store_range){ .namespace = a->r.namespace }, range_one, &r);
    return r.turn;
}

static enum turn mutate(struct action *a)
{
    if (!admit_is_pod(a) || !a->creates)
        return TURN_GO;
    struct buf notes;
    buf_init(&notes, NOTES_BYTES_MAX);
    range(a, &notes);
    if (notes.n > 0)
        meta_set_annotation(
            a->obj, STR("kubernetes.io/limit-ranger"),
            arena_printf(a->arena, "LimitRanger plugin set: %.*s", (int)notes.n, notes.p));
    buf_fini(&notes);
    return TURN_GO;
}

static enum turn check(struct action *a)
{
    return admit_is_pod(a) && a->creates ? range(a, NULL) : TURN_GO;
}

const struct admission admit_limit_ranger = {
    .name = "LimitRanger",
    .help = "defaults and bounds of what containers ask for",
    .on = true,
    .mutate = mutate,
    .check = check,
};
