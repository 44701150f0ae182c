/* SPDX-License-Identifier: Apache-2.0
 * auth — who is calling: the administrator's bearer token, tokens of service accounts made by
 * TokenRequest, client certificates signed by our CA, or nobody (system:anonymous). */
#pragma once

#include "apiserver/action.h"
#include "io/http.h"

#define AUTH_TOKENS_MAX 10000 /* of service accounts alive at one time */

struct auth_tokens; /* in memory: they end with the process */

struct auth_tokens *auth_tokens_new(void);
void auth_tokens_free(struct auth_tokens *t); /* NULL is fine */
struct auth_claim {                           /* what a new token says. Plain data */
    struct str user, uid;                     /* of a service account */
    struct wall expires;
};
/* A new token; text in the arena. ERR_BUSY when there are too many. */
int auth_token_make(struct apiserver *s,
                    struct arena *a,
                    const struct auth_claim *claim,
                    struct str *out,
                    struct err *err);
/* The user of a token, or false. */
bool auth_token_user(struct apiserver *s, struct arena *a, struct str token, struct user *out);

/* Fills a->user from the request, impersonation included. TURN_GO, or a refusal (401, 403). */
enum turn auth_identify(struct action *a, const struct http_request *req);

/* The groups that name a service account's user. */
void auth_service_account(struct arena *a, struct str namespace, struct str name, struct user *out);
