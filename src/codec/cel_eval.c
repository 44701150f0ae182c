/* SPDX-License-Identifier: Apache-2.0
 * cel_eval — walks the nodes. An error is a value that every step but && || and the macros over
 * them hands on; running out of cost is an error that nothing absorbs. Also compiling: parse,
 * check, and what a program owns. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/cel_internal.h"

static struct cel_value eval(struct cel_state *e, const struct cel_node *n);

/* ---- errors and cost ---- */

struct cel_value cel_error(struct cel_state *e, const char *fmt, ...)
{
    char text[200]; /* && and || may drop a million of these */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct str s = str_make(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    while (!str_is_utf8(s)) /* cut inside a character */
        s.n--;
    if (!cel_charge(e, cel_bytes_cost(s.n)))
        return cel_spent(e);
    return (struct cel_value){ .kind = CEL_ERROR, .s = arena_str(e->a, s) };
}

bool cel_charge(struct cel_state *e, uint64_t cost)
{
    if (e->spent || __builtin_add_overflow(e->cost, cost, &e->cost) || e->cost > e->limit)
        e->spent = true;
    return !e->spent;
}

struct cel_value cel_spent(struct cel_state *e)
{
    e->spent = true;
    return (struct cel_value){ .kind = CEL_ERROR,
                               .s = STR("operation cancelled: actual cost limit exceeded") };
}

bool cel_room(struct cel_state *e, size_t items, struct cel_value **out)
{
    if (!cel_charge(e, cel_bytes_cost(items)))
        return false;
    *out = ARENA_ARRAY(e->a, struct cel_value, items + 1);
    return true;
}

static struct cel_value no_such_overload(struct cel_state *e)
{
    return cel_error(e, "no such overload");
}

static struct cel_value some(struct cel_state *e, struct cel_value v)
{
    struct cel_value *held = ARENA_NEW(e->a, struct cel_value);
    *held = v;
    return (struct cel_value){ .kind = CEL_OPTIONAL, .held = held };
}

static const struct cel_value none = { .kind = CEL_OPTIONAL };

/* ---- members ---- */

static struct cel_value key_text(struct cel_state *e, const struct cel_value *key)
{
    return cel_error(e, "no such key: %.*s", STR_ARG(str_take(cel_text(e->a, key), 100)));
}

static struct cel_value eval_select(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value from = eval(e, n->args[0]), out;
    if (cel_is_error(&from))
        return from;
    bool wrapped = from.kind == CEL_OPTIONAL;
    if (wrapped && !from.held)
        return n->test ? cel_bool(false) : none;
    if (wrapped)
        from = *from.held;
    if (from.kind != CEL_MAP)
        return no_such_overload(e);
    bool found = cel_find_name(&from, n->name, e->a, &out);
    if (n->test)
        return cel_bool(found);
    bool optional = wrapped || n->optional;
    if (!found)
        return optional ? none : cel_error(e, "no such key: %.*s", STR_ARG(n->name));
    return optional && !cel_is_error(&out) ? some(e, out) : out;
}

static bool list_index(const struct cel_value *key, int64_t *out)
{
    if (key->kind == CEL_DOUBLE) {
        if (!(fabs(key->d) < 0x1p62) || key->d != floor(key->d))
            return false;
        *out = (int64_t)key->d;
        return true;
    }
    *out = key->kind == CEL_UINT && key->u > INT64_MAX ? INT64_MAX : key->i;
    return key->kind == CEL_INT || key->kind == CEL_UINT;
}

/* Finds from[key]; an error value in *out says what is wrong with the types. */
static bool find_member(struct cel_state *e,
                        const struct cel_value *from,
                        const struct cel_value *key,
                        struct cel_value *out)
{
    int64_t i;
    *out = (struct cel_value){ .kind = CEL_NULL };
    if (from->kind == CEL_MAP)
        return cel_find(from, key, e->a, out);
    if (from->kind != CEL_LIST) {
        *out = no_such_overload(e);
        return false;
    }
    if (!list_index(key, &i)) {
        *out = cel_error(e, "unsupported index type in a list");
        return false;
    }
    if (i < 0 || (uint64_t)i >= cel_size(from))
        return false;
    if (from->in_json && !cel_charge(e, (uint64_t)i / 10)) { /* the document is walked to there */
        *out = cel_spent(e);
        return false;
    }
    *out = cel_item(from, (size_t)i, e->a);
    return true;
}

static struct cel_value eval_index(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value from = eval(e, n->args[0]), out;
    if (cel_is_error(&from))
        return from;
    struct cel_value key = eval(e, n->args[1]);
    if (cel_is_error(&key))
        return key;
    bool wrapped = from.kind == CEL_OPTIONAL, optional = wrapped || n->optional;
    if (wrapped && !from.held)
        return none;
    if (wrapped)
        from = *from.held;
    bool found = find_member(e, &from, &key, &out);
    if (cel_is_error(&out))
        return out;
    if (found)
        return optional ? some(e, out) : out;
    if (optional)
        return none;
    return from.kind == CEL_LIST
               ? cel_error(e, "index out of bounds: %.*s", STR_ARG(cel_text(e->a, &key)))
               : key_text(e, &key);
}

/* ---- logic ---- */

/* && and ||: the deciding value wins over errors, whichever comes first. */
static struct cel_value eval_logic(struct cel_state *e, const struct cel_node *n)
{
    bool decides = n->kind == CEL_NODE_OR;
    struct cel_value failed = { 0 };
    for (uint32_t i = 0; i < n->n_args; i++) {
        struct cel_value v = eval(e, n->args[i]);
        if (v.kind == CEL_BOOL && v.b == decides)
            return v;
        if (e->spent)
            return cel_spent(e);
        if (v.kind != CEL_BOOL && failed.kind != CEL_ERROR)
            failed = cel_is_error(&v) ? v : no_such_overload(e);
    }
    return cel_is_error(&failed) ? failed : cel_bool(!decides);
}

static struct cel_value eval_cond(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value test = eval(e, n->args[0]);
    if (cel_is_error(&test))
        return test;
    if (test.kind != CEL_BOOL)
        return no_such_overload(e);
    return eval(e, n->args[test.b ? 1 : 2]);
}

/* ---- literals ---- */

/* An optional item: false when there is nothing to put, or an error in *v. */
static bool open_optional(struct cel_state *e, bool optional, struct cel_value *v)
{
    if (!optional || cel_is_error(v))
        return true;
    if (v->kind != CEL_OPTIONAL) {
        *v = no_such_overload(e);
        return true;
    }
    if (!v->held)
        return false;
    *v = *v->held;
    return true;
}

static struct cel_value eval_list(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value *items;
    size_t used = 0;
    if (!cel_charge(e, 9) || !cel_room(e, n->n_args, &items))
        return cel_spent(e);
    for (uint32_t i = 0; i < n->n_args; i++) {
        struct cel_value v = eval(e, n->args[i]);
        if (!open_optional(e, n->optionals[i], &v))
            continue;
        if (cel_is_error(&v))
            return v;
        items[used++] = v;
    }
    return cel_list_of(e->a, items, used);
}

static bool is_key(const struct cel_value *k)
{
    return k->kind == CEL_STRING || k->kind == CEL_INT || k->kind == CEL_UINT ||
           k->kind == CEL_BOOL;
}

struct entries { /* a map that grows */
    struct cel_entry *items;
    size_t n, room;
};

static bool entries_add(struct cel_state *e, struct entries *m, struct cel_entry entry)
{
    if (m->n == m->room) {
        if (!cel_charge(e, m->room / 5 + 1))
            return false;
        m->room = 2 * m->room + 8;
        struct cel_entry *more = ARENA_ARRAY(e->a, struct cel_entry, m->room);
        if (m->n)
            memcpy(more, m->items, m->n * sizeof *more);
        m->items = more;
    }
    m->items[m->n++] = entry;
    return true;
}

/* A map of these entries, or an error when two have equal keys. */
static struct cel_value entries_map(struct cel_state *e, const struct entries *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (!is_key(&m->items[i].key))
            return cel_error(e, "unsupported key type");
    }
    struct cel_value map = cel_map_of(e->a, m->items, m->n);
    for (size_t i = 1; i < m->n; i++) {
        if (cel_map_index(map.map, &m->items[i].key) != i)
            return cel_error(e, "Failed with repeated key");
    }
    return map;
}

static struct cel_value eval_map(struct cel_state *e, const struct cel_node *n)
{
    struct entries m = { 0 };
    if (!cel_charge(e, 29))
        return cel_spent(e);
    for (uint32_t i = 0; i + 1 < n->n_args; i += 2) {
        struct cel_value key = eval(e, n->args[i]);
        if (cel_is_error(&key))
            return key;
        struct cel_value v = eval(e, n->args[i + 1]);
        if (!open_optional(e, n->optionals[i / 2], &v))
            continue;
        if (cel_is_error(&v))
            return v;
        if (!entries_add(e, &m, (struct cel_entry){ key, v }))
            return cel_spent(e);
    }
    return entries_map(e, &m);
}

/* ---- macros ---- */

static struct cel_value eval_bind(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value v = eval(e, n->args[0]);
    if (cel_is_error(&v))
        return v;
    e->slots[n->slot] = v;
    return eval(e, n->args[1]);
}

static struct cel_value eval_opt(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value from = eval(e, n->args[0]);
    if (cel_is_error(&from))
        return from;
    if (from.kind != CEL_OPTIONAL)
        return no_such_overload(e);
    if (!from.held)
        return none;
    e->slots[n->slot] = *from.held;
    struct cel_value out = eval(e, n->args[1]);
    if (cel_is_error(&out))
        return out;
    if (n->flat)
        return out.kind == CEL_OPTIONAL ? out : no_such_overload(e);
    return some(e, out);
}

/* Puts the loop's variables in their slots. */
static void fold_bind(struct cel_state *e, const struct cel_node *n, const struct cel_each *it)
{
    bool map = it->v->kind == CEL_MAP;
    if (!n->name2.n) {
        e->slots[n->slot] = map ? it->key : it->value;
        return;
    }
    e->slots[n->slot] = it->key;
    e->slots[n->slot2] = it->value;
}

/* all, exists, exists_one. */
static struct cel_value
fold_test(struct cel_state *e, const struct cel_node *n, struct cel_each *it)
{
    struct cel_value failed = { 0 };
    bool absorbs = n->fold != CEL_FOLD_EXISTS_ONE, decides = n->fold == CEL_FOLD_EXISTS;
    size_t hits = 0;
    while (cel_each_next(it)) {
        fold_bind(e, n, it);
        struct cel_value v = cel_is_error(&it->value) ? it->value : eval(e, n->args[1]);
        if (!cel_charge(e, 1))
            return cel_spent(e);
        if (v.kind != CEL_BOOL) {
            v = cel_is_error(&v) ? v : no_such_overload(e);
            if (!absorbs)
                return v;
            failed = cel_is_error(&failed) ? failed : v;
            continue;
        }
        if (absorbs && v.b == decides)
            return v;
        hits += v.b;
    }
    if (cel_is_error(&failed))
        return failed;
    return cel_bool(absorbs ? !decides : hits == 1);
}

static struct cel_value
fold_put_entry(struct cel_state *e, struct entries *m, const struct cel_value *from)
{
    if (from->kind != CEL_MAP)
        return no_such_overload(e);
    struct cel_each it = cel_each(from, e->a);
    while (cel_each_next(&it)) {
        if (!entries_add(e, m, (struct cel_entry){ it.key, it.value }))
            return cel_spent(e);
    }
    return cel_bool(true);
}

/* What one step of map, filter, transformMap… puts into the result. */
static struct cel_value fold_put(struct cel_state *e,
                                 const struct cel_node *n,
                                 const struct cel_each *it,
                                 struct entries *m)
{
    const struct cel_node *test = n->fold == CEL_FOLD_FILTER ? n->args[1] : NULL;
    if (n->n_args > 2)
        test = n->args[2];
    struct cel_value keep = test ? eval(e, test) : cel_bool(true);
    if (keep.kind != CEL_BOOL)
        return cel_is_error(&keep) ? keep : no_such_overload(e);
    if (!keep.b)
        return keep;
    struct cel_value v = e->slots[n->slot];
    if (n->fold != CEL_FOLD_FILTER)
        v = eval(e, n->args[1]);
    if (cel_is_error(&v))
        return v;
    if (n->fold == CEL_FOLD_TO_ENTRY)
        return fold_put_entry(e, m, &v);
    return entries_add(e, m, (struct cel_entry){ it->key, v }) ? v : cel_spent(e);
}

static struct cel_value
fold_collect(struct cel_state *e, const struct cel_node *n, struct cel_each *it)
{
    struct entries m = { 0 };
    while (cel_each_next(it)) {
        if (cel_is_error(&it->value))
            return it->value;
        fold_bind(e, n, it);
        struct cel_value v = fold_put(e, n, it, &m);
        if (cel_is_error(&v))
            return v;
        if (!cel_charge(e, 1))
            return cel_spent(e);
    }
    if (n->fold == CEL_FOLD_TO_MAP || n->fold == CEL_FOLD_TO_ENTRY)
        return entries_map(e, &m);
    struct cel_value *items;
    if (!cel_room(e, m.n, &items))
        return cel_spent(e);
    for (size_t i = 0; i < m.n; i++)
        items[i] = m.items[i].value;
    return cel_list_of(e->a, items, m.n);
}

static struct cel_value eval_fold(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value range = eval(e, n->args[0]);
    if (cel_is_error(&range))
        return range;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP)
        return no_such_overload(e);
    struct cel_each it = cel_each(&range, e->a);
    bool test =
        n->fold == CEL_FOLD_ALL || n->fold == CEL_FOLD_EXISTS || n->fold == CEL_FOLD_EXISTS_ONE;
    return test ? fold_test(e, n, &it) : fold_collect(e, n, &it);
}

/* ---- calls ---- */

#define ARGS_MAX 4

static bool row_takes(const struct cel_overload *row, const struct cel_value *args)
{
    for (size_t i = 0; row->params[i]; i++) {
        if (!cel_letter_takes(row->params[i], &args[i]))
            return false;
    }
    return true;
}

static struct cel_value eval_call(struct cel_state *e, const struct cel_node *n)
{
    struct cel_value args[ARGS_MAX];
    assert(n->n_args <= ARGS_MAX);
    for (uint32_t i = 0; i < n->n_args; i++) {
        args[i] = eval(e, n->args[i]);
        if (cel_is_error(&args[i]))
            return args[i];
    }
    e->node = n;
    for (uint32_t i = 0; i < n->n_overloads; i++) {
        if (row_takes(n->overloads[i], args)) {
            struct cel_value out = n->overloads[i]->fn(e, args);
            return e->spent ? cel_spent(e) : out;
        }
    }
    return no_such_overload(e);
}

static struct cel_value eval_ident(struct cel_state *e, const struct cel_node *n)
{
    return e->slots[n->slot];
}

static struct cel_value eval_any(struct cel_state *e, const struct cel_node *n)
{
    switch (n->kind) {
    case CEL_NODE_LITERAL:
        return n->value;
    case CEL_NODE_IDENT:
        return eval_ident(e, n);
    case CEL_NODE_SELECT:
        return eval_select(e, n);
    case CEL_NODE_CALL:
        return eval_call(e, n);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        return eval_logic(e, n);
    case CEL_NODE_COND:
        return eval_cond(e, n);
    case CEL_NODE_INDEX:
        return eval_index(e, n);
    case CEL_NODE_LIST:
        return eval_list(e, n);
    case CEL_NODE_MAP:
        return eval_map(e, n);
    case CEL_NODE_BIND:
        return eval_bind(e, n);
    case CEL_NODE_FOLD:
        return eval_fold(e, n);
    case CEL_NODE_OPT:
        return eval_opt(e, n);
    }
    return no_such_overload(e);
}

static struct cel_value eval(struct cel_state *e, const struct cel_node *n)
{
    if (n->kind != CEL_NODE_LITERAL && !cel_charge(e, 1))
        return cel_spent(e);
    struct cel_value v = eval_any(e, n);
    return e->spent ? cel_spent(e) : v;
}

int cel_eval(const struct cel *p, struct cel_run *run, struct cel_value *out, struct err *err)
{
    struct cel_state e = { .p = p, .a = run->arena, .limit = run->limit };
    e.slots = ARENA_ARRAY(e.a, struct cel_value, p->n_slots + 1);
    for (size_t i = 0; i < p->env->n_vars; i++)
        e.slots[i] = run->vars[i];
    struct cel_value v = eval(&e, p->root);
    run->cost = e.cost;
    if (e.spent)
        return err_set(err, ERR_TOO_LARGE, "operation cancelled: actual cost limit exceeded");
    if (cel_is_error(&v))
        return err_set(err, ERR_INVALID, "%.*s", STR_ARG(v.s));
    *out = v;
    return 0;
}

/* ---- programs ---- */

static const struct cel_env *copy_env(struct arena *a, const struct cel_env *env)
{
    struct cel_env *copy = ARENA_NEW(a, struct cel_env);
    struct cel_field *vars = ARENA_ARRAY(a, struct cel_field, env->n_vars + 1);
    for (size_t i = 0; i < env->n_vars; i++)
        vars[i] = (struct cel_field){ arena_str(a, env->vars[i].name), env->vars[i].type };
    *copy = (struct cel_env){ vars, env->n_vars, env->result };
    return copy;
}

int cel_compile(struct cel **out, struct str text, const struct cel_env *env, struct err *err)
{
    if (text.n > CEL_TEXT_MAX)
        return err_set(err, ERR_TOO_LARGE, "expression longer than %d bytes", CEL_TEXT_MAX);
    if (!str_is_utf8(text) || memchr(text.p ? text.p : "", '\0', text.n))
        return err_set(err, ERR_INVALID, "expression is not text in UTF-8");
    AUTO(cel_freep) struct cel *p = MEM_NEW(struct cel);
    p->a = arena_new();
    p->text = arena_str(p->a, text);
    p->env = copy_env(p->a, env);
    if (cel_parse(p, err) || cel_check(p, err))
        return -1;
    *out = TAKE(p);
    return 0;
}

void cel_free(struct cel *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->with_regex.n; i++)
        pcre2_code_free(p->with_regex.items[i]->regex);
    cel_node_vec_fini(&p->with_regex);
    arena_free(p->a);
    free(p);
}

const struct cel_type *cel_result(const struct cel *p)
{
    return p->root->type;
}

bool cel_reads(const struct cel *p, struct str variable)
{
    for (size_t i = 0; i < p->env->n_vars && i < 256; i++) {
        if (str_eq(p->env->vars[i].name, variable))
            return p->reads[i / 64] >> (i % 64) & 1;
    }
    return false;
}
