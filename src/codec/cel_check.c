/* SPDX-License-Identifier: Apache-2.0
 * cel_check — types of all nodes, slots of variables, candidates of calls. Where a type is not
 * known (dyn) anything goes and the evaluator decides; where it is, a name, field, function or
 * overload that cannot exist is an error with its place, in cel-go's words. As in Kubernetes,
 * literals of lists and maps must be of one type. */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "codec/cel_internal.h"

#define CANDIDATES_MAX 12 /* overloads of one name and number of arguments */

struct scope { /* a local variable; the innermost first */
    const struct scope *outer;
    struct str name;
    const struct cel_type *type;
    uint32_t slot;
};

struct checker {
    struct cel *p;
    const struct scope *scope;
    struct err *err;
};

static const struct cel_type *const dyn = &cel_types[CEL_DYN];

static int check(struct checker *k, struct cel_node *n);

/* ---- types ---- */

static const struct cel_type *or_dyn(const struct cel_type *t)
{
    return t ? t : dyn;
}

static const struct cel_type *type_of(struct checker *k,
                                      enum cel_kind kind,
                                      const struct cel_type *key,
                                      const struct cel_type *elem)
{
    struct cel_type *t = ARENA_NEW(k->p->a, struct cel_type);
    *t = (struct cel_type){ .kind = kind, .elem = elem, .key = key };
    return t;
}

struct str cel_type_text(struct arena *a, const struct cel_type *t)
{
    if (t->kind == CEL_LIST || t->kind == CEL_OPTIONAL) {
        struct str elem = cel_type_text(a, or_dyn(t->elem));
        return arena_printf(a, "%s(%.*s)", t->kind == CEL_LIST ? "list" : "optional_type",
                            STR_ARG(elem));
    }
    if (t->kind == CEL_MAP) {
        struct str key = cel_type_text(a, or_dyn(t->key)), elem = cel_type_text(a, or_dyn(t->elem));
        return arena_printf(a, "map(%.*s, %.*s)", STR_ARG(key), STR_ARG(elem));
    }
    if (t->kind == CEL_OBJECT)
        return t->name.n ? t->name : STR("object");
    return t->kind == CEL_NULL ? STR("null")
                               : cel_type_name(&(struct cel_value){ .kind = t->kind });
}

static bool is_null_like(const struct cel_type *t)
{
    return t->kind == CEL_OBJECT || t->kind == CEL_TIMESTAMP || t->kind == CEL_DURATION ||
           t->kind == CEL_OPTIONAL;
}

/* May a value of one type be used where the other is wanted? */
static bool agree(const struct cel_type *x, const struct cel_type *y)
{
    x = or_dyn(x);
    y = or_dyn(y);
    if (x == y || x->kind == CEL_DYN || y->kind == CEL_DYN)
        return true;
    if ((x->kind == CEL_NULL && is_null_like(y)) || (y->kind == CEL_NULL && is_null_like(x)))
        return true;
    if (x->kind != y->kind)
        return false;
    if (x->kind == CEL_OBJECT)
        return str_eq(x->name, y->name);
    return agree(x->key, y->key) && agree(x->elem, y->elem);
}

/* The one that says more: of list(dyn) and list(int), the latter. */
static const struct cel_type *sharper(const struct cel_type *x, const struct cel_type *y)
{
    x = or_dyn(x);
    if (x->kind == CEL_DYN || x->kind == CEL_NULL)
        return or_dyn(y);
    return x;
}

static int fail(struct checker *k, const struct cel_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct checker *k, const struct cel_node *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cel_vfail_at(k->err, (struct cel_place){ k->p->text, n->at }, fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- names ---- */

static uint32_t slot_new(struct checker *k)
{
    return k->p->n_slots++;
}

static bool find_variable(struct checker *k, struct cel_node *n)
{
    for (const struct scope *s = k->scope; s; s = s->outer) {
        if (!str_eq(s->name, n->name))
            continue;
        n->slot = s->slot;
        n->type = s->type;
        return true;
    }
    const struct cel_env *env = k->p->env;
    for (size_t i = 0; i < env->n_vars; i++) {
        if (!str_eq(env->vars[i].name, n->name))
            continue;
        n->slot = (uint32_t)i;
        n->type = or_dyn(env->vars[i].type);
        if (i < 256)
            k->p->reads[i / 64] |= UINT64_C(1) << (i % 64);
        return true;
    }
    return false;
}

/* `int`, `google.protobuf.Timestamp`: types are values. */
static bool make_type_literal(struct checker *k, struct cel_node *n, struct str name)
{
    (void)k;
    for (int i = CEL_NULL; i < CEL_ERROR; i++) {
        struct cel_value v = { .kind = (enum cel_kind)i };
        if (i == CEL_OBJECT || !str_eq(cel_type_name(&v), name))
            continue;
        n->kind = CEL_NODE_LITERAL;
        n->value = (struct cel_value){ .kind = CEL_TYPE, .s = cel_type_name(&v) };
        n->type = &cel_types[CEL_TYPE];
        n->n_args = 0;
        return true;
    }
    return false;
}

static int check_ident(struct checker *k, struct cel_node *n)
{
    if (find_variable(k, n) || make_type_literal(k, n, n->name))
        return 0;
    return fail(k, n, "undeclared reference to '%.*s' (in container '')", STR_ARG(n->name));
}

/* "a.b.c" of a chain of plain selects whose root is no variable; absent else. */
static struct str dotted(struct checker *k, const struct cel_node *n)
{
    if (n->kind == CEL_NODE_IDENT) {
        struct cel_node probe = *n;
        return find_variable(k, &probe) ? (struct str){ 0 } : n->name;
    }
    if (n->kind != CEL_NODE_SELECT || n->test || n->optional)
        return (struct str){ 0 };
    struct str left = dotted(k, n->args[0]);
    return left.n && left.n < 200
               ? arena_printf(k->p->a, "%.*s.%.*s", STR_ARG(left), STR_ARG(n->name))
               : (struct str){ 0 };
}

/* ---- members ---- */

/* The type of field `name` of t; NULL: it has none. */
static const struct cel_type *field_of(const struct cel_type *t, struct str name)
{
    if (t->kind == CEL_DYN)
        return dyn;
    if (t->kind == CEL_MAP)
        return or_dyn(t->elem);
    for (size_t i = 0; t->kind == CEL_OBJECT && i < t->n_fields; i++) {
        if (str_eq(t->fields[i].name, name))
            return or_dyn(t->fields[i].type);
    }
    return NULL;
}

static int check_select(struct checker *k, struct cel_node *n)
{
    struct str name = dotted(k, n);
    if (name.n && make_type_literal(k, n, name))
        return 0;
    if (check(k, n->args[0]))
        return -1;
    const struct cel_type *from = n->args[0]->type;
    bool wrapped = from->kind == CEL_OPTIONAL;
    const struct cel_type *of = wrapped ? or_dyn(from->elem) : from;
    const struct cel_type *field = field_of(of, n->name);
    if (!field && of->kind != CEL_OBJECT) {
        struct str text = cel_type_text(k->p->a, of);
        return fail(k, n, "type '%.*s' does not support field selection", STR_ARG(text));
    }
    if (!field)
        return fail(k, n, "undefined field '%.*s'", STR_ARG(n->name));
    if (n->test)
        n->type = &cel_types[CEL_BOOL];
    else
        n->type = wrapped || n->optional ? type_of(k, CEL_OPTIONAL, NULL, field) : field;
    return 0;
}

static int no_overload(struct checker *k, const struct cel_node *n);

static int check_index(struct checker *k, struct cel_node *n)
{
    if (check(k, n->args[0]) || check(k, n->args[1]))
        return -1;
    const struct cel_type *from = n->args[0]->type, *key = n->args[1]->type;
    bool wrapped = from->kind == CEL_OPTIONAL;
    const struct cel_type *of = wrapped ? or_dyn(from->elem) : from;
    bool number = key->kind == CEL_INT || key->kind == CEL_UINT || key->kind == CEL_DOUBLE;
    bool ok = of->kind == CEL_DYN ||
              (of->kind == CEL_LIST && (key->kind == CEL_DYN || key->kind == CEL_INT)) ||
              (of->kind == CEL_MAP &&
               (agree(of->key, key) || (number && of->key && of->key->kind == CEL_INT)));
    n->name = n->optional ? STR("_[?_]") : STR("_[_]");
    if (!ok)
        return no_overload(k, n);
    const struct cel_type *elem = or_dyn(of->elem);
    n->type = wrapped || n->optional ? type_of(k, CEL_OPTIONAL, NULL, elem) : elem;
    return 0;
}

/* ---- calls ---- */

static const struct cel_library *const libraries[] = {
    &cel_lib_core,     &cel_lib_string, &cel_lib_list, &cel_lib_time, &cel_lib_regex,
    &cel_lib_quantity, &cel_lib_semver, &cel_lib_net,  &cel_lib_url,
};

static bool orders(const struct cel_type *t)
{
    const uint32_t mask = 1u << CEL_DYN | 1u << CEL_BOOL | 1u << CEL_INT | 1u << CEL_UINT |
                          1u << CEL_DOUBLE | 1u << CEL_STRING | 1u << CEL_BYTES |
                          1u << CEL_TIMESTAMP | 1u << CEL_DURATION;
    return mask >> or_dyn(t)->kind & 1;
}

static bool sums(const struct cel_type *t)
{
    enum cel_kind kind = or_dyn(t)->kind;
    return kind == CEL_DYN || kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE ||
           kind == CEL_DURATION;
}

static enum cel_kind letter_kind(char letter)
{
    static const struct {
        char letter;
        enum cel_kind kind;
    } rows[] = {
        { 'b', CEL_BOOL },      { 'i', CEL_INT },      { 'u', CEL_UINT }, { 'd', CEL_DOUBLE },
        { 's', CEL_STRING },    { 'y', CEL_BYTES },    { 'n', CEL_NULL }, { 'L', CEL_LIST },
        { 'l', CEL_LIST },      { 'N', CEL_LIST },     { 'C', CEL_LIST }, { 'M', CEL_MAP },
        { 't', CEL_TIMESTAMP }, { 'D', CEL_DURATION }, { 'T', CEL_TYPE }, { 'o', CEL_OPTIONAL },
        { 'q', CEL_QUANTITY },  { 'v', CEL_SEMVER },   { 'r', CEL_URL },  { 'a', CEL_IP },
        { 'c', CEL_CIDR },      { 'm', CEL_LIST },     { 'k', CEL_MAP },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].letter == letter)
            return rows[i].kind;
    }
    return CEL_DYN;
}

bool cel_letter_takes(char letter, const struct cel_value *v)
{
    if (letter == '#')
        return cel_is_number(v);
    enum cel_kind kind = letter_kind(letter);
    return kind == CEL_DYN || kind == v->kind;
}

static bool takes(char letter, const struct cel_type *t, const struct cel_type *first)
{
    if (t->kind == CEL_DYN)
        return true;
    if (letter == '#')
        return t->kind == CEL_INT || t->kind == CEL_UINT || t->kind == CEL_DOUBLE;
    if (letter == 'e')
        return agree(first->elem, t);
    if (letter == '=')
        return agree(first, t);
    enum cel_kind kind = letter_kind(letter);
    if (kind == CEL_MAP && t->kind == CEL_OBJECT)
        return false;
    if (kind != CEL_DYN && kind != t->kind)
        return false;
    if (letter == 'l')
        return agree(t->elem, &cel_types[CEL_STRING]);
    if (letter == 'm' || letter == 'k')
        return agree(letter == 'm' ? t->elem : t->key, first);
    if (letter == 'N')
        return sums(t->elem);
    return letter != 'C' || orders(t->elem);
}

static bool row_fits(const struct cel_overload *row, const struct cel_node *n)
{
    for (size_t i = 0; row->params[i]; i++) {
        if (!takes(row->params[i], n->args[i]->type, n->args[0]->type))
            return false;
    }
    return true;
}

static const struct cel_type *
row_result(struct checker *k, const struct cel_overload *row, const struct cel_node *n)
{
    const struct cel_type *first = n->n_args ? n->args[0]->type : dyn;
    switch (row->result) {
    case '0':
        return first->kind == CEL_LIST && n->n_args > 1 ? sharper(first, n->args[1]->type) : first;
    case 'e':
    case 'w':
        return or_dyn(first->elem);
    case 'p':
        return type_of(k, CEL_OPTIONAL, NULL, first);
    case 'X':
        return type_of(k, CEL_LIST, NULL, &cel_types[CEL_STRING]);
    case '*':
        return dyn;
    default:
        return &cel_types[letter_kind(row->result)];
    }
}

static int no_overload(struct checker *k, const struct cel_node *n)
{
    struct str list = { "", 0 };
    struct arena *a = k->p->a;
    for (uint32_t i = 0; i < n->n_args && i < 8; i++) {
        struct str type = cel_type_text(a, n->args[i]->type);
        bool first = i == (n->method ? 1u : 0u) || i == 0;
        list = arena_printf(a, "%.*s%s%.*s", STR_ARG(list), first ? "" : ", ", STR_ARG(type));
        if (n->method && i == 0)
            list = arena_printf(a, "%.*s.(", STR_ARG(list));
    }
    return fail(k, n, "found no matching overload for '%.*s' applied to '%s%.*s)'",
                STR_ARG(n->name), n->method ? "" : "(", STR_ARG(list));
}

/* Keeps the candidates of the name, style and number of arguments in n. False: unknown name. */
static bool find_rows(struct checker *k, struct cel_node *n)
{
    bool known = false;
    n->overloads = ARENA_ARRAY(k->p->a, const struct cel_overload *, CANDIDATES_MAX);
    for (size_t l = 0; l < COUNT_OF(libraries); l++) {
        for (size_t i = 0; i < libraries[l]->n; i++) {
            const struct cel_overload *row = &libraries[l]->rows[i];
            if (row->method != n->method || !str_is(n->name, row->name))
                continue;
            known = true;
            if (strlen(row->params) != n->n_args)
                continue;
            assert(n->n_overloads < CANDIDATES_MAX);
            n->overloads[n->n_overloads++] = row;
        }
    }
    return known;
}

/* optional.of(x), sets.contains(a, b), ip.isCanonical(s): functions with a namespace. */
static void strip_namespace(struct checker *k, struct cel_node *n)
{
    static const char *const spaces[] = { "optional", "sets", "ip" };
    struct cel_node *target = n->args[0];
    if (target->kind != CEL_NODE_IDENT || !dotted(k, target).n)
        return;
    for (size_t i = 0; i < COUNT_OF(spaces); i++) {
        if (!str_is(target->name, spaces[i]))
            continue;
        n->name = arena_printf(k->p->a, "%s.%.*s", spaces[i], STR_ARG(n->name));
        n->method = false;
        n->args++;
        n->n_args--;
        return;
    }
}

/* A pattern written in the expression is compiled once, and its mistakes are found now. */
static int keep_pattern(struct checker *k, struct cel_node *n)
{
    bool pattern =
        str_is(n->name, "matches") || str_is(n->name, "find") || str_is(n->name, "findAll");
    if (!pattern || n->n_args < 2 || n->args[1]->kind != CEL_NODE_LITERAL ||
        n->args[1]->value.kind != CEL_STRING)
        return 0;
    struct err why = { 0 };
    n->regex = cel_regex_compile(n->args[1]->value.s, &why);
    if (!n->regex)
        return fail(k, n->args[1], "invalid %.*s argument", STR_ARG(n->name));
    cel_node_vec_push(&k->p->with_regex, n);
    return 0;
}

static int check_call(struct checker *k, struct cel_node *n)
{
    if (n->method)
        strip_namespace(k, n);
    if (str_is(n->name, "format") && n->n_args == 2 && n->args[1]->kind == CEL_NODE_LIST)
        n->args[1]->flat = true;
    for (uint32_t i = 0; i < n->n_args; i++) {
        if (check(k, n->args[i]))
            return -1;
    }
    if (!find_rows(k, n))
        return fail(k, n, "undeclared reference to '%.*s' (in container '')", STR_ARG(n->name));
    const struct cel_type *result = NULL;
    for (uint32_t i = 0; i < n->n_overloads; i++) {
        if (!row_fits(n->overloads[i], n))
            continue;
        const struct cel_type *t = row_result(k, n->overloads[i], n);
        if (!result)
            result = t;
        else if (result->kind != t->kind || !agree(result, t))
            result = dyn;
    }
    if (!result)
        return no_overload(k, n);
    n->type = result;
    return keep_pattern(k, n);
}

/* ---- logic, literals ---- */

static int check_logic(struct checker *k, struct cel_node *n)
{
    n->name = n->kind == CEL_NODE_AND ? STR("_&&_") : STR("_||_");
    n->type = &cel_types[CEL_BOOL];
    bool ok = true;
    for (uint32_t i = 0; i < n->n_args; i++) {
        if (check(k, n->args[i]))
            return -1;
        ok = ok && agree(n->args[i]->type, n->type);
    }
    return ok ? 0 : no_overload(k, n);
}

static int check_cond(struct checker *k, struct cel_node *n)
{
    n->name = STR("_?_:_");
    if (check(k, n->args[0]) || check(k, n->args[1]) || check(k, n->args[2]))
        return -1;
    const struct cel_type *yes = n->args[1]->type, *no = n->args[2]->type;
    if (!agree(n->args[0]->type, &cel_types[CEL_BOOL]) || !agree(yes, no))
        return no_overload(k, n);
    n->type = yes->kind == CEL_DYN || no->kind == CEL_DYN ? dyn : sharper(yes, no);
    return 0;
}

/* All must be of one type; the first says which. */
static int join_type(struct checker *k, const struct cel_node *n, const struct cel_type **sum)
{
    if (*sum && !agree(*sum, n->type)) {
        struct str want = cel_type_text(k->p->a, *sum), got = cel_type_text(k->p->a, n->type);
        return fail(k, n, "expected type '%.*s' but found '%.*s'", STR_ARG(want), STR_ARG(got));
    }
    *sum = *sum ? sharper(*sum, n->type) : n->type;
    return 0;
}

static int
check_item(struct checker *k, struct cel_node *n, bool optional, const struct cel_type **sum)
{
    if (check(k, n))
        return -1;
    if (!optional)
        return join_type(k, n, sum);
    if (n->type->kind != CEL_OPTIONAL && n->type->kind != CEL_DYN) {
        struct str got = cel_type_text(k->p->a, n->type);
        return fail(k, n, "expected type 'optional_type' but found '%.*s'", STR_ARG(got));
    }
    struct cel_node inner = *n;
    inner.type = n->type->kind == CEL_OPTIONAL ? or_dyn(n->type->elem) : dyn;
    return join_type(k, &inner, sum);
}

static int check_list(struct checker *k, struct cel_node *n)
{
    const struct cel_type *elem = NULL;
    for (uint32_t i = 0; i < n->n_args; i++) {
        if (n->flat)
            elem = NULL;
        if (check_item(k, n->args[i], n->optionals[i], &elem))
            return -1;
    }
    if (n->flat)
        elem = dyn;
    n->type = type_of(k, CEL_LIST, NULL, elem);
    return 0;
}

static int check_key(struct checker *k, const struct cel_node *n)
{
    enum cel_kind kind = n->type->kind;
    if (kind == CEL_DYN || kind == CEL_STRING || kind == CEL_INT || kind == CEL_UINT ||
        kind == CEL_BOOL)
        return 0;
    struct str got = cel_type_text(k->p->a, n->type);
    return fail(k, n, "unsupported map key type '%.*s'", STR_ARG(got));
}

static int check_map(struct checker *k, struct cel_node *n)
{
    const struct cel_type *key = NULL, *value = NULL;
    for (uint32_t i = 0; i + 1 < n->n_args; i += 2) {
        if (check_item(k, n->args[i], false, &key) || check_key(k, n->args[i]) ||
            check_item(k, n->args[i + 1], n->optionals[i / 2], &value))
            return -1;
    }
    n->type = type_of(k, CEL_MAP, key, value);
    return 0;
}

/* ---- macros ---- */

static int check_in(struct checker *k, struct cel_node *body, const struct scope *scope)
{
    const struct scope *outer = k->scope;
    k->scope = scope;
    int rc = check(k, body);
    k->scope = outer;
    return rc;
}

static int check_bind(struct checker *k, struct cel_node *n)
{
    if (check(k, n->args[0]))
        return -1;
    n->slot = slot_new(k);
    struct scope s = { k->scope, n->name, n->args[0]->type, n->slot };
    if (check_in(k, n->args[1], &s))
        return -1;
    n->type = n->args[1]->type;
    return 0;
}

static int check_opt(struct checker *k, struct cel_node *n)
{
    if (check(k, n->args[0]))
        return -1;
    const struct cel_type *from = n->args[0]->type;
    if (from->kind != CEL_OPTIONAL && from->kind != CEL_DYN)
        return fail(k, n, "found no matching overload for '%s'", n->flat ? "optFlatMap" : "optMap");
    n->slot = slot_new(k);
    struct scope s = { k->scope, n->name, or_dyn(from->elem), n->slot };
    if (check_in(k, n->args[1], &s))
        return -1;
    n->type = n->flat ? n->args[1]->type : type_of(k, CEL_OPTIONAL, NULL, n->args[1]->type);
    return 0;
}

static const struct cel_type *fold_type(struct checker *k, const struct cel_node *n)
{
    const struct cel_type *range = n->args[0]->type, *body = n->args[1]->type;
    switch (n->fold) {
    case CEL_FOLD_ALL:
    case CEL_FOLD_EXISTS:
    case CEL_FOLD_EXISTS_ONE:
        return &cel_types[CEL_BOOL];
    case CEL_FOLD_MAP:
        return type_of(k, CEL_LIST, NULL, body);
    case CEL_FOLD_FILTER:
        return range->kind == CEL_MAP ? type_of(k, CEL_LIST, NULL, range->key) : range;
    case CEL_FOLD_TO_MAP:
        return type_of(k, CEL_MAP, range->kind == CEL_LIST ? &cel_types[CEL_INT] : range->key,
                       body);
    case CEL_FOLD_TO_ENTRY:
        return body->kind == CEL_MAP ? body : &cel_types[CEL_MAP];
    }
    return dyn;
}

static bool is_test(enum cel_fold f)
{
    return f == CEL_FOLD_ALL || f == CEL_FOLD_EXISTS || f == CEL_FOLD_EXISTS_ONE ||
           f == CEL_FOLD_FILTER;
}

static int expect_bool(struct checker *k, const struct cel_node *n)
{
    if (agree(n->type, &cel_types[CEL_BOOL]))
        return 0;
    struct str got = cel_type_text(k->p->a, n->type);
    return fail(k, n, "expected type 'bool' but found '%.*s'", STR_ARG(got));
}

static int check_fold(struct checker *k, struct cel_node *n)
{
    if (check(k, n->args[0]))
        return -1;
    const struct cel_type *range = n->args[0]->type;
    bool map = range->kind == CEL_MAP, list = range->kind == CEL_LIST, two = n->name2.n > 0;
    if (!map && !list && range->kind != CEL_DYN) {
        struct str text = cel_type_text(k->p->a, range);
        return fail(k, n->args[0],
                    "expression of type '%.*s' cannot be range of a comprehension (must be list, "
                    "map, or dynamic)",
                    STR_ARG(text));
    }
    const struct cel_type *elem = or_dyn(range->elem);
    const struct cel_type *key = map ? or_dyn(range->key) : list ? &cel_types[CEL_INT] : dyn;
    n->slot = slot_new(k);
    n->slot2 = slot_new(k);
    struct scope first = { k->scope, n->name, two || map ? key : elem, n->slot };
    struct scope second = { &first, n->name2, elem, n->slot2 };
    for (uint32_t i = 1; i < n->n_args; i++) {
        if (check_in(k, n->args[i], two ? &second : &first))
            return -1;
    }
    if ((is_test(n->fold) && expect_bool(k, n->args[1])) ||
        (n->n_args > 2 && expect_bool(k, n->args[2])))
        return -1;
    n->type = fold_type(k, n);
    return 0;
}

static int check(struct checker *k, struct cel_node *n)
{
    switch (n->kind) {
    case CEL_NODE_LITERAL:
        n->type = &cel_types[n->value.kind];
        return 0;
    case CEL_NODE_IDENT:
        return check_ident(k, n);
    case CEL_NODE_SELECT:
        return check_select(k, n);
    case CEL_NODE_CALL:
        return check_call(k, n);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        return check_logic(k, n);
    case CEL_NODE_COND:
        return check_cond(k, n);
    case CEL_NODE_INDEX:
        return check_index(k, n);
    case CEL_NODE_LIST:
        return check_list(k, n);
    case CEL_NODE_MAP:
        return check_map(k, n);
    case CEL_NODE_BIND:
        return check_bind(k, n);
    case CEL_NODE_FOLD:
        return check_fold(k, n);
    case CEL_NODE_OPT:
        return check_opt(k, n);
    }
    return 0;
}

int cel_check(struct cel *p, struct err *err)
{
    struct checker k = { .p = p, .err = err };
    p->n_slots = (uint32_t)p->env->n_vars;
    if (check(&k, p->root))
        return -1;
    const struct cel_type *want = p->env->result, *got = p->root->type;
    if (!want || agree(want, got))
        return 0;
    struct str w = cel_type_text(p->a, want), g = cel_type_text(p->a, got);
    return err_set(err, ERR_INVALID, "must evaluate to %.*s, not %.*s", STR_ARG(w), STR_ARG(g));
}
