/* SPDX-License-Identifier: Apache-2.0
 * trial — see trial.h. The child writes its struct err into a pipe; an end without one is a crash.
 */
#include "io/trial.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"

struct answer {
    int rc;
    struct err err;
};

/* A text that the child and we share: whom to blame at this moment. */
struct note {
    char whom[160];
};
static struct note *note;                         /* of the child that this is; NULL: of none */
static _Thread_local const char *volatile blamed; /* read by the handler of this thread alone */

/* ---- trials ---- */

static _Noreturn void answer_and_end(trial_fn fn, void *arg, int fd, struct note *shared)
{
    note = shared;
    struct answer a = { 0 };
    a.rc = fn(arg, &a.err);
    ssize_t n = write(fd, &a, sizeof a); /* less than PIPE_BUF: all or nothing */
    _exit(n == sizeof a ? 0 : 1);
}

/* True when a whole answer came. */
static bool read_answer(int fd, struct answer *a, int64_t timeout_ns, bool *late)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;
    do {
        n = poll(&p, 1, (int)(timeout_ns / NS_PER_MS));
    } while (n < 0 && errno == EINTR);
    *late = n == 0;
    return n > 0 && read(fd, a, sizeof *a) == sizeof *a;
}

static int judge(pid_t child, bool answered, bool late, struct err *err)
{
    int status = 0;
    if (!answered)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (answered)
        return 0;
    if (late)
        return err_set(err, ERR_TIMEOUT, "it did not come back");
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        return err_set(err, ERR_IO, "it crashed (%s)", strsignal(WTERMSIG(status)));
    return err_set(err, ERR_IO, "it ended the process");
}

static int
run_child(trial_fn fn, void *arg, int64_t timeout_ns, struct note *shared, struct err *err)
{
    int ends[2];
    struct answer a;
    bool late;
    if (pipe(ends) != 0)
        return err_sys(err, errno, "pipe");
    pid_t child = fork();
    if (child < 0) {
        int why = errno;
        close(ends[0]);
        close(ends[1]);
        return err_sys(err, why, "fork");
    }
    if (child == 0)
        answer_and_end(fn, arg, ends[1], shared);
    close(ends[1]);
    bool answered = read_answer(ends[0], &a, timeout_ns, &late);
    close(ends[0]);
    if (judge(child, answered, late, err) != 0)
        return shared->whom[0] ? err_wrap(err, "%s", shared->whom) : -1;
    if (a.rc != 0 && err)
        *err = a.err;
    return a.rc;
}

int trial_run(trial_fn fn, void *arg, int64_t timeout_ns, struct err *err)
{
    struct note *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return err_sys(err, errno, "mmap");
    int rc = run_child(fn, arg, timeout_ns, shared, err);
    munmap(shared, sizeof *shared);
    return rc;
}

/* ---- blame ---- */

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static struct sigaction before[sizeof crashes / sizeof crashes[0]]; /* set once, at the start */

/* Says it, and leaves the rest to whoever handled this signal before: a fault comes again when we
 * return, a signal that somebody sent must be sent again. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    const char *whom = blamed;
    (void)context;
    if (whom) {
        say("ganglion: crashed inside ");
        say(whom);
        say("\n");
    }
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        if (crashes[i] == number)
            sigaction(number, &before[i], NULL);
    }
    if (info->si_code <= 0)
        raise(number);
}

void blame_install(void)
{
    struct sigaction a = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO };
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        sigaction(crashes[i], &a, &before[i]);
}

void blame_set(const char *whom)
{
    blamed = whom;
    if (note)
        snprintf(note->whom, sizeof note->whom, "%s", whom ? whom : "");
}
