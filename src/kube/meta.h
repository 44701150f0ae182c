/* SPDX-License-Identifier: Apache-2.0
 * meta — object metadata: the rules for names, labels and annotations with the words that
 * k8s.io/apimachinery uses, generated names, owner references, conditions, and Events. Pure; `now`
 * and random bytes come from the caller. Trees built here live in the given arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/time.h"
#include "codec/jnode.h"
#include "kube/kobj.h"

/* ---- rules: what is wrong with a text; n == 0 when it is fine ---- */
#define META_WRONG_MAX 6

struct meta_wrong {
    size_t n;
    const char *texts[META_WRONG_MAX]; /* static */
};
typedef struct meta_wrong (*meta_rule_fn)(struct str s);

struct meta_wrong meta_dns_label(struct str s);      /* RFC 1123 label, 63 bytes */
struct meta_wrong meta_dns_label_1035(struct str s); /* starts with a letter */
struct meta_wrong meta_dns_subdomain(struct str s);  /* RFC 1123 subdomain, 253 bytes */
struct meta_wrong meta_label_value(struct str s);    /* 63 bytes, may be empty */
struct meta_wrong meta_qualified_name(struct str s); /* [prefix/]name: keys of labels */
struct meta_wrong meta_path_segment(struct str s);   /* not ".", "..", no '/' or '%' */
struct meta_wrong meta_port_name(struct str s);      /* IANA service name, 15 bytes */
struct meta_wrong meta_env_name(struct str s);
struct meta_wrong meta_config_key(struct str s); /* of ConfigMap and Secret data */

#define META_SUFFIX_BYTES 5
/* base (cut to 58 bytes) and five characters that the random bits choose, as generateName does. */
struct str meta_generate_name(struct arena *a, struct str base, uint64_t random);

/* ---- building ---- */
/* {apiVersion, kind, metadata: {namespace, name}}; namespace absent for cluster scope. */
struct jnode *meta_object(struct arena *a,
                          const char *api_version,
                          const char *kind,
                          struct str namespace,
                          struct str name);
void meta_set_label(struct jnode *obj, struct str key, struct str value);
void meta_set_annotation(struct jnode *obj, struct str key, struct str value);
void meta_set_revision(struct jnode *obj, uint64_t revision); /* metadata.resourceVersion */
/* Sets a field to the RFC 3339 text of t, in seconds. A t of zero means "none": nothing is set. */
void meta_set_time(struct jnode *o, struct str key, struct wall t);

/* Appends {apiVersion, kind, name, uid, controller, blockOwnerDeletion} of owner. */
void meta_add_owner(struct arena *a, struct jnode *obj, const struct kobj *owner, bool controller);
/* Does o name owner's uid among its ownerReferences? */
bool meta_owned_by(const struct kobj *o, const struct kobj *owner);
/* Is owner o's controller (controller: true)? */
bool meta_controlled_by(const struct kobj *o, const struct kobj *owner);

/* {apiVersion, kind, namespace, name, uid, resourceVersion} of o: an ObjectReference. */
struct jnode *meta_reference(struct arena *a, const struct kobj *o);

struct condition_spec {
    const char *type, *status;  /* "Ready", "True" */
    struct str reason, message; /* absent: omitted */
    bool probe_time;            /* also set lastProbeTime (Job conditions) */
};

/* Sets or replaces the condition of this type in the array. lastTransitionTime changes only when
 * the status does. False when nothing but times would change (the array is then untouched). */
bool meta_set_condition(struct arena *a,
                        struct jnode *conditions,
                        const struct condition_spec *spec,
                        struct wall now);

/* ---- Events ---- */
struct event_spec {
    const struct kobj *about;
    const char *type; /* "Normal", "Warning" */
    struct str reason, message;
    struct str component, host; /* source; host absent: omitted */
    struct wall now;
    uint64_t random;       /* for the name */
    struct str field_path; /* of about ("spec.containers{main}"); absent: omitted */
};

/* A core/v1 Event with count 1, as client-go's recorder makes it. */
struct jnode *event_make(struct arena *a, const struct event_spec *s);
/* Equal events have equal keys (client-go's aggregation: source, object, type, reason, message). */
struct str event_key(struct arena *a, const struct event_spec *s);
/* A merge patch that counts one more: {count, lastTimestamp}. */
struct jnode *event_count_patch(struct arena *a, int64_t count, struct wall now);
