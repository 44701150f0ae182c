/* SPDX-License-Identifier: Apache-2.0
 * net — see net.h. Each wait is a poll() for what is left of the deadline. */
#include "net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t net_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until one of the sockets is ready. */
static int wait_ready(struct pollfd *fds, nfds_t n, int64_t deadline_ms)
{
    for (;;) {
        int64_t left_ms = deadline_ms - net_now_ms();
        int ready = poll(fds, n, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready == 0 && left_ms <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

static int fail_closing(int fd)
{
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

/* Small messages must leave at once: a ring step waits for each of them. */
static void send_at_once(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int net_listen(struct in_addr ip, uint16_t port, struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    struct sockaddr_in want = { .sin_family = AF_INET, .sin_addr = ip, .sin_port = htons(port) };
    socklen_t n = sizeof want;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, (const struct sockaddr *)&want, sizeof want) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&want, &n))
        return fail_closing(fd);
    *at = want;
    return fd;
}

int net_accept(int listener, int64_t deadline_ms)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            send_at_once(fd);
            return fd;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return -1;
        struct pollfd p = { .fd = listener, .events = POLLIN };
        if (wait_ready(&p, 1, deadline_ms))
            return -1;
    }
}

int net_connect(const struct sockaddr_in *to, int64_t deadline_ms)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)to, sizeof *to)) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int error = 0;
        socklen_t n = sizeof error;
        if (errno != EINPROGRESS || wait_ready(&p, 1, deadline_ms) ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n))
            return fail_closing(fd);
        if (error) {
            errno = error;
            return fail_closing(fd);
        }
    }
    send_at_once(fd);
    return fd;
}

/* What one call moved: bytes, 0 for "not now", -1 for an error. */
static ssize_t send_some(int fd, const char *p, size_t n)
{
    ssize_t moved = send(fd, p, n, MSG_NOSIGNAL);
    if (moved < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (moved < 0 && errno == EPIPE)
        errno = ECONNRESET;
    return moved;
}

static ssize_t recv_some(int fd, char *p, size_t n)
{
    ssize_t moved = recv(fd, p, n, 0);
    if (moved < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (moved == 0) { /* an orderly end is still a loss to us: we wanted more */
        errno = ECONNRESET;
        return -1;
    }
    return moved;
}

int net_exchange(struct net_exchange *x, int64_t deadline_ms)
{
    size_t sent = 0, got = 0;
    while (sent < x->out_n || got < x->in_n) {
        struct pollfd fds[2] = {
            { .fd = sent < x->out_n ? x->out_fd : -1, .events = POLLOUT },
            { .fd = got < x->in_n ? x->in_fd : -1, .events = POLLIN },
        };
        x->failed_fd = got < x->in_n ? x->in_fd : x->out_fd; /* whom a timeout waits for */
        if (wait_ready(fds, 2, deadline_ms))
            return -1;
        if (fds[0].revents) {
            x->failed_fd = x->out_fd;
            ssize_t n = send_some(x->out_fd, (const char *)x->out + sent, x->out_n - sent);
            if (n < 0)
                return -1;
            sent += (size_t)n;
        }
        if (fds[1].revents) {
            x->failed_fd = x->in_fd;
            ssize_t n = recv_some(x->in_fd, (char *)x->in + got, x->in_n - got);
            if (n < 0)
                return -1;
            got += (size_t)n;
        }
    }
    return 0;
}

int net_send(int fd, const void *p, size_t n, int64_t deadline_ms)
{
    struct net_exchange x = { .out_fd = fd, .out = p, .out_n = n, .in_fd = -1 };
    return net_exchange(&x, deadline_ms);
}

int net_recv(int fd, void *p, size_t n, int64_t deadline_ms)
{
    struct net_exchange x = { .out_fd = -1, .in_fd = fd, .in = p, .in_n = n };
    return net_exchange(&x, deadline_ms);
}
