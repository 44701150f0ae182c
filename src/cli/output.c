/* SPDX-License-Identifier: Apache-2.0
 * output — see output.h. Tables use the server's own columns and cells (kube/print.h). */
#include "cli/output.h"

#include "base/arena.h"
#include "codec/yaml.h"
#include "io/clock.h"
#include "kube/print.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)

int output_parse(struct output *o, struct str text, struct err *err)
{
    static const struct {
        const char *name;
        enum output_format format;
    } rows[] = {
        { "", OUTPUT_TABLE },
        { "wide", OUTPUT_WIDE },
        { "json", OUTPUT_JSON },
        { "yaml", OUTPUT_YAML },
        { "name", OUTPUT_NAME },
        { "jsonpath", OUTPUT_JSONPATH },
        { "custom-columns", OUTPUT_COLUMNS },
    };
    struct str template = text, name = str_split(&template, '=');
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool wants = rows[i].format == OUTPUT_JSONPATH || rows[i].format == OUTPUT_COLUMNS;
        if (!str_is(name, rows[i].name))
            continue;
        if (wants != (template.n > 0))
            break;
        o->format = rows[i].format;
        o->template = template;
        return 0;
    }
    return err_set(err, ERR_INVALID,
                   "-o is wide, json, yaml, name, jsonpath=TEMPLATE or "
                   "custom-columns=NAME:.path,…, not \"%.*s\"",
                   STR_ARG(text));
}

/* ---- aligned text ---- */

static size_t display_width(struct str s) /* code points: good enough for names and messages */
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

void text_table_row(struct text_table *t, const struct str *cells)
{
    if ((t->rows + 1) * t->columns > t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 32 * t->columns;
        struct str *bigger = ARENA_ARRAY(t->a, struct str, cap);
        if (t->rows)
            memcpy(bigger, t->cells, t->rows * t->columns * sizeof *bigger);
        t->cells = bigger;
        t->cap = cap;
    }
    for (size_t c = 0; c < t->columns; c++)
        t->cells[t->rows * t->columns + c] = cells[c];
    t->rows++;
}

void text_table_print(const struct text_table *t, FILE *out)
{
    size_t *width = ARENA_ARRAY(t->a, size_t, t->columns + 1);
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0; c < t->columns; c++) {
            size_t w = display_width(t->cells[r * t->columns + c]);
            width[c] = w > width[c] ? w : width[c];
        }
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->columns; c++) {
            struct str cell = t->cells[r * t->columns + c];
            bool last = c + 1 == t->columns;
            int pad = last ? 0 : (int)(width[c] - display_width(cell)) + 3;
            fprintf(out, "%.*s%*s", STR_ARG(cell), pad, "");
        }
        fputc('\n', out);
    }
}

/* ---- tables of objects ---- */

static struct str upper(struct arena *a, struct str s)
{
    char *copy = (char *)(uintptr_t)arena_str(a, s).p;
    for (size_t i = 0; i < s.n; i++)
        if (copy[i] >= 'a' && copy[i] <= 'z')
            copy[i] = (char)(copy[i] - 32);
    return str_make(copy, s.n);
}

static struct str cell_text(struct arena *a, struct jnode *cell)
{
    struct buf b;
    if (jnode_type(cell) == JSON_STR)
        return jnode_text_of_str(cell);
    buf_init(&b, 1 << 16);
    if (cell)
        jnode_write(&b, cell);
    struct str text = str_is(buf_view(&b), "null") ? STR("<none>") : arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

static void
print_table(const struct output *o, const struct resource *r, struct kobj *const *items, size_t n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    size_t n_columns;
    const struct column *columns = print_columns(r, &n_columns);
    struct str *row = ARENA_ARRAY(a, struct str, n_columns + 1);
    struct text_table t = { .a = a };
    size_t shift = o->namespaces && r->namespaced;
    row[0] = STR("NAMESPACE");
    t.columns = shift;
    for (size_t c = 0; c < n_columns; c++)
        if (columns[c].priority == 0 || o->format == OUTPUT_WIDE)
            row[t.columns++] = upper(a, columns[c].name);
    if (!o->no_headers)
        text_table_row(&t, row);
    for (size_t i = 0; i < n; i++) {
        struct jnode *cells = print_cells(a, r, items[i], clock_wall());
        size_t at = shift;
        row[0] = items[i]->namespace;
        for (size_t c = 0; c < n_columns; c++)
            if (columns[c].priority == 0 || o->format == OUTPUT_WIDE)
                row[at++] = cell_text(a, jnode_at(cells, c));
        if (o->prefix_kind)
            row[shift] =
                arena_printf(a, "%.*s%s%.*s/%.*s", STR_ARG(r->singular), r->group.n ? "." : "",
                             STR_ARG(r->group), STR_ARG(row[shift]));
        text_table_row(&t, row);
    }
    text_table_print(&t, o->out);
}

/* ---- documents ---- */

static struct json_doc *as_list(struct kobj *const *items, size_t n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *list = jnode_obj(a);
    jnode_set_str(list, STR("apiVersion"), STR("v1"));
    struct jnode *array = jnode_set(list, STR("items"), jnode_arr(a));
    for (size_t i = 0; i < n; i++)
        jnode_append(array, jnode_thaw(a, kobj_root(items[i])));
    jnode_set_str(list, STR("kind"), STR("List"));
    jnode_set_str(jnode_need_obj(list, STR("metadata")), STR("resourceVersion"), STR(""));
    struct json_doc *doc = NULL;
    jnode_freeze(&doc, list, NULL);
    return doc;
}

static void print_document(const struct output *o, struct json v)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES_MAX);
    if (o->format == OUTPUT_YAML) {
        yaml_write(&b, v, YAML_SORTED);
    } else {
        json_write_pretty(&b, v, 4);
        buf_char(&b, '\n');
    }
    fwrite(b.p, 1, b.n, o->out);
    buf_fini(&b);
}

static int
print_documents(const struct output *o, struct kobj *const *items, size_t n, struct err *err)
{
    AUTO(json_doc_unrefp) struct json_doc *list = NULL;
    struct json root;
    if (o->single && n == 1) {
        root = kobj_root(items[0]);
    } else {
        list = as_list(items, n);
        root = json_root(list);
    }
    if (o->format == OUTPUT_JSONPATH)
        return output_jsonpath(o, root, err);
    print_document(o, root);
    return 0;
}

int output_objects(const struct output *o,
                   const struct resource *r,
                   struct kobj *const *items,
                   size_t n,
                   struct err *err)
{
    switch (o->format) {
    case OUTPUT_TABLE:
    case OUTPUT_WIDE:
        print_table(o, r, items, n);
        return 0;
    case OUTPUT_NAME:
        for (size_t i = 0; i < n; i++)
            fprintf(o->out, "%.*s%s%.*s/%.*s\n", STR_ARG(r->singular), r->group.n ? "." : "",
                    STR_ARG(r->group), STR_ARG(items[i]->name));
        return 0;
    case OUTPUT_COLUMNS:
        return output_columns(o, items, n, err);
    case OUTPUT_JSON:
    case OUTPUT_YAML:
    case OUTPUT_JSONPATH:
        break;
    }
    return print_documents(o, items, n, err);
}
