/* SPDX-License-Identifier: Apache-2.0
 * quantities — resource amounts; see quantities.h. Lists are short (a handful of names), so sorted
 * arrays with insertion are both the smallest and the fastest form. */
#include "kube/quantities.h"

#include "codec/quantity.h"

#define NANO INT64_C(1000000000)
#define EXACT_MAX ((__int128)INT64_MAX * NANO * 4) /* sums of a few such amounts don't overflow */

bool exact_parse(struct json quantity, __int128 *nano)
{
    struct str text = json_str(quantity);
    if (!text.p)
        text = json_num_text(quantity);
    struct quantity q;
    if (!text.p || quantity_parse(&q, text, NULL) < 0)
        return false;
    *nano = q.nano > EXACT_MAX ? EXACT_MAX : q.nano < -EXACT_MAX ? -EXACT_MAX : q.nano;
    return true;
}

static int64_t round_up(__int128 nano, int64_t parts)
{
    __int128 step = NANO / parts;
    __int128 whole = nano / step + (nano > 0 && nano % step != 0);
    if (whole > INT64_MAX)
        return INT64_MAX;
    return whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}

bool amount_parse(struct json quantity, int64_t parts, int64_t *out)
{
    __int128 nano;
    if (!exact_parse(quantity, &nano))
        return false;
    *out = round_up(nano, parts);
    return true;
}

/* ---- exact sums ---- */

static size_t exact_place(const struct exacts *e, struct str name, bool *found)
{
    size_t i = 0;
    int order = -1;
    while (i < e->n && (order = str_cmp(e->items[i].name, name)) < 0)
        i++;
    *found = i < e->n && order == 0;
    return i;
}

const struct exact *exacts_find(const struct exacts *e, struct str name)
{
    bool found;
    size_t i = exact_place(e, name, &found);
    return found ? &e->items[i] : NULL;
}

struct exact *exacts_need(struct arena *a, struct exacts *e, struct str name)
{
    bool found;
    size_t i = exact_place(e, name, &found);
    if (found)
        return &e->items[i];
    if (e->n == EXACTS_MAX)
        return NULL;
    if (e->n == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 8;
        struct exact *items = ARENA_ARRAY(a, struct exact, cap);
        if (e->n)
            memcpy(items, e->items, e->n * sizeof *items);
        e->items = items;
        e->cap = cap;
    }
    memmove(&e->items[i + 1], &e->items[i], (e->n - i) * sizeof e->items[0]);
    e->items[i] = (struct exact){ .name = name };
    e->n++;
    return &e->items[i];
}

static void add_clamped(__int128 *sum, __int128 more)
{
    *sum += more; /* both lie within ±EXACT_MAX */
    if (*sum > EXACT_MAX)
        *sum = EXACT_MAX;
    if (*sum < -EXACT_MAX)
        *sum = -EXACT_MAX;
}

void exacts_add(struct arena *a, struct exacts *e, struct json resource_list)
{
    if (json_type(resource_list) != JSON_OBJ)
        return;
    for (struct json_iter it = json_iter(resource_list); json_next(&it);) {
        __int128 nano;
        if (!exact_parse(it.value, &nano))
            continue;
        struct exact *x = exacts_need(a, e, it.key);
        if (x)
            add_clamped(&x->nano, nano);
    }
}

void exacts_add_all(struct arena *a, struct exacts *e, const struct exacts *more)
{
    for (size_t i = 0; i < more->n; i++) {
        struct exact *x = exacts_need(a, e, more->items[i].name);
        if (x)
            add_clamped(&x->nano, more->items[i].nano);
    }
}

void exacts_max(struct arena *a, struct exacts *e, const struct exacts *other)
{
    for (size_t i = 0; i < other->n; i++) {
        struct exact *x = exacts_need(a, e, other->items[i].name);
        if (x && x->nano < other->items[i].nano)
            x->nano = other->items[i].nano;
    }
}

static int64_t parts_of(struct str name)
{
    return str_is(name, "cpu") ? 1000 : 1;
}

struct amounts exacts_round_up(struct arena *a, const struct exacts *e)
{
    struct amounts m = { 0 };
    if (e->n == 0)
        return m;
    m.items = ARENA_ARRAY(a, struct amount, e->n);
    for (size_t i = 0; i < e->n; i++) {
        const struct exact *x = &e->items[i];
        m.items[m.n++] = (struct amount){ x->name, round_up(x->nano, parts_of(x->name)) };
    }
    return m;
}

/* ---- plain amounts ---- */

struct amounts amounts_decode(struct arena *a, struct json resource_list)
{
    struct amounts m = { 0 };
    uint32_t n = json_type(resource_list) == JSON_OBJ ? json_len(resource_list) : 0;
    if (n == 0)
        return m;
    m.items = ARENA_ARRAY(a, struct amount, n);
    for (struct json_iter it = json_iter(resource_list); json_next(&it);) {
        int64_t value;
        if (!amount_parse(it.value, parts_of(it.key), &value))
            continue;
        size_t i = m.n++;
        for (; i > 0 && str_cmp(m.items[i - 1].name, it.key) > 0; i--)
            m.items[i] = m.items[i - 1];
        m.items[i] = (struct amount){ it.key, value };
    }
    return m;
}

static const struct amount *amounts_find(const struct amounts *m, struct str name)
{
    for (size_t i = 0; i < m->n; i++) {
        if (str_eq(m->items[i].name, name))
            return &m->items[i];
    }
    return NULL;
}

int64_t amounts_get(const struct amounts *m, struct str name)
{
    const struct amount *found = amounts_find(m, name);
    return found ? found->value : 0;
}

bool amounts_has(const struct amounts *m, struct str name)
{
    return amounts_find(m, name) != NULL;
}
