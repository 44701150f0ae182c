/* SPDX-License-Identifier: Apache-2.0
 * taint_nodes — a new node takes no pods until it has reported that it is ready. */
#include "apiserver/admission/plugins.h"

static enum turn mutate(struct action *a)
{
    const struct resource *r = a->what->res;
    if (!a->creates || r->group.n > 0 || !str_is(r->plural, "nodes"))
        return TURN_GO;
    struct jnode *taints = jnode_need_arr(jnode_need_obj(a->obj, STR("spec")), STR("taints"));
    for (size_t i = 0; i < jnode_len(taints); i++) {
        if (str_is(jnode_text_of_str(jnode_get(jnode_at(taints, i), STR("key"))),
                   "node.kubernetes.io/not-ready"))
            return TURN_GO;
    }
    struct jnode *t = jnode_append(taints, jnode_obj(a->arena));
    jnode_set_str(t, STR("key"), STR("node.kubernetes.io/not-ready"));
    jnode_set_str(t, STR("effect"), STR("NoSchedule"));
    return TURN_GO;
}

const struct admission admit_taint_nodes = {
    .name = "TaintNodesByCondition",
    .help = "new nodes are tainted until they are ready",
    .on = false,
    .mutate = mutate,
};
