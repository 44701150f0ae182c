/* SPDX-License-Identifier: Apache-2.0
 * service_outside — tells people what plugins of others did wrong: one line in the log for the
 * first fault of each kind and when one is switched off, and metrics for all of it. */
#include "scheduler/outside/outside.h"

#include "scheduler/service/metrics.h"
#include "scheduler/service/service_internal.h"

static void tell_faults(struct scheduler *s, size_t i, const struct outside_record *now)
{
    struct outside_record *told = &s->told[i];
    struct str name = str_from(outside_plugin(s->outside, i)->name);
    for (size_t k = 0; k < OUTSIDE_FAULTS; k++) {
        if (now->ignored[k] == told->ignored[k])
            continue;
        sched_meter_ignored(s->meter, name, str_from(outside_fault_names[k]),
                            (int64_t)(now->ignored[k] - told->ignored[k]));
        if (told->ignored[k] == 0)
            LOG_WARN("plugin.wrong", kv_str("plugin", name),
                     kv_cstr("file", outside_file(s->outside, i)),
                     kv_cstr("what", outside_fault_names[k]), kv_str("example", now->example),
                     kv_cstr("next", "such answers are ignored and counted, not told again"));
    }
    if (now->late == told->late)
        return;
    sched_meter_late(s->meter, name, (int64_t)(now->late - told->late));
    if (told->late == 0)
        LOG_WARN("plugin.late", kv_str("plugin", name),
                 kv_cstr("file", outside_file(s->outside, i)),
                 kv_cstr("next", "late answers are counted; ten in a row and it is switched off"));
}

static bool has_gone_off(struct scheduler *s, size_t i, const struct outside_record *now)
{
    struct str name = str_from(outside_plugin(s->outside, i)->name);
    if (!now->off.p || s->told[i].off.p)
        return false;
    sched_meter_plugin(s->meter, name, false);
    LOG_ERROR("plugin.off", kv_str("plugin", name), kv_cstr("file", outside_file(s->outside, i)),
              kv_str("why", now->off),
              kv_cstr("next", "pods are placed without it until the scheduler starts again"));
    return true;
}

void service_outside_start(struct scheduler *s, const struct outside *o)
{
    s->outside = o;
    for (size_t i = 0; i < outside_count(o); i++) {
        const struct sched_plugin *p = outside_plugin(o, i);
        sched_meter_plugin(s->meter, str_from(p->name), true);
        LOG_INFO("plugin.loaded", kv_cstr("plugin", p->name), kv_cstr("file", outside_file(o, i)));
    }
}

void service_outside_tell(struct scheduler *s)
{
    bool off = false;
    if (outside_news(s->outside) == s->outside_told)
        return;
    s->outside_told = outside_news(s->outside);
    for (size_t i = 0; i < outside_count(s->outside); i++) {
        const struct outside_record *now = outside_record(s->outside, i);
        tell_faults(s, i, now);
        off = has_gone_off(s, i, now) || off;
        s->told[i] = *now;
    }
    if (!off)
        return;
    service_hear(s, &(struct core_input){ .kind = INPUT_RULES }, NULL);
    service_poke(s);
}
