/* SPDX-License-Identifier: Apache-2.0
 * judge_test — the garbage collector's decisions, case by case. */
#include "controllers/garbage/judge.h"

#include "testkit/check.h"

static void test_decisions(void **state)
{
    (void)state;
    static const struct {
        struct garbage_case given;
        enum garbage_action want;
    } rows[] = {
        { { 0 }, GARBAGE_KEEP },
        { { .solid = 1 }, GARBAGE_KEEP },
        { { .absent = 1 }, GARBAGE_DELETE },
        { { .unproven = 1 }, GARBAGE_VERIFY },
        { { .absent = 1, .unproven = 1 }, GARBAGE_VERIFY },
        { { .solid = 1, .absent = 1 }, GARBAGE_STRIP },
        { { .solid = 1, .waiting = 1 }, GARBAGE_STRIP },
        { { .waiting = 1 }, GARBAGE_DELETE },
        { { .waiting = 1, .dependents = 2 }, GARBAGE_DELETE_FOREGROUND },
        { { .absent = 1, .deleting = true }, GARBAGE_KEEP },
        { { .absent = 1, .foreground = true, .dependents = 1, .blocking = 1 }, GARBAGE_DELETE },
        { { .deleting = true, .foreground = true, .dependents = 2, .blocking = 1 },
          GARBAGE_DELETE_DEPENDENTS },
        { { .deleting = true, .foreground = true, .dependents = 2 }, GARBAGE_RELEASE_FOREGROUND },
        { { .deleting = true, .orphan = true, .dependents = 2 }, GARBAGE_ORPHAN_DEPENDENTS },
        { { .deleting = true, .orphan = true }, GARBAGE_RELEASE_ORPHAN },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_I64(garbage_judge(&rows[i].given), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_decisions) };
    return CHECK_MAIN(tests);
}
