/* SPDX-License-Identifier: Apache-2.0
 * openapi — OpenAPI v3 documents of a group-version, written from the type tables: what kubectl
 * needs to explain, to validate and to make patches. Descriptions are not kept. Pure. */
#pragma once

#include "base/buf.h"
#include "codec/json.h"
#include "kube/kind.h"

struct openapi_custom { /* a served version of a custom resource */
    const struct resource *resource;
    struct json schema; /* its openAPIV3Schema */
};

/* Is there any built-in resource of that group-version? */
bool openapi_has_builtin(struct str group, struct str version);

/* Appends the document of /openapi/v3/apis/GROUP/VERSION (/openapi/v3/api/v1 for group ""):
 * built-in resources of the group-version and the custom ones given. */
void openapi_write(struct buf *out,
                   struct str group,
                   struct str version,
                   const struct openapi_custom *custom,
                   size_t n_custom);
