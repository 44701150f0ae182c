/* SPDX-License-Identifier: Apache-2.0
 * network — see network.h. */
#include "node/shim/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/shim/netlink.h"

#define INSIDE "eth0"
#define NAME_TRIES 50 /* the kernel removes the devices of an ended pod a little later */
#define NAME_WAIT_US 20000

struct addresses { /* in network byte order */
    uint32_t pod, gateway;
};

static int set_knob(const char *device, const char *knob, struct err *err)
{
    char path[160];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/%s", device, knob);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, "1", 1);
    int sys = errno;
    if (fd >= 0)
        close(fd);
    return n == 1 ? 0 : err_sys(err, sys, "set %s", path);
}

static int index_of(const char *device, uint32_t *out, struct err *err)
{
    *out = if_nametoindex(device);
    return *out ? 0 : err_sys(err, errno, "find the device %s", device);
}

static int bring_up(struct netlink *nl, uint32_t index, struct err *err)
{
    struct ifinfomsg i = { .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    netlink_begin(nl, RTM_NEWLINK, 0, &i, sizeof i);
    return netlink_call(nl, "bring a device up", err);
}

/* add: else removes it. */
static int change_address(struct netlink *nl,
                          uint32_t index,
                          uint32_t address,
                          uint8_t prefix,
                          bool add,
                          struct err *err)
{
    struct ifaddrmsg i = { .ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_index = index };
    netlink_begin(nl, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &i,
                  sizeof i);
    netlink_put_u32(nl, IFA_LOCAL, address);
    netlink_put_u32(nl, IFA_ADDRESS, address);
    return netlink_call(nl, add ? "add an address" : "remove an address", err);
}

/* ---- the machine's side ---- */

static int make_pair(struct netlink *nl, const char *link, int pod, struct err *err)
{
    struct ifinfomsg none = { 0 };
    netlink_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof none);
    netlink_put_text(nl, IFLA_IFNAME, link);
    size_t about = netlink_push(nl, IFLA_LINKINFO, NULL, 0);
    netlink_put_text(nl, IFLA_INFO_KIND, "veth");
    size_t more = netlink_push(nl, IFLA_INFO_DATA, NULL, 0);
    size_t peer = netlink_push(nl, VETH_INFO_PEER, &none, sizeof none);
    netlink_put_text(nl, IFLA_IFNAME, INSIDE);
    netlink_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)pod);
    netlink_pop(nl, peer);
    netlink_pop(nl, more);
    netlink_pop(nl, about);
    return netlink_call(nl, "make a pair of devices", err);
}

struct route {
    struct rtmsg head;  /* what differs from a static unicast route */
    uint16_t attribute; /* RTA_DST or RTA_GATEWAY */
    uint32_t address, link, source;
};

static int add_route(struct netlink *nl, const struct route *r, const char *what, struct err *err)
{
    struct rtmsg head = r->head;
    head.rtm_family = AF_INET;
    head.rtm_protocol = RTPROT_STATIC;
    head.rtm_type = RTN_UNICAST;
    netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
    netlink_put_u32(nl, r->attribute, r->address);
    netlink_put_u32(nl, RTA_OIF, r->link);
    netlink_put_u32(nl, RTA_PREFSRC, r->source);
    return netlink_call(nl, what, err);
}

static int machine_side(struct netlink *nl,
                        const struct shim_network *n,
                        const struct addresses *a,
                        int pod,
                        struct err *err)
{
    uint32_t link;
    int rc = make_pair(nl, n->link, pod, err);
    for (int i = 0; rc < 0 && err->sys == EEXIST && i < NAME_TRIES; i++) {
        usleep(NAME_WAIT_US);
        rc = make_pair(nl, n->link, pod, err);
    }
    if (rc < 0 || index_of(n->link, &link, err) < 0 ||
        set_knob(n->link, "route_localnet", err) < 0 || set_knob(n->link, "forwarding", err) < 0)
        return -1;
    const struct route to_pod = {
        .head = { .rtm_dst_len = 32, .rtm_table = RT_TABLE_LOCAL, .rtm_scope = RT_SCOPE_LINK },
        .attribute = RTA_DST,
        .address = a->pod,
        .link = link,
        .source = a->gateway,
    };
    return bring_up(nl, link, err) < 0 ? -1
                                       : add_route(nl, &to_pod, "add the route to the pod", err);
}

/* ---- the pod's side ---- */

/* The kernel gives lo 127.0.0.1/8, all of which would be the pod's own. */
static int narrow_loopback(struct netlink *nl, struct err *err)
{
    uint32_t lo, home = htonl(INADDR_LOOPBACK);
    if (index_of("lo", &lo, err) < 0 || bring_up(nl, lo, err) < 0)
        return -1;
    return change_address(nl, lo, home, 8, false, err) < 0
               ? -1
               : change_address(nl, lo, home, 32, true, err);
}

static int pod_side(const struct addresses *a, struct err *err)
{
    struct netlink nl;
    uint32_t inside;
    if (netlink_open(&nl, err) < 0)
        return -1;
    int rc = -1;
    if (narrow_loopback(&nl, err) == 0 && index_of(INSIDE, &inside, err) == 0 &&
        set_knob(INSIDE, "route_localnet", err) == 0 && bring_up(&nl, inside, err) == 0 &&
        change_address(&nl, inside, a->pod, 32, true, err) == 0)
        rc = add_route(&nl,
                       &(struct route){
                           .head = { .rtm_table = RT_TABLE_MAIN,
                                     .rtm_scope = RT_SCOPE_UNIVERSE,
                                     .rtm_flags = RTNH_F_ONLINK },
                           .attribute = RTA_GATEWAY,
                           .address = a->gateway,
                           .link = inside,
                           .source = a->pod,
                       },
                       "add the pod's default route", err);
    netlink_close(&nl);
    return rc;
}

/* ---- both ---- */

/* This process is in the pod's namespace; nl speaks for the machine's. */
static int
build(struct netlink *nl, const struct shim_network *n, int machine, int pod, struct err *err)
{
    struct addresses a;
    if (inet_pton(AF_INET, n->address, &a.pod) != 1 ||
        inet_pton(AF_INET, n->gateway, &a.gateway) != 1)
        return err_set(err, ERR_INVALID, "%s and %s are not both addresses", n->address,
                       n->gateway);
    if (setns(machine, CLONE_NEWNET) <
        0) /* names of devices and /proc/sys/net follow the process */
        return err_sys(err, errno, "return to the machine's network");
    if (machine_side(nl, n, &a, pod, err) < 0)
        return -1;
    if (setns(pod, CLONE_NEWNET) < 0)
        return err_sys(err, errno, "enter the pod's network");
    return pod_side(&a, err);
}

static int namespace_open(int *out, struct err *err)
{
    *out = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return *out < 0 ? err_sys(err, errno, "open the network namespace") : 0;
}

int network_enter(const struct shim_network *n, struct err *err)
{
    struct netlink nl = { .fd = -1 };
    int machine = -1, pod = -1, rc = -1;
    if (namespace_open(&machine, err) < 0 || netlink_open(&nl, err) < 0)
        goto out;
    if (unshare(CLONE_NEWNET) < 0) {
        err_sys(err, errno, "make a network namespace");
        goto out;
    }
    if (namespace_open(&pod, err) == 0)
        rc = build(&nl, n, machine, pod, err);
    if (rc < 0 && setns(machine, CLONE_NEWNET) < 0)
        err_sys(err, errno, "return to the machine's network");
out:
    netlink_close(&nl);
    if (machine >= 0)
        close(machine);
    if (pod >= 0)
        close(pod);
    return rc;
}
