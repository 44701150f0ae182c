/* SPDX-License-Identifier: Apache-2.0
 * ring — see ring.h. */
#include "ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

static int rank_after(const struct worker *w, int steps)
{
    return (w->rank + steps + w->world) % w->world;
}

/* Accepts until our previous neighbour is there; strangers are turned away. */
static int accept_previous(const struct worker *w, int listener, int64_t deadline_ms)
{
    for (;;) {
        int fd = net_accept(listener, deadline_ms);
        if (fd < 0)
            return -1;
        uint64_t numbers[RENDEZVOUS_NUMBERS];
        if (rendezvous_recv(fd, numbers, deadline_ms) == 0 &&
            rendezvous_rank(w, numbers) == rank_after(w, -1))
            return fd;
        close(fd);
    }
}

/* The next one first: its listener takes our connection before it has time for us, so that nobody
 * waits in a circle. */
static int meet_neighbours(struct ring *ring, const struct rendezvous *r)
{
    const struct worker *w = ring->worker;
    int64_t deadline_ms = net_now_ms() + w->step_ms;
    uint64_t numbers[RENDEZVOUS_NUMBERS];
    rendezvous_greet(w, numbers);
    ring->next_fd = net_connect(&r->next, deadline_ms);
    if (ring->next_fd < 0 || rendezvous_send(ring->next_fd, numbers, deadline_ms))
        return worker_fail(w, "cannot reach rank %d: %s", rank_after(w, 1), strerror(errno));
    ring->prev_fd = accept_previous(w, r->listener, deadline_ms);
    if (ring->prev_fd < 0)
        return worker_fail(w, "rank %d did not connect: %s", rank_after(w, -1), strerror(errno));
    return 0;
}

int ring_form(struct ring *ring, const struct worker *w, struct rendezvous *r)
{
    *ring = (struct ring){ .worker = w, .next_fd = -1, .prev_fd = -1 };
    int rc = w->world > 1 ? meet_neighbours(ring, r) : 0;
    if (r->listener >= 0)
        close(r->listener);
    r->listener = -1;
    return rc;
}

void ring_fini(struct ring *ring)
{
    if (ring->next_fd >= 0)
        close(ring->next_fd);
    if (ring->prev_fd >= 0)
        close(ring->prev_fd);
    free(ring->scratch);
    *ring = (struct ring){ .next_fd = -1, .prev_fd = -1 };
}

/* Sends to the next and receives from the previous neighbour; says whom we lost on failure. */
static int pass_on(struct ring *ring, struct net_exchange *x)
{
    const struct worker *w = ring->worker;
    x->out_fd = ring->next_fd;
    x->in_fd = ring->prev_fd;
    if (net_exchange(x, net_now_ms() + w->step_ms)) {
        int lost = rank_after(w, x->failed_fd == ring->next_fd ? 1 : -1);
        if (errno == ETIMEDOUT)
            return worker_fail(w, "rank %d has been silent for %" PRId64 " s, giving up", lost,
                               w->step_ms / 1000);
        return worker_fail(w, "lost rank %d: %s", lost, strerror(errno));
    }
    ring->bytes_sent += x->out_n;
    return 0;
}

/* Where chunk i of an array of n numbers begins; chunk i ends where i + 1 begins. */
static size_t chunk_start(const struct worker *w, size_t n, int i)
{
    return n * (size_t)i / (size_t)w->world;
}

static int make_scratch(struct ring *ring, size_t n)
{
    if (ring->scratch_n >= n)
        return 0;
    float *grown = realloc(ring->scratch, n * sizeof *grown);
    if (!grown)
        return worker_fail(ring->worker, "no memory for %zu numbers", n);
    ring->scratch = grown;
    ring->scratch_n = n;
    return 0;
}

/* One step: chunk `out` of v goes to the next neighbour; chunk `in` comes from the previous one
 * and is added to ours, or replaces it. */
static int step(struct ring *ring, float *v, size_t n, int out, int in_is_sum)
{
    const struct worker *w = ring->worker;
    int in = (out - 1 + w->world) % w->world;
    size_t out_at = chunk_start(w, n, out), in_at = chunk_start(w, n, in);
    size_t in_n = chunk_start(w, n, in + 1) - in_at;
    struct net_exchange x = {
        .out = v + out_at,
        .out_n = (chunk_start(w, n, out + 1) - out_at) * sizeof *v,
        .in = ring->scratch,
        .in_n = in_n * sizeof *v,
    };
    if (pass_on(ring, &x))
        return -1;
    for (size_t i = 0; i < in_n; i++)
        v[in_at + i] = in_is_sum ? ring->scratch[i] : v[in_at + i] + ring->scratch[i];
    return 0;
}

int ring_sum(struct ring *ring, float *v, size_t n)
{
    const struct worker *w = ring->worker;
    if (make_scratch(ring, n / (size_t)w->world + 1))
        return -1;
    for (int s = 0; s < w->world - 1; s++) /* reduce-scatter */
        if (step(ring, v, n, rank_after(w, -s), 0))
            return -1;
    for (int s = 0; s < w->world - 1; s++) /* all-gather: we own the sum of chunk rank + 1 */
        if (step(ring, v, n, rank_after(w, 1 - s), 1))
            return -1;
    return 0;
}

int ring_agree(struct ring *ring, uint64_t value, int *same)
{
    int equal = 1;
    uint64_t passing = value, got = value;
    for (int s = 0; s < ring->worker->world - 1; s++) {
        struct net_exchange x = { .out = &passing, .out_n = 8, .in = &got, .in_n = 8 };
        if (pass_on(ring, &x))
            return -1;
        equal = equal && got == value;
        passing = got;
    }
    *same = equal;
    return 0;
}
