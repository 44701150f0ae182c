/* SPDX-License-Identifier: Apache-2.0
 * token — see token.h. HEADER.CLAIMS.SIGNATURE, each base64url without padding. The header is one
 * constant: a token that names another algorithm is none of ours. */
#include "apiserver/token.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "io/secret.h"

#define SIGNATURE_BYTES_MAX 64

static const struct str header = STR_INIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
static const struct json_limits claim_limits = { .bytes = TOKEN_BYTES_MAX,
                                                 .depth = 8,
                                                 .nodes = 256 };

static void put_signature(struct buf *out, struct str key, struct str signed_text)
{
    uint8_t mac[SECRET_HMAC_BYTES];
    secret_hmac(mac, key, signed_text);
    base64_encode(out, str_make(mac, sizeof mac), BASE64_URL_RAW);
}

static void put_object(struct buf *b, struct str kind, struct str name, struct str uid)
{
    buf_printf(b, ",\"%.*s\":{\"name\":", STR_ARG(kind));
    json_write_str(b, name);
    buf_str(b, STR(",\"uid\":"));
    json_write_str(b, uid);
    buf_char(b, '}');
}

static void put_claims(struct buf *b, const struct token_claims *c)
{
    int64_t issued = c->issued.ns / NS_PER_S;
    buf_str(b, STR("{\"aud\":["));
    for (size_t i = 0; i < c->n_audiences; i++) {
        buf_str(b, i > 0 ? STR(",") : STR(""));
        json_write_str(b, c->audiences[i]);
    }
    buf_printf(b, "],\"exp\":%lld,\"iat\":%lld,\"iss\":\"" TOKEN_ISSUER "\",\"jti\":",
               (long long)(c->expires.ns / NS_PER_S), (long long)issued);
    json_write_str(b, c->id);
    buf_str(b, STR(",\"kubernetes.io\":{\"namespace\":"));
    json_write_str(b, c->namespace);
    put_object(b, STR("serviceaccount"), c->account, c->uid);
    if (c->bound.n > 0)
        put_object(b, c->bound, c->bound_name, c->bound_uid);
    buf_printf(b, "},\"nbf\":%lld,\"sub\":\"system:serviceaccount:%.*s:%.*s\"}", (long long)issued,
               STR_ARG(c->namespace), STR_ARG(c->account));
}

void token_write(struct buf *out, struct str key, const struct token_claims *c)
{
    struct buf claims, text;
    buf_init(&claims, TOKEN_BYTES_MAX);
    buf_init(&text, TOKEN_BYTES_MAX);
    put_claims(&claims, c);
    base64_encode(&text, header, BASE64_URL_RAW);
    buf_char(&text, '.');
    base64_encode(&text, buf_view(&claims), BASE64_URL_RAW);
    buf_str(out, buf_view(&text));
    buf_char(out, '.');
    put_signature(out, key, buf_view(&text));
    buf_fini(&claims);
    buf_fini(&text);
}

/* ---- reading ---- */

static struct str text_at(struct arena *a, struct json v, const char *path)
{
    struct json at = json_path(v, path);
    return json_type(at) == JSON_STR ? arena_str(a, json_str(at)) : (struct str){ 0 };
}

static void read_bound(struct token_claims *c, struct arena *a, struct json kubernetes)
{
    static const char *const kinds[] = { "pod", "secret", "node" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct json v = json_get(kubernetes, str_from(kinds[i]));
        if (!json_exists(v))
            continue;
        c->bound = str_from(kinds[i]);
        c->bound_name = text_at(a, v, "name");
        c->bound_uid = text_at(a, v, "uid");
        return;
    }
}

static void read_claims(struct token_claims *c, struct arena *a, struct json root)
{
    struct json kubernetes = json_get(root, STR("kubernetes.io"));
    struct json list = json_get(root, STR("aud"));
    int64_t issued = 0, expires = 0;
    json_i64(json_get(root, STR("nbf")), &issued);
    json_i64(json_get(root, STR("exp")), &expires);
    struct str *audiences = ARENA_ARRAY(a, struct str, TOKEN_AUDIENCES_MAX);
    uint32_t n = json_len(list);
    n = n < TOKEN_AUDIENCES_MAX ? n : TOKEN_AUDIENCES_MAX;
    for (uint32_t i = 0; i < n; i++)
        audiences[i] = arena_str(a, json_str(json_at(list, i)));
    *c = (struct token_claims){
        .namespace = text_at(a, kubernetes, "namespace"),
        .account = text_at(a, kubernetes, "serviceaccount.name"),
        .uid = text_at(a, kubernetes, "serviceaccount.uid"),
        .audiences = audiences,
        .n_audiences = n,
        .id = text_at(a, root, "jti"),
        .issued = { issued * NS_PER_S },
        .expires = { expires * NS_PER_S },
    };
    read_bound(c, a, kubernetes);
}

/* The claims' text, once the signature was checked. */
static int open_token(struct buf *claims, struct str key, struct str text, struct err *err)
{
    struct str rest = text;
    struct str head = str_split(&rest, '.'), body = str_split(&rest, '.');
    if (text.n > TOKEN_BYTES_MAX)
        return err_set(err, ERR_DENIED, "the token is longer than %zu bytes", TOKEN_BYTES_MAX);
    AUTO(buf_fini) struct buf expect;
    buf_init(&expect, SIGNATURE_BYTES_MAX);
    put_signature(&expect, key, str_take(text, head.n + 1 + body.n));
    if (!secret_equal(buf_view(&expect), rest) ||
        base64_decode(claims, body, BASE64_URL_RAW, NULL) != 0)
        return err_set(err, ERR_DENIED, "the token was not signed by this server");
    return 0;
}

int token_read(struct token_claims *out,
               struct arena *a,
               struct str key,
               struct str text,
               struct wall now,
               struct err *err)
{
    AUTO(buf_fini) struct buf claims;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    buf_init(&claims, TOKEN_BYTES_MAX);
    if (open_token(&claims, key, text, err) != 0)
        return -1;
    if (json_parse(&doc, buf_view(&claims), &claim_limits, NULL) != 0)
        return err_set(err, ERR_DENIED, "the token's claims are no JSON");
    struct token_claims c;
    read_claims(&c, a, json_root(doc));
    if (now.ns >= c.expires.ns)
        return err_set(err, ERR_DENIED, "the token has expired");
    *out = c;
    return 0;
}

bool token_is_for(const struct token_claims *c, struct str audience)
{
    for (size_t i = 0; i < c->n_audiences; i++) {
        if (str_eq(c->audiences[i], audience))
            return true;
    }
    return false;
}
