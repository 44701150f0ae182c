/* SPDX-License-Identifier: Apache-2.0
 * podhook — a container's lifecycle: what runs right after its start and before its end, and the
 * signal that ends it. Pure. */
#pragma once

#include "base/arena.h"
#include "codec/json.h"
#include "node/pod/podprobe.h"

enum hook_kind { HOOK_POST_START, HOOK_PRE_STOP, HOOK_KINDS };

bool podhook_has(struct json container, enum hook_kind kind);
/* The words of the shim's probe command behind TIMEOUT_MS; 0: a handler that Kubernetes lets pass
 * and that fails when it is run (tcpSocket), or one that the node cannot run. */
size_t podhook_fields(struct str out[PODPROBE_FIELDS_MAX],
                      struct arena *a,
                      struct json container,
                      enum hook_kind kind,
                      struct str pod_ip);
/* "SIGUSR1", "SIGRTMIN+3"; 0: the API knows no such signal. */
int podhook_signal(struct str name);
/* The number of lifecycle.stopSignal; SIGTERM when there is none. */
int podhook_stop_signal(struct json container);
