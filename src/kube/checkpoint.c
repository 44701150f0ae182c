/* SPDX-License-Identifier: Apache-2.0
 * checkpoint — see checkpoint.h. */
#include "kube/checkpoint.h"

#include "kube/names.h"

static struct str said(const struct pod *p, const char *name)
{
    return json_str(json_get(p->annotations, str_from(name)));
}

int64_t checkpoint_ns(const struct pod *p)
{
    struct str time = said(p, NAME_CHECKPOINT_TIME);
    int64_t ns;
    if (!time.n)
        return said(p, NAME_CHECKPOINT_SIGNAL).n ? CHECKPOINT_NS : 0;
    if (!duration_parse(time, &ns) || ns < 0)
        return CHECKPOINT_NS;
    return ns < CHECKPOINT_NS_MAX ? ns : CHECKPOINT_NS_MAX;
}

bool checkpoint_told(const struct pod *p, struct wall *by)
{
    return wall_parse(said(p, NAME_CHECKPOINT_BY), by);
}

struct str checkpoint_signal(const struct pod *p, struct str container)
{
    struct str text = said(p, NAME_CHECKPOINT_SIGNAL);
    ptrdiff_t eq = str_find_char(text, '=');
    if (eq < 0)
        return text;
    bool ours = str_eq(str_make(text.p, (size_t)eq), container);
    return ours ? str_skip(text, (size_t)eq + 1) : (struct str){ 0 };
}
