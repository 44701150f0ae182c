/* SPDX-License-Identifier: Apache-2.0
 * Trials: what happens in the child stays there, but for its answer; a crash names whom to blame.
 */
#include "io/trial.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "testkit/check.h"

static int touched;

static int fine(void *arg, struct err *err)
{
    (void)err;
    touched = 1;
    return arg == &touched ? 0 : -1;
}

static int wrong(void *arg, struct err *err)
{
    return err_set(err, ERR_DENIED, "%s", (const char *)arg);
}

static int crash(void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int leave(void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    _exit(0);
}

static int hang_in_a(void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    blame_set("library b");
    blame_set(NULL);
    blame_set("library a");
    return pause();
}

static int hang(void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    return pause();
}

static void test_answers(void **state)
{
    (void)state;
    static char text[] = "not today";
    struct err err = { 0 };
    CHECK_OK(trial_run(fine, &touched, NS_PER_S * 60, &err), err);
    CHECK_I64(touched, 0);
    CHECK_FAILS(trial_run(wrong, text, NS_PER_S * 60, &err), err, ERR_DENIED);
    CHECK_CSTR(err.msg, "not today");
}

static void test_ends_without_an_answer(void **state)
{
    (void)state;
    struct err err = { 0 };
    CHECK_FAILS(trial_run(crash, NULL, NS_PER_S * 60, &err), err, ERR_IO);
    CHECK(strstr(err.msg, "crashed (Aborted)") != NULL);
    CHECK_FAILS(trial_run(leave, NULL, NS_PER_S * 60, &err), err, ERR_IO);
    CHECK_CSTR(err.msg, "it ended the process");
    CHECK_FAILS(trial_run(hang, NULL, NS_PER_MS * 50, &err), err, ERR_TIMEOUT);
    CHECK_CSTR(err.msg, "it did not come back");
    CHECK_FAILS(trial_run(hang_in_a, NULL, NS_PER_S, &err), err, ERR_TIMEOUT);
    CHECK_CSTR(err.msg, "library a: it did not come back");
}

/* What a process says on standard error that crashes with and without somebody to blame. */
static size_t last_words(const char *whom, char *out, size_t room, int *how)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        blame_install();
        blame_set(whom);
        raise(SIGABRT);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t more; (more = read(ends[0], out + n, room - n)) > 0;)
        n += (size_t)more;
    close(ends[0]);
    CHECK(waitpid(child, how, 0) == child);
    return n;
}

static void test_blame(void **state)
{
    (void)state;
    char text[4096];
    int how;
    size_t n = last_words("plugin X of x.so", text, sizeof text, &how);
    CHECK_STR(str_make(text, n), "ganglion: crashed inside plugin X of x.so\n");
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
    CHECK_I64(last_words(NULL, text, sizeof text, &how), 0);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_ends_without_an_answer),
        cmocka_unit_test(test_blame),
    };
    return CHECK_MAIN(tests);
}
