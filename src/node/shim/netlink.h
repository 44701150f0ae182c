/* SPDX-License-Identifier: Apache-2.0
 * netlink — requests to the kernel's routing socket (rtnetlink(7)), one at a time, each waiting for
 * its acknowledgement. A socket speaks for the network namespace in which it was opened. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct netlink { /* one request is built in place */
    int fd;
    uint32_t sequence;
    size_t n;
    _Alignas(4) char bytes[1024];
};

int netlink_open(struct netlink *nl, struct err *err); /* in the current namespace */
void netlink_close(struct netlink *nl);

/* Begins a request: type and flags of the header (NLM_F_REQUEST and _ACK are added), then the
 * family's own header. */
void netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const void *head, size_t n);
void netlink_put(struct netlink *nl, uint16_t attribute, const void *value, size_t n);
void netlink_put_text(struct netlink *nl, uint16_t attribute, const char *text);
void netlink_put_u32(struct netlink *nl, uint16_t attribute, uint32_t value);
/* An attribute that holds attributes, until netlink_pop with what this returned. head: bytes before
 * the first of them; NULL: none. */
size_t netlink_push(struct netlink *nl, uint16_t attribute, const void *head, size_t n);
void netlink_pop(struct netlink *nl, size_t at);
/* Sends it. The kernel's refusal is in err->sys; what: for the message ("add a route"). */
int netlink_call(struct netlink *nl, const char *what, struct err *err);
