/* SPDX-License-Identifier: Apache-2.0
 * schema_scalar — strings that hold something: base64, quantities, times; refused in the words of
 * Kubernetes' decoder. Each returns 0, or -1 with ERR_INVALID. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

int schema_check_base64(struct str text, struct err *err);
int schema_check_quantity(struct str text, struct err *err);
int schema_check_time(struct str text, bool micro, struct err *err);
