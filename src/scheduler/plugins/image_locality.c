/* SPDX-License-Identifier: Apache-2.0
 * image_locality — prefers nodes that have the pod's images already, the more widely an image is
 * spread the more it counts. Sizes as the first reporting node says. Pure. */
#include "scheduler/framework.h"

#define IMAGE_MIN (INT64_C(23) << 20)
#define IMAGE_MAX_EACH (INT64_C(1000) << 20)

struct wanted_image {
    struct str name;
    int64_t scaled; /* size times the share of nodes that have it */
};

struct image_state {
    struct wanted_image *images;
    size_t n, n_containers;
};

static void want(struct sched_cycle *c, struct image_state *st, struct str image)
{
    struct str name = cluster_image_name(c->a, image);
    const struct image_entry *e = map_get(&c->cluster->images, name);
    if (!e)
        return;
    double share = (double)e->n_nodes / (double)c->snap->n_alive;
    st->images[st->n++] = (struct wanted_image){ name, (int64_t)((double)e->size_bytes * share) };
}

static enum prepare image_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    const struct pod *pod = c->shape->view;
    struct json volumes = kobj_path(c->shape->obj, "spec.volumes");
    struct image_state *st = ARENA_NEW(c->a, struct image_state);
    st->n_containers = pod->containers.n + pod->init_containers.n;
    st->images = ARENA_ARRAY(c->a, struct wanted_image, st->n_containers + json_len(volumes));
    for (size_t i = 0; i < pod->init_containers.n; i++)
        want(c, st, pod->init_containers.items[i].image);
    for (size_t i = 0; i < pod->containers.n; i++)
        want(c, st, pod->containers.items[i].image);
    for (struct json_iter it = json_iter(volumes); json_next(&it);) {
        struct str reference = json_str(json_path(it.value, "image.reference"));
        if (reference.n)
            want(c, st, reference);
    }
    run->state = st;
    return PREPARE_SKIP;
}

static bool node_has(const struct node *view, struct str name)
{
    for (size_t i = 0; i < view->images.n; i++) {
        for (size_t j = 0; j < view->images.items[i].names.n; j++) {
            if (str_eq(view->images.items[i].names.items[j], name))
                return true;
        }
    }
    return false;
}

static int64_t image_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct image_state *st = run->state;
    int64_t sum = 0, max = IMAGE_MAX_EACH * (int64_t)st->n_containers;
    for (size_t i = 0; i < st->n; i++) {
        if (node_has(c->snap->nodes.items[node]->view, st->images[i].name))
            sum += st->images[i].scaled;
    }
    if (sum < IMAGE_MIN)
        return 0;
    if (sum > max)
        sum = max;
    return SCHED_SCORE_MAX * (sum - IMAGE_MIN) / (max - IMAGE_MIN);
}

const struct sched_plugin image_locality_plugin = {
    .name = "ImageLocality",
    .help = "prefers nodes that have the images",
    .scope = SCOPE_NODE,
    .default_weight = 1,
    .prepare = image_prepare,
    .score = image_score,
};
