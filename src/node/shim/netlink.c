/* SPDX-License-Identifier: Apache-2.0
 * netlink — see netlink.h. */
#include "node/shim/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct nlmsghdr *head_of(struct netlink *nl)
{
    return (struct nlmsghdr *)(void *)nl->bytes;
}

int netlink_open(struct netlink *nl, struct err *err)
{
    *nl = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) };
    return nl->fd < 0 ? err_sys(err, errno, "open a routing socket") : 0;
}

void netlink_close(struct netlink *nl)
{
    if (nl->fd >= 0)
        close(nl->fd);
    nl->fd = -1;
}

static void append(struct netlink *nl, const void *bytes, size_t n)
{
    assert(nl->n + NLMSG_ALIGN(n) <= sizeof nl->bytes); /* our own requests are small */
    if (n)
        memcpy(nl->bytes + nl->n, bytes, n);
    memset(nl->bytes + nl->n + n, 0, NLMSG_ALIGN(n) - n);
    nl->n += NLMSG_ALIGN(n);
}

void netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const void *head, size_t n)
{
    struct nlmsghdr h = { .nlmsg_type = type,
                          .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST | NLM_F_ACK),
                          .nlmsg_seq = ++nl->sequence };
    nl->n = 0;
    append(nl, &h, sizeof h);
    append(nl, head, n);
}

void netlink_put(struct netlink *nl, uint16_t attribute, const void *value, size_t n)
{
    struct rtattr a = { .rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = attribute };
    append(nl, &a, sizeof a);
    append(nl, value, n);
}

void netlink_put_text(struct netlink *nl, uint16_t attribute, const char *text)
{
    netlink_put(nl, attribute, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink *nl, uint16_t attribute, uint32_t value)
{
    netlink_put(nl, attribute, &value, sizeof value);
}

size_t netlink_push(struct netlink *nl, uint16_t attribute, const void *head, size_t n)
{
    size_t at = nl->n;
    netlink_put(nl, attribute, head, n);
    return at;
}

void netlink_pop(struct netlink *nl, size_t at)
{
    struct rtattr a;
    memcpy(&a, nl->bytes + at, sizeof a);
    a.rta_len = (unsigned short)(nl->n - at);
    memcpy(nl->bytes + at, &a, sizeof a);
}

/* The acknowledgement is an error message; its error 0 means done. */
static int acknowledgement(struct netlink *nl)
{
    _Alignas(4) char bytes[4096];
    for (;;) {
        ssize_t n = recv(nl->fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes;
        if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR ||
            h->nlmsg_seq != nl->sequence)
            continue;
        const struct nlmsgerr *e = NLMSG_DATA(h);
        return -e->error;
    }
}

int netlink_call(struct netlink *nl, const char *what, struct err *err)
{
    head_of(nl)->nlmsg_len = (uint32_t)nl->n;
    ssize_t sent = send(nl->fd, nl->bytes, nl->n, 0);
    int sys = sent == (ssize_t)nl->n ? acknowledgement(nl) : errno;
    return sys ? err_sys(err, sys, "%s", what) : 0;
}
