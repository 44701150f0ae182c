/* SPDX-License-Identifier: Apache-2.0
 * args — command lines by a verb's option table: --name value, --name=value, -x value, -xvalue,
 * --flag, --flag=false, and -- to end options. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/vec.h"
#include "cli/verb.h"

struct given {
    const struct option *option;
    struct str value;
};
VEC_TYPE(given_vec, struct given);
VEC_TYPE(operand_vec, struct str);

struct args {
    const struct cli_verb *verb;
    struct given_vec given;
    struct operand_vec operands;
    bool help;
};

static const struct option *find_in(const struct option *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(name, list[i].name) || (name.n == 1 && name.p[0] == list[i].letter))
            return &list[i];
    return NULL;
}

static const struct option *find(const struct cli_verb *v, struct str name)
{
    const struct option *o = find_in(v->options, v->n_options, name);
    if (!o && v->client)
        o = find_in(cli_client_options, cli_client_options_count, name);
    return o;
}

static int unknown_option(const struct cli_verb *v, struct str name, struct err *err)
{
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < v->n_options; i++)
        nearest_try(&near, v->options[i].name);
    for (size_t i = 0; v->client && i < cli_client_options_count; i++)
        nearest_try(&near, cli_client_options[i].name);
    if (near.name)
        return err_set(err, ERR_INVALID, "unknown option --%.*s; did you mean --%s?", STR_ARG(name),
                       near.name);
    return err_set(err, ERR_INVALID, "unknown option --%.*s; see 'ganglion %s --help'",
                   STR_ARG(name), v->name);
}

/* ---- parsing ---- */

static int check_value(const struct option *o, struct str value, struct err *err)
{
    int64_t n;
    switch (o->type) {
    case OPTION_TEXT:
        return 0;
    case OPTION_NUMBER:
        if (str_to_i64(value, &n))
            return 0;
        return err_set(err, ERR_INVALID, "--%s wants a whole number, not \"%.*s\"", o->name,
                       STR_ARG(value));
    case OPTION_FLAG:
        if (str_is(value, "true") || str_is(value, "false"))
            return 0;
        return err_set(err, ERR_INVALID, "--%s is true or false, not \"%.*s\"", o->name,
                       STR_ARG(value));
    }
    return err_set(err, ERR_BUG, "option type");
}

struct cursor {
    int at, argc;
    char **argv;
};

static int
take_option(struct args *a, struct cursor *c, struct str name, struct str value, struct err *err)
{
    if (str_is(name, "help") || str_is(name, "h")) {
        a->help = true;
        return 0;
    }
    const struct option *o = find(a->verb, name);
    if (!o)
        return unknown_option(a->verb, name, err);
    if (!value.p && o->type == OPTION_FLAG)
        value = STR("true");
    if (!value.p) {
        if (c->at + 1 >= c->argc)
            return err_set(err, ERR_INVALID, "--%s wants a value: --%s %s", o->name, o->name,
                           o->value);
        value = str_from(c->argv[++c->at]);
    }
    if (check_value(o, value, err) != 0)
        return -1;
    given_vec_push(&a->given, (struct given){ o, value });
    return 0;
}

static int take_word(struct args *a, struct cursor *c, struct err *err)
{
    struct str word = str_from(c->argv[c->at]);
    if (str_starts(word, STR("--"))) {
        struct str rest = str_skip(word, 2), name = str_split(&rest, '=');
        return take_option(a, c, name, rest, err);
    }
    if (word.n > 1 && word.p[0] == '-') {
        struct str value = str_skip(word, 2);
        if (value.n && value.p[0] == '=')
            value = str_skip(value, 1);
        return take_option(a, c, str_make(word.p + 1, 1), value.n ? value : (struct str){ 0 }, err);
    }
    int max = a->verb->max_operands;
    if (max >= 0 && a->operands.n >= (size_t)max)
        return err_set(err, ERR_INVALID, "unexpected \"%.*s\"; usage: ganglion %s %s",
                       STR_ARG(word), a->verb->name, a->verb->usage);
    operand_vec_push(&a->operands, word);
    return 0;
}

static void args_freep(struct args **a)
{
    args_free(*a);
}

int args_parse(struct args **out, const struct cli_verb *v, int argc, char **argv, struct err *err)
{
    AUTO(args_freep) struct args *a = MEM_NEW(struct args);
    a->verb = v;
    struct cursor c = { 0, argc, argv };
    bool options = true;
    for (; c.at < argc; c.at++) {
        if (options && strcmp(argv[c.at], "--") == 0)
            options = false;
        else if (!options)
            operand_vec_push(&a->operands, str_from(argv[c.at]));
        else if (take_word(a, &c, err) != 0)
            return -1;
    }
    *out = TAKE(a);
    return 0;
}

void args_free(struct args *a)
{
    if (!a)
        return;
    given_vec_fini(&a->given);
    operand_vec_fini(&a->operands);
    free(a);
}

/* ---- reading ---- */

size_t args_count(const struct args *a, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < a->given.n; i++)
        n += strcmp(a->given.items[i].option->name, name) == 0;
    return n;
}

bool args_given(const struct args *a, const char *name)
{
    return args_count(a, name) > 0;
}

struct str args_text_at(const struct args *a, const char *name, size_t at)
{
    for (size_t i = 0; i < a->given.n; i++)
        if (strcmp(a->given.items[i].option->name, name) == 0 && at-- == 0)
            return a->given.items[i].value;
    return (struct str){ 0 };
}

struct str args_text(const struct args *a, const char *name)
{
    size_t n = args_count(a, name);
    if (n)
        return args_text_at(a, name, n - 1);
    const struct option *o = find(a->verb, str_from(name));
    assert(o); /* the verb reads an option that it does not declare */
    return str_from(o->fallback);
}

bool args_flag(const struct args *a, const char *name)
{
    return str_is(args_text(a, name), "true");
}

int64_t args_number(const struct args *a, const char *name)
{
    int64_t n = 0;
    str_to_i64(args_text(a, name), &n);
    return n;
}

size_t args_operands(const struct args *a)
{
    return a->operands.n;
}

struct str args_operand(const struct args *a, size_t i)
{
    return a->operands.items[i];
}

bool args_wants_help(const struct args *a)
{
    return a->help;
}

const struct cli_verb *args_verb(const struct args *a)
{
    return a->verb;
}
