/* SPDX-License-Identifier: Apache-2.0
 * control — the controller's connection: commands in, states out. A controller that does not read
 * is cut; it gets everything again when it comes back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/shim/shim_internal.h"

static const char *phase_text(enum phase p)
{
    switch (p) {
    case PHASE_NONE:
        break;
    case PHASE_PREPARING:
        return SHIM_PREPARING;
    case PHASE_PREPARED:
        return SHIM_PREPARED;
    case PHASE_RUNNING:
        return SHIM_RUNNING;
    case PHASE_EXITED:
        return SHIM_EXITED;
    case PHASE_FAILED:
        return SHIM_FAILED;
    }
    return "none";
}

size_t control_state_text(char *out, size_t max, const struct container *c, char sep)
{
    int n = snprintf(out, max, "%lld%c%s%c%d%c%d%c%d%c%lld%c%lld%c%s", (long long)c->attempt, sep,
                     phase_text(c->phase), sep, (int)c->pid, sep, c->code, sep, c->signal, sep,
                     (long long)c->started_ns, sep, (long long)c->finished_ns, sep, c->message);
    return n < 0 ? 0 : (size_t)n < max ? (size_t)n : max - 1;
}

static void drop(struct shim *s)
{
    if (s->control >= 0)
        close(s->control);
    s->control = -1;
    s->doubt = true;
}

static void send_bytes(struct shim *s, const char *bytes, size_t n)
{
    if (s->control >= 0 && send(s->control, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
        drop(s);
}

void control_send(struct shim *s, const char *const *fields, size_t n)
{
    char bytes[4096];
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(fields[i]) + 1;
        if (len > sizeof bytes - at)
            break;
        memcpy(bytes + at, fields[i], len);
        at += len;
    }
    send_bytes(s, bytes, at);
}

void control_send_state(struct shim *s, size_t i)
{
    char bytes[1024];
    int n = snprintf(bytes, sizeof bytes, "state%c%zu%c", 0, i, 0);
    size_t more = control_state_text(bytes + n, sizeof bytes - (size_t)n, &s->containers[i], '\0');
    send_bytes(s, bytes, (size_t)n + more + 1);
}

void control_take(struct shim *s, int fd)
{
    static const char *const ready[] = { "ready" };
    drop(s);
    s->control = fd;
    if (shim_watch(s, fd, FROM_CONTROL, 0) < 0) {
        drop(s);
        return;
    }
    for (size_t i = 0; i < s->spec.n; i++)
        if (s->containers[i].phase != PHASE_NONE)
            control_send_state(s, i);
    const char *const warning[] = { "warning", s->warning };
    if (s->warning[0])
        control_send(s, warning, 2);
    s->warning[0] = '\0';
    control_send(s, ready, 1);
}

int control_listen(struct shim *s, struct err *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
    unlink("sock");
    s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0177);
    int rc = s->listener < 0 ? -1 : bind(s->listener, (struct sockaddr *)&a, sizeof a);
    umask(old);
    if (rc < 0 || listen(s->listener, 4) < 0)
        return err_sys(err, errno, "listen on the pod's socket");
    return shim_watch(s, s->listener, FROM_LISTENER, 0);
}

void control_accept(struct shim *s)
{
    struct ucred peer = { 0 };
    socklen_t n = sizeof peer;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
        close(fd);
        return;
    }
    control_take(s, fd);
}

static bool index_of(const struct shim *s, const char *text, size_t *i)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*end || end == text || v >= s->spec.n)
        return false;
    *i = v;
    return true;
}

static void release_all(struct shim *s)
{
    for (size_t i = 0; i < s->spec.n; i++)
        if (container_alive(&s->containers[i]))
            container_release(s, i);
}

static void obey(struct shim *s, char *const *f, size_t n)
{
    size_t i = 0;
    if (strcmp(f[0], "release") == 0)
        release_all(s);
    else if (strcmp(f[0], "quit") == 0)
        s->quit = true;
    else if (strcmp(f[0], "probe") == 0)
        probe_start(s, f, n);
    else if (n < 3 || !index_of(s, f[1], &i))
        return; /* not one of ours; nothing to answer */
    else if (strcmp(f[0], "prepare") == 0)
        container_prepare(s, i, strtoll(f[2], NULL, 10), false);
    else if (strcmp(f[0], "start") == 0)
        container_prepare(s, i, strtoll(f[2], NULL, 10), true);
    else if (strcmp(f[0], "signal") == 0)
        container_signal(s, i, (int)strtol(f[2], NULL, 10));
}

void control_read(struct shim *s)
{
    static char bytes[SHIM_MESSAGE_MAX];
    while (s->control >= 0 && !s->quit) {
        ssize_t n = recv(s->control, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            drop(s);
            return;
        }
        char *fields[SHIM_FIELDS_MAX + 1];
        size_t count = 0;
        if (bytes[n - 1] != '\0')
            continue;
        for (char *p = bytes; p < bytes + n && count < SHIM_FIELDS_MAX; p += strlen(p) + 1)
            fields[count++] = p;
        fields[count] = NULL;
        obey(s, fields, count);
    }
}
