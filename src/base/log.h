/* SPDX-License-Identifier: Apache-2.0
 * log — structured logging: a constant event name and typed pairs, written as logfmt or JSON lines
 * to one sink (stderr by default). Libraries return errors; only services and cmd/ log, each
 * failure once. A warning says what happens next ("next", "retrying in 2s"). Any thread: a line is
 * one write(2).
 *
 *     LOG_INFO("pod.bound", kv_str("pod", key), kv_str("node", node), kv_i64("took_us", us)); */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct kv {
    const char *key;
    enum { KV_STR, KV_I64, KV_F64, KV_BOOL } type;
    union {
        struct str s;
        int64_t i;
        double f;
        bool b;
    };
};

static inline struct kv kv_str(const char *key, struct str s)
{
    return (struct kv){ .key = key, .type = KV_STR, .s = s };
}

static inline struct kv kv_cstr(const char *key, const char *s)
{
    return (struct kv){ .key = key, .type = KV_STR, .s = str_from(s) };
}

static inline struct kv kv_i64(const char *key, int64_t i)
{
    return (struct kv){ .key = key, .type = KV_I64, .i = i };
}

static inline struct kv kv_f64(const char *key, double f)
{
    return (struct kv){ .key = key, .type = KV_F64, .f = f };
}

static inline struct kv kv_bool(const char *key, bool b)
{
    return (struct kv){ .key = key, .type = KV_BOOL, .b = b };
}

static inline struct kv kv_err(const struct err *err)
{
    return (struct kv){ .key = "err", .type = KV_STR, .s = str_from(err->msg) };
}

typedef void (*log_sink_fn)(void *arg, struct str line); /* a whole line, with its newline */
typedef struct wall (*log_clock_fn)(void);

/* The log sink is the one allowed global. Call before threads start. A NULL clock writes no time.
 */
void log_setup(enum log_level min, enum log_format format, log_clock_fn clock);
void log_set_sink(log_sink_fn sink, void *arg); /* NULL: stderr */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct kv *pairs, size_t n);

/* Macros: they count the pairs, and cost one compare when the level is off. */
#define LOG_AT(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct kv pairs_[] = { { 0 }, ##__VA_ARGS__ };                                   \
            log_write(level, event, pairs_ + 1, sizeof pairs_ / sizeof pairs_[0] - 1);             \
        }                                                                                          \
    } while (0)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)
#define LOG_INFO(event, ...) LOG_AT(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define LOG_WARN(event, ...) LOG_AT(LOG_LEVEL_WARN, event, ##__VA_ARGS__)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)
