/* SPDX-License-Identifier: Apache-2.0
 * names — labels and annotations of our own that more than one module reads or writes. Names that
 * others publish stand where they are used. */
#pragma once

#define NAME_WHY "scheduling.ganglion.io/why" /* pod: explanation of a wait, JSON (explain.h) */
#define NAME_DEVICES "scheduling.ganglion.io/devices" /* pod: "nvidia.com/gpu=0,1" */
/* pod: "nvidia.com/gpu=2:500m:12288Mi", parts of devices: indexes, milli and memory of each */
#define NAME_DEVICE_PARTS "scheduling.ganglion.io/device-parts"
#define NAME_NUMA_CELLS "scheduling.ganglion.io/numa-cells" /* pod: "0" */
#define NAME_TOPOLOGY "scheduling.ganglion.io/topology"     /* node: cells and devices, JSON */
#define NAME_MIG "scheduling.ganglion.io/mig"               /* node: "0=1g.10gb@0* 3g.40gb@4;1=" */
#define NAME_EXECUTOR "node.ganglion.io/executor"           /* node: "local" or "simulated" */
#define NAME_RUN_TIME "scheduling.ganglion.io/run-time"     /* pod: "2h", how long it will run */
/* node: "0,2", cells that are short of memory: new pods with a NUMA wish avoid them */
#define NAME_CELL_PRESSURE "node.ganglion.io/cells-under-memory-pressure"
/* pod: "2m" and "trainer=SIGUSR1", what it wants before it is evicted; by when it is (checkpoint.h)
 */
#define NAME_CHECKPOINT_TIME "scheduling.ganglion.io/checkpoint-time"
#define NAME_CHECKPOINT_SIGNAL "scheduling.ganglion.io/checkpoint-signal"
#define NAME_CHECKPOINT_BY "scheduling.ganglion.io/checkpoint-by"
/* condition of a pod: its gang is bound in part, and nobody would make it anew if it was evicted */
#define NAME_BOUND_IN_PART "scheduling.ganglion.io/GangBoundInPart"
#define NAME_MIN_RUNTIME "scheduling.ganglion.io/min-runtime" /* pod: "10m" before preemption */
