/* SPDX-License-Identifier: Apache-2.0
 * Tests of log: quoting, escaping, levels, truncation, one write per line. */
#include "base/log.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "testkit/check.h"

static struct {
    char p[16384];
    size_t n;
    int lines;
} seen;

static void remember(void *arg, struct str line)
{
    (void)arg;
    CHECK(line.n <= sizeof seen.p);
    memcpy(seen.p, line.p, line.n);
    seen.n = line.n;
    seen.lines++;
}

static struct str last(void)
{
    return str_make(seen.p, seen.n);
}

static struct wall fixed_clock(void)
{
    return (struct wall){ INT64_C(1792377829123456789) };
}

static int to_memory(void **state)
{
    (void)state;
    seen.lines = 0;
    log_set_sink(remember, NULL);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, NULL);
    return 0;
}

static void text_quotes_what_needs_it(void **state)
{
    (void)state;
    LOG_INFO("pod.bound", kv_cstr("pod", "default/a"), kv_cstr("why", "two words"),
             kv_cstr("eq", "a=b"), kv_cstr("empty", ""), kv_cstr("none", NULL),
             kv_cstr("word", "null"), kv_cstr("path", "C:\\x"), kv_cstr("utf8", "h\xc3\xb6he"));
    CHECK_STR(last(), "level=info event=pod.bound pod=default/a why=\"two words\" eq=\"a=b\" "
                      "empty=\"\" none=null word=\"null\" path=\"C:\\\\x\" utf8=h\xc3\xb6he\n");
    LOG_WARN("odd", kv_cstr("q", "say \"hi\"\n\t\x01\x7f\xff."));
    CHECK_STR(last(), "level=warn event=odd "
                      "q=\"say \\\"hi\\\"\\n\\t\\u0001\\u007f\xef\xbf\xbd.\"\n");
    LOG_ERROR("n", kv_i64("i", INT64_MIN), kv_f64("f", 0.1), kv_bool("b", true),
              kv_f64("third", 1.0 / 3), kv_f64("nan", (double)NAN));
    CHECK_STR(last(), "level=error event=n i=-9223372036854775808 f=0.1 b=true "
                      "third=0.33333333333333331 nan=NaN\n");
    CHECK_I64(seen.lines, 3);
}

static void json_escapes(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, fixed_clock);
    struct err err;
    err_set(&err, ERR_BUSY, "queue \"a\" is full");
    LOG_DEBUG("q.full", kv_err(&err), kv_bool("ok", false), kv_i64("n", 3),
              kv_f64("inf", (double)INFINITY), kv_str("none", (struct str){ 0 }),
              kv_str("nul", str_make("a\0b", 3)));
    CHECK_STR(last(), "{\"time\":\"2026-10-19T02:43:49.123456Z\",\"level\":\"debug\","
                      "\"event\":\"q.full\",\"err\":\"queue \\\"a\\\" is full\",\"ok\":false,"
                      "\"n\":3,\"inf\":\"+Inf\",\"none\":null,\"nul\":\"a\\u0000b\"}\n");
    LOG_DEBUG("bare");
    CHECK_STR(last(), "{\"time\":\"2026-10-19T02:43:49.123456Z\",\"level\":\"debug\","
                      "\"event\":\"bare\"}\n");
}

static int count_calls(int *calls)
{
    return ++*calls;
}

static void levels_below_the_minimum_cost_nothing(void **state)
{
    (void)state;
    int calls = 0;
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT, NULL);
    LOG_INFO("quiet", kv_i64("n", count_calls(&calls)));
    CHECK_I64(calls, 0);
    CHECK_I64(seen.lines, 0);
    LOG_WARN("loud", kv_i64("n", count_calls(&calls)));
    CHECK_I64(seen.lines, 1);
    CHECK(log_enabled(LOG_LEVEL_ERROR) && !log_enabled(LOG_LEVEL_INFO));
}

static void long_values_are_cut_and_lines_stay_whole(void **state)
{
    (void)state;
    static char big[5000];
    memset(big, 'x', sizeof big);
    struct str value = str_make(big, sizeof big);
    LOG_INFO("big", kv_str("a", value), kv_i64("n", 1));
    CHECK(str_ends(last(), STR("xxx...\" n=1\n")));
    CHECK(seen.n < 2200);
    LOG_INFO("big", kv_str("a", value), kv_str("b", value), kv_str("c", value), kv_str("d", value),
             kv_i64("after", 1));
    CHECK(str_ends(last(), STR("xxx...\" truncated=true\n")));
    CHECK(str_find(last(), STR(" c=")) > 0);
    CHECK(str_find(last(), STR(" d=")) < 0);
    CHECK(str_find(last(), STR("after")) < 0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, NULL);
    memset(big, 1, sizeof big); /* six bytes each when escaped: does not fit at all */
    LOG_INFO("big", kv_str("a", value), kv_i64("after", 1));
    CHECK_STR(last(), "{\"level\":\"info\",\"event\":\"big\",\"truncated\":true}\n");
}

static void default_sink_is_stderr(void **state)
{
    (void)state;
    int fds[2], saved = dup(STDERR_FILENO);
    CHECK(saved >= 0 && pipe2(fds, O_DIRECT) == 0); /* packet mode: one read per write */
    CHECK(dup2(fds[1], STDERR_FILENO) >= 0);
    log_set_sink(NULL, NULL);
    LOG_INFO("one", kv_cstr("k", "v w"));
    LOG_INFO("two");
    dup2(saved, STDERR_FILENO);
    char text[256];
    ssize_t n = read(fds[0], text, sizeof text);
    CHECK_STR(str_make(text, (size_t)n), "level=info event=one k=\"v w\"\n");
    n = read(fds[0], text, sizeof text);
    CHECK_STR(str_make(text, (size_t)n), "level=info event=two\n");
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_quotes_what_needs_it, to_memory),
        cmocka_unit_test_setup(json_escapes, to_memory),
        cmocka_unit_test_setup(levels_below_the_minimum_cost_nothing, to_memory),
        cmocka_unit_test_setup(long_values_are_cut_and_lines_stay_whole, to_memory),
        cmocka_unit_test_setup(default_sink_is_stderr, to_memory),
    };
    return CHECK_MAIN(tests);
}
