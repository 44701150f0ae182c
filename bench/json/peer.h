/* SPDX-License-Identifier: Apache-2.0
 * peer — the work of json_bench.c as jansson does it. A file of its own, because both libraries
 * call things json_type and JSON_NULL. Without jansson peer_open returns false. */
#pragma once

#include "base/str.h"

enum { PEER_POD_ROUNDS = 2000 };

bool peer_open(struct str list, struct str pod);
void peer_close(void);
double peer_weight(void); /* bytes of the list's tree, as asked of malloc */

void peer_parse_list(void);
void peer_parse_pods(void);
void peer_write_list(void);
/* A new version of an object that others may still read: a copy, a change, and its text. */
void peer_edit_pods(void);
void peer_look_up(void);
void peer_look_up_list(void);
