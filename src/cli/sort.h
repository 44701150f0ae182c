/* SPDX-License-Identifier: Apache-2.0
 * sort — objects in the order of one of their fields: get --sort-by. */
#pragma once

#include "base/err.h"
#include "kube/kobj.h"

/* By the value that the JSONPath names: numbers and quantities by value, else text; an object
 * without it comes first. Equal ones keep their order. ERR_INVALID for a wrong path. */
int sort_objects(struct kobj **items, size_t n, struct str path, struct err *err);
