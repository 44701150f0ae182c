/* SPDX-License-Identifier: Apache-2.0
 * help — --help and the dispatch of a command line. */
#include <errno.h>

#include "base/buf.h"
#include "cli/nearest.h"
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

static const struct cli_verb *find_verb(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (strcmp(cli->verbs[i]->name, name) == 0)
            return cli->verbs[i];
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

static int help(struct cli *cli, const char *name)
{
    const struct cli_verb *v = name ? find_verb(cli, name) : NULL;
    if (name && !v)
        return unknown_verb(cli, name);
    if (v)
        help_verb(cli->out, v);
    else
        help_overview(cli->out, cli);
    return EXIT_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        help_overview(cli->err, cli);
        return EXIT_USAGE;
    }
    if (is_help(argv[1]))
        return help(cli, argc > 2 ? argv[2] : NULL);
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct cli_verb *v = find_verb(cli, name);
    return v ? run_verb(cli, v, argc - 2, argv + 2) : unknown_verb(cli, name);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
    int rc = run(cli, argc, argv);
    if (fflush(cli->out) == 0 && !ferror(cli->out))
        return rc;
    fprintf(cli->err, "ganglion: writing the output: %s\n", strerror(errno));
    return rc ? rc : EXIT_FAILED;
}
