/* SPDX-License-Identifier: Apache-2.0
 * judge — see judge.h. */
#include "controllers/garbage/judge.h"

enum garbage_action garbage_judge(const struct garbage_case *c)
{
    if (c->deleting && c->orphan)
        return c->dependents ? GARBAGE_ORPHAN_DEPENDENTS : GARBAGE_RELEASE_ORPHAN;
    if (c->deleting && c->foreground)
        return c->blocking ? GARBAGE_DELETE_DEPENDENTS : GARBAGE_RELEASE_FOREGROUND;
    if (c->deleting || c->solid + c->waiting + c->absent + c->unproven == 0)
        return GARBAGE_KEEP;
    if (c->unproven)
        return GARBAGE_VERIFY;
    if (c->solid)
        return c->absent + c->waiting ? GARBAGE_STRIP : GARBAGE_KEEP;
    return c->waiting && c->dependents ? GARBAGE_DELETE_FOREGROUND : GARBAGE_DELETE;
}
