/* SPDX-License-Identifier: Apache-2.0
 * load — see load.h. */
#include "http/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"

enum { CONNECTIONS = 16 };

static void exec_child(const char *const *argv, int cpu, int out)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)(cpu < 0 ? 0 : cpu), &set);
    if (cpu >= 0)
        sched_setaffinity(0, sizeof set, &set); /* with one core only: stays where it is */
    int null = open("/dev/null", O_RDWR);
    dup2(out >= 0 ? out : null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    union {
        const char *const *in;
        char *const *out;
    } args = { argv };
    execvp(argv[0], args.out);
    _exit(127);
}

pid_t load_spawn(const char *const *argv, int cpu, int *out_fd)
{
    int fds[2] = { -1, -1 };
    if (out_fd && pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        exec_child(argv, cpu, fds[1]);
    if (out_fd) {
        close(fds[1]);
        *out_fd = fds[0];
    }
    return pid;
}

void load_end(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

static void read_all(int fd, struct buf *out)
{
    ssize_t n;
    char *room;
    while ((room = buf_room(out, 4096)) != NULL && (n = read(fd, room, 4096)) > 0)
        out->n += (size_t)n;
    close(fd);
}

double load_rate(const char *url, bool http1, int streams, int seconds)
{
    char clients[8], per_client[8], duration[8];
    snprintf(clients, sizeof clients, "-c%d", CONNECTIONS);
    snprintf(per_client, sizeof per_client, "-m%d", streams);
    snprintf(duration, sizeof duration, "-D%d", seconds);
    const char *argv[] = { "h2load", "-t1",
                           clients,  per_client,
                           duration, "--warm-up-time=1",
                           url,      http1 ? "--h1" : NULL,
                           NULL };
    int fd = -1;
    pid_t pid = load_spawn(argv, 1, &fd);
    if (pid < 0)
        return -1;
    struct buf text;
    buf_init(&text, 1 << 20);
    read_all(fd, &text);
    waitpid(pid, NULL, 0);
    double rate = -1;
    const char *at = text.p ? strstr(text.p, "finished in ") : NULL;
    const char *comma = at ? strchr(at, ',') : NULL;
    if (comma)
        rate = strtod(comma + 1, NULL);
    buf_fini(&text);
    return rate;
}

static uint16_t free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        a.sin_port = 0;
    close(fd);
    return ntohs(a.sin_port);
}

static bool write_in(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_write_atomic(path, str_from(text), 0600, NULL) == 0;
}

void load_nginx_start(struct load_nginx *n, const char *cert, const char *key, const char *body)
{
    char conf[2048], path[128];
    *n = (struct load_nginx){ 0 };
    snprintf(n->folder, sizeof n->folder, "/tmp/bench-http-XXXXXX");
    if (access("/usr/sbin/nginx", X_OK) != 0 || !mkdtemp(n->folder))
        return;
    for (int i = 0; i < 3; i++)
        n->ports[i] = free_port();
    snprintf(
        conf, sizeof conf,
        "worker_processes 1; worker_cpu_affinity 1; pid %s/pid; error_log %s/log; daemon off;\n"
        "user root; events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 1000000000; default_type application/json;\n"
        "client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;\n"
        "uwsgi_temp_path %s; scgi_temp_path %s;\n"
        "ssl_certificate %s/cert; ssl_certificate_key %s/key; ssl_protocols TLSv1.3;\n"
        "server { listen 127.0.0.1:%u; listen 127.0.0.1:%u http2;\n"
        "listen 127.0.0.1:%u ssl http2; location / { return 200 '%s'; } } }\n",
        n->folder, n->folder, n->folder, n->folder, n->folder, n->folder, n->folder, n->folder,
        n->folder, (unsigned)n->ports[0], (unsigned)n->ports[1], (unsigned)n->ports[2], body);
    write_in(n->folder, "conf", conf);
    write_in(n->folder, "cert", cert);
    write_in(n->folder, "key", key);
    snprintf(path, sizeof path, "%s/conf", n->folder);
    const char *argv[] = { "/usr/sbin/nginx", "-p", n->folder, "-c", path, NULL };
    n->pid = load_spawn(argv, -1, NULL);
    usleep(500000);
}

void load_nginx_stop(struct load_nginx *n)
{
    load_end(n->pid);
    if (n->folder[0])
        file_remove_tree(n->folder, NULL);
}
