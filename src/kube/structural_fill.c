/* SPDX-License-Identifier: Apache-2.0
 * structural_fill — pruning and defaulting of custom resources. */
#include "kube/normalise.h"
#include "kube/structural_internal.h"

static struct jnode *child_at(struct jnode *n, size_t i)
{
    return jnode_type(n) == JSON_OBJ ? jnode_value_at(n, i) : jnode_at(n, i);
}

/* Built-in types inside a custom one are those of metadata; they are pruned by normalising. */
static bool is_builtin(const struct schema *s)
{
    return s->rules == NULL;
}

static void prune_members(struct arena *a, const struct schema *s, struct jnode *n)
{
    size_t len = jnode_len(n), n_gone = 0;
    struct str *gone = ARENA_ARRAY(a, struct str, len);
    for (size_t i = 0; i < len; i++) {
        const struct schema *child = schema_child(s, jnode_key_at(n, i));
        if (child)
            structural_prune(a, child, jnode_value_at(n, i));
        else if (!(s->flags & SCHEMA_PRESERVE))
            gone[n_gone++] = jnode_key_at(n, i);
    }
    for (size_t i = 0; i < n_gone; i++)
        jnode_del(n, gone[i]);
}

void structural_prune(struct arena *a, const struct schema *s, struct jnode *root)
{
    if (is_builtin(s)) {
        normalise(a, s, root);
        return;
    }
    enum json_type type = jnode_type(root);
    if (type == JSON_OBJ && (s->type == SCHEMA_OBJECT || s->type == SCHEMA_MAP))
        prune_members(a, s, root);
    if (type == JSON_ARR && s->type == SCHEMA_LIST)
        for (size_t i = 0; i < jnode_len(root); i++)
            structural_prune(a, s->elem, jnode_at(root, i));
}

/* Nulls that are no values count as absent, so that the default takes their place. */
static void drop_nulls(struct arena *a, const struct schema *s, struct jnode *n)
{
    size_t len = jnode_len(n), n_gone = 0;
    struct str *gone = ARENA_ARRAY(a, struct str, len);
    for (size_t i = 0; i < len; i++) {
        const struct schema *child = schema_child(s, jnode_key_at(n, i));
        if (child && !(child->flags & SCHEMA_NULLABLE) && child->type != SCHEMA_ANY &&
            jnode_type(jnode_value_at(n, i)) == JSON_NULL)
            gone[n_gone++] = jnode_key_at(n, i);
    }
    for (size_t i = 0; i < n_gone; i++)
        jnode_del(n, gone[i]);
}

static void fill_defaults(struct arena *a, const struct schema *s, struct jnode *n)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct schema_field *f = &s->fields[i];
        if ((f->flags & SCHEMA_FIELD_DEFAULT) && !jnode_get(n, schema_field_name(f)))
            jnode_set(n, schema_field_name(f), jnode_thaw(a, f->schema->rules->default_value));
    }
}

void structural_default(struct arena *a, const struct schema *s, struct jnode *root)
{
    if (is_builtin(s))
        return;
    enum json_type type = jnode_type(root);
    if (type == JSON_OBJ && (s->type == SCHEMA_OBJECT || s->type == SCHEMA_MAP)) {
        drop_nulls(a, s, root);
        if (s->type == SCHEMA_OBJECT)
            fill_defaults(a, s, root);
    } else if (type != JSON_ARR || s->type != SCHEMA_LIST) {
        return;
    }
    for (size_t i = 0; i < jnode_len(root); i++) {
        const struct schema *child =
            type == JSON_ARR ? s->elem : schema_child(s, jnode_key_at(root, i));
        if (child)
            structural_default(a, child, child_at(root, i));
    }
}
