/* SPDX-License-Identifier: Apache-2.0
 * help — --help and the dispatch of a command line. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/nearest.h"
#include "cli/verb.h"

static void put_option(FILE *out, const struct option *o)
{
    char left[64];
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
             o->value ? o->value : "");
    if (strlen(left) > 32)
        fprintf(out, "  %s\n  %-32s %s", left, "", o->help);
    else
        fprintf(out, "  %-32s %s", left, o->help);
    if (o->fallback && o->type != OPTION_FLAG && *o->fallback)
        fprintf(out, " (default %s)", o->fallback);
    fputc('\n', out);
}

void help_overview(FILE *out, const struct cli *cli)
{
    fputs("Ganglion runs and schedules AI workloads.\n\n"
          "Usage: ganglion VERB [options]\n\nVerbs:\n",
          out);
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (!cli->verbs[i]->hidden)
            fprintf(out, "  %-12s %s\n", cli->verbs[i]->name, cli->verbs[i]->help);
    fputs("\nStart here:\n"
          "  ganglion up --sim-nodes 4      # a control plane with four simulated GPU nodes\n"
          "  ganglion get nodes             # what it manages\n"
          "\n'ganglion VERB --help' tells more about a verb.\n",
          out);
}

void help_verb(FILE *out, const struct cli_verb *v)
{
    fprintf(out, "%s\n\nUsage: ganglion %s %s\n", v->help, v->name, v->usage);
    if (v->details)
        fprintf(out, "\n%s\n", v->details);
    if (v->examples)
        fprintf(out, "\nExamples:\n%s\n", v->examples);
    if (v->n_options)
        fputs("\nOptions:\n", out);
    for (size_t i = 0; i < v->n_options; i++)
        put_option(out, &v->options[i]);
    if (v->client)
        fputs("\nOptions of every client verb:\n", out);
    for (size_t i = 0; v->client && i < cli_client_options_count; i++)
        put_option(out, &cli_client_options[i]);
}

/* A name of two words ("sim oracle") is a group and what it does: such verbs are typed as two
 * words, and a group's name alone lists them. */
struct str cli_group(const struct cli_verb *v)
{
    struct str rest = str_from(v->name), first = str_split(&rest, ' ');
    return rest.p ? first : (struct str){ 0 };
}

static bool in_group(const struct cli_verb *v, const char *name)
{
    struct str group = cli_group(v);
    return group.p && str_is(group, name);
}

static bool is_group(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (in_group(cli->verbs[i], name))
            return true;
    return false;
}

/* The verb that the first of words (n of them) name; *used: how many of them. NULL: none. */
static const struct cli_verb *find_verb(const struct cli *cli, char **words, int n, int *used)
{
    for (size_t i = 0; i < cli->n_verbs; i++) {
        const struct cli_verb *v = cli->verbs[i];
        struct str group = cli_group(v);
        *used = group.p ? 2 : 1;
        if (n < *used)
            continue;
        if (group.p ? str_is(group, words[0]) && strcmp(v->name + group.n + 1, words[1]) == 0
                    : strcmp(v->name, words[0]) == 0)
            return v;
    }
    return NULL;
}

static int usage_error(struct cli *cli, const char *message)
{
    fprintf(cli->err, "ganglion: %s\n", message);
    return EXIT_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static int run_verb(struct cli *cli, const struct cli_verb *v, int argc, char **argv)
{
    struct args *args = NULL;
    struct err err = { 0 };
    if (args_parse(&args, v, argc, argv, &err) != 0)
        return usage_error(cli, err.msg);
    int rc = 0;
    if (args_wants_help(args))
        help_verb(cli->out, v);
    else
        rc = v->run(cli, args, &err);
    args_free(args);
    if (rc >= 0)
        return rc;
    fprintf(cli->err, "ganglion %s: %s\n", v->name, err.msg);
    return err.kind == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

static int unknown_verb(struct cli *cli, const char *name)
{
    struct nearest near = nearest_to(str_from(name));
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (!cli->verbs[i]->hidden)
            nearest_try(&near, cli->verbs[i]->name);
    if (near.name)
        fprintf(cli->err, "ganglion: unknown verb \"%s\"; did you mean %s?\n", name, near.name);
    else
        fprintf(cli->err, "ganglion: unknown verb \"%s\"; 'ganglion --help' lists them\n", name);
    return EXIT_USAGE;
}

static int unknown_in_group(struct cli *cli, const char *group, const char *word)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str whole = arena_printf(a, "%s %s", group, word);
    struct nearest near = nearest_to(whole);
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (in_group(cli->verbs[i], group))
            nearest_try(&near, cli->verbs[i]->name);
    if (near.name)
        fprintf(cli->err, "ganglion: unknown verb \"%.*s\"; did you mean %s?\n", STR_ARG(whole),
                near.name);
    else
        fprintf(cli->err, "ganglion: unknown verb \"%.*s\"; 'ganglion %s --help' lists them\n",
                STR_ARG(whole), group);
    return EXIT_USAGE;
}

static void help_group(FILE *out, const struct cli *cli, const char *name)
{
    fprintf(out, "Usage: ganglion %s VERB [options]\n\nVerbs:\n", name);
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (in_group(cli->verbs[i], name) && !cli->verbs[i]->hidden)
            fprintf(out, "  %-12s %s\n", cli->verbs[i]->name + strlen(name) + 1,
                    cli->verbs[i]->help);
    fprintf(out, "\n'ganglion %s VERB --help' tells more about a verb.\n", name);
}

static int help(struct cli *cli, char **words, int n)
{
    int used;
    const struct cli_verb *v = find_verb(cli, words, n, &used);
    if (v)
        help_verb(cli->out, v);
    else if (n == 0)
        help_overview(cli->out, cli);
    else if (is_group(cli, words[0]))
        help_group(cli->out, cli, words[0]);
    else
        return unknown_verb(cli, words[0]);
    return EXIT_OK;
}

static int run_group(struct cli *cli, const char *name, const char *word)
{
    if (word && !is_help(word))
        return unknown_in_group(cli, name, word);
    help_group(word ? cli->out : cli->err, cli, name);
    return word ? EXIT_OK : EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        help_overview(cli->err, cli);
        return EXIT_USAGE;
    }
    if (is_help(argv[1]))
        return help(cli, argv + 2, argc - 2);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = (char *)(uintptr_t) "version";
    int used;
    const struct cli_verb *v = find_verb(cli, argv + 1, argc - 1, &used);
    if (v)
        return run_verb(cli, v, argc - 1 - used, argv + 1 + used);
    if (is_group(cli, argv[1]))
        return run_group(cli, argv[1], argc > 2 ? argv[2] : NULL);
    return unknown_verb(cli, argv[1]);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
    int rc = run(cli, argc, argv);
    if (fflush(cli->out) == 0 && !ferror(cli->out))
        return rc;
    fprintf(cli->err, "ganglion: writing the output: %s\n", strerror(errno));
    return rc ? rc : EXIT_FAILED;
}
