/* SPDX-License-Identifier: Apache-2.0
 * group — see group.h. */
#include "sim/group.h"

#include "kube/meta.h"

struct jnode *
sim_group_object(struct arena *a, const struct sim_group *g, struct str name, struct wall now)
{
    struct jnode *o = sim_node_object(a, g->shape, name, now);
    for (size_t i = 0; i < g->n_labels; i++)
        meta_set_label(o, g->labels[i].key, g->labels[i].value);
    for (size_t i = 0; i < g->n_taints; i++) {
        struct jnode *list = jnode_need_arr(jnode_need_obj(o, STR("spec")), STR("taints"));
        struct jnode *taint = jnode_append(list, jnode_obj(a));
        jnode_set_str(taint, STR("key"), g->taints[i].key);
        if (g->taints[i].value.n)
            jnode_set_str(taint, STR("value"), g->taints[i].value);
        jnode_set_str(taint, STR("effect"), g->taints[i].effect);
    }
    return o;
}
