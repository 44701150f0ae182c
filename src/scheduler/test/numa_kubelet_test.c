/* SPDX-License-Identifier: Apache-2.0
 * What we place, kubelet's TopologyManager accepts. A model of its hint merging, written from
 * KEP-693 and the behaviour of the CPU, memory and device managers: each resource hints at every
 * set of cells that can give it now, preferred when no smaller set could on the idle machine; hints
 * of all resources are merged by intersection, preferred when all are preferred and equal; the
 * narrowest, then lowest wins. All small machines, all states of them, all small requests. */
#include "base/num.h"
#include "scheduler/state/numa_choice.h"
#include "scheduler/state/pod.h"
#include "testkit/check.h"

enum { CPU, MEMORY, GPU, RESOURCES };
#define GIB (INT64_C(1) << 30)
#define ALL_CELLS UINT32_MAX

struct machine {
    unsigned n;
    int cap[NODE_CELLS_MAX][RESOURCES], free[NODE_CELLS_MAX][RESOURCES];
};

struct request {
    int want[RESOURCES];
};

/* ---- the model ---- */

struct hint {
    uint32_t mask;
    bool preferred;
};

struct hints {
    size_t n;
    struct hint items[1 << 4];
};

static int sum(const struct machine *m, uint32_t mask, int res, bool idle)
{
    int total = 0;
    for (unsigned c = 0; c < m->n; c++) {
        if (mask & (1u << c))
            total += idle ? m->cap[c][res] : m->free[c][res];
    }
    return total;
}

static struct hints hints_of(const struct machine *m, int res, int want, bool single)
{
    struct hints out = { 0 };
    int fewest = 99;
    uint32_t all = (1u << m->n) - 1;
    for (uint32_t mask = 1; mask <= all; mask++) {
        int size = __builtin_popcount(mask);
        if (sum(m, mask, res, true) >= want && size < fewest)
            fewest = size;
    }
    for (uint32_t mask = 1; mask <= all; mask++) {
        struct hint h = { mask, __builtin_popcount(mask) == fewest };
        if (sum(m, mask, res, false) >= want &&
            (!single || (h.preferred && __builtin_popcount(mask) == 1)))
            out.items[out.n++] = h;
    }
    if (!out.n)
        out.items[out.n++] = (struct hint){ ALL_CELLS, false };
    return out;
}

/* a is better than b */
static bool beats(struct hint a, struct hint b)
{
    if (a.preferred != b.preferred)
        return a.preferred;
    int sa = __builtin_popcount(a.mask), sb = __builtin_popcount(b.mask);
    return sa != sb ? sa < sb : a.mask < b.mask;
}

static void merge(const struct hints *all, int res, struct hint so_far, struct hint *best)
{
    if (res == RESOURCES) {
        if (so_far.mask && beats(so_far, *best))
            *best = so_far;
        return;
    }
    if (!all[res].n) { /* not asked for: no preference */
        merge(all, res + 1, so_far, best);
        return;
    }
    for (size_t i = 0; i < all[res].n; i++) {
        struct hint h = all[res].items[i];
        bool equal = so_far.mask == ALL_CELLS || h.mask == so_far.mask;
        merge(all, res + 1,
              (struct hint){ so_far.mask & h.mask, so_far.preferred && h.preferred && equal },
              best);
    }
}

/* Kubelet's verdict for one container, or a pod with scope pod. */
static bool
kubelet_admits(const struct machine *m, const struct request *r, bool single, uint32_t *mask)
{
    struct hints all[RESOURCES] = { 0 };
    struct hint best = { (1u << m->n) - 1, false };
    for (int res = 0; res < RESOURCES; res++) {
        if (r->want[res])
            all[res] = hints_of(m, res, r->want[res], single);
    }
    merge(all, 0, (struct hint){ ALL_CELLS, true }, &best);
    *mask = best.mask;
    return best.preferred;
}

/* What kubelet's managers then take: from the lowest of these cells first. */
static void kubelet_takes(struct machine *m, const struct request *r, uint32_t mask)
{
    for (int res = 0; res < RESOURCES; res++) {
        int left = r->want[res];
        for (unsigned c = 0; c < m->n; c++) {
            int part = mask & (1u << c) ? (int)num_min_i64(left, m->free[c][res]) : 0;
            m->free[c][res] -= part;
            left -= part;
        }
        CHECK(left == 0);
    }
}

/* ---- our side ---- */

struct ours {
    struct snode node;
    struct cell cells[NODE_CELLS_MAX];
    struct pod view;
    struct shape shape;
};

static void ours_node(struct ours *o, const struct machine *m, enum node_manager manager)
{
    *o = (struct ours){ .node = { .first_pod = -1 } };
    struct topology *t = &o->node.topology;
    o->node.cells = o->cells;
    t->n_cells = m->n;
    t->manager = manager;
    uint32_t gpu = 0;
    for (unsigned c = 0; c < m->n; c++) {
        t->cells[c] = (struct cell_size){ m->cap[c][CPU] * 1000, m->cap[c][MEMORY] * GIB };
        o->cells[c] = (struct cell){ .cpu_used = (m->cap[c][CPU] - m->free[c][CPU]) * 1000,
                                     .mem_used = (m->cap[c][MEMORY] - m->free[c][MEMORY]) * GIB,
                                     .cpu_left = INT64_MAX,
                                     .mem_left = INT64_MAX };
        for (int i = 0; i < m->cap[c][GPU]; i++, gpu++) {
            t->devices[DEVICE_NVIDIA][c] |= UINT64_C(1) << gpu;
            if (i < m->free[c][GPU])
                o->node.free[DEVICE_NVIDIA] |= INT64_C(1) << gpu;
        }
    }
    t->n_devices[DEVICE_NVIDIA] = gpu;
}

static void
ours_pod(struct ours *o, const struct request *r, enum numa_policy policy, size_t containers)
{
    o->view = (struct pod){ .containers = { .n = containers } };
    o->shape = (struct shape){ .view = &o->view,
                               .cpu = r->want[CPU] * 1000,
                               .mem = r->want[MEMORY] * GIB,
                               .devices = { (uint32_t)r->want[GPU] },
                               .cpus_are_pinned = true,
                               .memory_is_pinned = true };
    if (policy != NUMA_NONE)
        o->shape.numa = (struct numa_wish){
            .policy = policy, .cells = UINT32_MAX, .cpu = true, .memory = true, .devices = { true }
        };
}

static bool ours_choose(struct ours *o, struct numa_fit *fit)
{
    return numa_choose(&o->shape, &o->node, NULL, NULL, fit);
}

static void ours_take(struct ours *o, const struct numa_fit *fit)
{
    for (unsigned c = 0; c < o->node.topology.n_cells; c++) {
        if (!(fit->mask & (1u << c)))
            continue;
        o->cells[c].cpu_used += cell_share(o->shape.cpu, fit->mask, c);
        o->cells[c].mem_used += cell_share(o->shape.mem, fit->mask, c);
    }
    o->node.free[DEVICE_NVIDIA] &= ~(int64_t)fit->devices[DEVICE_NVIDIA];
}

/* ---- all machines ---- */

struct state { /* of one resource of one cell */
    int cap, free;
};

struct space { /* all machines of n cells whose resources are each in one of these states */
    unsigned n;
    size_t states[RESOURCES];
    const struct state *of[RESOURCES];
};

static bool next_number(size_t *digits, const size_t *base, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (++digits[i] < base[i])
            return true;
        digits[i] = 0;
    }
    return false;
}

typedef void (*machine_fn)(const struct machine *m);

static void each_machine(const struct space *s, machine_fn fn)
{
    size_t digits[NODE_CELLS_MAX * RESOURCES] = { 0 }, base[NODE_CELLS_MAX * RESOURCES];
    size_t n = s->n * RESOURCES;
    for (size_t i = 0; i < n; i++)
        base[i] = s->states[i % RESOURCES];
    do {
        struct machine m = { .n = s->n };
        for (size_t i = 0; i < n; i++) {
            const struct state *at = &s->of[i % RESOURCES][digits[i]];
            m.cap[i / RESOURCES][i % RESOURCES] = at->cap;
            m.free[i / RESOURCES][i % RESOURCES] = at->free;
        }
        fn(&m);
    } while (next_number(digits, base, n));
}

static const struct state any[] = { { 2, 2 }, { 2, 1 }, { 1, 1 }, { 2, 0 }, { 1, 0 } };
static const struct state memories[] = { { 2, 2 }, { 2, 1 }, { 2, 0 } };
static const struct state gpus[] = { { 2, 2 }, { 2, 1 }, { 1, 1 }, { 0, 0 }, { 1, 0 } };

static const struct space spaces[] = {
    { 2, { 5, 3, 5 }, { any, memories, gpus } },
    { 3, { 3, 1, 4 }, { any, memories, gpus } },
    { 4, { 2, 1, 2 }, { any, memories, gpus } },
};

static const enum numa_policy policies[] = { NUMA_SINGLE, NUMA_ISOLATED, NUMA_RESTRICTED };
static const size_t request_base[RESOURCES] = { 5, 3, 4 };
static uint64_t placed, refused;

/* A pod with a wish goes only where a kubelet of that policy takes it: one container, and every way
 * to divide its CPUs and GPUs over two. */
static void check_wish(const struct machine *m, const struct request *r, enum numa_policy policy)
{
    struct ours o;
    struct numa_fit fit;
    uint32_t mask;
    bool single = policy != NUMA_RESTRICTED;
    ours_node(&o, m, NODE_MANAGER_UNKNOWN);
    ours_pod(&o, r, policy, 1);
    if (!ours_choose(&o, &fit)) {
        refused++;
        return;
    }
    placed++;
    CHECK(kubelet_admits(m, r, single, &mask));
}

static void
check_containers(const struct machine *m, const struct request *r, enum numa_policy policy)
{
    struct ours o;
    struct numa_fit fit;
    uint32_t mask;
    bool single = policy != NUMA_RESTRICTED;
    ours_node(&o, m, NODE_MANAGER_UNKNOWN);
    ours_pod(&o, r, policy, 2);
    if (!ours_choose(&o, &fit))
        return;
    for (int cpu = 0; cpu <= r->want[CPU]; cpu++) {
        for (int gpu = 0; gpu <= r->want[GPU]; gpu++) {
            struct machine left = *m;
            struct request first = { { cpu, r->want[MEMORY], gpu } };
            struct request second = { { r->want[CPU] - cpu, 0, r->want[GPU] - gpu } };
            CHECK(kubelet_admits(&left, &first, single, &mask));
            kubelet_takes(&left, &first, mask);
            CHECK(kubelet_admits(&left, &second, single, &mask));
        }
    }
}

static void check_requests(const struct machine *m)
{
    size_t want[RESOURCES] = { 0 };
    while (next_number(want, request_base, RESOURCES)) {
        struct request r = { { (int)want[CPU], (int)want[MEMORY], (int)want[GPU] } };
        for (size_t p = 0; p < COUNT_OF(policies); p++) {
            check_wish(m, &r, policies[p]);
            if (m->n == 2)
                check_containers(m, &r, policies[p]);
        }
    }
}

static void kubelet_takes_what_we_place(void **state)
{
    (void)state;
    placed = refused = 0;
    for (size_t i = 0; i < COUNT_OF(spaces); i++)
        each_machine(&spaces[i], check_requests);
    CHECK(placed > 50000 && refused > 50000); /* the test says something */
}

/* ---- kubelets that say how they decide ---- */

static const struct request menu[] = {
    { { 1, 1, 0 } }, { { 1, 0, 1 } }, { { 2, 1, 1 } }, { { 1, 0, 2 } },
    { { 2, 2, 0 } }, { { 3, 3, 3 } }, { { 4, 3, 0 } },
};

/* Pods one after another, each decided from our own ledger: kubelet takes what we place, where we
 * expected it, and would have taken nothing that we refuse. */
static void check_single(const struct machine *start)
{
    size_t pods[3] = { 0 };
    static const size_t base[3] = { COUNT_OF(menu), COUNT_OF(menu), COUNT_OF(menu) };
    do {
        struct machine m = *start;
        struct ours o;
        ours_node(&o, &m, NODE_MANAGER_SINGLE);
        for (size_t i = 0; i < COUNT_OF(pods); i++) {
            const struct request *r = &menu[pods[i]];
            struct numa_fit fit;
            uint32_t mask;
            ours_pod(&o, r, NUMA_NONE, 1);
            bool ok = ours_choose(&o, &fit);
            CHECK(kubelet_admits(&m, r, true, &mask) == ok);
            if (!ok)
                continue;
            CHECK_I64(fit.mask, mask);
            ours_take(&o, &fit);
            kubelet_takes(&m, r, mask);
        }
    } while (next_number(pods, base, COUNT_OF(pods)));
}

/* A pod over several cells is charged in equal parts, kubelet takes what it finds: reports of what
 * is left keep the two together. */
static void check_restricted(const struct machine *start)
{
    size_t pods[3] = { 0 };
    static const size_t base[3] = { COUNT_OF(menu), COUNT_OF(menu), COUNT_OF(menu) };
    do {
        struct machine m = *start;
        struct ours o;
        ours_node(&o, &m, NODE_MANAGER_RESTRICTED);
        for (size_t i = 0; i < COUNT_OF(pods); i++) {
            const struct request *r = &menu[pods[i]];
            struct numa_fit fit;
            uint32_t mask;
            ours_pod(&o, r, NUMA_NONE, 1);
            if (!ours_choose(&o, &fit))
                continue;
            CHECK(kubelet_admits(&m, r, false, &mask));
            ours_take(&o, &fit);
            kubelet_takes(&m, r, mask);
            uint32_t gpu = 0;
            o.node.free[DEVICE_NVIDIA] = 0;
            for (unsigned c = 0; c < m.n; c++) {
                o.cells[c].cpu_left = m.free[c][CPU] * 1000;
                o.cells[c].mem_left = m.free[c][MEMORY] * GIB;
                for (int d = 0; d < m.cap[c][GPU]; d++, gpu++)
                    o.node.free[DEVICE_NVIDIA] |= (int64_t)(d < m.free[c][GPU]) << gpu;
            }
        }
    } while (next_number(pods, base, COUNT_OF(pods)));
}

static void the_ledger_follows_kubelet(void **state)
{
    (void)state;
    static const struct state idle[] = { { 2, 2 }, { 1, 1 }, { 3, 3 } };
    static const struct state some[] = { { 2, 2 }, { 0, 0 } };
    const struct space idle_spaces[] = {
        { 2, { 3, 1, 2 }, { idle, idle, some } },
        { 3, { 2, 1, 2 }, { idle, idle, some } },
    };
    for (size_t i = 0; i < COUNT_OF(idle_spaces); i++) {
        each_machine(&idle_spaces[i], check_single);
        each_machine(&idle_spaces[i], check_restricted);
    }
}

/* The model itself, on cases that the KEP and kubelet's documentation tell. */
static void the_model_is_kubelets(void **state)
{
    (void)state;
    uint32_t mask;
    struct machine two = { .n = 2, .cap = { { 4, 4, 1 }, { 4, 4, 1 } } };
    memcpy(two.free, two.cap, sizeof two.free);
    CHECK(kubelet_admits(&two, &(struct request){ { 4, 4, 1 } }, true, &mask) && mask == 1);
    CHECK(!kubelet_admits(&two, &(struct request){ { 5, 1, 0 } }, true, &mask));
    CHECK(kubelet_admits(&two, &(struct request){ { 5, 5, 2 } }, false, &mask) && mask == 3);
    CHECK(!kubelet_admits(&two, &(struct request){ { 5, 1, 1 } }, false, &mask));
    two.free[0][GPU] = 0;
    CHECK(kubelet_admits(&two, &(struct request){ { 1, 1, 1 } }, false, &mask) && mask == 2);
    two.free[1][CPU] = 0; /* CPUs here, the GPU there */
    CHECK(!kubelet_admits(&two, &(struct request){ { 1, 1, 1 } }, false, &mask));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_kubelets),
        cmocka_unit_test(kubelet_takes_what_we_place),
        cmocka_unit_test(the_ledger_follows_kubelet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
