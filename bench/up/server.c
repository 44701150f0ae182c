/* SPDX-License-Identifier: Apache-2.0
 * server — see server.h. */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "io/file.h"

double bench_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "bench/up: %s\n", what);
    exit(1);
}

void server_make_folder(struct server *s)
{
    const char *tmp = getenv("TMPDIR");
    if (s->dir[0])
        return;
    snprintf(s->dir, sizeof s->dir, "%s/ganglion-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(s->dir))
        die("cannot make a temporary folder");
}

static void child(const struct server *s, const char *program, int sim_nodes, int out)
{
    char nodes[16], log[300];
    snprintf(nodes, sizeof nodes, "%d", sim_nodes);
    snprintf(log, sizeof log, "%s/log", s->dir);
    dup2(out, STDOUT_FILENO);
    FILE *f = freopen(log, "a", stderr);
    if (f && sim_nodes < 0)
        execl(program, program, "apiserver", "--data-dir", s->dir, "--listen", "127.0.0.1:0",
              "--kubeconfig", s->kubeconfig, (char *)NULL);
    if (f)
        execl(program, program, "up", "--data-dir", s->dir, "--listen", "127.0.0.1:0",
              "--kubeconfig", s->kubeconfig, "--no-local-node", "--sim-nodes", nodes, (char *)NULL);
    _exit(127);
}

void server_start(struct server *s, const char *program, int sim_nodes)
{
    int fds[2];
    char line[1024];
    server_make_folder(s);
    snprintf(s->kubeconfig, sizeof s->kubeconfig, "%s/kubeconfig", s->dir);
    if (pipe(fds) != 0)
        die("no pipe");
    double start = bench_now_ms();
    s->pid = fork();
    if (s->pid == 0) {
        close(fds[0]);
        child(s, program, sim_nodes, fds[1]);
    }
    close(fds[1]);
    FILE *out = fdopen(fds[0], "r");
    alarm(60); /* ends the benchmark when the line never comes */
    if (!out || !fgets(line, sizeof line, out) || strncmp(line, "ready:", 6) != 0)
        die("the server did not get ready; see its log");
    alarm(0);
    s->ready_ms = bench_now_ms() - start;
    fclose(out);
}

double server_stop(struct server *s)
{
    double start = bench_now_ms();
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    return bench_now_ms() - start;
}

void server_remove(struct server *s)
{
    file_remove_tree(s->dir, NULL);
    s->dir[0] = '\0';
}

int64_t server_rss_kb(const struct server *s)
{
    char path[64], line[256];
    long long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %lld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

double server_cpu_s(const struct server *s)
{
    char path[64], text[1024];
    unsigned long long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)s->pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof text, f)) {
        const char *after = strrchr(text, ')'); /* the name may hold anything */
        if (after)
            sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                   &sys);
    }
    if (f)
        fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}
