/* SPDX-License-Identifier: Apache-2.0
 * check — the functions behind the macros of check.h. */
#include "testkit/check.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/num.h"

/* One test program is one thread; the generator's state is its only global. */
static struct {
    bool used;
    uint64_t seed;
    uint64_t state;
} generator;

__attribute__((noreturn)) static void fail_at(const char *file, int line)
{
    if (generator.used)
        print_error("random seed: CHECK_SEED=%" PRIu64 "\n", generator.seed);
    _fail(file, line);
    abort(); /* _fail jumps out of the test */
}

void check_true_at(int cond, const char *text, const char *file, int line)
{
    if (cond)
        return;
    print_error("not true: %s\n", text);
    fail_at(file, line);
}

void check_ok_at(int rc, const struct err *err, const char *file, int line)
{
    if (rc == 0)
        return;
    print_error("failed with %d: %s: %s\n", rc, err_kind_name(err->kind), err->msg);
    fail_at(file, line);
}

void check_fails_at(int rc, const struct err *err, enum err_kind want, const char *file, int line)
{
    if (rc == -1 && err->kind == want)
        return;
    if (rc == 0)
        print_error("succeeded, wanted error %s\n", err_kind_name(want));
    else
        print_error("got %d, %s: %s; wanted -1, %s\n", rc, err_kind_name(err->kind), err->msg,
                    err_kind_name(want));
    fail_at(file, line);
}

static void print_str(const char *what, struct str s)
{
    if (s.p)
        print_error("%s %zu bytes: \"%.*s\"\n", what, s.n, STR_ARG(s));
    else
        print_error("%s absent\n", what);
}

void check_str_at(struct str got, struct str want, const char *file, int line)
{
    if (str_eq(got, want) && !got.p == !want.p)
        return;
    print_str("got ", got);
    print_str("want", want);
    fail_at(file, line);
}

void check_i64_at(int64_t got, int64_t want, const char *file, int line)
{
    if (got == want)
        return;
    print_error("got %" PRId64 ", want %" PRId64 "\n", got, want);
    fail_at(file, line);
}

uint64_t check_random(void)
{
    if (!generator.used) {
        const char *text = getenv("CHECK_SEED");
        generator.used = true;
        if (!text || !str_to_u64(str_from(text), &generator.seed))
            generator.seed = 1;
        generator.state = 1 + ((generator.seed - 1) << 32); /* what seeds draw overlaps nowhere */
    }
    return num_mix64(generator.state++ * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t check_random_below(uint64_t n)
{
    return check_random() % n;
}
