/* SPDX-License-Identifier: Apache-2.0
 * network — a network namespace of the pod's own, joined to the machine by a pair of virtual
 * Ethernet devices, without touching anything of the machine but what belongs to the pod:
 *
 *   machine                                     pod
 *   127.0.0.0/8 is local (lo)                   127.0.0.1/32 on lo, POD_IP/32 on eth0
 *   POD_IP/32 in table local, via LINK,         everything else via GATEWAY on eth0
 *     preferred source GATEWAY
 *   LINK: route_localnet, forwarding            eth0: route_localnet
 *
 * The longest prefix in the table local wins, so that POD_IP leads into the pod although it is a
 * loopback address; route_localnet lets such addresses leave and enter through these devices, and
 * forwarding on LINK alone joins pods. GATEWAY is any loopback address that is no pod's: the
 * machine cannot call as 127.0.0.1, which the pod has itself. What is not in 127.0.0.0/8 the pod
 * cannot reach: that would need address translation, a global rule. The devices vanish with the
 * namespace, which vanishes with its last process. */
#pragma once

#include "base/err.h"
#include "node/shim/spec.h"

/* Moves this process into a new namespace. On failure it stays where it is. ERR_DENIED: the
 * privileges (CAP_NET_ADMIN, CAP_SYS_ADMIN) are not there. */
int network_enter(const struct shim_network *n, struct err *err);
