/* SPDX-License-Identifier: Apache-2.0
 * pages — texts made from the table of verbs: shell completion, the man page, the reference page.
 */
#include "cli/verbs/verbs.h"

static void put_words(FILE *out, const struct option *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(out, " --%s", list[i].name);
}

/* Verbs are sorted, so those of one group stand together. */
static bool starts_group(const struct cli *cli, size_t i)
{
    struct str group = cli_group(cli->verbs[i]);
    return group.p && (i == 0 || !str_eq(group, cli_group(cli->verbs[i - 1])));
}

/* The first words of all verbs, each once. */
static void put_first_words(FILE *out, const struct cli *cli)
{
    for (size_t i = 0; i < cli->n_verbs; i++) {
        const struct cli_verb *v = cli->verbs[i];
        struct str group = cli_group(v);
        if (starts_group(cli, i))
            fprintf(out, "%.*s ", STR_ARG(group));
        else if (!group.p && !v->hidden)
            fprintf(out, "%s ", v->name);
    }
}

/* The second words of a group; i is its first verb. */
static void put_second_words(FILE *out, const struct cli *cli, size_t i)
{
    struct str group = cli_group(cli->verbs[i]);
    for (; i < cli->n_verbs && str_eq(cli_group(cli->verbs[i]), group); i++)
        fprintf(out, " %s", cli->verbs[i]->name + group.n + 1);
}

static void bash_completion(const struct cli *cli)
{
    FILE *out = cli->out;
    fputs("_ganglion() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words=\"",
          out);
    put_first_words(out, cli);
    fputs("\"\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n", out);
    for (size_t i = 0; i < cli->n_verbs; i++) {
        const struct cli_verb *v = cli->verbs[i];
        fprintf(out,
                cli_group(v).p ? "        \"%s\") words=\"--help"
                               : "        \"%s \"*) words=\"--help",
                v->name);
        put_words(out, v->options, v->n_options);
        if (v->client)
            put_words(out, cli_client_options, cli_client_options_count);
        fputs("\" ;;\n", out);
    }
    for (size_t i = 0; i < cli->n_verbs; i++) {
        if (!starts_group(cli, i))
            continue;
        fprintf(out, "        \"%.*s \"*) words=\"", STR_ARG(cli_group(cli->verbs[i])));
        put_second_words(out, cli, i);
        fputs("\" ;;\n", out);
    }
    fputs("        esac\n"
          "        case $cur in -*) ;; *) [ \"${words#--}\" = \"$words\" ] || { "
          "COMPREPLY=($(compgen -f -- \"$cur\")); return; } ;; esac\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "}\n"
          "complete -F _ganglion ganglion\n",
          out);
}

static void fish_completion(const struct cli *cli)
{
    for (size_t i = 0; i < cli->n_verbs; i++) {
        const struct cli_verb *v = cli->verbs[i];
        struct str group = cli_group(v);
        if (v->hidden)
            continue;
        if (starts_group(cli, i))
            fprintf(cli->out, "complete -c ganglion -n __fish_use_subcommand -a %.*s\n",
                    STR_ARG(group));
        if (group.p)
            fprintf(cli->out,
                    "complete -c ganglion -n '__fish_seen_subcommand_from %.*s' -a %s -d '%s'\n",
                    STR_ARG(group), v->name + group.n + 1, v->help);
        else
            fprintf(cli->out, "complete -c ganglion -n __fish_use_subcommand -a %s -d '%s'\n",
                    v->name, v->help);
        for (size_t k = 0; k < v->n_options; k++)
            fprintf(cli->out,
                    "complete -c ganglion -n '__fish_seen_subcommand_from %s' -l %s -d '%s'\n",
                    group.p ? v->name + group.n + 1 : v->name, v->options[k].name,
                    v->options[k].help);
    }
}

static int verb_completion(struct cli *cli, struct args *args, struct err *err)
{
    struct str shell = args_operands(args) ? args_operand(args, 0) : (struct str){ 0 };
    if (str_is(shell, "zsh"))
        fputs("autoload -U +X bashcompinit && bashcompinit\n", cli->out);
    if (str_is(shell, "bash") || str_is(shell, "zsh"))
        bash_completion(cli);
    else if (str_is(shell, "fish"))
        fish_completion(cli);
    else
        return err_set(err, ERR_INVALID, "for which shell: bash, zsh or fish?");
    return 0;
}

/* ---- man page (groff_man(7)) ---- */

static void put_roff(FILE *out, const char *text)
{
    bool start = true;
    for (const char *p = text; *p; p++) {
        if (start && (*p == '.' || *p == '\''))
            fputs("\\&", out);
        if (*p == '-' || *p == '\\')
            fputc('\\', out);
        fputc(*p, out);
        start = *p == '\n';
    }
}

static void man_option(FILE *out, const struct option *o)
{
    fputs(".TP\n\\fB\\-\\-", out);
    put_roff(out, o->name);
    fputs("\\fR", out);
    if (o->value)
        fprintf(out, " \\fI%s\\fR", o->value);
    fputc('\n', out);
    put_roff(out, o->help);
    fputc('\n', out);
}

static void man_verb_section(FILE *out, const struct cli_verb *v)
{
    fprintf(out, ".SS ganglion %s %s\n", v->name, v->usage);
    put_roff(out, v->help);
    fputs(".\n", out);
    if (v->details) {
        fputs(".PP\n", out);
        put_roff(out, v->details);
        fputc('\n', out);
    }
    for (size_t i = 0; i < v->n_options; i++)
        man_option(out, &v->options[i]);
    if (!v->examples)
        return;
    fputs(".PP\n.nf\n", out);
    put_roff(out, v->examples);
    fputs("\n.fi\n", out);
}

static int verb_man(struct cli *cli, struct args *args, struct err *err)
{
    FILE *out = cli->out;
    (void)args;
    (void)err;
    fputs(".TH GANGLION 1\n.SH NAME\nganglion \\- run and schedule AI workloads\n"
          ".SH SYNOPSIS\n.B ganglion\n\\fIVERB\\fR [\\fIoptions\\fR]\n.SH VERBS\n",
          out);
    for (size_t i = 0; i < cli->n_verbs; i++)
        if (!cli->verbs[i]->hidden)
            man_verb_section(out, cli->verbs[i]);
    fputs(".SH OPTIONS OF EVERY CLIENT VERB\n", out);
    for (size_t i = 0; i < cli_client_options_count; i++)
        man_option(out, &cli_client_options[i]);
    fputs(
        ".SH EXIT STATUS\n0 on success, 1 when the work failed, 2 when the command line is wrong, "
        "3 when a wait timed out.\n",
        out);
    return 0;
}

/* ---- reference page (Markdown) ---- */

static void put_cell(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++)
        fprintf(out, "%s%c", *p == '|' ? "\\" : "", *p);
}

static void reference_options(FILE *out, const struct option *list, size_t n)
{
    if (!n)
        return;
    fputs("\n| option | meaning | default |\n| --- | --- | --- |\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "| `--%s%s", list[i].name, list[i].value ? " " : "");
        put_cell(out, list[i].value ? list[i].value : "");
        fputc('`', out);
        if (list[i].letter)
            fprintf(out, ", `-%c`", list[i].letter);
        fprintf(out, " | %s | %s |\n", list[i].help,
                list[i].fallback && list[i].type != OPTION_FLAG ? list[i].fallback : "");
    }
}

static void reference_commands(const struct cli *cli)
{
    FILE *out = cli->out;
    fputs("# Commands\n\nThis page is made by `ganglion reference`; do not edit it.\n\n"
          "Exit codes: 0 success, 1 the work failed, 2 the command line is wrong, 3 a wait timed "
          "out.\n\nOptions of every client verb:\n",
          out);
    reference_options(out, cli_client_options, cli_client_options_count);
    for (size_t i = 0; i < cli->n_verbs; i++) {
        const struct cli_verb *v = cli->verbs[i];
        if (v->hidden)
            continue;
        fprintf(out, "\n## ganglion %s\n\n`ganglion %s%s%s` — %s.\n", v->name, v->name,
                *v->usage ? " " : "", v->usage, v->help);
        if (v->details)
            fprintf(out, "\n%s\n", v->details);
        reference_options(out, v->options, v->n_options);
        if (v->examples)
            fprintf(out, "\n```\n%s\n```\n", v->examples);
    }
}

static int verb_reference(struct cli *cli, struct args *args, struct err *err)
{
    struct str name = args_operands(args) ? args_operand(args, 0) : STR("cli");
    if (str_is(name, "cli")) {
        reference_commands(cli);
        return 0;
    }
    for (size_t i = 0; i < cli->n_pages; i++) {
        if (!str_is(name, cli->pages[i].name))
            continue;
        cli->pages[i].print(cli->out);
        return 0;
    }
    return err_set(err, ERR_INVALID, "no reference page \"%.*s\"", STR_ARG(name));
}

const struct cli_verb completion_verb = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .help = "print shell completion",
    .examples = "  source <(ganglion completion bash)",
    .max_operands = 1,
    .run = verb_completion,
};

const struct cli_verb man_verb = {
    .name = "man",
    .usage = "",
    .help = "print the man page",
    .hidden = true,
    .run = verb_man,
};

const struct cli_verb reference_verb = {
    .name = "reference",
    .usage = "[cli|config]",
    .help = "print a reference page",
    .hidden = true,
    .max_operands = 1,
    .run = verb_reference,
};
