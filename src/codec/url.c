/* SPDX-License-Identifier: Apache-2.0
 * url — see url.h. */
#include "codec/url.h"

static int decode(struct buf *out, struct str s, bool plus, struct err *err)
{
    size_t done = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '%' && !(plus && c == '+'))
            continue;
        buf_put(out, s.p + done, i - done);
        if (c == '+') {
            buf_char(out, ' ');
            done = i + 1;
            continue;
        }
        int hi = i + 2 < s.n ? char_hex(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? char_hex(s.p[i + 2]) : -1;
        if (lo < 0)
            return err_set(err, ERR_INVALID, "broken escape in \"%.*s\"", STR_ARG(str_take(s, 80)));
        if (hi == 0 && lo == 0)
            return err_set(err, ERR_INVALID, "escaped NUL");
        buf_char(out, (char)(hi * 16 + lo));
        i += 2;
        done = i + 1;
    }
    buf_put(out, s.p + done, s.n - done);
    if (out->failed)
        return err_set(err, ERR_TOO_LARGE, "decoded text is longer than %zu bytes", out->max);
    return 0;
}

int url_decode(struct buf *out, struct str s, struct err *err)
{
    return decode(out, s, false, err);
}

int url_decode_query(struct buf *out, struct str s, struct err *err)
{
    return decode(out, s, true, err);
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void encode(struct buf *out, struct str s, bool slash)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (unreserved(s.p[i]) || (slash && c == '/')) {
            buf_char(out, s.p[i]);
            continue;
        }
        const char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
        buf_put(out, escape, sizeof escape);
    }
}

void url_encode(struct buf *out, struct str s)
{
    encode(out, s, false);
}

void url_encode_path(struct buf *out, struct str s)
{
    encode(out, s, true);
}

bool url_query_next(struct str *query, struct str *key, struct str *value)
{
    while (query->p) {
        struct str pair = str_split(query, '&');
        if (pair.n == 0)
            continue;
        *key = str_split(&pair, '=');
        *value = pair;
        return true;
    }
    return false;
}

/* The decoded form of s in the arena; absent when it is malformed. */
static struct str decoded(struct arena *a, struct str s, bool plus)
{
    struct buf b;
    struct str out = { 0 };
    buf_init(&b, s.n);
    if (decode(&b, s, plus, NULL) == 0)
        out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static bool plain(struct str s, bool plus)
{
    return str_find_char(s, '%') < 0 && (!plus || str_find_char(s, '+') < 0);
}

struct str url_query_get(struct arena *a, struct str query, struct str name)
{
    struct str key, value;
    while (url_query_next(&query, &key, &value)) {
        struct str k = plain(key, true) ? key : decoded(a, key, true);
        if (!k.p || !str_eq(k, name))
            continue;
        if (!value.p)
            return STR("");
        return plain(value, true) ? arena_str(a, value) : decoded(a, value, true);
    }
    return (struct str){ 0 };
}

static int
read_segment(struct str *out, struct arena *a, struct str raw, struct str path, struct err *err)
{
    struct str s = plain(raw, false) ? arena_str(a, raw) : decoded(a, raw, false);
    if (!s.p)
        return err_set(err, ERR_INVALID, "broken escape in path \"%.*s\"",
                       STR_ARG(str_take(path, 160)));
    if (str_is(s, ".") || str_is(s, "..") || str_find_char(s, '/') >= 0 ||
        memchr(s.p, '\0', s.n) != NULL || !str_is_utf8(s))
        return err_set(err, ERR_INVALID, "path \"%.*s\" has a forbidden segment",
                       STR_ARG(str_take(path, 160)));
    *out = s;
    return 0;
}

int url_path_split(struct url_path *out, struct arena *a, struct str path, struct err *err)
{
    struct url_path p = { 0 };
    if (path.n == 0 || path.p[0] != '/')
        return err_set(err, ERR_INVALID, "a path must start with \"/\"");
    struct str rest = str_skip(path, 1);
    p.slash = path.n > 1 && path.p[path.n - 1] == '/';
    if (p.slash)
        rest.n--;
    if (path.n == 1)
        rest.p = NULL;
    while (rest.p) {
        if (p.n == URL_SEGMENTS_MAX)
            return err_set(err, ERR_TOO_LARGE, "a path has more than %d segments",
                           URL_SEGMENTS_MAX);
        if (read_segment(&p.segments[p.n++], a, str_split(&rest, '/'), path, err) != 0)
            return -1;
    }
    *out = p;
    return 0;
}

static int split_authority(struct url *u, struct str auth, struct err *err)
{
    struct str port = { 0 };
    if (auth.n > 0 && auth.p[0] == '[') {
        ptrdiff_t end = str_find_char(auth, ']');
        if (end < 0)
            return err_set(err, ERR_INVALID, "\"[\" without \"]\"");
        u->host = str_make(auth.p + 1, (size_t)end - 1);
        port = str_skip(auth, (size_t)end + 1);
        if (port.n > 0 && port.p[0] != ':')
            return err_set(err, ERR_INVALID, "text after \"]\"");
        port = port.n > 0 ? str_skip(port, 1) : (struct str){ 0 };
    } else {
        u->host = str_split(&auth, ':');
        port = auth;
    }
    if (u->host.n == 0 || str_find_char(u->host, '@') >= 0)
        return err_set(err, ERR_INVALID, "no host, or a user name");
    uint64_t n = 0;
    if (port.p && (!str_to_u64(port, &n) || n == 0 || n > UINT16_MAX))
        return err_set(err, ERR_INVALID, "the port is not a number from 1 to 65535");
    u->port = (uint16_t)n;
    return 0;
}

int url_split(struct url *out, struct str text, struct err *err)
{
    struct url u = { 0 };
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= 0x20 || text.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "a URL has a space or control character");
    }
    ptrdiff_t colon = str_find(text, STR("://"));
    if (colon <= 0 || str_find_char(text, '#') >= 0)
        return err_set(err, ERR_INVALID, "\"%.*s\" is not scheme://host[:port]/path",
                       STR_ARG(str_take(text, 120)));
    u.scheme = str_take(text, (size_t)colon);
    struct str rest = str_skip(text, (size_t)colon + 3);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    if (split_authority(&u, str_take(rest, n), err) != 0)
        return err_wrap(err, "URL \"%.*s\"", STR_ARG(str_take(text, 120)));
    rest = str_skip(rest, n);
    u.path = str_split(&rest, '?');
    u.query = rest;
    *out = u;
    return 0;
}
