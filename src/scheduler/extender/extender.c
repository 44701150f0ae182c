/* SPDX-License-Identifier: Apache-2.0
 * extender — see extender.h. The rules for the list are those of kube-scheduler 1.36. */
#include "scheduler/extender/extender.h"

#include <stdlib.h>

#include "codec/base64.h"

#define WEIGHT_MAX 10000
#define TIMEOUT_NS (5 * NS_PER_S)
#define MANAGED_MAX 64
#define PEM_BYTES_MAX (1u << 20)

/* ---- reading the list ---- */

static struct str text_of(struct arena *a, struct json v, const char *name)
{
    struct str s = json_str(json_get(v, str_from(name)));
    return s.n ? arena_str(a, s) : (struct str){ 0 };
}

static int
read_pem(struct str *out, struct arena *a, struct json tls, const char *name, struct err *err)
{
    struct str text = json_str(json_get(tls, str_from(name)));
    struct buf pem;
    if (!text.n)
        return 0;
    buf_init(&pem, PEM_BYTES_MAX);
    int rc = base64_decode(&pem, text, BASE64_STD, err);
    if (rc == 0)
        *out = arena_str(a, buf_view(&pem));
    else
        err_wrap(err, "tlsConfig.%s", name);
    buf_fini(&pem);
    return rc;
}

static int read_tls(struct extender *e, struct arena *a, struct json v, struct err *err)
{
    e->tls.insecure = json_bool(json_get(v, STR("insecure")), false);
    e->tls.server_name = text_of(a, v, "serverName");
    e->tls.ca_file = text_of(a, v, "caFile");
    e->tls.cert_file = text_of(a, v, "certFile");
    e->tls.key_file = text_of(a, v, "keyFile");
    if (read_pem(&e->tls.ca_pem, a, v, "caData", err) ||
        read_pem(&e->tls.cert_pem, a, v, "certData", err) ||
        read_pem(&e->tls.key_pem, a, v, "keyData", err))
        return -1;
    bool cert = e->tls.cert_file.n || e->tls.cert_pem.n;
    bool key = e->tls.key_file.n || e->tls.key_pem.n;
    if (cert != key)
        return err_set(err, ERR_INVALID,
                       "tlsConfig: a client certificate needs certFile and keyFile, or certData "
                       "and keyData");
    return 0;
}

static bool has_name(const struct strs *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(list->items[i], name))
            return true;
    }
    return false;
}

static int read_managed(struct extenders *x, struct extender *e, struct json list, struct err *err)
{
    if (json_len(list) > MANAGED_MAX)
        return err_set(err, ERR_TOO_LARGE, "managedResources: more than %d", MANAGED_MAX);
    e->managed.items = ARENA_ARRAY(x->a, struct str, json_len(list));
    size_t at = 0;
    for (struct json_iter it = json_iter(list); json_next(&it); at++) {
        struct str name = text_of(x->a, it.value, "name");
        if (!res_is_extended(name))
            return err_set(
                err, ERR_INVALID,
                "managedResources[%zu].name: \"%.*s\" is no extended resource; write one "
                "as example.com/device",
                at, STR_ARG(name));
        for (size_t i = 0; i <= x->n; i++) {
            if (has_name(&x->items[i].managed, name))
                return err_set(err, ERR_INVALID,
                               "managedResources[%zu].name: \"%.*s\" is managed twice", at,
                               STR_ARG(name));
        }
        e->managed.items[e->managed.n++] = name;
        if (json_bool(json_get(it.value, STR("ignoredByScheduler")), false))
            x->ignored.items[x->ignored.n++] = name;
    }
    return 0;
}

/* "https://host/prefix" without a slash at its end. */
static int read_url(struct extender *e, struct arena *a, struct json v, struct err *err)
{
    struct str url = json_str(json_get(v, STR("urlPrefix")));
    bool https = json_bool(json_get(v, STR("enableHTTPS")), false);
    bool http = str_starts(url, STR("http://"));
    if (!http && !str_starts(url, STR("https://")))
        return err_set(err, ERR_INVALID, "urlPrefix: \"%.*s\" must begin with http:// or https://",
                       STR_ARG(url));
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (url.n < sizeof "http://")
        return err_set(err, ERR_INVALID, "urlPrefix: names no host");
    if (https && http)
        url = arena_printf(a, "https%.*s", STR_ARG(str_skip(url, 4)));
    e->url = arena_str(a, url);
    return 0;
}

static struct str verb_of(struct arena *a, struct json v, const char *name)
{
    struct str s = json_str(json_get(v, str_from(name)));
    while (s.n && s.p[0] == '/')
        s = str_skip(s, 1);
    return s.n ? arena_str(a, s) : (struct str){ 0 };
}

static int read_one(struct extenders *x, struct json v, struct err *err)
{
    struct extender *e = &x->items[x->n];
    if (read_url(e, x->a, v, err))
        return -1;
    e->filter = verb_of(x->a, v, "filterVerb");
    e->prioritize = verb_of(x->a, v, "prioritizeVerb");
    e->bind = verb_of(x->a, v, "bindVerb");
    e->preempt = verb_of(x->a, v, "preemptVerb");
    e->weight = json_i64_or(json_get(v, STR("weight")), 0);
    e->node_cache_capable = json_bool(json_get(v, STR("nodeCacheCapable")), false);
    e->ignorable = json_bool(json_get(v, STR("ignorable")), false);
    e->timeout_ns = TIMEOUT_NS;
    struct str timeout = json_str(json_get(v, STR("httpTimeout")));
    if (timeout.n)
        duration_parse(timeout, &e->timeout_ns); /* its form was checked */
    if (e->prioritize.n && (e->weight < 1 || e->weight > WEIGHT_MAX))
        return err_set(err, ERR_INVALID,
                       "weight: must be 1 to %d where there is a prioritizeVerb, not %lld",
                       WEIGHT_MAX, (long long)e->weight);
    for (size_t i = 0; i < x->n && e->bind.n; i++) {
        if (x->items[i].bind.n)
            return err_set(err, ERR_INVALID, "bindVerb: only one extender may bind");
    }
    if (read_tls(e, x->a, json_get(v, STR("tlsConfig")), err))
        return -1;
    return read_managed(x, e, json_get(v, STR("managedResources")), err);
}

int extenders_parse(struct extenders **out, struct json list, struct err *err)
{
    if (json_len(list) > EXTENDERS_MAX)
        return err_set(err, ERR_TOO_LARGE, "extenders: more than %d", EXTENDERS_MAX);
    struct extenders *x = MEM_NEW(struct extenders);
    x->a = arena_new();
    x->ignored.items = ARENA_ARRAY(x->a, struct str, EXTENDERS_MAX * MANAGED_MAX);
    for (struct json_iter it = json_iter(list); json_next(&it); x->n++) {
        if (read_one(x, it.value, err)) {
            err_wrap(err, "extenders[%zu]", x->n);
            extenders_free(x);
            return -1;
        }
    }
    *out = x->n ? x : NULL;
    if (!x->n)
        extenders_free(x);
    return 0;
}

void extenders_free(struct extenders *x)
{
    if (!x)
        return;
    arena_free(x->a);
    free(x);
}

/* ---- whom they concern ---- */

static bool names_any(const struct amounts *list, const struct strs *names)
{
    for (size_t i = 0; i < list->n; i++) {
        if (has_name(names, list->items[i].name))
            return true;
    }
    return false;
}

static bool asks_for(const struct containers *list, const struct strs *names)
{
    for (size_t i = 0; i < list->n; i++) {
        if (names_any(&list->items[i].requests, names) || names_any(&list->items[i].limits, names))
            return true;
    }
    return false;
}

bool extender_concerns(const struct extender *e, const struct pod *pod)
{
    return e->managed.n == 0 || asks_for(&pod->containers, &e->managed) ||
           asks_for(&pod->init_containers, &e->managed);
}

bool extenders_concern(const struct extenders *x, const struct pod *pod)
{
    for (size_t i = 0; x && i < x->n; i++) {
        const struct extender *e = &x->items[i];
        if ((e->filter.n || e->prioritize.n) && extender_concerns(e, pod))
            return true;
    }
    return false;
}

bool extenders_concern_victims(const struct extenders *x, const struct pod *pod)
{
    for (size_t i = 0; x && i < x->n; i++) {
        if (x->items[i].preempt.n && extender_concerns(&x->items[i], pod))
            return true;
    }
    return false;
}

const struct extender *extenders_binder(const struct extenders *x, const struct pod *pod)
{
    for (size_t i = 0; x && i < x->n; i++) {
        if (x->items[i].bind.n && extender_concerns(&x->items[i], pod))
            return &x->items[i];
    }
    return NULL;
}

/* ---- answers ---- */

struct extender_answer *extender_answer_new(void)
{
    struct extender_answer *x = MEM_NEW(struct extender_answer);
    x->a = arena_new();
    return x;
}

void extender_answer_free(struct extender_answer *x)
{
    if (!x)
        return;
    arena_free(x->a);
    free(x);
}

const struct extender_node *extender_answer_find(const struct extender_answer *x, struct str node)
{
    size_t from = 0, to = x->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        int order = str_cmp(x->nodes[mid].name, node);
        if (order == 0)
            return &x->nodes[mid];
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

static int compare_offer(const void *name, const void *offer)
{
    return str_cmp(*(const struct str *)name, ((const struct extender_offer *)offer)->node);
}

const struct extender_offer *extender_answer_offer(const struct extender_answer *x, struct str node)
{
    if (!x->n_offers)
        return NULL;
    return bsearch(&node, x->offers, x->n_offers, sizeof *x->offers, compare_offer);
}

size_t extender_offer_leaving(const struct extender_offer *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += o->pods[i].leaves;
    return n;
}

struct json extender_field(struct json obj, const char *name)
{
    for (struct json_iter it = json_iter(obj); json_next(&it);) {
        if (str_eq_nocase(it.key, str_from(name)))
            return it.value;
    }
    return (struct json){ 0 };
}
