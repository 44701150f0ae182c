/* SPDX-License-Identifier: Apache-2.0
 * decode — from the document that came in to the object as it shall be: is it of the kind that the
 * URL names, are its types right, are there fields that nobody knows; then defaults are filled in.
 * On the apiserver's loop. */
#pragma once

#include "apiserver/action.h"

/* Makes a->obj of a->r.body: checked, completed and defaulted. For resources themselves; TURN_END
 * with a refusal. */
enum turn decode_object(struct action *a);

/* The body as a root object of a kind that is no resource (Binding, Scale, DeleteOptions): checked
 * against the built-in type. *out is in the arena. */
enum turn
decode_other(struct action *a, struct str api_version, struct str kind, struct jnode **out);

/* Replaces the body by a document made here (a patched object). Takes the reference over. */
void decode_set_body(struct action *a, struct json_doc *doc);
