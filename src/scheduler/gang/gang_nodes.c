/* SPDX-License-Identifier: Apache-2.0
 * gang_nodes — see gang_nodes.h. */
#include "scheduler/gang/gang_nodes.h"

#include "kube/meta.h"
#include "scheduler/config/profile.h"
#include "scheduler/gang/gang_mirror.h"

const char *const gang_nodes_words[] = {
    [GANG_NODES_ASKED] = "Asked",
    [GANG_NODES_ACCEPTED] = "Accepted",
    [GANG_NODES_PROVISIONED] = "Provisioned",
    [GANG_NODES_FAILED] = "Failed",
    [GANG_NODES_EXPIRED] = "BookingExpired",
    [GANG_NODES_REVOKED] = "CapacityRevoked",
};

enum gang_nodes_state gang_nodes_state(const struct kobj *request, struct str *message)
{
    *message = STR("");
    for (int i = GANG_NODES_REVOKED; i > GANG_NODES_ASKED; i--) {
        struct json c = condition_find(kobj_root(request), str_from(gang_nodes_words[i]));
        if (!str_is(json_str(json_get(c, STR("status"))), "True"))
            continue;
        *message = json_str(json_get(c, STR("message")));
        return (enum gang_nodes_state)i;
    }
    return GANG_NODES_ASKED;
}

/* ---- who asks ---- */

static struct str note_of(const struct spod *p, const char *key)
{
    return json_str(json_get(p->view->annotations, str_from(key)));
}

struct str gang_nodes_class(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        struct str class = note_of(LIST_ITEM(at, struct spod, in_gang), GANG_NODES_CLASS);
        if (class.n)
            return class;
    }
    return g->profile && g->profile->nodes.on ? g->profile->nodes.class : (struct str)
    {
        0
    };
}

bool gang_nodes_has_other(const struct gang *g, struct str mine)
{
    LIST_EACH (&g->members, at) {
        struct str name = note_of(LIST_ITEM(at, struct spod, in_gang), GANG_NODES_CONSUME);
        if (name.n && !str_starts(name, mine))
            return true;
    }
    return false;
}

bool gang_nodes_would_help(const struct gang *g)
{
    return g->dialect && gang_pending(g) && gang_is_complete(g) && !gang_has_started(g) &&
           !gang_goes_on(g) && !g->start.under_way && g->message.n && g->blocked &&
           str_is(str_from(gang_waiting_reason(g)), "Unschedulable");
}

size_t gang_nodes_sorts(const struct gang *g, struct gang_sort out[GANG_NODES_SORTS_MAX])
{
    size_t n = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        size_t i = 0;
        if (!spod_is_pending(p))
            continue;
        while (i < n && out[i].first->shape != p->shape)
            i++;
        if (i == GANG_NODES_SORTS_MAX)
            return SIZE_MAX;
        if (i == n)
            out[n++] = (struct gang_sort){ .first = p };
        out[i].n++;
    }
    return n;
}

/* ---- documents ---- */

static struct jnode *
new_object(struct arena *a, const char *version, const char *kind, struct str namespace)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("apiVersion"), str_from(version));
    jnode_set_str(o, STR("kind"), str_from(kind));
    jnode_set_str(jnode_need_obj(o, STR("metadata")), STR("namespace"), namespace);
    return o;
}

static void
put_name(struct arena *a, struct jnode *meta, const char *key, struct str name, size_t number)
{
    jnode_set_str(meta, str_from(key), arena_printf(a, "%.*s-%zu", STR_ARG(name), number));
}

struct jnode *
gang_nodes_request(struct arena *a, const struct gang *g, struct str name, const struct kobj *owner)
{
    struct gang_sort sorts[GANG_NODES_SORTS_MAX];
    size_t n = gang_nodes_sorts(g, sorts);
    struct jnode *o = new_object(a, "autoscaling.x-k8s.io/v1", "ProvisioningRequest", g->namespace);
    jnode_set_str(jnode_need_obj(o, STR("metadata")), STR("name"), name);
    meta_set_label(o, STR(GANG_NODES_OF), gang_mirror_name(a, g));
    if (owner)
        meta_add_owner(a, o, owner, false);
    struct jnode *spec = jnode_need_obj(o, STR("spec"));
    jnode_set_str(spec, STR("provisioningClassName"), gang_nodes_class(g));
    struct jnode *sets = jnode_need_arr(spec, STR("podSets"));
    for (size_t i = 0; i < n; i++) {
        struct jnode *set = jnode_append(sets, jnode_obj(a));
        jnode_set_i64(set, STR("count"), sorts[i].n);
        put_name(a, jnode_need_obj(set, STR("podTemplateRef")), "name", name, i);
    }
    return o;
}

/* Where a member is, and what only a pod that exists has, is no part of a template. */
static struct jnode *template_spec(struct arena *a, const struct spod *p)
{
    static const char *const dropped[] = { "nodeName",    "schedulerName",   "schedulingGates",
                                           "priority",    "volumes",         "schedulingGroup",
                                           "workloadRef", "preemptionPolicy" };
    struct jnode *spec = jnode_thaw(a, kobj_path(p->obj, "spec"));
    for (size_t i = 0; i < COUNT_OF(dropped); i++)
        jnode_del(spec, str_from(dropped[i]));
    return spec;
}

struct jnode *gang_nodes_template(struct arena *a,
                                  const struct gang_sort *sort,
                                  struct json request,
                                  size_t number)
{
    static const char *const copied[] = { "name", "uid" };
    const struct spod *p = sort->first;
    struct jnode *o = new_object(a, "v1", "PodTemplate", p->obj->namespace);
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    put_name(a, meta, "name", json_str(json_get(request, STR("name"))), number);
    struct jnode *owner = jnode_append(jnode_need_arr(meta, STR("ownerReferences")), jnode_obj(a));
    jnode_set_str(owner, STR("apiVersion"), STR("autoscaling.x-k8s.io/v1"));
    jnode_set_str(owner, STR("kind"), STR("ProvisioningRequest"));
    jnode_set_bool(owner, STR("controller"), true);
    for (size_t i = 0; i < COUNT_OF(copied); i++)
        jnode_set_str(owner, str_from(copied[i]), json_str(json_get(request, str_from(copied[i]))));
    struct jnode *template = jnode_need_obj(o, STR("template"));
    if (json_len(p->view->labels))
        jnode_set(jnode_need_obj(template, STR("metadata")), STR("labels"),
                  jnode_thaw(a, p->view->labels));
    jnode_set(template, STR("spec"), template_spec(a, p));
    return o;
}

struct jnode *
gang_nodes_mark(struct arena *a, const struct spod *member, struct str request, struct str class)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(jnode_need_obj(o, STR("metadata")), STR("uid"), member->obj->uid);
    meta_set_annotation(o, STR(GANG_NODES_CONSUME), request);
    meta_set_annotation(o, STR(GANG_NODES_CLASS), class);
    return o;
}
