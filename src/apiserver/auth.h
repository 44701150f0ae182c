/* SPDX-License-Identifier: Apache-2.0
 * auth — who is calling: the administrator's bearer token, tokens of service accounts made by
 * TokenRequest, client certificates signed by our CA, or nobody (system:anonymous). */
#pragma once

#include "apiserver/action.h"
#include "io/http.h"

/* The user of a token, or false. */
bool auth_token_user(struct apiserver *s, struct arena *a, struct str token, struct user *out);

/* Fills a->user from the request. TURN_GO, or a refusal (401). */
enum turn auth_identify(struct action *a, const struct http_request *req);
bool auth_is_anonymous(const struct user *u);
/* Makes a->user into who is impersonated, if the request asks for that. TURN_GO, or 400 or 403. */
enum turn auth_impersonate(struct action *a, const struct http_request *req);

/* The groups that name a service account's user. */
void auth_service_account(struct arena *a, struct str namespace, struct str name, struct user *out);
