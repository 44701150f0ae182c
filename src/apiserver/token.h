/* SPDX-License-Identifier: Apache-2.0
 * token — bearer tokens of service accounts: JSON Web Tokens (RFC 7519) with the claims that
 * Kubernetes gives them, signed with a key that only this server has (HS256), so that nothing need
 * be remembered about them and they outlive a restart. Pure; whether the account still exists is
 * auth.c's question. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#define TOKEN_ISSUER "https://kubernetes.default.svc"
#define TOKEN_BYTES_MAX ((size_t)16 << 10)
#define TOKEN_AUDIENCES_MAX 32

struct token_claims { /* plain data */
    struct str namespace, account, uid;
    struct str bound, bound_name, bound_uid; /* "pod", "secret", "node"; absent: to nothing */
    const struct str *audiences;
    size_t n_audiences;
    struct str id; /* "jti" */
    struct wall issued, expires;
};

/* Appends the token's text. */
void token_write(struct buf *out, struct str key, const struct token_claims *c);

/* Decodes a token that was signed with this key; its strings are in the arena. ERR_DENIED for any
 * other text, and for one that is not valid now. */
int token_read(struct token_claims *out,
               struct arena *a,
               struct str key,
               struct str text,
               struct wall now,
               struct err *err);

bool token_is_for(const struct token_claims *c, struct str audience);
