/* SPDX-License-Identifier: Apache-2.0
 * Command lines as a person types them, with the table of the client's verbs and one of the test's
 * own: what is printed where, and the exit code. Nothing here needs a server. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/verb.h"
#include "testkit/check.h"

static int echo(struct cli *cli, struct args *args, struct err *err)
{
    if (args_flag(args, "fail"))
        return err_set(err, ERR_IO, "the disk is full");
    if (args_number(args, "code"))
        return (int)args_number(args, "code");
    fprintf(cli->out, "text=%.*s number=%lld flag=%d list=", STR_ARG(args_text(args, "text")),
            (long long)args_number(args, "number"), args_flag(args, "flag"));
    for (size_t i = 0; i < args_count(args, "list"); i++)
        fprintf(cli->out, "[%.*s]", STR_ARG(args_text_at(args, "list", i)));
    for (size_t i = 0; i < args_operands(args); i++)
        fprintf(cli->out, " <%.*s>", STR_ARG(args_operand(args, i)));
    fputc('\n', cli->out);
    return 0;
}

static const struct option rows[] = {
    { .name = "text",
      .letter = 't',
      .type = OPTION_TEXT,
      .value = "T",
      .fallback = "none",
      .help = "a text" },
    { .name = "number",
      .letter = 'n',
      .type = OPTION_NUMBER,
      .value = "N",
      .fallback = "7",
      .help = "a number" },
    { .name = "flag", .letter = 'f', .type = OPTION_FLAG, .fallback = "false", .help = "a flag" },
    { .name = "list", .type = OPTION_TEXT, .value = "A|B", .help = "several", .repeats = true },
    { .name = "fail", .type = OPTION_FLAG, .fallback = "false", .help = "fails" },
    { .name = "code", .type = OPTION_NUMBER, .value = "N", .fallback = "0", .help = "exits so" },
};
static const struct cli_verb echo_verb = {
    .name = "echo",
    .usage = "[WORD…]",
    .help = "say it again",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .max_operands = 2,
    .run = echo,
};

static const struct cli_verb group_verb = {
    .name = "zoo feed", /* typed as two words */
    .usage = "[WORD…]",
    .help = "give food",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .max_operands = 2,
    .run = echo,
};

static char *out_text, *err_text;

static void print_page(FILE *out)
{
    fputs("# A page\n", out);
}

/* Words are separated by spaces; returns the exit code and sets out_text and err_text. */
static int type(const char *line)
{
    const struct cli_verb *verbs[64];
    char words[256], *argv[32] = { (char *)(uintptr_t) "ganglion" };
    size_t n = 0, out_n, err_n;
    int argc = 1;
    while (n < cli_verbs_count)
        verbs[n] = cli_verbs[n], n++;
    verbs[n++] = &echo_verb;
    verbs[n++] = &group_verb;
    snprintf(words, sizeof words, "%s", line);
    for (char *rest = words, *w; (w = strsep(&rest, " "));)
        if (*w)
            argv[argc++] = w;
    free(out_text);
    free(err_text);
    const struct cli_page pages[] = { { "page", print_page } };
    struct cli cli = { .pages = pages, .n_pages = 1, .verbs = verbs, .n_verbs = n };
    cli.out = open_memstream(&out_text, &out_n);
    cli.err = open_memstream(&err_text, &err_n);
    int rc = cli_main(&cli, argc, argv);
    fclose(cli.out);
    fclose(cli.err);
    return rc;
}

static void says(const char *line, const char *want)
{
    CHECK_I64(type(line), EXIT_OK);
    CHECK_CSTR(out_text, want);
    CHECK_CSTR(err_text, "");
}

static void refuses(const char *line, const char *want)
{
    CHECK_I64(type(line), EXIT_USAGE);
    CHECK_CSTR(err_text, want);
    CHECK_CSTR(out_text, "");
}

static void printed(const char *words)
{
    if (!strstr(out_text, words))
        CHECK_CSTR(out_text, words);
}

static void options_have_many_forms(void **state)
{
    (void)state;
    says("echo", "text=none number=7 flag=0 list=\n");
    says("echo --text a -n 3 -f", "text=a number=3 flag=1 list=\n");
    says("echo --text=a=b -n3 --flag=false", "text=a=b number=3 flag=0 list=\n");
    says("echo -t=a -ta x y", "text=a number=7 flag=0 list= <x> <y>\n");
    says("echo --list a --list=b", "text=none number=7 flag=0 list=[a][b]\n");
    says("echo --text= -- --flag -", "text= number=7 flag=0 list= <--flag> <->\n");
    says("echo -", "text=none number=7 flag=0 list= <->\n");
}

static void a_group_of_verbs_is_typed_as_two_words(void **state)
{
    (void)state;
    says("zoo feed -n 3 lion", "text=none number=3 flag=0 list= <lion>\n");
    CHECK_I64(type("zoo"), EXIT_USAGE); /* what? */
    CHECK_I64(type("zoo --help"), EXIT_OK);
    printed("feed         give food");
    CHECK_I64(type("help zoo"), EXIT_OK);
    printed("feed         give food");
    CHECK_I64(type("help zoo feed"), EXIT_OK);
    printed("Usage: ganglion zoo feed [WORD…]");
    CHECK_I64(type("zoo feed --help"), EXIT_OK);
    printed("Usage: ganglion zoo feed [WORD…]");
    refuses("zoo fede", "ganglion: unknown verb \"zoo fede\"; did you mean zoo feed?\n");
    refuses("zoo feed a b c", "ganglion: unexpected \"c\"; usage: ganglion zoo feed [WORD…]\n");
    CHECK_I64(type("completion bash"), EXIT_OK);
    printed(" zoo \"");
    printed("\"zoo feed\") words=\"--help --text");
    printed("\"zoo \"*) words=\" feed\"");
}

static void wrong_command_lines_say_what_is_right(void **state)
{
    (void)state;
    refuses("echo --txet a", "ganglion: unknown option --txet; did you mean --text?\n");
    refuses("echo --zzzzzz", "ganglion: unknown option --zzzzzz; see 'ganglion echo --help'\n");
    refuses("echo -z", "ganglion: unknown option --z; see 'ganglion echo --help'\n");
    refuses("echo --text", "ganglion: --text wants a value: --text T\n");
    refuses("echo -n x", "ganglion: --number wants a whole number, not \"x\"\n");
    refuses("echo --flag=1", "ganglion: --flag is true or false, not \"1\"\n");
    refuses("echo a b c", "ganglion: unexpected \"c\"; usage: ganglion echo [WORD…]\n");
    refuses("gte pods", "ganglion: unknown verb \"gte\"; did you mean get?\n");
    refuses("zzzz", "ganglion: unknown verb \"zzzz\"; 'ganglion --help' lists them\n");
    refuses("help dleete", "ganglion: unknown verb \"dleete\"; did you mean delete?\n");
    refuses("get -o xml pods", "ganglion get: -o is wide, json, yaml, name, jsonpath=TEMPLATE or "
                               "custom-columns=NAME:.path,…, not \"xml\"\n");
    refuses("get -o jsonpath pods", "ganglion get: -o is wide, json, yaml, name, "
                                    "jsonpath=TEMPLATE or custom-columns=NAME:.path,…, not "
                                    "\"jsonpath\"\n");
    refuses("apply", "ganglion apply: which files? usage: ganglion apply -f FILE\n");
    refuses("wait pod/x --for soon", "ganglion wait: --for is condition=NAME[=STATUS], "
                                     "jsonpath={.path}[=VALUE] or delete, not \"soon\"\n");
    refuses("completion tcsh", "ganglion completion: for which shell: bash, zsh or fish?\n");
    refuses("reference zzz", "ganglion reference: no reference page \"zzz\"\n");
}

static void exit_codes(void **state)
{
    (void)state;
    CHECK_I64(type("echo --fail"), EXIT_FAILED);
    CHECK_CSTR(err_text, "ganglion echo: the disk is full\n");
    CHECK_I64(type("echo --code 3"), EXIT_TIMED_OUT);
    CHECK_I64(type(""), EXIT_USAGE);
    CHECK(strstr(err_text, "Usage: ganglion VERB") != NULL);
    CHECK_I64(type("get pods --kubeconfig /nonexistent"), EXIT_FAILED);
    CHECK_CSTR(err_text, "ganglion get: no file /nonexistent\n");
    CHECK_I64(type("apply -f /nonexistent.yaml"), EXIT_FAILED);
    CHECK(strstr(err_text, "/nonexistent.yaml") != NULL);
    CHECK_I64(type("version --client"), EXIT_OK);
    CHECK(strncmp(out_text, "ganglion ", 9) == 0);
}

static void help_comes_from_the_table(void **state)
{
    (void)state;
    says("echo --help", "say it again\n\nUsage: ganglion echo [WORD…]\n\nOptions:\n"
                        "  -t, --text T                     a text (default none)\n"
                        "  -n, --number N                   a number (default 7)\n"
                        "  -f, --flag                       a flag\n"
                        "      --list A|B                   several\n"
                        "      --fail                       fails\n"
                        "      --code N                     exits so (default 0)\n");
    CHECK_I64(type("help echo"), EXIT_OK);
    CHECK(strncmp(out_text, "say it again\n", 13) == 0);
    CHECK_I64(type("--help"), EXIT_OK);
    printed("  echo         say it again\n");
    CHECK(!strstr(out_text, "reference")); /* hidden */
}

/* Every verb explains itself, with the options of clients where it is one. */
static void every_verb_has_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_verbs_count; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --help", cli_verbs[i]->name);
        CHECK_I64(type(line), EXIT_OK);
        CHECK(strncmp(out_text, cli_verbs[i]->help, strlen(cli_verbs[i]->help)) == 0);
        CHECK((strstr(out_text, "--kubeconfig") != NULL) == cli_verbs[i]->client);
        CHECK(i == 0 || strcmp(cli_verbs[i - 1]->name, cli_verbs[i]->name) < 0); /* sorted */
    }
}

static void pages(void **state)
{
    (void)state;
    CHECK_I64(type("reference"), EXIT_OK);
    printed("\n## ganglion echo\n\n`ganglion echo [WORD…]` — say it again.\n");
    printed("| `--list A\\|B` | several |  |\n"); /* '|' would end a cell */
    printed("| `--text T`, `-t` | a text | none |\n");
    says("reference page", "# A page\n");
    CHECK_I64(type("man"), EXIT_OK);
    CHECK(strncmp(out_text, ".TH GANGLION 1\n", 15) == 0);
    printed(".TP\n\\fB\\-\\-text\\fR \\fIT\\fR\na text\n");
}

static int shell_reads(const char *text)
{
    FILE *f = popen("bash -n", "w");
    CHECK(f != NULL);
    fputs(text, f);
    return pclose(f);
}

static void completion_is_shell(void **state)
{
    (void)state;
    CHECK_I64(type("completion bash"), EXIT_OK);
    printed("\"echo \"*) words=\"--help --text --number --flag");
    CHECK_I64(shell_reads(out_text), 0);
    CHECK(shell_reads("if then") != 0); /* the check itself can fail */
    CHECK_I64(type("completion zsh"), EXIT_OK);
    printed("bashcompinit");
    CHECK_I64(type("completion fish"), EXIT_OK);
    printed("-a get -d 'show objects'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_many_forms),
        cmocka_unit_test(a_group_of_verbs_is_typed_as_two_words),
        cmocka_unit_test(wrong_command_lines_say_what_is_right),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(help_comes_from_the_table),
        cmocka_unit_test(every_verb_has_help),
        cmocka_unit_test(pages),
        cmocka_unit_test(completion_is_shell),
    };
    int rc = CHECK_MAIN(tests);
    free(out_text);
    free(err_text);
    return rc;
}
