/* SPDX-License-Identifier: Apache-2.0
 * setup — see setup.h. */
#include "node/shim/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/shim/mounts.h"

#define CPUS_MAX 4096
#define CELLS_MAX 1024
#define GROUPS_MAX 64

/* Calls set(arg, i) for each number of "0-3,8" below max. */
static int each_number(const char *list, long max, void (*set)(void *, long), void *arg)
{
    const char *p = list;
    while (*p) {
        char *end;
        long from = strtol(p, &end, 10), to = from;
        if (end == p || from < 0)
            return -1;
        if (*end == '-') {
            p = end + 1;
            to = strtol(p, &end, 10);
            if (end == p)
                return -1;
        }
        for (long i = from; i <= to && i < max; i++)
            set(arg, i);
        if (*end && *end != ',')
            return -1;
        p = *end ? end + 1 : end;
    }
    return 0;
}

static void set_cpu(void *arg, long i)
{
    CPU_SET_S((size_t)i, CPUS_MAX / 8, (cpu_set_t *)arg);
}

static void set_cell(void *arg, long i)
{
    unsigned long *mask = arg;
    size_t bits = 8 * sizeof *mask;
    mask[(size_t)i / bits] |= 1ul << ((size_t)i % bits);
}

static int bind_cells(const struct shim_container *c, struct err *err)
{
    unsigned long cpus[CPUS_MAX / 8 / sizeof(long)] = { 0 };
    unsigned long cells[CELLS_MAX / 8 / sizeof(long)] = { 0 };
    if (c->cpus && (each_number(c->cpus, CPUS_MAX, set_cpu, cpus) < 0 ||
                    sched_setaffinity(0, sizeof cpus, (cpu_set_t *)cpus) < 0))
        return err_sys(err, errno, "bind to CPUs %s", c->cpus);
    if (c->mems && each_number(c->mems, CELLS_MAX, set_cell, cells) < 0)
        return err_set(err, ERR_INVALID, "memory cells \"%s\"", c->mems);
    /* A kernel without NUMA has no such call: then there is one cell and nothing to bind. */
    if (c->mems && syscall(SYS_set_mempolicy, MPOL_BIND, cells, CELLS_MAX) < 0 && errno != ENOSYS &&
        errno != EPERM)
        return err_sys(err, errno, "bind memory to cells %s", c->mems);
    return 0;
}

static int enter_cgroups(const struct shim_container *c, struct err *err)
{
    for (size_t i = 0; i < c->cgroups.n; i++) {
        int fd = open(c->cgroups.items[i], O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return err_sys(err, errno, "open %s", c->cgroups.items[i]);
        ssize_t n = write(fd, "0", 1);
        int sys = errno;
        close(fd);
        if (n != 1)
            return err_sys(err, sys, "enter %s", c->cgroups.items[i]);
    }
    return 0;
}

static int become(const struct shim_container *c, struct err *err)
{
    gid_t groups[GROUPS_MAX];
    size_t n = 0;
    for (; n < c->groups.n && n < GROUPS_MAX; n++)
        groups[n] = (gid_t)strtoll(c->groups.items[n], NULL, 10);
    bool other = c->uid >= 0 && (uid_t)c->uid != geteuid();
    if ((n || (other && geteuid() == 0)) && setgroups(n, groups) < 0)
        return err_sys(err, errno, "set supplementary groups");
    if (c->gid >= 0 && (gid_t)c->gid != getegid() &&
        setresgid((gid_t)c->gid, (gid_t)c->gid, (gid_t)c->gid) < 0)
        return err_sys(err, errno, "run as group %lld", (long long)c->gid);
    if (other && setresuid((uid_t)c->uid, (uid_t)c->uid, (uid_t)c->uid) < 0)
        return err_sys(err, errno, "run as user %lld", (long long)c->uid);
    return 0;
}

/* Only after the cgroups were entered: a cpu cgroup without real-time budget refuses real-time
 * processes (EINVAL). */
static void hurry(void)
{
    const struct sched_param p = { .sched_priority = 1 };
    sched_setscheduler(0, SCHED_RR, &p); /* not everyone may */
}

int setup_enter(const struct shim_container *c, struct err *err)
{
    if (setsid() < 0)
        return err_sys(err, errno, "begin a session");
    if (enter_cgroups(c, err) < 0)
        return -1;
    hurry();
    if (bind_cells(c, err) < 0 || mounts_enter(c->mounts, c->n_mounts, err) < 0)
        return -1;
    if (become(c, err) < 0)
        return -1;
    if (chdir(c->dir) < 0)
        return err_sys(err, errno, "enter the working directory %s", c->dir);
    /* After the change of user, which would clear it: no container outlives its shim. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == 1 ? err_set(err, ERR_IO, "the shim is gone") : 0;
}

void setup_usual(void)
{
    const struct sched_param p = { 0 };
    sched_setscheduler(0, SCHED_OTHER, &p);
    setpriority(PRIO_PROCESS, 0, 0);
}

void setup_signals(void)
{
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL); /* fails for the few that cannot change */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int setup_exec(const struct shim_container *c, char **argv, struct err *err)
{
    static char *nothing[] = { NULL };
    if (!argv || !argv[0])
        return err_set(err, ERR_INVALID, "there is no command");
    environ = c->envs.items ? c->envs.items : nothing;
    execvp(argv[0], argv);
    return err_sys(err, errno, "exec %s", argv[0]);
}

static void on_end(int signo)
{
    (void)signo;
    _exit(0);
}

void setup_pause(void)
{
    signal(SIGTERM, on_end);
    signal(SIGINT, on_end);
    for (;;)
        pause();
}
