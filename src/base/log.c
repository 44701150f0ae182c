/* SPDX-License-Identifier: Apache-2.0
 * log — logfmt and JSON lines; see log.h.
 *
 * A line is built on the stack and written at once. A value is cut after LOG_VALUE_MAX bytes; a
 * pair that does not fit the line any more is left out and the line ends with truncated=true, so
 * that every line stays well-formed whatever a peer puts into a name. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOG_LINE_MAX = 8192,
    LOG_VALUE_MAX = 2048,
    LOG_TAIL = 32, /* kept free for the truncation mark and the line end */
};

struct line {
    size_t n;
    bool full;
    char p[LOG_LINE_MAX];
};

static void write_stderr(void *arg, struct str line)
{
    (void)arg;
    ssize_t rc;
    do {
        rc = write(STDERR_FILENO, line.p, line.n);
    } while (rc < 0 && errno == EINTR);
}

/* The one allowed global: set before threads start, then only read. */
static struct {
    enum log_level min;
    enum log_format format;
    log_clock_fn clock;
    log_sink_fn sink;
    void *arg;
} logger = { .min = LOG_LEVEL_INFO, .sink = write_stderr };

void log_setup(enum log_level min, enum log_format format, log_clock_fn clock)
{
    logger.min = min;
    logger.format = format;
    logger.clock = clock;
}

void log_set_sink(log_sink_fn sink, void *arg)
{
    logger.sink = sink ? sink : write_stderr;
    logger.arg = arg;
}

bool log_enabled(enum log_level level)
{
    return level >= logger.min;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "debug";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "unknown";
}

static void put(struct line *l, const char *p, size_t n)
{
    if (l->full || n > sizeof l->p - LOG_TAIL - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_cstr(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

/* Bytes of the well-formed UTF-8 sequence at the front of s, 0 when it is malformed. */
static size_t sequence(struct str s)
{
    for (size_t n = 1; n <= 4 && n <= s.n; n++) {
        if (str_is_utf8(str_take(s, n)))
            return n;
    }
    return 0;
}

static void put_escaped(struct line *l, struct str s)
{
    bool cut = s.n > LOG_VALUE_MAX;
    s = str_take(s, LOG_VALUE_MAX);
    put_cstr(l, "\"");
    while (s.n) {
        unsigned char c = (unsigned char)s.p[0];
        size_t n = sequence(s);
        char code[8];
        if (n == 0) {
            put_cstr(l, "\xef\xbf\xbd");
        } else if (c == '"' || c == '\\') {
            put(l, (char[]){ '\\', (char)c }, 2);
        } else if (c == '\n') {
            put_cstr(l, "\\n");
        } else if (c == '\t') {
            put_cstr(l, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(code, sizeof code, "\\u%04x", c);
            put_cstr(l, code);
        } else {
            put(l, s.p, n);
        }
        s = str_skip(s, n ? n : 1);
    }
    put_cstr(l, cut ? "...\"" : "\"");
}

/* Whether a logfmt reader takes the value whole and as a string without quotes. */
static bool is_bare(struct str s)
{
    if (s.n == 0 || s.n > LOG_VALUE_MAX || str_is(s, "null") || !str_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c == 0x7f)
            return false;
    }
    return true;
}

static void put_string(struct line *l, struct str s)
{
    if (!s.p)
        put_cstr(l, "null");
    else if (logger.format == LOG_FORMAT_TEXT && is_bare(s))
        put(l, s.p, s.n);
    else
        put_escaped(l, s);
}

static void put_f64(struct line *l, double f)
{
    char number[32];
    if (!isfinite(f)) { /* JSON has no such numbers */
        put_string(l, isnan(f) ? STR("NaN") : f > 0 ? STR("+Inf") : STR("-Inf"));
        return;
    }
    snprintf(number, sizeof number, "%.15g", f);
    if (strtod(number, NULL) != f)
        snprintf(number, sizeof number, "%.17g", f);
    put_cstr(l, number);
}

static void put_value(struct line *l, const struct kv *kv)
{
    char number[24];
    switch (kv->type) {
    case KV_STR:
        put_string(l, kv->s);
        break;
    case KV_I64:
        snprintf(number, sizeof number, "%" PRId64, kv->i);
        put_cstr(l, number);
        break;
    case KV_F64:
        put_f64(l, kv->f);
        break;
    case KV_BOOL:
        put_cstr(l, kv->b ? "true" : "false");
        break;
    }
}

/* A whole pair or nothing. Keys are constants of ours and need no escaping. */
static void put_pair(struct line *l, struct kv kv)
{
    bool json = logger.format == LOG_FORMAT_JSON;
    size_t before = l->n;
    if (before > (json ? 1u : 0u))
        put_cstr(l, json ? "," : " ");
    if (json)
        put_cstr(l, "\"");
    put_cstr(l, kv.key);
    put_cstr(l, json ? "\":" : "=");
    put_value(l, &kv);
    if (l->full)
        l->n = before;
}

static void finish(struct line *l)
{
    static const char *const tails[2][2] = {
        [LOG_FORMAT_TEXT] = { "\n", " truncated=true\n" },
        [LOG_FORMAT_JSON] = { "}\n", ",\"truncated\":true}\n" },
    };
    const char *tail = tails[logger.format][l->full];
    size_t n = strlen(tail);
    memcpy(l->p + l->n, tail, n); /* LOG_TAIL keeps the room */
    l->n += n;
}

void log_write(enum log_level level, const char *event, const struct kv *pairs, size_t n)
{
    struct line l;
    char when[TIME_TEXT_MAX];
    l.n = 0;
    l.full = false;
    if (logger.format == LOG_FORMAT_JSON)
        put_cstr(&l, "{");
    if (logger.clock)
        put_pair(&l, kv_str("time", wall_text_micro(when, logger.clock())));
    put_pair(&l, kv_cstr("level", level_name(level)));
    put_pair(&l, kv_cstr("event", event));
    for (size_t i = 0; i < n && !l.full; i++)
        put_pair(&l, pairs[i]);
    finish(&l);
    logger.sink(logger.arg, str_make(l.p, l.n));
}
