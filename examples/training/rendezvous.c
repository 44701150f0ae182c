/* SPDX-License-Identifier: Apache-2.0
 * rendezvous — see rendezvous.h. */
#include "rendezvous.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

enum { RETRY_MS = 20, HELLO_MS = 2000, PATH_MAX_BYTES = 512 };
static const uint64_t magic = 0x72696e6774726e31; /* "ringtrn1" */

/* What the numbers of a message mean. */
enum { AT_MAGIC, AT_JOB, AT_RANK, AT_WORLD, AT_IP, AT_PORT, AT_TIME };

/* What rank 0 knows of each worker while they arrive. */
struct guest {
    int fd; /* -1: not here yet */
    struct sockaddr_in at;
    int64_t exec_ns;
};

int rendezvous_send(int fd, const uint64_t *numbers, int64_t deadline_ms)
{
    uint64_t wire[RENDEZVOUS_NUMBERS];
    for (int i = 0; i < RENDEZVOUS_NUMBERS; i++)
        wire[i] = htobe64(numbers[i]);
    return net_send(fd, wire, sizeof wire, deadline_ms);
}

int rendezvous_recv(int fd, uint64_t *numbers, int64_t deadline_ms)
{
    uint64_t wire[RENDEZVOUS_NUMBERS];
    if (net_recv(fd, wire, sizeof wire, deadline_ms))
        return -1;
    for (int i = 0; i < RENDEZVOUS_NUMBERS; i++)
        numbers[i] = be64toh(wire[i]);
    return 0;
}

void rendezvous_greet(const struct worker *w, uint64_t *numbers)
{
    memset(numbers, 0, sizeof *numbers * RENDEZVOUS_NUMBERS);
    numbers[AT_MAGIC] = magic;
    numbers[AT_JOB] = w->job;
    numbers[AT_RANK] = (uint64_t)w->rank;
    numbers[AT_WORLD] = (uint64_t)w->world;
}

int rendezvous_rank(const struct worker *w, const uint64_t *numbers)
{
    if (numbers[AT_MAGIC] != magic || numbers[AT_JOB] != w->job ||
        numbers[AT_WORLD] != (uint64_t)w->world || numbers[AT_RANK] >= (uint64_t)w->world)
        return -1;
    return (int)numbers[AT_RANK];
}

static void put_address(uint64_t *numbers, const struct sockaddr_in *at)
{
    numbers[AT_IP] = ntohl(at->sin_addr.s_addr);
    numbers[AT_PORT] = ntohs(at->sin_port);
}

static struct sockaddr_in get_address(const uint64_t *numbers)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl((uint32_t)numbers[AT_IP]),
        .sin_port = htons((uint16_t)numbers[AT_PORT]),
    };
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void address_file(const struct worker *w, char path[PATH_MAX_BYTES])
{
    snprintf(path, PATH_MAX_BYTES, "%s/ring-%016" PRIx64 ".addr", w->rendezvous_dir, w->job);
}

/* Writes "ip port" under another name first, so that nobody reads half of it. */
static int publish(const struct worker *w, const struct sockaddr_in *at)
{
    char path[PATH_MAX_BYTES], draft[PATH_MAX_BYTES + 8], ip[INET_ADDRSTRLEN];
    address_file(w, path);
    snprintf(draft, sizeof draft, "%s.new", path);
    inet_ntop(AF_INET, &at->sin_addr, ip, sizeof ip);
    FILE *f = fopen(draft, "w");
    if (!f)
        return worker_fail(w, "%s: %s", draft, strerror(errno));
    fprintf(f, "%s %u\n", ip, ntohs(at->sin_port));
    if (fclose(f) || rename(draft, path))
        return worker_fail(w, "%s: %s", path, strerror(errno));
    return 0;
}

static void unpublish(const struct worker *w)
{
    char path[PATH_MAX_BYTES];
    address_file(w, path);
    unlink(path);
}

static bool find_in_folder(const struct worker *w, struct sockaddr_in *at)
{
    char path[PATH_MAX_BYTES], ip[INET_ADDRSTRLEN + 1] = "";
    address_file(w, path);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    unsigned port = 0;
    int fields = fscanf(f, "%16s %u", ip, &port);
    fclose(f);
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    return fields == 2 && port <= 65535 && inet_pton(AF_INET, ip, &at->sin_addr) == 1;
}

static bool find_by_name(const struct worker *w, struct sockaddr_in *at)
{
    const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(w->master_host, NULL, &hints, &found) || !found)
        return false;
    memcpy(at, found->ai_addr, sizeof *at);
    freeaddrinfo(found);
    at->sin_port = htons(w->master_port);
    return true;
}

/* Where rank 0 is, as far as one can tell now. */
static bool find_master(const struct worker *w, struct sockaddr_in *at)
{
    return w->master_host ? find_by_name(w, at) : find_in_folder(w, at);
}

/* Rank 0: lets one worker in. Strangers and broken connections are dropped; a worker that comes
 * twice (it was restarted) replaces its former self. */
static void greet_guest(const struct worker *w, int fd, struct guest *guests, int *here)
{
    uint64_t numbers[RENDEZVOUS_NUMBERS];
    int rank =
        rendezvous_recv(fd, numbers, net_now_ms() + HELLO_MS) ? -1 : rendezvous_rank(w, numbers);
    if (rank <= 0) {
        close(fd);
        return;
    }
    struct guest *g = &guests[rank];
    if (g->fd >= 0)
        close(g->fd);
    else
        ++*here;
    *g = (struct guest){ fd, get_address(numbers), (int64_t)numbers[AT_TIME] };
}

static int fail_missing(const struct worker *w, const struct guest *guests, int here)
{
    char missing[200] = "";
    size_t n = 0;
    for (int r = 1; r < w->world && n < sizeof missing - 16; r++)
        if (guests[r].fd < 0)
            n += (size_t)snprintf(missing + n, sizeof missing - n, " %d", r);
    return worker_fail(w, "%d of %d workers came within %" PRId64 " s; missing ranks:%s", here,
                       w->world, w->join_ms / 1000, missing);
}

/* Rank 0: everyone is here, so tell each worker who is next. */
static int seat_guests(const struct worker *w, struct guest *guests, struct rendezvous *out)
{
    int64_t earliest = guests[0].exec_ns, latest = guests[0].exec_ns;
    for (int r = 1; r < w->world; r++) {
        earliest = guests[r].exec_ns < earliest ? guests[r].exec_ns : earliest;
        latest = guests[r].exec_ns > latest ? guests[r].exec_ns : latest;
    }
    out->skew_ns = latest - earliest;
    out->next = guests[1].at;
    for (int r = 1; r < w->world; r++) {
        uint64_t numbers[RENDEZVOUS_NUMBERS];
        rendezvous_greet(w, numbers);
        put_address(numbers, &guests[(r + 1) % w->world].at);
        numbers[AT_TIME] = (uint64_t)out->skew_ns;
        if (rendezvous_send(guests[r].fd, numbers, net_now_ms() + w->step_ms))
            return worker_fail(w, "lost rank %d while the ring was formed: %s", r, strerror(errno));
    }
    return 0;
}

static int
receive_guests(const struct worker *w, int listener, struct guest *guests, struct rendezvous *out)
{
    int64_t deadline_ms = net_now_ms() + w->join_ms;
    int here = 1;
    while (here < w->world) {
        int fd = net_accept(listener, deadline_ms);
        if (fd < 0 && errno == ETIMEDOUT)
            return fail_missing(w, guests, here);
        if (fd < 0)
            return worker_fail(w, "accept: %s", strerror(errno));
        greet_guest(w, fd, guests, &here);
    }
    return seat_guests(w, guests, out);
}

/* The address rank 0 listens on: its pod's, else what MASTER_ADDR says, else loopback. */
static int master_listen(const struct worker *w, struct sockaddr_in *at)
{
    struct sockaddr_in want = { .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (w->has_ip)
        want.sin_addr = w->ip;
    else if (w->master_host && !find_by_name(w, &want))
        return worker_fail(w, "MASTER_ADDR=%s: no such host", w->master_host);
    int fd = net_listen(want.sin_addr, w->master_port, at);
    if (fd < 0)
        return worker_fail(w, "listen on %s:%u: %s", inet_ntoa(want.sin_addr), w->master_port,
                           strerror(errno));
    return fd;
}

static int host_all(const struct worker *w, struct rendezvous *out)
{
    struct sockaddr_in master_at, ring_at;
    int listener = master_listen(w, &master_at);
    if (listener < 0)
        return -1;
    int ring = net_listen(master_at.sin_addr, 0, &ring_at);
    struct guest *guests = calloc((size_t)w->world, sizeof *guests);
    int rc = -1;
    if (ring < 0 || !guests)
        rc = worker_fail(w, "listen: %s", strerror(errno));
    else if (w->master_host || publish(w, &master_at) == 0) {
        guests[0] = (struct guest){ -1, ring_at, w->exec_ns };
        for (int r = 1; r < w->world; r++)
            guests[r].fd = -1;
        rc = receive_guests(w, listener, guests, out);
        for (int r = 1; r < w->world; r++)
            if (guests[r].fd >= 0)
                close(guests[r].fd);
        if (!w->master_host)
            unpublish(w);
    }
    free(guests);
    close(listener);
    if (rc && ring >= 0)
        close(ring);
    out->listener = ring;
    return rc;
}

/* One try to reach rank 0 and be told who is next. The listener is made with the first connection:
 * without POD_IP our address is the one that this connection has. */
static int try_master(const struct worker *w, int64_t deadline_ms, struct rendezvous *out)
{
    struct sockaddr_in master, me;
    socklen_t n = sizeof me;
    if (!find_master(w, &master)) {
        errno = ENOENT;
        return -1;
    }
    int fd = net_connect(&master, deadline_ms);
    if (fd < 0)
        return -1;
    int rc = getsockname(fd, (struct sockaddr *)&me, &n);
    if (rc == 0 && out->listener < 0) {
        out->listener = net_listen(w->has_ip ? w->ip : me.sin_addr, 0, &out->next);
        rc = out->listener < 0 ? -1 : 0;
    }
    uint64_t numbers[RENDEZVOUS_NUMBERS];
    rendezvous_greet(w, numbers);
    put_address(numbers, &out->next); /* until the answer comes, `next` holds where we listen */
    numbers[AT_TIME] = (uint64_t)w->exec_ns;
    if (rc == 0)
        rc = rendezvous_send(fd, numbers, deadline_ms);
    if (rc == 0)
        rc = rendezvous_recv(fd, numbers, deadline_ms);
    if (rc == 0 && rendezvous_rank(w, numbers) != 0) {
        errno = EPROTO;
        rc = -1;
    }
    int kept = errno;
    close(fd);
    errno = kept;
    if (rc == 0) {
        out->next = get_address(numbers);
        out->skew_ns = (int64_t)numbers[AT_TIME];
    }
    return rc;
}

static int visit_master(const struct worker *w, struct rendezvous *out)
{
    int64_t deadline_ms = net_now_ms() + w->join_ms;
    out->listener = -1;
    while (try_master(w, deadline_ms, out)) {
        int why = errno;
        if (net_now_ms() >= deadline_ms) {
            if (out->listener >= 0)
                close(out->listener);
            return worker_fail(w, "rank 0 did not gather the workers within %" PRId64 " s: %s",
                               w->join_ms / 1000, strerror(why));
        }
        sleep_ms(RETRY_MS);
    }
    return 0;
}

int rendezvous_join(const struct worker *w, struct rendezvous *out)
{
    *out = (struct rendezvous){ .listener = -1 };
    if (w->world == 1)
        return 0;
    return w->rank == 0 ? host_all(w, out) : visit_master(w, out);
}
