/* SPDX-License-Identifier: Apache-2.0
 * http1_head — reads a gathered head: start line, fields, and the few fields that decide framing
 * and the life of the connection. Pure. */
#include <string.h>

#include "codec/http1_internal.h"

/* token characters (RFC 9110 5.6.2): "!#$%&'*+-.^_`|~", digits, letters */
static const bool token_char[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool http1_token_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!token_char[(unsigned char)name.p[i]])
            return false;
    }
    return name.n > 0;
}

static bool space(char c)
{
    return c == ' ' || c == '\t';
}

bool http1_value_ok(struct str value)
{
    if (value.n > 0 && (space(value.p[0]) || space(value.p[value.n - 1])))
        return false;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool http1_list_has(struct str list, struct str token)
{
    while (list.p) {
        if (str_eq_nocase(str_trim(str_split(&list, ',')), token))
            return true;
    }
    return false;
}

static void lower_case(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    }
}

bool http1_read_field(struct http1_field *out, struct str line)
{
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon)
        return false;
    struct str name = str_make(line.p, (size_t)(colon - line.p));
    struct str value = str_skip(line, name.n + 1);
    while (value.n > 0 && space(value.p[0]))
        value = str_skip(value, 1);
    while (value.n > 0 && space(value.p[value.n - 1]))
        value.n--;
    if (!http1_token_ok(name) || !http1_value_ok(value))
        return false;
    lower_case((char *)(uintptr_t)name.p, name.n); /* our own gathered bytes */
    *out = (struct http1_field){ name, value };
    return true;
}

static bool bad_set(struct http1_bad *bad, int status, const char *why)
{
    *bad = (struct http1_bad){ status, why };
    return false;
}

static bool read_version(int *minor, struct str s, struct http1_bad *bad)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || s.p[5] < '0' || s.p[5] > '9' || s.p[6] != '.' ||
        s.p[7] < '0' || s.p[7] > '9')
        return bad_set(bad, 400, "the protocol version is malformed");
    if (s.p[5] != '1' || s.p[7] > '1')
        return bad_set(bad, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    *minor = s.p[7] - '0';
    return true;
}

static bool read_target(struct http1_head *h, struct http1_bad *bad)
{
    struct str t = h->target;
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return bad_set(bad, 400, "the request target has a forbidden character");
    }
    if (t.n == 1 && t.p[0] == '*' && str_is(h->method, "OPTIONS")) {
        h->path = t;
        return true;
    }
    size_t scheme = str_starts(t, STR("http://")) ? 7 : str_starts(t, STR("https://")) ? 8 : 0;
    if (scheme > 0) {
        struct str rest = str_skip(t, scheme);
        size_t n = strcspn(rest.p, "/? "); /* the line's SP ends it at the latest */
        h->host = str_take(rest, n);
        t = str_skip(rest, h->host.n);
        if (h->host.n == 0 || str_find_char(h->host, '@') >= 0)
            return bad_set(bad, 400, "the request target's authority is malformed");
    }
    ptrdiff_t q = str_find_char(t, '?');
    h->path = q < 0 ? t : str_take(t, (size_t)q);
    if (q >= 0)
        h->query = str_skip(t, (size_t)q + 1);
    if (scheme > 0 && h->path.n == 0)
        h->path = STR("/");
    if (h->path.n == 0 || h->path.p[0] != '/')
        return bad_set(bad, 400, "the request target is not a path");
    return true;
}

static bool read_request_line(struct http1_head *h, struct str line, struct http1_bad *bad)
{
    h->method = str_split(&line, ' ');
    h->target = str_split(&line, ' ');
    if (!http1_token_ok(h->method) || h->target.n == 0 || !line.p)
        return bad_set(bad, 400, "the request line is malformed");
    if (!read_version(&h->minor, line, bad))
        return false;
    if (str_is(h->method, "CONNECT"))
        return bad_set(bad, 501, "CONNECT is not supported");
    return read_target(h, bad);
}

static bool read_status_line(struct http1_head *h, struct str line, struct http1_bad *bad)
{
    if (!read_version(&h->minor, str_split(&line, ' '), bad))
        return false;
    struct str code = line.p ? str_split(&line, ' ') : (struct str){ 0 };
    int64_t status;
    if (code.n != 3 || !str_to_i64(code, &status) || status < 100 ||
        (line.p && !http1_value_ok(str_trim(line))))
        return bad_set(bad, 400, "the status line is malformed");
    h->status = (int)status;
    return true;
}

static bool read_length(struct http1_head *h, struct str value, struct http1_bad *bad)
{
    if (h->has_length)
        return bad_set(bad, 400, "more than one Content-Length");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad_set(bad, 400, "Content-Length is not a number");
    }
    if (!str_to_u64(value, &h->length))
        return bad_set(bad, value.n > 0 ? 413 : 400, "Content-Length is out of range");
    h->has_length = true;
    return true;
}

static bool read_coding(struct http1_head *h, struct str value, struct http1_bad *bad)
{
    if (h->chunked || h->minor == 0)
        return bad_set(bad, 400, "Transfer-Encoding where it may not be");
    if (!str_eq_nocase(value, STR("chunked")))
        return bad_set(bad, 501, "the only transfer coding supported is chunked");
    h->chunked = true;
    return true;
}

/* The fields that several others depend on, gathered while walking once. */
struct seen {
    bool host, close, keep_alive, upgrade;
    struct str upgrade_to;
};

static bool read_known(struct http1_head *h,
                       struct seen *seen,
                       const struct http1_field *f,
                       struct http1_bad *bad)
{
    switch (f->name.n) {
    case 4:
        if (!str_is(f->name, "host"))
            return true;
        if (seen->host)
            return bad_set(bad, 400, "more than one Host");
        seen->host = true;
        if (!h->host.p) /* an absolute target wins (RFC 9112 3.2.2) */
            h->host = f->value;
        return true;
    case 6:
        if (str_is(f->name, "expect") && str_eq_nocase(f->value, STR("100-continue")))
            h->expects_continue = h->minor == 1;
        return true;
    case 7:
        if (str_is(f->name, "upgrade"))
            seen->upgrade_to = f->value;
        return true;
    case 10:
        if (!str_is(f->name, "connection"))
            return true;
        seen->close |= http1_list_has(f->value, STR("close"));
        seen->keep_alive |= http1_list_has(f->value, STR("keep-alive"));
        seen->upgrade |= http1_list_has(f->value, STR("upgrade"));
        return true;
    case 14:
        return !str_is(f->name, "content-length") || read_length(h, f->value, bad);
    case 17:
        return !str_is(f->name, "transfer-encoding") || read_coding(h, f->value, bad);
    default:
        return true;
    }
}

static bool host_ok(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/?#@\\\"<>", c))
            return false;
    }
    return true;
}

static bool
conclude(struct http1_head *h, const struct seen *seen, enum http1_role role, struct http1_bad *bad)
{
    if (h->chunked && h->has_length)
        return bad_set(bad, 400, "both Content-Length and Transfer-Encoding");
    if (role == HTTP1_REQUESTS && h->minor == 1 && !seen->host)
        return bad_set(bad, 400, "no Host");
    if (role == HTTP1_REQUESTS && !host_ok(h->host))
        return bad_set(bad, 400, "Host is malformed");
    h->keep_alive = !seen->close && (h->minor == 1 || seen->keep_alive);
    if (seen->upgrade && h->minor == 1)
        h->upgrade = seen->upgrade_to;
    return true;
}

static struct str next_line(struct str *text)
{
    const char *lf = memchr(text->p, '\n', text->n); /* gathered: always there, after a CR */
    struct str line = str_make(text->p, (size_t)(lf - text->p) - 1);
    *text = str_skip(*text, line.n + 2);
    return line;
}

bool http1_read_head(struct http1_head *head,
                     struct http1_field_vec *fields,
                     struct str text,
                     enum http1_role role,
                     struct http1_bad *bad)
{
    struct seen seen = { 0 };
    struct str first = next_line(&text);
    if (role == HTTP1_REQUESTS ? !read_request_line(head, first, bad)
                               : !read_status_line(head, first, bad))
        return false;
    while (text.n > 0) {
        struct http1_field f;
        if (!http1_read_field(&f, next_line(&text)))
            return bad_set(bad, 400, "a header line is malformed");
        if (!read_known(head, &seen, &f, bad))
            return false;
        http1_field_vec_push(fields, f);
    }
    head->fields = fields->items;
    head->n_fields = fields->n;
    return conclude(head, &seen, role, bad);
}
