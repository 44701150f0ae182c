/* SPDX-License-Identifier: Apache-2.0
 * plugins — the in-tree plugins, for plugins.c and their unit tests. */
#pragma once

#include "scheduler/framework.h"

extern const struct sched_plugin backfill_plugin;
extern const struct sched_plugin balanced_allocation_plugin;
extern const struct sched_plugin dynamic_resources_plugin;
extern const struct sched_plugin extenders_plugin;
extern const struct sched_plugin gpu_devices_plugin;
extern const struct sched_plugin image_locality_plugin;
extern const struct sched_plugin inter_pod_affinity_plugin;
extern const struct sched_plugin node_affinity_plugin;
extern const struct sched_plugin node_name_plugin;
extern const struct sched_plugin node_ports_plugin;
extern const struct sched_plugin node_resources_fit_plugin;
extern const struct sched_plugin node_unschedulable_plugin;
extern const struct sched_plugin node_volume_limits_plugin;
extern const struct sched_plugin numa_topology_plugin;
extern const struct sched_plugin pod_topology_spread_plugin;
extern const struct sched_plugin taint_toleration_plugin;
extern const struct sched_plugin volume_binding_plugin;
extern const struct sched_plugin volume_restrictions_plugin;
extern const struct sched_plugin volume_zone_plugin;

/* How long a pod's devices may take to be made ready (bindingTimeout), by the arguments of
 * DynamicResources. */
int64_t dynamic_resources_timeout_ns(const void *args);

/* How long a pod's volumes may take to be bound (bindTimeoutSeconds), by the arguments of
 * VolumeBinding. */
int64_t volume_binding_timeout_ns(const void *args);
