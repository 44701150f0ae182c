/* SPDX-License-Identifier: Apache-2.0
 * refuse — see refuse.h. The texts are those of k8s.io/apimachinery's api/errors. */
#include "apiserver/refuse.h"

static struct str format(struct action *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static struct str format(struct action *a, const char *fmt, va_list ap)
{
    return arena_vprintf(a->arena, fmt, ap);
}

struct str refuse_resource_name(struct action *a)
{
    if (a->r.group.n == 0)
        return a->r.plural;
    return arena_printf(a->arena, "%.*s.%.*s", STR_ARG(a->r.plural), STR_ARG(a->r.group));
}

/* The status about one object of the action's resource. */
static enum turn
about(struct action *a, int code, const char *reason, struct str name, struct str message)
{
    struct status_spec s = { .code = code,
                             .reason = reason,
                             .message = message,
                             .name = name,
                             .group = a->r.group,
                             .kind = a->r.plural };
    return action_refuse(a, &s);
}

enum turn refuse_not_found(struct action *a, struct str name)
{
    struct str resource = refuse_resource_name(a);
    return about(
        a, 404, "NotFound", name,
        arena_printf(a->arena, "%.*s \"%.*s\" not found", STR_ARG(resource), STR_ARG(name)));
}

enum turn refuse_exists(struct action *a, struct str name, bool deleting)
{
    struct str resource = refuse_resource_name(a);
    return about(a, 409, "AlreadyExists", name,
                 arena_printf(a->arena, "%s%.*s \"%.*s\" already exists",
                              deleting ? "object is being deleted: " : "", STR_ARG(resource),
                              STR_ARG(name)));
}

enum turn refuse_conflict(struct action *a, struct str name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str why = format(a, fmt, ap);
    va_end(ap);
    struct str resource = refuse_resource_name(a);
    return about(a, 409, "Conflict", name,
                 arena_printf(a->arena, "Operation cannot be fulfilled on %.*s \"%.*s\": %.*s",
                              STR_ARG(resource), STR_ARG(name), STR_ARG(why)));
}

enum turn refuse_modified(struct action *a, struct str name)
{
    return refuse_conflict(a, name,
                           "the object has been modified; please apply your changes to the latest "
                           "version and try again");
}

enum turn refuse_forbidden(struct action *a, struct str name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str why = format(a, fmt, ap);
    va_end(ap);
    struct str resource = refuse_resource_name(a);
    struct str message = name.n > 0 ? arena_printf(a->arena, "%.*s \"%.*s\" is forbidden: %.*s",
                                                   STR_ARG(resource), STR_ARG(name), STR_ARG(why))
                                    : arena_printf(a->arena, "%.*s is forbidden: %.*s",
                                                   STR_ARG(resource), STR_ARG(why));
    return about(a, 403, "Forbidden", name, message);
}

enum turn refuse_invalid(struct action *a, struct str name, const struct causes *causes)
{
    const struct resource *res = a->what->res;
    struct str group = str_is(res->group, "events.k8s.io") ? STR("") : res->group;
    return action_reply(a, 422, status_invalid(res->kind, group, name, causes));
}

static enum turn plain(struct action *a, int code, const char *reason, struct str message)
{
    struct status_spec s = { .code = code, .reason = reason, .message = message };
    return action_refuse(a, &s);
}

enum turn refuse_bad_request(struct action *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str message = format(a, fmt, ap);
    va_end(ap);
    return plain(a, 400, "BadRequest", message);
}

enum turn refuse_internal(struct action *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str message = format(a, fmt, ap);
    va_end(ap);
    return plain(a, 500, "", message);
}

enum turn refuse_unknown(struct action *a)
{
    return plain(a, 404, "NotFound", STR("the server could not find the requested resource"));
}

enum turn refuse_method(struct action *a)
{
    return plain(a, 405, "MethodNotAllowed",
                 STR("the server does not allow this method on the requested resource"));
}

enum turn refuse_media(struct action *a, const char *accepted)
{
    return plain(a, 415, "UnsupportedMediaType",
                 arena_printf(a->arena,
                              "the body of the request was in an unknown format - accepted media "
                              "types include: %s",
                              accepted));
}

enum turn refuse_err(struct action *a, const struct err *err)
{
    struct kobj *status = status_from_err(err);
    return action_reply(a, status_code_of(err->kind), status);
}
