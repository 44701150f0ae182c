/* SPDX-License-Identifier: Apache-2.0
 * print_internal — what the files print*.c share: a row under construction and cells that many
 * kinds have. */
#pragma once

#include "kube/print.h"

struct row {
    struct arena *a;
    struct jnode *cells;
    const struct kobj *obj;
    struct json o; /* its root */
    struct wall now;
};

typedef void (*print_fn)(struct row *r); /* appends the cells after the name */

void print_str(struct row *r, struct str s);
void print_or(struct row *r, struct str s, const char *when_empty); /* "<none>" */
void print_i64(struct row *r, int64_t n);
void print_at(struct row *r, const char *path);      /* the text there, "" when absent */
void print_count(struct row *r, const char *path);   /* the integer there, 0 when absent */
void print_age(struct row *r);                       /* since creationTimestamp */
struct str print_since(struct row *r, struct str t); /* "5m"; "<unknown>" when there is no time */
void print_created(struct row *r);

/* "a=b,c=d" sorted, "<none>" when empty. */
struct str print_labels(struct arena *a, struct json map);
struct str print_selector(struct arena *a, struct json label_selector);
/* Names and images of a pod template's containers, two cells. */
void print_containers(struct row *r, struct json pod_spec);

static inline struct json print_path(struct row *r, const char *path)
{
    return json_path(r->o, path);
}

static inline int64_t print_i64_at(struct row *r, const char *path)
{
    return json_i64_or(json_path(r->o, path), 0);
}

void print_pod(struct row *r);
void print_node(struct row *r);
void print_service(struct row *r);
void print_ingress(struct row *r);
void print_endpoints(struct row *r);
void print_event(struct row *r);
void print_deployment(struct row *r);
void print_replicaset(struct row *r);
void print_statefulset(struct row *r);
void print_daemonset(struct row *r);
void print_job(struct row *r);
void print_cronjob(struct row *r);
void print_device_class(struct row *r); /* and templates: only an age */
void print_resource_claim(struct row *r);
void print_resource_slice(struct row *r);
void print_volume(struct row *r);
void print_volume_claim(struct row *r);
void print_storage_class(struct row *r);
void print_csi_node(struct row *r);
void print_volume_attachment(struct row *r);
