/* SPDX-License-Identifier: Apache-2.0
 * feuds — see feuds.h. */
#include "scheduler/preempt/feuds.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"

#define BY_MAX 64 /* evictors of one; the first is forgotten then */

VEC_TYPE(fighters, struct fighter *);

struct fighter {
    struct str name;    /* own text */
    struct fighters by; /* who evicted him */
    struct list in_all; /* those who fought last at the end */
    uint64_t asked;     /* the question in which he was found to stand above */
    bool forgotten;     /* about to go */
};

struct feuds {
    struct map by_name;
    struct list all;
    uint64_t question;
};

struct feuds *feuds_new(void)
{
    struct feuds *f = MEM_NEW(struct feuds);
    map_init(&f->by_name);
    list_init(&f->all);
    return f;
}

static void fighter_free(struct fighter *x)
{
    list_remove(&x->in_all);
    fighters_fini(&x->by);
    free((void *)(uintptr_t)x->name.p); /* own text */
    free(x);
}

void feuds_free(struct feuds *f)
{
    if (!f)
        return;
    LIST_EACH (&f->all, at)
        fighter_free(LIST_ITEM(at, struct fighter, in_all));
    map_fini(&f->by_name);
    free(f);
}

/* ---- forgetting ---- */

static void drop_forgotten(struct fighter *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->by.n; i++) {
        if (!x->by.items[i]->forgotten)
            x->by.items[n++] = x->by.items[i];
    }
    x->by.n = n;
}

static void forget_half(struct feuds *f)
{
    size_t left = f->by_name.n / 2;
    LIST_EACH (&f->all, at) {
        struct fighter *x = LIST_ITEM(at, struct fighter, in_all);
        x->forgotten = left > 0;
        left -= left > 0;
    }
    LIST_EACH (&f->all, at)
        drop_forgotten(LIST_ITEM(at, struct fighter, in_all));
    LIST_EACH (&f->all, at) {
        struct fighter *x = LIST_ITEM(at, struct fighter, in_all);
        if (!x->forgotten)
            continue;
        map_del(&f->by_name, x->name);
        fighter_free(x);
    }
}

/* ---- fighting ---- */

static struct fighter *fighter_of(struct feuds *f, struct str name)
{
    struct fighter *x = map_get(&f->by_name, name);
    if (!x) {
        x = MEM_NEW(struct fighter);
        x->name = str_make(str_dup(name), name.n);
        list_init(&x->in_all);
        map_put(&f->by_name, x->name, x);
    }
    list_remove(&x->in_all);
    list_push_back(&f->all, &x->in_all);
    return x;
}

/* Marks all who stand above x; how many. */
static size_t ask(struct feuds *f, struct fighter *x)
{
    struct fighters found = { 0 };
    f->question++;
    for (size_t next = 0;; x = found.items[next++]) {
        for (size_t i = 0; i < x->by.n; i++) {
            if (x->by.items[i]->asked == f->question)
                continue;
            x->by.items[i]->asked = f->question;
            fighters_push(&found, x->by.items[i]);
        }
        if (next == found.n)
            break;
    }
    size_t n = found.n;
    fighters_fini(&found);
    return n;
}

static bool evicted_him(const struct fighter *x, const struct fighter *by)
{
    for (size_t i = 0; i < x->by.n; i++) {
        if (x->by.items[i] == by)
            return true;
    }
    return false;
}

void feuds_remember(struct feuds *f, struct str victim, struct str by)
{
    if (str_eq(victim, by))
        return;
    if (f->by_name.n + 2 > FEUDS_MAX)
        forget_half(f);
    struct fighter *x = fighter_of(f, victim), *y = fighter_of(f, by);
    ask(f, y);
    if (x->asked == f->question || evicted_him(x, y))
        return;
    if (x->by.n == BY_MAX)
        memmove(x->by.items, x->by.items + 1, --x->by.n * sizeof x->by.items[0]);
    fighters_push(&x->by, y);
}

bool feuds_ask(struct feuds *f, struct str who)
{
    struct fighter *x = map_get(&f->by_name, who);
    f->question++;
    return x && ask(f, x) > 0;
}

bool feuds_is_above(const struct feuds *f, struct str other)
{
    const struct fighter *x = map_get(&f->by_name, other);
    return x && x->asked == f->question;
}
