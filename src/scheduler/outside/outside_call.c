/* SPDX-License-Identifier: Apache-2.0
 * outside_call — calling the hooks of a plugin of others, and judging what comes back.
 *
 * A wrong filter answer lets the node pass; a wrong score counts as the middle. What a plugin with
 * a `normalise` of its own answers may be any number: it travels to normalize_own as the bits of a
 * double in the framework's int64_t, which nobody else reads on the way. */
#include <math.h>

#include "scheduler/outside/outside_internal.h"

#define NEUTRAL (SCHED_SCORE_MAX / 2)
#define GUARD_BYTES 64
#define GUARD 0x5a
#define LATE_COSTS 10

/* ---- what happened ---- */

static void switch_off(struct outside_plugin *p, struct str why)
{
    if (p->record.off.p)
        return;
    p->record.off = arena_str(p->words, why);
    p->all->news++;
}

static void fault(struct outside_plugin *p, enum outside_fault kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fault(struct outside_plugin *p, enum outside_fault kind, const char *fmt, ...)
{
    va_list ap;
    p->all->news++;
    if (p->record.ignored[kind]++)
        return; /* one example of each kind is enough */
    va_start(ap, fmt);
    p->record.example = arena_vprintf(p->words, fmt, ap);
    va_end(ap);
}

/* ---- one call ---- */

static bool is_off(const struct outside_plugin *p)
{
    return p->record.off.p != NULL;
}

static int64_t begin(struct outside_plugin *p)
{
    arena_reset(p->scratch);
    p->all->world.blame(p->whom);
    return p->all->world.now_ns();
}

static void end(struct outside_plugin *p, int64_t began)
{
    int64_t took = p->all->world.now_ns() - began;
    p->all->world.blame(NULL);
    if (took <= GANGLION_BUDGET_US * NS_PER_US) {
        p->late_debt -= p->late_debt > 0;
        return;
    }
    p->record.late++;
    p->late_debt += LATE_COSTS;
    p->all->news++;
    if (took >= OUTSIDE_HANG_NS)
        switch_off(
            p, arena_printf(p->words, "one answer took %lld ms", (long long)(took / NS_PER_MS)));
    else if (p->late_debt >= LATE_COSTS * OUTSIDE_LATE_MAX)
        switch_off(p, arena_printf(p->words, "%d answers took longer than %d ms each",
                                   OUTSIDE_LATE_MAX, GANGLION_BUDGET_US / 1000));
}

/* ---- filter ---- */

struct reason {
    char text[GANGLION_WHY_BYTES];
    unsigned char guard[GUARD_BYTES];
};

static bool is_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    }
    return str_is_utf8(s);
}

/* True when the text may be shown; *out is empty when there is none. */
static bool read_reason(struct outside_plugin *p, const struct reason *r, struct str *out)
{
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (r->guard[i] == GUARD)
            continue;
        fault(p, OUTSIDE_REASON, "it wrote past the %d bytes of its reason", GANGLION_WHY_BYTES);
        switch_off(p, STR("it wrote past its reason: memory may be damaged, restart soon"));
        return false;
    }
    *out = str_make(r->text, strnlen(r->text, sizeof r->text));
    if (out->n < sizeof r->text && is_line(*out))
        return true;
    fault(p, OUTSIDE_REASON, "its reason %s",
          out->n < sizeof r->text ? "is not one line of UTF-8" : "is too long: it has no NUL");
    return false;
}

static enum verdict outside_filter(const struct sched_cycle *c,
                                   const struct plugin_run *run,
                                   uint32_t node,
                                   struct why *why)
{
    const struct outside_args *args = run->args;
    struct outside_plugin *p = args->plugin;
    struct ganglion_pod pod = { p, c->shape };
    struct ganglion_node where = { p, c->snap, node };
    struct reason r = { .text = "" };
    struct str text;
    if (is_off(p))
        return SCHED_OK;
    memset(r.guard, GUARD, sizeof r.guard);
    int64_t began = begin(p);
    int32_t said = p->table.filter(args->self, &pod, &where, r.text, sizeof r.text);
    end(p, began);
    if (!read_reason(p, &r, &text))
        return SCHED_OK;
    if (said == GANGLION_FITS)
        return SCHED_OK;
    if (said != GANGLION_FULL && said != GANGLION_NEVER) {
        fault(p, OUTSIDE_VERDICT, "verdict %d for node %.*s", said,
              STR_ARG(c->snap->nodes.items[node]->name));
        return SCHED_OK;
    }
    if (why)
        why_add(why,
                text.n ? arena_str(c->a, text)
                       : arena_printf(c->a, "node(s) didn't satisfy plugin(s) [%s]", p->row.name));
    return said == GANGLION_FULL ? SCHED_UNSCHEDULABLE : SCHED_UNRESOLVABLE;
}

/* ---- score ---- */

static int64_t to_bits(double d)
{
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static double from_bits(int64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static int64_t
outside_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct outside_args *args = run->args;
    struct outside_plugin *p = args->plugin;
    struct ganglion_pod pod = { p, c->shape };
    struct ganglion_node where = { p, c->snap, node };
    bool raw = p->table.normalise != NULL;
    if (is_off(p))
        return raw ? to_bits(NAN) : NEUTRAL;
    int64_t began = begin(p);
    double said = p->table.score(args->self, &pod, &where);
    end(p, began);
    if (raw ? isfinite(said) : said >= 0 && said <= SCHED_SCORE_MAX)
        return raw ? to_bits(said) : lround(said);
    fault(p, OUTSIDE_SCORE, "score %g for node %.*s", said,
          STR_ARG(c->snap->nodes.items[node]->name));
    return raw ? to_bits(NAN) : NEUTRAL;
}

/* Only good scores are shown to the plugin; the others are the middle. */
static void outside_normalise(const struct sched_cycle *c,
                              const struct plugin_run *run,
                              const uint32_t *nodes,
                              int64_t *scores,
                              size_t n)
{
    const struct outside_args *args = run->args;
    struct outside_plugin *p = args->plugin;
    double *good = ARENA_ARRAY(c->a, double, n);
    size_t n_good = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(from_bits(scores[i])))
            good[n_good++] = from_bits(scores[i]);
    }
    if (n_good && !is_off(p)) {
        int64_t began = begin(p);
        p->table.normalise(args->self, good, n_good);
        end(p, began);
    }
    for (size_t i = 0; i < n; i++) {
        double d = isfinite(from_bits(scores[i])) ? good[at++] : NAN;
        bool fine = !is_off(p) && d >= 0 && d <= SCHED_SCORE_MAX;
        if (!fine && !is_off(p) && isfinite(from_bits(scores[i])))
            fault(p, OUTSIDE_NORMALISE, "normalised score %g for node %.*s", d,
                  STR_ARG(c->snap->nodes.items[nodes[i]]->name));
        scores[i] = fine ? lround(d) : NEUTRAL;
    }
}

struct sched_plugin outside_row(const struct ganglion_plugin *t)
{
    return (struct sched_plugin){
        .scope = SCOPE_NODE,
        .normalize = t->normalise ? NORMALIZE_OWN : NORMALIZE_NONE,
        .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
        .optional = true,
        .outside = true,
        .filter = t->filter ? outside_filter : NULL,
        .score = t->score ? outside_score : NULL,
        .normalize_own = t->normalise ? outside_normalise : NULL,
    };
}
