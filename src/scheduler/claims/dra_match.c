/* SPDX-License-Identifier: Apache-2.0
 * dra_match — does a device suit? CEL selectors over `device` (compiled once a text, answers kept
 * by device), attributes, taints, and what a request takes of a shared device. */
#include <stdio.h>
#include <stdlib.h>

#include "kube/device.h"
#include "scheduler/claims/dra_internal.h"

/* ---- the variable `device` ---- */

static struct cel_value attribute_list(struct json list, bool versions, struct arena *a)
{
    const struct cel_type *type = &cel_types[versions ? CEL_SEMVER : CEL_DYN];
    struct cel_value *items = ARENA_ARRAY(a, struct cel_value, json_len(list) + 1);
    size_t n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);)
        items[n++] = cel_from_json(it.value, type, a);
    return cel_list_of(a, items, n);
}

static struct cel_value attribute_value(struct json v, struct arena *a)
{
    struct json_iter it = json_iter(v);
    if (!json_next(&it))
        return (struct cel_value){ .kind = CEL_NULL };
    if (json_type(it.value) == JSON_ARR)
        return attribute_list(it.value, str_is(it.key, "versions"), a);
    return cel_from_json(it.value, &cel_types[str_is(it.key, "version") ? CEL_SEMVER : CEL_DYN], a);
}

struct member { /* of a map of maps */
    struct dra_name name;
    struct cel_value value;
};

/* {domain: {name: value}}; an unknown domain reads as an empty map. */
static struct cel_value by_domain(const struct member *members, size_t n, struct arena *a)
{
    struct cel_entry *domains = ARENA_ARRAY(a, struct cel_entry, n + 1);
    size_t n_domains = 0;
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !str_eq(members[k].name.domain, members[i].name.domain);
        if (!first)
            continue;
        struct cel_entry *entries = ARENA_ARRAY(a, struct cel_entry, n - i);
        size_t count = 0;
        for (size_t k = i; k < n; k++) {
            if (str_eq(members[k].name.domain, members[i].name.domain))
                entries[count++] =
                    (struct cel_entry){ cel_str(members[k].name.name), members[k].value };
        }
        domains[n_domains++] =
            (struct cel_entry){ cel_str(members[i].name.domain), cel_map_of(a, entries, count) };
    }
    return cel_map_with_default(a, cel_map_of(a, domains, n_domains), cel_map_of(a, NULL, 0));
}

static void make_value(struct dra_device *dev)
{
    struct arena *a = dev->pool->a;
    struct member *attributes = ARENA_ARRAY(a, struct member, dev->n_attributes + 1);
    struct member *capacities = ARENA_ARRAY(a, struct member, dev->n_capacities + 1);
    for (size_t i = 0; i < dev->n_attributes; i++)
        attributes[i] = (struct member){ dev->attributes[i].name,
                                         attribute_value(dev->attributes[i].value, a) };
    for (size_t i = 0; i < dev->n_capacities; i++)
        capacities[i] =
            (struct member){ dev->capacities[i].name, cel_quantity(&dev->capacities[i].total) };
    struct cel_entry *fields = ARENA_ARRAY(a, struct cel_entry, DEVICE_CEL_FIELDS);
    struct cel_value values[DEVICE_CEL_FIELDS] = { cel_str(dev->pool->driver),
                                                   by_domain(attributes, dev->n_attributes, a),
                                                   by_domain(capacities, dev->n_capacities, a),
                                                   cel_bool(dev->multi) };
    for (size_t i = 0; i < DEVICE_CEL_FIELDS; i++)
        fields[i] = (struct cel_entry){ cel_str(device_cel_fields[i].name), values[i] };
    dev->value = cel_map_of(a, fields, DEVICE_CEL_FIELDS);
    dev->has_value = true;
}

/* ---- selectors ---- */

static void program_free(struct dra_program *p)
{
    cel_free(p->cel);
    free((void *)(uintptr_t)p->text.p);
    free(p->memo);
    free(p);
}

void dra_programs_free(struct dra *d)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->programs, &i));)
        program_free(slot->value);
    map_clear(&d->programs);
}

static struct dra_program *program_of(struct dra *d, struct str text)
{
    struct dra_program *p = map_get(&d->programs, text);
    if (p)
        return p;
    if (d->programs.n >= DRA_PROGRAMS_MAX)
        dra_programs_free(d);
    struct err err = { 0 };
    p = MEM_NEW(struct dra_program);
    p->text = str_make(str_dup(text), text.n);
    if (cel_compile(&p->cel, text, &device_cel_env, &err))
        snprintf(p->error, sizeof p->error, "%s", err.msg);
    map_put(&d->programs, p->text, p);
    return p;
}

static uint8_t evaluate_on(struct dra_program *p, struct dra_device *dev)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct err err = { 0 };
    struct cel_value out;
    if (!dev->has_value)
        make_value(dev);
    struct cel_run run = { .arena = a, .vars = &dev->value, .limit = CEL_COST_CALL };
    if (cel_eval(p->cel, &run, &out, &err)) {
        snprintf(p->error, sizeof p->error, "%s", err.msg);
        return DRA_MEMO_FAILED;
    }
    return out.kind == CEL_BOOL && out.b ? DRA_MEMO_YES : DRA_MEMO_NO;
}

int dra_matches(struct dra *d, struct str expression, struct dra_device *dev, struct str *why)
{
    struct dra_program *p = program_of(d, expression);
    if (p->generation != d->generation) {
        free(p->memo);
        p->n_memo = d->devices.n;
        p->memo = mem_alloc_array(p->n_memo + 1, 1);
        p->generation = d->generation;
    }
    uint8_t *memo = &p->memo[dev->index];
    if (!p->cel)
        *memo = DRA_MEMO_FAILED;
    else if (*memo == DRA_MEMO_UNKNOWN)
        *memo = evaluate_on(p, dev);
    *why = str_from(p->error);
    return *memo == DRA_MEMO_FAILED ? -1 : *memo == DRA_MEMO_YES;
}

/* ---- attributes, taints ---- */

const struct dra_attribute *dra_attribute(const struct dra_device *dev, struct str name)
{
    struct dra_name want = dra_name_of(name, dev->pool->driver);
    for (size_t i = 0; i < dev->n_attributes; i++) {
        const struct dra_name *have = &dev->attributes[i].name;
        if (str_eq(have->name, want.name) && str_eq(have->domain, want.domain))
            return &dev->attributes[i];
    }
    return NULL;
}

struct dra_capacity *dra_capacity(const struct dra_device *dev, struct str name)
{
    struct dra_name want = dra_name_of(name, dev->pool->driver);
    for (size_t i = 0; i < dev->n_capacities; i++) {
        const struct dra_name *have = &dev->capacities[i].name;
        if (str_eq(have->name, want.name) && str_eq(have->domain, want.domain))
            return &dev->capacities[i];
    }
    return NULL;
}

bool dra_tolerates(const struct dra_device *dev, struct json tolerations)
{
    for (struct json_iter t = json_iter(json_get(dev->spec, STR("taints"))); json_next(&t);) {
        struct str effect = json_str(json_get(t.value, STR("effect")));
        if (!str_is(effect, "NoSchedule") && !str_is(effect, "NoExecute"))
            continue;
        bool tolerated = false;
        for (struct json_iter it = json_iter(tolerations); !tolerated && json_next(&it);)
            tolerated = device_tolerates(it.value, t.value);
        if (!tolerated)
            return false;
    }
    return true;
}

/* ---- capacities ---- */

/* The smallest amount that the policy allows and that is enough; false: there is none. */
static bool round_up(struct json policy, int64_t want, int64_t *out)
{
    struct json values = json_get(policy, STR("validValues"));
    struct json range = json_get(policy, STR("validRange"));
    *out = want;
    if (json_len(values) > 0) {
        int64_t best = INT64_MAX;
        for (struct json_iter it = json_iter(values); json_next(&it);) {
            int64_t v = dra_milli(it.value);
            best = v >= want && v < best ? v : best;
        }
        *out = best;
        return best != INT64_MAX;
    }
    if (!json_has(range))
        return true;
    int64_t min = dra_milli(json_get(range, STR("min")));
    int64_t step = dra_milli(json_get(range, STR("step")));
    *out = want > min ? want : min;
    if (step > 0 && (*out - min) % step)
        *out += step - (*out - min) % step;
    struct json max = json_get(range, STR("max"));
    return !json_has(max) || *out <= dra_milli(max);
}

/* The wish for this capacity: what was asked, else the policy's default, else all of it. */
static int64_t
wish_for(const struct dra_device *dev, const struct dra_capacity *c, struct json requests)
{
    for (struct json_iter it = json_iter(requests); json_next(&it);) {
        if (dra_capacity(dev, it.key) == c)
            return dra_milli(it.value);
    }
    struct json otherwise = json_get(c->policy, STR("default"));
    return json_has(otherwise) ? dra_milli(otherwise) : c->milli;
}

static bool knows_all(const struct dra_device *dev, struct json requests)
{
    for (struct json_iter it = json_iter(requests); json_next(&it);) {
        const struct dra_capacity *c = dra_capacity(dev, it.key);
        if (!c || c->milli < dra_milli(it.value))
            return false;
    }
    return true;
}

bool dra_consume(const struct dra_device *dev,
                 struct json requests,
                 struct arena *a,
                 struct dra_taken **out,
                 size_t *n)
{
    *out = NULL;
    *n = 0;
    if (!knows_all(dev, requests))
        return false;
    if (!dev->multi)
        return true;
    *out = ARENA_ARRAY(a, struct dra_taken, dev->n_capacities + 1);
    for (size_t i = 0; i < dev->n_capacities; i++) {
        const struct dra_capacity *c = &dev->capacities[i];
        int64_t take;
        if (!round_up(c->policy, wish_for(dev, c, requests), &take) || c->used + take > c->milli)
            return false;
        bool own = str_eq(c->name.domain, dev->pool->driver);
        struct str name =
            own ? c->name.name
                : arena_printf(a, "%.*s/%.*s", STR_ARG(c->name.domain), STR_ARG(c->name.name));
        (*out)[(*n)++] = (struct dra_taken){ name, take };
    }
    return true;
}
