/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of what HTTP extenders answer: an answer to a filter (before the first NUL byte) and
 * one to prioritize (after it) about three nodes; the first also as an answer about victims. What-
 * ever they say, each node has one verdict, a rejected one a reason, scores are in range, and
 * nobody leaves who was not proposed. */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "scheduler/config/config.h"
#include "scheduler/extender/extender_talk.h"

#define WEIGHT 7

static struct kobj *object(const char *text)
{
    struct kobj *o = NULL;
    int rc = kobj_parse(&o, str_from(text), &json_limits_own, NULL);
    assert(rc == 0);
    return o;
}

static void check(const struct extender_answer *said)
{
    assert(said->n == 3);
    for (size_t i = 0; i < said->n; i++) {
        const struct extender_node *n = &said->nodes[i];
        assert(extender_answer_find(said, n->name) == n);
        assert(n->verdict == SCHED_OK || n->why.n > 0);
        assert(n->score >= 0 && n->score <= SCHED_SCORE_MAX * WEIGHT);
    }
}

static void ask_about_victims(const struct extenders *x,
                              const struct kobj *pod,
                              struct kobj *const *nodes,
                              struct str answer)
{
    struct kobj *victims[2] = {
        object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"v\","
               "\"namespace\":\"d\",\"uid\":\"u1\"},\"spec\":{}}"),
        object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"w\","
               "\"namespace\":\"d\",\"uid\":\"u2\"},\"spec\":{}}"),
    };
    const struct kobj *const both[] = { victims[0], victims[1] };
    const struct talk_proposal list[] = { { nodes[1], both, 2, 1 }, { nodes[0], both, 1, 0 } };
    struct talk *t = talk_new_victims(x, pod, list, 2);
    struct talk_request r;
    struct str complaint;
    while (talk_next(t, &r))
        talk_hear(t, 200, answer, STR(""), &complaint);
    struct extender_answer *said = talk_take(t);
    assert(said->of_victims && said->n == 0 && said->n_offers == 2);
    for (size_t i = 0; i < 2; i++) {
        const struct extender_offer *o = &said->offers[i];
        assert(extender_answer_offer(said, o->node) == o && o->n == 1 + i);
        assert(o->violations >= 0 && o->violations <= (int64_t)extender_offer_leaving(o));
    }
    extender_answer_free(said);
    talk_free(t);
    kobj_unref(victims[0]);
    kobj_unref(victims[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char config[] =
        "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, extenders: "
        "[{urlPrefix: 'http://x', filterVerb: f, prioritizeVerb: p, preemptVerb: v, weight: 7, "
        "nodeCacheCapable: true}]}";
    const uint8_t *split = n ? memchr(data, 0, n) : NULL;
    size_t first = split ? (size_t)(split - data) : n;
    struct str answers[2] = { str_make(data, first),
                              split ? str_make(split + 1, n - first - 1) : STR("[]") };
    struct sched_config c;
    int rc = sched_config_parse(&c, str_from(config), NULL);
    assert(rc == 0);
    struct kobj *pod =
        object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
               "\"namespace\":\"d\"},\"spec\":{\"containers\":[]}}");
    struct kobj *nodes[3] = {
        object("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}"),
        object("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"b\"}}"),
        object("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"c\"}}"),
    };
    const struct kobj *const list[] = { nodes[0], nodes[1], nodes[2] };
    struct talk *t = talk_new(c.extenders, pod, list, 3);
    struct talk_request r;
    struct str complaint;
    for (size_t i = 0; i < 2 && talk_next(t, &r); i++)
        talk_hear(t, 200, answers[i], STR(""), &complaint);
    struct extender_answer *said = talk_take(t);
    check(said);
    extender_answer_free(said);
    talk_free(t);
    ask_about_victims(c.extenders, pod, nodes, answers[0]);
    for (size_t i = 0; i < 3; i++)
        kobj_unref(nodes[i]);
    kobj_unref(pod);
    sched_config_fini(&c);
    return 0;
}
