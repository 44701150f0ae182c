/* SPDX-License-Identifier: Apache-2.0
 * validate_internal — what the files validate_*.c share: places in a document, small checks, and
 * the checks that several kinds need. Each check reads one place and adds causes. */
#pragma once

#include "base/map.h"
#include "codec/jnode.h"
#include "kube/kind.h"
#include "kube/meta.h"
#include "kube/status.h"
#include "kube/validate.h"

/* ---- places: a chain on the stack, turned into text only when there is something to say ---- */
struct at {
    const struct at *up;
    const char *name; /* a member's name; NULL: an index or a key */
    struct str key;   /* absent: an index */
    size_t index;
};

static inline struct at at_name(const struct at *up, const char *name)
{
    return (struct at){ .up = up, .name = name };
}

static inline struct at at_index(const struct at *up, size_t index)
{
    return (struct at){ .up = up, .index = index };
}

static inline struct at at_key(const struct at *up, struct str key)
{
    return (struct at){ .up = up, .key = { key.p ? key.p : "", key.n } };
}

/* The place of a member, for one call. A macro: the literal must live as long as the call. */
#define AT_IN(place, member) (&(struct at){ .up = (place), .name = (member) })

struct str at_text(struct arena *a, const struct at *at); /* "spec.limits[0].min[cpu]" */

/* ---- adding causes ---- */
void validate_wrong(struct causes *c,
                    enum cause_type type,
                    const struct at *at,
                    struct jnode *value,
                    const char *why); /* why NULL or "": the type says all */
/* ---- reading ---- */
static inline struct jnode *validate_get(struct jnode *obj, const char *name)
{
    struct jnode *v = jnode_get(obj, str_from(name));
    return jnode_type(v) == JSON_NULL ? NULL : v; /* null is absent */
}

static inline struct str validate_text(struct jnode *obj, const char *name)
{
    return jnode_text_of_str(jnode_get(obj, str_from(name)));
}

int64_t validate_i64(struct jnode *obj, const char *name, int64_t otherwise);

/* ---- small checks on the member `name` of the object at `up` ---- */
/* A missing or empty text is Required. False when it was. */
bool validate_required(struct causes *c, const struct at *up, struct jnode *obj, const char *name);
/* A present text must follow the rule. */
void validate_rule(struct causes *c,
                   const struct at *up,
                   struct jnode *obj,
                   const char *name,
                   meta_rule_fn rule);
/* Both. */
void validate_required_rule(struct causes *c,
                            const struct at *up,
                            struct jnode *obj,
                            const char *name,
                            meta_rule_fn rule);
void validate_rule_at(struct causes *c,
                      const struct at *at,
                      struct jnode *value,
                      meta_rule_fn rule);
/* A present, not empty text must be one of the NULL-terminated values. */
void validate_enum(struct causes *c,
                   const struct at *up,
                   struct jnode *obj,
                   const char *name,
                   const char *const *values);
void validate_not_supported(struct causes *c,
                            const struct at *at,
                            struct jnode *value,
                            const char *const *values);
void validate_port(struct causes *c, const struct at *at, struct jnode *value); /* 1..65535 */
/* A port number or the name of one. */
void validate_port_or_name(struct causes *c, const struct at *at, struct jnode *value);
/* Was the text put into the set before? Puts it. Sets are maps, so that long lists stay cheap. An
 * absent text counts as "". Release the map with map_fini. */
bool validate_seen(struct map *set, struct str text);
/* Equal in both objects, else "field is immutable". */
void validate_immutable(struct causes *c,
                        const struct at *up,
                        struct jnode *obj,
                        struct jnode *old,
                        const char *name);

/* Bounds of integers, one row a member; absent members are fine. */
struct validate_bound {
    const char *name;
    int64_t min;
    int64_t max;
    const char *why;
};
#define VALIDATE_NOT_NEGATIVE "must be greater than or equal to 0"
#define VALIDATE_NOT_NEGATIVE_ROW(member)                                                          \
    {                                                                                              \
        member, 0, INT64_MAX, VALIDATE_NOT_NEGATIVE                                                \
    }
void validate_bounds(struct causes *c,
                     const struct at *up,
                     struct jnode *obj,
                     const struct validate_bound *rows,
                     size_t n);

/* ---- checks that several kinds need ---- */
void validate_labels(struct causes *c, const struct at *at, struct jnode *map);
void validate_annotations(struct causes *c, const struct at *at, struct jnode *map);
void validate_label_selector(struct causes *c, const struct at *at, struct jnode *selector);
/* Of a workload: the selector must be there, be sound and match the template. */
void validate_template_selector(struct causes *c, const struct at *at, struct jnode *spec);
/* Does the LabelSelector match the labels (a map of texts, NULL: none)? Malformed: true, because
 * that was said elsewhere. */
bool validate_selects(struct jnode *selector, struct jnode *labels);
/* A Quantity: not negative, and whole when it must be. */
void validate_quantity(struct causes *c, const struct at *at, struct jnode *value, bool whole);
int validate_quantity_cmp(struct jnode *a, struct jnode *b); /* <0, 0, >0; 0 when malformed */

/* Metadata of a new object; core kinds also have standard finalizers. */
void validate_object_meta(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          meta_rule_fn rule,
                          bool core);
void validate_object_meta_update(struct causes *c, struct jnode *obj, struct jnode *old, bool core);

void validate_pod_spec(struct causes *c, const struct at *at, struct jnode *spec);
void validate_pod_template(struct causes *c, const struct at *at, struct jnode *template);
void validate_scheduling(struct causes *c, const struct at *at, struct jnode *spec);
void validate_node_selector(struct causes *c, const struct at *at, struct jnode *selector);
void validate_taint_effect(struct causes *c, const struct at *at, struct jnode *effect);

void validate_containers_of(struct causes *c, const struct at *at, struct jnode *spec);
void validate_resources(struct causes *c, const struct at *at, struct jnode *resources);
/* A pod's resourceClaims, and the names by which its containers use them. */
void validate_pod_claims(struct causes *c, const struct at *at, struct jnode *spec);
void validate_volumes(struct causes *c, const struct at *at, struct jnode *volumes);
/* fieldRef and resourceFieldRef, as environment variables and downward API volumes use them. */
void validate_field_ref(struct causes *c, const struct at *at, struct jnode *ref, bool in_volume);
void validate_resource_field_ref(struct causes *c,
                                 const struct at *at,
                                 struct jnode *ref,
                                 bool in_volume);

/* ---- kinds ---- */
typedef void (*validate_fn)(struct causes *c, const struct resource *r, struct jnode *obj);
typedef void (*validate_change_fn)(struct causes *c,
                                   const struct resource *r,
                                   struct jnode *obj,
                                   struct jnode *old);

void validate_pod(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_pod_update(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old);
void validate_pod_status(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old);
void validate_deployment(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_selector_update(struct causes *c,
                              const struct resource *r,
                              struct jnode *obj,
                              struct jnode *old);
void validate_replicaset(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_job(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_job_update(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old);
void validate_job_status(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old);
void validate_workload_status(struct causes *c,
                              const struct resource *r,
                              struct jnode *obj,
                              struct jnode *old);
void validate_service(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_service_update(struct causes *c,
                             const struct resource *r,
                             struct jnode *obj,
                             struct jnode *old);
void validate_namespace(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_node(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_node_update(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old);
void validate_configmap(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_secret(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_immutable_data(struct causes *c,
                             const struct resource *r,
                             struct jnode *obj,
                             struct jnode *old);
void validate_secret_update(struct causes *c,
                            const struct resource *r,
                            struct jnode *obj,
                            struct jnode *old);
void validate_event(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_event_update(struct causes *c,
                           const struct resource *r,
                           struct jnode *obj,
                           struct jnode *old);
void validate_lease(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_priority_class(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_priority_class_update(struct causes *c,
                                    const struct resource *r,
                                    struct jnode *obj,
                                    struct jnode *old);
void validate_endpoints(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_volume_claim(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_storage_class(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_limit_range(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_disruption_budget(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_role(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_role_binding(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_device_class(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_resource_claim(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_resource_claim_template(struct causes *c,
                                      const struct resource *r,
                                      struct jnode *obj);
void validate_spec_update(struct causes *c,
                          const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old);
void validate_resource_slice(struct causes *c, const struct resource *r, struct jnode *obj);
void validate_resource_slice_update(struct causes *c,
                                    const struct resource *r,
                                    struct jnode *obj,
                                    struct jnode *old);
