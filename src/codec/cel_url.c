/* SPDX-License-Identifier: Apache-2.0
 * cel_url — Kubernetes' url library: absolute URLs and absolute paths (RFC 3986), as Go's
 * url.ParseRequestURI reads them. */
#include <string.h>

#include "codec/cel_internal.h"
#include "codec/url.h"

#define URL_MAX 16384

struct cel_url {
    struct str text, scheme, host, path, query;
};

struct str cel_url_text(const struct cel_url *u)
{
    return u->text;
}

static bool scheme_length(struct str s, size_t *n)
{
    for (*n = 0; *n < s.n; ++*n) {
        char c = s.p[*n];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (c == ':')
            return *n > 0;
        if (!letter && (*n == 0 || (!char_is_digit(c) && str_find_char(STR("+-."), c) < 0)))
            return false;
    }
    return false;
}

static bool escapes_fine(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
        if (s.p[i] == '%' && (i + 2 >= s.n || char_hex(s.p[i + 1]) < 0 || char_hex(s.p[i + 2]) < 0))
            return false;
    }
    return true;
}

/* "host", "host:80", "[::1]:80"; the port must be digits. */
static bool host_fine(struct str host)
{
    ptrdiff_t close = str_find_char(host, ']');
    if (host.n && host.p[0] == '[' && close < 0)
        return false;
    struct str rest = close >= 0 ? str_skip(host, (size_t)close + 1) : host;
    ptrdiff_t colon = str_find_char(rest, ':');
    if (close >= 0 && rest.n && colon != 0)
        return false;
    struct str port = colon >= 0 ? str_skip(rest, (size_t)colon + 1) : (struct str){ 0 };
    for (size_t i = 0; i < port.n; i++) {
        if (!char_is_digit(port.p[i]))
            return false;
    }
    return true;
}

static bool parse_url(struct str s, struct cel_url *out)
{
    size_t n;
    *out = (struct cel_url){ .text = s, .scheme = STR(""), .host = STR(""), .query = STR("") };
    if (s.n == 0 || s.n > URL_MAX || !escapes_fine(s))
        return false;
    struct str rest = s;
    if (scheme_length(s, &n)) {
        out->scheme = str_take(s, n);
        rest = str_skip(s, n + 1);
    }
    ptrdiff_t mark = str_find_char(rest, '?');
    if (mark >= 0) {
        out->query = str_skip(rest, (size_t)mark + 1);
        rest = str_take(rest, (size_t)mark);
    }
    if (str_starts(rest, STR("//"))) {
        rest = str_skip(rest, 2);
        ptrdiff_t slash = str_find_char(rest, '/');
        out->host = slash < 0 ? rest : str_take(rest, (size_t)slash);
        rest = slash < 0 ? STR("") : str_skip(rest, (size_t)slash);
        while (str_find_char(out->host, '@') >= 0) /* user:password */
            out->host = str_skip(out->host, (size_t)str_find_char(out->host, '@') + 1);
        if (!host_fine(out->host))
            return false;
    } else if (rest.n == 0 || rest.p[0] != '/') {
        return false;
    }
    out->path = rest;
    return true;
}

CEL_FN(url_of)
{
    struct cel_url *u = ARENA_NEW(e->a, struct cel_url);
    if (!cel_charge(e, cel_bytes_cost(v[0].s.n)))
        return cel_spent(e);
    if (!parse_url(v[0].s, u))
        return cel_error(e, "URL parse error during conversion from string: %.*s",
                         STR_ARG(str_take(v[0].s, 100)));
    return (struct cel_value){ .kind = CEL_URL, .url = u };
}

CEL_FN(is_url)
{
    struct cel_url u;
    return cel_charge(e, cel_bytes_cost(v[0].s.n)) ? cel_bool(parse_url(v[0].s, &u)) : cel_spent(e);
}

CEL_FN(get_scheme)
{
    return cel_str(arena_lower(e->a, v[0].url->scheme));
}

CEL_FN(get_host)
{
    (void)e;
    return cel_str(v[0].url->host);
}

static size_t name_length(struct str host)
{
    ptrdiff_t close = str_find_char(host, ']');
    struct str rest = close >= 0 ? str_skip(host, (size_t)close) : host;
    ptrdiff_t colon = str_find_char(rest, ':');
    return colon < 0 ? host.n : host.n - rest.n + (size_t)colon;
}

CEL_FN(get_hostname)
{
    (void)e;
    struct str host = str_take(v[0].url->host, name_length(v[0].url->host));
    if (host.n > 1 && host.p[0] == '[')
        host = str_make(host.p + 1, host.n - 2);
    return cel_str(host);
}

CEL_FN(get_port)
{
    (void)e;
    struct str host = v[0].url->host;
    size_t n = name_length(host);
    return cel_str(n < host.n ? str_skip(host, n + 1) : STR(""));
}

CEL_FN(get_escaped_path)
{
    (void)e;
    return cel_str(v[0].url->path);
}

static struct str decoded(struct cel_state *e, struct str s)
{
    AUTO(buf_fini) struct buf b;
    buf_init(&b, URL_MAX);
    if (url_decode_query(&b, s, NULL) < 0)
        return s;
    return arena_str(e->a, buf_view(&b));
}

struct pair {
    struct str key, value;
};

/* Pairs by key, each key once, its values in their order. */
CEL_FN(get_query)
{
    struct str query = v[0].url->query, key, value;
    size_t n = 1, used = 0, keys = 0;
    for (size_t i = 0; i < query.n; i++)
        n += query.p[i] == '&';
    if (!cel_charge(e, cel_bytes_cost(query.n) + n * cel_bytes_cost(n)))
        return cel_spent(e);
    struct pair *pairs = ARENA_ARRAY(e->a, struct pair, n);
    while (url_query_next(&query, &key, &value) && used < n)
        pairs[used++] = (struct pair){ decoded(e, key), decoded(e, value) };
    struct cel_entry *entries = ARENA_ARRAY(e->a, struct cel_entry, n);
    struct cel_value *pool =
        ARENA_ARRAY(e->a, struct cel_value, n); /* every value is in one list */
    for (size_t i = 0; i < used; i++) {
        if (!pairs[i].key.p)
            continue;
        struct cel_value *items = pool;
        size_t count = 0;
        struct str name = pairs[i].key;
        for (size_t j = i; j < used; j++) {
            if (!pairs[j].key.p || !str_eq(pairs[j].key, name))
                continue;
            items[count++] = cel_str(pairs[j].value);
            pairs[j].key.p = NULL; /* taken */
        }
        pool += count;
        entries[keys++] = (struct cel_entry){ cel_str(name), cel_list_of(e->a, items, count) };
    }
    return cel_map_of(e->a, entries, keys);
}

static const struct cel_overload rows[] = {
    { "url", "s", 'r', false, url_of },
    { "isURL", "s", 'b', false, is_url },
    { "getScheme", "r", 's', true, get_scheme },
    { "getHost", "r", 's', true, get_host },
    { "getHostname", "r", 's', true, get_hostname },
    { "getPort", "r", 's', true, get_port },
    { "getEscapedPath", "r", 's', true, get_escaped_path },
    { "getQuery", "r", 'M', true, get_query },
};

const struct cel_library cel_lib_url = { rows, COUNT_OF(rows) };
