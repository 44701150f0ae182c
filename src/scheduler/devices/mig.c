/* SPDX-License-Identifier: Apache-2.0
 * mig — see mig.h. */
#include "scheduler/devices/mig.h"

#include <assert.h>

#include "base/mem.h"

#define ANY7 0x7f  /* 0…6: one compute slice each, the eighth memory slice has none */
#define EVEN4 0x55 /* 0, 2, 4, 6 */
#define EVEN3 0x15 /* 0, 2, 4 */
#define HALVES 0x11
#define FIRST 0x01

/* Seven compute and eight memory slices, since A100; only the names tell the memory. */
#define SEVEN(one, two, half, full)                                                                \
    {                                                                                              \
        { "1g." one "gb", 1, 1, ANY7, false }, { "1g." one "gb+me", 1, 1, ANY7, true },            \
            { "1g." two "gb", 1, 2, EVEN4, false }, { "2g." two "gb", 2, 2, EVEN3, false },        \
            { "3g." half "gb", 3, 4, HALVES, false }, { "4g." half "gb", 4, 4, FIRST, false },     \
            { "7g." full "gb", 7, 8, FIRST, false },                                               \
    }

/* Of one product the larger memory first. */
static const struct mig_model models[] = {
    { "A30 24GB",
      "NVIDIA-A30",
      0,
      4,
      {
          { "1g.6gb", 1, 1, 0x0f, false },
          { "1g.6gb+me", 1, 1, 0x0f, true },
          { "2g.12gb", 2, 2, 0x05, false },
          { "2g.12gb+me", 2, 2, 0x05, true },
          { "4g.24gb", 4, 4, FIRST, false },
      } },
    { "A100 80GB", "NVIDIA-A100", 70000, 8, SEVEN("10", "20", "40", "80") },
    { "A100 40GB", "NVIDIA-A100", 0, 8, SEVEN("5", "10", "20", "40") },
    { "B200 180GB", "NVIDIA-B200", 0, 8, SEVEN("23", "45", "90", "180") },
    { "H200 141GB", "NVIDIA-H200", 0, 8, SEVEN("18", "35", "71", "141") },
    { "GH200 144GB", "NVIDIA-GH200", 120000, 8, SEVEN("18", "36", "72", "144") },
    { "GH200 96GB", "NVIDIA-GH200", 0, 8, SEVEN("12", "24", "48", "96") },
    { "H100 96GB", "NVIDIA-H100", 97000, 8, SEVEN("12", "24", "48", "96") },
    { "H100 94GB", "NVIDIA-H100", 90000, 8, SEVEN("12", "24", "47", "94") },
    { "H100 80GB", "NVIDIA-H100", 0, 8, SEVEN("10", "20", "40", "80") },
};

const struct mig_model *mig_model_of(struct str product, int64_t mem_mib)
{
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        if (str_starts(product, str_from(models[i].product)) && mem_mib >= models[i].mem_mib_min)
            return &models[i];
    }
    return NULL;
}

static size_t n_profiles(const struct mig_model *m)
{
    size_t n = 0;
    while (n < MIG_PROFILES_MAX && m->profiles[n].name)
        n++;
    return n;
}

int mig_profile_named(const struct mig_model *m, struct str name)
{
    struct str prefix = STR("nvidia.com/mig-");
    if (str_starts(name, prefix))
        name = str_skip(name, prefix.n);
    for (size_t i = 0; i < n_profiles(m); i++) {
        struct str own = str_from(m->profiles[i].name);
        struct str plain = str_ends(own, STR("+me")) ? str_take(own, own.n - 3) : own;
        /* a resource name has no plus: ".me" stands for it */
        bool dotted = plain.n != own.n && str_ends(name, STR(".me")) &&
                      str_eq(str_take(name, name.n - 3), plain);
        if (str_eq(name, own) || dotted)
            return (int)i;
    }
    return -1;
}

/* ---- what is where ---- */

static const struct mig_profile *profile_of(const struct mig_gpu *g, size_t i)
{
    return &g->model->profiles[g->items[i].profile];
}

static uint32_t span(const struct mig_profile *p, uint8_t start)
{
    return ((1u << p->slices) - 1u) << start;
}

/* Slices of the instances that are not in `without`. */
static uint32_t taken(const struct mig_gpu *g, uint32_t without)
{
    uint32_t out = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (!(without >> i & 1))
            out |= span(profile_of(g, i), g->items[i].start);
    }
    return out;
}

static bool has_media(const struct mig_gpu *g, uint32_t without)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!(without >> i & 1) && profile_of(g, i)->media)
            return true;
    }
    return false;
}

static bool can_add(const struct mig_gpu *g, uint32_t without, uint8_t profile, uint8_t start)
{
    const struct mig_profile *p = &g->model->profiles[profile];
    return (p->starts >> start & 1) && !(span(p, start) & taken(g, without)) &&
           !(p->media && has_media(g, without));
}

bool mig_can_add(const struct mig_gpu *g, uint8_t profile, uint8_t start)
{
    return start < MIG_SLICES_MAX && can_add(g, 0, profile, start);
}

/* ---- fragments ---- */

/* Slices that repeated instances of the profile can fill. Starts of a profile are its own size
 * apart, so taking every start that is free takes the most. */
static unsigned fillable(const struct mig_profile *p, uint32_t used, bool media)
{
    unsigned out = 0;
    for (uint8_t s = 0; s < MIG_SLICES_MAX && !(p->media && (media || out)); s++) {
        if (!(p->starts >> s & 1) || (span(p, s) & used))
            continue;
        used |= span(p, s);
        out += p->slices;
    }
    return out;
}

double mig_fragments(const struct mig_gpu *g, const double *share)
{
    uint32_t used = taken(g, 0), all = (1u << g->model->slices) - 1u;
    double left = __builtin_popcount(all & ~used), out = 0;
    size_t n = n_profiles(g->model);
    for (size_t i = 0; i < n; i++)
        out += (share ? share[i] : 1 / (double)n) *
               (left - fillable(&g->model->profiles[i], used, has_media(g, 0)));
    return out;
}

/* ---- plans ---- */

static uint32_t idle_under(const struct mig_gpu *g, uint8_t profile, uint8_t start)
{
    const struct mig_profile *p = &g->model->profiles[profile];
    uint32_t out = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct mig_profile *other = profile_of(g, i);
        bool in_the_way =
            (span(other, g->items[i].start) & span(p, start)) || (p->media && other->media);
        if (!g->items[i].busy && in_the_way)
            out |= 1u << i;
    }
    return out;
}

static bool find_idle(const struct mig_gpu *g, uint8_t profile, struct mig_plan *out)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->items[i].busy || g->items[i].profile != profile)
            continue;
        *out = (struct mig_plan){ .profile = profile, .start = g->items[i].start };
        return true;
    }
    return false;
}

static unsigned slices_of(const struct mig_gpu *g, uint32_t items)
{
    return (unsigned)__builtin_popcount(taken(g, ~items));
}

static bool is_less(const struct mig_gpu *g, const struct mig_plan *a, const struct mig_plan *b)
{
    int gone_a = __builtin_popcount(a->destroy), gone_b = __builtin_popcount(b->destroy);
    if (gone_a != gone_b)
        return gone_a < gone_b;
    unsigned slices_a = slices_of(g, a->destroy), slices_b = slices_of(g, b->destroy);
    return slices_a != slices_b ? slices_a < slices_b : a->harm < b->harm - 1e-9;
}

bool mig_plan(const struct mig_gpu *g, uint8_t profile, const double *share, struct mig_plan *out)
{
    bool found = false;
    if (find_idle(g, profile, out))
        return true;
    for (uint8_t start = 0; start < MIG_SLICES_MAX; start++) {
        struct mig_plan plan = { .profile = profile, .start = start, .create = true };
        plan.destroy = (uint8_t)idle_under(g, profile, start);
        if (!can_add(g, plan.destroy, profile, start))
            continue;
        struct mig_gpu then = *g;
        mig_apply(&then, &plan);
        plan.harm = mig_fragments(&then, share) - mig_fragments(g, share);
        if (found && !is_less(g, &plan, out))
            continue;
        *out = plan;
        found = true;
    }
    return found;
}

void mig_apply(struct mig_gpu *g, const struct mig_plan *plan)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct mig_instance item = g->items[i];
        if (plan->destroy >> i & 1)
            continue;
        item.busy = item.busy || (!plan->create && item.start == plan->start);
        g->items[kept++] = item;
    }
    g->n = kept;
    if (!plan->create)
        return;
    assert(g->n < MIG_SLICES_MAX && can_add(g, 0, plan->profile, plan->start));
    g->items[g->n++] = (struct mig_instance){ plan->profile, plan->start, true };
}

/* ---- words ---- */

int mig_gpu_parse(struct mig_gpu *out, const struct mig_model *m, struct str text, struct err *err)
{
    struct mig_gpu g = { .model = m };
    while (text.n) {
        struct str word = str_split(&text, ' '), start = word;
        struct str name = str_split(&start, '@');
        int64_t at;
        if (!name.n)
            continue;
        bool busy = str_ends(start, STR("*"));
        int profile = mig_profile_named(m, name);
        if (profile < 0)
            return err_set(err, ERR_INVALID, "%s has no MIG profile %.*s", m->name, STR_ARG(name));
        if (!str_to_i64(busy ? str_take(start, start.n - 1) : start, &at) || at < 0 ||
            at >= MIG_SLICES_MAX || !mig_can_add(&g, (uint8_t)profile, (uint8_t)at))
            return err_set(err, ERR_INVALID, "MIG instance %.*s cannot be there", STR_ARG(word));
        g.items[g.n++] = (struct mig_instance){ (uint8_t)profile, (uint8_t)at, busy };
    }
    *out = g;
    return 0;
}

void mig_gpu_write(struct buf *out, const struct mig_gpu *g)
{
    for (size_t i = 0; i < g->n; i++)
        buf_printf(out, "%s%s@%u%s", i ? " " : "", profile_of(g, i)->name, g->items[i].start,
                   g->items[i].busy ? "*" : "");
}
