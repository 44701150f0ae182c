/* SPDX-License-Identifier: Apache-2.0
 * devicetaint — pods leave devices with a NoExecute taint that their claims do not tolerate:
 *
 *     slice taints a device ─► claims that have it ─► not tolerated, or no longer ─► their pods are
 *                                                     deleted, with condition DisruptionTarget
 *
 * Keys are pools, "driver/pool": a slice's, and those that a claim has devices of. NoSchedule is
 * the scheduler's business. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/device.h"

#define SOON_NS NS_PER_S
#define REASON "DeletionByDeviceTaintManager"

enum { WATCH_SLICES, WATCH_CLAIMS, WATCH_PODS };

/* ---- keys ---- */

static void put_pool(struct buf *keys, struct str driver, struct str pool)
{
    if (driver.n && pool.n)
        buf_printf(keys, "%s%.*s/%.*s", keys->n ? "\n" : "", STR_ARG(driver), STR_ARG(pool));
}

static bool pool_key(const struct kobj *slice, struct buf *key)
{
    put_pool(key, json_str(kobj_path(slice, "spec.driver")),
             json_str(kobj_path(slice, "spec.pool.name")));
    return key->n > 0;
}

static void slice_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    pool_key(after ? after : before, keys);
}

static void claim_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    (void)before; /* what it held is nobody's any more */
    if (!after)
        return;
    struct json list = kobj_path(after, "status.allocation.devices.results");
    for (struct json_iter it = json_iter(list); json_next(&it);)
        put_pool(keys, json_str(json_get(it.value, STR("driver"))),
                 json_str(json_get(it.value, STR("pool"))));
}

static void no_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    (void)keys; /* pods are only looked up */
    (void)before;
    (void)after;
}

/* ---- taints of the pool ---- */

struct pool { /* the key under way */
    struct reconcile *r;
    int64_t generation; /* the newest; older slices tell nothing */
    bool any;           /* NoExecute taints */
    struct str device;  /* looked for */
    struct json found;  /* that device, of the newest generation */
};

static bool is_no_execute(struct json taint)
{
    return str_is(json_str(json_get(taint, STR("effect"))), "NoExecute");
}

static bool survey(void *arg, const struct kobj *slice)
{
    struct pool *p = arg;
    int64_t generation = json_i64_or(kobj_path(slice, "spec.pool.generation"), 0);
    p->generation = num_max_i64(p->generation, generation);
    for (struct json_iter it = json_iter(kobj_path(slice, "spec.devices")); json_next(&it);) {
        for (struct json_iter t = json_iter(json_get(it.value, STR("taints"))); json_next(&t);)
            p->any = p->any || is_no_execute(t.value);
    }
    return true;
}

static bool find_device(void *arg, const struct kobj *slice)
{
    struct pool *p = arg;
    if (json_i64_or(kobj_path(slice, "spec.pool.generation"), 0) != p->generation)
        return true;
    for (struct json_iter it = json_iter(kobj_path(slice, "spec.devices")); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), p->device))
            p->found = it.value;
    }
    return !json_has(p->found);
}

static void each_slice(struct pool *p, bool (*fn)(void *, const struct kobj *))
{
    struct reconcile *r = p->r;
    struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(r->namespace), STR_ARG(r->name));
    informer_each_in(r->caches[WATCH_SLICES], r->indexes[WATCH_SLICES], key, fn, p);
}

/* ---- when pods must go ---- */

/* .ns < 0: never. Of the tolerations that match, the shortest counts. */
static struct wall due_by_taint(struct json taint, struct json tolerations, struct wall now)
{
    struct wall since = now;
    int64_t shortest = INT64_MAX;
    bool tolerated = false;
    wall_parse(json_str(json_get(taint, STR("timeAdded"))), &since);
    for (struct json_iter it = json_iter(tolerations); json_next(&it);) {
        struct json seconds = json_get(it.value, STR("tolerationSeconds"));
        if (!device_tolerates(it.value, taint))
            continue;
        tolerated = true;
        if (json_has(seconds))
            shortest = num_min_i64(shortest, num_max_i64(json_i64_or(seconds, 0), 0));
    }
    if (!tolerated)
        return since;
    if (shortest > INT64_MAX / NS_PER_S / 4)
        return (struct wall){ -1 };
    return (struct wall){ since.ns + shortest * NS_PER_S };
}

static struct wall due_of_claim(struct pool *p, const struct kobj *claim)
{
    struct wall due = { -1 };
    struct json list = kobj_path(claim, "status.allocation.devices.results");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!str_eq(json_str(json_get(it.value, STR("driver"))), p->r->namespace) ||
            !str_eq(json_str(json_get(it.value, STR("pool"))), p->r->name))
            continue;
        p->device = json_str(json_get(it.value, STR("device")));
        p->found = (struct json){ 0 };
        each_slice(p, find_device);
        struct json taints = json_get(p->found, STR("taints"));
        for (struct json_iter t = json_iter(taints); json_next(&t);) {
            struct wall one = { -1 };
            if (is_no_execute(t.value))
                one = due_by_taint(t.value, json_get(it.value, STR("tolerations")), p->r->now);
            if (one.ns >= 0 && (due.ns < 0 || one.ns < due.ns))
                due = one;
        }
    }
    return due;
}

static void end_pod(struct reconcile *r, const struct kobj *pod)
{
    const struct pod *view = pod_of(pod);
    if (view->deleting || pod_finished(view))
        return;
    if (pods_disrupt(r, pod, REASON, "Device Taint manager: deleting due to NoExecute taint")) {
        reconcile_again_at(r, (struct wall){ r->now.ns + SOON_NS });
        return;
    }
    reconcile_delete(r, PODS, pod, (struct str){ 0 });
    reconcile_event(r, pod, "DeviceTaintManagerEviction", "Marking for deletion Pod %.*s/%.*s",
                    STR_ARG(pod->namespace), STR_ARG(pod->name));
}

static bool look_at_claim(void *arg, const struct kobj *claim)
{
    struct pool *p = arg;
    struct reconcile *r = p->r;
    struct wall due = due_of_claim(p, claim);
    if (due.ns > r->now.ns)
        reconcile_again_at(r, due);
    if (due.ns < 0 || due.ns > r->now.ns)
        return true;
    for (struct json_iter it = json_iter(kobj_path(claim, "status.reservedFor")); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        const struct kobj *pod = str_is(json_str(json_get(it.value, STR("resource"))), "pods")
                                     ? informer_find(r->caches[WATCH_PODS], claim->namespace, name)
                                     : NULL;
        if (pod && str_eq(pod->uid, json_str(json_get(it.value, STR("uid")))))
            end_pod(r, pod);
    }
    return true;
}

static int reconcile_pool(struct reconcile *r, struct err *err)
{
    (void)err;
    struct pool p = { .r = r, .generation = INT64_MIN };
    each_slice(&p, survey);
    if (p.any)
        informer_each(r->caches[WATCH_CLAIMS], look_at_claim, &p);
    return 0;
}

const struct controller devicetaint_controller = {
    .name = "devicetaint",
    .help = "deletes pods whose claims do not tolerate a NoExecute taint of a device",
    .watches = { [WATCH_SLICES] = { .resource = { STR_INIT("resource.k8s.io"), STR_INIT("v1"),
                                                  STR_INIT("resourceslices") },
                                    .keys = slice_keys,
                                    .index = pool_key },
                 [WATCH_CLAIMS] = { .resource = { STR_INIT("resource.k8s.io"), STR_INIT("v1"),
                                                  STR_INIT("resourceclaims") },
                                    .keys = claim_keys },
                 [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = no_keys } },
    .reconcile = reconcile_pool,
};
