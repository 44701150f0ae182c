/* SPDX-License-Identifier: Apache-2.0
 * cel_list — Kubernetes' list library (isSorted, sum, min, max, indexOf, lastIndexOf) and the set
 * functions sets.contains, sets.equivalent, sets.intersects over lists. */
#include "codec/cel_internal.h"

static struct cel_value no_such_overload(struct cel_state *e)
{
    return cel_error(e, "no such overload");
}

CEL_FN(is_sorted)
{
    struct cel_each it = cel_each(&v[0], e->a);
    struct cel_value last = { 0 };
    while (cel_each_next(&it)) {
        if (!cel_charge(e, 1))
            return cel_spent(e);
        int order = it.i > 1 ? cel_compare(&last, &it.value) : 0;
        if (order == 2)
            return no_such_overload(e);
        if (order > 0)
            return cel_bool(false);
        last = it.value;
    }
    return cel_bool(true);
}

static struct cel_value best_of(struct cel_state *e, const struct cel_value *list, int sign)
{
    struct cel_each it = cel_each(list, e->a);
    struct cel_value best = { 0 };
    while (cel_each_next(&it)) {
        if (!cel_charge(e, 1))
            return cel_spent(e);
        int order = it.i > 1 ? cel_compare(&it.value, &best) : sign;
        if (cel_is_error(&it.value) || order == 2)
            return no_such_overload(e);
        if (order == sign)
            best = it.value;
    }
    if (it.i == 0)
        return cel_error(e, "%s called on empty list", sign < 0 ? "min" : "max");
    return best;
}

CEL_FN(list_min)
{
    return best_of(e, &v[0], -1);
}

CEL_FN(list_max)
{
    return best_of(e, &v[0], 1);
}

/* a + b of one kind; an error value when it overflows or there is no such sum. */
static struct cel_value add(struct cel_state *e, struct cel_value a, const struct cel_value *b)
{
    bool overflow = false;
    if (a.kind != b->kind)
        return no_such_overload(e);
    if (a.kind == CEL_INT || a.kind == CEL_DURATION)
        overflow = __builtin_add_overflow(a.i, b->i, &a.i);
    else if (a.kind == CEL_UINT)
        overflow = __builtin_add_overflow(a.u, b->u, &a.u);
    else if (a.kind == CEL_DOUBLE)
        a.d += b->d;
    else
        return no_such_overload(e);
    return overflow ? cel_error(e, "integer overflow") : a;
}

/* Of an empty list: a zero of the declared kind, an int where that is not known. */
static struct cel_value zero_of(const struct cel_type *list)
{
    struct cel_value zero = { .kind = CEL_INT };
    enum cel_kind kind = list && list->elem ? list->elem->kind : CEL_INT;
    if (kind == CEL_UINT || kind == CEL_DOUBLE || kind == CEL_DURATION)
        zero.kind = kind;
    return zero;
}

CEL_FN(list_sum)
{
    struct cel_each it = cel_each(&v[0], e->a);
    struct cel_value sum = zero_of(e->node->args[0]->type);
    while (cel_each_next(&it)) {
        if (!cel_charge(e, 1))
            return cel_spent(e);
        if (it.i == 1)
            sum.kind = it.value.kind;
        sum = add(e, sum, &it.value);
        if (cel_is_error(&sum))
            return sum;
    }
    return sum;
}

static struct cel_value find(struct cel_state *e, const struct cel_value *v, bool last)
{
    struct cel_each it = cel_each(&v[0], e->a);
    int64_t found = -1;
    while (cel_each_next(&it) && (found < 0 || last)) {
        if (!cel_charge(e, 1))
            return cel_spent(e);
        if (cel_same(e, &it.value, &v[1]))
            found = (int64_t)it.i - 1;
    }
    return cel_int(found);
}

CEL_FN(list_index_of)
{
    return find(e, v, false);
}

CEL_FN(list_last_index_of)
{
    return find(e, v, true);
}

/* ---- sets ---- */

static bool holds(struct cel_state *e, const struct cel_value *list, const struct cel_value *item)
{
    struct cel_each it = cel_each(list, e->a);
    while (cel_each_next(&it)) {
        if (!cel_charge(e, 1))
            return false;
        if (cel_same(e, &it.value, item))
            return true;
    }
    return false;
}

static bool holds_all(struct cel_state *e, const struct cel_value *list, const struct cel_value *of)
{
    struct cel_each it = cel_each(of, e->a);
    while (cel_each_next(&it)) {
        if (!holds(e, list, &it.value))
            return false;
    }
    return true;
}

CEL_FN(sets_contains)
{
    return cel_bool(holds_all(e, &v[0], &v[1]));
}

CEL_FN(sets_equivalent)
{
    return cel_bool(holds_all(e, &v[0], &v[1]) && holds_all(e, &v[1], &v[0]));
}

CEL_FN(sets_intersects)
{
    struct cel_each it = cel_each(&v[1], e->a);
    while (cel_each_next(&it)) {
        if (holds(e, &v[0], &it.value))
            return cel_bool(true);
    }
    return cel_bool(false);
}

static const struct cel_overload rows[] = {
    { "isSorted", "C", 'b', true, is_sorted },
    { "sum", "N", 'e', true, list_sum },
    { "min", "C", 'e', true, list_min },
    { "max", "C", 'e', true, list_max },
    { "indexOf", "Le", 'i', true, list_index_of },
    { "lastIndexOf", "Le", 'i', true, list_last_index_of },
    { "sets.contains", "LL", 'b', false, sets_contains },
    { "sets.equivalent", "LL", 'b', false, sets_equivalent },
    { "sets.intersects", "LL", 'b', false, sets_intersects },
};

const struct cel_library cel_lib_list = { rows, COUNT_OF(rows) };
