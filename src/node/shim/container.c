/* SPDX-License-Identifier: Apache-2.0
 * container — the life of a container's process: prepared (forked, set up, held), executed, ended.
 * Until exec the child and we speak over a socket pair: the child says that it is set up, waits for
 * one byte, says when it executes; its end closes on a successful exec. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "node/shim/setup.h"
#include "node/shim/shim_internal.h"

enum word { WORD_READY = 'P', WORD_EXEC = 'S', WORD_FAILED = 'F' };

struct note { /* from the child */
    enum word word;
    int sys;
    int64_t ns;
    char text[232];
};

bool container_alive(const struct container *c)
{
    return c->phase == PHASE_PREPARING || c->phase == PHASE_PREPARED || c->phase == PHASE_RUNNING;
}

/* ---- in the child ---- */

static void say(int sock, enum word word, const struct err *err)
{
    struct note note = { .word = word, .ns = clock_wall().ns };
    if (err) {
        note.sys = err->sys;
        snprintf(note.text, sizeof note.text, "%s", err->msg);
    }
    send(sock, &note, sizeof note, MSG_NOSIGNAL);
}

static void take_streams(const int out[2])
{
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out[0], 1);
    dup2(out[1], 2);
    if (null > 2)
        close(null);
}

static void child_run(struct container *c, int sock, const int out[2]) __attribute__((noreturn));
static void child_run(struct container *c, int sock, const int out[2])
{
    struct err err = { 0 };
    char go;
    setup_signals();
    take_streams(out);
    if (setup_enter(c->spec, &err) < 0) {
        say(sock, WORD_FAILED, &err);
        _exit(128);
    }
    say(sock, WORD_READY, NULL);
    if (recv(sock, &go, 1, 0) != 1)
        _exit(128);
    say(sock, WORD_EXEC, NULL);
    setup_usual();
    if (c->spec->pause) {
        close(sock);
        setup_pause();
    }
    setup_exec(c->spec, c->spec->args.items, &err);
    say(sock, WORD_FAILED, &err);
    _exit(err.sys == ENOENT ? 127 : 126);
}

/* ---- in the shim ---- */

static void save_end(struct shim *s, const struct container *c)
{
    char path[400], temp[420], text[600];
    (void)s;
    mkdir("exits", 0750);
    snprintf(path, sizeof path, "exits/%s.%lld", c->spec->name, (long long)c->attempt);
    snprintf(temp, sizeof temp, "%s.tmp", path);
    size_t n = control_state_text(text, sizeof text, c, ' ');
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    ssize_t wrote = write(fd, text, n);
    close(fd);
    if (wrote == (ssize_t)n)
        rename(temp, path);
    if (c->attempt >= 2) { /* only the previous run is asked for */
        snprintf(path, sizeof path, "exits/%s.%lld", c->spec->name, (long long)c->attempt - 2);
        unlink(path);
    }
}

static void become_failed(struct shim *s, struct container *c, int code, const char *text)
{
    c->phase = PHASE_FAILED;
    c->code = code;
    c->signal = 0;
    c->finished_ns = clock_wall().ns;
    snprintf(c->message, sizeof c->message, "%s", text);
    save_end(s, c);
}

static void close_status(struct container *c)
{
    if (c->status >= 0)
        close(c->status);
    c->status = -1;
}

static int open_pipes(int in[2], int out[2])
{
    for (int k = 0; k < 2; k++) {
        int p[2];
        if (pipe2(p, O_CLOEXEC) < 0)
            return -1;
        fcntl(p[0], F_SETFL, O_NONBLOCK);
        in[k] = p[0];
        out[k] = p[1];
    }
    return 0;
}

static void watch_all(struct shim *s, size_t i)
{
    struct container *c = &s->containers[i];
    shim_watch(s, c->status, FROM_STATUS, i);
    shim_watch(s, c->log->streams[0].fd, FROM_STDOUT, i);
    shim_watch(s, c->log->streams[1].fd, FROM_STDERR, i);
}

static int spawn(struct shim *s, struct container *c)
{
    int sock[2] = { -1, -1 }, out[2] = { -1, -1 }, in[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0 || open_pipes(in, out) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(sock[0]); /* ours, so that our death ends its wait */
        child_run(c, sock[1], out);
    }
    close(sock[1]);
    close(out[0]);
    close(out[1]);
    if (pid < 0) {
        close(sock[0]);
        close(in[0]);
        close(in[1]);
        return -1;
    }
    c->pid = pid;
    c->status = sock[0];
    c->log->streams[0].fd = in[0];
    c->log->streams[1].fd = in[1];
    watch_all(s, (size_t)(c - s->containers));
    return 0;
}

void container_prepare(struct shim *s, size_t i, int64_t attempt, bool go)
{
    struct container *c = &s->containers[i];
    struct err err = { 0 };
    if (container_alive(c))
        return; /* a repeated command of a controller that came back */
    if (!c->log)
        c->log = calloc(1, sizeof *c->log);
    else
        log_file_close(c->log); /* left-over writers of the previous run lose their reader */
    if (!c->log)
        abort();
    *c = (struct container){ .spec = c->spec, .log = c->log, .status = -1, .attempt = attempt };
    c->log->bytes_max = s->spec.log_bytes;
    c->log->files_max = s->spec.log_files;
    log_file_open(c->log, c->spec->name, attempt);
    c->phase = PHASE_PREPARING;
    c->go = go;
    if (attempt > 0 && spec_read_again(&s->spec.containers[i], &err) < 0)
        become_failed(s, c, 128, err.msg);
    else if (spawn(s, c) < 0)
        become_failed(s, c, 128, strerror(errno));
    if (!go || c->phase == PHASE_FAILED)
        control_send_state(s, i);
}

void container_release(struct shim *s, size_t i)
{
    struct container *c = &s->containers[i];
    c->go = true;
    if (c->phase == PHASE_PREPARED)
        send(c->status, "R", 1, MSG_NOSIGNAL);
}

void container_signal(struct shim *s, size_t i, int signo)
{
    const struct container *c = &s->containers[i];
    if (!container_alive(c))
        return;
    bool whole = signo == SIGKILL || c->phase != PHASE_RUNNING;
    kill(whole && c->phase == PHASE_RUNNING ? -c->pid : c->pid, whole ? SIGKILL : signo);
}

static void on_note(struct shim *s, size_t i, const struct note *note)
{
    struct container *c = &s->containers[i];
    switch (note->word) {
    case WORD_READY:
        c->phase = PHASE_PREPARED;
        if (c->go)
            container_release(s, i);
        else
            control_send_state(s, i);
        break;
    case WORD_EXEC:
        c->executed = true;
        c->started_ns = note->ns;
        break;
    case WORD_FAILED:
        c->executed = false;
        become_failed(s, c, note->sys == ENOENT ? 127 : 128, note->text);
        break;
    }
}

void container_on_status(struct shim *s, size_t i)
{
    struct container *c = &s->containers[i];
    struct note note;
    while (c->status >= 0) {
        ssize_t n = recv(c->status, &note, sizeof note, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n == (ssize_t)sizeof note) {
            on_note(s, i, &note);
            continue;
        }
        close_status(c);
        if (c->executed && c->phase == PHASE_PREPARED) {
            c->phase = PHASE_RUNNING;
            control_send_state(s, i);
        }
    }
}

void container_on_output(struct shim *s, size_t i, int stream)
{
    struct log_file *l = s->containers[i].log;
    if (l && l->streams[stream].fd >= 0)
        log_file_pump(l, &l->streams[stream]);
}

static void on_end(struct shim *s, size_t i, int status)
{
    struct container *c = &s->containers[i];
    container_on_status(s, i); /* what the child said before it ended */
    close_status(c);
    kill(-c->pid, SIGKILL); /* what it left in its process group */
    for (int k = 0; k < 2; k++)
        container_on_output(s, i, k);
    c->pid = 0;
    if (c->phase == PHASE_FAILED) {
        control_send_state(s, i);
        return;
    }
    c->phase = PHASE_EXITED;
    c->finished_ns = clock_wall().ns;
    c->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    c->code = c->signal ? 128 + c->signal : WEXITSTATUS(status);
    save_end(s, c);
    control_send_state(s, i);
}

bool container_reaped(struct shim *s, pid_t pid, int status)
{
    for (size_t i = 0; i < s->spec.n; i++) {
        if (s->containers[i].pid == pid) {
            on_end(s, i, status);
            return true;
        }
    }
    return false;
}
