/* SPDX-License-Identifier: Apache-2.0
 * mig_advice — see mig_advice.h. */
#include "scheduler/devices/mig_advice.h"

#include "kube/names.h"
#include "scheduler/devices/mig.h"

#define ADVICE_BYTES_MAX 2048
#define GPUS_MAX SCHED_DEVICES_MAX
#define RESOURCE "nvidia.com/mig-"

struct cut_node {
    struct mig_gpu gpus[GPUS_MAX];
    uint32_t index[GPUS_MAX];
    size_t n;
};

/* False: the node does not say, or what it says cannot be. */
static bool read_node(struct cut_node *out, const struct snode *n)
{
    struct str text = json_str(json_get(n->view->annotations, STR(NAME_MIG)));
    struct str product = node_label(n->view, STR("nvidia.com/gpu.product"));
    const struct mig_model *model = mig_model_of(product, n->topology.gpu_mem_mib);
    out->n = 0;
    if (!model || !text.n)
        return false;
    while (text.p && out->n < GPUS_MAX) {
        struct str cut = str_split(&text, ';'), index = str_split(&cut, '=');
        int64_t i;
        if (!str_to_i64(str_trim(index), &i) || i < 0 || i >= GPUS_MAX ||
            mig_gpu_parse(&out->gpus[out->n], model, cut, NULL))
            return false;
        out->index[out->n++] = (uint32_t)i;
    }
    return true;
}

/* What a change costs: idle instances that go, then the harm to what may come. */
static double cost_of(const struct mig_plan *p)
{
    return 100.0 * __builtin_popcount(p->destroy) + p->harm;
}

static void put_plan(struct buf *b, uint32_t gpu, const struct mig_gpu *g, const struct mig_plan *p)
{
    const char *and = "";
    buf_printf(b, "%sGPU %u: ", b->n ? "; " : "", gpu);
    for (size_t i = 0; i < g->n; i++) {
        if (!(p->destroy >> i & 1))
            continue;
        buf_printf(b, "%sremove %s@%u", and, g->model->profiles[g->items[i].profile].name,
                   g->items[i].start);
        and = ", ";
    }
    buf_printf(b, "%screate %s@%u", and, g->model->profiles[p->profile].name, p->start);
}

/* One more instance of the profile on the GPU where it costs least. */
static bool add_one(struct cut_node *n, struct str profile, struct buf *text, double *cost)
{
    struct mig_plan best = { 0 };
    size_t at = n->n;
    for (size_t i = 0; i < n->n; i++) {
        struct mig_plan plan;
        int number = mig_profile_named(n->gpus[i].model, profile);
        if (number < 0 || !mig_plan(&n->gpus[i], (uint8_t)number, NULL, &plan) ||
            (at < n->n && cost_of(&plan) >= cost_of(&best)))
            continue;
        best = plan;
        at = i;
    }
    if (at == n->n)
        return false;
    if (best.create) {
        put_plan(text, n->index[at], &n->gpus[at], &best);
        *cost += cost_of(&best) + 1;
    }
    mig_apply(&n->gpus[at], &best);
    return true;
}

static bool lacks_only_instances(const struct node_answer *answer)
{
    for (size_t i = 0; i < answer->why->n; i++) {
        if (!str_starts(answer->why->text[i], STR("Insufficient " RESOURCE)))
            return false;
    }
    return answer->why->n > 0;
}

/* Instances that the node has and nobody uses count as they are: plans find them first. */
static bool cut_for(struct cut_node *n, const struct spod *pod, struct buf *text, double *cost)
{
    for (size_t i = 0; i < pod->view->requests.n; i++) {
        const struct amount *want = &pod->view->requests.items[i];
        if (!str_starts(want->name, STR(RESOURCE)))
            continue;
        for (int64_t k = 0; k < want->value; k++) {
            if (k == GPUS_MAX * MIG_SLICES_MAX || !add_one(n, want->name, text, cost))
                return false;
        }
    }
    return text->n > 0;
}

struct str mig_advice(struct arena *a,
                      const struct cluster *c,
                      const struct spod *pod,
                      const struct evaluation *e)
{
    struct cut_node *cut = ARENA_ARRAY(a, struct cut_node, 1);
    struct str out = { 0 };
    double least = 0;
    for (size_t i = 0; i < e->n_nodes; i++) {
        const struct snode *n = c->snap.nodes.items[i];
        double cost = 0;
        struct buf text;
        if (!lacks_only_instances(&e->nodes[i]) || !read_node(cut, n))
            continue;
        buf_init(&text, ADVICE_BYTES_MAX);
        if (cut_for(cut, pod, &text, &cost) && (!out.n || cost < least)) {
            least = cost;
            out = arena_printf(a, "cut GPUs of node %.*s anew: %.*s", STR_ARG(n->name),
                               STR_ARG(buf_view(&text)));
        }
        buf_fini(&text);
    }
    return out;
}
