/* SPDX-License-Identifier: Apache-2.0
 * volume_zone — volumes that are in a zone or region by their labels, as those of before node
 * affinity are. Pure. */
#include "scheduler/framework.h"
#include "scheduler/volumes/volumes.h"

struct zone_state {
    const struct volume_zone *zones;
    size_t n;
};

static enum prepare zone_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    struct str reason;
    if (!c->pod->volumes)
        return PREPARE_SKIP;
    struct zone_state *st = ARENA_NEW(c->a, struct zone_state);
    st->zones = volumes_zones(c->pod, c->a, &st->n, &reason);
    if (!st->zones) {
        why_add(why, reason);
        return PREPARE_REJECT;
    }
    run->state = st;
    return st->n ? PREPARE_OK : PREPARE_SKIP;
}

static enum verdict zone_filter(const struct sched_cycle *c,
                                const struct plugin_run *run,
                                uint32_t node,
                                struct why *why)
{
    const struct zone_state *st = run->state;
    if (volumes_are_in_zone(st->zones, st->n, c->snap->nodes.items[node]))
        return SCHED_OK;
    why_add(why, STR("node(s) had no available volume zone"));
    return SCHED_UNRESOLVABLE;
}

const struct sched_plugin volume_zone_plugin = {
    .name = "VolumeZone",
    .help = "volumes that are in a zone by their labels",
    .scope = SCOPE_CLUSTER,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_STORAGE,
    .prepare = zone_prepare,
    .filter = zone_filter,
};
