/* SPDX-License-Identifier: Apache-2.0
 * default_tolerations — a pod stays 300 s on a node that is not ready or unreachable, unless it
 * says something else. */
#include "apiserver/admission/plugins.h"

#define TOLERATION_S 300

static bool tolerates(struct jnode *list, const char *key)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *t = jnode_at(list, i);
        struct str own = jnode_text_of_str(jnode_get(t, STR("key")));
        struct str effect = jnode_text_of_str(jnode_get(t, STR("effect")));
        if ((own.n == 0 || str_is(own, key)) && (effect.n == 0 || str_is(effect, "NoExecute")))
            return true;
    }
    return false;
}

static enum turn mutate(struct action *a)
{
    static const char *const keys[] = { "node.kubernetes.io/not-ready",
                                        "node.kubernetes.io/unreachable" };
    if (!admit_is_pod(a) || a->r.verb == VERB_DELETE)
        return TURN_GO;
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    bool had[COUNT_OF(keys)];
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        had[i] = tolerates(jnode_get(spec, STR("tolerations")), keys[i]);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (had[i])
            continue;
        struct jnode *list = jnode_need_arr(spec, STR("tolerations"));
        struct jnode *t = jnode_append(list, jnode_obj(a->arena));
        jnode_set_str(t, STR("key"), str_from(keys[i]));
        jnode_set_str(t, STR("operator"), STR("Exists"));
        jnode_set_str(t, STR("effect"), STR("NoExecute"));
        jnode_set_i64(t, STR("tolerationSeconds"), TOLERATION_S);
    }
    return TURN_GO;
}

const struct admission admit_default_tolerations = {
    .name = "DefaultTolerationSeconds",
    .help = "pods tolerate lost nodes for 300 s",
    .on = true,
    .mutate = mutate,
};
