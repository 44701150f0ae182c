/* SPDX-License-Identifier: Apache-2.0
 * patch_diff — the merge patch (RFC 7386) between two values. */
#include "codec/patch.h"

static void
diff_members(struct arena *a, struct jnode *patch, struct json before, struct jnode *after)
{
    for (size_t i = 0; i < jnode_len(after); i++) {
        struct str key = jnode_key_at(after, i);
        struct json old = json_get(before, key);
        struct jnode *new = jnode_value_at(after, i);
        if (jnode_type(new) == JSON_NULL)
            continue;
        struct jnode *d = patch_diff(a, old, new);
        if (d)
            jnode_set(patch, key, d);
    }
    for (struct json_iter it = json_iter(before); json_next(&it);)
        if (!jnode_get(after, it.key))
            jnode_set(patch, it.key, jnode_null(a));
}

struct jnode *patch_diff(struct arena *a, struct json before, struct jnode *after)
{
    if (json_type(before) != JSON_OBJ || jnode_type(after) != JSON_OBJ)
        return json_exists(before) && jnode_eq(jnode_thaw(a, before), after) ? NULL
                                                                             : jnode_copy(a, after);
    struct jnode *patch = jnode_obj(a);
    diff_members(a, patch, before, after);
    return jnode_len(patch) ? patch : NULL;
}
