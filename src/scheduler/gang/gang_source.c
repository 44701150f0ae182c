/* SPDX-License-Identifier: Apache-2.0
 * gang_source — see gang_source.h. */
#include "scheduler/gang/gang_source.h"

#include "kube/meta.h"

#define OWNERS_TEXT_MAX 1024

static const char *word_of(const struct gang_words *w, const struct gang *g, enum gang_phase phase)
{
    switch (phase) {
    case GANG_PENDING:
        return g->has_run && w->lost ? w->lost : w->pending;
    case GANG_GONE:
        return w->pending;
    case GANG_SCHEDULED:
        return w->scheduled;
    case GANG_RUNNING:
        return w->running;
    case GANG_FINISHED:
        return w->finished;
    case GANG_FAILED:
        return w->failed;
    }
    return NULL;
}

static struct json find_condition(struct json list, const char *type)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("type"))), type))
            return it.value;
    }
    return (struct json){ 0 };
}

/* What KAI's entries say besides. */
static void add_details(struct arena *a,
                        struct jnode *list,
                        const struct gang_verdict *v,
                        const struct condition_spec *spec)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *c = jnode_at(list, i);
        if (!str_is(jnode_text_of_str(jnode_get(c, STR("type"))), spec->type))
            continue;
        if (v->node_pool)
            jnode_set_str(c, STR("nodePool"), str_from(v->node_pool));
        if (!v->listed)
            return;
        struct jnode *reason =
            jnode_append(jnode_set(c, STR("reasons"), jnode_arr(a)), jnode_obj(a));
        jnode_set_str(reason, STR("reason"), spec->reason);
        jnode_set_str(reason, STR("message"), spec->message);
        return;
    }
}

static bool is_disrupted(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        const struct kobj *pod = LIST_ITEM(at, struct spod, in_gang)->obj;
        struct json c = find_condition(kobj_path(pod, "status.conditions"), "DisruptionTarget");
        if (str_is(json_str(json_get(c, STR("status"))), "True") &&
            str_is(json_str(json_get(c, STR("reason"))), "PreemptionByScheduler"))
            return true;
    }
    return false;
}

struct telling { /* conditions as they are being written */
    struct arena *a;
    const struct gang_verdict *v;
    struct jnode *list;
    struct json stored;
    struct wall now;
};

/* Sets a condition; one that is not true is only set where it was. */
static void
tell(struct telling *t, const char *type, bool holds, struct str reason, struct str text)
{
    struct condition_spec spec = {
        .type = type, .status = holds ? "True" : "False", .reason = reason, .message = text
    };
    if (!type || (!holds && !json_exists(find_condition(t->stored, type))))
        return;
    meta_set_condition(t->a, t->list, &spec, t->now);
    add_details(t->a, t->list, t->v, &spec);
}

/* Where only one type says it, False says why the gang waits. */
static void tell_verdict(struct telling *t, const struct gang *g, const struct gang_sight *s)
{
    const struct gang_verdict *v = t->v;
    bool waits = s->phase == GANG_PENDING || s->phase == GANG_GONE;
    const char *lack = v->reasons[gang_lack_of(g)];
    struct str why = str_from(lack ? lack : v->reasons[GANG_LACKS_ROOM]);
    struct str ready = str_from(v->scheduled_as);
    struct str text = gang_message_of(t->a, g, s);
    if (waits && str_is(str_from(s->reason), "Queued"))
        return; /* nothing is known yet */
    tell(t, v->waiting, waits, waits ? why : ready, text);
    if (v->waiting) {
        tell(t, v->scheduled, !waits, waits ? why : ready, waits ? text : STR(""));
        return;
    }
    struct condition_spec spec = { .type = v->scheduled,
                                   .status = waits ? "False" : "True",
                                   .reason = waits ? why : ready,
                                   .message = text };
    meta_set_condition(t->a, t->list, &spec, t->now);
}

static void put_conditions(struct arena *a,
                           struct jnode *status,
                           const struct gang *g,
                           const struct gang_sight *s,
                           struct telling *t)
{
    t->list = json_type(t->stored) == JSON_ARR ? jnode_thaw(a, t->stored) : jnode_arr(a);
    tell_verdict(t, g, s);
    if (t->v->disrupted)
        tell(t, "DisruptionTarget", is_disrupted(g), STR("PreemptionByScheduler"),
             STR("Members are evicted"));
    if (jnode_len(t->list))
        jnode_set(status, str_from(t->v->list), t->list);
}

/* "namespace/name" of the owners of its first member, as Coscheduling tells them apart. */
static struct str owners_of(struct arena *a, const struct gang *g)
{
    struct buf b;
    if (list_empty(&g->members))
        return (struct str){ 0 };
    const struct kobj *pod = LIST_ITEM(g->members.next, struct spod, in_gang)->obj;
    buf_init(&b, OWNERS_TEXT_MAX);
    for (struct json_iter it = json_iter(kobj_meta(pod, STR("ownerReferences"))); json_next(&it);)
        buf_printf(&b, "%s%.*s/%.*s", b.n ? "," : "", STR_ARG(pod->namespace),
                   STR_ARG(json_str(json_get(it.value, STR("name")))));
    struct str out = b.failed ? (struct str){ 0 } : arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static void put_start(struct jnode *status,
                      const char *key,
                      const struct gang_sight *s,
                      struct json old,
                      struct wall now)
{
    char text[TIME_TEXT_MAX];
    struct str before = json_str(json_get(old, str_from(key)));
    if (before.n)
        jnode_set_str(status, str_from(key), before);
    else if (s->phase == GANG_SCHEDULED || s->phase == GANG_RUNNING)
        jnode_set_str(status, str_from(key), wall_text(text, now));
}

struct jnode *gang_source_status(struct arena *a,
                                 const struct gang *g,
                                 const struct gang_sight *s,
                                 struct json old,
                                 struct wall now)
{
    const struct gang_object_kind *k = g->source_kind;
    const char *word = word_of(&k->words, g, s->phase);
    const int64_t counts[GANG_COUNTS] = { s->scheduled, s->running, s->succeeded, s->failed,
                                          (int64_t)g->n_members - s->scheduled };
    struct jnode *status = jnode_obj(a);
    if (word)
        jnode_set_str(status, STR("phase"), str_from(word));
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        if (k->counts[i])
            jnode_set_i64(status, str_from(k->counts[i]), counts[i]);
    }
    struct str owners = k->owners ? owners_of(a, g) : (struct str){ 0 };
    if (owners.n)
        jnode_set_str(status, str_from(k->owners), owners);
    if (k->started)
        put_start(status, k->started, s, old, now);
    struct telling t = { .a = a,
                         .v = &k->verdict,
                         .stored = k->verdict.list ? json_get(old, str_from(k->verdict.list))
                                                   : (struct json){ 0 },
                         .now = now };
    if (k->verdict.list)
        put_conditions(a, status, g, s, &t);
    return jnode_len(status) ? status : NULL;
}
