/* SPDX-License-Identifier: Apache-2.0
 * gang_together — gangs that start together or not at all, as Koordinator's gang groups: one gang
 * with a role for each of them. Its name is made of theirs, in order, so that every member finds
 * the same one; a gang that has no pods yet needs one at least. See gang_dialect.h. */
#include <stdlib.h>
#include <string.h>

#include "codec/jnode.h"
#include "kube/gang/gang_dialect.h"

#define TEXT_MAX 16384

struct names { /* sorted, each once */
    struct str items[GANG_ROLES_MAX];
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return str_cmp(*x, *y);
}

static void blame(struct arena *a, struct gang_claim *c, const char *what, struct str text)
{
    if (!c->wrong.p)
        c->wrong =
            arena_printf(a, "%.*s %s%.*s", STR_ARG(c->dialect->together.key), what, STR_ARG(text));
    c->min = 0; /* alone it must not start */
}

/* Names of gangs of the namespace; false: something is wrong, and told. */
static bool read_names(struct arena *a,
                       struct gang_claim *c,
                       struct str namespace,
                       struct json list,
                       struct names *out)
{
    if (json_type(list) != JSON_ARR || json_len(list) > GANG_ROLES_MAX) {
        blame(a, c, "is no JSON list of at most 64 names: ", json_text(list));
        return false;
    }
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str name = arena_str(a, json_str(it.value)), whole = name;
        struct str where = str_find_char(name, '/') < 0 ? namespace : str_split(&name, '/');
        if (!name.n) {
            blame(a, c, "has an entry that is no name: ", json_text(it.value));
            return false;
        }
        if (namespace.n && !str_eq(where, namespace)) {
            blame(a, c, "names a gang of another namespace, which cannot start with it: ", whole);
            return false;
        }
        out->items[out->n++] = name;
    }
    qsort(out->items, out->n, sizeof *out->items, by_name);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (n == 0 || !str_eq(out->items[n - 1], out->items[i]))
            out->items[n++] = out->items[i];
    }
    out->n = n;
    return true;
}

static bool is_in(const struct names *names, struct str name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (str_eq(names->items[i], name))
            return true;
    }
    return false;
}

/* "a+b", and each of them as a role that needs one member. */
static bool join(struct arena *a, const struct names *names, struct gang_claim *c)
{
    struct buf name, roles;
    struct jnode *list = jnode_arr(a);
    buf_init(&name, TEXT_MAX);
    buf_init(&roles, 2 * TEXT_MAX);
    for (size_t i = 0; i < names->n; i++) {
        struct jnode *role = jnode_append(list, jnode_obj(a));
        jnode_set_str(role, STR("name"), names->items[i]);
        jnode_set_i64(role, STR("minMember"), 1);
        buf_printf(&name, "%s%.*s", i ? "+" : "", STR_ARG(names->items[i]));
    }
    jnode_write(&roles, list);
    bool ok = !name.failed && !roles.failed;
    if (ok) {
        c->name = arena_str(a, buf_view(&name));
        c->roles = arena_str(a, buf_view(&roles));
    }
    buf_fini(&name);
    buf_fini(&roles);
    return ok;
}

void gang_claim_together(struct arena *a,
                         struct gang_claim *c,
                         struct str namespace,
                         struct str text)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct names names = { .n = 0 };
    struct str own = c->name;
    if (!text.n)
        return;
    if (json_parse(&doc, text, &json_limits_body, NULL)) {
        blame(a, c, "is no JSON list of names: ", text);
        return;
    }
    if (!read_names(a, c, namespace, json_root(doc), &names))
        return;
    if (names.n && !is_in(&names, own))
        blame(a, c, "does not name the pod's own gang ", own);
    else if (names.n > 1 && !join(a, &names, c))
        blame(a, c, "is longer than ", STR("16384 bytes"));
    else if (names.n > 1) {
        c->role = own;
        c->role_min = c->min;
        c->min = c->size = 0;
    }
}
