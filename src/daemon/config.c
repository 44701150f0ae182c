/* SPDX-License-Identifier: Apache-2.0
 * config — see config.h. */
#include "daemon/config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/yaml.h"

enum { KEY_MAX = 128, CONFIG_BYTES_MAX = 1 << 20 };
static const struct json_limits limits = { .bytes = CONFIG_BYTES_MAX, .depth = 32, .nodes = 50000 };

static const char *const type_names[] = {
    [CONFIG_TYPE_STR] = "text",
    [CONFIG_TYPE_BOOL] = "true or false",
    [CONFIG_TYPE_I64] = "a whole number",
    [CONFIG_TYPE_DURATION] = "a duration such as \"30s\" or \"1h30m\"",
    [CONFIG_TYPE_BYTES] = "a size such as 4096 or \"64Ki\"",
    [CONFIG_TYPE_STRS] = "a list of texts",
    [CONFIG_TYPE_LISTS] = "a mapping of names to lists of texts",
};

/* ---- finding keys ---- */
static const struct config_field *find(const struct config_table *t, struct str key)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_is(key, t->fields[i].key))
            return &t->fields[i];
    }
    return NULL;
}

static bool is_section(const struct config_table *t, struct str key)
{
    for (size_t i = 0; i < t->n; i++) {
        struct str k = str_from(t->fields[i].key);
        if (k.n > key.n && k.p[key.n] == '.' && str_starts(k, key))
            return true;
    }
    return false;
}

/* Number of single-letter edits from a to b (Levenshtein), two rows at a time. */
static size_t distance(struct str a, struct str b)
{
    size_t row[KEY_MAX + 1];
    if (a.n > KEY_MAX || b.n > KEY_MAX)
        return KEY_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            size_t add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < add ? change : add;
        }
    }
    return row[b.n];
}

static int
unknown(const struct config_table *t, struct str key, enum err_kind kind, struct err *err)
{
    const char *nearest = NULL;
    size_t least = key.n / 2 + 2;
    for (size_t i = 0; i < t->n; i++) {
        size_t d = distance(key, str_from(t->fields[i].key));
        if (d >= least)
            continue;
        least = d;
        nearest = t->fields[i].key;
    }
    if (nearest)
        return err_set(err, kind, "unknown key \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(str_take(key, 80)), nearest);
    return err_set(err, kind, "unknown key \"%.*s\"", STR_ARG(str_take(key, 80)));
}

/* ---- setting values ---- */
static bool parse_bytes(struct str s, int64_t *out)
{
    static const struct {
        const char *suffix;
        int64_t unit;
    } units[] = { { "Ki", 1 << 10 },
                  { "Mi", 1 << 20 },
                  { "Gi", 1 << 30 },
                  { "Ti", INT64_C(1) << 40 },
                  { "", 1 } };
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct str suffix = str_from(units[i].suffix);
        int64_t n;
        if (!str_ends(s, suffix))
            continue;
        return str_to_i64(str_take(s, s.n - suffix.n), &n) && n >= 0 &&
               num_mul_i64(out, n, units[i].unit);
    }
    return false;
}

static bool parse_number(const struct config_field *f, struct str s, int64_t *out)
{
    if (f->type == CONFIG_TYPE_DURATION)
        return duration_parse(s, out);
    return f->type == CONFIG_TYPE_BYTES ? parse_bytes(s, out) : str_to_i64(s, out);
}

static int wrong(const struct config_field *f, struct str got, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: \"%.*s\" is not %s", f->key, STR_ARG(str_take(got, 60)),
                   type_names[f->type]);
}

static int set_number(const struct config_field *f, void *at, struct str s, struct err *err)
{
    int64_t n;
    if (!parse_number(f, s, &n))
        return wrong(f, s, err);
    if ((f->min != 0 || f->max != 0) && (n < f->min || n > f->max))
        return err_set(err, ERR_INVALID, "%s: %" PRId64 " is not from %" PRId64 " to %" PRId64,
                       f->key, n, f->min, f->max);
    *(int64_t *)at = n;
    return 0;
}

static int
set_str(const struct config_field *f, void *at, struct arena *a, struct str s, struct err *err)
{
    if (str_find_char(s, '\0') >= 0) /* a path would end there */
        return err_set(err, ERR_INVALID, "%s: holds a NUL character", f->key);
    struct str choices = str_from(f->choices), choice = { 0 };
    while (choices.p && !str_eq(choice, s))
        choice = str_split(&choices, ',');
    if (f->choices && !str_eq(choice, s))
        return err_set(err, ERR_INVALID, "%s: \"%.*s\" is not one of %s", f->key,
                       STR_ARG(str_take(s, 60)), f->choices);
    *(struct str *)at = arena_str(a, s);
    return 0;
}

static void set_strs(struct config_strs *out, struct arena *a, struct str list)
{
    size_t n = 0;
    for (struct str rest = list; rest.p && list.n > 0; n++)
        str_split(&rest, ',');
    *out = (struct config_strs){ .items = ARENA_ARRAY(a, struct str, n), .n = n };
    for (size_t i = 0; i < n; i++)
        out->items[i] = arena_str(a, str_trim(str_split(&list, ',')));
}

/* A new name is added, a known one gets the new list. */
static void
lists_put(struct config_lists *l, struct arena *a, struct str name, struct config_strs values)
{
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->items[i].name, name)) {
            l->items[i].values = values;
            return;
        }
    }
    struct config_list *items = ARENA_ARRAY(a, struct config_list, l->n + 1);
    if (l->n)
        memcpy(items, l->items, l->n * sizeof *items);
    items[l->n] = (struct config_list){ arena_str(a, name), values };
    *l = (struct config_lists){ items, l->n + 1 };
}

static int set_lists_text(const struct config_field *f,
                          struct config_lists *out,
                          struct arena *a,
                          struct str text,
                          struct err *err)
{
    if (!text.n)
        return 0;
    struct str list = text, name = str_split(&list, '=');
    struct config_strs values;
    if (!list.p || !name.n)
        return err_set(err, ERR_INVALID, "%s: \"%.*s\" is not NAME=TEXT,TEXT", f->key,
                       STR_ARG(str_take(text, 60)));
    set_strs(&values, a, list);
    lists_put(out, a, name, values);
    return 0;
}

static int
set_text(const struct config_field *f, void *at, struct arena *a, struct str s, struct err *err)
{
    switch (f->type) {
    case CONFIG_TYPE_STR:
        return set_str(f, at, a, s, err);
    case CONFIG_TYPE_BOOL:
        if (!str_is(s, "true") && !str_is(s, "false"))
            return wrong(f, s, err);
        *(bool *)at = str_is(s, "true");
        return 0;
    case CONFIG_TYPE_I64:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_BYTES:
        return set_number(f, at, s, err);
    case CONFIG_TYPE_STRS:
        set_strs(at, a, s);
        return 0;
    case CONFIG_TYPE_LISTS:
        return set_lists_text(f, at, a, s, err);
    }
    return err_set(err, ERR_BUG, "%s has no type", f->key);
}

static int set_list(const struct config_field *f,
                    struct config_strs *out,
                    struct arena *a,
                    struct json v,
                    struct err *err)
{
    struct config_strs list = { .items = ARENA_ARRAY(a, struct str, json_len(v)) };
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct str s = json_str(it.value);
        if (!s.p)
            return wrong(f, json_text(it.value), err);
        list.items[list.n++] = arena_str(a, s);
    }
    *out = list;
    return 0;
}

static int set_lists(const struct config_field *f,
                     struct config_lists *out,
                     struct arena *a,
                     struct json v,
                     struct err *err)
{
    struct config_lists lists = { 0 };
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct config_strs values = { 0 };
        if (json_type(it.value) == JSON_STR) {
            values = (struct config_strs){ ARENA_NEW(a, struct str), 1 };
            *values.items = arena_str(a, json_str(it.value));
        } else if (json_type(it.value) == JSON_ARR && set_list(f, &values, a, it.value, err) != 0) {
            return -1;
        }
        if (values.n == 0 || it.key.n == 0)
            return err_set(err, ERR_INVALID,
                           "%s.%.*s: wants a text or a list of texts, at least one", f->key,
                           STR_ARG(str_take(it.key, 80)));
        lists_put(&lists, a, it.key, values);
    }
    *out = lists;
    return 0;
}

static int
set_json(const struct config_field *f, void *at, struct arena *a, struct json v, struct err *err)
{
    enum json_type type = json_type(v);
    if (type == JSON_NULL)
        return 0; /* "key:" with nothing keeps the default */
    if (f->type == CONFIG_TYPE_STRS && type == JSON_ARR)
        return set_list(f, at, a, v, err);
    if (f->type == CONFIG_TYPE_LISTS)
        return type == JSON_OBJ ? set_lists(f, at, a, v, err) : wrong(f, json_text(v), err);
    bool fits = type == JSON_STR ? f->type != CONFIG_TYPE_BOOL && f->type != CONFIG_TYPE_STRS &&
                                       f->type != CONFIG_TYPE_I64
                : type == JSON_BOOL ? f->type == CONFIG_TYPE_BOOL
                                    : type == JSON_NUM && (f->type == CONFIG_TYPE_I64 ||
                                                           f->type == CONFIG_TYPE_BYTES);
    struct str text = type == JSON_STR ? json_str(v) : json_text(v);
    return fits ? set_text(f, at, a, text, err) : wrong(f, text, err);
}

/* ---- the document ---- */
struct reader {
    void *out;
    const struct config_table *table;
    struct arena *arena;
};

static int read_section(const struct reader *r, struct json v, struct str section, struct err *err)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct str key = it.key;
        if (section.n > 0)
            key = arena_printf(r->arena, "%.*s.%.*s", STR_ARG(section), STR_ARG(it.key));
        const struct config_field *f = find(r->table, key);
        int rc = 0;
        if (f)
            rc = set_json(f, (char *)r->out + f->offset, r->arena, it.value, err);
        else if (!is_section(r->table, key))
            rc = unknown(r->table, key, ERR_INVALID, err);
        else if (json_type(it.value) == JSON_OBJ)
            rc = read_section(r, it.value, key, err); /* as deep as json_limits allow */
        else if (json_type(it.value) != JSON_NULL)
            rc = err_set(err, ERR_INVALID, "\"%.*s\" is a section, not a value",
                         STR_ARG(str_take(key, 80)));
        if (rc != 0)
            return -1;
    }
    return 0;
}

int config_read(void *out,
                const struct config_table *t,
                struct arena *a,
                struct str text,
                struct err *err)
{
    struct yaml_docs docs = { 0 };
    if (yaml_parse(&docs, text, &limits, err) != 0)
        return -1;
    struct reader r = { out, t, a };
    struct json root = docs.n == 1 ? json_root(docs.items[0]) : (struct json){ 0 };
    int rc = 0;
    if (docs.n > 1)
        rc = err_set(err, ERR_INVALID, "a configuration is one document, not %zu", docs.n);
    else if (docs.n == 1 && json_type(root) != JSON_OBJ)
        rc = err_set(err, ERR_INVALID, "a configuration is a mapping of keys to values");
    else
        rc = read_section(&r, root, STR(""), err);
    yaml_docs_unref(&docs);
    return rc;
}

int config_read_json(void *out,
                     const struct config_table *t,
                     struct arena *a,
                     struct json root,
                     struct err *err)
{
    struct reader r = { out, t, a };
    if (json_type(root) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "is not a mapping of keys to values");
    return read_section(&r, root, STR(""), err);
}

void config_defaults(void *out, const struct config_table *t, struct arena *a)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct config_field *f = &t->fields[i];
        struct err err = { 0 };
        if (!f->fallback ||
            set_text(f, (char *)out + f->offset, a, str_from(f->fallback), &err) == 0)
            continue;
        LOG_ERROR("config.default", kv_err(&err), kv_cstr("next", "aborting"));
        abort();
    }
}

int config_override(void *out,
                    const struct config_table *t,
                    struct arena *a,
                    struct str flag,
                    struct err *err)
{
    while (flag.n > 0 && flag.p[0] == '-')
        flag = str_skip(flag, 1);
    struct str key = str_split(&flag, '=');
    const struct config_field *f = find(t, key);
    if (!f)
        return unknown(t, key, ERR_NOT_FOUND, err);
    if (!flag.p && f->type != CONFIG_TYPE_BOOL)
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s=…", f->key, f->key);
    return set_text(f, (char *)out + f->offset, a, flag.p ? flag : STR("true"), err);
}

/* ---- documentation ---- */
void config_help(struct buf *out, const struct config_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct config_field *f = &t->fields[i];
        buf_printf(out, "  --%s=%s\n        %s", f->key, f->choices ? f->choices : "…", f->help);
        if (f->fallback && *f->fallback)
            buf_printf(out, " (default %s)", f->fallback);
        buf_char(out, '\n');
    }
}

void config_reference(struct buf *out, const struct config_table *t)
{
    buf_str(out, STR("| key | type | default | meaning |\n| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < t->n; i++) {
        const struct config_field *f = &t->fields[i];
        const char *mark = f->fallback && *f->fallback ? "`" : "";
        buf_printf(out, "| `%s` | %s | %s%s%s | %s |\n", f->key,
                   f->choices ? f->choices : type_names[f->type], mark,
                   f->fallback ? f->fallback : "", mark, f->help);
    }
}
