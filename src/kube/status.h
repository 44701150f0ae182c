/* SPDX-License-Identifier: Apache-2.0
 * status — metav1.Status: how the API says no, field by field. The one table from error kind to
 * HTTP code and Kubernetes reason. Pure. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "codec/jnode.h"
#include "kube/kobj.h"

/* metav1.CauseType, in the order of k8s.io/apimachinery's field errors. */
enum cause_type {
    CAUSE_REQUIRED,         /* FieldValueRequired "Required value" */
    CAUSE_DUPLICATE,        /* FieldValueDuplicate "Duplicate value" */
    CAUSE_INVALID,          /* FieldValueInvalid "Invalid value" */
    CAUSE_NOT_SUPPORTED,    /* FieldValueNotSupported "Unsupported value" */
    CAUSE_FORBIDDEN,        /* FieldValueForbidden "Forbidden" */
    CAUSE_TOO_LONG,         /* FieldValueTooLong "Too long" */
    CAUSE_TOO_MANY,         /* FieldValueTooMany "Too many" */
    CAUSE_NOT_FOUND,        /* FieldValueNotFound "Not found" */
    CAUSE_TYPE_INVALID,     /* FieldValueTypeInvalid */
    CAUSE_INTERNAL,         /* InternalError */
    CAUSE_MANAGER_CONFLICT, /* FieldManagerConflict, of server-side apply */
};

struct cause {
    enum cause_type type;
    struct str field;   /* "spec.containers[0].image" */
    struct str message; /* complete: 'Invalid value: "x": must be …' */
};
VEC_TYPE(cause_vec, struct cause);

/* A growing list of causes; texts live in the arena. */
struct causes {
    struct arena *a;
    struct cause_vec list;
};

/* value: the offending value (NULL: none); it is printed as Go's %#v prints it in field errors. */
void cause_add(struct causes *c,
               enum cause_type type,
               struct str field,
               struct jnode *value,
               const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));

const char *cause_reason(enum cause_type type); /* "FieldValueRequired" */

struct status_spec {
    int code;
    const char *reason; /* "NotFound"; NULL: from the code */
    struct str message;
    struct str name, group, kind, uid; /* details; absent: omitted */
    const struct causes *causes;       /* NULL: none */
    int64_t retry_after_s;             /* 0: none */
};

/* A metav1.Status object (status "Failure", or "Success" for codes < 400). New reference. */
struct kobj *status_new(const struct status_spec *s);

/* 422 Invalid for an object: 'Pod "x" is invalid: spec: …' with one cause each. New reference. */
struct kobj *
status_invalid(struct str kind, struct str group, struct str name, const struct causes *causes);

/* The reply to an error of ours: code and reason by err->kind. */
struct kobj *status_from_err(const struct err *err);
int status_code_of(enum err_kind kind);
/* The kind that a client acts on, from an HTTP code and a reason (may be absent). */
enum err_kind status_err_kind(int code, struct str reason);
/* Fills err from a metav1.Status reply; always returns -1. */
int status_to_err(const struct kobj *status, int code, struct err *err);
