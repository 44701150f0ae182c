/* SPDX-License-Identifier: Apache-2.0
 * err — filling and wrapping the error struct; see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void
fill(struct err *err, enum err_kind kind, int sys, const char *fmt, va_list ap)
{
    /* Formatted aside first: an argument may point into err->msg itself. */
    char msg[sizeof err->msg];
    vsnprintf(msg, sizeof msg, fmt, ap);
    err->kind = kind;
    err->sys = sys;
    memcpy(err->msg, msg, sizeof msg);
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        fill(err, kind, 0, fmt, ap);
        va_end(ap);
    }
    return -1;
}

int err_sys(struct err *err, int sys, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    fill(err, ERR_IO, sys, fmt, ap);
    va_end(ap);
    char text[96];
    const char *reason = strerror_r(sys, text, sizeof text); /* the GNU variant */
    size_t n = strlen(err->msg);
    snprintf(err->msg + n, sizeof err->msg - n, ": %s", reason);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    struct err inner = *err;
    va_list ap;
    va_start(ap, fmt);
    fill(err, inner.kind, inner.sys, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->msg);
    snprintf(err->msg + n, sizeof err->msg - n, ": %s", inner.msg);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "none";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_EXISTS:
        return "exists";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_GONE:
        return "gone";
    case ERR_DENIED:
        return "denied";
    case ERR_BUSY:
        return "busy";
    case ERR_TOO_LARGE:
        return "too_large";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_IO:
        return "io";
    case ERR_BUG:
        return "bug";
    }
    return "unknown";
}
