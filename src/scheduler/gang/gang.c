/* SPDX-License-Identifier: Apache-2.0
 * gang — see gang.h. */
#include "scheduler/gang/gang.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scheduler/config/profile.h"
#include "scheduler/gang/gang_internal.h"

#define START_NS (60 * NS_PER_S) /* for gangs that say no time-out */

static struct str copy(struct str s)
{
    return s.p ? str_make(str_dup(s), s.n) : s;
}

static void free_text(struct str *s)
{
    free((void *)(uintptr_t)s->p); /* own text */
    *s = (struct str){ 0 };
}

struct gang *
gang_new(struct str key, struct str namespace, const struct gang_claim *claim, uint64_t order)
{
    struct gang *g = MEM_NEW(struct gang);
    g->key = copy(key);
    g->order = order;
    g->min = 1;
    g->priority = INT64_MIN;
    g->pos = g->age_pos = g->late_pos = g->ticket.pos = HEAP_OUT;
    list_init(&g->members);
    list_init(&g->places);
    list_init(&g->ended);
    list_init(&g->parked);
    list_init(&g->waits);
    list_init(&g->ticket.stalled);
    if (!claim)
        return g;
    g->dialect = claim->dialect;
    g->min = 0;
    g->namespace = copy(namespace);
    g->object = copy(claim->object);
    g->part = copy(claim->part);
    return g;
}

static void free_parts(struct gang *g)
{
    for (size_t i = 0; i < g->n_parts; i++)
        free_text(&g->parts[i].name);
    free(g->parts);
}

void gang_free(struct gang *g)
{
    if (!g)
        return;
    assert(list_empty(&g->members) && list_empty(&g->places) && list_empty(&g->ended));
    assert(g->state == GANG_IDLE && !g->crowd);
    free_parts(g);
    gang_roles_fini(&g->roles);
    kobj_unref(g->source);
    arena_free(g->source_a);
    free_text(&g->key);
    free_text(&g->wrong);
    free_text(&g->heard.wrong);
    free_text(&g->heard.ignored);
    free_text(&g->message);
    free_text(&g->late);
    json_doc_unref(g->eviction);
    free_text(&g->namespace);
    free_text(&g->object);
    free_text(&g->part);
    free(g);
}

void gang_set_message(struct gang *g, struct str text)
{
    if (str_eq(g->message, text))
        return;
    free_text(&g->message);
    g->message = copy(text);
}

void gang_set_late(struct gang *g, struct str text)
{
    struct str old = g->late;
    g->late = copy(text);
    free_text(&old);
}

void gang_set_eviction(struct gang *g, struct json_doc *doc)
{
    json_doc_unref(g->eviction);
    g->eviction = json_doc_ref(doc);
}

/* ---- parts ---- */

uint32_t gang_part_of(struct gang *g, struct str name)
{
    if (!name.n)
        return 0;
    if (!g->parts) {
        g->parts = mem_alloc_array(1 + GANG_ROLES_MAX, sizeof *g->parts);
        g->n_parts = 1;
    }
    for (size_t i = 1; i < g->n_parts; i++) {
        if (str_eq(g->parts[i].name, name))
            return (uint32_t)i;
    }
    if (g->n_parts > GANG_ROLES_MAX)
        return 0;
    g->parts[g->n_parts] = (struct gang_part){ .name = copy(name) };
    return (uint32_t)g->n_parts++;
}

static uint32_t need_part(struct gang *g, struct str name, int64_t min)
{
    uint32_t i = gang_part_of(g, name);
    if (i)
        g->parts[i].min = num_max_i64(g->parts[i].min, min);
    return i;
}

static bool is_leaving(const struct spod *p)
{
    return p->node >= 0 && p->view->deleting;
}

void gang_count_in_part(struct spod *p, int by)
{
    struct gang_part *part = p->part ? &p->gang->parts[p->part] : NULL;
    if (!part)
        return;
    part->n_members += (size_t)by;
    part->n_placed += p->node >= 0 ? (size_t)by : 0;
    part->n_gated += p->view->n_gates > 0 ? (size_t)by : 0;
    part->n_leaving += is_leaving(p) ? (size_t)by : 0;
    part->n_away += p->away ? (size_t)by : 0;
}

void gang_count_placed(struct spod *p, int by)
{
    struct gang *g = p->gang;
    size_t leaving = p->view->deleting ? (size_t)by : 0;
    g->n_placed += (size_t)by;
    g->n_leaving += leaving;
    if (!p->part)
        return;
    g->parts[p->part].n_placed += (size_t)by;
    g->parts[p->part].n_leaving += leaving;
}

void gang_assume(struct spod *p, bool assumed)
{
    if (p->gang && p->assumed != assumed)
        p->gang->n_assumed += assumed ? (size_t)1 : (size_t)-1;
    p->assumed = assumed;
}

void gang_count_away(struct spod *p, int by)
{
    p->gang->n_away += (size_t)by;
    if (p->part)
        p->gang->parts[p->part].n_away += (size_t)by;
}

void gang_count_leaving(struct spod *p)
{
    p->gang->n_leaving++;
    if (p->part)
        p->gang->parts[p->part].n_leaving++;
}

void gang_count_ended(struct gang *g, struct str role, bool succeeded, int by)
{
    uint32_t part = gang_part_of(g, role);
    *(succeeded ? &g->n_succeeded : &g->n_failed) += (size_t)by;
    if (part)
        *(succeeded ? &g->parts[part].n_succeeded : &g->parts[part].n_failed) += (size_t)by;
}

/* ---- what members say ---- */

static void wrong(struct gang *g, struct str text)
{
    if (!g->heard.wrong.p)
        g->heard.wrong = copy(text);
}

/* Roles that one member declares for all. */
static void take_roles(struct gang *g, struct str text)
{
    struct err err = { 0 };
    if (!text.n || g->roles.n)
        return;
    if (gang_roles_parse(&g->roles, text, &err))
        wrong(g, str_from(err.msg));
    for (size_t i = 0; i < g->roles.n; i++) {
        const struct gang_role *r = &g->roles.items[i];
        uint32_t part = gang_part_of(g, r->name);
        need_part(g, r->name, r->min);
        if (part && json_has(r->resources))
            g->parts[part].declared = r;
    }
}

/* Members may disagree on the minimum: the largest counts, so that nobody starts too early. */
static void hear(struct gang *g, const struct gang_claim *c)
{
    if (c->min) {
        g->heard.min = num_max_i64(g->heard.min, c->min);
        g->heard.low = g->heard.low ? num_min_i64(g->heard.low, c->min) : c->min;
    }
    g->heard.size = num_max_i64(g->heard.size, c->size);
    g->heard.timeout_s = num_max_i64(g->heard.timeout_s, c->timeout_s);
    if (c->late > g->heard.late)
        g->heard.late = c->late;
    if (c->match > g->heard.match)
        g->heard.match = c->match;
    if (c->wrong.p)
        wrong(g, c->wrong);
    if (c->ignored.p && !g->heard.ignored.p)
        g->heard.ignored = copy(c->ignored);
    if (c->role.n && c->role_min && !need_part(g, c->role, c->role_min)) {
        g->heard.crowded = true;
        wrong(g, STR("its members name more roles than a gang may have"));
    }
    take_roles(g, c->roles);
}

/* Of a gang whose roles come and go: those that nobody has any more make room for others. */
static void drop_empty_parts(struct gang *g)
{
    uint32_t now_at[1 + GANG_ROLES_MAX] = { 0 }, n = 1;
    if (g->n_parts <= GANG_ROLES_MAX || !list_empty(&g->places))
        return;
    for (size_t i = 1; i < g->n_parts; i++) {
        struct gang_part part = g->parts[i];
        if (part.n_members || part.n_succeeded || part.n_failed) {
            now_at[i] = n;
            g->parts[n++] = part;
        } else {
            free_text(&part.name);
        }
    }
    g->n_parts = n;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        p->part = now_at[p->part];
        if (p->part)
            continue;
        p->part = gang_part_of_member(g, p);
        gang_count_in_part(p, 1);
    }
}

static void hear_all(struct gang *g)
{
    drop_empty_parts(g);
    free_text(&g->heard.wrong);
    free_text(&g->heard.ignored);
    memset(&g->heard, 0, sizeof g->heard);
    for (size_t i = 0; i < g->n_parts; i++) {
        g->parts[i].min = 0;
        g->parts[i].topology = (struct json){ 0 };
        g->parts[i].declared = NULL;
    }
    gang_roles_fini(&g->roles);
    if (g->grouped || g->said.n_policies)
        gang_regroup(g);
    LIST_EACH (&g->members, at)
        hear(g, spod_claim(LIST_ITEM(at, struct spod, in_gang)));
    for (size_t i = 0; i < g->said.n_roles; i++) {
        uint32_t part = need_part(g, g->said.roles[i].name, g->said.roles[i].min);
        if (part)
            g->parts[part].topology = g->said.roles[i].topology;
    }
    gang_need_subgroups(g);
    g->unheard = false;
}

/* ---- members ---- */

void gang_add(struct gang *g, struct spod *p)
{
    struct wall created = kobj_created(p->obj);
    list_push_back(&g->members, &p->in_gang);
    p->gang = g;
    g->n_members++;
    g->n_placed += p->node >= 0;
    g->n_gated += p->view->n_gates > 0;
    g->n_leaving += is_leaving(p);
    g->n_away += p->away;
    g->n_assumed += p->assumed;
    if (p->view->priority > g->priority)
        g->priority = p->view->priority;
    if (g->n_members == 1 || created.ns < g->created.ns)
        g->created = created;
    g->profile = p->shape->profile;
    if (!g->dialect)
        return;
    p->part = gang_part_of_member(g, p);
    gang_count_in_part(p, 1);
    g->unheard = g->unheard || g->grouped; /* it may be the first of a subgroup */
    hear(g, spod_claim(p));
}

void gang_remove(struct gang *g, struct spod *p)
{
    assert(p->gang == g);
    gang_count_in_part(p, -1);
    g->n_leaving -= is_leaving(p);
    g->n_away -= p->away;
    g->n_assumed -= p->assumed;
    list_remove(&p->in_gang);
    p->gang = NULL;
    p->part = 0;
    g->n_members--;
    g->n_placed -= p->node >= 0;
    g->n_gated -= p->view->n_gates > 0;
    g->blocked = NULL; /* its shape may go with this pod */
    g->unheard = g->dialect != NULL;
}

/* ---- what is said ---- */

/* Several kinds may share an object: the first one that finds something to read counts. */
static const struct gang_object_kind *
read_source(const struct gang *g, const struct kobj *o, struct arena *a, struct gang_spec *out)
{
    for (size_t i = 0; o && i < gang_object_kinds_count; i++) {
        const struct gang_object_kind *k = &gang_object_kinds[i];
        if ((k->bit & g->dialect->objects) && gang_object_read(k, o, g->part, a, out))
            return k;
    }
    *out = (struct gang_spec){ 0 };
    return NULL;
}

void gang_set_source(struct gang *g, const struct kobj *o)
{
    struct arena *a = arena_new();
    struct gang_spec said;
    g->source_kind = read_source(g, o, a, &said);
    kobj_unref(g->source);
    arena_free(g->source_a);
    g->source = g->source_kind ? kobj_ref(o) : NULL;
    g->source_a = a;
    g->said = said;
    g->unheard = true; /* roles of the last object go */
}

int64_t gang_sum_of_parts(const struct gang *g)
{
    int64_t sum = 0;
    for (size_t i = 1; i < g->n_parts; i++)
        sum += g->parts[i].min; /* at most 64 times 100,000 */
    return sum;
}

/* What people should repair, whether or not it keeps the gang from starting. */
static struct str check(const struct gang *g, struct arena *a)
{
    if (g->heard.wrong.p)
        return g->heard.wrong;
    if (g->said.wrong.p)
        return g->said.wrong;
    if (g->heard.low != g->heard.min)
        return arena_printf(
            a, "its members disagree on the minimum (%lld to %lld), the largest counts",
            (long long)g->heard.low, (long long)g->heard.min);
    if (g->size && g->min > g->size)
        return arena_printf(a, "it needs %lld members but says that it has %lld in all",
                            (long long)g->min, (long long)g->size);
    if (g->size && (int64_t)(g->n_members - g->n_leaving) > g->size)
        return arena_printf(a, "%zu members exist, but they say that it has %lld in all",
                            g->n_members - g->n_leaving, (long long)g->size);
    return (struct str){ 0 };
}

void gang_settle(struct gang *g)
{
    if (!g->dialect)
        return;
    if (g->unheard)
        hear_all(g);
    AUTO(arena_freep) struct arena *a = arena_new();
    int64_t min = g->heard.min ? g->heard.min : g->said.min;
    g->min = num_max_i64(num_max_i64(min, gang_sum_of_parts(g)), g->policies_min);
    if (!g->min && (g->dialect->open || g->dialect->suffix))
        g->min = 1;
    if (g->heard.crowded)
        g->min = 0;
    g->size = g->heard.size;
    g->timeout_s = g->heard.timeout_s ? g->heard.timeout_s : g->said.timeout_s;
    if (!g->timeout_s)
        g->timeout_s = g->dialect->timeout_s;
    g->on_late = g->heard.late;
    g->match = g->heard.match;
    struct str old = g->wrong;
    g->wrong = copy(check(g, a));
    free_text(&old);
}

/* ---- questions ---- */

size_t gang_pending(const struct gang *g)
{
    return g->n_members - g->n_placed - g->n_gated - g->n_away;
}

size_t gang_needs(const struct gang *g)
{
    return (size_t)g->min;
}

static size_t missing(int64_t min, size_t have)
{
    return min > (int64_t)have ? (size_t)min - have : 0;
}

size_t gang_has(const struct gang *g)
{
    return g->n_placed - g->n_leaving + g->n_succeeded;
}

size_t gang_part_has(const struct gang_part *p)
{
    return p->n_placed - p->n_leaving + p->n_succeeded;
}

bool gang_goes_on(const struct gang *g)
{
    if (g->admitted)
        return true;
    switch (g->match) {
    case GANG_MATCH_RUNNING:
        return g->has_run && g->n_placed > g->n_leaving;
    case GANG_MATCH_ONCE:
        return g->has_run;
    case GANG_MATCH_EACH:
    case GANG_MATCH_WAITING:
        break;
    }
    return false;
}

size_t gang_lacks(const struct gang *g, uint32_t part)
{
    bool alone = g->match == GANG_MATCH_WAITING;
    if (gang_goes_on(g))
        return 0;
    return part ? missing(g->parts[part].min, alone ? 0 : gang_part_has(&g->parts[part]))
                : missing(g->min, alone ? 0 : gang_has(g));
}

size_t gang_part_to_come(const struct gang_part *p)
{
    return p->declared ? missing(p->min, p->n_members + p->n_succeeded) : 0;
}

size_t gang_to_come(const struct gang *g)
{
    size_t n = 0;
    for (size_t i = 1; i < g->n_parts && !g->admitted; i++)
        n += gang_part_to_come(&g->parts[i]);
    return n;
}

const struct gang_part *gang_short_part(const struct gang *g)
{
    for (size_t i = 1; i < g->n_parts; i++) {
        const struct gang_part *p = &g->parts[i];
        size_t there = p->n_members - p->n_gated - p->n_leaving - p->n_away + p->n_succeeded;
        if ((int64_t)(there + gang_part_to_come(p)) < p->min)
            return p;
    }
    return NULL;
}

bool gang_is_complete(const struct gang *g)
{
    size_t there = g->n_members - g->n_gated - g->n_leaving - g->n_away;
    if (gang_goes_on(g))
        return there > 0;
    if (g->match == GANG_MATCH_WAITING)
        return g->min > 0 && gang_pending(g) >= gang_needs(g) && !gang_short_part(g);
    return g->min > 0 && there > 0 && there + g->n_succeeded + gang_to_come(g) >= gang_needs(g) &&
           !gang_short_part(g);
}

int64_t gang_start_ns(const struct gang *g)
{
    return g->timeout_s ? g->timeout_s * NS_PER_S : START_NS;
}

bool gang_has_started(const struct gang *g)
{
    if (g->min <= 0 || gang_has(g) < gang_needs(g))
        return false;
    for (size_t i = 1; i < g->n_parts; i++) {
        if ((int64_t)gang_part_has(&g->parts[i]) < g->parts[i].min)
            return false;
    }
    return true;
}

/* " (its members disagree …)", or nothing. */
static struct str note_of(struct arena *a, const struct gang *g)
{
    return g->wrong.p ? arena_printf(a, " (%.*s)", STR_ARG(g->wrong)) : STR("");
}

static struct str text_without_minimum(struct arena *a, const struct gang *g)
{
    if (g->wrong.p)
        return arena_printf(a, "gang %.*s cannot start: %.*s", STR_ARG(g->key), STR_ARG(g->wrong));
    if (g->dialect->with_role)
        return arena_printf(a, "gang %.*s cannot start: none of its members declares %.*s",
                            STR_ARG(g->key), STR_ARG(g->dialect->roles.key));
    bool or_label = g->dialect->min.key.n > 0;
    return arena_printf(a,
                        "gang %.*s cannot start: no group object says how many members it "
                        "needs (%s %.*s): make this %s%s%.*s%s",
                        STR_ARG(g->key), g->dialect->project, STR_ARG(g->object),
                        g->dialect->objects & GANG_BY_WORKLOAD ? "Workload" : "PodGroup",
                        or_label ? ", or set " : "", STR_ARG(g->dialect->min.key),
                        or_label ? " on its pods" : "");
}

struct str gang_waiting_text(struct arena *a, const struct gang *g)
{
    const struct gang_part *part = gang_short_part(g);
    struct str note = note_of(a, g);
    if (g->min == 0)
        return text_without_minimum(a, g);
    if (g->match == GANG_MATCH_WAITING && gang_pending(g) < gang_needs(g))
        return arena_printf(a, "gang %.*s waits for members: %zu of %zu that start together%.*s",
                            STR_ARG(g->key), gang_pending(g), gang_needs(g), STR_ARG(note));
    size_t have = g->n_members - g->n_leaving - g->n_away + g->n_succeeded;
    if (have < gang_needs(g))
        return arena_printf(a, "gang %.*s waits for members: %zu of %zu exist%.*s", STR_ARG(g->key),
                            have, gang_needs(g), STR_ARG(note));
    size_t of_part =
        part ? part->n_members - part->n_leaving - part->n_away + part->n_succeeded : 0;
    if (part && (int64_t)of_part < part->min)
        return arena_printf(a, "gang %.*s waits for members: %zu of %lld with role %.*s exist%.*s",
                            STR_ARG(g->key), of_part, (long long)part->min, STR_ARG(part->name),
                            STR_ARG(note));
    return arena_printf(a, "gang %.*s waits for scheduling gates of %zu members%.*s",
                        STR_ARG(g->key), g->n_gated, STR_ARG(note));
}

/* Who has not begun to wait begins now, after all others. */
static int64_t since_of(const struct gang *g)
{
    return g->since.ns ? g->since.ns : INT64_MAX;
}

bool gang_is_before(const struct gang *a, const struct gang *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (since_of(a) != since_of(b))
        return since_of(a) < since_of(b);
    return a->order < b->order;
}
