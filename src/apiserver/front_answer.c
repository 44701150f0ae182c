/* SPDX-License-Identifier: Apache-2.0
 * front_answer — what an action found becomes an answer: headers, media types, compression. Every
 * function that answers ends the front, whose answer is the engine's from then on. */
#include <stdlib.h>
#include <zlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/front_internal.h"
#include "codec/yaml.h"

#define HEADERS_MAX 32
/* Slow readers may hold so many answer bytes before lists are refused with 429: one connection,
 * all. */
#define HELD_BYTES_MAX ((size_t)64 << 20)
#define HELD_ALL_BYTES_MAX ((size_t)256 << 20)
#define GZIP_BYTES ((size_t)128 << 10) /* smaller answers are not compressed */

void front_free(struct front *f)
{
    action_free(f->a);
    free(f);
}

/* The answer is the engine's now. Its reader may take long; nothing else of the call is kept. */
static void handed_over(struct front *f)
{
    http_on_close(f->x, NULL, NULL);
    front_free(f);
}

struct headers {
    struct http_header items[HEADERS_MAX];
    size_t n;
};

static void add_header(struct headers *h, struct str name, struct str value)
{
    if (h->n < HEADERS_MAX)
        h->items[h->n++] = (struct http_header){ name, value };
}

static void add_warnings(struct front *f, struct headers *h)
{
    for (size_t i = 0; i < f->a->warnings.n; i++) {
        struct buf b;
        buf_init(&b, 4096);
        buf_str(&b, STR("299 - \""));
        struct str text = f->a->warnings.items[i];
        for (size_t k = 0; k < text.n; k++) {
            if (text.p[k] == '"' || text.p[k] == '\\')
                buf_char(&b, '\\');
            buf_char(&b, (unsigned char)text.p[k] < 0x20 ? ' ' : text.p[k]);
        }
        buf_char(&b, '"');
        if (!b.failed)
            add_header(h, STR("Warning"), arena_str(f->a->arena, buf_view(&b)));
        buf_fini(&b);
    }
}

static void common_headers(struct front *f, struct headers *h)
{
    add_header(h, STR("Cache-Control"), STR("no-cache, private"));
    add_warnings(f, h);
}

static struct http_answer
answer_of(struct headers *h, int status, const char *type, struct str body)
{
    return (struct http_answer){ .status = status,
                                 .headers = h->items,
                                 .n_headers = h->n,
                                 .content_type = str_from(type),
                                 .body = body };
}

void front_respond_text(struct front *f, int status, const char *type, struct str body)
{
    if (!f->x) {
        front_free(f);
        return;
    }
    struct headers h = { 0 };
    common_headers(f, &h);
    struct http_answer ans = answer_of(&h, status, type, body);
    http_respond(f->x, &ans);
    handed_over(f);
}

static bool compress_body(struct buf *out, struct str body)
{
    z_stream z = { 0 };
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&z, body.n);
    char *to = buf_room(out, room);
    z.next_in = (Bytef *)(uintptr_t)body.p;
    z.avail_in = (uInt)body.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    int rc = to ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
    out->n += rc == Z_STREAM_END ? z.total_out : 0;
    deflateEnd(&z);
    return rc == Z_STREAM_END;
}

static void release_text(void *arg)
{
    free(arg);
}

/* Hands the buffer's bytes to the engine. */
static void respond_buf(struct front *f, int status, const char *type, struct buf *b)
{
    struct headers h = { 0 };
    common_headers(f, &h);
    struct buf packed;
    buf_init(&packed, FRONT_ANSWER_BYTES_MAX);
    if (f->accept.gzip && b->n >= GZIP_BYTES && compress_body(&packed, buf_view(b))) {
        add_header(&h, STR("Content-Encoding"), STR("gzip"));
        add_header(&h, STR("Vary"), STR("Accept-Encoding"));
        buf_fini(b);
        *b = packed;
    } else {
        buf_fini(&packed);
    }
    size_t n;
    char *text = buf_take(b, &n);
    struct http_answer ans = answer_of(&h, status, type, str_make(text, n));
    http_respond_shared(f->x, &ans, release_text, text);
    handed_over(f);
}

static void respond_yaml(struct front *f, int status, struct str text)
{
    struct json_doc *doc = NULL;
    struct buf b;
    buf_init(&b, FRONT_ANSWER_BYTES_MAX);
    if (json_parse(&doc, text, &json_limits_own, NULL) == 0)
        yaml_write(&b, json_root(doc), YAML_AS_IS);
    json_doc_unref(doc);
    respond_buf(f, status, "application/yaml", &b);
    buf_fini(&b);
}

void front_respond_json(struct front *f, int status, struct str body)
{
    if (!f->x) {
        front_free(f);
        return;
    }
    if (f->accept.yaml) {
        respond_yaml(f, status, body);
        return;
    }
    struct buf b;
    buf_init(&b, FRONT_ANSWER_BYTES_MAX);
    buf_str(&b, body);
    respond_buf(f, status, "application/json", &b);
    buf_fini(&b);
}

static void release_object(void *arg)
{
    kobj_unref(arg);
}

/* The object's own text, shared with the engine. */
static void respond_whole(struct front *f, const struct kobj *o)
{
    struct headers h = { 0 };
    common_headers(f, &h);
    struct http_answer ans =
        answer_of(&h, f->a->reply.code, "application/json", json_doc_text(o->doc));
    http_respond_shared(f->x, &ans, release_object, kobj_ref(o));
    handed_over(f);
}

bool front_refuse_crowd(struct front *f)
{
    if (http_held(f->x) < HELD_BYTES_MAX && http_held_by_all(f->x) < HELD_ALL_BYTES_MAX)
        return false;
    struct status_spec s = {
        .code = 429,
        .message = STR("too many answers wait to be read, try again later"),
        .retry_after_s = 1,
    };
    action_refuse(f->a, &s);
    f->a->reply.object = f->a->result;
    struct headers h = { 0 };
    add_header(&h, STR("Retry-After"), STR("1"));
    struct str text = json_doc_text(f->a->result->doc);
    struct http_answer ans = answer_of(&h, 429, "application/json", text);
    http_respond(f->x, &ans);
    handed_over(f);
    return true;
}

void front_respond_reply(struct front *f)
{
    const struct kobj *o = f->a->reply.object;
    if (!o && front_refuse_crowd(f))
        return;
    bool small = o && json_doc_text(o->doc).n < GZIP_BYTES;
    if (small && f->accept.shape == FRONT_OBJECT && !f->accept.yaml) {
        respond_whole(f, o);
        return;
    }
    struct buf b;
    buf_init(&b, FRONT_ANSWER_BYTES_MAX);
    if (o)
        front_write_object(&b, f, o);
    else
        front_write_list(&b, f);
    if (b.failed)
        front_respond_text(f, 500, "text/plain", STR("the answer is too large: use limit\n"));
    else if (f->accept.yaml)
        respond_yaml(f, f->a->reply.code, buf_view(&b));
    else
        respond_buf(f, f->a->reply.code, "application/json", &b);
    buf_fini(&b);
}

void front_respond_refusal(struct front *f)
{
    f->a->reply.object = f->a->result;
    f->accept.shape = FRONT_OBJECT;
    f->a->reply.warnings = f->a->warnings.items;
    f->a->reply.n_warnings = f->a->warnings.n;
    front_respond_reply(f);
}
