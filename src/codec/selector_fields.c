/* SPDX-License-Identifier: Apache-2.0
 * selector_fields — field selectors: path=value, path==value, path!=value, joined by commas; see
 * selector.h. The text is copied once; values are unescaped in place. */
#include <stdlib.h>

#include "base/vec.h"
#include "codec/selector.h"

VEC_TYPE(field_vec, struct selector_field);

/* Cuts the first term off *rest, like str_split at a comma that no backslash escapes. */
static struct str split_term(struct str *rest)
{
    struct str s = *rest;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == ',') {
            *rest = str_skip(s, i + 1);
            return str_take(s, i);
        }
    }
    *rest = (struct str){ 0 };
    return s;
}

/* Unescapes s where it stands; text is the writable copy that s points into. */
static int unescape(struct str *s, char *text, struct err *err)
{
    char *to = text + (s->p - text);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        char c = s->p[i];
        if (c == '\\') {
            char next = i + 1 < s->n ? s->p[i + 1] : '\0';
            if (next != '\\' && next != ',' && next != '=')
                return err_set(err, ERR_INVALID,
                               "invalid field selector: invalid escape sequence in \"%.*s\"",
                               STR_ARG(str_take(*s, 80)));
            c = next;
            i++;
        } else if (c == ',' || c == '=') {
            return err_set(err, ERR_INVALID, "invalid field selector: unescaped character '%c'", c);
        }
        to[n++] = c;
    }
    s->n = n;
    return 0;
}

static int parse_term(struct field_vec *terms, struct str term, char *text, struct err *err)
{
    for (size_t i = 0; i < term.n; i++) {
        struct str at = str_skip(term, i);
        bool differs = str_starts(at, STR("!="));
        size_t n = differs || str_starts(at, STR("==")) ? 2 : at.p[0] == '=' ? 1 : 0;
        if (n == 0)
            continue;
        struct selector_field f = { str_take(term, i), str_skip(at, n), differs };
        if (unescape(&f.value, text, err))
            return -1;
        field_vec_push(terms, f);
        return 0;
    }
    return err_set(err, ERR_INVALID, "invalid field selector: can't understand '%.*s'",
                   STR_ARG(str_take(term, 100)));
}

int selector_fields_parse(struct selector_fields *out, struct str text, struct err *err)
{
    if (text.n > SELECTOR_TEXT_MAX)
        return err_set(err, ERR_TOO_LARGE, "field selector is longer than %d bytes",
                       SELECTOR_TEXT_MAX);
    AUTO(mem_freep) char *copy = str_dup(text);
    AUTO(field_vec_fini) struct field_vec terms = { 0 };
    for (struct str rest = str_make(copy, text.n); rest.p;) {
        struct str term = split_term(&rest);
        if (term.n && parse_term(&terms, term, copy, err))
            return -1;
    }
    *out = (struct selector_fields){ TAKE(terms.items), terms.n, TAKE(copy) };
    return 0;
}

void selector_fields_fini(struct selector_fields *s)
{
    free(s->terms);
    free(s->text);
    *s = (struct selector_fields){ 0 };
}

bool selector_fields_match(const struct selector_fields *s, selector_lookup_fn lookup, void *arg)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct selector_field *f = &s->terms[i];
        if (str_eq(lookup(arg, f->path), f->value) == f->differs)
            return false;
    }
    return true;
}

struct str selector_fields_get(const struct selector_fields *s, struct str path)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!s->terms[i].differs && str_eq(s->terms[i].path, path))
            return s->terms[i].value;
    }
    return (struct str){ 0 };
}
