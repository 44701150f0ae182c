/* SPDX-License-Identifier: Apache-2.0
 * up_bench — the whole control plane under load: creates to bindings over TLS, durable; start-up,
 * memory, idle cost. The peer is a real kube-apiserver 1.36 + etcd 3.6 + kube-scheduler with 1,000
 * nodes on a machine of the same size (2 cores), measured once with a client-go load of 16
 * connections; it cannot be started here, so its figures are constants.
 *
 * usage: up_bench PROGRAM */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/map.h"
#include "io/clock.h"
#include "load.h"
#include "server.h"

#define PEER "kube-apiserver 1.36 + etcd 3.6 + kube-scheduler, 2 cores, recorded"

static void line(const char *metric, double value, const char *unit, double peer)
{
    printf("{\"bench\":\"up\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", metric, value,
           unit);
    if (peer > 0)
        printf(",\"peer\":\"" PEER "\",\"peer_value\":%.3f,\"ratio\":%.4f", peer, value / peer);
    else
        printf(",\"peer\":null,\"peer_value\":null,\"ratio\":null");
    puts("}");
    fflush(stdout);
}

static double resident_mb(const struct server *s)
{
    return (double)server_rss_kb(s) * 1024 / 1e6;
}

static double own_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void need_all(const struct load *l, const struct load_result *r)
{
    if (r->bound == l->pods)
        return;
    fprintf(stderr, "bench/up: only %d of %d pods (%d created) were bound in %.0f s\n", r->bound,
            l->pods, r->created, l->timeout_s);
    exit(1);
}

static void measure_load(struct server *s, bool quick)
{
    struct load_result r;
    struct load l = { .kubeconfig = s->kubeconfig,
                      .prefix = "fast",
                      .pods = quick ? 2000 : 10000,
                      .timeout_s = 120 };
    double server_before = server_cpu_s(s), own_before = own_cpu_s();
    load_run(&l, &r);
    need_all(&l, &r);
    double own = own_cpu_s() - own_before;
    line("create_rate_16_connections", r.created / r.create_s, "1/s", 155);
    line("create_to_bound_rate", r.bound / r.bound_s, "pods/s", 148);
    line("create_to_bound_p50_full_load", r.p50_ms, "ms", 1800);
    sleep(2); /* the last status writes */
    line("server_cpu_per_pod", (server_cpu_s(s) - server_before) / l.pods * 1e6, "us", 0);
    line("client_cpu_per_pod", own / l.pods * 1e6, "us", 0);
    sleep(10); /* memory is given back in the first quiet second, looked for every 10 s */
    line(quick ? "resident_1000_nodes_2000_pods" : "resident_1000_nodes_10000_pods", resident_mb(s),
         "MB", 1300);
    struct load paced = { .kubeconfig = s->kubeconfig,
                          .prefix = "paced",
                          .pods = quick ? 1000 : 5000,
                          .per_second = 500,
                          .timeout_s = 60 };
    load_run(&paced, &r);
    need_all(&paced, &r);
    line("create_to_bound_p50_at_500_per_s", r.p50_ms, "ms", 0);
    line("create_to_bound_p99_at_500_per_s", r.p99_ms, "ms", 0);
}

static void measure_idle(const char *program, bool quick)
{
    struct server s = { 0 };
    double seconds = quick ? 5 : 20;
    server_start(&s, program, 16);
    line("ready_empty", s.ready_ms, "ms", 0);
    sleep(3);
    double before = server_cpu_s(&s);
    usleep((useconds_t)(seconds * 1e6));
    line("idle_cpu_16_nodes", (server_cpu_s(&s) - before) / seconds * 100, "% of a core", 0);
    line("resident_idle", resident_mb(&s), "MB", 0);
    line("stop", server_stop(&s), "ms", 0);
    server_remove(&s);
}

int main(int argc, char **argv)
{
    const char *env = getenv("GANGLION_BENCH_QUICK");
    bool quick = env && *env;
    if (argc != 2) {
        fputs("usage: up_bench PROGRAM\n", stderr);
        return 2;
    }
    map_set_process_seed(clock_random_u64());
    measure_idle(argv[1], quick);
    struct server s = { 0 };
    server_start(&s, argv[1], 1000);
    sleep(4); /* simulated nodes register */
    measure_load(&s, quick);
    server_stop(&s);
    server_start(&s, argv[1], 1000);
    line("ready_with_stored_pods", s.ready_ms, "ms", 0);
    server_stop(&s);
    server_remove(&s);
    return 0;
}
