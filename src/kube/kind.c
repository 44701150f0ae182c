/* SPDX-License-Identifier: Apache-2.0
 * kind — look-ups in the constant table of built-in resources. */
#include "kube/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kube/schema_internal.h"

struct str verb_name(enum verb v)
{
    switch (v) {
    case VERB_GET:
        return STR("get");
    case VERB_LIST:
        return STR("list");
    case VERB_WATCH:
        return STR("watch");
    case VERB_CREATE:
        return STR("create");
    case VERB_UPDATE:
        return STR("update");
    case VERB_PATCH:
        return STR("patch");
    case VERB_DELETE:
        return STR("delete");
    case VERB_DELETE_COLLECTION:
        return STR("deletecollection");
    }
    return STR("unknown");
}

size_t resource_count(void)
{
    return resource_table_n;
}

const struct resource *resource_builtin(size_t i)
{
    return i < resource_table_n ? &resource_table[i] : NULL;
}

static int resource_cmp(struct str group, struct str version, struct str plural, size_t i)
{
    const struct resource *r = &resource_table[i];
    int order = str_cmp(group, r->group);
    if (order == 0)
        order = str_cmp(version, r->version);
    return order == 0 ? str_cmp(plural, r->plural) : order;
}

const struct resource *resource_find(struct str group, struct str version, struct str plural)
{
    size_t lo = 0, hi = resource_table_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = resource_cmp(group, version, plural, mid);
        if (order == 0)
            return &resource_table[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct resource *resource_find_kind(struct str api_version, struct str kind)
{
    struct str group = STR(""), version = api_version;
    ptrdiff_t slash = str_find_char(api_version, '/');
    if (slash >= 0) {
        group = str_take(api_version, (size_t)slash);
        version = str_skip(api_version, (size_t)slash + 1);
    }
    for (size_t i = 0; i < resource_table_n; i++) {
        const struct resource *r = &resource_table[i];
        if (str_eq(r->kind, kind) && str_eq(r->group, group) && str_eq(r->version, version))
            return r;
    }
    return NULL;
}

static bool resource_named(const struct resource *r, struct str word)
{
    if (str_eq_nocase(word, r->plural) || str_eq_nocase(word, r->singular) ||
        str_eq_nocase(word, r->kind))
        return true;
    for (size_t i = 0; i < r->n_short_names; i++)
        if (str_eq_nocase(word, r->short_names[i]))
            return true;
    return false;
}

/* Groups in the order kubectl prefers them when a word fits several: the core group, then apps and
 * the rest as the table has them; within a group the later version (autoscaling/v2) first. */
static bool resource_better(const struct resource *a, const struct resource *b)
{
    if (!b)
        return true;
    if (!str_eq(a->group, b->group))
        return a->group.n == 0;
    return str_cmp(a->version, b->version) > 0;
}

const struct resource *resource_guess(struct str word)
{
    struct str name = word, group = { 0 };
    ptrdiff_t dot = str_find_char(word, '.');
    if (dot >= 0) {
        name = str_take(word, (size_t)dot);
        group = str_skip(word, (size_t)dot + 1);
    }
    const struct resource *best = NULL;
    for (size_t i = 0; i < resource_table_n; i++) {
        const struct resource *r = &resource_table[i];
        bool in_group = !group.p || str_eq_nocase(group, r->group);
        if (!in_group && str_starts(group, r->version) && group.n > r->version.n &&
            group.p[r->version.n] == '.') /* "deployments.v1.apps" */
            in_group = str_eq_nocase(str_skip(group, r->version.n + 1), r->group);
        if (in_group && resource_named(r, name) && resource_better(r, best))
            best = r;
    }
    return best;
}

bool resource_has_sub(const struct resource *r, const char *sub)
{
    for (size_t i = 0; r->subresources && r->subresources[i]; i++)
        if (strcmp(r->subresources[i], sub) == 0)
            return true;
    return false;
}

struct str resource_api_version(char *out, size_t cap, const struct resource *r)
{
    int n = snprintf(out, cap, "%.*s%s%.*s", STR_ARG(r->group), r->group.n ? "/" : "",
                     STR_ARG(r->version));
    return str_make(out, n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1);
}
