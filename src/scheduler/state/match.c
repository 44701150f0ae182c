/* SPDX-License-Identifier: Apache-2.0
 * match — see match.h. */
#include "scheduler/state/match.h"

#include <stdlib.h>

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

#define MEMO_LABELS 16 /* apart from those of kube/pod.c */

struct labels_memo {
    size_t n;
    struct label items[];
};

static size_t read_labels(struct label *items, size_t max, struct json v)
{
    size_t n = 0;
    for (struct json_iter it = json_iter(v); json_next(&it) && n < max;) {
        if (json_type(it.value) == JSON_STR)
            items[n++] = (struct label){ it.key, json_str(it.value) };
    }
    qsort(items, n, sizeof *items, compare_labels);
    return n;
}

/* Pods of one template have one array. */
static struct labelset decode_shared(struct json v, size_t n)
{
    const struct labels_memo *memo = json_memo(v, MEMO_LABELS);
    if (!memo) {
        struct labels_memo *fresh = json_memo_new(sizeof *fresh + n * sizeof *fresh->items);
        fresh->n = read_labels(fresh->items, n, v);
        memo = json_memo_set(v, MEMO_LABELS, fresh);
    }
    return (struct labelset){ memo->items, memo->n, true };
}

struct labelset labelset_decode(struct json v)
{
    struct labelset l = { 0 };
    size_t n = json_len(v);
    if (json_type(v) != JSON_OBJ || n == 0)
        return l;
    if (n > MATCH_LABELS_MAX)
        n = MATCH_LABELS_MAX;
    if (json_is_shared(v))
        return decode_shared(v, n);
    struct label *items = mem_alloc_array(n, sizeof *items);
    l.n = read_labels(items, n, v);
    l.items = items;
    return l;
}

void labelset_fini(struct labelset *l)
{
    if (!l->shared)
        free((void *)(uintptr_t)l->items); /* ours since labelset_decode; const only for readers */
    *l = (struct labelset){ 0 };
}

struct str labelset_get(const struct labelset *l, struct str key)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = str_cmp(l->items[mid].key, key);
        if (c == 0)
            return l->items[mid].value;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (struct str){ 0 };
}

bool labelset_equal(const struct labelset *a, const struct labelset *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!str_eq(a->items[i].key, b->items[i].key) ||
            !str_eq(a->items[i].value, b->items[i].value))
            return false;
    }
    return true;
}

static bool value_in(const struct need *n, struct str value)
{
    for (size_t i = 0; i < n->values.n; i++) {
        if (str_eq(n->values.items[i], value))
            return true;
    }
    return false;
}

/* strconv.ParseInt of both sides; Go accepts a leading '+' where str_to_i64 does not. */
static bool to_number(struct str s, int64_t *out)
{
    if (s.n > 1 && s.p[0] == '+' && s.p[1] != '-')
        s = str_skip(s, 1);
    return str_to_i64(s, out);
}

static bool compare_numbers(const struct need *n, struct str value)
{
    int64_t have, want;
    if (n->values.n != 1 || !to_number(value, &have) || !to_number(n->values.items[0], &want))
        return false;
    return n->op == NEED_GT ? have > want : have < want;
}

bool match_need(const struct need *n, const struct labelset *l)
{
    struct str value = labelset_get(l, n->key);
    bool has = value.p != NULL;
    switch (n->op) {
    case NEED_IN:
        return has && value_in(n, value);
    case NEED_NOT_IN:
        return !has || !value_in(n, value);
    case NEED_EXISTS:
        return has;
    case NEED_ABSENT:
        return !has;
    case NEED_GT:
    case NEED_LT:
        return has && compare_numbers(n, value);
    case NEED_INVALID:
        return false;
    }
    return false;
}

bool match_needs(const struct need *n, size_t count, const struct labelset *l)
{
    for (size_t i = 0; i < count; i++) {
        if (!match_need(&n[i], l))
            return false;
    }
    return true;
}

static enum need_op selector_op(struct str s)
{
    static const struct {
        struct str text;
        enum need_op op;
    } ops[] = {
        { STR_INIT("In"), NEED_IN },
        { STR_INIT("NotIn"), NEED_NOT_IN },
        { STR_INIT("Exists"), NEED_EXISTS },
        { STR_INIT("DoesNotExist"), NEED_ABSENT },
    };
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        if (str_eq(ops[i].text, s))
            return ops[i].op;
    }
    return NEED_INVALID;
}

static struct strs one_value(struct arena *a, struct str value)
{
    struct str *items = ARENA_NEW(a, struct str);
    *items = value;
    return (struct strs){ items, 1 };
}

static struct strs decode_values(struct arena *a, struct json list)
{
    struct strs out = { ARENA_ARRAY(a, struct str, json_len(list)), 0 };
    for (struct json_iter it = json_iter(list); json_next(&it);)
        out.items[out.n++] = json_str(it.value);
    return out;
}

static void add_map(struct arena *a, struct label_sel *s, struct json map)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        s->needs[s->n++] = (struct need){
            .key = it.key,
            .op = NEED_IN,
            .values = one_value(a, json_str(it.value)),
        };
    }
}

struct label_sel label_sel_compile(struct arena *a, struct json v)
{
    struct label_sel s = { 0 };
    if (json_type(v) != JSON_OBJ)
        return s;
    struct json map = json_get(v, STR("matchLabels"));
    struct json list = json_get(v, STR("matchExpressions"));
    s.present = true;
    s.needs = ARENA_ARRAY(a, struct need, json_len(map) + json_len(list));
    add_map(a, &s, map);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        s.needs[s.n++] = (struct need){
            .key = json_str(json_get(it.value, STR("key"))),
            .op = selector_op(json_str(json_get(it.value, STR("operator")))),
            .values = decode_values(a, json_get(it.value, STR("values"))),
        };
    }
    return s;
}

struct label_sel label_sel_of_map(struct arena *a, struct json map)
{
    struct label_sel s = { .present = true };
    s.needs = ARENA_ARRAY(a, struct need, json_len(map));
    add_map(a, &s, map);
    return s;
}

void label_sel_add(struct arena *a, struct label_sel *s, struct need n)
{
    struct need *needs = ARENA_ARRAY(a, struct need, s->n + 1);
    for (size_t i = 0; i < s->n; i++)
        needs[i] = s->needs[i];
    needs[s->n++] = n;
    s->needs = needs;
    s->present = true;
}

static bool field_matches(const struct need *n, struct str node_name)
{
    if (!str_is(n->key, "metadata.name"))
        return false;
    switch (n->op) {
    case NEED_IN:
        return value_in(n, node_name);
    case NEED_NOT_IN:
        return !value_in(n, node_name);
    case NEED_EXISTS:
    case NEED_ABSENT:
    case NEED_GT:
    case NEED_LT:
    case NEED_INVALID:
        return false;
    }
    return false;
}

bool match_node_term(const struct node_term *t, const struct labelset *l, struct str node_name)
{
    if (t->n_labels == 0 && t->n_fields == 0)
        return false;
    if (!match_needs(t->labels, t->n_labels, l))
        return false;
    for (size_t i = 0; i < t->n_fields; i++) {
        if (!field_matches(&t->fields[i], node_name))
            return false;
    }
    return true;
}

bool match_node_terms(const struct node_terms *t, const struct labelset *l, struct str node_name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (match_node_term(&t->items[i], l, node_name))
            return true;
    }
    return false;
}

bool match_node_selector(struct json map, const struct labelset *l)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        struct str have = labelset_get(l, it.key);
        if (!have.p || !str_eq(have, json_str(it.value)))
            return false;
    }
    return true;
}
