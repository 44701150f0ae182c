/* SPDX-License-Identifier: Apache-2.0
 * config_rows — see config_rows.h. Names and ranges: kubescheduler.config.k8s.io/v1 of Kubernetes
 * 1.36 and Coscheduling of scheduler-plugins. */
#include "scheduler/config/config_rows.h"

#include "base/mem.h"
#include "base/str.h"

#define TABLE(name, ...)                                                                           \
    static const struct config_table name = { .rows = (const struct config_row[]){                 \
                                                  __VA_ARGS__, { 0 } } } /* rows */
#define TEXT(n)                                                                                    \
    {                                                                                              \
        .name = n, .want = WANT_TEXT                                                               \
    } /* of any kind */
#define CHOICE(n, words)                                                                           \
    {                                                                                              \
        .name = n, .want = WANT_TEXT, .one_of = words                                              \
    } /* one of them */
#define BOOL(n)                                                                                    \
    {                                                                                              \
        .name = n, .want = WANT_BOOL                                                               \
    } /* true or false */
#define NUMBER(n, from, to)                                                                        \
    {                                                                                              \
        .name = n, .want = WANT_NUMBER, .min = from, .max = to                                     \
    } /* both included */
#define DURATION(n)                                                                                \
    {                                                                                              \
        .name = n, .want = WANT_DURATION, .min = 1, .max = INT64_MAX                               \
    } /* longer than nothing */
#define OBJECT(n, table)                                                                           \
    {                                                                                              \
        .name = n, .want = WANT_OBJECT, .of = &table                                               \
    } /* members by that table */
#define LIST(n, table)                                                                             \
    {                                                                                              \
        .name = n, .want = WANT_LIST, .of = table                                                  \
    } /* NULL: texts */

/* ---- arguments of plugins ---- */

/* What every args object may say about itself. */
#define TYPE_ROWS TEXT("apiVersion"), TEXT("kind") /* two rows */

TABLE(resource_table, TEXT("name"), NUMBER("weight", 0, 100));
TABLE(point_table, NUMBER("utilization", 0, 100), NUMBER("score", 0, 10));
TABLE(ratio_table, LIST("shape", &point_table));
TABLE(strategy_table,
      LIST("resources", &resource_table),
      OBJECT("requestedToCapacityRatio", ratio_table),
      CHOICE("type", "LeastAllocated MostAllocated RequestedToCapacityRatio"));
TABLE(fit_table,
      TYPE_ROWS,
      LIST("ignoredResourceGroups", NULL),
      LIST("ignoredResources", NULL),
      OBJECT("scoringStrategy", strategy_table));
TABLE(balanced_table, TYPE_ROWS, LIST("resources", &resource_table));
TABLE(need_table,
      TEXT("key"),
      CHOICE("operator", "In NotIn Exists DoesNotExist Gt Lt"),
      LIST("values", NULL));
TABLE(term_table, LIST("matchExpressions", &need_table), LIST("matchFields", &need_table));
TABLE(selector_table, LIST("nodeSelectorTerms", &term_table));
TABLE(preference_table, OBJECT("preference", term_table), NUMBER("weight", 1, 100));
TABLE(added_table,
      LIST("preferredDuringSchedulingIgnoredDuringExecution", &preference_table),
      OBJECT("requiredDuringSchedulingIgnoredDuringExecution", selector_table));
TABLE(node_affinity_table, TYPE_ROWS, OBJECT("addedAffinity", added_table));
TABLE(pod_affinity_table,
      TYPE_ROWS,
      NUMBER("hardPodAffinityWeight", 0, 100),
      BOOL("ignorePreferredTermsOfExistingPods"));
TABLE(constraint_table,
      NUMBER("maxSkew", 1, INT32_MAX),
      TEXT("topologyKey"),
      CHOICE("whenUnsatisfiable", "DoNotSchedule ScheduleAnyway"));
TABLE(spread_table,
      TYPE_ROWS,
      LIST("defaultConstraints", &constraint_table),
      CHOICE("defaultingType", "System List"));
TABLE(preemption_table,
      TYPE_ROWS,
      NUMBER("minCandidateNodesAbsolute", 0, INT32_MAX),
      NUMBER("minCandidateNodesPercentage", 0, 100));
TABLE(volume_table,
      TYPE_ROWS,
      NUMBER("bindTimeoutSeconds", 0, INT32_MAX),
      LIST("shape", &point_table));
TABLE(device_table, TYPE_ROWS, DURATION("bindingTimeout"), DURATION("filterTimeout"));
TABLE(coscheduling_table,
      TYPE_ROWS,
      NUMBER("permitWaitingTimeSeconds", 0, INT32_MAX),
      NUMBER("podGroupBackoffSeconds", 0, INT32_MAX));
TABLE(consolidation_table, TYPE_ROWS, NUMBER("maxMoves", 1, 256), DURATION("period"));
TABLE(provisioning_table, TYPE_ROWS, TEXT("provisioningClassName"), DURATION("wait"));
TABLE(no_args_table, TYPE_ROWS);

static const struct {
    const char *plugin;
    const struct config_table *table;
} args_of[] = {
    { "Consolidation", &consolidation_table },
    { "Coscheduling", &coscheduling_table },
    { "DefaultBinder", &no_args_table },
    { "DefaultPreemption", &preemption_table },
    { "DynamicResources", &device_table },
    { "GPUDevices", &no_args_table },
    { "ImageLocality", &no_args_table },
    { "InterPodAffinity", &pod_affinity_table },
    { "NUMATopology", &no_args_table },
    { "NodeAffinity", &node_affinity_table },
    { "NodeName", &no_args_table },
    { "NodePorts", &no_args_table },
    { "NodeResourcesBalancedAllocation", &balanced_table },
    { "NodeResourcesFit", &fit_table },
    { "NodeUnschedulable", &no_args_table },
    { "NodeVolumeLimits", &no_args_table },
    { "PodTopologySpread", &spread_table },
    { "PrioritySort", &no_args_table },
    { "ProvisioningRequest", &provisioning_table },
    { "SchedulingGates", &no_args_table },
    { "TaintToleration", &no_args_table },
    { "VolumeBinding", &volume_table },
    { "VolumeRestrictions", &no_args_table },
    { "VolumeZone", &no_args_table },
};

const struct config_table *config_args_table(struct str plugin)
{
    for (size_t i = 0; i < COUNT_OF(args_of); i++) {
        if (str_is(plugin, args_of[i].plugin))
            return args_of[i].table;
    }
    return NULL;
}

/* ---- the file ---- */

TABLE(managed_table, BOOL("ignoredByScheduler"), TEXT("name"));
TABLE(tls_table,
      TEXT("caData"),
      TEXT("caFile"),
      TEXT("certData"),
      TEXT("certFile"),
      BOOL("insecure"),
      TEXT("keyData"),
      TEXT("keyFile"),
      TEXT("serverName"));
TABLE(extender_table,
      TEXT("bindVerb"),
      BOOL("enableHTTPS"),
      TEXT("filterVerb"),
      DURATION("httpTimeout"),
      BOOL("ignorable"),
      LIST("managedResources", &managed_table),
      BOOL("nodeCacheCapable"),
      TEXT("preemptVerb"),
      TEXT("prioritizeVerb"),
      OBJECT("tlsConfig", tls_table),
      TEXT("urlPrefix"),
      NUMBER("weight", 0, INT32_MAX));
TABLE(leader_table,
      BOOL("leaderElect"),
      DURATION("leaseDuration"),
      DURATION("renewDeadline"),
      CHOICE("resourceLock", "leases"),
      TEXT("resourceName"),
      TEXT("resourceNamespace"),
      DURATION("retryPeriod"));
TABLE(client_table,
      TEXT("acceptContentTypes"),
      NUMBER("burst", 0, INT32_MAX),
      TEXT("contentType"),
      TEXT("kubeconfig"),
      { .name = "qps", .want = WANT_FRACTION });
TABLE(named_table, TEXT("name"), NUMBER("weight", 0, 10000));
TABLE(set_table, LIST("disabled", &named_table), LIST("enabled", &named_table));
TABLE(points_table,
      OBJECT("bind", set_table),
      OBJECT("filter", set_table),
      OBJECT("multiPoint", set_table),
      OBJECT("permit", set_table),
      OBJECT("postBind", set_table),
      OBJECT("postFilter", set_table),
      OBJECT("preBind", set_table),
      OBJECT("preEnqueue", set_table),
      OBJECT("preFilter", set_table),
      OBJECT("preScore", set_table),
      OBJECT("queueSort", set_table),
      OBJECT("reserve", set_table),
      OBJECT("score", set_table));
TABLE(plugin_config_table, TEXT("name"), { .name = "args", .want = WANT_ARGS });
TABLE(profile_table,
      NUMBER("percentageOfNodesToScore", 0, 100),
      LIST("pluginConfig", &plugin_config_table),
      OBJECT("plugins", points_table),
      TEXT("schedulerName"));

const struct config_table config_file_table = { .rows = (const struct config_row[]){
                                                    TEXT("apiVersion"),
                                                    OBJECT("clientConnection", client_table),
                                                    BOOL("delayCacheUntilActive"),
                                                    BOOL("enableContentionProfiling"),
                                                    BOOL("enableProfiling"),
                                                    LIST("extenders", &extender_table),
                                                    TEXT("kind"),
                                                    OBJECT("leaderElection", leader_table),
                                                    NUMBER("parallelism", 1, INT32_MAX),
                                                    NUMBER("percentageOfNodesToScore", 0, 100),
                                                    NUMBER("podInitialBackoffSeconds", 1, 3600),
                                                    NUMBER("podMaxBackoffSeconds", 1, 3600),
                                                    LIST("profiles", &profile_table),
                                                    { 0 } } };
