/* SPDX-License-Identifier: Apache-2.0
 * plugins — the table of all scheduler plugins. The order is that in which filters run and reasons
 * are found; for the in-tree ones it is kube-scheduler's. To add one, write plugins/NAME.c and a
 * row here and in plugins.h. */
#include "scheduler/plugins.h"

#include <assert.h>

const struct sched_plugin *const sched_plugins[] = {
    &node_unschedulable_plugin,
    &node_name_plugin,
    &taint_toleration_plugin,
    &node_affinity_plugin,
    &node_ports_plugin,
    &node_resources_fit_plugin,
    &volume_restrictions_plugin,
    &node_volume_limits_plugin,
    &volume_binding_plugin,
    &volume_zone_plugin,
    &numa_topology_plugin, /* reserves before GPUDevices: cells decide devices */
    &gpu_devices_plugin,
    &pod_topology_spread_plugin,
    &inter_pod_affinity_plugin,
    &dynamic_resources_plugin,
    &balanced_allocation_plugin,
    &image_locality_plugin,
    &backfill_plugin,
    &extenders_plugin, /* after all others, as they are asked */
};

const size_t sched_plugins_count = COUNT_OF(sched_plugins);
static_assert(COUNT_OF(sched_plugins) <= SCHED_PLUGINS_MAX, "raise SCHED_PLUGINS_MAX");
