/* SPDX-License-Identifier: Apache-2.0
 * podprobe — when a container's probes are due and what their outcomes mean, by kubelet's rules:
 * until the startup probe passes the others wait; each needs successThreshold or failureThreshold
 * outcomes in a row to change its answer. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/time.h"
#include "codec/json.h"
#include "node/pod/podstate.h"

enum probe_kind { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_KINDS };

struct probe_run { /* one probe of one run of a container */
    bool there;
    bool flying; /* asked, not answered */
    int64_t delay_ns, period_ns, timeout_ms, want_successes, want_failures;
    int64_t grace_s; /* of the end that it causes; -1: the pod's */
    int64_t successes, failures;
    struct wall due;
};

struct probes {
    struct probe_run items[PROBE_KINDS];
};

/* A new run began to run: what its probes ask, and the answers before the first outcome. */
void podprobe_begin(struct probes *p, struct json container, struct run *r);
/* The next due probe that may be asked now; PROBE_KINDS: none. *wake: when to look again; 0: never.
 */
enum probe_kind
podprobe_next(struct probes *p, const struct run *r, struct wall now, struct wall *wake);
/* Takes an outcome; true when the run's answers changed. */
bool podprobe_answer(struct probes *p,
                     struct run *r,
                     enum probe_kind kind,
                     bool ok,
                     struct wall now);

/* The wall clock was set forward by ns. */
void podprobe_shift(struct probes *p, int64_t ns);

/* Answers of what was asked may be lost: everything is asked again. */
void podprobe_forget(struct probes *p);

struct json podprobe_spec(struct json container, enum probe_kind kind);
const char *podprobe_word(enum probe_kind kind); /* "Readiness" */

/* It could not be asked: nothing is learnt, it is asked again after its period. */
void podprobe_discard(struct probes *p, enum probe_kind kind, struct wall now);
/* What to say of one that had no answer in time. fields: those that were asked. */
struct str podprobe_late(struct arena *a, const struct str *fields, size_t n);
struct str podprobe_late_http(struct arena *a, struct str url);

#define PODPROBE_USER_AGENT "kube-probe/1.36"
#define PODPROBE_FIELDS_MAX 64
/* The words of the shim's probe command behind TIMEOUT_MS, or those of probe_fetch.h; 0: a probe
 * that cannot be made. */
size_t podprobe_fields(struct str out[PODPROBE_FIELDS_MAX],
                       struct arena *a,
                       struct json spec,
                       struct json container_raw,
                       struct str pod_ip);
