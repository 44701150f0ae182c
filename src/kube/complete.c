/* SPDX-License-Identifier: Apache-2.0
 * complete — fills in what published manifests leave out; see complete.h. */
#include "kube/complete.h"

#include "kube/gang/gang_dialect.h"
#include "kube/meta.h"

static const char *const schedulers[] = { "ganglion", "gang-scheduler", "kubenexus-scheduler" };

/* Domains whose keys, and those of names below them, are ours. */
static const char *const domains[] = { "agentaflow.gpu",   "agentaflow.io", "ganglion.io",
                                       "kubeattention.io", "kubenexus.io",  "neuronetes.io" };

struct completion {
    struct arena *a;
    struct warning_vec *warnings;
    bool did;
};

bool complete_is_our_scheduler(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(schedulers); i++) {
        if (str_is(name, schedulers[i]))
            return true;
    }
    return false;
}

static bool below(struct str domain, struct str parent)
{
    if (!str_ends(domain, parent))
        return false;
    return domain.n == parent.n || domain.p[domain.n - parent.n - 1] == '.';
}

bool complete_is_our_key(struct str key)
{
    ptrdiff_t slash = str_find_char(key, '/');
    if (slash < 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        if (below(str_take(key, (size_t)slash), str_from(domains[i])))
            return true;
    }
    return gang_is_our_key(key);
}

static bool map_has_our_key(struct jnode *map)
{
    for (size_t i = 0; i < jnode_len(map); i++) {
        if (complete_is_our_key(jnode_key_at(map, i)))
            return true;
    }
    return false;
}

static bool has_our_key(struct jnode *object)
{
    return map_has_our_key(jnode_path(object, "metadata.labels")) ||
           map_has_our_key(jnode_path(object, "metadata.annotations"));
}

static bool is_unset(struct jnode *v)
{
    return jnode_type(v) <= JSON_NULL;
}

static void done(struct completion *c, struct str text)
{
    c->did = true;
    warning_vec_push(c->warnings, text);
}

/* ---- limits of extended resources ---- */

/* Not Kubernetes' own: has a domain, and not kubernetes.io. */
static bool is_extended(struct str resource)
{
    return str_find_char(resource, '/') >= 0 && str_find(resource, STR("kubernetes.io/")) < 0 &&
           !str_starts(resource, STR("requests."));
}

static void complete_limits(struct completion *c, struct jnode *container, struct str path)
{
    struct jnode *resources = jnode_get(container, STR("resources"));
    struct jnode *requests = jnode_get(resources, STR("requests"));
    for (size_t i = 0; i < jnode_len(requests); i++) {
        struct str name = jnode_key_at(requests, i);
        if (!is_extended(name) || !is_unset(jnode_get(jnode_get(resources, STR("limits")), name)))
            continue;
        struct jnode *amount = jnode_value_at(requests, i);
        jnode_set(jnode_need_obj(resources, STR("limits")), name, jnode_copy(c->a, amount));
        done(c, arena_printf(c->a,
                             "%.*s.resources.limits[%.*s] was missing and is set to its request: "
                             "extended resources need equal limits",
                             STR_ARG(path), STR_ARG(name)));
    }
}

static void complete_containers(struct completion *c, struct jnode *spec, struct str path)
{
    static const char *const lists[] = { "initContainers", "containers" };
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        struct jnode *list = jnode_get(spec, str_from(lists[l]));
        for (size_t i = 0; i < jnode_len(list); i++)
            complete_limits(c, jnode_at(list, i),
                            arena_printf(c->a, "%.*s.%s[%zu]", STR_ARG(path), lists[l], i));
    }
}

/* ---- a Job's restart policy ---- */

static void complete_restart_policy(struct completion *c, struct jnode *spec)
{
    if (!is_unset(jnode_get(spec, STR("restartPolicy"))))
        return;
    jnode_set_str(spec, STR("restartPolicy"), STR("Never"));
    done(c, STR("spec.template.spec.restartPolicy was missing and is set to Never"));
}

/* ---- a Deployment's selector ---- */

/* The label by which the selector shall find the pods: the template's own "app" when it has one. */
static void complete_selector(struct completion *c, struct jnode *obj)
{
    struct str name = jnode_text_of_str(jnode_path(obj, "metadata.name"));
    struct jnode *spec = jnode_get(obj, STR("spec"));
    struct jnode *template = jnode_get(spec, STR("template"));
    struct jnode *selector = jnode_get(spec, STR("selector"));
    if (jnode_len(selector) > 0 || jnode_type(template) != JSON_OBJ || name.n == 0 ||
        meta_label_value(name).n > 0)
        return;
    struct str app = jnode_text_of_str(jnode_path(template, "metadata.labels.app"));
    if (!app.p) {
        meta_set_label(template, STR("app"), name);
        app = name;
        done(c,
             arena_printf(c->a, "spec.template.metadata.labels was without app and got app: %.*s",
                          STR_ARG(name)));
    }
    struct jnode *new_selector = jnode_set(spec, STR("selector"), jnode_obj(c->a));
    jnode_set_str(jnode_need_obj(new_selector, STR("matchLabels")), STR("app"), app);
    done(c, arena_printf(c->a, "spec.selector was missing and is set to app: %.*s", STR_ARG(app)));
}

bool complete_object(const struct resource *r,
                     struct jnode *obj,
                     struct arena *a,
                     struct warning_vec *warnings)
{
    bool pod = str_is(r->kind, "Pod") && r->group.n == 0;
    bool job = str_is(r->kind, "Job") && str_is(r->group, "batch");
    bool deployment = str_is(r->kind, "Deployment") && str_is(r->group, "apps");
    bool replicaset = str_is(r->kind, "ReplicaSet") && str_is(r->group, "apps");
    if (!pod && !job && !deployment && !replicaset)
        return false;
    struct jnode *template = pod ? obj : jnode_path(obj, "spec.template");
    struct jnode *spec = jnode_get(template, STR("spec"));
    struct str scheduler = jnode_text_of_str(jnode_get(spec, STR("schedulerName")));
    if (jnode_type(spec) != JSON_OBJ ||
        (!complete_is_our_scheduler(scheduler) && !has_our_key(obj) && !has_our_key(template)))
        return false;
    struct completion c = { .a = a, .warnings = warnings };
    if (job)
        complete_restart_policy(&c, spec);
    if (deployment)
        complete_selector(&c, obj);
    complete_containers(&c, spec, pod ? STR("spec") : STR("spec.template.spec"));
    return c.did;
}
