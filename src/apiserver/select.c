/* SPDX-License-Identifier: Apache-2.0
 * select — see select.h. */
#include "apiserver/select.h"

#include <stdlib.h>

#include "codec/selector.h"

struct selection {
    const struct strategy *rules;
    struct str namespace, name; /* inside text */
    struct selector *labels;    /* NULL: all */
    struct selector_fields fields;
    bool custom;
    char text[];
};

static bool is_selectable(struct json selectable, struct str path)
{
    for (struct json_iter it = json_iter(selectable); json_next(&it);) {
        struct str own = json_str(json_get(it.value, STR("jsonPath")));
        if (own.n > 0 && own.p[0] == '.')
            own = str_skip(own, 1);
        if (str_eq(own, path))
            return true;
    }
    return false;
}

static int check_field(const struct select_spec *spec, struct str path, struct err *err)
{
    if (str_is(path, "metadata.name") || str_is(path, "metadata.namespace"))
        return 0;
    if (strategy_field(spec->rules, path) || is_selectable(spec->selectable, path))
        return 0;
    if (str_is(spec->res->plural, "pods"))
        return err_set(err, ERR_INVALID, "field label not supported: %.*s", STR_ARG(path));
    return err_set(err, ERR_INVALID, "field label \"%.*s\" not supported for %.*s", STR_ARG(path),
                   STR_ARG(spec->res->kind));
}

static int parse_selectors(struct selection *s, const struct select_spec *spec, struct err *err)
{
    if (spec->labels.n > 0 && selector_parse(&s->labels, spec->labels, err) != 0)
        return err_wrap(err, "unable to parse requirement");
    if (spec->fields.n > 0 && selector_fields_parse(&s->fields, spec->fields, err) != 0)
        return -1;
    for (size_t i = 0; i < s->fields.n; i++) {
        if (check_field(spec, s->fields.terms[i].path, err) != 0)
            return -1;
    }
    return 0;
}

int selection_new(struct selection **out, const struct select_spec *spec, struct err *err)
{
    struct selection *s = mem_alloc(sizeof *s + spec->namespace.n + spec->name.n + 1);
    s->rules = spec->rules;
    s->custom = spec->res->custom;
    if (spec->namespace.n > 0)
        memcpy(s->text, spec->namespace.p, spec->namespace.n);
    if (spec->name.n > 0)
        memcpy(s->text + spec->namespace.n, spec->name.p, spec->name.n);
    s->namespace = str_make(s->text, spec->namespace.n);
    s->name = str_make(s->text + spec->namespace.n, spec->name.n);
    if (parse_selectors(s, spec, err) != 0) {
        selection_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void selection_free(struct selection *s)
{
    if (!s)
        return;
    selector_free(s->labels);
    selector_fields_fini(&s->fields);
    free(s);
}

/* Arguments of a lookup: the object, and room for a scalar that is no string. */
struct lookup {
    const struct selection *s;
    const struct kobj *o;
};

static struct str path_text(const struct kobj *o, struct str path)
{
    char text[256];
    if (path.n >= sizeof text)
        return STR("");
    memcpy(text, path.p, path.n);
    text[path.n] = 0;
    struct json v = kobj_path(o, text);
    if (json_type(v) == JSON_STR)
        return json_str(v);
    return json_has(v) ? json_text(v) : (struct str){ 0 };
}

static struct str field_value(void *arg, struct str key)
{
    const struct lookup *l = arg;
    if (str_is(key, "metadata.name"))
        return l->o->name;
    if (str_is(key, "metadata.namespace"))
        return l->o->namespace;
    const struct strategy_field *f = strategy_field(l->s->rules, key);
    struct str value = path_text(l->o, f ? str_from(f->path) : key);
    if (value.n == 0 && f && f->zero)
        return str_from(f->zero);
    return value;
}

bool selection_matches(const struct selection *s, const struct kobj *o)
{
    if (s->namespace.n > 0 && !str_eq(s->namespace, o->namespace))
        return false;
    if (s->name.n > 0 && !str_eq(s->name, o->name))
        return false;
    if (s->labels && !selector_matches(s->labels, kobj_meta(o, STR("labels"))))
        return false;
    if (s->fields.n == 0)
        return true;
    struct lookup l = { s, o };
    return selector_fields_match(&s->fields, field_value, &l);
}

bool selection_is_all(const struct selection *s)
{
    return !s->labels && s->fields.n == 0 && s->name.n == 0;
}
