/* SPDX-License-Identifier: Apache-2.0
 * cel — the Common Expression Language (cel.dev, language definition of 2025) as Kubernetes 1.36
 * runs it: device selectors, validation rules, conditions. A program is compiled once against
 * declared variables and run on values that lie in JSON documents or in an arena; nothing is copied
 * and nothing does I/O.
 *
 * What is there: all operators with CEL's error rules, the standard macros and their two-variable
 * forms, cel.bind, optionals, timestamps and durations, and Kubernetes' libraries (strings, lists,
 * regex, url, quantity, semver, ip, cidr, sets): docs/reference/cel.md lists every function.
 * What is not: protobuf messages, time zones by name (a fixed offset or UTC only).
 *
 * Bounds: CEL_TEXT_MAX, CEL_DEPTH_MAX and CEL_NODES_MAX when compiling; a cost when running, about
 * that of Kubernetes: one for a step, a tenth for a byte of text that a function looks at. What a
 * run allocates is charged before it is allocated, so the limit bounds memory as well.
 *
 * A compiled program is immutable and may run on any threads at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "codec/quantity.h"

#define CEL_TEXT_MAX 100000       /* bytes of an expression, as cel-go */
#define CEL_DEPTH_MAX 250         /* of nesting, as cel-go */
#define CEL_NODES_MAX 20000       /* steps of a program */
#define CEL_COST_CALL 1000000     /* Kubernetes' limit of one evaluation */
#define CEL_COST_REQUEST 10000000 /* and of all evaluations for one request */

enum cel_kind {
    CEL_DYN, /* a type only: anything */
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_OBJECT, /* a type only: a map whose fields are declared */
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_TYPE,
    CEL_OPTIONAL,
    CEL_QUANTITY,
    CEL_SEMVER,
    CEL_URL,
    CEL_IP,
    CEL_CIDR,
    CEL_ERROR, /* a value only: evaluation failed, `s` says why */
    CEL_KINDS,
};

/* ---- types: constant data, or in an arena that outlives the program ---- */

struct cel_type;

struct cel_field {
    struct str name;
    const struct cel_type *type;
};

struct cel_type {
    enum cel_kind kind;
    const struct cel_type *elem;    /* of a list, a map's values, an optional; NULL: dyn */
    const struct cel_type *key;     /* of a map; NULL: dyn */
    struct str name;                /* of an object */
    const struct cel_field *fields; /* of an object, any order */
    size_t n_fields;
};

extern const struct cel_type cel_types[CEL_KINDS]; /* by kind: the plain one, lists of dyn … */

/* ---- values ---- */

struct cel_time { /* CEL's timestamps reach from year 1 to 9999 */
    int64_t s;
    int32_t ns; /* 0 … 999,999,999 */
};

struct cel_semver;
struct cel_address;
struct cel_url;
struct cel_list;
struct cel_map;

struct cel_value { /* by value; what it points to lives in the run's arena or the document */
    enum cel_kind kind;
    bool in_json;                /* list or map: `json` holds it */
    const struct cel_type *type; /* in_json: as declared, so that members are read by it; or NULL */
    union {
        bool b;
        int64_t i; /* int; a duration in nanoseconds */
        uint64_t u;
        double d;
        struct str s; /* string, bytes, the name of a type, the text of an error */
        struct json json;
        const struct cel_list *list;
        const struct cel_map *map;
        struct cel_time t;
        const struct cel_value *held; /* of an optional; NULL: none */
        const struct quantity *quantity;
        const struct cel_semver *semver;
        const struct cel_address *address; /* ip, cidr */
        const struct cel_url *url;
    };
};

struct cel_list {
    const struct cel_value *items;
    size_t n;
};

struct cel_entry {
    struct cel_value key, value;
};

struct cel_map {
    const struct cel_entry *entries;
    size_t n;
    const uint32_t *slots;           /* entry + 1 by hash; NULL: few entries */
    size_t mask;                     /* slots − 1 */
    const struct cel_value *missing; /* what an absent key reads as; NULL: an error */
};

static inline struct cel_value cel_bool(bool b)
{
    return (struct cel_value){ .kind = CEL_BOOL, .b = b };
}

static inline struct cel_value cel_int(int64_t i)
{
    return (struct cel_value){ .kind = CEL_INT, .i = i };
}

static inline struct cel_value cel_str(struct str s)
{
    return (struct cel_value){ .kind = CEL_STRING, .s = s };
}

static inline struct cel_value cel_quantity(const struct quantity *q)
{
    return (struct cel_value){ .kind = CEL_QUANTITY, .quantity = q };
}

/* A JSON value read as the type says (NULL: dyn): date-time and duration strings and whole numbers
 * become what was declared; a value that is not of the type is an error value. Borrows v. */
struct cel_value cel_from_json(struct json v, const struct cel_type *type, struct arena *a);
/* Lists and maps over entries that the caller keeps; keys must differ. */
struct cel_value cel_list_of(struct arena *a, const struct cel_value *items, size_t n);
struct cel_value cel_map_of(struct arena *a, const struct cel_entry *entries, size_t n);
/* The same map, where absent keys read as `missing`. */
struct cel_value
cel_map_with_default(struct arena *a, struct cel_value map, struct cel_value missing);
/* "1.2.3-rc.1+build", strictly (semver.org 2.0); an error value else. */
struct cel_value cel_semver_of(struct arena *a, struct str text);
/* CEL's == : numbers by value whatever their kinds, other kinds differ. */
bool cel_equal(const struct cel_value *x, const struct cel_value *y);
/* Appends the value as JSON; types without a JSON form as their text. */
void cel_write_json(struct buf *out, const struct cel_value *v);

/* ---- programs ---- */

struct cel; /* a compiled expression */

struct cel_env { /* plain data */
    const struct cel_field *vars;
    size_t n_vars;
    const struct cel_type *result; /* what it must give; NULL: anything */
};

/* ERR_INVALID "ERROR: <input>:LINE:COLUMN: …" (columns count code points from 1, the words are
 * cel-go's), ERR_TOO_LARGE over a limit. The types in env must outlive the program. */
int cel_compile(struct cel **out, struct str text, const struct cel_env *env, struct err *err);
void cel_free(struct cel *p); /* NULL is fine */
DEFINE_FREEP(struct cel *, cel_freep, cel_free)
const struct cel_type *cel_result(const struct cel *p);
/* Does it mention this variable? */
bool cel_reads(const struct cel *p, struct str variable);

struct cel_run { /* plain data */
    struct arena *arena;
    const struct cel_value *vars; /* as env->vars, in that order */
    uint64_t limit;               /* of cost */
    uint64_t cost;                /* out: what it took */
};

/* Evaluates. ERR_INVALID with cel-go's words ("no such key: x"), ERR_TOO_LARGE when the limit ended
 * it. *out lives as long as the arena, the variables and the program. */
int cel_eval(const struct cel *p, struct cel_run *run, struct cel_value *out, struct err *err);
