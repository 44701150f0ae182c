/* SPDX-License-Identifier: Apache-2.0
 * refuse — how the API says no, in Kubernetes' words. Each ends the action with a metav1.Status and
 * returns TURN_END. */
#pragma once

#include "apiserver/action.h"

enum turn refuse_not_found(struct action *a, struct str name);
enum turn refuse_exists(struct action *a, struct str name, bool deleting);
enum turn refuse_conflict(struct action *a, struct str name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "the object has been modified; please apply your changes to the latest version and try again" */
enum turn refuse_modified(struct action *a, struct str name);
enum turn refuse_forbidden(struct action *a, struct str name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
enum turn refuse_invalid(struct action *a, struct str name, const struct causes *causes);
enum turn refuse_bad_request(struct action *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* 500 without a reason: what Kubernetes answers where an error of its own has no status. */
enum turn refuse_internal(struct action *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum turn refuse_unknown(struct action *a); /* "could not find the requested resource" */
enum turn refuse_method(struct action *a);  /* 405 */
enum turn refuse_media(struct action *a, const char *accepted); /* 415 */
enum turn refuse_err(struct action *a, const struct err *err);

/* "deployments.apps", "pods", in the arena. */
struct str refuse_resource_name(struct action *a);
