/* SPDX-License-Identifier: Apache-2.0
 * main — the pod shim: parent and subreaper of the containers of one pod. A small static program
 * carried inside ganglion; it keeps processes, logs and exit codes while ganglion is away. Started
 * as `ganglion-shim POD_DIRECTORY` by the executor (shim_client.c). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "node/shim/network.h"
#include "node/shim/setup.h"
#include "node/shim/shim_internal.h"

#define IDLE_CHECK_MS 60000
#define SHIM_NICE (-10)

int shim_watch(struct shim *s, int fd, enum source kind, size_t index)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | index };
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void reap(struct shim *s)
{
    struct signalfd_siginfo info[8];
    while (read(s->signals, info, sizeof info) > 0)
        continue;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        if (!container_reaped(s, pid, status))
            probe_reaped(s, pid, status); /* else an orphan of a container */
    }
}

static void on_folder(struct shim *s)
{
    char events[4096];
    while (read(s->folder, events, sizeof events) > 0)
        continue;
    s->doubt = true;
}

static void dispatch(struct shim *s, uint64_t data)
{
    size_t index = (uint32_t)data;
    switch ((enum source)(data >> 32)) {
    case FROM_SIGNALS:
        reap(s);
        break;
    case FROM_LISTENER:
        control_accept(s);
        break;
    case FROM_CONTROL:
        control_read(s);
        break;
    case FROM_STATUS:
        container_on_status(s, index);
        break;
    case FROM_STDOUT:
        container_on_output(s, index, 0);
        break;
    case FROM_STDERR:
        container_on_output(s, index, 1);
        break;
    case FROM_PROBE:
        probe_on_output(s, index);
        break;
    case FROM_FOLDER:
        on_folder(s);
        break;
    }
}

/* The pod's folder was removed and nobody steers us: no one will ever ask for this pod again. */
static bool abandoned(const struct shim *s)
{
    struct stat st;
    return s->control < 0 && stat("spec", &st) < 0 && errno == ENOENT;
}

static void serve(struct shim *s)
{
    struct epoll_event events[32];
    while (!s->quit) {
        int due = probe_expire(s, clock_mono());
        int wait = due < 0 || due > IDLE_CHECK_MS ? IDLE_CHECK_MS : due;
        int n = epoll_wait(s->epoll, events, 32, wait);
        for (int i = 0; i < n && !s->quit; i++)
            dispatch(s, events[i].data.u64);
        if ((n == 0 || s->doubt) && abandoned(s))
            s->quit = true;
        s->doubt = false;
    }
}

/* The parent's id in /proc/PID/stat, behind the name in parentheses; -1 when it is gone. */
static long parent_of(const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    char *end = strrchr(text, ')');
    return end && strlen(end) > 4 ? strtol(end + 4, NULL, 10) : -1;
}

static void kill_children(void)
{
    DIR *d = opendir("/proc");
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == getpid())
            kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
    if (d)
        closedir(d);
}

/* As subreaper we inherit what killed processes leave, until nothing is left. */
static void end_all(struct shim *s)
{
    for (;;) {
        int status;
        kill_children();
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        container_reaped(s, pid, status);
    }
    unlink("sock");
    unlink("shim.pid");
}

static int write_pid(struct err *err)
{
    char stat_text[1024], text[64];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, stat_text, sizeof stat_text - 1);
    if (fd >= 0)
        close(fd);
    stat_text[n > 0 ? n : 0] = '\0';
    const char *p = strrchr(stat_text, ')');
    for (int field = 2; p && field < 22; field++) { /* the start time is field 22 */
        p = strchr(p + 1, ' ');
    }
    int len =
        snprintf(text, sizeof text, "%d %llu\n", (int)getpid(), p ? strtoull(p, NULL, 10) : 0ull);
    fd = open("shim.pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    n = fd < 0 ? -1 : write(fd, text, (size_t)len);
    if (fd >= 0)
        close(fd);
    return n == len ? 0 : err_sys(err, errno, "write shim.pid");
}

static int begin(struct shim *s, struct err *err)
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->folder = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s->folder >= 0) { /* without it the idle check has to do */
        inotify_add_watch(s->folder, ".", IN_DELETE);
        shim_watch(s, s->folder, FROM_FOLDER, 0);
    }
    if (s->signals < 0 || s->epoll < 0)
        return err_sys(err, errno, "begin");
    setpriority(PRIO_PROCESS, 0, SHIM_NICE); /* short work that others wait for; root only */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "ganglion-shim");
    for (size_t i = 0; i < s->spec.n; i++)
        s->containers[i] = (struct container){ .spec = &s->spec.containers[i], .status = -1 };
    for (size_t i = 0; i < PROBES_MAX; i++)
        s->probes[i].out = -1;
    if (shim_watch(s, s->signals, FROM_SIGNALS, 0) < 0 || write_pid(err) < 0)
        return err_wrap(err, "begin");
    return control_listen(s, err);
}

/* A pod without a network of its own is better than none. */
static void take_network(struct shim *s)
{
    struct err err = { 0 };
    const struct shim_network *n = &s->spec.network;
    if (n->address && n->gateway && n->link && network_enter(n, &err) < 0)
        snprintf(s->warning, sizeof s->warning, "%s", err.msg);
}

int main(int argc, char **argv)
{
    static struct shim s = { .control = -1 };
    struct err err = { 0 };
    if (argc != 2 || chdir(argv[1]) < 0) {
        fprintf(stderr, "usage: ganglion-shim POD_DIRECTORY\n");
        return 2;
    }
    close_range(SHIM_CONTROL_FD + 1, ~0u, 0);
    fcntl(SHIM_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    if (spec_read(&s.spec, &err) < 0 || begin(&s, &err) < 0) {
        fprintf(stderr, "ganglion-shim: %s\n", err.msg);
        return 1;
    }
    take_network(&s);
    if (fcntl(SHIM_CONTROL_FD, F_GETFD) >= 0)
        control_take(&s, SHIM_CONTROL_FD);
    serve(&s);
    end_all(&s);
    return 0;
}
