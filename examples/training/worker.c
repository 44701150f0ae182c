/* SPDX-License-Identifier: Apache-2.0
 * worker — reads the environment. */
#include "worker.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MASTER_PORT_DEFAULT = 29500, JOIN_S = 60, STEP_S = 10 };

int worker_fail(const struct worker *w, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fprintf(stderr, "ring_train: rank %d: %s\n", w->rank, text);
    return -1;
}

/* A whole number from the environment, or `fallback` when it is not set. */
static int env_number(const char *name, long fallback, long lowest, long highest, long *out)
{
    const char *text = getenv(name);
    if (!text || !*text) {
        *out = fallback;
        return 0;
    }
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < lowest || value > highest) {
        fprintf(stderr, "ring_train: %s=%s: want a number from %ld to %ld\n", name, text, lowest,
                highest);
        return -1;
    }
    *out = value;
    return 0;
}

static const char *env_text(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

/* FNV-1a */
static uint64_t hash_text(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static int read_places(struct worker *w)
{
    const char *ip = env_text("POD_IP"), *job = env_text("RENDEZVOUS_ID");
    w->has_ip = ip != NULL;
    if (ip && inet_pton(AF_INET, ip, &w->ip) != 1) {
        fprintf(stderr, "ring_train: POD_IP=%s: want an IPv4 address\n", ip);
        return -1;
    }
    w->job = hash_text(job ? job : "");
    w->master_host = env_text("MASTER_ADDR");
    w->rendezvous_dir = env_text("RENDEZVOUS_DIR");
    if (!w->master_host && !w->rendezvous_dir && w->world > 1) {
        fprintf(stderr, "ring_train: set MASTER_ADDR (where rank 0 is) or RENDEZVOUS_DIR (a folder "
                        "that all workers see)\n");
        return -1;
    }
    return 0;
}

int worker_from_env(struct worker *w, int64_t exec_ns)
{
    long rank, world, port, join_s, step_s;
    *w = (struct worker){ .exec_ns = exec_ns, .rank = -1 };
    const char *rank_name = env_text("RANK") ? "RANK" : "JOB_COMPLETION_INDEX";
    if (env_number("WORLD_SIZE", 1, 1, WORLD_MAX, &world) ||
        env_number(rank_name, world == 1 ? 0 : -1, 0, world - 1, &rank) ||
        env_number("MASTER_PORT", getenv("MASTER_ADDR") ? MASTER_PORT_DEFAULT : 0, 0, 65535,
                   &port) ||
        env_number("RING_JOIN_TIMEOUT_S", JOIN_S, 1, 3600, &join_s) ||
        env_number("RING_STEP_TIMEOUT_S", STEP_S, 1, 3600, &step_s))
        return -1;
    if (rank < 0) {
        fprintf(stderr, "ring_train: set RANK, or run in an Indexed Job (JOB_COMPLETION_INDEX)\n");
        return -1;
    }
    w->rank = (int)rank;
    w->world = (int)world;
    w->master_port = (uint16_t)port;
    w->join_ms = join_s * 1000;
    w->step_ms = step_s * 1000;
    return read_places(w);
}
