/* SPDX-License-Identifier: Apache-2.0
 * http_bench — requests per second of the engine with a small answer, loaded by h2load over 16
 * connections; nginx with one worker is the peer. Server and load generator are pinned to a core
 * each. Then 1,000 watch streams on 1,000 TLS connections: memory of each, and events per second to
 * all. Prints JSON lines (see tools/bench). */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/load.h"
#include "io/clock.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/tls.h"

#define BODY "{\"kind\":\"Status\",\"ok\":true}"
enum { WATCHERS = 1000, ROUNDS = 200, RUNS = 3 };

struct bench {
    struct loop *loop;
    struct http_server *plain, *tls;
    struct http_exchange *watch[WATCHERS];
    _Atomic int n_watch;
    _Atomic int rounds_left;
    struct mono end;
    bool quick;
};

/* ---- the server ---- */
static void watch_closed(void *arg, bool complete)
{
    struct http_exchange **slot = arg;
    (void)complete;
    *slot = NULL;
}

static void handle(void *arg, struct http_exchange *x, const struct http_request *r)
{
    struct bench *b = arg;
    struct http_answer a = { .status = 200,
                             .content_type = STR("application/json"),
                             .body = STR(BODY) };
    if (!str_is(r->path, "/watch") || b->n_watch == WATCHERS) {
        http_respond(x, &a);
        return;
    }
    struct http_exchange **slot = &b->watch[b->n_watch++];
    *slot = x;
    http_on_close(x, watch_closed, slot);
    http_begin(x, &a);
}

/* One event to each watcher per loop iteration; the next when all have taken it. */
static void publish(void *arg)
{
    struct bench *b = arg;
    static char event[500];
    bool behind = false;
    for (int i = 0; i < WATCHERS && !behind; i++)
        behind = b->watch[i] && http_unsent(b->watch[i]) > 0;
    for (int i = 0; i < WATCHERS && !behind; i++) {
        if (b->watch[i])
            http_write(b->watch[i], str_make(event, sizeof event));
    }
    if (!behind && --b->rounds_left == 0) {
        b->end = clock_mono();
        return;
    }
    loop_defer(b->loop, publish, b);
}

static void serve(void *arg)
{
    struct bench *b = arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
    loop_run(b->loop);
    http_server_free(b->plain);
    http_server_free(b->tls);
}

static struct http_server *open_server(struct bench *b, struct tls_server *tls)
{
    struct err err;
    struct http_server *s = NULL;
    struct http_options o = {
        .address = STR("127.0.0.1"), .tls = tls, .handler = handle, .arg = b
    };
    if (http_server_new(&s, b->loop, &o, &err) != 0) {
        fprintf(stderr, "http_bench: %s\n", err.msg);
        exit(1);
    }
    return s;
}

/* ---- figures ---- */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_rate(const char *url, bool http1, int streams, bool quick)
{
    double rates[RUNS];
    int runs = quick ? 1 : RUNS;
    for (int i = 0; i < runs; i++)
        rates[i] = load_rate(url, http1, streams, quick ? 1 : 3);
    qsort(rates, (size_t)runs, sizeof rates[0], compare);
    return rates[runs / 2];
}

static void print_rate(const char *metric, double value, double peer)
{
    printf("{\"bench\":\"http\",\"metric\":\"%s\",\"value\":%.0f,\"unit\":\"requests/s\"", metric,
           value);
    if (peer > 0)
        printf(",\"peer\":\"nginx 1.22, one worker\",\"peer_value\":%.0f,\"ratio\":%.2f", peer,
               value / peer);
    printf("}\n");
    fflush(stdout);
}

static long resident_kb(void)
{
    long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void measure_watchers(struct bench *b)
{
    char url[80], clients[16], requests[16];
    long before = resident_kb();
    snprintf(url, sizeof url, "https://127.0.0.1:%u/watch", http_server_port(b->tls));
    snprintf(clients, sizeof clients, "-c%d", WATCHERS);
    snprintf(requests, sizeof requests, "-n%d", WATCHERS);
    const char *argv[] = { "h2load", "-t1", clients, requests, "-m1", url, NULL };
    pid_t pid = load_spawn(argv, 1, NULL);
    for (int i = 0; i < 2000 && b->n_watch < WATCHERS; i++)
        usleep(10000);
    if (b->n_watch == WATCHERS) {
        printf("{\"bench\":\"http\",\"metric\":\"memory of a TLS connection with a watch\","
               "\"value\":%.1f,\"unit\":\"KB\"}\n",
               (double)(resident_kb() - before) / WATCHERS);
        int rounds = b->quick ? ROUNDS / 10 : ROUNDS;
        struct mono start = clock_mono();
        b->rounds_left = rounds;
        loop_post(b->loop, publish, b);
        for (int i = 0; i < 6000 && b->rounds_left > 0; i++)
            usleep(10000);
        printf("{\"bench\":\"http\",\"metric\":\"500-byte events to 1000 TLS watchers\","
               "\"value\":%.0f,\"unit\":\"events/s\"}\n",
               (double)rounds * WATCHERS * 1e9 / (double)(b->end.ns - start.ns));
        fflush(stdout);
    }
    load_end(pid);
}

static void measure_rates(struct bench *b, const struct load_nginx *peer)
{
    const struct {
        const char *metric, *scheme;
        bool tls, http1;
        int streams, peer_port;
    } rows[] = {
        { "HTTP/1.1 plain", "http", false, true, 1, 0 },
        { "HTTP/2 plain, 1 stream", "http", false, false, 1, 1 },
        { "HTTP/2 plain, 32 streams", "http", false, false, 32, 1 },
        { "HTTP/1.1 TLS", "https", true, true, 1, 2 },
        { "HTTP/2 TLS, 1 stream", "https", true, false, 1, 2 },
        { "HTTP/2 TLS, 32 streams", "https", true, false, 32, 2 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char url[80];
        unsigned port = http_server_port(rows[i].tls ? b->tls : b->plain);
        snprintf(url, sizeof url, "%s://127.0.0.1:%u/", rows[i].scheme, port);
        double ours = median_rate(url, rows[i].http1, rows[i].streams, b->quick);
        double theirs = -1;
        if (peer->ports[0]) {
            snprintf(url, sizeof url, "%s://127.0.0.1:%u/", rows[i].scheme,
                     (unsigned)peer->ports[rows[i].peer_port]);
            theirs = median_rate(url, rows[i].http1, rows[i].streams, b->quick);
        }
        print_rate(rows[i].metric, ours, theirs);
    }
}

int main(void)
{
    struct bench b = { .quick = getenv("GANGLION_BENCH_QUICK") != NULL };
    struct err err = { 0 };
    struct tls_pair ca, pair;
    const struct str host = STR("127.0.0.1");
    const struct tls_cert_request r = {
        .common_name = STR("bench"), .hosts = &host, .n_hosts = 1, .server = true, .valid_days = 1
    };
    struct tls_server *tls = NULL;
    if (access("/usr/bin/h2load", X_OK) != 0) {
        fprintf(stderr, "http_bench: h2load (package nghttp2-client) is not installed\n");
        return 0;
    }
    if (tls_make_ca(&ca, STR("bench"), clock_wall(), 1, &err) != 0 ||
        tls_make_cert(&pair, &ca, &r, clock_wall(), &err) != 0 ||
        tls_server_new(&tls, str_from(pair.cert_pem), str_from(pair.key_pem), STR(""), &err) != 0) {
        fprintf(stderr, "http_bench: %s\n", err.msg);
        return 1;
    }
    b.loop = loop_new(&err);
    b.plain = open_server(&b, NULL);
    b.tls = open_server(&b, tls);
    struct load_nginx peer;
    load_nginx_start(&peer, pair.cert_pem, pair.key_pem, BODY);
    struct thread *t = thread_start("server", serve, &b, &err);
    measure_watchers(&b);
    measure_rates(&b, &peer);
    load_nginx_stop(&peer);
    loop_stop(b.loop);
    thread_join(t);
    loop_free(b.loop);
    tls_server_free(tls);
    tls_pair_fini(&pair);
    tls_pair_fini(&ca);
    return 0;
}
