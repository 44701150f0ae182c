/* SPDX-License-Identifier: Apache-2.0
 * verb — what a person can type. One table row a verb: parsing, --help, the man page, completion
 * and the reference page all come from it. Verbs of the client live in cli/verbs/, those that run
 * services in cmd/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/* Exit codes, documented in docs/reference/cli.md. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,    /* the work failed; the message says why */
    EXIT_USAGE = 2,     /* the command line is wrong */
    EXIT_TIMED_OUT = 3, /* wait: the condition did not come in time */
};

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG };

struct option {
    const char *name; /* "kubeconfig", without dashes */
    char letter;      /* 'n' for -n; 0: none */
    enum option_type type;
    const char *value;    /* how help shows its value: "FILE"; NULL for flags */
    const char *fallback; /* the default as text; NULL: none */
    const char *help;
    bool repeats; /* may be given several times: args_text_at */
};

struct cli;
struct args;
typedef int (*verb_fn)(struct cli *cli, struct args *args, struct err *err);

struct cli_verb {
    const char *name;     /* "get"; of a group two words: "sim oracle" */
    const char *usage;    /* what follows the name: "(POD | TYPE/NAME) [-f]" */
    const char *help;     /* one line */
    const char *details;  /* paragraphs; NULL: none */
    const char *examples; /* lines "command   # why"; NULL: none */
    const struct option *options;
    size_t n_options;
    bool client;      /* also takes the options of every client verb (cli_client_options) */
    bool hidden;      /* not in help */
    int max_operands; /* -1: any number */
    verb_fn run;      /* returns 0, or -1 with err, or an exit code > 0 after its own message */
};

extern const struct option cli_client_options[]; /* --kubeconfig, --context, --namespace, … */
extern const size_t cli_client_options_count;

struct cli_page { /* a reference page that is made from a table: `ganglion reference NAME` */
    const char *name;
    void (*print)(FILE *out);
};

struct cli {
    const struct cli_page *pages; /* beside that of the commands */
    size_t n_pages;
    const struct cli_verb *const *verbs; /* sorted by name */
    size_t n_verbs;
    FILE *out, *err;
};

/* The verbs of the client, sorted. cmd/ adds its own. */
extern const struct cli_verb *const cli_verbs[];
extern const size_t cli_verbs_count;

/* Runs what argv says; returns the exit code. Messages go to cli->err, data to cli->out. */
int cli_main(struct cli *cli, int argc, char **argv);

/* ---- parsed command lines (args.c) ---- */
/* ERR_INVALID names the option and, for an unknown one, the nearest known. */
int args_parse(struct args **out, const struct cli_verb *v, int argc, char **argv, struct err *err);
void args_free(struct args *a); /* NULL is fine */
bool args_given(const struct args *a, const char *name);
struct str args_text(const struct args *a, const char *name); /* the last given, or the default */
size_t args_count(const struct args *a, const char *name);
struct str args_text_at(const struct args *a, const char *name, size_t i);
bool args_flag(const struct args *a, const char *name);
int64_t args_number(const struct args *a, const char *name);
size_t args_operands(const struct args *a); /* words that are no options */
struct str args_operand(const struct args *a, size_t i);
bool args_wants_help(const struct args *a);
const struct cli_verb *args_verb(const struct args *a);

/* ---- texts from the table ---- */
void help_overview(FILE *out, const struct cli *cli);
void help_verb(FILE *out, const struct cli_verb *v);
/* The first word of a name of two words; absent when it has one. */
struct str cli_group(const struct cli_verb *v);
