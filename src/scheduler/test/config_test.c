/* SPDX-License-Identifier: Apache-2.0
 * KubeSchedulerConfiguration files: published ones load, wrong ones are told what is wrong. */
#include "scheduler/config/config.h"

#include "testkit/check.h"

#define HEAD                                                                                       \
    "apiVersion: kubescheduler.config.k8s.io/v1\n"                                                 \
    "kind: KubeSchedulerConfiguration\n"

static const struct profile *find(const struct sched_config *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (str_is(c->profiles[i]->name, name))
            return c->profiles[i];
    }
    CHECK(false);
    return NULL;
}

static const struct profile_plugin *plugin(const struct profile *p, const char *name)
{
    int at = profile_find(p, str_from(name));
    CHECK(at >= 0);
    return &p->plugins[at];
}

/* The configuration that KubeNexus publishes in its README. */
static void test_kubenexus_own(void **state)
{
    (void)state;
    struct sched_config c;
    struct err err = { 0 };
    CHECK_OK(sched_config_parse(&c,
                                STR(HEAD "profiles:\n"
                                         "  - schedulerName: kubenexus-scheduler\n"
                                         "    plugins:\n"
                                         "      queueSort:\n"
                                         "        enabled:\n"
                                         "          - name: Coscheduling\n"
                                         "      preFilter:\n"
                                         "        enabled:\n"
                                         "          - name: Coscheduling\n"
                                         "      permit:\n"
                                         "        enabled:\n"
                                         "          - name: Coscheduling\n"
                                         "      score:\n"
                                         "        enabled:\n"
                                         "          - name: NUMATopology\n"
                                         "            weight: 10\n"),
                                &err),
             err);
    CHECK_I64(plugin(find(&c, "kubenexus-scheduler"), "NUMATopology")->weight, 10);
    CHECK_I64(c.warnings.n, 0);
    find(&c, "ganglion"); /* the others are still there */
    find(&c, "default-scheduler");
    sched_config_fini(&c);
}

static void test_enable_disable_and_arguments(void **state)
{
    (void)state;
    struct sched_config c;
    struct err err = { 0 };
    CHECK_OK(sched_config_parse(&c,
                                STR(HEAD "podInitialBackoffSeconds: 2\n"
                                         "podMaxBackoffSeconds: 20\n"
                                         "profiles:\n"
                                         "- schedulerName: packing\n"
                                         "  plugins:\n"
                                         "    score:\n"
                                         "      disabled: [{name: '*'}]\n"
                                         "      enabled: [{name: NodeResourcesFit, weight: 7}]\n"
                                         "    filter:\n"
                                         "      disabled: [{name: NodePorts}]\n"
                                         "    postFilter:\n"
                                         "      enabled: [{name: DefaultPreemption}]\n"
                                         "  pluginConfig:\n"
                                         "  - name: NodeResourcesFit\n"
                                         "    args: {scoringStrategy: {type: MostAllocated}}\n"),
                                &err),
             err);
    const struct profile *p = find(&c, "packing");
    CHECK_I64(plugin(p, "NodeResourcesFit")->weight, 7);
    CHECK(plugin(p, "NodeResourcesFit")->scores);
    CHECK(!plugin(p, "TaintToleration")->scores && plugin(p, "TaintToleration")->filters);
    CHECK(!plugin(p, "NodePorts")->filters);
    CHECK(p->preempts);
    CHECK_I64(c.backoff_max_ns, 20 * NS_PER_S);
    sched_config_fini(&c);
}

static void test_preemption_is_configured(void **state)
{
    (void)state;
    struct sched_config c;
    struct err err = { 0 };
    CHECK_OK(sched_config_parse(
                 &c,
                 STR(HEAD "parallelism: 8\n"
                          "percentageOfNodesToScore: 50\n"
                          "leaderElection: {leaderElect: true, leaseDuration: 15s}\n"
                          "clientConnection: {qps: 50.5, burst: 100}\n"
                          "profiles:\n"
                          "- schedulerName: some\n"
                          "  pluginConfig:\n"
                          "  - name: DefaultPreemption\n"
                          "    args: {minCandidateNodesPercentage: 0, "
                          "minCandidateNodesAbsolute: 7}\n"
                          "- schedulerName: none\n"
                          "  percentageOfNodesToScore: 20\n"
                          "  plugins: {postFilter: {disabled: [{name: DefaultPreemption}]}}\n"
                          "- schedulerName: no-points\n"
                          "  plugins: {multiPoint: {disabled: [{name: '*'}]}}\n"
                          "- schedulerName: again\n"
                          "  plugins: {postFilter: {disabled: [{name: '*'}], "
                          "enabled: [{name: DefaultPreemption}]}}\n"),
                 &err),
             err);
    CHECK_I64(find(&c, "some")->sample_percent, 50);
    CHECK_I64(find(&c, "none")->sample_percent, 20);
    CHECK_I64(find(&c, "ganglion")->sample_percent, 50);
    CHECK_I64(find(&c, "some")->preempt.min_candidates, 7);
    CHECK_I64(find(&c, "some")->preempt.min_candidates_percent, 0);
    CHECK_I64(find(&c, "none")->preempt.min_candidates, 100);
    CHECK(find(&c, "some")->preempts && !find(&c, "none")->preempts);
    CHECK(!find(&c, "no-points")->preempts && find(&c, "again")->preempts);
    sched_config_fini(&c);
}

static const struct {
    const char *text, *says;
} wrong_ones[] = {
    { "kind: Pod\napiVersion: v1\n", "not a KubeSchedulerConfiguration" },
    { HEAD "profiles: [{plugins: {score: {enabled: [{name: Nope}]}}}]\n",
      "unknown plugin \"Nope\"; known, the nearest first: NodeName, NodePorts" },
    { HEAD "profiles: [{plugins: {sort: {}}}]\n", "profiles[0].plugins: unknown field \"sort\"" },
    { HEAD "profiles: [{}, {schedulerName: default-scheduler}]\n", "two profiles" },
    { HEAD "podInitialBackoffSeconds: 0\n", "podInitialBackoffSeconds: must be" },
    { HEAD "profiles: [{pluginConfig: [{name: Consolidation, args: {maxMoves: 0}}]}]\n",
      "profiles[0].pluginConfig[0].args.maxMoves: must be 1 to 256, not 0" },
    { HEAD "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: "
           "{type: Best}}}]}]\n",
      "profiles[0].pluginConfig[0].args.scoringStrategy.type: must be one of" },
    { HEAD "profiles: [{plugins: {score: {enabled: [{name: NodeResourcesFit, weight: -1}]}}}]\n",
      "profiles[0].plugins.score.enabled[0].weight: must be 0 to 10000, not -1" },
    { HEAD "paralellism: 3\n", "unknown field \"paralellism\"" },
    { HEAD "parallelism: 0\n", "parallelism: must be 1 or more, not 0" },
    { HEAD "percentageOfNodesToScore: 101\n", "percentageOfNodesToScore: must be 0 to 100" },
    { HEAD "leaderElection: {leaderElect: 1}\n",
      "leaderElection.leaderElect: must be true or false" },
    { HEAD "leaderElection: {leaseDuration: 5s}\n", "must be greater than renewDeadline" },
    { HEAD "clientConnection: {burst: -1}\n", "clientConnection.burst: must be 0 or more" },
    { HEAD "profiles: [{name: x}]\n", "profiles[0]: unknown field \"name\"" },
    { HEAD "profiles: [{pluginConfig: [{name: DefaultPreemption, args: "
           "{minCandidateNodesPercentage: 200}}]}]\n",
      "minCandidateNodesPercentage: must be 0 to 100, not 200" },
    { HEAD "profiles: [{pluginConfig: [{name: DefaultPreemption, args: "
           "{minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}}]}]\n",
      "cannot both be zero" },
    { HEAD "profiles: [{pluginConfig: [{name: NodeAffinity}, {name: NodeAffinity}]}]\n",
      "stands there twice" },
    { HEAD "profiles: [{}, {schedulerName: b, pluginConfig: [{name: NodePorts}, {name: "
           "NodeResourcesFit, args: {scoringStrategy: {resources: [{name: cpu, wieght: 2}]}}}]}]\n",
      "profiles[1].pluginConfig[1].args.scoringStrategy.resources[0]: unknown field "
      "\"wieght\"" },
    { HEAD "profiles: [{pluginConfig: [{name: InterPodAffinity, args: "
           "{hardPodAffinityWeight: 101}}]}]\n",
      "args.hardPodAffinityWeight: must be 0 to 100" },
    { HEAD "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: "
           "[{maxSkew: 0}], defaultingType: List}}]}]\n",
      "args.defaultConstraints[0].maxSkew: must be 1 or more, not 0" },
    { HEAD "profiles: [{pluginConfig: [{name: VolumeBinding, args: {shape: "
           "[{utilization: 0, score: 11}]}}]}]\n",
      "args.shape[0].score: must be 0 to 10" },
    { HEAD "profiles: [{pluginConfig: [{name: DynamicResources, args: {bindingTimeout: 1ms}}]}]\n",
      "bindingTimeout: must be a duration of a second at least" },
    { HEAD "profiles: [{pluginConfig: [{name: DynamicResources, args: {filterTimeout: 3}}]}]\n",
      "args.filterTimeout: must be a duration" },
    { HEAD "profiles: [{pluginConfig: [{name: NodeName, args: {x: 1}}]}]\n",
      "profiles[0].pluginConfig[0].args: unknown field \"x\"" },
    { HEAD "extenders: [{urlPrefix: 'ftp://x'}]\n", "extenders[0]: urlPrefix: \"ftp://x\" must" },
    { HEAD "extenders: [{urlPrefix: 'http://x', prioritizeVerb: p}]\n",
      "extenders[0]: weight: must be 1 to 10000" },
    { HEAD "extenders: [{urlPrefix: 'http://x', weigth: 1}]\n",
      "extenders[0]: unknown field \"weigth\"" },
    { HEAD "extenders: [{urlPrefix: 'http://x', httpTimeout: 0s}]\n",
      "extenders[0].httpTimeout: must be greater than zero" },
    { HEAD "extenders: [{urlPrefix: 'http://x', bindVerb: b}, {urlPrefix: 'http://y', "
           "bindVerb: b}]\n",
      "extenders[1]: bindVerb: only one extender may bind" },
    { HEAD "extenders: [{urlPrefix: 'http://x', managedResources: [{name: cpu}]}]\n",
      "managedResources[0].name: \"cpu\" is no extended resource" },
    { HEAD "extenders: [{urlPrefix: 'http://x', managedResources: [{name: a.io/x}, {name: "
           "a.io/x}]}]\n",
      "managedResources[1].name: \"a.io/x\" is managed twice" },
    { HEAD "extenders: [{urlPrefix: 'https://x', tlsConfig: {certData: 'YQ=='}}]\n",
      "tlsConfig: a client certificate needs" },
    { HEAD "extenders: [{urlPrefix: 'https://x', tlsConfig: {caData: '*'}}]\n",
      "extenders[0]: tlsConfig.caData" },
};

static void test_wrong_ones_say_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong_ones); i++) {
        struct sched_config c;
        struct err err = { 0 };
        CHECK_FAILS(sched_config_parse(&c, str_from(wrong_ones[i].text), &err), err, ERR_INVALID);
        if (!strstr(err.msg, wrong_ones[i].says))
            print_message("case %zu says: %s\n", i, err.msg);
        CHECK(strstr(err.msg, wrong_ones[i].says) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kubenexus_own),
        cmocka_unit_test(test_enable_disable_and_arguments),
        cmocka_unit_test(test_preemption_is_configured),
        cmocka_unit_test(test_wrong_ones_say_what),
    };
    return CHECK_MAIN(tests);
}
