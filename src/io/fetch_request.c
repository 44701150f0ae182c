/* SPDX-License-Identifier: Apache-2.0
 * fetch_request — a struct fetch_request as options of a curl easy handle, and what curl hands back
 * of the answer. */
#include <string.h>

#include "base/mem.h"
#include "codec/http1.h"
#include "codec/url.h"
#include "io/fetch_internal.h"

enum { CONNECT_TIMEOUT_MS = 10000, REDIRECTS_MAX = 5, KEEPALIVE_S = 30, SMALL_MAX = 8192 };

void fetch_abandon(struct fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* ---- the answer ---- */
static size_t stop_here(struct fetch *f)
{
    fetch_abandon(f);
    return CURL_WRITEFUNC_ERROR;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    long status = 0;
    (void)size; /* always 1 */
    if (f->cancelled || f->ended)
        return stop_here(f);
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    if (f->piece && status >= 200 && status < 300) {
        f->ended = !f->piece(f->arg, (int)status, str_make(p, n));
        return f->ended || f->cancelled ? stop_here(f) : n;
    }
    buf_put(&f->body, p, n);
    f->too_large = f->body.failed;
    return f->too_large ? stop_here(f) : n;
}

static bool value_of(struct str line, struct str name, struct str *value)
{
    if (line.n <= name.n || line.p[name.n] != ':' || !str_eq_nocase(str_take(line, name.n), name))
        return false;
    *value = str_trim(str_skip(line, name.n + 1));
    return true;
}

/* The fields that are kept, each its latest value. */
static struct buf *kept_field(struct fetch *f, struct str line, struct str *value)
{
    if (value_of(line, STR("content-type"), value))
        return &f->content_type;
    if (value_of(line, STR("retry-after"), value))
        return &f->retry_after;
    if (value_of(line, STR("grpc-status"), value))
        return &f->grpc_status;
    return value_of(line, STR("grpc-message"), value) ? &f->grpc_message : NULL;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    struct str line = str_make(p, n), value;
    struct buf *kept = kept_field(f, line, &value);
    (void)size;
    if (str_starts(line, STR("HTTP/"))) { /* a new head: after 100 Continue or a redirect */
        buf_clear(&f->content_type);
        buf_clear(&f->warnings);
        buf_clear(&f->retry_after);
        buf_clear(&f->grpc_status);
        buf_clear(&f->grpc_message);
        buf_clear(&f->body);
    } else if (kept) {
        buf_clear(kept);
        buf_str(kept, value);
    } else if (value_of(line, STR("warning"), &value)) {
        if (f->warnings.n > 0)
            buf_char(&f->warnings, '\n');
        buf_str(&f->warnings, value);
    }
    return n;
}

/* ---- the request ---- */
static int add_header(struct fetch *f, struct str name, struct str value, struct err *err)
{
    if (!http1_token_ok(name) || !http1_value_ok(value))
        return err_set(err, ERR_INVALID, "header \"%.*s\" is malformed",
                       STR_ARG(str_take(name, 60)));
    AUTO(buf_fini) struct buf line;
    buf_init(&line, name.n + value.n + 8);
    buf_str(&line, name);
    buf_str(&line, value.n > 0 ? STR(": ") : STR(";")); /* ";" is curl's way to say empty */
    buf_str(&line, value);
    struct curl_slist *longer = curl_slist_append(f->headers, line.p);
    if (!longer)
        return err_set(err, ERR_IO, "out of memory");
    f->headers = longer;
    return 0;
}

static int set_headers(struct fetch *f, const struct fetch_request *r, struct err *err)
{
    bool typed = false;
    for (size_t i = 0; i < r->n_headers; i++) {
        typed |= str_eq_nocase(r->headers[i].name, STR("content-type"));
        if (add_header(f, r->headers[i].name, r->headers[i].value, err) != 0)
            return -1;
    }
    /* Without a value curl leaves a field out that it would send on its own. */
    struct curl_slist *longer = curl_slist_append(f->headers, "Expect:");
    if (longer && !typed) {
        f->headers = longer;
        longer = curl_slist_append(f->headers, "Content-Type:");
    }
    if (!longer)
        return err_set(err, ERR_IO, "out of memory");
    f->headers = longer;
    curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
    return 0;
}

static void set_method(struct fetch *f, const struct fetch_request *r)
{
    bool writes = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 ||
                  strcmp(r->method, "PATCH") == 0;
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(f->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body.n > 0 || writes) {
        f->body_sent = mem_dup(r->body.n > 0 ? r->body.p : "", r->body.n);
        curl_easy_setopt(f->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, f->body_sent);
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    }
    curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
    if (!pem)
        return;
    struct curl_blob blob = { .data = (void *)(uintptr_t)pem,
                              .len = strlen(pem),
                              .flags = CURL_BLOB_NOCOPY };
    curl_easy_setopt(easy, option, &blob);
}

static void set_tls(struct fetch *f)
{
    const struct fetch_client *c = f->client;
    set_blob(f->easy, CURLOPT_CAINFO_BLOB, c->ca);
    set_blob(f->easy, CURLOPT_SSLCERT_BLOB, c->cert);
    set_blob(f->easy, CURLOPT_SSLKEY_BLOB, c->key);
    curl_easy_setopt(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!c->insecure)
        return;
    curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

static bool loopback(struct str host)
{
    return str_is(host, "localhost") || str_is(host, "::1") || str_starts(host, STR("127."));
}

/* To ask for another name than the URL's host, that name goes into the URL and the host becomes the
 * place to connect to. */
static int set_url(struct fetch *f, struct str text, struct err *err)
{
    struct url u;
    if (url_split(&u, text, err) != 0)
        return -1;
    if (!str_is(u.scheme, "http") && !str_is(u.scheme, "https"))
        return err_set(err, ERR_INVALID, "URL scheme \"%.*s\" is not http or https",
                       STR_ARG(str_take(u.scheme, 20)));
    /* Rather a stream of a connection than another one. Not in plain text: HTTP/1.1 has none, and
     * curl would wait for the first answer to learn that. */
    if (str_is(u.scheme, "https"))
        curl_easy_setopt(f->easy, CURLOPT_PIPEWAIT, 1L);
    if (loopback(u.host)) /* never through a proxy, whatever the environment says */
        curl_easy_setopt(f->easy, CURLOPT_PROXY, "");
    AUTO(buf_fini) struct buf b;
    buf_init(&b, text.n + 1024);
    const char *name = f->client->server_name;
    if (!name || str_is(u.host, name)) {
        buf_str(&b, text);
        curl_easy_setopt(f->easy, CURLOPT_URL, buf_view(&b).p);
        return 0;
    }
    unsigned port = u.port ? u.port : str_is(u.scheme, "https") ? 443 : 80;
    bool v6 = str_find_char(u.host, ':') >= 0;
    buf_printf(&b, "%s:%u:%s%.*s%s:%u", name, port, v6 ? "[" : "", STR_ARG(u.host), v6 ? "]" : "",
               port);
    f->connect_to = curl_slist_append(NULL, buf_view(&b).p);
    curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, f->connect_to);
    buf_clear(&b);
    buf_printf(&b, "%.*s://%s:%u%.*s", STR_ARG(u.scheme), name, port, STR_ARG(u.path));
    if (u.query.p)
        buf_printf(&b, "?%.*s", STR_ARG(u.query));
    curl_easy_setopt(f->easy, CURLOPT_URL, buf_view(&b).p);
    return b.failed ? err_set(err, ERR_TOO_LARGE, "the URL is too long") : 0;
}

static void set_transfer(struct fetch *f)
{
    CURL *e = f->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->why);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* "a/../b" is asked for as it stands */
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
}

static void set_flags(CURL *e, unsigned flags)
{
    if (flags & FETCH_ALONE) {
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    }
    if (flags & FETCH_STAY)
        curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    if (flags & FETCH_HTTP2_CLEAR)
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
}

int fetch_prepare(struct fetch *f, const struct fetch_request *r, struct err *err)
{
    buf_init(&f->body, r->answer_bytes > 0 ? r->answer_bytes : FETCH_ANSWER_BYTES_MAX);
    buf_init(&f->content_type, SMALL_MAX);
    buf_init(&f->warnings, SMALL_MAX);
    buf_init(&f->retry_after, SMALL_MAX);
    buf_init(&f->grpc_status, SMALL_MAX);
    buf_init(&f->grpc_message, SMALL_MAX);
    f->easy = curl_easy_init();
    if (!f->easy)
        return err_set(err, ERR_IO, "out of memory");
    set_transfer(f);
    set_flags(f->easy, r->flags);
    set_method(f, r);
    set_tls(f);
    if (set_url(f, r->url, err) != 0)
        return -1;
    return set_headers(f, r, err);
}
