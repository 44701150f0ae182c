/* SPDX-License-Identifier: Apache-2.0
 * prepare_service — addresses and ports that the server gives to Services. */
#pragma once

#include "apiserver/action.h"

enum turn prepare_service_create(struct action *a);
enum turn prepare_service_update(struct action *a);
