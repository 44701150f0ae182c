/* SPDX-License-Identifier: Apache-2.0
 * patch — JSON Patch (RFC 6902) over JSON Pointer (RFC 6901), and JSON Merge Patch (RFC 7386). */
#include "codec/patch.h"

struct patcher {
    struct arena *arena;
    struct jnode **doc;
    size_t copied; /* text bytes that copies added */
    struct err *err;
};

/* ---- JSON Pointer ---- */

/* Takes "/token" off *rest and decodes ~0 and ~1. False when a ~ stands for nothing. */
static bool next_token(struct arena *a, struct str *rest, struct str *token)
{
    struct str raw = str_skip(*rest, 1);
    ptrdiff_t slash = str_find_char(raw, '/');
    raw = slash < 0 ? raw : str_take(raw, (size_t)slash);
    *rest = str_skip(*rest, 1 + raw.n);
    *token = raw;
    if (str_find_char(raw, '~') < 0)
        return true;
    char *out = arena_alloc(a, raw.n);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '~') {
            i++;
            if (i == raw.n || (raw.p[i] != '0' && raw.p[i] != '1'))
                return false;
            c = raw.p[i] == '0' ? '~' : '/';
        }
        out[n++] = c;
    }
    *token = str_make(out, n);
    return true;
}

/* Digits without leading zeroes, below `limit`. */
static bool array_index(struct str token, size_t limit, size_t *i)
{
    uint64_t value;
    if (token.n == 0 || (token.n > 1 && token.p[0] == '0') || token.p[0] == '-')
        return false;
    if (!str_to_u64(token, &value) || value >= limit)
        return false;
    *i = value;
    return true;
}

static struct jnode *child_of(struct jnode *n, struct str token)
{
    size_t i;
    if (jnode_type(n) == JSON_ARR)
        return array_index(token, jnode_len(n), &i) ? jnode_at(n, i) : NULL;
    return jnode_get(n, token);
}

static int missing(struct patcher *p, struct str path)
{
    return err_set(p->err, ERR_INVALID, "path \"%.*s\" does not exist", STR_ARG(path));
}

/* Walks to the parent of what `path` (not "") names; *last is the last token. */
static int find_parent(struct patcher *p, struct str path, struct jnode **parent, struct str *last)
{
    struct jnode *n = *p->doc;
    struct str rest = path, token;
    for (;;) {
        if (rest.p[0] != '/' || !next_token(p->arena, &rest, &token))
            return err_set(p->err, ERR_INVALID, "\"%.*s\" is not a JSON pointer", STR_ARG(path));
        if (rest.n == 0)
            break;
        n = child_of(n, token);
        if (!n)
            return missing(p, path);
    }
    *parent = n;
    *last = token;
    return 0;
}

/* NULL: it does not exist, err says so. */
static struct jnode *find(struct patcher *p, struct str path)
{
    struct jnode *parent = NULL;
    struct str last = { 0 };
    if (path.n == 0)
        return *p->doc;
    if (find_parent(p, path, &parent, &last) != 0)
        return NULL;
    struct jnode *n = child_of(parent, last);
    if (!n)
        missing(p, path);
    return n;
}

/* ---- the operations on places ---- */

static int add_at(struct patcher *p, struct str path, struct jnode *value)
{
    struct jnode *parent;
    struct str last;
    size_t i;
    if (path.n == 0) {
        *p->doc = value;
        return 0;
    }
    if (find_parent(p, path, &parent, &last) != 0)
        return -1;
    if (jnode_type(parent) == JSON_OBJ) {
        jnode_set(parent, last, value);
        return 0;
    }
    if (jnode_type(parent) != JSON_ARR)
        return missing(p, path);
    if (str_eq(last, STR("-")))
        i = jnode_len(parent);
    else if (!array_index(last, jnode_len(parent) + 1, &i))
        return err_set(p->err, ERR_INVALID, "path \"%.*s\": no such place in an array of %zu",
                       STR_ARG(path), jnode_len(parent));
    jnode_insert(parent, i, value);
    return 0;
}

static int remove_at(struct patcher *p, struct str path)
{
    struct jnode *parent;
    struct str last;
    size_t i;
    if (path.n == 0)
        return err_set(p->err, ERR_INVALID, "the whole document cannot be removed");
    if (find_parent(p, path, &parent, &last) != 0)
        return -1;
    if (jnode_type(parent) == JSON_ARR && array_index(last, jnode_len(parent), &i)) {
        jnode_remove_at(parent, i);
        return 0;
    }
    return jnode_del(parent, last) ? 0 : missing(p, path);
}

static int replace_at(struct patcher *p, struct str path, struct jnode *value)
{
    struct jnode *parent;
    struct str last;
    size_t i;
    if (path.n == 0) {
        *p->doc = value;
        return 0;
    }
    if (!find(p, path) || find_parent(p, path, &parent, &last) != 0)
        return -1;
    if (jnode_type(parent) == JSON_ARR && array_index(last, jnode_len(parent), &i))
        jnode_replace_at(parent, i, value);
    else
        jnode_set(parent, last, value);
    return 0;
}

/* ---- RFC 6902 ---- */

struct op {
    struct json json;
    struct str name, path;
};

/* NULL: the operation has none, err says so. */
static struct jnode *op_value(struct patcher *p, const struct op *op)
{
    struct json value = json_get(op->json, STR("value"));
    if (!json_exists(value))
        err_set(p->err, ERR_INVALID, "\"value\" is missing");
    return jnode_thaw(p->arena, value);
}

/* What "from" names, and its pointer in *from; NULL when there is none. */
static struct jnode *op_source(struct patcher *p, const struct op *op, struct str *from)
{
    *from = json_str(json_get(op->json, STR("from")));
    if (from->p)
        return find(p, *from);
    err_set(p->err, ERR_INVALID, "\"from\" must be a string");
    return NULL;
}

static int op_add(struct patcher *p, const struct op *op)
{
    struct jnode *value = op_value(p, op);
    return value ? add_at(p, op->path, value) : -1;
}

static int op_remove(struct patcher *p, const struct op *op)
{
    return remove_at(p, op->path);
}

static int op_replace(struct patcher *p, const struct op *op)
{
    struct jnode *value = op_value(p, op);
    return value ? replace_at(p, op->path, value) : -1;
}

static int op_move(struct patcher *p, const struct op *op)
{
    struct str from;
    struct jnode *value = op_source(p, op, &from);
    if (!value)
        return -1;
    if (str_eq(from, op->path))
        return 0;
    if (str_starts(op->path, from) && op->path.p[from.n] == '/')
        return err_set(p->err, ERR_INVALID, "\"%.*s\" cannot move into itself", STR_ARG(from));
    if (remove_at(p, from) != 0)
        return -1;
    return add_at(p, op->path, value);
}

static int op_copy(struct patcher *p, const struct op *op)
{
    struct str from;
    struct jnode *value = op_source(p, op, &from);
    if (!value)
        return -1;
    size_t bytes = jnode_text_bytes(value);
    if (bytes > PATCH_COPY_BYTES_MAX - p->copied)
        return err_set(p->err, ERR_TOO_LARGE, "the copies are over the limit of %u bytes",
                       PATCH_COPY_BYTES_MAX);
    p->copied += bytes;
    return add_at(p, op->path, jnode_copy(p->arena, value));
}

static int op_test(struct patcher *p, const struct op *op)
{
    struct jnode *want = op_value(p, op);
    struct jnode *have = want ? find(p, op->path) : NULL;
    if (!have)
        return -1;
    if (!jnode_eq(have, want))
        return err_set(p->err, ERR_INVALID, "the value is not the expected one");
    return 0;
}

static const struct {
    const char *name;
    int (*apply)(struct patcher *p, const struct op *op);
} op_table[] = {
    { "add", op_add },       { "copy", op_copy },       { "move", op_move },
    { "remove", op_remove }, { "replace", op_replace }, { "test", op_test },
};

static int apply_op(struct patcher *p, const struct op *op)
{
    if (json_type(op->json) != JSON_OBJ || !op->name.p)
        return err_set(p->err, ERR_INVALID, "\"op\" must be a string");
    if (!op->path.p)
        return err_set(p->err, ERR_INVALID, "\"path\" must be a string");
    for (size_t i = 0; i < COUNT_OF(op_table); i++) {
        if (str_is(op->name, op_table[i].name))
            return op_table[i].apply(p, op);
    }
    return err_set(p->err, ERR_INVALID, "unknown operation");
}

int patch_json(struct arena *a, struct jnode **doc, struct json ops, struct err *err)
{
    if (json_type(ops) != JSON_ARR)
        return err_set(err, ERR_INVALID, "a JSON patch must be an array of operations");
    if (json_len(ops) > PATCH_OPS_MAX)
        return err_set(err, ERR_TOO_LARGE, "a JSON patch may have %d operations, not %u",
                       PATCH_OPS_MAX, json_len(ops));
    struct patcher p = { .arena = a, .doc = doc, .err = err };
    unsigned i = 0;
    for (struct json_iter it = json_iter(ops); json_next(&it); i++) {
        struct op op = {
            .json = it.value,
            .name = json_str(json_get(it.value, STR("op"))),
            .path = json_str(json_get(it.value, STR("path"))),
        };
        if (apply_op(&p, &op) != 0)
            return err_wrap(err, "operation %u (%.*s %.*s)", i, STR_ARG(str_take(op.name, 16)),
                            STR_ARG(str_take(op.path, 80)));
    }
    return 0;
}

/* ---- RFC 7386 ---- */

struct jnode *patch_merge(struct arena *a, struct jnode *doc, struct json patch)
{
    if (json_type(patch) != JSON_OBJ)
        return jnode_thaw(a, patch);
    if (jnode_type(doc) != JSON_OBJ)
        doc = jnode_obj(a);
    for (struct json_iter it = json_iter(patch); json_next(&it);) {
        if (json_type(it.value) == JSON_NULL)
            jnode_del(doc, it.key);
        else if (json_type(it.value) == JSON_OBJ)
            jnode_set(doc, it.key, patch_merge(a, jnode_get(doc, it.key), it.value));
        else
            jnode_set(doc, it.key, jnode_thaw(a, it.value));
    }
    return doc;
}
