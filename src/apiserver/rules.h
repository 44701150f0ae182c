/* SPDX-License-Identifier: Apache-2.0
 * rules — validation, whatever the resource: built-in kinds by kube/validate, custom resources by
 * their schema, definitions by crd_rules. Steps of the pipeline. */
#pragma once

#include "apiserver/action.h"

enum turn rules_new(struct action *a);     /* a->obj is created */
enum turn rules_changed(struct action *a); /* a->old becomes a->obj */
