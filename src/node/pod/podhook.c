/* SPDX-License-Identifier: Apache-2.0
 * podhook — see podhook.h. */
#include "node/pod/podhook.h"

#include <signal.h>

static struct json spec_of(struct json container, enum hook_kind kind)
{
    struct json lifecycle = json_get(container, STR("lifecycle"));
    return json_get(lifecycle, kind == HOOK_POST_START ? STR("postStart") : STR("preStop"));
}

bool podhook_has(struct json container, enum hook_kind kind)
{
    return json_has(spec_of(container, kind));
}

size_t podhook_fields(struct str out[PODPROBE_FIELDS_MAX],
                      struct arena *a,
                      struct json container,
                      enum hook_kind kind,
                      struct str pod_ip)
{
    struct json spec = spec_of(container, kind), sleep = json_get(spec, STR("sleep"));
    if (json_has(sleep)) {
        int64_t s = json_i64_or(json_get(sleep, STR("seconds")), 0);
        s = s < 0 ? 0 : s > INT32_MAX ? INT32_MAX : s;
        out[0] = STR("sleep");
        out[1] = arena_printf(a, "%lld", (long long)s);
        return 2;
    }
    if (json_has(json_get(spec, STR("tcpSocket"))))
        return 0;
    return podprobe_fields(out, a, spec, container, pod_ip);
}

/* The names that the API allows, with Linux's numbers. SIGRTMIN is 34 and SIGRTMAX 64 for programs
 * of the usual C libraries. */
static const struct {
    const char *name;
    int number;
} signals[] = {
    { "SIGABRT", SIGABRT }, { "SIGALRM", SIGALRM },     { "SIGBUS", SIGBUS },
    { "SIGCHLD", SIGCHLD }, { "SIGCLD", SIGCHLD },      { "SIGCONT", SIGCONT },
    { "SIGFPE", SIGFPE },   { "SIGHUP", SIGHUP },       { "SIGILL", SIGILL },
    { "SIGINT", SIGINT },   { "SIGIO", SIGIO },         { "SIGIOT", SIGABRT },
    { "SIGKILL", SIGKILL }, { "SIGPIPE", SIGPIPE },     { "SIGPOLL", SIGPOLL },
    { "SIGPROF", SIGPROF }, { "SIGPWR", SIGPWR },       { "SIGQUIT", SIGQUIT },
    { "SIGSEGV", SIGSEGV }, { "SIGSTKFLT", SIGSTKFLT }, { "SIGSTOP", SIGSTOP },
    { "SIGSYS", SIGSYS },   { "SIGTERM", SIGTERM },     { "SIGTRAP", SIGTRAP },
    { "SIGTSTP", SIGTSTP }, { "SIGTTIN", SIGTTIN },     { "SIGTTOU", SIGTTOU },
    { "SIGURG", SIGURG },   { "SIGUSR1", SIGUSR1 },     { "SIGUSR2", SIGUSR2 },
    { "SIGVTALRM", 26 },    { "SIGWINCH", SIGWINCH },   { "SIGXCPU", SIGXCPU },
    { "SIGXFSZ", SIGXFSZ }, { "SIGRTMIN", 34 },         { "SIGRTMAX", 64 },
};

/* "SIGRTMIN+3", "SIGRTMAX-2" */
static int real_time_signal(struct str name)
{
    bool up = str_starts(name, STR("SIGRTMIN+"));
    int64_t n;
    if (!up && !str_starts(name, STR("SIGRTMAX-")))
        return 0;
    if (!str_to_i64(str_skip(name, 9), &n) || n < 0 || n > 30)
        return 0;
    return up ? 34 + (int)n : 64 - (int)n;
}

int podhook_signal(struct str name)
{
    for (size_t i = 0; name.n && i < COUNT_OF(signals); i++)
        if (str_is(name, signals[i].name))
            return signals[i].number;
    return real_time_signal(name);
}

int podhook_stop_signal(struct json container)
{
    int number = podhook_signal(
        json_str(json_get(json_get(container, STR("lifecycle")), STR("stopSignal"))));
    return number ? number : SIGTERM;
}
