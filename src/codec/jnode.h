/* SPDX-License-Identifier: Apache-2.0
 * jnode — a JSON value under construction or edit, in an arena. Where json is for reading, jnode is
 * for changing: thaw a document, change it, freeze it into a new one. Thawing is lazy: a subtree
 * that nobody touches stays a reference into its document and is copied as one block on freezing.
 *
 * All nodes of one tree live in one arena and die with it; referenced documents must live as long
 * (jnode_thaw takes no reference). Strings given to setters are copied into the arena. A node has
 * one parent at most: use jnode_copy to put it at a second place. One thread. */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

struct jnode;

/* ---- making ---- */
struct jnode *jnode_thaw(struct arena *a, struct json v); /* absent gives NULL */
struct jnode *jnode_obj(struct arena *a);
struct jnode *jnode_arr(struct arena *a);
struct jnode *jnode_null(struct arena *a);
struct jnode *jnode_bool(struct arena *a, bool b);
struct jnode *jnode_i64(struct arena *a, int64_t i);
struct jnode *jnode_num(struct arena *a, struct str text); /* text must be a JSON number */
struct jnode *jnode_str(struct arena *a, struct str s);
struct jnode *jnode_copy(struct arena *a, struct jnode *n); /* deep, lazily where it can */

/* ---- reading: all accept NULL (absent) and answer absent ---- */
enum json_type jnode_type(const struct jnode *n); /* JSON_ABSENT for NULL */
size_t jnode_len(struct jnode *n);
struct jnode *jnode_get(struct jnode *obj, struct str key); /* NULL when absent or not an object */
struct jnode *jnode_at(struct jnode *arr, size_t i);
struct jnode *jnode_path(struct jnode *n, const char *path); /* dotted, as json_path */
struct str jnode_text_of_str(struct jnode *n);               /* absent unless a string */
bool jnode_is_true(struct jnode *n);
bool jnode_to_i64(struct jnode *n, int64_t *out);
struct str jnode_num_text(struct jnode *n);
bool jnode_eq(struct jnode *a, struct jnode *b); /* as json_eq; two NULLs are equal */
/* The document value that an untouched node still stands for; absent once it was expanded. */
struct json jnode_source(struct jnode *n);

/* Members in order: key i and value i, i < jnode_len. */
struct str jnode_key_at(struct jnode *obj, size_t i);
struct jnode *jnode_value_at(struct jnode *obj, size_t i);

/* ---- changing ---- */
/* Sets or replaces a member, keeping its place; obj must be an object. Returns child. */
struct jnode *jnode_set(struct jnode *obj, struct str key, struct jnode *child);
bool jnode_del(struct jnode *obj, struct str key); /* false when there was none */
/* The member when it is an object, else a new empty object put there. */
struct jnode *jnode_need_obj(struct jnode *obj, struct str key);
struct jnode *jnode_need_arr(struct jnode *obj, struct str key);
struct jnode *jnode_append(struct jnode *arr, struct jnode *child);
struct jnode *jnode_insert(struct jnode *arr, size_t i, struct jnode *child); /* i <= len */
struct jnode *jnode_replace_at(struct jnode *arr, size_t i, struct jnode *child);
void jnode_remove_at(struct jnode *arr, size_t i);

/* Shorthands for the common setters. */
void jnode_set_str(struct jnode *obj, struct str key, struct str value);
void jnode_set_i64(struct jnode *obj, struct str key, int64_t value);
void jnode_set_bool(struct jnode *obj, struct str key, bool value);

/* ---- finishing ---- */
/* Compact text; the buffer fails where jnode_freeze would. NULL writes nothing. */
void jnode_write(struct buf *out, struct jnode *n);
/* Bytes of that text; SIZE_MAX for a tree nested deeper than JSON_DEPTH_MAX. */
size_t jnode_text_bytes(struct jnode *n);
/* A new document, or the old one when nothing was touched. Fails only over JSON_DOC_BYTES_MAX and
 * JSON_DEPTH_MAX (ERR_TOO_LARGE). n must not be NULL. *out is a new reference. */
int jnode_freeze(struct json_doc **out, struct jnode *n, struct err *err);
