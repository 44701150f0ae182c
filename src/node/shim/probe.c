/* SPDX-License-Identifier: Apache-2.0
 * probe — one probe is one short-lived child: it runs a command in the container's surroundings, or
 * connects from the pod's network. Its exit code is the outcome. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "node/shim/setup.h"
#include "node/shim/shim_internal.h"

#define REQUEST_MAX 8192

/* ---- in the child ---- */

/* As Go's net package words the common case, which people search for. */
static const char *refusal(void)
{
    return errno == ECONNREFUSED ? "connection refused" : strerror(errno);
}

static int dial(const char *address, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
        fprintf(stderr, "%s is no IPv4 address", address);
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        fprintf(stderr, "dial tcp %s:%s: connect: %s", address, port, refusal());
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* fields: address port path header… */
static size_t request_text(char *out, size_t max, char *const *f, size_t n)
{
    size_t at = (size_t)snprintf(out, max, "GET %s HTTP/1.1\r\nConnection: close\r\n", f[2]);
    bool has_host = false;
    for (size_t i = 3; i < n && at < max; i++) {
        has_host |= strncasecmp(f[i], "host:", 5) == 0;
        at += (size_t)snprintf(out + at, max - at, "%s\r\n", f[i]);
    }
    if (!has_host && at < max)
        at += (size_t)snprintf(out + at, max - at, "Host: %s:%s\r\n", f[0], f[1]);
    if (at < max)
        at += (size_t)snprintf(out + at, max - at, "\r\n");
    return at < max ? at : 0;
}

static int ask(int fd, char *const *f, size_t n)
{
    char text[REQUEST_MAX];
    size_t len = request_text(text, sizeof text, f, n), got = 0;
    if (!len || send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        return 1;
    while (got < sizeof text - 1 && !memchr(text, '\n', got)) {
        ssize_t more = recv(fd, text + got, sizeof text - 1 - got, 0);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    text[got] = '\0';
    int status = 0;
    if (sscanf(text, "HTTP/%*[0-9.] %d", &status) != 1) {
        fprintf(stderr, "Get \"http://%s:%s%s\": no HTTP answer", f[0], f[1], f[2]);
        return 1;
    }
    if (status >= 200 && status < 400)
        return 0;
    fprintf(stderr, "HTTP probe failed with statuscode: %d", status);
    return SHIM_PROBE_HTTP_STATUS;
}

int probe_dial(char *const *f, size_t n)
{
    bool http = strcmp(f[0], "http") == 0;
    if (n < (http ? 4u : 3u))
        return 1;
    int fd = dial(f[1], f[2]);
    return fd < 0 ? 1 : http ? ask(fd, f + 1, n - 1) : 0;
}

static int probe_sleep(char *const *f, size_t n)
{
    unsigned left = n > 1 ? (unsigned)strtoul(f[1], NULL, 10) : 0;
    while (left)
        left = sleep(left);
    return 0;
}

/* f: kind and its fields */
static void child_run(struct shim *s, int out, char *const *f, size_t n) __attribute__((noreturn));
static void child_run(struct shim *s, int out, char *const *f, size_t n)
{
    struct err err = { 0 };
    int null = open("/dev/null", O_RDONLY);
    setup_signals();
    setup_usual();
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    if (strcmp(f[0], "exec") != 0) {
        int rc = strcmp(f[0], "sleep") == 0 ? probe_sleep(f, n) : probe_dial(f, n);
        fflush(stderr);
        _exit(rc);
    }
    size_t i = n > 2 ? strtoul(f[1], NULL, 10) : SIZE_MAX;
    if (i >= s->spec.n)
        _exit(1);
    char *argv[SHIM_FIELDS_MAX + 1] = { NULL };
    memcpy(argv, f + 2, (n - 2) * sizeof *argv);
    if (setup_enter(s->containers[i].spec, &err) == 0)
        setup_exec(s->containers[i].spec, argv, &err);
    dprintf(2, "%s", err.msg);
    _exit(err.sys == ENOENT ? 127 : 126);
}

/* ---- in the shim ---- */

static void answer(struct shim *s, struct probe *p, int code)
{
    char number[16];
    p->output[p->n < sizeof p->output ? p->n : sizeof p->output - 1] = '\0';
    snprintf(number, sizeof number, "%d", p->timed_out ? -1 : code);
    const char *const fields[] = { "probe", p->token, number, p->output };
    control_send(s, fields, 4);
    if (p->out >= 0)
        close(p->out);
    *p = (struct probe){ .out = -1 };
}

static struct probe *free_slot(struct shim *s)
{
    for (size_t i = 0; i < PROBES_MAX; i++)
        if (!s->probes[i].token[0])
            return &s->probes[i];
    return NULL;
}

void probe_start(struct shim *s, char *const *f, size_t n)
{
    struct probe *p = free_slot(s);
    int out[2];
    if (n < 4 || !f[1][0] || strlen(f[1]) >= sizeof p->token)
        return; /* not one of ours */
    if (!p || pipe2(out, O_CLOEXEC) < 0) {
        const char *const fields[] = { "probe", f[1], "1", "too many probes at once" };
        control_send(s, fields, 4);
        return;
    }
    *p = (struct probe){ .out = out[0] };
    snprintf(p->token, sizeof p->token, "%s", f[1]);
    p->deadline.ns = clock_mono().ns + strtoll(f[2], NULL, 10) * NS_PER_MS;
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    p->pid = fork();
    if (p->pid == 0)
        child_run(s, out[1], f + 3, n - 3);
    close(out[1]);
    if (p->pid < 0)
        answer(s, p, 1);
    else
        shim_watch(s, p->out, FROM_PROBE, (size_t)(p - s->probes));
}

void probe_on_output(struct shim *s, size_t slot)
{
    struct probe *p = &s->probes[slot];
    char more[4096];
    while (p->out >= 0) {
        ssize_t n = read(p->out, more, sizeof more);
        if (n < 0)
            return;
        if (n == 0) {
            close(p->out);
            p->out = -1;
            return;
        }
        size_t room = sizeof p->output - 1 - p->n;
        size_t take = (size_t)n < room ? (size_t)n : room;
        memcpy(p->output + p->n, more, take);
        p->n += take;
    }
}

bool probe_reaped(struct shim *s, pid_t pid, int status)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &s->probes[i];
        if (!p->token[0] || p->pid != pid)
            continue;
        probe_on_output(s, i);
        kill(-pid, SIGKILL); /* a command's own session; connecting probes have none */
        answer(s, p, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        return true;
    }
    return false;
}

int probe_expire(struct shim *s, struct mono now)
{
    int64_t next = -1;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &s->probes[i];
        if (!p->token[0] || p->timed_out)
            continue;
        int64_t left = p->deadline.ns - now.ns;
        if (left <= 0) {
            p->timed_out = true;
            if (kill(-p->pid, SIGKILL) < 0)
                kill(p->pid, SIGKILL);
        } else if (next < 0 || left < next) {
            next = left;
        }
    }
    return next < 0 ? -1 : (int)(next / NS_PER_MS) + 1;
}
