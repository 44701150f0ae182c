/* SPDX-License-Identifier: Apache-2.0
 * crd — CustomResourceDefinitions put to work: each accepted one is compiled into resources and
 * schemas, one per served version, and joins the registry; deleting one takes its objects along.
 * On the apiserver's loop. */
#pragma once

#include "apiserver/action.h"
#include "kube/openapi.h"

struct apiserver;
struct crd; /* one definition at one revision, compiled. Shape (c), counted on the loop only */

struct crd *crd_ref(struct crd *c);
void crd_unref(struct crd *c); /* NULL is fine */

/* Compiles the definitions that the store holds and follows their changes. */
int crd_start(struct apiserver *s, struct err *err);
void crd_stop(struct apiserver *s);

struct str crd_storage_version(const struct crd *c); /* "group/version" */
/* selectableFields of the version; absent for built-in resources and versions without. */
struct json crd_selectable(const struct served *what);
/* Paths of the scale subresource without the leading dot; left alone when there is none. */
void crd_scale_paths(const struct served *what,
                     struct str *spec,
                     struct str *status,
                     struct str *selector);

/* A Warning when the version is deprecated. */
void crd_warn_deprecated(struct action *a);
/* The custom resources of a group-version, for OpenAPI, in the arena. */
const struct openapi_custom *
crd_openapi(struct apiserver *s, struct arena *a, struct str group, struct str version, size_t *n);

/* Hooks of prepare.c: names, conditions and stored versions of the definition. */
/* Names are accepted, or not, by a second write in the same transaction: what Kubernetes'
 * controller does a moment later. */
enum turn crd_prepare_create(struct action *a);
enum turn crd_prepare_update(struct action *a);
/* A definition starts to end: it stays until its objects are gone. Of deletion.c. */
void crd_prepare_delete(struct action *a);
