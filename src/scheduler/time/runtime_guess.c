/* SPDX-License-Identifier: Apache-2.0
 * runtime_guess — see runtime_guess.h. */
#include "scheduler/time/runtime_guess.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "kube/names.h"

#define BUCKETS 80 /* 1.25^80 s: more than a year and a half */
#define FADE_AT 64 /* runs; then all counts are halved */
#define QUANTILE_TENTHS 9
#define KEY_MAX 600

struct sketch {       /* of one stem */
    struct str key;   /* own text */
    struct list used; /* the one used last is last */
    uint16_t runs;
    uint8_t counts[BUCKETS]; /* never above FADE_AT */
};

struct runtimes {
    struct map by_key;
    struct list used;
    int64_t edges[BUCKETS]; /* upper ones, ns */
};

struct runtimes *runtimes_new(void)
{
    struct runtimes *r = MEM_NEW(struct runtimes);
    int64_t edge = NS_PER_S;
    map_init(&r->by_key);
    list_init(&r->used);
    for (size_t i = 0; i < BUCKETS; i++, edge += edge / 4)
        r->edges[i] = edge;
    return r;
}

static void sketch_free(struct runtimes *r, struct sketch *k)
{
    map_del(&r->by_key, k->key);
    list_remove(&k->used);
    free((void *)(uintptr_t)k->key.p); /* own text */
    free(k);
}

void runtimes_free(struct runtimes *r)
{
    if (!r)
        return;
    LIST_EACH (&r->used, at)
        sketch_free(r, LIST_ITEM(at, struct sketch, used));
    map_fini(&r->by_key);
    free(r);
}

size_t runtimes_count(const struct runtimes *r)
{
    return r->by_key.n;
}

/* ---- names ---- */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_digit(s.p[i]))
            return false;
    }
    return s.n > 0;
}

/* As Kubernetes makes them up: letters without vowels, and digits; nothing else is so unreadable.
 */
static bool is_made_up(struct str s)
{
    bool digit = false;
    for (size_t i = 0; i < s.n; i++) {
        if (memchr("bcdfghjklmnpqrstvwxz2456789", s.p[i], 27) == NULL)
            return false;
        digit = digit || char_is_digit(s.p[i]);
    }
    return s.n == 5 || (s.n >= 8 && s.n <= 10 && digit);
}

struct str runtime_stem(const struct kobj *pod)
{
    struct str s = pod->name;
    struct str base = json_str(kobj_path(pod, "metadata.generateName"));
    if (base.n && base.n < s.n && str_eq(str_take(s, base.n), base))
        s = base;
    while (s.n && s.p[s.n - 1] == '-')
        s.n--;
    for (int parts = 0; parts < 3; parts++) {
        size_t cut = s.n;
        while (cut > 0 && s.p[cut - 1] != '-')
            cut--;
        struct str last = str_skip(s, cut);
        if (cut < 2 || (!all_digits(last) && !is_made_up(last)))
            break;
        s.n = cut - 1;
    }
    return s;
}

/* "namespace/stem" into text; n 0: too long to be remembered. */
static struct str key_of(const struct kobj *pod, char *text)
{
    struct str stem = runtime_stem(pod), ns = pod->namespace;
    if (ns.n + stem.n + 1 > KEY_MAX)
        return (struct str){ 0 };
    memcpy(text, ns.p, ns.n);
    text[ns.n] = '/';
    memcpy(text + ns.n + 1, stem.p, stem.n);
    return str_make(text, ns.n + stem.n + 1);
}

/* ---- learning ---- */

static size_t bucket_of(const struct runtimes *r, int64_t ns)
{
    size_t i = 0;
    while (i + 1 < BUCKETS && r->edges[i] < ns)
        i++;
    return i;
}

static void fade(struct sketch *k)
{
    k->runs = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        k->counts[i] /= 2;
        k->runs = (uint16_t)(k->runs + k->counts[i]);
    }
}

static void touch(struct runtimes *r, struct sketch *k)
{
    list_remove(&k->used);
    list_push_back(&r->used, &k->used);
}

static struct sketch *sketch_new(struct runtimes *r, struct str key)
{
    if (r->by_key.n >= RUNTIME_STEMS_MAX)
        sketch_free(r, LIST_ITEM(r->used.next, struct sketch, used));
    struct sketch *k = MEM_NEW(struct sketch);
    k->key = str_make(str_dup(key), key.n);
    list_init(&k->used);
    map_put(&r->by_key, k->key, k);
    return k;
}

void runtimes_learn(struct runtimes *r, const struct kobj *pod, int64_t ran_ns)
{
    char text[KEY_MAX];
    struct str key = key_of(pod, text);
    if (key.n == 0 || ran_ns < 0)
        return;
    struct sketch *k = map_get(&r->by_key, key);
    if (!k)
        k = sketch_new(r, key);
    touch(r, k);
    if (k->runs >= FADE_AT)
        fade(k);
    k->counts[bucket_of(r, ran_ns)]++;
    k->runs++;
}

/* ---- guessing ---- */

int64_t runtime_said(const struct kobj *pod)
{
    int64_t ns;
    struct str text = kobj_annotation(pod, STR(NAME_RUN_TIME));
    return text.n && duration_parse(text, &ns) && ns > 0 ? ns : RUNTIME_UNKNOWN;
}

static int64_t learnt(struct runtimes *r, const struct kobj *pod)
{
    char text[KEY_MAX];
    struct str key = key_of(pod, text);
    struct sketch *k = key.n ? map_get(&r->by_key, key) : NULL;
    if (!k || k->runs < RUNTIME_RUNS_MIN)
        return RUNTIME_UNKNOWN;
    touch(r, k);
    size_t want = (k->runs * QUANTILE_TENTHS + 9u) / 10u, sum = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += k->counts[i];
        if (sum >= want)
            return r->edges[i];
    }
    return RUNTIME_UNKNOWN;
}

int64_t runtimes_guess(struct runtimes *r, const struct kobj *pod)
{
    int64_t seconds, ns = runtime_said(pod);
    if (ns == RUNTIME_UNKNOWN)
        ns = learnt(r, pod);
    if (!json_i64(kobj_path(pod, "spec.activeDeadlineSeconds"), &seconds) || seconds <= 0 ||
        seconds > INT64_MAX / NS_PER_S)
        return ns;
    return seconds * NS_PER_S < ns ? seconds * NS_PER_S : ns;
}
