/* SPDX-License-Identifier: Apache-2.0
 * pod — decoding of Pods by field tables; see pod.h. The sum of requests is in pod_requests.c, what
 * lies under status in pod_status.c. */
#include "kube/pod.h"

#include <assert.h>

#include "kube/lens.h"

/* ---- texts of enums: the first row is what absent and unknown texts mean ---- */

struct word {
    struct str text;
    int value;
};

static int word_value(const struct word *words, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(words[i].text, text))
            return words[i].value;
    }
    return words[0].value;
}
#define WORD_VALUE(words, text) word_value(words, COUNT_OF(words), text) /* counts the array */

static const struct word phases[] = {
    { STR_INIT("Pending"), POD_PENDING },     { STR_INIT("Running"), POD_RUNNING },
    { STR_INIT("Succeeded"), POD_SUCCEEDED }, { STR_INIT("Failed"), POD_FAILED },
    { STR_INIT("Unknown"), POD_UNKNOWN },
};
static const struct word restarts[] = {
    { STR_INIT("Always"), POD_RESTART_ALWAYS },
    { STR_INIT("OnFailure"), POD_RESTART_ON_FAILURE },
    { STR_INIT("Never"), POD_RESTART_NEVER },
};
static const struct word toleration_ops[] = {
    { STR_INIT("Equal"), TOLERATION_EQUAL },
    { STR_INIT("Exists"), TOLERATION_EXISTS },
    { STR_INIT("Lt"), TOLERATION_LT },
    { STR_INIT("Gt"), TOLERATION_GT },
};
static const struct word effects[] = {
    { STR_INIT("?"), TAINT_OTHER_EFFECT },
    { STR_INIT("NoSchedule"), TAINT_NO_SCHEDULE },
    { STR_INIT("PreferNoSchedule"), TAINT_PREFER_NO_SCHEDULE },
    { STR_INIT("NoExecute"), TAINT_NO_EXECUTE },
    { STR_INIT(""), TAINT_ANY_EFFECT },
};
static const struct word need_ops[] = {
    { STR_INIT("?"), NEED_INVALID },
    { STR_INIT("In"), NEED_IN },
    { STR_INIT("NotIn"), NEED_NOT_IN },
    { STR_INIT("Exists"), NEED_EXISTS },
    { STR_INIT("DoesNotExist"), NEED_ABSENT },
    { STR_INIT("Gt"), NEED_GT },
    { STR_INIT("Lt"), NEED_LT },
};
static const struct word protocols[] = {
    { STR_INIT("TCP"), PORT_TCP },
    { STR_INIT("UDP"), PORT_UDP },
    { STR_INIT("SCTP"), PORT_SCTP },
};

enum taint_effect taint_effect_parse(struct str s)
{
    return (enum taint_effect)WORD_VALUE(effects, s);
}

struct str taint_effect_text(enum taint_effect e)
{
    for (size_t i = 1; i < COUNT_OF(effects); i++) {
        if (effects[i].value == (int)e)
            return effects[i].text;
    }
    return STR("");
}

const char *pod_phase_text(enum pod_phase p)
{
    return phases[p].text.p;
}

static struct str text_at(struct json v, const char *name)
{
    return json_str(json_get(v, str_from(name)));
}

/* ---- tolerations, spreading, ports ---- */

static const struct field toleration_fields[] = {
    FIELD_STR(struct toleration, key, "key"),
    FIELD_STR(struct toleration, value, "value"),
    FIELD_I64_OPT(struct toleration, seconds, "tolerationSeconds"),
};

/* What pods of one template share is decoded once for all (json_keep.h); nobody writes to it. */
enum { MEMO_TOLERATIONS, MEMO_CONTAINERS, MEMO_CONDITIONS };

static void *unconst(const void *memo)
{
    return (void *)(uintptr_t)memo;
}

static void read_tolerations(struct toleration *t, struct json list, struct arena *a)
{
    for (struct json_iter it = json_iter(list); json_next(&it); t++) {
        field_decode(t, toleration_fields, COUNT_OF(toleration_fields), it.value, a);
        t->op = (enum toleration_op)WORD_VALUE(toleration_ops, text_at(it.value, "operator"));
        t->effect = taint_effect_parse(text_at(it.value, "effect"));
    }
}

static void decode_tolerations(struct pod *p, struct json list, struct arena *a)
{
    size_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return;
    p->tolerations.n = n;
    p->tolerations.items = unconst(json_memo(list, MEMO_TOLERATIONS));
    if (p->tolerations.items)
        return;
    bool shared = json_is_shared(list);
    size_t bytes = n * sizeof *p->tolerations.items;
    struct toleration *t = shared ? json_memo_new(bytes) : arena_alloc(a, bytes);
    read_tolerations(t, list, a);
    p->tolerations.items = shared ? unconst(json_memo_set(list, MEMO_TOLERATIONS, t)) : t;
}

static const struct field spread_fields[] = {
    FIELD_STR(struct spread, topology_key, "topologyKey"),
    FIELD_JSON(struct spread, selector, "labelSelector"),
    FIELD_STRS(struct spread, match_label_keys, "matchLabelKeys"),
    FIELD_I64(struct spread, max_skew, "maxSkew"),
    FIELD_I64(struct spread, min_domains, "minDomains"),
};

static void decode_spreads(struct pod *p, struct json list, struct arena *a)
{
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return;
    p->spreads.items = ARENA_ARRAY(a, struct spread, n);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct spread *s = &p->spreads.items[p->spreads.n++];
        s->min_domains = 1;
        field_decode(s, spread_fields, COUNT_OF(spread_fields), it.value, a);
        s->hard = str_is(text_at(it.value, "whenUnsatisfiable"), "DoNotSchedule");
        s->ignore_affinity = str_is(text_at(it.value, "nodeAffinityPolicy"), "Ignore");
        s->honor_taints = str_is(text_at(it.value, "nodeTaintsPolicy"), "Honor");
    }
}

static size_t count_host_ports(struct json container)
{
    size_t n = 0;
    struct json ports = json_get(container, STR("ports"));
    for (struct json_iter it = json_iter(ports); json_next(&it);)
        n += json_i64_or(json_get(it.value, STR("hostPort")), 0) != 0;
    return n;
}

static void add_host_ports(struct pod *p, struct json container)
{
    struct json ports = json_get(container, STR("ports"));
    for (struct json_iter it = json_iter(ports); json_next(&it);) {
        int64_t port = json_i64_or(json_get(it.value, STR("hostPort")), 0);
        if (port == 0)
            continue;
        struct str ip = text_at(it.value, "hostIP");
        p->host_ports.items[p->host_ports.n++] = (struct host_port){
            .port = port,
            .protocol = (enum port_protocol)WORD_VALUE(protocols, text_at(it.value, "protocol")),
            .ip = ip.n ? ip : STR("0.0.0.0"),
        };
    }
}

/* Containers and sidecars count; an init container that ends leaves its ports. */
static void decode_host_ports(struct pod *p, struct arena *a)
{
    size_t n = 0;
    for (size_t i = 0; i < p->containers.n; i++)
        n += count_host_ports(p->containers.items[i].raw);
    for (size_t i = 0; i < p->init_containers.n; i++) {
        if (p->init_containers.items[i].sidecar)
            n += count_host_ports(p->init_containers.items[i].raw);
    }
    if (n == 0)
        return;
    p->host_ports.items = ARENA_ARRAY(a, struct host_port, n);
    for (size_t i = 0; i < p->containers.n; i++)
        add_host_ports(p, p->containers.items[i].raw);
    for (size_t i = 0; i < p->init_containers.n; i++) {
        if (p->init_containers.items[i].sidecar)
            add_host_ports(p, p->init_containers.items[i].raw);
    }
}

/* ---- containers ---- */

static const struct field container_fields[] = {
    FIELD_STR(struct container, name, "name"),
    FIELD_STR(struct container, image, "image"),
};

static void read_containers(struct container *c, struct json list, struct arena *a)
{
    for (struct json_iter it = json_iter(list); json_next(&it); c++) {
        field_decode(c, container_fields, COUNT_OF(container_fields), it.value, a);
        c->raw = it.value;
        struct json resources = json_get(it.value, STR("resources"));
        c->requests = amounts_decode(a, json_get(resources, STR("requests")));
        c->limits = amounts_decode(a, json_get(resources, STR("limits")));
        c->sidecar = str_is(text_at(it.value, "restartPolicy"), "Always");
    }
}

static struct amount *move_amounts(struct amounts *list, struct amount *to)
{
    if (list->n)
        memcpy(to, list->items, list->n * sizeof *to);
    list->items = list->n ? to : NULL;
    return to + list->n;
}

/* The containers, and behind them their amounts. */
static const void *containers_memo(struct json list, size_t n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct container *c = ARENA_ARRAY(a, struct container, n);
    size_t amounts = 0;
    read_containers(c, list, a);
    for (size_t i = 0; i < n; i++)
        amounts += c[i].requests.n + c[i].limits.n;
    struct container *memo = json_memo_new(n * sizeof *c + amounts * sizeof(struct amount));
    struct amount *to = (struct amount *)(memo + n);
    memcpy(memo, c, n * sizeof *c);
    for (size_t i = 0; i < n; i++) {
        to = move_amounts(&memo[i].requests, to);
        to = move_amounts(&memo[i].limits, to);
    }
    return json_memo_set(list, MEMO_CONTAINERS, memo);
}

static void decode_containers(struct containers *out, struct json list, struct arena *a)
{
    size_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return;
    out->n = n;
    out->items = unconst(json_memo(list, MEMO_CONTAINERS));
    if (out->items)
        return;
    if (json_is_shared(list)) {
        out->items = unconst(containers_memo(list, n));
        return;
    }
    out->items = ARENA_ARRAY(a, struct container, n);
    read_containers(out->items, list, a);
}

/* ---- affinity ---- */

static void decode_needs(struct need **out, size_t *n_out, struct json list, struct arena *a)
{
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return;
    static const struct field rows[] = {
        FIELD_STR(struct need, key, "key"),
        FIELD_STRS(struct need, values, "values"),
    };
    *out = ARENA_ARRAY(a, struct need, n);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct need *need = &(*out)[(*n_out)++];
        field_decode(need, rows, COUNT_OF(rows), it.value, a);
        need->op = (enum need_op)WORD_VALUE(need_ops, text_at(it.value, "operator"));
    }
}

/* Preferred terms wrap the term in "preference" beside a weight. */
static struct node_terms decode_node_terms(struct json list, bool preferred, struct arena *a)
{
    struct node_terms out = { 0 };
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return out;
    out.items = ARENA_ARRAY(a, struct node_term, n);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct node_term *t = &out.items[out.n++];
        struct json term = preferred ? json_get(it.value, STR("preference")) : it.value;
        t->weight = json_i64_or(json_get(it.value, STR("weight")), 0);
        decode_needs(&t->labels, &t->n_labels, json_get(term, STR("matchExpressions")), a);
        decode_needs(&t->fields, &t->n_fields, json_get(term, STR("matchFields")), a);
    }
    return out;
}

struct node_terms pod_node_terms(struct json list, struct arena *a)
{
    return decode_node_terms(list, false, a);
}

static const struct field pod_term_fields[] = {
    FIELD_JSON(struct pod_term, selector, "labelSelector"),
    FIELD_JSON(struct pod_term, namespace_selector, "namespaceSelector"),
    FIELD_STRS(struct pod_term, namespaces, "namespaces"),
    FIELD_STR(struct pod_term, topology_key, "topologyKey"),
    FIELD_STRS(struct pod_term, match_label_keys, "matchLabelKeys"),
    FIELD_STRS(struct pod_term, mismatch_label_keys, "mismatchLabelKeys"),
};

static struct pod_terms decode_pod_terms(struct json affinity, bool preferred, struct arena *a)
{
    struct pod_terms out = { 0 };
    struct json list =
        json_get(affinity, preferred ? STR("preferredDuringSchedulingIgnoredDuringExecution")
                                     : STR("requiredDuringSchedulingIgnoredDuringExecution"));
    uint32_t n = json_type(list) == JSON_ARR ? json_len(list) : 0;
    if (n == 0)
        return out;
    out.items = ARENA_ARRAY(a, struct pod_term, n);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct pod_term *t = &out.items[out.n++];
        struct json term = preferred ? json_get(it.value, STR("podAffinityTerm")) : it.value;
        field_decode(t, pod_term_fields, COUNT_OF(pod_term_fields), term, a);
        t->weight = json_i64_or(json_get(it.value, STR("weight")), 0);
    }
    return out;
}

static const struct affinity *decode_affinity(struct json v, struct arena *a)
{
    struct json node = json_get(v, STR("nodeAffinity"));
    struct json pod = json_get(v, STR("podAffinity"));
    struct json anti = json_get(v, STR("podAntiAffinity"));
    if (!json_has(node) && !json_has(pod) && !json_has(anti))
        return NULL;
    struct affinity *out = ARENA_NEW(a, struct affinity);
    struct json required = json_get(node, STR("requiredDuringSchedulingIgnoredDuringExecution"));
    struct json preferred = json_get(node, STR("preferredDuringSchedulingIgnoredDuringExecution"));
    out->has_node_required = json_has(required);
    out->node_required = decode_node_terms(json_get(required, STR("nodeSelectorTerms")), false, a);
    out->node_preferred = decode_node_terms(preferred, true, a);
    out->pod_required = decode_pod_terms(pod, false, a);
    out->pod_preferred = decode_pod_terms(pod, true, a);
    out->anti_required = decode_pod_terms(anti, false, a);
    out->anti_preferred = decode_pod_terms(anti, true, a);
    return out;
}

struct conditions {
    bool ready, scheduled, unschedulable, resizing;
};

static struct conditions read_conditions(struct json status)
{
    struct json ready = condition_in(status, STR("Ready"));
    struct json scheduled = condition_in(status, STR("PodScheduled"));
    enum condition_status is_scheduled = condition_status_of(scheduled);
    return (struct conditions){
        .ready = condition_status_of(ready) == CONDITION_TRUE,
        .scheduled = is_scheduled == CONDITION_TRUE,
        .unschedulable = is_scheduled == CONDITION_FALSE &&
                         str_is(text_at(scheduled, "reason"), "Unschedulable"),
        .resizing = json_exists(condition_in(status, STR("PodResizePending"))),
    };
}

/* Nearly all pods of a cluster have the same ones. */
static struct conditions decode_conditions(struct json status)
{
    struct json list = json_get(status, STR("conditions"));
    if (!json_is_shared(list))
        return read_conditions(status);
    const struct conditions *memo = json_memo(list, MEMO_CONDITIONS);
    if (!memo) {
        struct conditions *fresh = json_memo_new(sizeof *fresh);
        *fresh = read_conditions(status);
        memo = json_memo_set(list, MEMO_CONDITIONS, fresh);
    }
    return *memo;
}

/* ---- the pod ---- */

/* By the member they stand in: a pod is decoded at each of its revisions, so a path from the root
 * for each field would be dear. */
static const struct field metadata_fields[] = {
    FIELD_JSON(struct pod, labels, "labels"),
    FIELD_JSON(struct pod, annotations, "annotations"),
    FIELD_I64(struct pod, deletion_grace_s, "deletionGracePeriodSeconds"),
};
static const struct field spec_fields[] = {
    FIELD_I64(struct pod, priority, "priority"),
    FIELD_STR(struct pod, node_name, "nodeName"),
    FIELD_STR(struct pod, scheduler_name, "schedulerName"),
    FIELD_STR(struct pod, priority_class, "priorityClassName"),
    FIELD_JSON(struct pod, node_selector, "nodeSelector"),
    FIELD_I64(struct pod, termination_grace_s, "terminationGracePeriodSeconds"),
    FIELD_BOOL(struct pod, host_network, "hostNetwork"),
};
static const struct field status_fields[] = {
    FIELD_STR(struct pod, nominated_node, "nominatedNodeName"),
    FIELD_TIME(struct pod, start_time, "startTime"),
    FIELD_STR(struct pod, ip, "podIP"),
};

static bool all_name(const struct containers *list, struct str resource)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!amounts_has(&list->items[i].requests, resource))
            return false;
    }
    return true;
}

/* Does no container leave cpu or memory to the scheduler's defaults? */
static bool names_all(const struct pod *p)
{
    return all_name(&p->containers, STR("cpu")) && all_name(&p->containers, STR("memory")) &&
           all_name(&p->init_containers, STR("cpu")) &&
           all_name(&p->init_containers, STR("memory"));
}

static void sum_requests(struct pod *p, struct json root, bool resizing, struct arena *a)
{
    AUTO(arena_freep) struct arena *scratch = arena_new();
    struct amounts sums = pod_requests(scratch, root, 0);
    struct amounts nonzero = sums;
    /* A resize that cannot be makes the statuses count instead, and they may name less. */
    if (resizing || !names_all(p))
        nonzero = pod_requests(scratch, root, POD_REQUESTS_NONZERO);
    p->nonzero_cpu_milli = amounts_get(&nonzero, STR("cpu"));
    p->nonzero_mem_bytes = amounts_get(&nonzero, STR("memory"));
    if (sums.n == 0)
        return;
    p->requests.items = ARENA_ARRAY(a, struct amount, sums.n);
    memcpy(p->requests.items, sums.items, sums.n * sizeof *sums.items);
    p->requests.n = sums.n;
}

static void pod_decode(void *out, const struct kobj *o, struct arena *a)
{
    struct pod *p = out;
    struct json root = kobj_root(o);
    struct json spec = json_get(root, STR("spec")), status = json_get(root, STR("status"));
    p->deletion_grace_s = -1;
    p->termination_grace_s = 30;
    field_decode(p, metadata_fields, COUNT_OF(metadata_fields), kobj_metadata(o), a);
    field_decode(p, spec_fields, COUNT_OF(spec_fields), spec, a);
    field_decode(p, status_fields, COUNT_OF(status_fields), status, a);
    p->phase = (enum pod_phase)WORD_VALUE(phases, text_at(status, "phase"));
    p->restart_policy = (enum pod_restart)WORD_VALUE(restarts, text_at(spec, "restartPolicy"));
    p->preempt_never = str_is(text_at(spec, "preemptionPolicy"), "Never");
    p->deleting = kobj_deleting(o);
    p->n_gates = json_len(json_get(spec, STR("schedulingGates")));
    decode_containers(&p->containers, json_get(spec, STR("containers")), a);
    decode_containers(&p->init_containers, json_get(spec, STR("initContainers")), a);
    p->has_pod_resources = json_has(json_path(spec, "resources.requests"));
    p->affinity = decode_affinity(json_get(spec, STR("affinity")), a);
    decode_tolerations(p, json_get(spec, STR("tolerations")), a);
    decode_spreads(p, json_get(spec, STR("topologySpreadConstraints")), a);
    decode_host_ports(p, a);
    p->gang = gang_claim_of(a, root);
    struct conditions c = decode_conditions(status);
    p->ready = c.ready;
    p->scheduled = c.scheduled;
    p->unschedulable = c.unschedulable;
    sum_requests(p, root, c.resizing, a);
}

const struct pod *pod_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct pod), pod_decode);
}

bool pod_tolerates(const struct toleration *t,
                   struct str key,
                   struct str value,
                   enum taint_effect effect)
{
    if (t->effect != TAINT_ANY_EFFECT && t->effect != effect)
        return false;
    if (t->key.n > 0 && !str_eq(t->key, key))
        return false;
    switch (t->op) {
    case TOLERATION_EXISTS:
        return true;
    case TOLERATION_EQUAL:
        return str_eq(t->value, value);
    case TOLERATION_LT:
    case TOLERATION_GT:
        return false; /* off by default in Kubernetes 1.36 */
    }
    return false;
}
