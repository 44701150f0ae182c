/* SPDX-License-Identifier: Apache-2.0
 * health — see health.h. */
#include "daemon/health.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "codec/url.h"

enum { WHY_MAX = 1024, LINES_MAX = 65536, NAME_SHOWN_MAX = 100 };

struct check {
    const char *name;
    unsigned kinds;
    health_fn fn;
    void *arg;
};
VEC_TYPE(check_vec, struct check);

struct health {
    struct check_vec checks;
};

static bool always(void *arg, struct buf *why)
{
    (void)arg;
    (void)why;
    return true;
}

struct health *health_new(void)
{
    struct health *h = MEM_NEW(struct health);
    health_add(h, HEALTH_LIVE | HEALTH_READY, "ping", always, NULL);
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    check_vec_fini(&h->checks);
    free(h);
}

void health_add(struct health *h, unsigned kinds, const char *name, health_fn fn, void *arg)
{
    check_vec_push(&h->checks, (struct check){ name, kinds, fn, arg });
}

static bool excluded(struct str query, const char *name)
{
    struct str key, value;
    while (url_query_next(&query, &key, &value)) {
        if (str_is(key, "exclude") && str_is(value, name))
            return true;
    }
    return false;
}

static bool verbose(struct str query)
{
    struct str key, value;
    while (url_query_next(&query, &key, &value)) {
        if (str_is(key, "verbose"))
            return true;
    }
    return false;
}

static bool has_check(const struct health *h, unsigned kind, struct str name)
{
    for (size_t i = 0; i < h->checks.n; i++) {
        if ((h->checks.items[i].kinds & kind) && str_is(name, h->checks.items[i].name))
            return true;
    }
    return false;
}

/* Names that ?exclude= gave and no check has. */
static void
warn_of_unknown(struct buf *out, const struct health *h, unsigned kind, struct str query)
{
    struct str key, value;
    bool first = true;
    while (url_query_next(&query, &key, &value)) {
        if (!str_is(key, "exclude") || has_check(h, kind, value))
            continue;
        buf_printf(out, "%s\"%.*s\"",
                   first ? "warn: some health checks cannot be excluded: no matches for " : ", ",
                   STR_ARG(str_take(value, NAME_SHOWN_MAX)));
        first = false;
    }
    if (!first)
        buf_char(out, '\n');
}

static int answer_one(struct buf *out, const struct check *c)
{
    AUTO(buf_fini) struct buf why;
    buf_init(&why, WHY_MAX);
    if (c->fn(c->arg, &why)) {
        buf_str(out, STR("ok"));
        return 200;
    }
    buf_printf(out, "internal server error: %.*s\n", STR_ARG(buf_view(&why)));
    return 500;
}

static int answer_all(struct buf *out,
                      const struct health *h,
                      unsigned kind,
                      struct str name,
                      struct str query)
{
    bool well = true;
    AUTO(buf_fini) struct buf lines, why;
    buf_init(&lines, LINES_MAX);
    buf_init(&why, WHY_MAX);
    for (size_t i = 0; i < h->checks.n; i++) {
        const struct check *c = &h->checks.items[i];
        if (!(c->kinds & kind))
            continue;
        if (excluded(query, c->name)) {
            buf_printf(&lines, "[+]%s excluded: ok\n", c->name);
            continue;
        }
        bool ok = c->fn(c->arg, &why);
        well = well && ok;
        buf_printf(&lines, "[%c]%s %s\n", ok ? '+' : '-', c->name,
                   ok ? "ok" : "failed: reason withheld");
    }
    warn_of_unknown(&lines, h, kind, query);
    if (well && !verbose(query)) {
        buf_str(out, STR("ok"));
        return 200;
    }
    buf_str(out, buf_view(&lines));
    buf_printf(out, "%.*s check %s\n", STR_ARG(name), well ? "passed" : "failed");
    return well ? 200 : 500;
}

int health_answer(struct buf *out, const struct health *h, struct str path, struct str query)
{
    unsigned kind = 0;
    if (path.n == 0 || path.p[0] != '/')
        return 404;
    path = str_skip(path, 1);
    struct str name = str_split(&path, '/');
    if (str_is(name, "healthz") || str_is(name, "livez"))
        kind = HEALTH_LIVE;
    else if (str_is(name, "readyz"))
        kind = HEALTH_READY;
    if (kind == 0)
        return 404;
    if (path.n == 0)
        return answer_all(out, h, kind, name, query);
    for (size_t i = 0; i < h->checks.n; i++) {
        if ((h->checks.items[i].kinds & kind) && str_is(path, h->checks.items[i].name))
            return answer_one(out, &h->checks.items[i]);
    }
    return 404;
}
