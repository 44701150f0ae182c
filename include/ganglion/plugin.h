/* SPDX-License-Identifier: Apache-2.0
 * Scheduler plugins of your own for Ganglion, as shared libraries. Version 1.
 *
 * A plugin is one constant that the library exports:
 *
 *     const struct ganglion_plugin ganglion_plugin = {
 *         .size = sizeof ganglion_plugin, .version = GANGLION_PLUGIN_VERSION,
 *         .name = "Cheapest", .score = score,
 *     };
 *
 * C99 or C++, and no symbol of ours: what you may ask comes as a table of functions, struct
 * ganglion_host. Tutorial: docs/guides/write-a-plugin.md.
 *
 * What you may rely on
 *   - All hooks run on one thread, the scheduler's, and never at the same time. `start` is called
 *     once more before, in a process that only tries the plugin and ends.
 *   - Texts that you are given end with NUL, are ours, and live until your hook returns.
 *   - Pods and nodes are ours too. Their pointers are good until your hook returns.
 * What you must do
 *   - Answer from the pod, the node and your arguments alone: answers are kept, and asked anew only
 *     when the pod's or the node's labels, annotations or amounts change.
 *   - Answer within GANGLION_BUDGET_US. Ten late answers in a row, or one that takes a second, and
 *     the plugin is switched off.
 *   - Keep what you allocate in `self`, and free it in `stop`.
 * An answer that breaks a rule is ignored, counted and logged once. A crash ends the scheduler's
 * process, with a last line that names your plugin.
 *
 * How it grows: a later version adds members at the ends of structs and keeps
 * GANGLION_PLUGIN_VERSION while old plugins work. `size` says which members the other side knows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GANGLION_PLUGIN_VERSION 1
#define GANGLION_BUDGET_US 10000
#define GANGLION_WHY_BYTES 160 /* room for a reason, its NUL included */

struct ganglion_pod;  /* ours */
struct ganglion_node; /* ours */

/* What you may ask us. Texts are NULL, and amounts 0, where there is none. Amounts are whole units
 * (bytes, devices), of "cpu" thousandths. */
struct ganglion_host {
    int32_t size; /* of this struct, as we know it */
    int32_t version;
    const char *(*pod_label)(const struct ganglion_pod *pod, const char *key);
    const char *(*pod_annotation)(const struct ganglion_pod *pod, const char *key);
    /* A member of its spec: "priorityClassName", "containers.0.image", a text as it is, anything
     * else as JSON. Not volumes, hostname and nodeName, in which pods of one template differ. */
    const char *(*pod_spec)(const struct ganglion_pod *pod, const char *path);
    const char *(*pod_namespace)(const struct ganglion_pod *pod);
    int64_t (*pod_request)(const struct ganglion_pod *pod, const char *resource);
    const char *(*node_name)(const struct ganglion_node *node);
    const char *(*node_label)(const struct ganglion_node *node, const char *key);
    const char *(*node_annotation)(const struct ganglion_node *node, const char *key);
    int64_t (*node_allocatable)(const struct ganglion_node *node, const char *resource);
    /* Requested by the pods that are there now. */
    int64_t (*node_used)(const struct ganglion_node *node, const char *resource);
};

/* Verdicts of `filter`. */
#define GANGLION_FITS 0
#define GANGLION_FULL 1  /* not now: it would if other pods left */
#define GANGLION_NEVER 2 /* not, whoever leaves */

struct ganglion_plugin {
    int32_t size; /* sizeof(struct ganglion_plugin) */
    int32_t version;
    const char
        *name; /* as KubeSchedulerConfiguration calls it; letters, digits, "-", "_", ".": 63 */
    const char *help; /* one line; may be NULL */

    /* Once for each profile that enables the plugin. args: its JSON from pluginConfig, "{}" when
     * there is none. Put what the other hooks shall be given into *self. Not 0: the scheduler does
     * not start, and tells the user what you wrote into why[room]. May be NULL. */
    int32_t (*start)(const struct ganglion_host *host,
                     const char *args,
                     void **self,
                     char *why,
                     size_t room);
    void (*stop)(void *self); /* may be NULL */

    /* May this pod go to this node? When not, write into why[room] the reason as it follows a
     * number of nodes: "node(s) had no licence". UTF-8, one line. NULL: all nodes fit. */
    int32_t (*filter)(void *self,
                      const struct ganglion_pod *pod,
                      const struct ganglion_node *node,
                      char *why,
                      size_t room);
    /* How good is this node, 0 to 100; with `normalise` any finite number. NULL: no opinion. */
    double (*score)(void *self, const struct ganglion_pod *pod, const struct ganglion_node *node);
    /* Makes scores of n nodes, those on which the pod fits, 0 to 100, in place. May be NULL. */
    void (*normalise)(void *self, double *scores, size_t n);
};

/* The one symbol that we look for. */
extern const struct ganglion_plugin ganglion_plugin;

#ifdef __cplusplus
}
#endif
