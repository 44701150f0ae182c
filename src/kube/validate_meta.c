/* SPDX-License-Identifier: Apache-2.0
 * validate_meta — metadata of objects, labels, annotations and label selectors. */
#include "kube/validate_internal.h"

#include "codec/selector.h"

#define ANNOTATIONS_MAX ((size_t)256 << 10) /* bytes of all keys and values of an object */

void validate_labels(struct causes *c, const struct at *at, struct jnode *map)
{
    for (size_t i = 0; i < jnode_len(map); i++) {
        struct str key = jnode_key_at(map, i);
        struct meta_wrong w = meta_qualified_name(key);
        for (size_t k = 0; k < w.n; k++)
            validate_wrong(c, CAUSE_INVALID, at, jnode_str(c->a, key), w.texts[k]);
        validate_rule_at(c, at, jnode_value_at(map, i), meta_label_value);
    }
}

void validate_annotations(struct causes *c, const struct at *at, struct jnode *map)
{
    size_t bytes = 0;
    for (size_t i = 0; i < jnode_len(map); i++) {
        struct str key = jnode_key_at(map, i);
        struct meta_wrong w = meta_qualified_name(key);
        if (w.n > 0) /* upper case is fine here */
            w = meta_qualified_name(arena_lower(c->a, key));
        for (size_t k = 0; k < w.n; k++)
            validate_wrong(c, CAUSE_INVALID, at, jnode_str(c->a, key), w.texts[k]);
        bytes += key.n + jnode_text_of_str(jnode_value_at(map, i)).n;
    }
    if (bytes > ANNOTATIONS_MAX)
        validate_wrong(c, CAUSE_TOO_LONG, at, NULL, "may not be more than 262144 bytes");
}

/* ---- selectors ---- */

static void check_requirement(struct causes *c, const struct at *at, struct jnode *need)
{
    struct str op = validate_text(need, "operator");
    struct jnode *values = validate_get(need, "values");
    bool in = str_is(op, "In") || str_is(op, "NotIn");
    bool exists = str_is(op, "Exists") || str_is(op, "DoesNotExist");
    if (in && jnode_len(values) == 0)
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, "values"), NULL,
                       "must be specified when `operator` is 'In' or 'NotIn'");
    if (exists && jnode_len(values) > 0)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "values"), NULL,
                       "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    if (!in && !exists)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "operator"), validate_get(need, "operator"),
                       "not a valid selector operator");
    struct at key_at = at_name(at, "key"), values_at = at_name(at, "values");
    validate_rule_at(c, &key_at, validate_get(need, "key"), meta_qualified_name);
    for (size_t i = 0; i < jnode_len(values); i++) {
        struct at value_at = at_index(&values_at, i);
        validate_rule_at(c, &value_at, jnode_at(values, i), meta_label_value);
    }
}

void validate_label_selector(struct causes *c, const struct at *at, struct jnode *selector)
{
    struct at labels_at = at_name(at, "matchLabels");
    validate_labels(c, &labels_at, validate_get(selector, "matchLabels"));
    struct at list_at = at_name(at, "matchExpressions");
    struct jnode *list = validate_get(selector, "matchExpressions");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at need_at = at_index(&list_at, i);
        check_requirement(c, &need_at, jnode_at(list, i));
    }
}

static struct str label_lookup(void *labels, struct str key)
{
    return jnode_text_of_str(jnode_get(labels, key));
}

bool validate_selects(struct jnode *selector, struct jnode *labels)
{
    struct json source = jnode_source(selector);
    struct json_doc *doc = NULL;
    if (selector && !json_exists(source)) { /* edited: freeze it */
        if (jnode_freeze(&doc, selector, NULL) < 0)
            return true;
        source = json_root(doc);
    }
    AUTO(selector_freep) struct selector *s = NULL;
    bool matches =
        selector_from_json(&s, source, NULL) < 0 || selector_matches_by(s, label_lookup, labels);
    json_doc_unref(doc);
    return matches;
}

/* ---- owner references and finalizers ---- */

static void check_owner(struct causes *c, const struct at *at, struct jnode *ref)
{
    struct jnode *api_version = validate_get(ref, "apiVersion");
    struct str text = jnode_text_of_str(api_version);
    if (text.n == 0 || str_ends(text, STR("/")))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "apiVersion"), jnode_str(c->a, text),
                       "version must not be empty");
    static const char *const names[] = { "kind", "name", "uid" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (validate_text(ref, names[i]).n == 0)
            validate_wrong(c, CAUSE_INVALID, AT_IN(at, names[i]), jnode_str(c->a, STR("")),
                           "must not be empty");
    }
    if (str_is(text, "v1") && str_is(validate_text(ref, "kind"), "Event"))
        validate_wrong(c, CAUSE_INVALID, at, ref,
                       "/v1, Kind=Event is disallowed from being an owner");
}

static void check_owners(struct causes *c, const struct at *at, struct jnode *owners)
{
    struct jnode *controller = NULL;
    for (size_t i = 0; i < jnode_len(owners); i++) {
        struct jnode *ref = jnode_at(owners, i);
        check_owner(c, at, ref); /* without the index, as Kubernetes says it */
        if (!jnode_is_true(validate_get(ref, "controller")))
            continue;
        if (controller) {
            struct str kind1 = validate_text(controller, "kind"),
                       kind2 = validate_text(ref, "kind");
            struct str name1 = validate_text(controller, "name"),
                       name2 = validate_text(ref, "name");
            struct str why = arena_printf(
                c->a,
                "Only one reference can have Controller set to true. Found \"true\" in "
                "references for %.*s/%.*s and %.*s/%.*s",
                STR_ARG(kind1), STR_ARG(name1), STR_ARG(kind2), STR_ARG(name2));
            validate_wrong(c, CAUSE_INVALID, at, owners, why.p);
            return;
        }
        controller = ref;
    }
}

static bool standard_finalizer(struct str s)
{
    return str_is(s, "kubernetes") || str_is(s, "orphan") || str_is(s, "foregroundDeletion");
}

static void check_core_finalizers(struct causes *c, const struct at *at, struct jnode *list)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str s = jnode_text_of_str(jnode_at(list, i));
        struct at item_at = at_index(at, i);
        if (str_find_char(s, '/') < 0 && !standard_finalizer(s))
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_at(list, i),
                           "name is neither a standard finalizer name nor is it fully qualified");
    }
}

static void check_finalizers(struct causes *c, const struct at *at, struct jnode *list)
{
    bool orphan = false, foreground = false;
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str s = jnode_text_of_str(jnode_at(list, i));
        validate_rule_at(c, at, jnode_at(list, i), meta_qualified_name);
        orphan |= str_is(s, "orphan");
        foreground |= str_is(s, "foregroundDeletion");
    }
    if (orphan && foreground)
        validate_wrong(c, CAUSE_INVALID, at, list,
                       "finalizer orphan and foregroundDeletion cannot be both set");
}

/* ---- metadata ---- */

/* What generateName would become: a last dash is followed by a letter. */
static void
check_generate_name(struct causes *c, const struct at *at, struct jnode *meta, meta_rule_fn rule)
{
    struct jnode *v = validate_get(meta, "generateName");
    struct str text = jnode_text_of_str(v);
    if (text.n == 0)
        return;
    if (text.n > 1 && text.p[text.n - 1] == '-')
        text = arena_printf(c->a, "%.*sa", STR_ARG(str_take(text, text.n - 1)));
    struct meta_wrong w = rule(text);
    for (size_t i = 0; i < w.n; i++)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "generateName"), v, w.texts[i]);
}

static void
check_namespace(struct causes *c, const struct at *at, struct jnode *meta, bool namespaced)
{
    if (namespaced) {
        validate_required_rule(c, at, meta, "namespace", meta_dns_label);
    } else if (validate_text(meta, "namespace").n > 0) {
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "namespace"), NULL,
                       "not allowed on this type");
    }
}

static void check_maps(struct causes *c, const struct at *at, struct jnode *meta)
{
    struct at labels = at_name(at, "labels"), annotations = at_name(at, "annotations");
    validate_labels(c, &labels, validate_get(meta, "labels"));
    validate_annotations(c, &annotations, validate_get(meta, "annotations"));
    struct at owners = at_name(at, "ownerReferences");
    check_owners(c, &owners, validate_get(meta, "ownerReferences"));
}

void validate_object_meta(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          meta_rule_fn rule,
                          bool core)
{
    static const struct validate_bound bounds[] = { VALIDATE_NOT_NEGATIVE_ROW("generation") };
    struct jnode *meta = validate_get(obj, "metadata");
    struct at at = at_name(NULL, "metadata");
    check_generate_name(c, &at, meta, rule);
    if (validate_text(meta, "name").n == 0)
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(&at, "name"), NULL,
                       "name or generateName is required");
    else
        validate_rule(c, &at, meta, "name", rule);
    check_namespace(c, &at, meta, r->namespaced);
    validate_bounds(c, &at, meta, bounds, COUNT_OF(bounds));
    check_maps(c, &at, meta);
    struct at finalizers = at_name(&at, "finalizers");
    check_finalizers(c, &finalizers, validate_get(meta, "finalizers"));
    if (core)
        check_core_finalizers(c, &finalizers, validate_get(meta, "finalizers"));
}

/* A present new value must be the old one; what a client leaves out the server keeps. */
static void check_kept(struct causes *c,
                       const struct at *at,
                       struct jnode *meta,
                       struct jnode *old,
                       const char *name)
{
    if (validate_get(meta, name))
        validate_immutable(c, at, meta, old, name);
}

static bool contains_text(struct jnode *list, struct str s)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_eq(jnode_text_of_str(jnode_at(list, i)), s))
            return true;
    }
    return false;
}

static void
check_no_new_finalizers(struct causes *c, const struct at *at, struct jnode *now, struct jnode *old)
{
    struct str found = { 0 };
    for (size_t i = 0; i < jnode_len(now); i++) {
        struct str s = jnode_text_of_str(jnode_at(now, i));
        if (contains_text(old, s))
            continue;
        found = found.p ? arena_printf(c->a, "%.*s, \"%.*s\"", STR_ARG(found), STR_ARG(s))
                        : arena_printf(c->a, "\"%.*s\"", STR_ARG(s));
    }
    if (!found.p)
        return;
    struct str why = arena_printf(c->a,
                                  "no new finalizers can be added if the object is being deleted, "
                                  "found new finalizers []string{%.*s}",
                                  STR_ARG(found));
    validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "finalizers"), NULL, why.p);
}

void validate_object_meta_update(struct causes *c, struct jnode *obj, struct jnode *old, bool core)
{
    struct jnode *meta = validate_get(obj, "metadata"), *was = validate_get(old, "metadata");
    struct at at = at_name(NULL, "metadata");
    struct jnode *finalizers = validate_get(meta, "finalizers");
    if (validate_get(was, "deletionTimestamp"))
        check_no_new_finalizers(c, &at, finalizers, validate_get(was, "finalizers"));
    if (validate_i64(meta, "generation", 0) < validate_i64(was, "generation", 0))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "generation"), validate_get(meta, "generation"),
                       "must not be decremented");
    static const char *const kept[] = { "name",
                                        "namespace",
                                        "uid",
                                        "creationTimestamp",
                                        "deletionTimestamp",
                                        "deletionGracePeriodSeconds" };
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        check_kept(c, &at, meta, was, kept[i]);
    check_maps(c, &at, meta);
    struct at finalizers_at = at_name(&at, "finalizers");
    if (core)
        check_core_finalizers(c, &finalizers_at, finalizers);
}
