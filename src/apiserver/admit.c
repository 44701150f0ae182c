/* SPDX-License-Identifier: Apache-2.0
 * admit — the table of admission plugins; see admit.h. Which are on is a bit each, by the order
 * here. */
#include "apiserver/admit.h"

#include <assert.h>

#include "apiserver/admission/plugins.h"
#include "apiserver/apiserver_internal.h"

static const struct admission *const plugins[] = {
    &admit_namespace_lifecycle, &admit_limit_ranger, &admit_service_account,
    &admit_taint_nodes,         &admit_priority,     &admit_default_tolerations,
    &admit_resource_quota,
};
static_assert(COUNT_OF(plugins) <= 64, "one bit each");

static enum turn run(struct action *a, bool mutate)
{
    if (a->s->loading)
        return TURN_GO;
    for (size_t i = 0; i < COUNT_OF(plugins); i++) {
        if (!(a->s->plugins_on & (UINT64_C(1) << i)))
            continue;
        enum turn (*fn)(struct action *) = mutate ? plugins[i]->mutate : plugins[i]->check;
        enum turn t = fn ? fn(a) : TURN_GO;
        if (t != TURN_GO)
            return t;
    }
    return TURN_GO;
}

enum turn admit_mutate(struct action *a)
{
    return run(a, true);
}

enum turn admit_check(struct action *a)
{
    return run(a, false);
}

static int switch_named(uint64_t *on, struct str names, bool value, struct err *err)
{
    while (names.p && names.n > 0) {
        struct str name = str_trim(str_split(&names, ','));
        size_t i = 0;
        while (i < COUNT_OF(plugins) && !str_is(name, plugins[i]->name))
            i++;
        if (i == COUNT_OF(plugins))
            return err_set(err, ERR_INVALID, "there is no admission plugin \"%.*s\"",
                           STR_ARG(name));
        if (value)
            *on |= UINT64_C(1) << i;
        else
            *on &= ~(UINT64_C(1) << i);
    }
    return 0;
}

int admit_choose(uint64_t *on, struct str enable, struct str disable, struct err *err)
{
    uint64_t set = 0;
    for (size_t i = 0; i < COUNT_OF(plugins); i++)
        set |= plugins[i]->on ? UINT64_C(1) << i : 0;
    if (switch_named(&set, enable, true, err) != 0 || switch_named(&set, disable, false, err) != 0)
        return -1;
    *on = set;
    return 0;
}
