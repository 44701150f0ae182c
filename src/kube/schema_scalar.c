/* SPDX-License-Identifier: Apache-2.0
 * schema_scalar — the syntax of base64 bytes, quantities and times, as Go's decoders judge it. */
#include "kube/schema_scalar.h"

#include "base/time.h"
#include "codec/quantity.h"

/* ---- base64 ---- */

static bool base64_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* Go skips CR and LF, wants groups of four and names the byte where it gave up. */
int schema_check_base64(struct str text, struct err *err)
{
    size_t i = 0, in_group = 0;
    for (; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\n' || c == '\r')
            continue;
        if (!base64_char(c))
            break;
        in_group = (in_group + 1) % 4;
    }
    size_t pads = 0, bad = i;
    for (; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\n' || c == '\r')
            continue;
        if (c != '=' || in_group < 2 || pads == 4 - in_group)
            return err_set(err, ERR_INVALID, "illegal base64 data at input byte %zu", i);
        pads++;
    }
    if (in_group != 0 && in_group + pads != 4)
        return err_set(err, ERR_INVALID, "illegal base64 data at input byte %zu",
                       pads ? text.n : bad - in_group);
    return 0;
}

/* ---- quantities ---- */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

int schema_check_quantity(struct str text, struct err *err)
{
    struct quantity q;
    return quantity_parse(&q, str_trim(text), err);
}

/* ---- times ---- */

/* Where Go's time.Parse gives up, by the layout's elements: a fixed run of digits each. */
static int time_refused(struct str text, const char *layout, struct err *err)
{
    static const struct {
        size_t at, n;
        const char *element;
    } parts[] = { { 0, 4, "2006" }, { 4, 0, "-" },  { 5, 2, "01" },  { 7, 0, "-" },
                  { 8, 2, "02" },   { 10, 0, "T" }, { 11, 2, "15" }, { 13, 0, ":" },
                  { 14, 2, "04" },  { 16, 0, ":" }, { 17, 2, "05" } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct str rest = str_skip(text, parts[i].at < text.n ? parts[i].at : text.n);
        bool good = parts[i].n ? rest.n >= parts[i].n : rest.n > 0 && *rest.p == *parts[i].element;
        for (size_t j = 0; good && j < parts[i].n; j++)
            good = digit(rest.p[j]);
        if (!good)
            return err_set(err, ERR_INVALID,
                           "parsing time \"%.*s\" as \"%s\": cannot parse \"%.*s\" as \"%s\"",
                           STR_ARG(str_take(text, 64)), layout, STR_ARG(str_take(rest, 64)),
                           parts[i].element);
    }
    struct str rest = str_skip(text, text.n < 19 ? text.n : 19);
    const char *element = strchr(layout, '.') ? ".000000" : "Z07:00";
    return err_set(err, ERR_INVALID,
                   "parsing time \"%.*s\" as \"%s\": cannot parse \"%.*s\" as \"%s\"",
                   STR_ARG(str_take(text, 64)), layout, STR_ARG(str_take(rest, 64)), element);
}

int schema_check_time(struct str text, bool micro, struct err *err)
{
    struct wall t;
    const char *layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
    if (!wall_parse(text, &t))
        return time_refused(text, layout, err);
    if (!micro)
        return 0;
    size_t n = 0;
    if (text.n > 20 && text.p[19] == '.')
        while (20 + n < text.n && digit(text.p[20 + n]))
            n++;
    return n == 6 ? 0 : time_refused(text, layout, err);
}
