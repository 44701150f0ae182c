/* SPDX-License-Identifier: Apache-2.0
 * services — which services `ganglion up` runs, one row each. */
#pragma once

#include <stdio.h>

#include "cmd/service.h"
#include "cmd/up_options.h"

#define SERVICES_MAX 8

struct service_row {
    const struct service_kind *kind;
    const void *options;
};

/* Fills rows in starting order; returns how many. */
size_t services_of(struct service_row rows[SERVICES_MAX], const struct up_options *o);

void services_metrics_page(FILE *out); /* the reference page of metrics, Markdown */
