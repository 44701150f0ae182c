/* SPDX-License-Identifier: Apache-2.0
 * read — get and list from memory: selectors, resourceVersion rules, pages over one consistent
 * snapshot. */
#pragma once

#include "apiserver/action.h"
#include "apiserver/select.h"

extern const action_step_fn read_get_steps[];
extern const action_step_fn read_list_steps[];

/* The selection that a list, watch or deletecollection asks for; free it. */
enum turn read_select(struct action *a, struct selection **out);

/* Tries again the reads that wait for a revision; called after each publication and on a timer. */
void read_retry(struct apiserver *s);
/* Forgets paging snapshots older than five minutes. */
void read_expire_pages(struct apiserver *s, struct mono now);
void read_drop_pages(struct apiserver *s); /* all of them */
