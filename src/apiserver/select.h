/* SPDX-License-Identifier: Apache-2.0
 * select — label and field selectors of a list or watch, parsed once, matched often. Pure. */
#pragma once

#include "apiserver/strategy.h"
#include "base/err.h"
#include "kube/kobj.h"

struct selection; /* shape (b) */

struct select_spec {
    const struct resource *res;
    const struct strategy *rules;
    struct json selectable; /* of a custom resource: its selectableFields, or absent */
    struct str labels, fields;
    struct str namespace, name; /* absent: all */
};

/* ERR_INVALID says what is wrong with a selector, in Kubernetes' words. */
int selection_new(struct selection **out, const struct select_spec *spec, struct err *err);
void selection_free(struct selection *s); /* NULL is fine */
DEFINE_FREEP(struct selection *, selection_freep, selection_free)
bool selection_matches(const struct selection *s, const struct kobj *o);
bool selection_is_all(const struct selection *s); /* no selector but the namespace */
