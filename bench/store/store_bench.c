/* SPDX-License-Identifier: Apache-2.0
 * store_bench — durable commits a second of the store: one at a time, and with 100 always in
 * flight, beside bare fdatasync of an appended 4 KiB block on the same disk; and how long opening
 * 10,000 objects takes. One JSON line a figure. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/file.h"
#include "store/store.h"

#define SPEC_BYTES 1500
#define OBJECTS 10000

struct run {
    struct loop *loop;
    struct store *store;
    struct store_table *pods;
    char *spec;
    int sent, done, want, in_flight;
};

static void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "bench/store: %s: %s\n", what, err->msg);
    exit(1);
}

static void line(const char *metric, double value, const char *unit, double peer)
{
    printf("{\"bench\":\"store\",\"metric\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",", metric, value,
           unit);
    if (peer > 0)
        printf("\"peer\":\"fdatasync of 4 KiB\",\"peer_value\":%.1f,\"ratio\":%.3f}\n", peer,
               value / peer);
    else
        printf("\"peer\":null,\"peer_value\":null,\"ratio\":null}\n");
    fflush(stdout);
}

static double seconds_since(struct mono start)
{
    return (double)(clock_mono().ns - start.ns) / 1e9;
}

static double bare_syncs(const char *path, int n)
{
    char block[4096] = { 0 };
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct mono start = clock_mono();
    for (int i = 0; i < n; i++) {
        if (fd < 0 || write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) {
            perror("bench/store");
            exit(1);
        }
    }
    double rate = n / seconds_since(start);
    close(fd);
    return rate;
}

static struct kobj *make_pod(struct run *r, int i, uint64_t revision)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_printf(&b,
               "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"namespace\":\"default\","
               "\"name\":\"pod-%d\",\"resourceVersion\":\"%llu\"},\"spec\":{\"text\":\"%s\"}}",
               i % OBJECTS, (unsigned long long)revision, r->spec);
    struct kobj *o = NULL;
    struct err err = { 0 };
    if (kobj_parse(&o, buf_view(&b), &json_limits_own, &err) != 0)
        fail("making a pod", &err);
    buf_fini(&b);
    return o;
}

static void on_done(void *arg, const struct err *err);

static void send_more(struct run *r)
{
    while (r->sent < r->want && r->sent - r->done < r->in_flight) {
        struct kobj *o = make_pod(r, r->sent++, store_next_revision(r->store));
        struct store_op op = {
            .table = r->pods, .namespace = o->namespace, .name = o->name, .object = o
        };
        struct err err = { 0 };
        if (store_commit(r->store, &op, 1, on_done, r, &err) != 0)
            fail("commit", &err);
        kobj_unref(o);
    }
}

static void on_done(void *arg, const struct err *err)
{
    struct run *r = arg;
    if (err)
        fail("commit", err);
    if (++r->done == r->want)
        loop_stop(r->loop);
    else
        send_more(r);
}

static double commits(struct run *r, int n, int in_flight)
{
    r->sent = r->done = 0;
    r->want = n;
    r->in_flight = in_flight;
    struct mono start = clock_mono();
    send_more(r);
    loop_run(r->loop);
    return n / seconds_since(start);
}

static void open_store(struct run *r, const char *path)
{
    struct err err = { 0 };
    struct store_options o = { .path = path };
    if (store_open(&r->store, r->loop, &o, &err) != 0)
        fail("open", &err);
    r->pods = store_table(r->store, STR(""), STR("pods"));
}

int main(void)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    const char *tmp = getenv("TMPDIR");
    char dir[300], path[320], raw[320];
    snprintf(dir, sizeof dir, "%.200s/ganglion-bench-store-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/store.db", dir);
    snprintf(raw, sizeof raw, "%s/raw", dir);
    struct err err = { 0 };
    struct run r = { .loop = loop_new(&err), .spec = mem_alloc(SPEC_BYTES + 1) };
    memset(r.spec, 'x', SPEC_BYTES);
    double peer = bare_syncs(raw, quick ? 300 : 3000);
    open_store(&r, path);
    line("commits_one_at_a_time", commits(&r, quick ? 300 : 5000, 1), "1/s", peer);
    line("commits_100_in_flight", commits(&r, quick ? 3000 : 50000, 100), "1/s", peer);
    commits(&r, OBJECTS, 1000); /* every name once */
    store_close(r.store);
    struct mono start = clock_mono();
    open_store(&r, path);
    line("open_10000_objects", seconds_since(start) * 1000, "ms", 0);
    store_close(r.store);
    loop_free(r.loop);
    free(r.spec);
    if (file_remove_tree(dir, &err) != 0)
        fail("cleaning up", &err);
    return 0;
}
