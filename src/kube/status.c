/* SPDX-License-Identifier: Apache-2.0
 * status — metav1.Status objects and the table between error kinds, HTTP codes and Kubernetes'
 * reasons; see status.h. The texts of causes follow k8s.io/apimachinery's field errors. */
#include "kube/status.h"

#include <assert.h>

#include "base/buf.h"

#define STATUS_MESSAGE_MAX ((size_t)1 << 20)
#define CAUSES_MAX 512                       /* told of one object; the rest is dropped */
#define CAUSE_MESSAGE_MAX ((size_t)16 << 10) /* bytes */
#define CAUSE_VALUE_MAX ((size_t)8 << 10) /* bytes of the value in it; longer ones are left out */

static const struct {
    const char *reason; /* metav1.CauseType */
    const char *text;   /* how the message starts */
    bool shows_value;
} cause_types[] = {
    [CAUSE_REQUIRED] = { "FieldValueRequired", "Required value", false },
    [CAUSE_DUPLICATE] = { "FieldValueDuplicate", "Duplicate value", true },
    [CAUSE_INVALID] = { "FieldValueInvalid", "Invalid value", true },
    [CAUSE_NOT_SUPPORTED] = { "FieldValueNotSupported", "Unsupported value", true },
    [CAUSE_FORBIDDEN] = { "FieldValueForbidden", "Forbidden", false },
    [CAUSE_TOO_LONG] = { "FieldValueTooLong", "Too long", false },
    [CAUSE_TOO_MANY] = { "FieldValueTooMany", "Too many", true },
    [CAUSE_NOT_FOUND] = { "FieldValueNotFound", "Not found", true },
    [CAUSE_TYPE_INVALID] = { "FieldValueTypeInvalid", "Invalid value", true },
    [CAUSE_INTERNAL] = { "InternalError", "Internal error", false },
    [CAUSE_MANAGER_CONFLICT] = { "FieldManagerConflict", "conflict", false },
};

const char *cause_reason(enum cause_type type)
{
    return cause_types[type].reason;
}

static void put_value(struct buf *b, struct jnode *value)
{
    struct buf text = { 0 };
    buf_init(&text, CAUSE_VALUE_MAX);
    struct str s = jnode_text_of_str(value);
    if (s.p)
        json_write_str(&text, s);
    else
        jnode_write(&text, value);
    if (!text.failed)
        buf_printf(b, ": %.*s", STR_ARG(buf_view(&text)));
    buf_fini(&text);
}

void cause_add(struct causes *c,
               enum cause_type type,
               struct str field,
               struct jnode *value,
               const char *fmt,
               ...)
{
    if (c->list.n == CAUSES_MAX)
        return;
    struct buf b = { 0 };
    buf_init(&b, CAUSE_MESSAGE_MAX);
    buf_str(&b, str_from(cause_types[type].text));
    if (value && cause_types[type].shows_value)
        put_value(&b, value);
    if (fmt && fmt[0]) {
        va_list ap;
        va_start(ap, fmt);
        size_t bare = b.n;
        buf_str(&b, STR(": "));
        buf_vprintf(&b, fmt, ap);
        if (b.n == bare + 2) /* no detail */
            b.n = bare;
        va_end(ap);
    }
    cause_vec_push(&c->list, (struct cause){
                                 .type = type,
                                 .field = arena_str(c->a, field),
                                 .message = arena_str(c->a, buf_view(&b)),
                             });
    buf_fini(&b);
}

/* ---- codes and reasons ---- */

static const struct {
    enum err_kind kind;
    int code;
    const char *reason;
} kinds[] = {
    { ERR_INVALID, 400, "BadRequest" },   { ERR_NOT_FOUND, 404, "NotFound" },
    { ERR_EXISTS, 409, "AlreadyExists" }, { ERR_CONFLICT, 409, "Conflict" },
    { ERR_GONE, 410, "Expired" },         { ERR_DENIED, 403, "Forbidden" },
    { ERR_BUSY, 429, "TooManyRequests" }, { ERR_TOO_LARGE, 413, "RequestEntityTooLarge" },
    { ERR_TIMEOUT, 504, "Timeout" },      { ERR_IO, 503, "ServiceUnavailable" },
    { ERR_BUG, 500, "InternalError" },
};

static const struct {
    int code;
    const char *reason;
    enum err_kind kind;
} codes[] = {
    { 400, "BadRequest", ERR_INVALID },
    { 401, "Unauthorized", ERR_DENIED },
    { 403, "Forbidden", ERR_DENIED },
    { 404, "NotFound", ERR_NOT_FOUND },
    { 405, "MethodNotAllowed", ERR_INVALID },
    { 406, "NotAcceptable", ERR_INVALID },
    { 409, "Conflict", ERR_CONFLICT },
    { 410, "Expired", ERR_GONE },
    { 413, "RequestEntityTooLarge", ERR_TOO_LARGE },
    { 415, "UnsupportedMediaType", ERR_INVALID },
    { 422, "Invalid", ERR_INVALID },
    { 429, "TooManyRequests", ERR_BUSY },
    { 500, "InternalError", ERR_IO },
    { 503, "ServiceUnavailable", ERR_BUSY },
    { 504, "Timeout", ERR_TIMEOUT },
};

int status_code_of(enum err_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].kind == kind)
            return kinds[i].code;
    }
    return 500;
}

static const char *reason_of_code(int code)
{
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i].code == code)
            return codes[i].reason;
    }
    return code >= 500 ? "InternalError" : "";
}

enum err_kind status_err_kind(int code, struct str reason)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].code == code && str_is(reason, kinds[i].reason))
            return kinds[i].kind;
    }
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i].code == code)
            return codes[i].kind;
    }
    if (code < 400)
        return ERR_NONE;
    return code >= 500 ? ERR_IO : ERR_INVALID;
}

/* ---- the object ---- */

static void set_text(struct jnode *obj, const char *key, struct str text)
{
    if (text.n > 0)
        jnode_set_str(obj, str_from(key), text);
}

static void set_causes(struct arena *a, struct jnode *details, const struct causes *causes)
{
    if (!causes || causes->list.n == 0)
        return;
    struct jnode *list = jnode_set(details, STR("causes"), jnode_arr(a));
    for (size_t i = 0; i < causes->list.n; i++) {
        const struct cause *c = &causes->list.items[i];
        struct jnode *item = jnode_append(list, jnode_obj(a));
        jnode_set_str(item, STR("reason"), str_from(cause_types[c->type].reason));
        jnode_set_str(item, STR("message"), c->message);
        set_text(item, "field", c->field);
    }
}

static struct jnode *make_details(struct arena *a, const struct status_spec *s)
{
    struct jnode *details = jnode_obj(a);
    set_text(details, "name", s->name);
    set_text(details, "group", s->group);
    set_text(details, "kind", s->kind);
    set_text(details, "uid", s->uid);
    set_causes(a, details, s->causes);
    if (s->retry_after_s > 0)
        jnode_set_i64(details, STR("retryAfterSeconds"), s->retry_after_s);
    return jnode_len(details) ? details : NULL;
}

struct kobj *status_new(const struct status_spec *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_obj(a);
    bool failed = s->code >= 400;
    jnode_set_str(root, STR("kind"), STR("Status"));
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set(root, STR("metadata"), jnode_obj(a));
    jnode_set_str(root, STR("status"), failed ? STR("Failure") : STR("Success"));
    set_text(root, "message", str_take(s->message, STATUS_MESSAGE_MAX));
    const char *reason = s->reason || !failed ? s->reason : reason_of_code(s->code);
    set_text(root, "reason", str_from(reason));
    struct jnode *details = make_details(a, s);
    if (details)
        jnode_set(root, STR("details"), details);
    if (failed)
        jnode_set_i64(root, STR("code"), s->code);
    struct kobj *o = NULL;
    struct err err;
    int rc = kobj_freeze(&o, root, &err);
    assert(rc == 0); /* its texts are bounded */
    return o;
}

struct kobj *status_from_err(const struct err *err)
{
    struct status_spec spec = { .code = 500, .message = str_from(err->msg) };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].kind == err->kind) {
            spec.code = kinds[i].code;
            spec.reason = kinds[i].reason;
        }
    }
    return status_new(&spec);
}

/* Causes may repeat, texts don't. */
static bool told_before(const struct cause *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(items[i].field, items[n].field) && str_eq(items[i].message, items[n].message))
            return true;
    }
    return false;
}

/* "[a: b, c: d]" as Kubernetes aggregates errors: one stands alone, several in brackets. */
static void put_causes(struct buf *b, const struct causes *causes)
{
    const struct cause *items = causes->list.items;
    size_t n = causes->list.n, told = 0;
    for (size_t i = 0; i < n; i++)
        told += !told_before(items, i);
    bool many = told > 1;
    told = 0;
    if (many)
        buf_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (told_before(items, i))
            continue;
        if (told++ > 0)
            buf_str(b, STR(", "));
        if (items[i].field.n > 0)
            buf_printf(b, "%.*s: ", STR_ARG(items[i].field));
        buf_str(b, items[i].message);
    }
    if (many)
        buf_char(b, ']');
}

struct kobj *
status_invalid(struct str kind, struct str group, struct str name, const struct causes *causes)
{
    struct buf b = { 0 };
    buf_init(&b, STATUS_MESSAGE_MAX);
    buf_str(&b, kind);
    if (group.n > 0)
        buf_printf(&b, ".%.*s", STR_ARG(group));
    buf_char(&b, ' ');
    json_write_str(&b, name);
    buf_str(&b, STR(" is invalid"));
    if (causes->list.n > 0) {
        buf_str(&b, STR(": "));
        put_causes(&b, causes);
    }
    struct status_spec spec = {
        .code = 422,
        .message = buf_view(&b),
        .name = name,
        .group = group,
        .kind = kind,
        .causes = causes,
    };
    struct kobj *o = status_new(&spec);
    buf_fini(&b);
    return o;
}

int status_to_err(const struct kobj *status, int code, struct err *err)
{
    struct json root = kobj_root(status);
    struct str message = json_str(json_get(root, STR("message")));
    enum err_kind kind = status_err_kind(code, json_str(json_get(root, STR("reason"))));
    if (kind == ERR_NONE)
        kind = ERR_BUG;
    if (message.n == 0)
        return err_set(err, kind, "the API server answered %d", code);
    return err_set(err, kind, "%.*s", STR_ARG(message));
}
