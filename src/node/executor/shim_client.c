/* SPDX-License-Identifier: Apache-2.0
 * shim_client — see shim_client.h. The process is watched by a pidfd, which works for a shim that
 * an earlier process started too; only our own children leave a zombie to wait for. */
#include "node/executor/shim_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "node/shim/protocol.h"

#define RECONNECT_NS (50 * NS_PER_MS)
#define QUIT_WAIT_MS 1000
#define LOW_FD 10 /* the spawned child rearranges the descriptors below */

extern const char shim_blob[], shim_blob_end[];

struct shim_client {
    struct loop *loop;
    struct shim_events events;
    void *arg;
    char *dir;
    pid_t pid;
    int pidfd, sock;
    struct watch_fd *on_process, *on_sock;
    struct timer *reconnect;
    bool freed, in_event;
};

/* ---- starting ---- */

static int high_fd(int fd)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LOW_FD);
    if (fd >= 0)
        close(fd);
    return high;
}

int shim_program_open(struct err *err)
{
    int fd = high_fd(memfd_create("ganglion-shim", MFD_CLOEXEC));
    if (fd < 0)
        return err_sys(err, errno, "hold the shim program");
    const char *p = shim_blob;
    while (p < shim_blob_end) {
        ssize_t n = write(fd, p, (size_t)(shim_blob_end - p));
        if (n <= 0) {
            close(fd);
            return err_sys(err, errno, "hold the shim program");
        }
        p += n;
    }
    return fd;
}

static int spawn(pid_t *pid, int program, int control, const char *dir)
{
    char path[64], log[600];
    char name[] = "ganglion-shim", *place = mem_dup(dir, strlen(dir));
    char *argv[] = { name, place, NULL }, *envp[] = { NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    snprintf(path, sizeof path, "/proc/self/fd/%d", program);
    snprintf(log, sizeof log, "%s/shim.log", dir);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0640);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_adddup2(&files, control, SHIM_CONTROL_FD);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int rc = posix_spawn(pid, path, &files, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    free(place);
    return rc;
}

static void on_process(void *arg, unsigned events);
static void on_message(void *arg, unsigned events);
static void on_reconnect(void *arg);

static struct shim_client *
client_new(struct loop *l, const char *dir, const struct shim_events *events, void *arg)
{
    struct shim_client *c = MEM_NEW(struct shim_client);
    c->loop = l;
    c->events = *events;
    c->arg = arg;
    c->dir = mem_dup(dir, strlen(dir));
    c->pidfd = c->sock = -1;
    c->reconnect = timer_new(l, on_reconnect, c);
    return c;
}

static void gone_later(void *arg)
{
    struct shim_client *c = arg;
    if (!c->freed)
        c->events.gone(c->arg);
}

static void watch_sock(struct shim_client *c)
{
    c->on_sock = watch_fd_new(c->loop, c->sock, on_message, c, NULL);
    if (c->on_sock)
        watch_fd_set(c->on_sock, WATCH_READ);
}

static void watch_process(struct shim_client *c)
{
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    c->on_process = c->pidfd < 0 ? NULL : watch_fd_new(c->loop, c->pidfd, on_process, c, NULL);
    if (c->on_process)
        watch_fd_set(c->on_process, WATCH_READ);
    else
        timer_start(c->reconnect, 0); /* it ended already: joining fails, and that says so */
}

struct shim_client *shim_client_start(struct loop *l,
                                      int program,
                                      const char *dir,
                                      const struct shim_events *events,
                                      void *arg)
{
    struct shim_client *c = client_new(l, dir, events, arg);
    int pair[2] = { -1, -1 };
    int rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? errno : 0;
    int theirs = high_fd(pair[1]);
    c->sock = pair[0];
    if (!rc)
        rc = spawn(&c->pid, program, theirs, dir);
    if (theirs >= 0)
        close(theirs);
    if (rc) {
        LOG_ERROR("node.shim_start", kv_cstr("dir", dir), kv_i64("errno", rc),
                  kv_cstr("next", "the pod counts as ended"));
        timer_start(c->reconnect, 0);
        return c;
    }
    watch_sock(c);
    watch_process(c);
    return c;
}

/* ---- joining ---- */

static int read_small(struct buf *b, const char *path, struct err *err)
{
    buf_clear(b);
    return file_read(b, path, err);
}

static uint64_t start_time(pid_t pid)
{
    char path[64];
    struct buf b;
    uint64_t out = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    buf_init(&b, 4096);
    if (read_small(&b, path, NULL) == 0) {
        const char *p = strrchr(b.p, ')');
        for (int field = 2; p && field < 22; field++)
            p = strchr(p + 1, ' ');
        out = p ? strtoull(p, NULL, 10) : 0;
    }
    buf_fini(&b);
    return out;
}

/* The living shim of a directory, 0 when there is none. */
static pid_t living(const char *dir)
{
    char path[600];
    struct buf b;
    pid_t pid = 0;
    buf_init(&b, 256);
    snprintf(path, sizeof path, "%s/shim.pid", dir);
    if (read_small(&b, path, NULL) == 0) {
        char *end;
        long v = strtol(b.p, &end, 10);
        uint64_t started = strtoull(end, NULL, 10);
        if (v > 1 && started && start_time((pid_t)v) == started)
            pid = (pid_t)v;
    }
    buf_fini(&b);
    return pid;
}

/* The path of a unix socket has 107 bytes at most; one through the folder's descriptor is short. */
static int dial(const char *dir, struct err *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/sock", folder);
    int rc = folder < 0 || sock < 0 ? -1 : connect(sock, (struct sockaddr *)&a, sizeof a);
    int sys = errno;
    if (folder >= 0)
        close(folder);
    if (rc == 0)
        return sock;
    if (sock >= 0)
        close(sock);
    return err_sys(err, sys, "connect to the shim of %s", dir);
}

struct shim_client *shim_client_join(struct loop *l,
                                     const char *dir,
                                     const struct shim_events *events,
                                     void *arg,
                                     struct err *err)
{
    pid_t pid = living(dir);
    if (!pid) {
        err_set(err, ERR_NOT_FOUND, "no shim lives in %s", dir);
        return NULL;
    }
    int sock = dial(dir, err);
    if (sock < 0)
        return NULL;
    struct shim_client *c = client_new(l, dir, events, arg);
    c->pid = pid;
    c->sock = sock;
    watch_sock(c);
    watch_process(c);
    return c;
}

/* A shim that is asked ends its containers' descendants too; one that was killed cannot. */
void shim_client_kill(const char *dir)
{
    static const char quit[] = "quit";
    pid_t pid = living(dir);
    int sock = pid ? dial(dir, NULL) : -1;
    int pidfd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd end = { .fd = pidfd, .events = POLLIN };
    bool asked = sock >= 0 && send(sock, quit, sizeof quit, MSG_NOSIGNAL) == (ssize_t)sizeof quit;
    if (pid && (!asked || poll(&end, pidfd < 0 ? 0 : 1, QUIT_WAIT_MS) != 1))
        kill(pid, SIGKILL);
    if (sock >= 0)
        close(sock);
    if (pidfd >= 0)
        close(pidfd);
}

/* ---- events ---- */

static void client_destroy(void *arg)
{
    struct shim_client *c = arg;
    free(c->dir);
    free(c);
}

static void drop_sock(struct shim_client *c)
{
    watch_fd_free(c->on_sock);
    c->on_sock = NULL;
    if (c->sock >= 0)
        close(c->sock);
    c->sock = -1;
}

void shim_client_free(struct shim_client *c)
{
    if (!c)
        return;
    c->freed = true;
    drop_sock(c);
    watch_fd_free(c->on_process);
    if (c->pidfd >= 0)
        close(c->pidfd);
    timer_free(c->reconnect);
    loop_defer(c->loop, client_destroy, c); /* an event of ours may be on the stack */
}

static void on_process(void *arg, unsigned events)
{
    struct shim_client *c = arg;
    (void)events;
    on_message(c, WATCH_READ); /* its last words */
    if (c->freed)
        return;
    while (waitpid(c->pid, NULL, WNOHANG) < 0 && errno == EINTR)
        continue; /* ECHILD: an earlier process started it */
    watch_fd_free(c->on_process);
    c->on_process = NULL;
    close(c->pidfd);
    c->pidfd = -1;
    drop_sock(c);
    timer_stop(c->reconnect);
    gone_later(c);
}

static void on_reconnect(void *arg)
{
    struct shim_client *c = arg;
    if (c->sock >= 0 && c->on_sock && c->on_process)
        return;
    drop_sock(c);
    if (!c->on_process) { /* nothing to wait for */
        if (c->pid)
            waitpid(c->pid, NULL, WNOHANG);
        gone_later(c);
        return;
    }
    c->sock = dial(c->dir, NULL);
    if (c->sock >= 0)
        watch_sock(c);
    else
        timer_start(c->reconnect, RECONNECT_NS); /* until it answers or its end is told */
}

static bool phase_of(struct str text, enum shim_phase *out)
{
    static const char *const words[] = { SHIM_PREPARING, SHIM_PREPARED, SHIM_RUNNING, SHIM_EXITED,
                                         SHIM_FAILED };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_is(text, words[i])) {
            *out = (enum shim_phase)i;
            return true;
        }
    }
    return false;
}

bool shim_state_parse(struct str text, char sep, struct shim_state *out)
{
    struct shim_state s = { 0 };
    if (!str_to_i64(str_split(&text, sep), &s.attempt) ||
        !phase_of(str_split(&text, sep), &s.phase) || !str_to_i64(str_split(&text, sep), &s.pid) ||
        !str_to_i64(str_split(&text, sep), &s.code) ||
        !str_to_i64(str_split(&text, sep), &s.signal) ||
        !str_to_i64(str_split(&text, sep), &s.started.ns) ||
        !str_to_i64(str_split(&text, sep), &s.finished.ns))
        return false;
    s.message = text;
    *out = s;
    return true;
}

static void take_message(struct shim_client *c, struct str text)
{
    struct str word = str_split(&text, '\0');
    struct shim_state s;
    int64_t n;
    if (str_is(word, "ready")) {
        c->events.ready(c->arg);
    } else if (str_is(word, "state")) {
        if (!str_to_i64(str_split(&text, '\0'), &n) || n < 0 || n >= SHIM_CONTAINERS_MAX ||
            !shim_state_parse(text, '\0', &s))
            return;
        s.container = (size_t)n;
        c->events.state(c->arg, &s);
    } else if (str_is(word, "warning")) {
        if (c->events.warning)
            c->events.warning(c->arg, text);
    } else if (str_is(word, "probe")) {
        struct str token = str_split(&text, '\0');
        if (str_to_i64(str_split(&text, '\0'), &n))
            c->events.probe(c->arg, token, n, text);
    }
}

static void on_message(void *arg, unsigned events)
{
    struct shim_client *c = arg;
    char bytes[8192];
    (void)events;
    while (!c->freed && c->sock >= 0) {
        ssize_t n = recv(c->sock, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            drop_sock(c);
            timer_start(c->reconnect, RECONNECT_NS);
            return;
        }
        take_message(c, str_make(bytes, (size_t)n - 1)); /* without the last field's end */
    }
}

/* ---- commands ---- */

static void send_fields(struct shim_client *c, const struct str *fields, size_t n)
{
    struct buf b;
    buf_init(&b, SHIM_MESSAGE_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_str(&b, fields[i]);
        buf_char(&b, '\0');
    }
    if (c->sock >= 0 && !b.failed &&
        send(c->sock, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)b.n)
        shutdown(c->sock, SHUT_RDWR); /* heard as a broken connection; states come again */
    buf_fini(&b);
}

static void send_numbers(struct shim_client *c, struct str word, size_t container, int64_t value)
{
    char a[24], b[24];
    snprintf(a, sizeof a, "%zu", container);
    snprintf(b, sizeof b, "%lld", (long long)value);
    const struct str fields[] = { word, str_from(a), str_from(b) };
    send_fields(c, fields, 3);
}

void shim_client_prepare(struct shim_client *c, size_t container, int64_t attempt)
{
    send_numbers(c, STR("prepare"), container, attempt);
}

void shim_client_run(struct shim_client *c, size_t container, int64_t attempt)
{
    send_numbers(c, STR("start"), container, attempt);
}

void shim_client_signal(struct shim_client *c, size_t container, int signo)
{
    if (signo == SIGKILL && c->pidfd >= 0) /* a stopped shim must not keep what has to end */
        (void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGCONT, NULL, 0);
    send_numbers(c, STR("signal"), container, signo);
}

void shim_client_release(struct shim_client *c)
{
    send_fields(c, &STR("release"), 1);
}

void shim_client_quit(struct shim_client *c)
{
    send_fields(c, &STR("quit"), 1);
}

void shim_client_probe(struct shim_client *c,
                       struct str token,
                       int64_t timeout_ms,
                       const struct str *fields,
                       size_t n)
{
    struct str all[SHIM_FIELDS_MAX];
    char ms[24];
    snprintf(ms, sizeof ms, "%lld", (long long)timeout_ms);
    all[0] = STR("probe");
    all[1] = token;
    all[2] = str_from(ms);
    size_t count = 3;
    for (size_t i = 0; i < n && count < SHIM_FIELDS_MAX; i++)
        all[count++] = fields[i];
    send_fields(c, all, count);
}
