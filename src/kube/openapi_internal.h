/* SPDX-License-Identifier: Apache-2.0
 * openapi_internal — shared by openapi.c (components) and openapi_paths.c. */
#pragma once

#include "kube/openapi.h"
#include "kube/schema.h"

/* "io.k8s.api.core.v1.Pod" of "core.v1.Pod". */
void openapi_name(struct buf *out, struct str type);
/* "com.example.e.v1.Model": the group's labels in reverse. */
void openapi_custom_name(struct buf *out, const struct resource *r);
/* The paths of one resource, each after a comma when *first is false. */
void openapi_write_paths(struct buf *out, const struct resource *r, bool *first);
/* "x-kubernetes-group-version-kind":{…} */
void openapi_write_gvk(struct buf *out, const struct resource *r);
