/* SPDX-License-Identifier: Apache-2.0
 * small — see small.h. */
#include "apiserver/small.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/decode.h"
#include "apiserver/refuse.h"
#include "apiserver/write.h"

/* Only the finalizers of the body count. */
static enum turn finalize(struct action *a)
{
    struct jnode *given = jnode_path(a->obj, "spec.finalizers");
    struct jnode *held = jnode_path(a->obj, "metadata.finalizers");
    enum turn t = write_check_preconditions(a);
    if (t != TURN_GO)
        return t;
    a->obj = jnode_thaw(a->arena, kobj_root(a->old));
    struct jnode *spec = jnode_need_obj(a->obj, STR("spec"));
    if (jnode_len(given) > 0)
        jnode_set(spec, STR("finalizers"), jnode_copy(a->arena, given));
    else
        jnode_del(spec, STR("finalizers"));
    struct jnode *meta = jnode_need_obj(a->obj, STR("metadata"));
    if (jnode_len(held) > 0)
        jnode_set(meta, STR("finalizers"), jnode_copy(a->arena, held));
    else
        jnode_del(meta, STR("finalizers"));
    return TURN_GO;
}

const action_step_fn small_finalize_steps[] = {
    authz_check, write_load_old, decode_object, finalize, write_commit, write_reply, NULL,
};
