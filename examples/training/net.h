/* SPDX-License-Identifier: Apache-2.0
 * net — TCP with deadlines. Every call gives up at a moment on the monotonic clock, so that a peer
 * which is silent cannot hold us. All return -1 with errno on failure: ETIMEDOUT when the deadline
 * passed, ECONNRESET when the peer closed. Sockets are non-blocking. IPv4. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

int64_t net_now_ms(void); /* monotonic */

/* Listens on ip:port (port 0: any); *at becomes the address in use. Returns the socket. */
int net_listen(struct in_addr ip, uint16_t port, struct sockaddr_in *at);
int net_accept(int listener, int64_t deadline_ms);
/* Connects once; a refusal is an error at once, so that callers can look the address up again. */
int net_connect(const struct sockaddr_in *to, int64_t deadline_ms);
int net_send(int fd, const void *p, size_t n, int64_t deadline_ms);
int net_recv(int fd, void *p, size_t n, int64_t deadline_ms);

/* Sends out_n bytes to one peer while receiving in_n bytes from another. Doing both at once is
 * what keeps a ring from locking up when everyone sends more than the kernel buffers. */
struct net_exchange {
    int out_fd, in_fd;
    const void *out;
    void *in;
    size_t out_n, in_n;
    int failed_fd; /* set on failure, if one of the two is to blame */
};
int net_exchange(struct net_exchange *x, int64_t deadline_ms);
