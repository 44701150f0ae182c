/* SPDX-License-Identifier: Apache-2.0
 * service_report — tells users why pods wait: the condition PodScheduled, the annotation
 * scheduling.ganglion.io/why, and the event FailedScheduling. A pod is told again only when the
 * words changed; how many patches are on the wire at once is bounded, the rest waits in order. */
#include <stdlib.h>

#include "client/calls.h"
#include "kube/names.h"
#include "scheduler/gang/gang_mirror.h"
#include "scheduler/service/service_internal.h"

#define PATCHES_MAX 64
#define WHY_BYTES_MAX (64u << 10)

struct patch {
    struct scheduler *s;
    struct list in_flight;
    struct call *call;
};

static void send_more(struct scheduler *s);

/* Does the object say exactly this already? */
static bool is_told(const struct kobj *pod, const struct gang *g)
{
    struct json c = condition_find(kobj_root(pod), STR("PodScheduled"));
    return str_is(json_str(json_get(c, STR("status"))), "False") &&
           str_is(json_str(json_get(c, STR("reason"))), gang_waiting_reason(g)) &&
           str_eq(json_str(json_get(c, STR("message"))), g->message);
}

/* ---- what would help ---- */

static void keep_text(struct str *slot, struct str text)
{
    free((void *)(uintptr_t)slot->p); /* own text */
    *slot = str_make(str_dup(text), text.n);
}

/* Many pods often wait for the same: explain that once. */
static struct str why_text(struct scheduler *s, struct spod *pod, struct arena *a)
{
    struct str message = pod->gang->message, because;
    explain_workload(pod, a, &because);
    if (s->explained.message.n && str_eq(s->explained.message, message) &&
        str_eq(s->explained.because, because))
        return s->explained.json;
    struct explanation e;
    struct buf b;
    const struct pod_id id = { pod->obj->namespace, pod->obj->name, pod->obj->uid };
    const struct core_input in = { .kind = INPUT_WHY, .pods = &id, .n_pods = 1, .why = &e, .a = a };
    service_hear(s, &in, NULL);
    buf_init(&b, WHY_BYTES_MAX);
    jnode_write(&b, explain_json(a, &e));
    keep_text(&s->explained.message, message);
    keep_text(&s->explained.because, because);
    keep_text(&s->explained.json, b.failed ? STR("{}") : buf_view(&b));
    buf_fini(&b);
    return s->explained.json;
}

/* ---- the patch ---- */

static struct jnode *waiting_patch(struct arena *a, struct spod *p, struct str why, struct wall now)
{
    struct jnode *root = jnode_obj(a);
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    jnode_set_str(meta, STR("uid"), p->obj->uid);
    jnode_set_str(jnode_need_obj(meta, STR("annotations")), STR(NAME_WHY), why);
    struct jnode *list = jnode_need_arr(jnode_need_obj(root, STR("status")), STR("conditions"));
    struct jnode *c = jnode_append(list, jnode_obj(a));
    struct json old = condition_find(kobj_root(p->obj), STR("PodScheduled"));
    jnode_set_str(c, STR("type"), STR("PodScheduled"));
    jnode_set_str(c, STR("status"), STR("False"));
    jnode_set_str(c, STR("reason"), str_from(gang_waiting_reason(p->gang)));
    jnode_set_str(c, STR("message"), p->gang->message);
    if (!str_is(json_str(json_get(old, STR("status"))), "False")) {
        char text[TIME_TEXT_MAX];
        jnode_set_str(c, STR("lastTransitionTime"), wall_text(text, now));
    }
    return root;
}

static void on_patched(void *arg, const struct reply *reply, const struct err *err)
{
    struct patch *p = arg;
    struct scheduler *s = p->s;
    bool gone = reply && (reply->code == 404 || reply->code == 409);
    struct err why = call_error(reply, err);
    if (call_refused(reply) && !gone)
        LOG_WARN("status.refused", kv_i64("code", reply ? reply->code : 0), kv_err(&why),
                 kv_cstr("next", "told again when the reason changes"));
    list_remove(&p->in_flight);
    s->n_patches--;
    free(p);
    send_more(s);
}

static void send_patch(struct scheduler *s, const struct spod *pod, struct jnode *body)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (jnode_freeze(&doc, body, NULL))
        return;
    struct request r = {
        .verb = VERB_PATCH,
        .version = STR("v1"),
        .plural = STR("pods"),
        .subresource = STR("status"),
        .namespace = pod->obj->namespace,
        .name = pod->obj->name,
        .write = { .patch = PATCH_STRATEGIC, .grace_s = -1 },
        .body = json_root(doc),
    };
    struct patch *p = MEM_NEW(struct patch);
    p->s = s;
    list_init(&p->in_flight);
    list_push_back(&s->patches, &p->in_flight);
    s->n_patches++;
    p->call = s->t->ops->start(s->t, &r, on_patched, p);
}

/* ---- the order of telling ---- */

static void tell(struct scheduler *s, const struct kobj *queued)
{
    struct spod *p = core_pod(s->core, queued->namespace, queued->name);
    if (!p || !str_eq(p->obj->uid, queued->uid) || p->node >= 0 || !p->gang ||
        !p->gang->message.n || is_told(p->obj, p->gang))
        return;
    const struct recorder_note note = {
        .about = p->obj,
        .type = "Warning",
        .reason = "FailedScheduling",
        .message = p->gang->message,
    };
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall now = loop_wall(s->t->loop);
    recorder_event(s->recorder, &note, now);
    send_patch(s, p, waiting_patch(a, p, why_text(s, p, a), now));
}

static void send_more(struct scheduler *s)
{
    while (s->n_patches < PATCHES_MAX && s->report_at < s->report.n) {
        struct kobj *pod = s->report.items[s->report_at++];
        tell(s, pod);
        kobj_unref(pod);
    }
    if (s->report_at == s->report.n)
        s->report.n = s->report_at = 0;
}

void service_report(struct scheduler *s, const struct decision *d)
{
    LIST_EACH (&d->gang->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p) && !is_told(p->obj, d->gang))
            pod_refs_push(&s->report, kobj_ref(p->obj));
    }
    send_more(s);
}

/* ---- time-outs ---- */

/* As YuniKorn marks pods of an application that failed for this reason. */
static struct jnode *failed_patch(struct arena *a, const struct spod *p, struct str why)
{
    struct jnode *root = jnode_obj(a);
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("uid"), p->obj->uid);
    struct jnode *status = jnode_need_obj(root, STR("status"));
    jnode_set_str(status, STR("phase"), STR("Failed"));
    jnode_set_str(status, STR("reason"), STR("ResourceReservationTimeout"));
    jnode_set_str(status, STR("message"), why);
    return root;
}

void service_late(struct scheduler *s, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    LOG_WARN("gang.late", kv_str("gang", d->gang->key), kv_str("why", d->message));
    LIST_EACH (&d->gang->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node >= 0 || p->away)
            continue;
        const struct recorder_note note = {
            .about = p->obj, .type = "Warning", .reason = "ScheduleTimeout", .message = d->message
        };
        recorder_event(s->recorder, &note, loop_wall(s->t->loop));
        if (d->fails)
            send_patch(s, p, failed_patch(a, p, d->message));
    }
}

void service_report_cancel(struct scheduler *s)
{
    LIST_EACH (&s->patches, at) {
        struct patch *p = LIST_ITEM(at, struct patch, in_flight);
        s->t->ops->cancel(p->call);
        list_remove(&p->in_flight);
        free(p);
    }
    for (; s->report_at < s->report.n; s->report_at++)
        kobj_unref(s->report.items[s->report_at]);
    pod_refs_fini(&s->report);
    free((void *)(uintptr_t)s->explained.message.p); /* own texts */
    free((void *)(uintptr_t)s->explained.because.p);
    free((void *)(uintptr_t)s->explained.json.p);
}
