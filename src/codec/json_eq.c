/* SPDX-License-Identifier: Apache-2.0
 * json_eq — deep equality of document values. Objects are first compared member by member in order,
 * which is how equal ones nearly always stand; the rest is looked up, or sorted when there are so
 * many members that looking up would take quadratic time. Recursion is bounded by JSON_DEPTH_MAX.
 */
#include "codec/json_internal.h"

#include <stdlib.h>

#define EQ_LOOKUP_MAX 32

struct eq_member {
    struct str key;
    struct json value;
};

static int member_cmp(const void *a, const void *b)
{
    return str_cmp(((const struct eq_member *)a)->key, ((const struct eq_member *)b)->key);
}

static struct eq_member *sorted_members(struct json_iter it)
{
    size_t n = it.left, i = 0;
    struct eq_member *members = mem_alloc_array(n, sizeof *members);
    while (json_next(&it))
        members[i++] = (struct eq_member){ it.key, it.value };
    qsort(members, n, sizeof *members, member_cmp);
    return members;
}

static bool sorted_eq(struct json_iter a, struct json_iter b)
{
    size_t n = a.left;
    struct eq_member *ms = sorted_members(a), *ns = sorted_members(b);
    bool eq = true;
    for (size_t i = 0; i < n && eq; i++)
        eq = str_eq(ms[i].key, ns[i].key) && json_eq(ms[i].value, ns[i].value);
    free(ms);
    free(ns);
    return eq;
}

static bool obj_eq(struct json a, struct json b)
{
    struct json_iter i = json_iter(a), j = json_iter(b);
    if (i.left != j.left)
        return false;
    for (;;) {
        struct json_iter i_rest = i, j_rest = j;
        if (!json_next(&i))
            return true;
        json_next(&j);
        if (!str_eq(i.key, j.key)) {
            i = i_rest;
            j = j_rest;
            break;
        }
        if (!json_eq(i.value, j.value))
            return false;
    }
    if (i.left > EQ_LOOKUP_MAX)
        return sorted_eq(i, j);
    while (json_next(&i)) { /* keys differ within an object, so the counts settle the other way */
        struct json other = json_get(b, i.key);
        if (!json_exists(other) || !json_eq(i.value, other))
            return false;
    }
    return true;
}

static bool arr_eq(struct json a, struct json b)
{
    struct json_iter i = json_iter(a), j = json_iter(b);
    if (i.left != j.left)
        return false;
    while (json_next(&i)) {
        json_next(&j);
        if (!json_eq(i.value, j.value))
            return false;
    }
    return true;
}

bool json_eq(struct json a, struct json b)
{
    enum json_type type = json_type(a);
    if (type != json_type(b))
        return false;
    if (type == JSON_ABSENT)
        return true;
    a = json_shared(a);
    b = json_shared(b);
    if (a.doc == b.doc && a.at == b.at)
        return true;
    bool whole = !a.doc->parts_n && !b.doc->parts_n;
    if (whole && str_eq(json_text(a), json_text(b)))
        return true;
    switch (type) {
    case JSON_STR:
        return str_eq(json_str(a), json_str(b));
    case JSON_NUM:
        return json_num_eq(json_num_text(a), json_num_text(b));
    case JSON_ARR:
        return arr_eq(a, b);
    case JSON_OBJ:
        return obj_eq(a, b);
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    return false; /* true and false differ in their text */
}
