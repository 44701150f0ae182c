/* SPDX-License-Identifier: Apache-2.0
 * record_strip — objects as they are recorded: the fields that the scheduler reads
 * (core/fields.h), without what texts others may have put there. A field that is new tomorrow stays
 * out until somebody adds its row there. */
#include "codec/yaml.h"
#include "kube/names.h"
#include "scheduler/core/fields.h"
#include "scheduler/record/record.h"

/* The members of v that rows name; all of them when there are no rows. Lists are passed through. */
static struct jnode *only(struct arena *a, struct json v, const struct json_mask *rows, size_t n)
{
    if (n == 0 || (json_type(v) != JSON_OBJ && json_type(v) != JSON_ARR))
        return jnode_thaw(a, v);
    if (json_type(v) == JSON_ARR) {
        struct jnode *list = jnode_arr(a);
        for (struct json_iter it = json_iter(v); json_next(&it);)
            jnode_append(list, only(a, it.value, rows, n));
        return list;
    }
    struct jnode *out = jnode_obj(a);
    for (size_t i = 0; i < n; i++) {
        struct json member = json_get(v, rows[i].key);
        if (json_exists(member))
            jnode_set(out, rows[i].key, only(a, member, rows[i].below, rows[i].n));
    }
    return out;
}

static void drop(struct jnode *obj, const char *key)
{
    if (jnode_type(obj) == JSON_OBJ)
        jnode_del(obj, str_from(key));
}

struct jnode *record_strip(struct arena *a, enum input_kind kind, const struct kobj *obj)
{
    const struct sched_fields *f = &sched_fields[kind];
    struct jnode *root = only(a, kobj_root(obj), f->rows, f->n);
    struct jnode *meta = jnode_get(root, STR("metadata"));
    struct jnode *annotations = jnode_get(meta, STR("annotations"));
    struct jnode *conditions = jnode_path(root, "status.conditions");
    drop(meta, "managedFields");
    drop(annotations, "kubectl.kubernetes.io/last-applied-configuration");
    drop(annotations, NAME_WHY);
    for (size_t i = 0; jnode_type(conditions) == JSON_ARR && i < jnode_len(conditions); i++)
        drop(jnode_at(conditions, i), "message");
    return root;
}

int record_config(struct json_doc **out, struct str text, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    AUTO(arena_freep) struct arena *a = arena_new();
    if (yaml_parse_one(&doc, text, &json_limits_body, err))
        return -1;
    struct jnode *root = jnode_thaw(a, json_root(doc));
    struct jnode *list = jnode_get(root, STR("extenders"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (jnode_type(jnode_at(list, i)) == JSON_OBJ)
            jnode_del(jnode_at(list, i), STR("tlsConfig"));
    }
    return jnode_freeze(out, root, err);
}
