/* SPDX-License-Identifier: Apache-2.0
 * output_template — -o jsonpath=TEMPLATE and -o custom-columns=NAME:.path,… as kubectl has them: a
 * field that is not there prints nothing in a template, and <none> in a column. */
#include "base/arena.h"
#include "cli/output.h"
#include "codec/jsonpath.h"

#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define COLUMNS_MAX 64

int output_jsonpath(const struct output *o, struct json root, struct err *err)
{
    AUTO(jsonpath_freep) struct jsonpath *path = NULL;
    struct buf b;
    if (jsonpath_parse(&path, o->template, err) != 0)
        return -1;
    buf_init(&b, TEXT_BYTES_MAX);
    int rc = jsonpath_print(path, root, JSONPATH_MISSING_OK, &b, err);
    if (rc == 0 && b.n)
        fwrite(b.p, 1, b.n, o->out);
    buf_fini(&b);
    return rc;
}

struct columns {
    struct str names[COLUMNS_MAX];
    struct jsonpath *paths[COLUMNS_MAX];
    size_t n;
};

static void columns_fini(struct columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        jsonpath_free(c->paths[i]);
}

static int columns_parse(struct columns *c, struct str text, struct err *err)
{
    for (struct str rest = text; rest.p;) {
        struct str path = str_split(&rest, ','), name = str_split(&path, ':');
        if (!name.n || !path.n || c->n == COLUMNS_MAX)
            return err_set(err, ERR_INVALID,
                           "custom-columns wants NAME:.path,NAME:.path (%d at most), not \"%.*s\"",
                           COLUMNS_MAX, STR_ARG(str_take(text, 100)));
        if (jsonpath_parse_path(&c->paths[c->n], path, err) != 0)
            return -1;
        c->names[c->n++] = name;
    }
    return 0;
}

static int
put_row(struct text_table *t, const struct columns *c, const struct kobj *o, struct err *err)
{
    struct str row[COLUMNS_MAX];
    for (size_t i = 0; i < c->n; i++) {
        struct jsonpath_values found = { 0 };
        struct buf b;
        buf_init(&b, TEXT_BYTES_MAX);
        int rc = jsonpath_find(c->paths[i], kobj_root(o), JSONPATH_MISSING_OK, &found, err);
        for (size_t k = 0; k < found.n; k++) {
            struct json v = found.items[k];
            buf_str(&b, k ? STR(",") : STR(""));
            buf_str(&b, json_type(v) == JSON_STR ? json_str(v) : json_text(v));
        }
        row[i] = b.n ? arena_str(t->a, buf_view(&b)) : STR("<none>");
        jsonpath_values_fini(&found);
        buf_fini(&b);
        if (rc != 0)
            return -1;
    }
    text_table_row(t, row);
    return 0;
}

int output_columns(const struct output *o, struct kobj *const *items, size_t n, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct columns c = { 0 };
    int rc = columns_parse(&c, o->template, err);
    struct text_table t = { .a = a, .columns = c.n };
    if (rc == 0 && !o->no_headers)
        text_table_row(&t, c.names);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put_row(&t, &c, items[i], err);
    if (rc == 0)
        text_table_print(&t, o->out);
    columns_fini(&c);
    return rc;
}
