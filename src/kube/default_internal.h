/* SPDX-License-Identifier: Apache-2.0
 * default_internal — shared by default.c, default_pod.c and default_kinds.c. Each function gets
 * the whole normalised object. */
#pragma once

#include "codec/jnode.h"
#include "kube/kind.h"

typedef void (*default_fn)(struct arena *a, struct jnode *root);

/* Sets a member that is absent or null. */
static inline void
default_str(struct arena *a, struct jnode *obj, const char *key, const char *text)
{
    if (jnode_type(obj) == JSON_OBJ && jnode_type(jnode_get(obj, str_from(key))) <= JSON_NULL)
        jnode_set(obj, str_from(key), jnode_str(a, str_from(text)));
}

static inline void default_i64(struct arena *a, struct jnode *obj, const char *key, int64_t value)
{
    if (jnode_type(obj) == JSON_OBJ && jnode_type(jnode_get(obj, str_from(key))) <= JSON_NULL)
        jnode_set(obj, str_from(key), jnode_i64(a, value));
}

static inline void default_bool(struct arena *a, struct jnode *obj, const char *key, bool value)
{
    if (jnode_type(obj) == JSON_OBJ && jnode_type(jnode_get(obj, str_from(key))) <= JSON_NULL)
        jnode_set(obj, str_from(key), jnode_bool(a, value));
}

void default_pod(struct arena *a, struct jnode *root);
void default_replication_controller(struct arena *a, struct jnode *root);
void default_deployment(struct arena *a, struct jnode *root);
void default_replica_set(struct arena *a, struct jnode *root);
void default_daemon_set(struct arena *a, struct jnode *root);
void default_stateful_set(struct arena *a, struct jnode *root);
void default_job(struct arena *a, struct jnode *root);
void default_cron_job(struct arena *a, struct jnode *root);
void default_pod_template(struct arena *a, struct jnode *root);
void default_service(struct arena *a, struct jnode *root);
void default_node(struct arena *a, struct jnode *root);
void default_namespace(struct arena *a, struct jnode *root);
void default_secret(struct arena *a, struct jnode *root);
void default_limit_range(struct arena *a, struct jnode *root);
void default_network_policy(struct arena *a, struct jnode *root);
void default_role_binding(struct arena *a, struct jnode *root);
void default_hpa_v2(struct arena *a, struct jnode *root);
void default_crd(struct arena *a, struct jnode *root);
void default_csi_driver(struct arena *a, struct jnode *root);
void default_resource_claim(struct arena *a, struct jnode *root);
