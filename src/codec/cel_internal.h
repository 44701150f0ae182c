/* SPDX-License-Identifier: Apache-2.0
 * What the files of cel share; nobody else includes this.
 *
 *     text ─ cel_lex ─► tokens ─ cel_parse ─► nodes (macros are nodes) ─ cel_check ─► types, slots,
 *     candidates of overloads ─ cel_eval ─► value
 *
 * Functions and operators are rows of tables (`struct cel_overload`), one table a library. A row's
 * parameters are one letter each, so that checker and evaluator read the same rows:
 *   b bool  i int  u uint  d double  s string  y bytes  t timestamp  D duration  T type  q quantity
 *   v semver  r url  a ip  c cidr  n null  # a number  L list  l list of strings  N list that sums
 *   C list that orders  M map  o optional  * anything  e an element of the first argument
 *   0 (result) the first argument's type  w (result) its map's value  p (result) an optional of its
 *   element  m a list and k a map with the first argument in it  = the first argument's type
 *   X (result) a list of strings */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/vec.h"
#include "codec/cel.h"

/* ---- tokens ---- */

enum cel_token_kind {
    CEL_TOKEN_END,
    CEL_TOKEN_NAME,
    CEL_TOKEN_INT,
    CEL_TOKEN_UINT,
    CEL_TOKEN_DOUBLE,
    CEL_TOKEN_STRING,
    CEL_TOKEN_BYTES,
    CEL_TOKEN_OP, /* one of the operators, as text */
};

struct cel_token {
    enum cel_token_kind kind;
    uint32_t at;
    struct str text; /* as written; of strings: decoded */
};

struct cel_lexer {
    struct str text;
    size_t at;
    struct arena *a;
    struct err *err;
};

/* The next token; -1 with err set. */
int cel_lex(struct cel_lexer *x, struct cel_token *out);
bool cel_reserved(struct str name);
/* "ERROR: <input>:1:5: …" for byte `at` of the text. Returns -1. */
struct cel_place {
    struct str text;
    uint32_t at;
};
int cel_fail_at(struct err *err, struct cel_place place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int cel_vfail_at(struct err *err, struct cel_place place, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
/* Appends code point c; cel_rune reads one (well-formed text) and moves on. */
size_t cel_put_rune(char out[4], uint32_t c);
uint32_t cel_rune(struct str *s);
size_t cel_rune_count(struct str s);

/* ---- nodes ---- */

enum cel_node_kind {
    CEL_NODE_LITERAL, /* value */
    CEL_NODE_IDENT,   /* name → slot */
    CEL_NODE_SELECT,  /* args[0].name; test: has(); optional: .?name */
    CEL_NODE_CALL,    /* name(args); method: args[0] is the receiver */
    CEL_NODE_AND,     /* args, flattened */
    CEL_NODE_OR,
    CEL_NODE_COND,  /* args[0] ? args[1] : args[2] */
    CEL_NODE_INDEX, /* args[0][args[1]]; optional: [?…] */
    CEL_NODE_LIST,  /* args; an entry of `optionals` each; flat: of any types */
    CEL_NODE_MAP,   /* args: key, value, key, value … */
    CEL_NODE_BIND,  /* name, args[0] in args[1] */
    CEL_NODE_FOLD,  /* a macro over args[0]: fold, name, name2, args[1], args[2] (NULL: none) */
    CEL_NODE_OPT,   /* optMap, optFlatMap (flat): name, args[0], args[1] */
};

enum cel_fold {
    CEL_FOLD_ALL,
    CEL_FOLD_EXISTS,
    CEL_FOLD_EXISTS_ONE,
    CEL_FOLD_MAP,    /* args[1] value, args[2] filter */
    CEL_FOLD_FILTER, /* args[1] filter */
    CEL_FOLD_TO_MAP, /* two variables: key stays */
    CEL_FOLD_TO_ENTRY,
};

struct cel_overload;

struct cel_node {
    enum cel_node_kind kind;
    uint32_t at; /* byte in the text */
    uint16_t height;
    bool test, optional, method, flat;
    enum cel_fold fold;
    uint32_t slot, slot2; /* a variable: below n_vars the caller's, else a local */
    struct str name, name2;
    struct cel_node **args;
    uint32_t n_args;
    const bool *optionals;                 /* of list items and map entries; NULL: none is */
    struct cel_value value;                /* literal */
    const struct cel_type *type;           /* set by the checker */
    const struct cel_overload **overloads; /* candidates of a call */
    uint32_t n_overloads;
    pcre2_code *regex; /* of a constant pattern; freed with the program */
};

VEC_TYPE(cel_node_vec, struct cel_node *);

struct cel {
    struct arena *a;
    struct str text;
    struct cel_node *root;
    const struct cel_env *env; /* copied into a */
    uint32_t n_slots;          /* variables and locals */
    uint64_t reads[4];         /* bits of the first 256 variables */
    struct cel_node_vec with_regex;
};

int cel_parse(struct cel *p, struct err *err);
int cel_check(struct cel *p, struct err *err);
/* "list(string)" */
struct str cel_type_text(struct arena *a, const struct cel_type *t);

/* ---- evaluation ---- */

struct cel_state { /* of one run */
    const struct cel *p;
    struct arena *a;
    struct cel_value *slots;
    uint64_t cost, limit;
    bool spent;                  /* over the limit: nothing absorbs that */
    const struct cel_node *node; /* the call under way */
};

typedef struct cel_value (*cel_fn)(struct cel_state *e, const struct cel_value *args);
/* Begins one: a macro, because all have this shape and the libraries' tables read by it. */
#define CEL_FN(name) static struct cel_value name(struct cel_state *e, const struct cel_value *v)

struct cel_overload {
    const char *name;
    const char *params; /* letters, the receiver first */
    char result;
    bool method;
    cel_fn fn;
};

struct cel_library {
    const struct cel_overload *rows;
    size_t n;
};

extern const struct cel_library cel_lib_core, cel_lib_time, cel_lib_string, cel_lib_list,
    cel_lib_regex, cel_lib_quantity, cel_lib_semver, cel_lib_net, cel_lib_url;

bool cel_letter_takes(char letter, const struct cel_value *v);

struct cel_value cel_error(struct cel_state *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct cel_value cel_error_in(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds cost; false when the limit is passed: return cel_spent(e). */
bool cel_charge(struct cel_state *e, uint64_t cost);
struct cel_value cel_spent(struct cel_state *e);
/* A tenth of n, rounded up: looking at n bytes. */
static inline uint64_t cel_bytes_cost(size_t n)
{
    return n / 10 + (n % 10 != 0);
}
/* A new list or string of n, charged; false: spent. */
bool cel_room(struct cel_state *e, size_t items, struct cel_value **out);

static inline bool cel_is_error(const struct cel_value *v)
{
    return v->kind == CEL_ERROR;
}

size_t cel_size(const struct cel_value *v); /* of lists and maps */
/* The value of a list at i (in range); JSON lists are walked. */
struct cel_value cel_item(const struct cel_value *list, size_t i, struct arena *a);
/* False: no such key. */
bool cel_find(const struct cel_value *map,
              const struct cel_value *key,
              struct arena *a,
              struct cel_value *out);
bool cel_find_name(const struct cel_value *map,
                   struct str key,
                   struct arena *a,
                   struct cel_value *out);

/* Where the first entry with that key lies; m->n: nowhere. */
size_t cel_map_index(const struct cel_map *m, const struct cel_value *key);

struct cel_each { /* over a list or map */
    const struct cel_value *v;
    struct arena *a;
    struct json_iter json;
    size_t i;
    struct cel_value key, value; /* of a list: index and item */
};
struct cel_each cel_each(const struct cel_value *v, struct arena *a);
bool cel_each_next(struct cel_each *it);

bool cel_is_number(const struct cel_value *v);
/* <0, 0, >0; 2: they have no order (NaN). Both numbers. */
int cel_compare_numbers(const struct cel_value *x, const struct cel_value *y);
/* <0, 0, >0; 2: these kinds have no order. */
int cel_compare(const struct cel_value *x, const struct cel_value *y);
/* Like cel_equal, charged by what it looks at. */
bool cel_same(struct cel_state *e, const struct cel_value *x, const struct cel_value *y);
struct str cel_type_name(const struct cel_value *v);

/* ---- texts of values ---- */

bool cel_time_parse(struct str s, struct cel_time *out); /* RFC 3339, years 1 to 9999 */
struct str cel_time_text(struct arena *a, struct cel_time t);
struct str cel_duration_text(struct arena *a, int64_t ns); /* "3.5s" */
struct str cel_double_text(struct arena *a, double d);     /* the shortest, as Go prints it */
/* string(v), or absent when v has none. */
struct str cel_text(struct arena *a, const struct cel_value *v);
int cel_semver_cmp(const struct cel_semver *x, const struct cel_semver *y);
struct str cel_semver_text(struct arena *a, const struct cel_semver *v);
bool cel_address_equal(const struct cel_value *x, const struct cel_value *y);
struct str cel_address_text(struct arena *a, const struct cel_value *v);
struct str cel_url_text(const struct cel_url *u);
/* Operators over them (cel_time.c). */
struct cel_value cel_time_add(struct cel_state *e, const struct cel_value *v);
struct cel_value cel_time_sub(struct cel_state *e, const struct cel_value *v);
struct cel_value cel_time_sub_duration(struct cel_state *e, const struct cel_value *v);
struct cel_value cel_duration_add(struct cel_state *e, const struct cel_value *v);
struct cel_value cel_duration_sub(struct cel_state *e, const struct cel_value *v);
struct cel_value cel_format(struct cel_state *e, const struct cel_value *args);

/* A pattern compiled with RE2's syntax (cel_regex.c); NULL with err set. */
pcre2_code *cel_regex_compile(struct str pattern, struct err *err);
