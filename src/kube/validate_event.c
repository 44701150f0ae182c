/* SPDX-License-Identifier: Apache-2.0
 * validate_event — Events of both groups. They are one kind with two forms: events.k8s.io calls
 * involvedObject "regarding", message "note" and reportingComponent "reportingController". Causes
 * use the core names, as Kubernetes' do. */
#include "kube/validate_internal.h"

#define TEXT_MAX 128
#define MESSAGE_MAX 1024

static bool is_new_form(const struct resource *r)
{
    return str_is(r->group, "events.k8s.io");
}

static bool is_present(struct jnode *obj, const char *name)
{
    return validate_get(obj, name) != NULL;
}

static void check_namespace(struct causes *c, struct jnode *obj, struct jnode *about, bool timed)
{
    struct str namespace = jnode_text_of_str(jnode_path(obj, "metadata.namespace"));
    struct str named = validate_text(about, "namespace");
    struct at at = at_name(NULL, "involvedObject");
    bool fine = str_eq(namespace, named);
    if (named.n == 0) /* cluster-scoped objects have their events in default */
        fine = namespace.n == 0 || str_is(namespace, "default") ||
               (timed && str_is(namespace, "kube-system"));
    if (!fine)
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "namespace"), jnode_str(c->a, named),
                       "does not match event.namespace");
}

static void check_length(struct causes *c, struct jnode *obj, const char *name, size_t max)
{
    struct str why = arena_printf(c->a, "can have at most %zu characters", max);
    if (validate_text(obj, name).n > max)
        validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, name), jnode_str(c->a, STR("")), why.p);
}

/* What both forms must have once they carry an eventTime. */
static void check_timed(struct causes *c, const struct resource *r, struct jnode *obj)
{
    const char *controller = is_new_form(r) ? "reportingController" : "reportingComponent";
    validate_required_rule(c, NULL, obj, controller, meta_qualified_name);
    validate_required(c, NULL, obj, "reportingInstance");
    check_length(c, obj, "reportingInstance", TEXT_MAX);
    validate_required(c, NULL, obj, "action");
    check_length(c, obj, "action", TEXT_MAX);
    validate_required(c, NULL, obj, "reason");
    check_length(c, obj, "reason", TEXT_MAX);
    if (validate_text(obj, is_new_form(r) ? "note" : "message").n > MESSAGE_MAX)
        validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, "message"), jnode_str(c->a, STR("")),
                       "can have at most 1024 characters");
}

static void check_common(struct causes *c, const struct resource *r, struct jnode *obj)
{
    bool timed = is_present(obj, "eventTime");
    check_namespace(c, obj, validate_get(obj, is_new_form(r) ? "regarding" : "involvedObject"),
                    timed);
    if (timed)
        check_timed(c, r, obj);
}

static void check_series(struct causes *c, struct jnode *obj)
{
    struct jnode *series = validate_get(obj, "series");
    struct at at = at_name(NULL, "series");
    if (!series)
        return;
    if (validate_i64(series, "count", 0) < 2)
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "count"), jnode_str(c->a, STR("")),
                       "should be at least 2");
    if (!is_present(series, "lastObservedTime"))
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(&at, "lastObservedTime"), NULL, NULL);
}

static void check_new_form(struct causes *c, struct jnode *obj)
{
    static const struct {
        const char *name, *told_as;
    } unset[] = {
        { "deprecatedFirstTimestamp", "firstTimestamp" },
        { "deprecatedLastTimestamp", "lastTimestamp" },
    };
    struct str type = validate_text(obj, "type");
    check_series(c, obj);
    if (!is_present(obj, "eventTime"))
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(NULL, "eventTime"), NULL, NULL);
    if (!str_is(type, "Normal") && !str_is(type, "Warning")) {
        struct str why = arena_printf(c->a, "has invalid value: %.*s", STR_ARG(type));
        validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, "type"), jnode_str(c->a, STR("")), why.p);
    }
    for (size_t i = 0; i < COUNT_OF(unset); i++) {
        if (is_present(obj, unset[i].name))
            validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, unset[i].told_as),
                           jnode_str(c->a, STR("")), "needs to be unset");
    }
    if (validate_i64(obj, "deprecatedCount", 0) != 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, "count"), jnode_str(c->a, STR("")),
                       "needs to be unset");
    struct jnode *source = validate_get(obj, "deprecatedSource");
    if (validate_text(source, "component").n > 0 || validate_text(source, "host").n > 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, "source"), jnode_str(c->a, STR("")),
                       "needs to be unset");
}

void validate_event(struct causes *c, const struct resource *r, struct jnode *obj)
{
    check_common(c, r, obj);
    if (!is_new_form(r))
        return;
    validate_object_meta(c, r, obj, meta_dns_subdomain, true);
    check_new_form(c, obj);
}

void validate_event_update(struct causes *c,
                           const struct resource *r,
                           struct jnode *obj,
                           struct jnode *old)
{
    static const struct {
        const char *name, *told_as;
    } fixed[] = {
        { "regarding", "involvedObject" },
        { "reason", "reason" },
        { "note", "message" },
        { "deprecatedSource", "source" },
        { "deprecatedFirstTimestamp", "firstTimestamp" },
        { "deprecatedLastTimestamp", "lastTimestamp" },
        { "deprecatedCount", "count" },
        { "reason", "reason" }, /* twice, as Kubernetes does */
        { "type", "type" },
        { "eventTime", "eventTime" },
        { "action", "action" },
        { "related", "related" },
        { "reportingController", "reportingController" },
        { "reportingInstance", "reportingInstance" },
    };
    check_common(c, r, obj);
    if (!is_new_form(r))
        return;
    validate_object_meta_update(c, obj, old, true);
    if (!jnode_eq(validate_get(obj, "series"), validate_get(old, "series")))
        check_series(c, obj);
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        struct jnode *v = validate_get(obj, fixed[i].name);
        if (!jnode_eq(v, validate_get(old, fixed[i].name)))
            validate_wrong(c, CAUSE_INVALID, AT_IN(NULL, fixed[i].told_as), v,
                           "field is immutable");
    }
}
