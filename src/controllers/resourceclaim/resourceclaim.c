/* SPDX-License-Identifier: Apache-2.0
 * resourceclaim — claims from templates, and their end.
 *
 *     pod names a template ─► claim owned by the pod ─► pod.status.resourceClaimStatuses
 *     consumer ended or gone ─► out of reservedFor ─► none left: allocation goes ─► finalizer goes
 *     generated for a pod that ended ─► deleted (for a deleted pod the garbage collector does it)
 *
 * Keys are "namespace/pod!NAME" and "namespace/claim!NAME". A pod that is not in the cache is gone
 * only when the API says so too: the cache of claims may be ahead of that of pods. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/meta.h"

#define CLAIMS GVR("resource.k8s.io", "v1", "resourceclaims")
#define POD_KEY "pod!"
#define CLAIM_KEY "claim!"
#define ENTRY_ANNOTATION "resource.kubernetes.io/pod-claim-name"
#define FINALIZER "resource.kubernetes.io/delete-protection"
#define RETRY_NS (10 * NS_PER_S) /* when a template is not there */

enum { WATCH_PODS, WATCH_CLAIMS, WATCH_TEMPLATES };

/* ---- keys ---- */

static void put_key(struct buf *keys, const struct kobj *o, const char *kind, struct str name)
{
    if (name.n)
        buf_printf(keys, "%s%.*s/%s%.*s", keys->n ? "\n" : "", STR_ARG(o->namespace), kind,
                   STR_ARG(name));
}

static struct json find_entry(struct json list, struct str name)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), name))
            return it.value;
    }
    return (struct json){ 0 };
}

/* The claim of an entry of spec.resourceClaims; absent: not made yet. */
static struct str claim_name(const struct kobj *pod, struct json entry)
{
    struct str direct = json_str(json_get(entry, STR("resourceClaimName")));
    struct json status = find_entry(kobj_path(pod, "status.resourceClaimStatuses"),
                                    json_str(json_get(entry, STR("name"))));
    return direct.n ? direct : json_str(json_get(status, STR("resourceClaimName")));
}

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    const struct kobj *pod = after ? after : before;
    struct json list = kobj_path(pod, "spec.resourceClaims");
    put_key(keys, pod, CLAIM_KEY,
            json_str(kobj_path(pod, "status.extendedResourceClaimStatus.resourceClaimName")));
    if (json_len(list) == 0)
        return;
    put_key(keys, pod, POD_KEY, pod->name);
    for (struct json_iter it = json_iter(list); json_next(&it);)
        put_key(keys, pod, CLAIM_KEY, claim_name(pod, it.value));
}

static struct str owner_pod(const struct kobj *claim)
{
    struct json owner = kobj_controller(claim);
    bool pod = str_is(json_str(json_get(owner, STR("kind"))), "Pod");
    return pod ? json_str(json_get(owner, STR("name"))) : (struct str){ 0 };
}

static void claim_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    const struct kobj *claim = after ? after : before;
    if (after)
        put_key(keys, claim, CLAIM_KEY, claim->name);
    put_key(keys, claim, POD_KEY, owner_pod(claim));
}

static bool owner_key(const struct kobj *claim, struct buf *key)
{
    struct str pod = owner_pod(claim);
    if (pod.n)
        buf_printf(key, "%.*s/%.*s", STR_ARG(claim->namespace), STR_ARG(pod));
    return pod.n > 0;
}

static void no_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    (void)keys; /* templates are only looked up */
    (void)before;
    (void)after;
}

/* ---- claims of a pod ---- */

struct wanted { /* an entry of a pod's spec.resourceClaims */
    const struct kobj *pod;
    struct str entry;
    const struct kobj *claim; /* found: made for it */
};

static bool match_claim(void *arg, const struct kobj *claim)
{
    struct wanted *w = arg;
    bool same = meta_controlled_by(claim, w->pod) && !kobj_deleting(claim) &&
                str_eq(kobj_annotation(claim, STR(ENTRY_ANNOTATION)), w->entry);
    if (same)
        w->claim = claim;
    return !same;
}

static void create_claim(struct reconcile *r, const struct wanted *w, const struct kobj *template)
{
    struct arena *a = r->a;
    struct jnode *claim = jnode_obj(a);
    jnode_set_str(claim, STR("apiVersion"), STR("resource.k8s.io/v1"));
    jnode_set_str(claim, STR("kind"), STR("ResourceClaim"));
    struct json given = kobj_path(template, "spec.metadata");
    struct jnode *meta = json_has(given) ? jnode_thaw(a, given) : jnode_obj(a);
    jnode_set(claim, STR("metadata"), meta);
    struct str base = arena_printf(a, "%.*s-%.*s-", STR_ARG(w->pod->name), STR_ARG(w->entry));
    jnode_set_str(meta, STR("namespace"), w->pod->namespace);
    jnode_set_str(meta, STR("name"), meta_generate_name(a, base, num_mix64(r->random)));
    jnode_set_str(meta, STR("generateName"), base);
    meta_set_annotation(claim, STR(ENTRY_ANNOTATION), w->entry);
    meta_add_owner(a, claim, w->pod, true);
    jnode_set(claim, STR("spec"), jnode_thaw(a, kobj_path(template, "spec.spec")));
    reconcile_create(r, CLAIMS, claim);
}

/* Makes what is missing. True: all are there, names go to *statuses. */
static bool
supply(struct reconcile *r, const struct kobj *pod, struct json entry, struct jnode *statuses)
{
    struct str template = json_str(json_get(entry, STR("resourceClaimTemplateName")));
    struct wanted w = { .pod = pod, .entry = json_str(json_get(entry, STR("name"))) };
    if (!template.n)
        return true;
    struct str key = arena_printf(r->a, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(pod->name));
    informer_each_in(r->caches[WATCH_CLAIMS], r->indexes[WATCH_CLAIMS], key, match_claim, &w);
    if (w.claim) {
        struct jnode *o = jnode_append(statuses, jnode_obj(r->a));
        jnode_set_str(o, STR("name"), w.entry);
        jnode_set_str(o, STR("resourceClaimName"), w.claim->name);
        return true;
    }
    const struct kobj *t = informer_find(r->caches[WATCH_TEMPLATES], pod->namespace, template);
    if (t) {
        r->random = num_mix64(r->random);
        create_claim(r, &w, t);
        return false;
    }
    reconcile_warn(r, pod, "FailedResourceClaimCreation",
                   "PodResourceClaim %.*s: resource claim template \"%.*s\": "
                   "resourceclaimtemplate.resource.k8s.io \"%.*s\" not found",
                   STR_ARG(w.entry), STR_ARG(template), STR_ARG(template));
    reconcile_again_at(r, (struct wall){ r->now.ns + RETRY_NS });
    return false;
}

static bool ended(const struct kobj *pod)
{
    const struct pod *view = pod_of(pod);
    return pod_finished(view) || (view->deleting && !view->node_name.n);
}

static void reconcile_pod(struct reconcile *r, struct str name)
{
    const struct kobj *pod = informer_find(r->caches[WATCH_PODS], r->namespace, name);
    if (!pod || ended(pod) || kobj_deleting(pod))
        return;
    struct jnode *statuses = jnode_arr(r->a);
    bool all = true;
    struct json list = kobj_path(pod, "spec.resourceClaims");
    for (struct json_iter it = json_iter(list); json_next(&it);)
        all = supply(r, pod, it.value, statuses) && all;
    if (!all || jnode_len(statuses) == 0)
        return;
    for (size_t i = 0; i < jnode_len(statuses); i++) {
        struct str entry = jnode_text_of_str(jnode_get(jnode_at(statuses, i), STR("name")));
        struct str claim =
            jnode_text_of_str(jnode_get(jnode_at(statuses, i), STR("resourceClaimName")));
        struct json known = find_entry(kobj_path(pod, "status.resourceClaimStatuses"), entry);
        all = all && str_eq(json_str(json_get(known, STR("resourceClaimName"))), claim);
    }
    if (all)
        return;
    struct jnode *status = jnode_obj(r->a);
    jnode_set(status, STR("resourceClaimStatuses"), statuses);
    reconcile_patch_status(r, PODS, pod, status);
}

/* ---- the end of a claim's use ---- */

/* Does this entry of reservedFor still use the claim? */
static bool in_use(struct reconcile *r, struct json consumer)
{
    if (!str_is(json_str(json_get(consumer, STR("resource"))), "pods") ||
        json_str(json_get(consumer, STR("apiGroup"))).n)
        return true; /* not ours to judge */
    struct str name = json_str(json_get(consumer, STR("name")));
    struct str uid = json_str(json_get(consumer, STR("uid")));
    const struct kobj *pod = informer_find(r->caches[WATCH_PODS], r->namespace, name);
    if (pod && str_eq(pod->uid, uid))
        return !ended(pod);
    reconcile_if_absent(r, PODS, r->namespace, name, uid);
    return false;
}

static bool release(struct reconcile *r, const struct kobj *claim)
{
    struct json list = kobj_path(claim, "status.reservedFor");
    struct jnode *left = jnode_arr(r->a);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (in_use(r, it.value))
            jnode_append(left, jnode_thaw(r->a, it.value));
    }
    bool allocated = json_has(kobj_path(claim, "status.allocation"));
    bool unused = jnode_len(left) == 0;
    if (jnode_len(left) == json_len(list) && !(unused && allocated))
        return false;
    struct jnode *status = jnode_obj(r->a);
    jnode_set(status, STR("reservedFor"), unused ? jnode_null(r->a) : left);
    if (unused) {
        jnode_set(status, STR("allocation"), jnode_null(r->a));
        jnode_set(status, STR("devices"), jnode_null(r->a));
    }
    reconcile_patch_status(r, CLAIMS, claim, status);
    return true;
}

static bool unprotect(struct reconcile *r, const struct kobj *claim)
{
    struct json list = kobj_meta(claim, STR("finalizers"));
    struct jnode *left = jnode_arr(r->a);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!str_is(json_str(it.value), FINALIZER))
            jnode_append(left, jnode_thaw(r->a, it.value));
    }
    if (jnode_len(left) == json_len(list) || json_has(kobj_path(claim, "status.allocation")))
        return false;
    struct jnode *patch = jnode_obj(r->a);
    jnode_set(jnode_need_obj(patch, STR("metadata")), STR("finalizers"), left);
    reconcile_patch(r, CLAIMS, claim, patch, true);
    return true;
}

static void reconcile_claim(struct reconcile *r, struct str name)
{
    const struct kobj *claim = informer_find(r->caches[WATCH_CLAIMS], r->namespace, name);
    if (!claim || release(r, claim) || unprotect(r, claim) || kobj_deleting(claim))
        return;
    struct str owner = owner_pod(claim);
    const struct kobj *pod =
        owner.n ? informer_find(r->caches[WATCH_PODS], r->namespace, owner) : NULL;
    if (pod && meta_controlled_by(claim, pod) && ended(pod))
        reconcile_delete(r, CLAIMS, claim, (struct str){ 0 });
}

static int reconcile_any(struct reconcile *r, struct err *err)
{
    (void)err;
    if (str_starts(r->name, STR(POD_KEY)))
        reconcile_pod(r, str_skip(r->name, STR(POD_KEY).n));
    else
        reconcile_claim(r, str_skip(r->name, STR(CLAIM_KEY).n));
    return 0;
}

const struct controller resourceclaim_controller = {
    .name = "resourceclaim",
    .help = "makes claims from templates, releases them when their pods end",
    .watches = { [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = pod_keys },
                 [WATCH_CLAIMS] = { .resource = { STR_INIT("resource.k8s.io"), STR_INIT("v1"),
                                                  STR_INIT("resourceclaims") },
                                    .keys = claim_keys,
                                    .index = owner_key },
                 [WATCH_TEMPLATES] = { .resource = { STR_INIT("resource.k8s.io"), STR_INIT("v1"),
                                                     STR_INIT("resourceclaimtemplates") },
                                       .keys = no_keys } },
    .reconcile = reconcile_any,
};
