/* SPDX-License-Identifier: Apache-2.0
 * boot — the objects that every cluster has from the start: namespaces, system priority classes,
 * cluster roles, the "kubernetes" service. Written when missing. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct apiserver;

int boot_objects(struct apiserver *s, struct err *err);
/* CustomResourceDefinitions, YAML texts: written when missing. */
int boot_definitions(struct apiserver *s, const struct str *texts, size_t n, struct err *err);
