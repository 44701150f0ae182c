/* SPDX-License-Identifier: Apache-2.0
 * podprobe — see podprobe.h. */
#include "node/pod/podprobe.h"

static const struct {
    const char *key, *word;
} kinds[PROBE_KINDS] = {
    [PROBE_STARTUP] = { "startupProbe", "Startup" },
    [PROBE_READINESS] = { "readinessProbe", "Readiness" },
    [PROBE_LIVENESS] = { "livenessProbe", "Liveness" },
};

struct json podprobe_spec(struct json container, enum probe_kind kind)
{
    return json_get(container, str_from(kinds[kind].key));
}

const char *podprobe_word(enum probe_kind kind)
{
    return kinds[kind].word;
}

static int64_t number(struct json spec, const char *key, int64_t otherwise, int64_t least)
{
    int64_t v = json_i64_or(json_get(spec, str_from(key)), otherwise);
    return v < least ? least : v > INT32_MAX ? INT32_MAX : v;
}

void podprobe_begin(struct probes *p, struct json container, struct run *r)
{
    *p = (struct probes){ 0 };
    for (enum probe_kind k = 0; k < PROBE_KINDS; k++) {
        struct json spec = podprobe_spec(container, k);
        struct probe_run *x = &p->items[k];
        if (!json_has(spec))
            continue;
        x->there = true;
        x->delay_ns = number(spec, "initialDelaySeconds", 0, 0) * NS_PER_S;
        x->period_ns = number(spec, "periodSeconds", 10, 1) * NS_PER_S;
        x->timeout_ms = number(spec, "timeoutSeconds", 1, 1) * 1000;
        x->want_successes = number(spec, "successThreshold", 1, 1);
        x->want_failures = number(spec, "failureThreshold", 3, 1);
        x->grace_s = number(spec, "terminationGracePeriodSeconds", -1, -1);
        x->due.ns = r->started.ns + x->delay_ns;
    }
    r->started_ok = !p->items[PROBE_STARTUP].there;
    r->ready = !p->items[PROBE_READINESS].there;
    r->fault = RUN_FINE;
    r->fault_grace_s = -1;
}

/* Before the startup probe passed only it is asked; after it only the others. */
static bool wanted(const struct run *r, enum probe_kind k)
{
    return r->started_ok != (k == PROBE_STARTUP);
}

enum probe_kind
podprobe_next(struct probes *p, const struct run *r, struct wall now, struct wall *wake)
{
    *wake = (struct wall){ 0 };
    if (!run_is_up(r) || r->ends_at.ns || r->fault != RUN_FINE)
        return PROBE_KINDS;
    for (enum probe_kind k = 0; k < PROBE_KINDS; k++) {
        struct probe_run *x = &p->items[k];
        if (!x->there || x->flying || !wanted(r, k))
            continue;
        if (x->due.ns <= now.ns) {
            x->flying = true;
            return k;
        }
        if (!wake->ns || x->due.ns < wake->ns)
            *wake = x->due;
    }
    return PROBE_KINDS;
}

void podprobe_forget(struct probes *p)
{
    for (enum probe_kind k = 0; k < PROBE_KINDS; k++)
        p->items[k].flying = false;
}

void podprobe_discard(struct probes *p, enum probe_kind kind, struct wall now)
{
    p->items[kind].flying = false;
    p->items[kind].due.ns = now.ns + p->items[kind].period_ns;
}

bool podprobe_answer(struct probes *p,
                     struct run *r,
                     enum probe_kind kind,
                     bool ok,
                     struct wall now)
{
    struct probe_run *x = &p->items[kind];
    bool before_ready = r->ready, before_started = r->started_ok;
    enum run_fault before_fault = r->fault;
    if (!x->there || !x->flying)
        return false;
    x->flying = false;
    x->due.ns = now.ns + x->period_ns;
    x->successes = ok ? x->successes + 1 : 0;
    x->failures = ok ? 0 : x->failures + 1;
    bool passes = x->successes >= x->want_successes, fails = x->failures >= x->want_failures;
    if (kind == PROBE_READINESS && (passes || fails))
        r->ready = passes;
    if (kind == PROBE_STARTUP && passes)
        r->started_ok = true;
    if (kind != PROBE_READINESS && fails && r->fault == RUN_FINE) {
        r->fault = kind == PROBE_STARTUP ? RUN_STARTUP_FAILED : RUN_LIVENESS_FAILED;
        r->fault_grace_s = x->grace_s;
    }
    return r->ready != before_ready || r->started_ok != before_started || r->fault != before_fault;
}

/* A port by number or by the name of one of the container's ports; absent: no such port. */
static struct str port_text(struct arena *a, struct json port, struct json container)
{
    int64_t n;
    if (json_i64(port, &n))
        return arena_printf(a, "%lld", (long long)n);
    struct json_iter it = json_iter(json_get(container, STR("ports")));
    while (json_next(&it))
        if (str_eq(json_str(json_get(it.value, STR("name"))), json_str(port)))
            return json_num_text(json_get(it.value, STR("containerPort")));
    return str_to_i64(json_str(port), &n) ? json_str(port) : (struct str){ 0 };
}

static size_t exec_fields(struct str *out, struct json command)
{
    size_t n = 0;
    struct json_iter it = json_iter(command);
    out[n++] = STR("exec");
    n++; /* the container's number, set by the caller */
    while (n < PODPROBE_FIELDS_MAX && json_next(&it))
        out[n++] = json_str(it.value);
    return n > 2 ? n : 0;
}

static bool has_header(struct json list, const char *name)
{
    struct json_iter it = json_iter(list);
    while (json_next(&it))
        if (str_eq_nocase(json_str(json_get(it.value, STR("name"))), str_from(name)))
            return true;
    return false;
}

static size_t http_fields(struct str *out, struct arena *a, struct json http, size_t n)
{
    struct str path = json_str(json_get(http, STR("path")));
    struct json headers = json_get(http, STR("httpHeaders"));
    bool tls = str_is(json_str(json_get(http, STR("scheme"))), "HTTPS");
    out[0] = tls ? STR("https") : STR("http");
    out[n++] = !path.n            ? STR("/")
               : path.p[0] == '/' ? path
                                  : arena_printf(a, "/%.*s", STR_ARG(path));
    if (!has_header(headers, "user-agent"))
        out[n++] = STR("User-Agent: " PODPROBE_USER_AGENT);
    if (!has_header(headers, "accept"))
        out[n++] = STR("Accept: */*");
    struct json_iter it = json_iter(headers);
    while (n < PODPROBE_FIELDS_MAX && json_next(&it))
        out[n++] = arena_printf(a, "%.*s: %.*s", STR_ARG(json_str(json_get(it.value, STR("name")))),
                                STR_ARG(json_str(json_get(it.value, STR("value")))));
    return n;
}

static struct str or_nothing(struct str s)
{
    return s.p ? s : STR("");
}

size_t podprobe_fields(struct str out[PODPROBE_FIELDS_MAX],
                       struct arena *a,
                       struct json spec,
                       struct json container_raw,
                       struct str pod_ip)
{
    struct json exec = json_get(spec, STR("exec")), http = json_get(spec, STR("httpGet")),
                tcp = json_get(spec, STR("tcpSocket")), grpc = json_get(spec, STR("grpc"));
    if (json_has(exec))
        return exec_fields(out, json_get(exec, STR("command")));
    struct json target = json_has(http) ? http : json_has(tcp) ? tcp : grpc;
    struct str host = json_str(json_get(target, STR("host")));
    struct str port = port_text(a, json_get(target, STR("port")), container_raw);
    if (!json_has(target) || !port.n)
        return 0;
    out[0] = json_has(tcp) ? STR("tcp") : STR("grpc");
    out[1] = host.n ? host : pod_ip;
    out[2] = port;
    if (json_has(http))
        return http_fields(out, a, http, 3);
    out[3] = or_nothing(json_str(json_get(grpc, STR("service"))));
    return json_has(tcp) ? 3 : 4;
}

/* ---- no answer in time ---- */

struct str podprobe_late_http(struct arena *a, struct str url)
{
    return arena_printf(a,
                        "Get \"%.*s\": context deadline exceeded (Client.Timeout exceeded while "
                        "awaiting headers)",
                        STR_ARG(url));
}

static struct str joined(struct arena *a, const struct str *words, size_t n)
{
    struct str all = n ? words[0] : STR("");
    for (size_t i = 1; i < n; i++)
        all = arena_printf(a, "%.*s %.*s", STR_ARG(all), STR_ARG(words[i]));
    return all;
}

struct str podprobe_late(struct arena *a, const struct str *f, size_t n)
{
    if (n >= 4 && str_is(f[0], "http"))
        return podprobe_late_http(a, arena_printf(a, "http://%.*s:%.*s%.*s", STR_ARG(f[1]),
                                                  STR_ARG(f[2]), STR_ARG(f[3])));
    if (n >= 3 && str_is(f[0], "tcp"))
        return arena_printf(a, "dial tcp %.*s:%.*s: i/o timeout", STR_ARG(f[1]), STR_ARG(f[2]));
    if (n > 2 && str_is(f[0], "exec"))
        return arena_printf(a, "command \"%.*s\" timed out", STR_ARG(joined(a, f + 2, n - 2)));
    return STR("no answer in time");
}

void podprobe_shift(struct probes *p, int64_t ns)
{
    for (size_t i = 0; i < PROBE_KINDS; i++)
        p->items[i].due.ns += ns;
}
