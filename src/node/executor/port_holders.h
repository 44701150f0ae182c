/* SPDX-License-Identifier: Apache-2.0
 * port_holders — who listens on a TCP port of this machine's network, as the kernel tells it in
 * /proc/net/tcp and /proc/net/tcp6. Pods share that network: two that bind one port on all
 * addresses collide, and the second one's program only says "address already in use". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"

struct port_holder {
    uint16_t port;
    bool everywhere; /* on all addresses of the machine, else on one */
    uint64_t inode;  /* of the socket: names it in /proc/PID/fd */
};
VEC_TYPE(port_holders, struct port_holder);

#define PORT_HOLDERS_MAX 4096

/* Appends the listeners of a table's text; lines that are not understood are skipped. Pure. */
void port_holders_parse(struct port_holders *out, struct str text);
/* Appends all listeners of this machine. Blocking. */
void port_holders_read(struct port_holders *out);

/* The process that holds the socket, and its session; false: not found, or not ours to see. */
struct port_owner {
    int64_t pid, session;
    char name[32]; /* of its program */
};
bool port_holders_owner(uint64_t inode, struct port_owner *out);
