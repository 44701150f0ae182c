/* SPDX-License-Identifier: Apache-2.0
 * slice — see slice.h. */
#include "sim/slice.h"

#include "kube/meta.h"

static void attribute(struct jnode *device, const char *name, const char *type, struct jnode *value)
{
    struct jnode *all = jnode_need_obj(device, STR("attributes"));
    jnode_set(jnode_need_obj(all, str_from(name)), str_from(type), value);
}

static void put_gpu(struct arena *a, struct jnode *list, const struct sim_shape *s, int64_t i)
{
    struct jnode *gpu = jnode_append(list, jnode_obj(a));
    jnode_set_str(gpu, STR("name"), arena_printf(a, "gpu-%lld", (long long)i));
    attribute(gpu, "model", "string", jnode_str(a, str_from(s->gpu_model)));
    attribute(gpu, "index", "int", jnode_i64(a, i));
    attribute(gpu, "numa", "int", jnode_i64(a, i * s->cells / s->gpus));
    struct jnode *capacity = jnode_need_obj(gpu, STR("capacity"));
    jnode_set_str(jnode_need_obj(capacity, STR("memory")), STR("value"),
                  arena_printf(a, "%lldMi", (long long)s->gpu_mem_mib));
}

struct jnode *sim_slice_object(struct arena *a,
                               const struct sim_shape *s,
                               struct str name,
                               const struct kobj *node)
{
    struct str own = arena_printf(a, "%.*s-%s", STR_ARG(name), SIM_DRIVER);
    struct jnode *slice =
        meta_object(a, "resource.k8s.io/v1", "ResourceSlice", (struct str){ 0 }, own);
    if (node)
        meta_add_owner(a, slice, node, false);
    struct jnode *spec = jnode_need_obj(slice, STR("spec"));
    jnode_set_str(spec, STR("driver"), STR(SIM_DRIVER));
    jnode_set_str(spec, STR("nodeName"), name);
    struct jnode *pool = jnode_need_obj(spec, STR("pool"));
    jnode_set_str(pool, STR("name"), name);
    jnode_set(pool, STR("generation"), jnode_i64(a, 1));
    jnode_set(pool, STR("resourceSliceCount"), jnode_i64(a, 1));
    struct jnode *devices = jnode_need_arr(spec, STR("devices"));
    for (int64_t i = 0; i < s->gpus; i++)
        put_gpu(a, devices, s, i);
    return slice;
}
